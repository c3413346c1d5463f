#include "collections/array/routines.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/creation.hpp"
#include "collections/array/elementwise.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/array/products.hpp"
#include "collections/array/reductions.hpp"
#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::array {
namespace {

DType inexact_of(DType dtype) { return nd::kind_of(dtype) < nd::Kind::real ? DType::float64 : dtype; }

/// A kernel on whole lines along an axis.
template <class... P>
Array on_lines(const Array& a, std::size_t axis, std::string name, std::string_view kernel, DType dtype,
               std::optional<std::int64_t> length, const P&... arguments) {
  const auto lines = whole_along(a, axis);
  auto chunks = lines.chunks();
  if (length) chunks[axis] = {*length};
  return map_kernel(std::move(name), kernel, dtype, std::move(chunks), {lines}, arguments...);
}

/// What each block gives, added up: for counts.
Array added_up(const Array& a, const std::optional<Array>& weights, std::string name, std::string_view kernel,
               DType dtype, std::int64_t length, const NdArray* edges, std::int64_t minlength) {
  std::vector<NodeRef> inputs{a.node()};
  if (weights) inputs.push_back(weights->rechunk(a.chunks()).node());
  const auto kept = edges != nullptr ? *edges : NdArray();
  return Array(make_node(
      std::move(name), dtype, {{length}}, std::move(inputs),
      [kernel, kept, minlength, is_histogram = edges != nullptr](Lowering& to, const ArrayNode& node) {
        std::vector<BlockRef> parts;
        for (std::size_t i = 0; i < block_count(node.inputs[0]->chunks); ++i) {
          std::vector<BlockRef> blocks;
          for (const auto& input : node.inputs) blocks.push_back(to.blocks(input)[i]);
          parts.push_back({is_histogram ? task(kernel, blocks, kept) : task(kernel, blocks, minlength)});
        }
        while (parts.size() > 1) {
          std::vector<BlockRef> next;
          for (std::size_t i = 0; i < parts.size(); i += 8)
            next.push_back({task("array.add_up",
                                 std::span<const BlockRef>(&parts[i], std::min<std::size_t>(8, parts.size() - i)))});
          parts = std::move(next);
        }
        return parts;
      }));
}

/// The type that all of them have together, where numbers take on that of the arrays.
DType type_of_all(const std::vector<Operand>& all) {
  std::optional<DType> type;
  for (const auto& each : all)
    if (each.node() != nullptr) type = type ? nd::result_type(*type, (*each.node())->dtype) : (*each.node())->dtype;
  for (const auto& each : all)
    if (each.node() == nullptr) type = type ? nd::result_type(*type, each.scalar()) : each.scalar().dtype();
  return *type;
}

Array quantile_of(const Array& a, const std::vector<double>& q, const std::optional<int>& asked,
                  std::string_view method, std::string_view kernel, const char* name) {
  if (!asked) return quantile_of(a.ravel(), q, 0, method, kernel, name);
  const auto axis = axis_in(*asked, a.ndim(), name);
  const auto how = static_cast<std::uint8_t>(nd::quantile_method_named(method));
  const auto lines = whole_along(a, axis);
  const auto count = static_cast<std::int64_t>(q.size());
  for (const auto each : q)
    if (!(each >= 0 && each <= 1)) throw InvalidRequest(fmt::format("{}: {} is not between 0 and 1", name, each));
  Chunks chunks{{count}};
  for (std::size_t i = 0; i < a.ndim(); ++i)
    if (i != axis) chunks.push_back(lines.chunks()[i]);
  const auto result = map_kernel(name, kernel, inexact_of(a.dtype()), chunks, {lines}, NdArray::of(q),
                                 static_cast<std::int64_t>(axis), false, how);
  return count == 1 ? result[0] : result;
}

}  // namespace

