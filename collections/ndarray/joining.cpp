#include "collections/ndarray/joining.hpp"

#include <algorithm>
#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/indexing.hpp"

namespace troupe::nd {

NdArray concatenate(const std::vector<NdArray>& arrays, int axis) {
  if (arrays.empty()) throw InvalidRequest("concatenate: there is no array");
  const auto along = normal_axis(axis, arrays[0].ndim(), "concatenate");
  Shape shape = arrays[0].shape();
  auto dtype = arrays[0].dtype();
  for (std::size_t i = 1; i < arrays.size(); ++i) {
    const auto& other = arrays[i].shape();
    bool fits = other.size() == shape.size();
    for (std::size_t k = 0; fits && k < shape.size(); ++k) fits = k == along || other[k] == shape[k];
    if (!fits)
      throw InvalidRequest("concatenate: arrays of shapes " + text_of(arrays[0].shape()) + " and " + text_of(other) +
                           " cannot be joined along axis " + std::to_string(axis));
    shape[along] += other[along];
    dtype = result_type(dtype, arrays[i].dtype());
  }
  NdArray out(shape, dtype);
  std::int64_t done = 0;
  for (const auto& array : arrays) {
    out.slice(along, done, done + array.extent(along)).assign(array);
    done += array.extent(along);
  }
  return out;
}

NdArray stack(const std::vector<NdArray>& arrays, int axis) {
  if (arrays.empty()) throw InvalidRequest("stack: there is no array");
  const auto place = normal_axis(axis, arrays[0].ndim() + 1, "stack");
  std::vector<NdArray> widened;
  for (const auto& array : arrays) {
    if (array.shape() != arrays[0].shape())
      throw InvalidRequest("stack: arrays of shapes " + text_of(arrays[0].shape()) + " and " + text_of(array.shape()) +
                           " differ");
    widened.push_back(array.expand_dims(place));
  }
  return concatenate(widened, static_cast<int>(place));
}

std::vector<NdArray> split(const NdArray& a, const std::vector<std::int64_t>& places, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "split");
  std::vector<NdArray> parts;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i <= places.size(); ++i) {
    const Slice part{begin, i < places.size() ? std::optional(places[i]) : std::nullopt, 1};
    parts.push_back(a.slice(along, part));
    if (i < places.size()) begin = places[i];
  }
  return parts;
}

NdArray repeat(const NdArray& a, std::int64_t count, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "repeat");
  if (count < 0) throw InvalidRequest("repeat: " + std::to_string(count) + " times");
  Shape wide = a.shape();
  wide.insert(wide.begin() + static_cast<std::ptrdiff_t>(along) + 1, count);
  Shape shape = a.shape();
  shape[along] *= count;
  return a.expand_dims(along + 1).broadcast_to(wide).copy().reshape(shape);
}

NdArray repeat(const NdArray& a, const std::vector<std::int64_t>& counts, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "repeat");
  if (counts.size() == 1) return repeat(a, counts[0], axis);
  if (static_cast<std::int64_t>(counts.size()) != a.extent(along))
    throw InvalidRequest("repeat: " + std::to_string(counts.size()) + " counts for an axis of " +
                         std::to_string(a.extent(along)));
  std::vector<std::int64_t> indices;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0) throw InvalidRequest("repeat: " + std::to_string(counts[i]) + " times");
    indices.insert(indices.end(), static_cast<std::size_t>(counts[i]), static_cast<std::int64_t>(i));
  }
  return take(a, NdArray::of(indices), axis);
}

NdArray tile(const NdArray& a, const std::vector<std::int64_t>& counts) {
  const auto ndim = std::max(counts.size(), a.ndim());
  Shape each;
  Shape wide;
  Shape shape;
  for (std::size_t i = 0; i < ndim; ++i) {
    const auto extent = i + a.ndim() >= ndim ? a.extent(i + a.ndim() - ndim) : 1;
    const auto count = i + counts.size() >= ndim ? counts[i + counts.size() - ndim] : 1;
    if (count < 0) throw InvalidRequest("tile: " + std::to_string(count) + " times");
    each.insert(each.end(), {1, extent});
    wide.insert(wide.end(), {count, extent});
    shape.push_back(count * extent);
  }
  return a.reshape(each).broadcast_to(wide).copy().reshape(shape);
}

