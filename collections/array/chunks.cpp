#include "collections/array/chunks.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/exec/machine.hpp"
#include "troupe/troupe.hpp"

namespace troupe::array {
namespace {

constexpr std::int64_t chunk_bytes_default = std::int64_t{128} << 20;

constexpr double gib = 0x1p30;
constexpr double address_space = 0x1p47;

std::string size_text(std::int64_t size) { return size == unknown ? "nan" : std::to_string(size); }

std::string list_text(const std::vector<std::int64_t>& sizes, std::size_t shown_max) {
  std::string text = "(";
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i == shown_max && sizes.size() > shown_max + 1) {
      text += fmt::format(", ... {} in all", sizes.size());
      break;
    }
    text += (i > 0 ? ", " : "") + size_text(sizes[i]);
  }
  return text + (sizes.size() == 1 ? ",)" : ")");
}

/// Sizes of `auto` axes: as nearly cubes as fits into `elements`, and multiples of what there was.
class AutoSizes {
public:
  AutoSizes(const Shape& shape, const Chunks* previous) : shape_(shape), previous_(previous) {}

  void solve(std::vector<std::size_t> axes, double elements, std::vector<std::int64_t>& sizes) const {
    while (!axes.empty()) {
      const auto side = std::max(1.0, std::pow(std::max(elements, 1.0), 1.0 / static_cast<double>(axes.size())));
      const auto fits = [&](std::size_t axis) { return static_cast<double>(shape_[axis]) <= side; };
      if (std::none_of(axes.begin(), axes.end(), fits)) {
        const auto axis = axes.back();
        sizes[axis] = rounded(axis, static_cast<std::int64_t>(side));
        elements /= static_cast<double>(sizes[axis]);
        axes.pop_back();
        continue;
      }
      std::vector<std::size_t> left;
      for (const auto axis : axes) {
        if (!fits(axis)) {
          left.push_back(axis);
          continue;
        }
        sizes[axis] = std::max<std::int64_t>(shape_[axis], 1);
        elements /= static_cast<double>(sizes[axis]);
      }
      axes = std::move(left);
    }
  }

private:
  [[nodiscard]] std::int64_t rounded(std::size_t axis, std::int64_t size) const {
    if (previous_ == nullptr || !is_known((*previous_)[axis])) return size;
    const auto before = *std::max_element((*previous_)[axis].begin(), (*previous_)[axis].end());
    return before > 1 && size > before ? size - size % before : size;
  }
  const Shape& shape_;
  const Chunks* previous_;
};

AxisChunks explicit_chunks(const AxisChunks& sizes, std::int64_t length, std::size_t axis, std::string_view call) {
  if (sizes.empty()) throw InvalidRequest(fmt::format("{}: no block along axis {}", call, axis));
  for (const auto size : sizes)
    if (size < 0 && !(size == unknown && length == unknown))
      throw InvalidRequest(fmt::format("{}: a block of size {} along axis {}", call, size, axis));
  if (length != unknown && size_of(sizes) != length)
    throw InvalidRequest(fmt::format("{}: the blocks {} along axis {} hold {} elements, and the axis has {}", call,
                                     list_text(sizes, 10), axis, size_of(sizes), length));
  return sizes;
}

/// A block is in memory as a whole: no machine, and without a cluster not this one, may have too little for it.
void refuse_too_large(const Chunks& chunks, const Shape& shape, const ChunkContext& context) {
  double bytes = static_cast<double>(context.itemsize);
  for (const auto& axis : chunks) bytes *= static_cast<double>(std::max<std::int64_t>(1, largest_block({axis})));
  if (bytes <= static_cast<double>(chunk_bytes_default)) return;
  const bool here = Client::latest() == nullptr;
  static const auto memory = static_cast<double>(available_memory());
  const double most = here ? memory : address_space;
  if (bytes <= most) return;
  throw InvalidRequest(fmt::format(
      "{}: an array of shape {} in chunks {} has blocks of {:.1f} GiB, and {} has {:.1f} GiB of memory: name smaller "
      "chunks",
      context.call, describe(shape), describe(chunks), bytes / gib, here ? "this machine" : "no machine", most / gib));
}

}  // namespace

std::string describe(const Shape& shape) { return list_text(shape, 32); }

std::string describe(const Chunks& chunks) {
  std::string text = "(";
  for (std::size_t i = 0; i < chunks.size(); ++i) text += (i > 0 ? ", " : "") + list_text(chunks[i], 6);
  return text + (chunks.size() == 1 ? ",)" : ")");
}