Array sort(const Array& a, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "sort");
  return on_lines(a, axis, "sort", "array.sort", a.dtype(), {}, static_cast<std::int64_t>(axis));
}
Array argsort(const Array& a, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "argsort");
  return on_lines(a, axis, "argsort", "array.argsort", DType::int64, {}, static_cast<std::int64_t>(axis));
}
Array argtopk(const Array& a, std::int64_t k, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "argtopk");
  const auto count = std::min(std::abs(k), a.shape()[axis]);
  return on_lines(a, axis, "argtopk", "array.argtopk", DType::int64, count, k < 0 ? -count : count,
                  static_cast<std::int64_t>(axis));
}
namespace {
Array median_of(const Array& a, const std::optional<int>& asked, bool keepdims, bool skip_nan, const char* name) {
  if (!asked) {
    const auto result = median_of(a.ravel(), 0, false, skip_nan, name);
    return keepdims ? result.reshape(Shape(a.ndim(), 1)) : result;
  }
  const auto axis = axis_in(*asked, a.ndim(), name);
  const auto lines = whole_along(a, axis);
  auto chunks = lines.chunks();
  if (keepdims)
    chunks[axis] = {1};
  else
    chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(axis));
  return map_kernel(name, "array.median", inexact_of(a.dtype()), std::move(chunks), {lines},
                    static_cast<std::int64_t>(axis), keepdims, skip_nan);
}
}  // namespace
Array median(const Array& a, const std::optional<int>& axis, bool keepdims) {
  return median_of(a, axis, keepdims, false, "median");
}
Array nanmedian(const Array& a, const std::optional<int>& axis, bool keepdims) {
  return median_of(a, axis, keepdims, true, "nanmedian");
}
Array quantile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis, std::string_view method) {
  return quantile_of(a, q, axis, method, "array.quantile", "quantile");
}
Array nanquantile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis,
                  std::string_view method) {
  return quantile_of(a, q, axis, method, "array.nanquantile", "nanquantile");
}
Array percentile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis,
                 std::string_view method) {
  auto parts = q;
  for (auto& each : parts) each /= 100;
  return quantile_of(a, parts, axis, method, "array.quantile", "percentile");
}

Array unique(const Array& a) {
  return Array(make_node("unique", a.dtype(), {{unknown}}, {a.node()}, [](Lowering& to, const ArrayNode& node) {
    std::vector<BlockRef> parts = to.blocks(node.inputs.front());
    do {
      std::vector<BlockRef> next;
      for (std::size_t i = 0; i < parts.size(); i += 8)
        next.push_back(
            {task("array.unique", std::span<const BlockRef>(&parts[i], std::min<std::size_t>(8, parts.size() - i)))});
      parts = std::move(next);
    } while (parts.size() > 1);
    return parts;
  }));
}
Array bincount(const Array& a, std::int64_t minlength, const std::optional<Array>& weights) {
  if (a.ndim() != 1 || !nd::is_integer(a.dtype()))
    throw InvalidRequest(fmt::format("bincount: of integers along one axis, not {} of shape {}", nd::name_of(a.dtype()),
                                     describe(a.shape())));
  if (minlength < 1)
    throw InvalidRequest("bincount: minlength has to be given, as the result's size is not known else");
  return added_up(a, weights, "bincount", "array.bincount", weights ? DType::float64 : DType::int64, minlength, nullptr,
                  minlength);
}
Array histogram(const Array& a, const std::vector<double>& edges, const std::optional<Array>& weights, bool density) {
  if (edges.size() < 2 || !std::is_sorted(edges.begin(), edges.end()))
    throw InvalidRequest("histogram: the edges have to ascend, and be two at least");
  const auto kept = NdArray::of(edges);
  const auto counts =
      added_up(a, weights, "histogram", "array.histogram", weights ? inexact_of(weights->dtype()) : DType::int64,
               static_cast<std::int64_t>(edges.size()) - 1, &kept, 0);
  if (!density) return counts;
  std::vector<double> widths;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) widths.push_back(edges[i + 1] - edges[i]);
  return counts / NdArray::of(widths) / counts.sum();
}
std::pair<Array, NdArray> histogram(const Array& a, std::int64_t bins, std::pair<double, double> range,
                                    const std::optional<Array>& weights, bool density) {
  if (bins < 1) throw InvalidRequest(fmt::format("histogram: {} bins", bins));
  std::vector<double> edges;
  for (std::int64_t i = 0; i <= bins; ++i)
    edges.push_back(range.first + static_cast<double>(i) * ((range.second - range.first) / static_cast<double>(bins)));
  edges.back() = range.second;
  return {histogram(a, edges, weights, density), NdArray::of(edges)};
}
Array searchsorted(const Array& sorted, const Array& values, bool right) {
  if (sorted.ndim() != 1)
    throw InvalidRequest(fmt::format("searchsorted: in one axis, not in {}", describe(sorted.shape())));
  return Array(
      make_node("searchsorted", DType::int64, values.chunks(), {whole(sorted).node(), values.node()},
                [right](Lowering& to, const ArrayNode& node) {
                  Blocks made;
                  for (std::size_t i = 0; i < block_count(node.chunks); ++i) {
                    const std::vector<BlockRef> both{to.blocks(node.inputs[0])[0], to.blocks(node.inputs[1])[i]};
                    made.push_back({task("array.searchsorted", both, right)});
                  }
                  return made;
                }));
}
Array digitize(const Array& a, const std::vector<double>& bins, bool right) {
  return map_kernel("digitize", "array.digitize", DType::int64, a.chunks(), {a}, NdArray::of(bins), right);
}
Array isin(const Array& a, const Array& values, bool invert) {
  return Array(
      make_node("isin", DType::bool_, a.chunks(), {a.node(), whole(values).node()},
                [invert](Lowering& to, const ArrayNode& node) {
                  Blocks made;
                  for (std::size_t i = 0; i < block_count(node.chunks); ++i) {
                    const std::vector<BlockRef> both{to.blocks(node.inputs[0])[i], to.blocks(node.inputs[1])[0]};
                    made.push_back({task("array.isin", both, invert)});
                  }
                  return made;
                }));
}
Array interp(const Array& x, const std::vector<double>& xp, const std::vector<double>& fp) {
  if (xp.size() != fp.size() || xp.empty()) throw InvalidRequest("interp: points of as many places as values");
  return map_kernel("interp", "array.interp", DType::float64, x.chunks(), {x}, NdArray::of(xp), NdArray::of(fp));
}
Array flatnonzero(const Array& a) {
  const auto flat = a.ravel();
  const auto there = nd::kind_of(flat.dtype()) == nd::Kind::boolean ? flat : flat != 0;
  return arange(flat.size(), {.chunks = flat.chunks()})[there];
}
std::vector<Array> nonzero(const Array& a) {
  const auto flat = flatnonzero(a);
  std::vector<Array> axes(a.ndim());
  std::int64_t stride = 1;
  for (std::size_t axis = a.ndim(); axis-- > 0;) {
    axes[axis] = floor_divide(flat, stride) % a.shape()[axis];
    stride *= a.shape()[axis];
  }
  return axes;
}
Array argwhere(const Array& a) { return stack(nonzero(a), 1); }

