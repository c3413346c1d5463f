#include "collections/ndarray/indexing.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

namespace {

/// What is left of an index once all its views are made: arrays of integers for some axes.
struct Resolved {
  NdArray view;
  std::vector<std::size_t> axes;  ///< of `view`
  std::vector<NdArray> arrays;
  bool apart{};  ///< something stands between the arrays: their axes come first
};

std::size_t axes_taken(const IndexItem& item) {
  if (std::holds_alternative<NewAxis>(item) || std::holds_alternative<Ellipsis>(item)) return 0;
  const auto* array = std::get_if<NdArray>(&item);
  return array && array->dtype() == DType::bool_ ? array->ndim() : 1;
}

Resolved resolve_index(const NdArray& a, const Index& index) {
  std::size_t taken = 0;
  std::size_t ellipses = 0;
  const bool arrays =
      std::any_of(index.begin(), index.end(), [](const auto& i) { return std::holds_alternative<NdArray>(i); });
  for (const auto& item : index) {
    taken += axes_taken(item);
    ellipses += std::holds_alternative<Ellipsis>(item) ? 1 : 0;
  }
  if (taken > a.ndim())
    throw InvalidRequest("an index for " + std::to_string(taken) + " axes is too long for an array of shape " +
                         text_of(a.shape()));
  if (ellipses > 1) throw InvalidRequest("an index has more than one ellipsis");
  Resolved resolved;
  resolved.view = a;
  std::size_t axis = 0;
  std::size_t last_item = SIZE_MAX;
  const auto add = [&](std::size_t position, const NdArray& array) {
    if (last_item != SIZE_MAX && position > last_item + 1) resolved.apart = true;
    last_item = position;
    resolved.axes.push_back(axis++);
    resolved.arrays.push_back(array);
  };
  for (std::size_t position = 0; position < index.size(); ++position) {
    const auto& item = index[position];
    if (const auto* at = std::get_if<std::int64_t>(&item)) {
      // Beside arrays, an integer is an array too.
      if (arrays)
        add(position, NdArray::scalar(*at, DType::int64));
      else
        resolved.view = resolved.view.pick(axis, *at);
    } else if (const auto* slice = std::get_if<Slice>(&item)) {
      resolved.view = resolved.view.slice(axis++, *slice);
    } else if (std::holds_alternative<NewAxis>(item)) {
      resolved.view = resolved.view.expand_dims(axis++);
    } else if (std::holds_alternative<Ellipsis>(item)) {
      axis += a.ndim() - taken;
    } else {
      const auto& array = std::get<NdArray>(item);
      if (array.dtype() != DType::bool_) {
        if (!is_integer(array.dtype()))
          throw InvalidRequest("an array of " + std::string(name_of(array.dtype())) +
                               " is no index; integers or bools are");
        add(position, array.astype(DType::int64));
        continue;
      }
      if (array.ndim() == 0) {
        resolved.view = resolved.view.expand_dims(axis);
        add(position, array.item<bool>() ? NdArray::of<std::int64_t>({0}) : NdArray(Shape{0}, DType::int64));
        continue;
      }
      for (std::size_t i = 0; i < array.ndim(); ++i)
        if (array.extent(i) != resolved.view.extent(axis + i))
          throw InvalidRequest("a mask of shape " + text_of(array.shape()) + " does not fit an array of shape " +
                               text_of(a.shape()));
      for (const auto& found : nonzero(array)) {
        last_item = last_item == SIZE_MAX || position > last_item ? last_item : position - 1;
        add(position, found);
      }
    }
  }
  return resolved;
}

/// The places of an index with arrays: an offset into the view for each, and what lies at each of them.
struct Places {
  NdArray offsets;           ///< int64, in bytes; contiguous
  NdArray part;              ///< the view at offset 0, without the indexed axes
  std::size_t first_axis{};  ///< of the result, where the axes of `offsets` are
};

[[noreturn]] void outside(std::int64_t index, std::int64_t extent, std::size_t axis) {
  throw InvalidRequest("index " + std::to_string(index) + " is outside of axis " + std::to_string(axis) +
                       ", which has " + std::to_string(extent) + " elements");
}

Places places_of(const Resolved& resolved) {
  Shape shape;
  for (const auto& array : resolved.arrays) shape = broadcast_shapes(shape, array.shape());
  Places places;
  places.offsets = NdArray::zeros(shape, DType::int64);
  auto* offsets = places.offsets.mutable_data_as<std::int64_t>();
  const auto count = places.offsets.size();
  for (std::size_t i = 0; i < resolved.arrays.size(); ++i) {
    const auto axis = resolved.axes[i];
    const auto extent = resolved.view.extent(axis);
    const auto stride = resolved.view.strides()[axis];
    const NdArray full = resolved.arrays[i].broadcast_to(shape).contiguous();
    const auto* at = full.data_as<std::int64_t>();
    for (std::int64_t k = 0; k < count; ++k) {
      const auto index = at[k] < 0 ? at[k] + extent : at[k];
      if (index < 0 || index >= extent) outside(at[k], extent, axis);
      offsets[k] += index * stride;
    }
  }
  Shape rest;
  Strides strides;
  for (std::size_t axis = 0; axis < resolved.view.ndim(); ++axis) {
    if (std::find(resolved.axes.begin(), resolved.axes.end(), axis) != resolved.axes.end()) continue;
    if (!resolved.apart && axis < resolved.axes.front()) ++places.first_axis;
    rest.push_back(resolved.view.extent(axis));
    strides.push_back(resolved.view.strides()[axis]);
  }
  places.part = NdArray(resolved.view.owner(), resolved.view.data(), resolved.view.dtype(), rest, strides);
  return places;
}

/// The axes of a result that has the axes of the places first, in the order in which the index wants them.
Axes result_order(const Places& places) {
  const auto from_places = places.offsets.ndim();
  Axes order(from_places + places.part.ndim());
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::size_t source = 0;
    if (i < places.first_axis)
      source = from_places + i;
    else if (i < places.first_axis + from_places)
      source = i - places.first_axis;
    else
      source = i;
    order[i] = static_cast<int>(source);
  }
  return order;
}

