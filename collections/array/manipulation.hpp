#pragma once

#include <string_view>
#include <vector>

#include "collections/array/array.hpp"
#include "collections/ndarray/joining.hpp"

/// Other forms of arrays. Where blocks only change their places or are seen otherwise, nothing is copied.
namespace troupe::array {

Array reshape(const Array& a, const Shape& shape);
Array broadcast_to(const Array& a, const Shape& shape, const ChunkSpec& chunks = {});
std::vector<Array> broadcast_arrays(const std::vector<Array>& all);
Array expand_dims(const Array& a, const AxisList& axis);
Array moveaxis(const Array& a, int from, int to);
Array swapaxes(const Array& a, int first, int second);
Array flip(const Array& a, const std::optional<AxisList>& axis = {});
Array rot90(const Array& a, int times = 1, int first = 0, int second = 1);
Array roll(const Array& a, std::int64_t shift, const std::optional<int>& axis = {});
Array atleast_1d(const Array& a);
Array atleast_2d(const Array& a);
Array atleast_3d(const Array& a);

Array concatenate(const std::vector<Array>& all, int axis = 0);
Array stack(const std::vector<Array>& all, int axis = 0);
Array hstack(const std::vector<Array>& all);
Array vstack(const std::vector<Array>& all);
Array dstack(const std::vector<Array>& all);
/// Rows of arrays, put together as in a drawing.
Array block(const std::vector<std::vector<Array>>& rows);
std::vector<Array> split(const Array& a, const std::vector<std::int64_t>& places, int axis = 0);
/// Into equal parts; array_split into nearly equal ones.
std::vector<Array> split(const Array& a, std::int64_t parts, int axis = 0);
std::vector<Array> array_split(const Array& a, std::int64_t parts, int axis = 0);
Array append(const Array& a, const Array& values, const std::optional<int>& axis = {});
Array insert(const Array& a, std::int64_t place, const Operand& values, int axis);
Array remove(const Array& a, const std::vector<std::int64_t>& places, int axis);

Array take(const Array& a, const std::vector<std::int64_t>& indices, int axis);
Array compress(const std::vector<bool>& condition, const Array& a, int axis);
Array repeat(const Array& a, std::int64_t count, int axis);
Array tile(const Array& a, const std::vector<std::int64_t>& counts);
/// Modes constant, edge, reflect, symmetric, wrap, mean, minimum, maximum and empty (which is 0).
Array pad(const Array& a, const std::vector<nd::PadWidth>& widths, std::string_view mode = "constant",
          const Scalar& value = 0);

Array tril(const Array& a, std::int64_t k = 0);
Array triu(const Array& a, std::int64_t k = 0);
/// A matrix with a vector on its diagonal, or the diagonal of a matrix.
Array diag(const Array& a, std::int64_t k = 0);
Array diagonal(const Array& a, std::int64_t k = 0);
Array trace(const Array& a, std::int64_t k = 0);
Array diff(const Array& a, int n = 1, int axis = -1);
Array ediff1d(const Array& a);
Array outer(const Array& a, const Array& b);

}  // namespace troupe::array