Array coarsen(std::string_view what, const Array& a, const std::vector<std::int64_t>& sizes, bool trim_excess) {
  if (sizes.size() != a.ndim())
    throw InvalidRequest(fmt::format("coarsen: {} sizes for the shape {}", sizes.size(), describe(a.shape())));
  auto cut = a;
  Shape split_shape;
  std::vector<int> inner;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    const auto extent = cut.shape()[axis];
    if (sizes[axis] < 1 || (extent % sizes[axis] != 0 && !trim_excess))
      throw InvalidRequest(fmt::format("coarsen: {} along axis {} does not divide {}", sizes[axis], axis, extent));
    Indices indices(a.ndim(), slice());
    indices[axis] = slice(0, extent / sizes[axis] * sizes[axis]);
    cut = cut.getitem(indices);
    split_shape.push_back(extent / sizes[axis]);
    split_shape.push_back(sizes[axis]);
    inner.push_back(static_cast<int>(2 * axis + 1));
  }
  const auto cubes = cut.reshape(split_shape);
  const ReduceOptions over{.axis = AxisList(inner)};
  if (what == "sum") return cubes.sum(over);
  if (what == "mean") return cubes.mean(over);
  if (what == "min") return cubes.min(over);
  if (what == "max") return cubes.max(over);
  if (what == "prod") return cubes.prod(over);
  throw InvalidRequest(fmt::format("coarsen: no '{}'; there are sum, mean, min, max and prod", what));
}
Array cov(const Array& a, bool rowvar, double ddof) {
  auto rows = atleast_2d(a).astype(inexact_of(a.dtype()));
  if (!rowvar && a.ndim() > 1) rows = rows.T();
  const auto centered = rows - rows.mean({.axis = 1, .keepdims = true});
  const auto result = matmul(centered, centered.T().conj()) / (static_cast<double>(rows.shape()[1]) - ddof);
  return result.squeeze();
}
Array corrcoef(const Array& a, bool rowvar) {
  const auto c = cov(a, rowvar);
  if (c.ndim() == 0) return c / c;
  const auto deviation = sqrt(diagonal(c).real());
  return c / deviation[{slice(), newaxis}] / deviation[{newaxis, slice()}];
}
Array gradient(const Array& a, double spacing, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "gradient");
  if (a.shape()[axis] < 2) throw InvalidRequest("gradient: of two elements at least");
  const auto part = [&](const Slice& which) {
    Indices indices(a.ndim(), slice());
    indices[axis] = which;
    return a.getitem(indices).astype(inexact_of(a.dtype()));
  };
  std::vector<Array> parts{(part(slice(1, 2)) - part(slice(0, 1))) / spacing};
  if (a.shape()[axis] > 2) parts.push_back((part(slice(2)) - part(slice(0, -2))) / (2 * spacing));
  parts.push_back((part(slice(-1)) - part(slice(-2, -1))) / spacing);
  return concatenate(parts, static_cast<int>(axis));
}

