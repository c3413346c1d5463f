#include <algorithm>
#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd {

namespace {

constexpr std::string_view names[] = {"constant", "edge",    "linear_ramp", "maximum", "mean", "median",
                                      "minimum",  "reflect", "symmetric",   "wrap",    "empty"};

/// Where the elements before and after an axis of `extent` come from, when it is mirrored or repeated.
std::int64_t source_of(std::int64_t place, std::int64_t extent, PadMode mode) {
  if (mode == PadMode::wrap) return ((place % extent) + extent) % extent;
  if (extent == 1) return 0;
  const auto period = mode == PadMode::reflect ? 2 * (extent - 1) : 2 * extent;
  const auto k = ((place % period) + period) % period;
  if (k < extent) return k;
  return mode == PadMode::reflect ? period - k : period - 1 - k;
}

NdArray mirrored(const NdArray& a, std::size_t axis, const PadWidth& width, PadMode mode) {
  std::vector<std::int64_t> from;
  for (auto i = -width.before; i < a.extent(axis) + width.after; ++i)
    from.push_back(source_of(i, a.extent(axis), mode));
  return take(a, NdArray::of(from), static_cast<int>(axis));
}

/// Odd mirrors go on where the last one ended, each about the edge that it found.
NdArray mirrored_odd(NdArray a, std::size_t axis, PadWidth width, PadMode mode) {
  const std::int64_t edge = mode == PadMode::reflect ? 1 : 0;
  if (a.extent(axis) == 1) {
    // Twice the only element less itself.
    return mirrored(a, axis, width, PadMode::wrap);
  }
  while (width.before > 0 || width.after > 0) {
    const auto extent = a.extent(axis);
    const auto part = extent - edge;
    const auto before = std::min(width.before, part);
    const auto after = std::min(width.after, part);
    std::vector<NdArray> parts;
    if (before > 0) {
      const auto first = a.slice(axis, 0, 1);
      parts.push_back(subtract(multiply(first, 2), a.slice(axis, edge, edge + before).flip(axis)));
    }
    parts.push_back(a);
    if (after > 0) {
      const auto last = a.slice(axis, extent - 1, extent);
      parts.push_back(subtract(multiply(last, 2), a.slice(axis, extent - edge - after, extent - edge).flip(axis)));
    }
    a = concatenate(parts, static_cast<int>(axis));
    width.before -= before;
    width.after -= after;
  }
  return a;
}

/// From `end` at the far side to the edge, which is not repeated.
NdArray ramp(const NdArray& edge, std::size_t axis, std::int64_t count, double end, bool before) {
  const auto steps = static_cast<double>(count);
  Shape along(edge.ndim(), 1);
  along[axis] = count;
  NdArray share(Shape{count}, DType::float64);
  for (std::int64_t i = 0; i < count; ++i)
    share.mutable_data_as<double>()[i] = static_cast<double>(before ? i : count - 1 - i) / steps;
  const NdArray wide = edge.astype(is_complex(edge.dtype()) ? edge.dtype() : DType::float64);
  NdArray made = add(end, multiply(share.reshape(along), subtract(wide, end)));
  if (kind_of(edge.dtype()) <= Kind::integer) made = floor(made);
  return made.astype(edge.dtype());
}

NdArray statistic(const NdArray& part, std::size_t axis, PadMode mode) {
  const Over over = Over(static_cast<int>(axis)).keep();
  switch (mode) {
    case PadMode::maximum: return max(part, over);
    case PadMode::minimum: return min(part, over);
    default: break;
  }
  NdArray middle = mode == PadMode::mean ? mean(part, over) : median(part, over);
  if (kind_of(part.dtype()) == Kind::integer) middle = rint(middle);
  return middle.astype(part.dtype());
}

NdArray repeated(const NdArray& edge, std::size_t axis, std::int64_t count) {
  Shape shape = edge.shape();
  shape[axis] = count;
  return edge.broadcast_to(shape);
}

NdArray pad_axis(const NdArray& a, std::size_t axis, const PadWidth& width, PadMode mode, const PadOptions& options) {
  if (width.before < 0 || width.after < 0) throw InvalidRequest("pad: a width is negative");
  if (width.before == 0 && width.after == 0) return a;
  const auto extent = a.extent(axis);
  if (extent == 0 && mode != PadMode::constant && mode != PadMode::empty)
    throw InvalidRequest("pad: axis " + std::to_string(axis) + " of " + text_of(a.shape()) +
                         " is empty; it can only be padded with a constant");
  if (mode == PadMode::wrap || ((mode == PadMode::reflect || mode == PadMode::symmetric) && !options.odd))
    return mirrored(a, axis, width, mode);
  if (mode == PadMode::reflect || mode == PadMode::symmetric) return mirrored_odd(a, axis, width, mode);
  const auto edge = [&](std::int64_t count, bool before) -> NdArray {
    Shape shape = a.shape();
    shape[axis] = count;
    if (mode == PadMode::constant || mode == PadMode::empty) return NdArray::full(shape, options.value, a.dtype());
    const auto first = before ? a.slice(axis, 0, 1) : a.slice(axis, extent - 1, extent);
    if (mode == PadMode::edge) return repeated(first, axis, count);
    if (mode == PadMode::linear_ramp) return ramp(first, axis, count, options.value.to_double(), before);
    const auto looked = std::min(options.stat_length.value_or(extent), extent);
    const auto part = before ? a.slice(axis, 0, looked) : a.slice(axis, extent - looked, extent);
    return repeated(statistic(part, axis, mode), axis, count);
  };
  std::vector<NdArray> parts;
  if (width.before > 0) parts.push_back(edge(width.before, true));
  parts.push_back(a);
  if (width.after > 0) parts.push_back(edge(width.after, false));
  return concatenate(parts, static_cast<int>(axis));
}

}  // namespace

PadMode pad_mode_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return static_cast<PadMode>(i);
  throw InvalidRequest("pad: there is no mode '" + std::string(name) + "'");
}

NdArray pad(const NdArray& a, const std::vector<PadWidth>& widths, PadMode mode, const PadOptions& options) {
  if (widths.size() != a.ndim())
    throw InvalidRequest("pad: " + std::to_string(widths.size()) + " widths for an array of shape " +
                         text_of(a.shape()));
  NdArray padded = a;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) padded = pad_axis(padded, axis, widths[axis], mode, options);
  return padded;
}

}  // namespace troupe::nd