std::int64_t size_of(const AxisChunks& axis) {
  return is_known(axis) ? std::accumulate(axis.begin(), axis.end(), std::int64_t{0}) : unknown;
}
Shape shape_of(const Chunks& chunks) {
  Shape shape;
  for (const auto& axis : chunks) shape.push_back(size_of(axis));
  return shape;
}
bool is_known(const AxisChunks& axis) { return std::find(axis.begin(), axis.end(), unknown) == axis.end(); }
bool is_known(const Chunks& chunks) {
  return std::all_of(chunks.begin(), chunks.end(), [](const AxisChunks& axis) { return is_known(axis); });
}
Shape blocks_of(const Chunks& chunks) {
  Shape blocks;
  for (const auto& axis : chunks) blocks.push_back(static_cast<std::int64_t>(axis.size()));
  return blocks;
}
std::size_t block_count(const Chunks& chunks) {
  std::size_t count = 1;
  for (const auto& axis : chunks) count *= axis.size();
  return count;
}
std::int64_t largest_block(const Chunks& chunks) {
  std::int64_t size = 1;
  for (const auto& axis : chunks) {
    const auto largest = *std::max_element(axis.begin(), axis.end());
    size *= std::max<std::int64_t>(largest, 1);
  }
  return size;
}
std::vector<std::int64_t> offsets_of(const AxisChunks& axis) {
  std::vector<std::int64_t> offsets{0};
  for (const auto size : axis) offsets.push_back(offsets.back() + size);
  return offsets;
}
AxisChunks even_chunks(std::int64_t length, std::int64_t size) {
  if (length == 0) return {0};
  const auto each = std::clamp<std::int64_t>(size, 1, length);
  AxisChunks chunks(static_cast<std::size_t>(length / each), each);
  if (length % each != 0) chunks.push_back(length % each);
  return chunks;
}

GridWalk::GridWalk(Shape grid) : grid_(std::move(grid)), at_(grid_.size()) {
  for (const auto each : grid_) left_ *= each;
}
GridWalk& GridWalk::operator++() {
  --left_;
  for (std::size_t axis = grid_.size(); axis-- > 0;) {
    if (++at_[axis] < grid_[axis]) break;
    at_[axis] = 0;
  }
  return *this;
}
std::size_t place_in(const Shape& grid, const Shape& at) {
  std::int64_t place = 0;
  for (std::size_t axis = 0; axis < grid.size(); ++axis) place = place * grid[axis] + at[axis];
  return static_cast<std::size_t>(place);
}

AxisSpec::AxisSpec(std::string_view text) {
  if (text == "auto")
    spec_ = Auto{};
  else
    spec_ = Auto{parse_bytes(text)};
}

std::vector<AxisSpec> ChunkSpec::axes(std::size_t ndim, const Chunks* previous, std::string_view call) const {
  if (const auto* one = std::get_if<AxisSpec>(&spec_)) {
    if (one->sizes() != nullptr && ndim != 1)
      throw InvalidRequest(fmt::format("{}: one list of blocks for {} axes", call, ndim));
    return std::vector<AxisSpec>(ndim, *one);
  }
  if (const auto* each = std::get_if<std::vector<AxisSpec>>(&spec_)) {
    if (each->size() != ndim)
      throw InvalidRequest(fmt::format("{}: chunks for {} axes, and the array has {}", call, each->size(), ndim));
    return *each;
  }
  std::vector<AxisSpec> axes;
  for (std::size_t axis = 0; axis < ndim; ++axis)
    axes.push_back(previous != nullptr ? AxisSpec((*previous)[axis]) : AxisSpec(-1));
  for (const auto& [axis, spec] : std::get<std::map<int, AxisSpec>>(spec_)) axes[axis_in(axis, ndim, call)] = spec;
  return axes;
}

std::int64_t parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit;
  for (const auto* each = end; each != text.data() + text.size(); ++each)
    if (*each != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*each)));
  static constexpr std::pair<std::string_view, double> units[] = {
      {"", 1},         {"b", 1},        {"kb", 1e3},     {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"kib", 0x1p10},
      {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}, {"k", 1e3},  {"m", 1e6},  {"g", 1e9}};
  if (error == std::errc())
    for (const auto& [name, factor] : units)
      if (unit == name && number * factor >= 1 && number * factor < 0x1p62)
        return static_cast<std::int64_t>(number * factor);
  throw InvalidRequest(fmt::format("'{}' is neither \"auto\" nor a number of bytes such as \"128MiB\"", text));
}

std::int64_t chunk_bytes() {
  const char* asked = std::getenv("TROUPE__ARRAY__CHUNK_SIZE");
  return asked != nullptr ? parse_bytes(asked) : chunk_bytes_default;
}

