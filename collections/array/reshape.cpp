#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/manipulation.hpp"

/// Reshaping and padding.
namespace troupe::array {
namespace {

Shape completed(const Array& a, Shape shape) {
  if (std::count(shape.begin(), shape.end(), -1) > 1) throw InvalidRequest("reshape: more than one size is left open");
  const auto open = std::find(shape.begin(), shape.end(), -1);
  std::int64_t rest = 1;
  for (const auto extent : shape) rest *= extent == -1 ? 1 : extent;
  const auto size = a.size();
  if (size == unknown)
    throw InvalidRequest(
        fmt::format("reshape: the shape {} is unknown: compute_chunk_sizes() makes it known", describe(a.shape())));
  if (open != shape.end()) *open = rest == 0 ? 0 : size / rest;
  std::int64_t product = 1;
  for (const auto extent : shape) product *= extent;
  if (product != size || (open != shape.end() && rest == 0))
    throw InvalidRequest(fmt::format("reshape: the shape {} has {} elements and cannot become {}", describe(a.shape()),
                                     size, describe(shape)));
  return shape;
}

/// Axes of both shapes that hold the same elements.
struct Group {
  std::vector<std::size_t> from;
  std::vector<std::size_t> to;
};
std::vector<Group> groups_of(const Shape& from, const Shape& to) {
  std::vector<Group> groups;
  std::size_t i = 0;
  std::size_t k = 0;
  while (i < from.size() || k < to.size()) {
    Group group;
    std::int64_t left = 1;
    std::int64_t right = 1;
    const auto take_left = [&] { group.from.push_back(i), left *= from[i++]; };
    const auto take_right = [&] { group.to.push_back(k), right *= to[k++]; };
    if (i < from.size()) take_left();
    if (k < to.size()) take_right();
    while (left != right && (i < from.size() || k < to.size())) {
      if ((left < right && i < from.size()) || k == to.size())
        take_left();
      else
        take_right();
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// Cuts a group's axes so that each block is a run of elements in both shapes: only the first axis of more than one
/// element is cut, by a multiple that both can have.
void cut_group(const Array& a, const Group& group, const Shape& to, Chunks& from_chunks, Chunks& to_chunks) {
  const auto& from = a.shape();
  for (const auto axis : group.from) from_chunks[axis] = {from[axis]};
  for (const auto axis : group.to) to_chunks[axis] = {to[axis]};
  if (group.from.size() == 1 && group.to.size() == 1) {
    from_chunks[group.from[0]] = to_chunks[group.to[0]] = a.chunks()[group.from[0]];
    return;
  }
  const auto lead_of = [](const std::vector<std::size_t>& axes, const Shape& shape) {
    for (const auto axis : axes)
      if (shape[axis] > 1) return axis;
    return axes.empty() ? std::size_t{0} : axes.back();
  };
  if (group.from.empty() || group.to.empty()) return;
  const auto lead = lead_of(group.from, from);
  const auto target = lead_of(group.to, to);
  std::int64_t rest = 1;
  for (const auto axis : group.from) rest *= axis > lead ? from[axis] : 1;
  std::int64_t target_rest = 1;
  for (const auto axis : group.to) target_rest *= axis > target ? to[axis] : 1;
  if (rest == 0 || target_rest == 0) return;
  const auto unit = std::lcm(rest, target_rest) / rest;
  std::int64_t block = 1;
  for (const auto axis : group.from) block *= largest_block({a.chunks()[axis]});
  const auto size = std::max(unit, block / rest / unit * unit);
  from_chunks[lead] = even_chunks(from[lead], size);
  to_chunks[target].clear();
  for (const auto each : from_chunks[lead]) to_chunks[target].push_back(each * rest / target_rest);
}

/// Parts of `a` along an axis, the first `width` before and the last after.
Array edge(const Array& a, std::size_t axis, const Slice& part) {
  Indices indices(a.ndim(), slice());
  indices[axis] = part;
  return a.getitem(indices);
}

std::vector<std::int64_t> mirrored(std::int64_t before, std::int64_t length, std::int64_t after,
                                   std::string_view mode) {
  std::vector<std::int64_t> indices;
  const auto period = mode == "reflect"     ? std::max<std::int64_t>(1, 2 * (length - 1))
                      : mode == "symmetric" ? 2 * length
                                            : length;
  for (std::int64_t i = -before; i < length + after; ++i) {
    auto at = (i % period + period) % period;
    if (mode == "reflect" && at >= length) at = period - at;
    if (mode == "symmetric" && at >= length) at = period - 1 - at;
    indices.push_back(at);
  }
  return indices;
}

}  // namespace

Array reshape(const Array& a, const Shape& asked) {
  const auto shape = completed(a, asked);
  if (shape == a.shape()) return a;
  Chunks from_chunks(a.ndim());
  Chunks to_chunks(shape.size());
  if (a.size() == 0) {
    for (std::size_t axis = 0; axis < a.ndim(); ++axis) from_chunks[axis] = {a.shape()[axis]};
    for (std::size_t axis = 0; axis < shape.size(); ++axis) to_chunks[axis] = {shape[axis]};
  } else {
    for (const auto& group : groups_of(a.shape(), shape)) cut_group(a, group, shape, from_chunks, to_chunks);
  }
  const auto cut = a.rechunk(from_chunks);
  return Array(
      make_node("reshape", a.dtype(), std::move(to_chunks), {cut.node()}, [](Lowering& to, const ArrayNode& node) {
        const auto& blocks = to.blocks(node.inputs.front());
        Blocks made;
        std::size_t next = 0;
        for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
          Shape extent;
          for (std::size_t axis = 0; axis < node.chunks.size(); ++axis)
            extent.push_back(node.chunks[axis][static_cast<std::size_t>((*at)[axis])]);
          made.push_back({task("array.reshape", {&blocks[next++], 1}, extent)});
        }
        return made;
      }));
}

Array pad(const Array& a, const std::vector<nd::PadWidth>& widths, std::string_view mode, const Scalar& value) {
  if (widths.size() != a.ndim())
    throw InvalidRequest(fmt::format("pad: {} widths for the shape {}", widths.size(), describe(a.shape())));
  auto result = a;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    const auto [before, after] = widths[axis];
    if (before < 0 || after < 0) throw InvalidRequest("pad: a width is negative");
    if (before == 0 && after == 0) continue;
    const auto length = result.shape()[axis];
    if (length == unknown) throw InvalidRequest(fmt::format("pad: the shape {} is unknown", describe(a.shape())));
    const auto side = [&](std::int64_t width, bool front) {
      auto shape = result.shape();
      shape[axis] = width;
      const auto one = front ? slice(0, 1) : slice(length - 1, length);
      const int along = static_cast<int>(axis);
      if (mode == "edge") return broadcast_to(edge(result, axis, one), shape);
      const ReduceOptions over{.axis = AxisList(along), .keepdims = true};
      if (mode == "mean") return broadcast_to(result.mean(over).astype(a.dtype()), shape);
      if (mode == "minimum") return broadcast_to(result.min(over), shape);
      if (mode == "maximum") return broadcast_to(result.max(over), shape);
      return broadcast_to(from_array(NdArray::scalar(mode == "empty" ? Scalar(0) : value, a.dtype())), shape);
    };
    if (mode == "reflect" || mode == "symmetric" || mode == "wrap") {
      result = take(result, mirrored(before, length, after, mode), static_cast<int>(axis));
      continue;
    }
    if (mode != "constant" && mode != "edge" && mode != "mean" && mode != "minimum" && mode != "maximum" &&
        mode != "empty")
      throw InvalidRequest(fmt::format("pad: no mode '{}'", mode));
    std::vector<Array> parts;
    if (before > 0) parts.push_back(side(before, true));
    parts.push_back(result);
    if (after > 0) parts.push_back(side(after, false));
    result = concatenate(parts, static_cast<int>(axis));
  }
  return result;
}

}  // namespace troupe::array