NdArray roll(const NdArray& a, std::int64_t shift, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "roll");
  const auto extent = a.extent(along);
  if (extent == 0) return a;
  const auto by = ((shift % extent) + extent) % extent;
  if (by == 0) return a.copy();
  return concatenate({a.slice(along, extent - by, extent), a.slice(along, 0, extent - by)}, static_cast<int>(along));
}

NdArray rot90(const NdArray& a, int times, int first, int second) {
  const auto i = normal_axis(first, a.ndim(), "rot90");
  const auto j = normal_axis(second, a.ndim(), "rot90");
  if (i == j) throw InvalidRequest("rot90: axis " + std::to_string(first) + " is named twice");
  switch (((times % 4) + 4) % 4) {
    case 0: return a;
    case 1: return swapaxes(a.flip(j), first, second);
    case 2: return a.flip(i).flip(j);
    default: return swapaxes(a, first, second).flip(j);
  }
}

NdArray moveaxis(const NdArray& a, int from, int to) {
  const auto source = normal_axis(from, a.ndim(), "moveaxis");
  const auto target = normal_axis(to, a.ndim(), "moveaxis");
  Axes order;
  for (std::size_t i = 0; i < a.ndim(); ++i)
    if (i != source) order.push_back(static_cast<int>(i));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(target), static_cast<int>(source));
  return a.transpose(order);
}

NdArray swapaxes(const NdArray& a, int first, int second) {
  Axes order(a.ndim());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[normal_axis(first, a.ndim(), "swapaxes")], order[normal_axis(second, a.ndim(), "swapaxes")]);
  return a.transpose(order);
}

NdArray remove(const NdArray& a, const std::vector<std::int64_t>& indices, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "delete");
  const auto extent = a.extent(along);
  std::vector<bool> gone(static_cast<std::size_t>(extent));
  for (const auto index : indices) {
    const auto i = index < 0 ? index + extent : index;
    if (i < 0 || i >= extent)
      throw InvalidRequest("delete: index " + std::to_string(index) + " is outside of axis " + std::to_string(axis) +
                           " of " + text_of(a.shape()));
    gone[static_cast<std::size_t>(i)] = true;
  }
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < extent; ++i)
    if (!gone[static_cast<std::size_t>(i)]) kept.push_back(i);
  return take(a, NdArray::of(kept), axis);
}

NdArray insert(const NdArray& a, const std::vector<std::int64_t>& indices, const NdArray& values, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "insert");
  const auto extent = a.extent(along);
  Shape shape = a.shape();
  const NdArray typed = values.astype(a.dtype());
  // One place takes all that is given along the axis; several take one each.
  std::int64_t added = static_cast<std::int64_t>(indices.size());
  NdArray given = typed;
  if (indices.size() == 1 && typed.ndim() == a.ndim()) added = typed.extent(along);
  if (indices.size() == 1 && a.ndim() == 1 && typed.ndim() == 1) added = typed.extent(0);
  Shape wanted = shape;
  wanted[along] = added;
  given = typed.broadcast_to(wanted);
  std::vector<std::pair<std::int64_t, std::int64_t>> places;
  for (std::int64_t i = 0; i < added; ++i) {
    const auto index = indices[indices.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    const auto at = index < 0 ? index + extent : index;
    if (at < 0 || at > extent)
      throw InvalidRequest("insert: index " + std::to_string(index) + " is outside of axis " + std::to_string(axis) +
                           " of " + text_of(a.shape()));
    places.emplace_back(at, i);
  }
  std::stable_sort(places.begin(), places.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  shape[along] += added;
  NdArray out(shape, a.dtype());
  std::int64_t from = 0;
  std::int64_t to = 0;
  const auto copy_up_to = [&](std::int64_t end) {
    if (end > from) out.slice(along, to, to + end - from).assign(a.slice(along, from, end));
    to += end - from;
    from = end;
  };
  for (const auto& [at, which] : places) {
    copy_up_to(at);
    out.slice(along, to, to + 1).assign(given.slice(along, which, which + 1));
    ++to;
  }
  copy_up_to(extent);
  return out;
}

}  // namespace troupe::nd