template <class T>
void gather_offsets(std::int64_t n, const std::byte* from, const std::int64_t* offsets, std::byte* to) {
  auto* out = reinterpret_cast<T*>(to);
  for (std::int64_t i = 0; i < n; ++i) out[i] = *reinterpret_cast<const T*>(from + offsets[i]);
}

struct Sixteen {
  std::uint64_t a;
  std::uint64_t b;
};

void gather_elements(std::size_t itemsize, std::int64_t n, const std::byte* from, const std::int64_t* offsets,
                     std::byte* to) {
  switch (itemsize) {
    case 1: return gather_offsets<std::uint8_t>(n, from, offsets, to);
    case 2: return gather_offsets<std::uint16_t>(n, from, offsets, to);
    case 4: return gather_offsets<std::uint32_t>(n, from, offsets, to);
    case 8: return gather_offsets<std::uint64_t>(n, from, offsets, to);
    default: return gather_offsets<Sixteen>(n, from, offsets, to);
  }
}

}  // namespace

NdArray get_items(const NdArray& a, const Index& index) {
  const auto resolved = resolve_index(a, index);
  if (resolved.arrays.empty()) return resolved.view;
  const auto places = places_of(resolved);
  Shape shape = places.offsets.shape();
  shape.insert(shape.end(), places.part.shape().begin(), places.part.shape().end());
  NdArray out(shape, a.dtype());
  const auto* offsets = places.offsets.data_as<std::int64_t>();
  const auto count = places.offsets.size();
  const auto part_bytes = places.part.nbytes();
  if (out.size() > 0) {
    if (places.part.size() == 1) {
      gather_elements(a.itemsize(), count, places.part.data(), offsets, out.mutable_data());
    } else {
      for (std::int64_t i = 0; i < count; ++i)
        detail::copy_row_major(
            NdArray(a.owner(), places.part.data() + offsets[i], a.dtype(), places.part.shape(), places.part.strides()),
            out.mutable_data() + static_cast<std::uint64_t>(i) * part_bytes);
    }
  }
  return places.first_axis == 0 ? out : out.transpose(result_order(places));
}