std::size_t axis_in(std::int64_t axis, std::size_t ndim, std::string_view call) {
  const auto count = static_cast<std::int64_t>(ndim);
  if (axis < -count || axis >= count)
    throw InvalidRequest(fmt::format("{}: no axis {} in an array of {} dimensions", call, axis, ndim));
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

Chunks normalize_chunks(const ChunkSpec& spec, const Shape& shape, const ChunkContext& context) {
  const auto axes = spec.axes(shape.size(), context.previous, context.call);
  Chunks chunks(shape.size());
  std::vector<std::size_t> automatic;
  auto bytes_max = context.bytes_max;
  double fixed = static_cast<double>(context.itemsize);
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (shape[axis] < 0 && shape[axis] != unknown)
      throw InvalidRequest(fmt::format("{}: no array has the shape {}", context.call, describe(shape)));
    if (const auto* sizes = axes[axis].sizes()) {
      chunks[axis] = explicit_chunks(*sizes, shape[axis], axis, context.call);
    } else if (shape[axis] == unknown) {
      throw InvalidRequest(
          fmt::format("{}: axis {} of shape {} has an unknown size and cannot be cut: "
                      "compute_chunk_sizes() makes it known",
                      context.call, axis, describe(shape)));
    } else if (const auto* size = axes[axis].size()) {
      if (*size < -1 || (*size == 0 && shape[axis] > 0))
        throw InvalidRequest(fmt::format("{}: no block has the size {}", context.call, *size));
      chunks[axis] = even_chunks(shape[axis], *size == -1 ? shape[axis] : *size);
    } else {
      const auto asked = axes[axis].automatic()->bytes_max;
      if (asked > 0) bytes_max = bytes_max > 0 ? std::min(bytes_max, asked) : asked;
      automatic.push_back(axis);
      continue;
    }
    fixed *= static_cast<double>(largest_block({chunks[axis]}));
  }
  if (bytes_max == 0) bytes_max = chunk_bytes();
  std::vector<std::int64_t> sizes(shape.size());
  AutoSizes(shape, context.previous).solve(automatic, static_cast<double>(bytes_max) / fixed, sizes);
  for (const auto axis : automatic) chunks[axis] = even_chunks(shape[axis], sizes[axis]);
  refuse_too_large(chunks, shape, context);
  return chunks;
}

Shape broadcast_shapes(std::span<const Shape> shapes, std::string_view call) {
  std::size_t ndim = 0;
  for (const auto& each : shapes) ndim = std::max(ndim, each.size());
  Shape result(ndim, 1);
  for (const auto& each : shapes) {
    for (std::size_t i = 0; i < each.size(); ++i) {
      auto& so_far = result[ndim - each.size() + i];
      if (each[i] == 1 || each[i] == so_far) continue;
      if (so_far != 1) {
        std::string all;
        for (const auto& shape : shapes) all += (all.empty() ? "" : " and ") + describe(shape);
        throw InvalidRequest(fmt::format("{}: the shapes {} do not fit together", call, all));
      }
      so_far = each[i];
    }
  }
  return result;
}

Chunks broadcast_chunks(std::span<const Chunks> all, std::string_view call) {
  std::vector<Shape> shapes;
  for (const auto& each : all) shapes.push_back(shape_of(each));
  const auto shape = broadcast_shapes(shapes, call);
  Chunks result(shape.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < all[i].size(); ++k) {
      const auto axis = shape.size() - all[i].size() + k;
      const auto& chunks = all[i][k];
      auto& so_far = result[axis];
      if (shapes[i][k] == 1 && shape[axis] != 1) continue;
      if (so_far.empty() || so_far == chunks) {
        so_far = chunks;
        continue;
      }
      if (!is_known(so_far) || !is_known(chunks))
        throw InvalidRequest(
            fmt::format("{}: blocks of unknown size, {} and {}, cannot be cut to fit each other: "
                        "compute_chunk_sizes() makes them known",
                        call, list_text(so_far, 6), list_text(chunks, 6)));
      auto cuts = offsets_of(so_far);
      const auto others = offsets_of(chunks);
      cuts.insert(cuts.end(), others.begin(), others.end());
      std::sort(cuts.begin(), cuts.end());
      cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
      if (cuts.size() == 1) continue;  // nothing but blocks of size 0
      so_far.assign(cuts.size() - 1, 0);
      for (std::size_t cut = 0; cut + 1 < cuts.size(); ++cut) so_far[cut] = cuts[cut + 1] - cuts[cut];
    }
  }
  for (auto& axis : result)
    if (axis.empty()) axis = {1};
  return result;
}

}  // namespace troupe::array