Array moment(const Array& a, int order, const ReduceOptions& options) {
  auto centers = options;
  centers.keepdims = true;
  return power(a - a.mean(centers), order).mean(options);
}
Array extract(const Array& condition, const Array& a) {
  if (condition.shape() != a.shape())
    throw InvalidRequest(fmt::format("extract: a condition of shape {} for an array of shape {}",
                                     describe(condition.shape()), describe(a.shape())));
  return a[condition.dtype() == DType::bool_ ? condition : condition != 0];
}
Array union1d(const Array& a, const Array& b) { return unique(concatenate({a.ravel(), b.ravel()})); }
Array choose(const Array& a, const std::vector<Operand>& choices) {
  if (choices.empty() || !nd::is_integer(a.dtype()))
    throw InvalidRequest(
        fmt::format("choose: {} choices by numbers of type {}", choices.size(), nd::name_of(a.dtype())));
  auto result = choices.back().array().astype(type_of_all(choices));
  if (choices.size() == 1) return where(a == 0, result, result);
  for (std::size_t i = choices.size() - 1; i-- > 0;)
    result = where(a == static_cast<std::int64_t>(i), choices[i], result);
  return result;
}
Array select(const std::vector<Array>& conditions, const std::vector<Operand>& choices, const Operand& otherwise) {
  if (conditions.size() != choices.size() || conditions.empty())
    throw InvalidRequest(fmt::format("select: {} conditions for {} choices", conditions.size(), choices.size()));
  auto all = choices;
  all.push_back(otherwise);
  auto result = otherwise.array().astype(type_of_all(all));
  for (std::size_t i = conditions.size(); i-- > 0;) result = where(conditions[i], choices[i], result);
  return result;
}
Array piecewise(const Array& a, const std::vector<Array>& conditions, const std::vector<Piecewise>& pieces) {
  if (pieces.size() != conditions.size() && pieces.size() != conditions.size() + 1)
    throw InvalidRequest(fmt::format("piecewise: {} pieces for {} conditions", pieces.size(), conditions.size()));
  const auto of = [&](const Piecewise& piece) {
    const auto* function = std::get_if<std::function<Array(const Array&)>>(&piece);
    return (function != nullptr ? (*function)(a) : std::get<Operand>(piece).array()).astype(a.dtype());
  };
  auto result = pieces.size() > conditions.size() ? of(pieces.back()) : zeros_like(a);
  for (std::size_t i = 0; i < conditions.size(); ++i) result = where(conditions[i], of(pieces[i]), result);
  return result;
}
Array push(const Array& a, const std::optional<std::int64_t>& n, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "push");
  if (n && *n < 0) throw InvalidRequest(fmt::format("push: {} elements away", *n));
  if (nd::kind_of(a.dtype()) < nd::Kind::real) return a;
  return on_lines(a, axis, "push", "array.push", a.dtype(), {}, static_cast<std::int64_t>(axis), n.value_or(-1));
}
std::vector<Array> tril_indices(std::int64_t rows, std::int64_t k, std::int64_t columns) {
  return nonzero(tri(rows, columns, k, {.dtype = DType::bool_}));
}
std::vector<Array> triu_indices(std::int64_t rows, std::int64_t k, std::int64_t columns) {
  return nonzero(logical_not(tri(rows, columns, k - 1, {.dtype = DType::bool_})));
}
std::vector<Array> unravel_index(const Array& indices, const Shape& shape) {
  std::vector<Array> axes(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    axes[axis] = floor_divide(indices, stride) % shape[axis];
    stride *= shape[axis];
  }
  return axes;
}
Array ravel_multi_index(const std::vector<Array>& indices, const Shape& shape) {
  if (indices.size() != shape.size() || indices.empty())
    throw InvalidRequest(fmt::format("ravel_multi_index: {} arrays for the shape {}", indices.size(), describe(shape)));
  auto result = indices.front();
  for (std::size_t axis = 1; axis < shape.size(); ++axis) result = result * shape[axis] + indices[axis];
  return result;
}
Array sliding_window_view(const Array& a, std::int64_t width, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "sliding_window_view");
  const auto length = a.shape()[axis];
  if (width < 1 || width > length)
    throw InvalidRequest(fmt::format("sliding_window_view: windows of {} along axis {} of the shape {}", width, axis,
                                     describe(a.shape())));
  std::vector<Array> shifted;
  for (std::int64_t i = 0; i < width; ++i) {
    Indices indices(a.ndim(), slice());
    indices[axis] = slice(i, length - width + 1 + i);
    shifted.push_back(a.getitem(indices).rechunk(std::map<int, AxisSpec>{{static_cast<int>(axis), AxisSpec("auto")}}));
  }
  return stack(shifted, -1);
}