void set_items(NdArray& a, const Index& index, const NdArray& value) {
  auto resolved = resolve_index(a, index);
  if (resolved.arrays.empty()) return resolved.view.assign(value);
  const auto places = places_of(resolved);
  Shape shape = places.offsets.shape();
  shape.insert(shape.end(), places.part.shape().begin(), places.part.shape().end());
  // The value in the order of the result, then with the axes of the places first.
  const auto order = result_order(places);
  Shape ordered;
  for (const auto axis : order) ordered.push_back(shape[static_cast<std::size_t>(axis)]);
  Axes back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) back[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  const NdArray values = value.astype(a.dtype()).broadcast_to(ordered).transpose(back).contiguous();
  const auto* offsets = places.offsets.data_as<std::int64_t>();
  const auto part_bytes = places.part.nbytes();
  for (std::int64_t i = 0; i < places.offsets.size() && values.size() > 0; ++i) {
    const auto* from = values.data() + static_cast<std::uint64_t>(i) * part_bytes;
    auto* to = const_cast<std::byte*>(places.part.data()) + offsets[i];
    if (places.part.size() == 1) {
      std::memcpy(to, from, part_bytes);
      continue;
    }
    NdArray target(a.owner(), to, a.dtype(), places.part.shape(), places.part.strides());
    target.assign(NdArray(values.owner(), from, a.dtype(), places.part.shape(),
                          contiguous_strides(places.part.shape(), a.itemsize())));
  }
}

namespace {

/// False if an index is outside; then what was taken for it is the first element.
template <class T>
bool take_elements(std::int64_t n, const std::int64_t* index, std::int64_t extent, const std::byte* from,
                   std::byte* to) {
  const T* x = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to);
  std::uint64_t wrong = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto k = static_cast<std::uint64_t>(index[i] + (index[i] < 0 ? extent : 0));
    const bool within = k < static_cast<std::uint64_t>(extent);
    wrong |= within ? 0U : 1U;
    out[i] = x[within ? k : 0];
  }
  return wrong == 0;
}

}  // namespace

NdArray take(const NdArray& a, const NdArray& indices, int axis, Outside when_outside) {
  const auto along = normal_axis(axis, a.ndim(), "take");
  if (kind_of(indices.dtype()) > Kind::integer)
    throw InvalidRequest("take: indices are integers, not " + std::string(name_of(indices.dtype())));
  const NdArray at = indices.astype(DType::int64).contiguous();
  const auto* index = at.data_as<std::int64_t>();
  const auto count = at.size();
  const auto extent = a.extent(along);
  if (count > 0 && extent == 0)
    throw InvalidRequest("take: axis " + std::to_string(axis) + " of " + text_of(a.shape()) + " is empty");
  const NdArray source = a.is_contiguous() ? a : a.contiguous();
  const auto refuse = [&] {
    for (std::int64_t i = 0; i < count; ++i)
      if (index[i] < -extent || index[i] >= extent) outside(index[i], extent, along);
  };
  if (a.ndim() == 1 && when_outside == Outside::raise && (a.itemsize() == 4 || a.itemsize() == 8)) {
    NdArray out(indices.shape(), a.dtype());
    const auto taken = a.itemsize() == 4 ? &take_elements<std::uint32_t> : &take_elements<std::uint64_t>;
    if (count > 0 && !taken(count, index, extent, source.data(), out.mutable_data())) refuse();
    return out;
  }
  // What one index takes lies together.
  std::size_t inner_bytes = a.itemsize();
  std::int64_t outer = 1;
  for (std::size_t i = 0; i < along; ++i) outer *= a.extent(i);
  for (std::size_t i = along + 1; i < a.ndim(); ++i) inner_bytes *= static_cast<std::size_t>(a.extent(i));
  NdArray offset_array(Shape{count}, DType::int64);
  auto* offsets = offset_array.mutable_data_as<std::int64_t>();
  if (when_outside == Outside::raise) {
    std::uint64_t wrong = 0;
    const auto item = static_cast<std::int64_t>(inner_bytes);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto k = index[i] + (index[i] < 0 ? extent : 0);
      wrong |= static_cast<std::uint64_t>(k) >= static_cast<std::uint64_t>(extent) ? 1U : 0U;
      offsets[i] = k * item;
    }
    if (wrong != 0) refuse();
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto k = when_outside == Outside::clip ? std::clamp<std::int64_t>(index[i], 0, extent - 1)
                                                   : ((index[i] % extent) + extent) % extent;
      offsets[i] = k * static_cast<std::int64_t>(inner_bytes);
    }
  }
  Shape shape(a.shape().begin(), a.shape().begin() + static_cast<std::ptrdiff_t>(along));
  shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
  shape.insert(shape.end(), a.shape().begin() + static_cast<std::ptrdiff_t>(along) + 1, a.shape().end());
  NdArray out(shape, a.dtype());
  auto* to = out.mutable_data();
  for (std::int64_t o = 0; o < outer && inner_bytes > 0; ++o) {
    const auto* from = source.data() + static_cast<std::uint64_t>(o * extent) * inner_bytes;
    if (inner_bytes <= 16 && (inner_bytes & (inner_bytes - 1)) == 0) {
      gather_elements(inner_bytes, count, from, offsets, to);
      to += static_cast<std::uint64_t>(count) * inner_bytes;
      continue;
    }
    for (std::int64_t i = 0; i < count; ++i, to += inner_bytes) std::memcpy(to, from + offsets[i], inner_bytes);
  }
  return out;
}

