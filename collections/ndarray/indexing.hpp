#pragma once

#include <variant>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

struct NewAxis {
  friend bool operator==(const NewAxis&, const NewAxis&) = default;
};
struct Ellipsis {
  friend bool operator==(const Ellipsis&, const Ellipsis&) = default;
};
/// One thing between the brackets of a[...]: an array is one of integers, or of bools for as many axes as it has.
using IndexItem = std::variant<std::int64_t, Slice, NewAxis, Ellipsis, NdArray>;
using Index = std::vector<IndexItem>;

/// a[index], by all of NumPy's rules: a view if there is no array in the index, else a copy. Throws InvalidRequest for
/// what is outside of the shape.
NdArray get_items(const NdArray& a, const Index& index);
/// a[index] = value, in the memory of `a`, which has to be the caller's alone.
void set_items(NdArray& a, const Index& index, const NdArray& value);

/// What an index outside of the axis means.
enum class Outside : std::uint8_t { raise, wrap, clip };
/// The elements at `indices` (of any shape) of an axis.
NdArray take(const NdArray& a, const NdArray& indices, int axis, Outside outside = Outside::raise);
NdArray take_along_axis(const NdArray& a, const NdArray& indices, int axis);
void put_along_axis(NdArray& a, const NdArray& indices, const NdArray& values, int axis);
/// The parts of an axis where `condition`, which has one axis and may be shorter, is true.
NdArray compress(const NdArray& condition, const NdArray& a, int axis);
/// The elements where `mask`, of the same shape, is true, in row-major order.
NdArray masked(const NdArray& a, const NdArray& mask);
/// The indices of what is not 0, one array for each axis.
std::vector<NdArray> nonzero(const NdArray& a);
/// The same as rows of one array.
NdArray argwhere(const NdArray& a);
NdArray flatnonzero(const NdArray& a);

/// From indices in row-major order to one for each axis, and back.
std::vector<NdArray> unravel_index(const NdArray& indices, const Shape& shape);
NdArray ravel_multi_index(const std::vector<NdArray>& indices, const Shape& shape, Outside outside = Outside::raise);

}  // namespace troupe::nd