namespace fft {
namespace {

enum class Gives { as_long, half, twice };

Array transformed(const Array& a, Length n, int asked, std::string_view norm, std::string_view kernel, Gives gives,
                  DType dtype) {
  const auto name = std::string(kernel.substr(6));
  const auto axis = axis_in(asked, a.ndim(), name);
  if (a.shape()[axis] == unknown)
    throw InvalidRequest(fmt::format("{}: the shape {} is unknown", name, describe(a.shape())));
  const auto length = n.value_or(gives == Gives::twice ? 2 * (a.shape()[axis] - 1) : a.shape()[axis]);
  if (length < 1) throw InvalidRequest(fmt::format("{}: of {} elements along axis {}", name, length, axis));
  const auto how = static_cast<std::uint8_t>(nd::fft::norm_named(norm));
  return on_lines(a, axis, name, kernel, dtype, gives == Gives::half ? length / 2 + 1 : length, n,
                  static_cast<std::int64_t>(axis), how);
}
std::vector<int> all_axes(const Array& a, const std::vector<int>& axes) {
  if (!axes.empty()) return axes;
  std::vector<int> all(a.ndim());
  std::iota(all.begin(), all.end(), 0);
  return all;
}
DType complex_for(DType dtype) { return nd::complex_of(dtype); }
DType real_for(DType dtype) { return nd::real_of(nd::complex_of(dtype)); }

}  // namespace

Array fft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.fft", Gives::as_long, complex_for(a.dtype()));
}
Array ifft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.ifft", Gives::as_long, complex_for(a.dtype()));
}
Array rfft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.rfft", Gives::half, complex_for(a.dtype()));
}
Array irfft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.irfft", Gives::twice, real_for(a.dtype()));
}
Array hfft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.hfft", Gives::twice, real_for(a.dtype()));
}
Array ihfft(const Array& a, Length n, int axis, std::string_view norm) {
  return transformed(a, n, axis, norm, "array.ihfft", Gives::half, complex_for(a.dtype()));
}
Array fftn(const Array& a, const std::vector<int>& axes, std::string_view norm) {
  auto result = a;
  const auto all = all_axes(a, axes);
  for (auto axis = all.rbegin(); axis != all.rend(); ++axis) result = fft(result, {}, *axis, norm);
  return result;
}
Array ifftn(const Array& a, const std::vector<int>& axes, std::string_view norm) {
  auto result = a;
  const auto all = all_axes(a, axes);
  for (auto axis = all.rbegin(); axis != all.rend(); ++axis) result = ifft(result, {}, *axis, norm);
  return result;
}
Array rfftn(const Array& a, const std::vector<int>& axes, std::string_view norm) {
  const auto all = all_axes(a, axes);
  auto result = rfft(a, {}, all.back(), norm);
  for (std::size_t i = all.size() - 1; i-- > 0;) result = fft(result, {}, all[i], norm);
  return result;
}
Array irfftn(const Array& a, const std::vector<int>& axes, std::string_view norm) {
  const auto all = all_axes(a, axes);
  auto result = a;
  for (std::size_t i = 0; i + 1 < all.size(); ++i) result = ifft(result, {}, all[i], norm);
  return irfft(result, {}, all.back(), norm);
}
Array fftshift(const Array& a, const std::vector<int>& axes) {
  auto result = a;
  for (const auto axis : all_axes(a, axes))
    result = roll(result, a.shape()[axis_in(axis, a.ndim(), "fftshift")] / 2, axis);
  return result;
}
Array ifftshift(const Array& a, const std::vector<int>& axes) {
  auto result = a;
  for (const auto axis : all_axes(a, axes))
    result = roll(result, -(a.shape()[axis_in(axis, a.ndim(), "ifftshift")] / 2), axis);
  return result;
}
Array fftfreq(std::int64_t n, double d, const ChunkSpec& chunks) { return from_array(nd::fft::fftfreq(n, d), chunks); }
Array rfftfreq(std::int64_t n, double d, const ChunkSpec& chunks) {
  return from_array(nd::fft::rfftfreq(n, d), chunks);
}

}  // namespace fft
}  // namespace troupe::array