namespace {

/// The index that take_along_axis stands for: the given indices for one axis, their own places for the others.
Index along_index(const NdArray& a, const NdArray& indices, std::size_t along, std::string_view call) {
  if (indices.ndim() != a.ndim())
    throw InvalidRequest(std::string(call) + ": indices of shape " + text_of(indices.shape()) +
                         " for an array of shape " + text_of(a.shape()));
  Index index;
  for (std::size_t i = 0; i < a.ndim(); ++i) {
    if (i == along) {
      index.emplace_back(indices);
      continue;
    }
    Shape shape(a.ndim(), 1);
    shape[i] = a.extent(i);
    index.emplace_back(arange(std::int64_t{0}, a.extent(i)).reshape(shape));
  }
  return index;
}

}  // namespace

NdArray take_along_axis(const NdArray& a, const NdArray& indices, int axis) {
  return get_items(a, along_index(a, indices, normal_axis(axis, a.ndim(), "take_along_axis"), "take_along_axis"));
}

void put_along_axis(NdArray& a, const NdArray& indices, const NdArray& values, int axis) {
  set_items(a, along_index(a, indices, normal_axis(axis, a.ndim(), "put_along_axis"), "put_along_axis"), values);
}

NdArray compress(const NdArray& condition, const NdArray& a, int axis) {
  if (condition.ndim() != 1)
    throw InvalidRequest("compress: the condition has the shape " + text_of(condition.shape()) + ", not one axis");
  return take(a, flatnonzero(condition), axis);
}

namespace {

template <class T>
std::int64_t keep_marked(std::int64_t n, const std::byte* elements, const std::uint8_t* marks, std::byte* to,
                         std::int64_t room) {
  const T* x = reinterpret_cast<const T*>(elements);
  T* out = reinterpret_cast<T*>(to);
  std::int64_t kept = 0;
  // Written whether kept or not, while there is room for one more.
  std::int64_t i = 0;
  for (; i < n && kept < room; ++i) {
    out[kept] = x[i];
    kept += marks[i] != 0;
  }
  return kept;
}

}  // namespace

NdArray masked(const NdArray& a, const NdArray& mask) {
  if (mask.dtype() != DType::bool_ || mask.shape() != a.shape())
    throw InvalidRequest("a mask of shape " + text_of(mask.shape()) + " and type " +
                         std::string(name_of(mask.dtype())) + " does not fit an array of shape " + text_of(a.shape()));
  const NdArray source = a.contiguous();
  const NdArray marks = mask.contiguous();
  const auto count = count_nonzero(marks).item<std::int64_t>();
  NdArray out(Shape{count}, a.dtype());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(marks.data());
  switch (a.itemsize()) {
    case 1: keep_marked<std::uint8_t>(a.size(), source.data(), bytes, out.mutable_data(), count); break;
    case 2: keep_marked<std::uint16_t>(a.size(), source.data(), bytes, out.mutable_data(), count); break;
    case 4: keep_marked<std::uint32_t>(a.size(), source.data(), bytes, out.mutable_data(), count); break;
    case 8: keep_marked<std::uint64_t>(a.size(), source.data(), bytes, out.mutable_data(), count); break;
    default: keep_marked<Sixteen>(a.size(), source.data(), bytes, out.mutable_data(), count);
  }
  return out;
}

NdArray flatnonzero(const NdArray& a) {
  const NdArray marks = a.astype(DType::bool_).contiguous();
  const auto count = count_nonzero(marks).item<std::int64_t>();
  NdArray out(Shape{count}, DType::int64);
  auto* found = out.mutable_data_as<std::int64_t>();
  const auto* mark = reinterpret_cast<const std::uint8_t*>(marks.data());
  for (std::int64_t i = 0, k = 0; k < count; ++i) {
    found[k] = i;
    k += mark[i] != 0;
  }
  return out;
}

std::vector<NdArray> nonzero(const NdArray& a) {
  if (a.ndim() == 0) throw InvalidRequest("nonzero: an array without axes has no indices");
  const auto flat = flatnonzero(a);
  if (a.ndim() == 1) return {flat};
  return unravel_index(flat, a.shape());
}

NdArray argwhere(const NdArray& a) {
  const auto flat = flatnonzero(a);
  NdArray out(Shape{flat.size(), static_cast<std::int64_t>(a.ndim())}, DType::int64);
  if (a.ndim() == 0 || flat.size() == 0) return out;
  const auto each = unravel_index(flat, a.shape());
  for (std::size_t i = 0; i < each.size(); ++i) out.pick(1, static_cast<std::int64_t>(i)).assign(each[i]);
  return out;
}

std::vector<NdArray> unravel_index(const NdArray& indices, const Shape& shape) {
  const NdArray flat = indices.astype(DType::int64).contiguous();
  const auto size = size_of(shape);
  const auto* at = flat.data_as<std::int64_t>();
  for (std::int64_t i = 0; i < flat.size(); ++i)
    if (at[i] < 0 || at[i] >= size)
      throw InvalidRequest("unravel_index: index " + std::to_string(at[i]) + " is outside of the shape " +
                           text_of(shape));
  std::vector<NdArray> each(shape.size());
  NdArray rest = flat.copy();
  auto* r = rest.mutable_data_as<std::int64_t>();
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    NdArray here(indices.shape(), DType::int64);
    auto* h = here.mutable_data_as<std::int64_t>();
    for (std::int64_t i = 0; i < flat.size(); ++i) {
      h[i] = r[i] % shape[axis];
      r[i] /= shape[axis];
    }
    each[axis] = here;
  }
  return each;
}

NdArray ravel_multi_index(const std::vector<NdArray>& indices, const Shape& shape, Outside when_outside) {
  if (indices.size() != shape.size())
    throw InvalidRequest("ravel_multi_index: " + std::to_string(indices.size()) + " arrays for the shape " +
                         text_of(shape));
  Shape common;
  for (const auto& array : indices) common = broadcast_shapes(common, array.shape());
  NdArray out = NdArray::zeros(common, DType::int64);
  auto* flat = out.mutable_data_as<std::int64_t>();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const NdArray full = indices[axis].astype(DType::int64).broadcast_to(common).contiguous();
    const auto* at = full.data_as<std::int64_t>();
    for (std::int64_t i = 0; i < out.size(); ++i) {
      auto k = at[i];
      if (when_outside == Outside::wrap)
        k = ((k % shape[axis]) + shape[axis]) % shape[axis];
      else if (when_outside == Outside::clip)
        k = std::clamp<std::int64_t>(k, 0, shape[axis] - 1);
      else if (k < 0 || k >= shape[axis])
        outside(k, shape[axis], axis);
      flat[i] = flat[i] * shape[axis] + k;
    }
  }
  return out;
}

}  // namespace troupe::nd
