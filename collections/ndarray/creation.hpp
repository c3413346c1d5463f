#pragma once

#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// start, start + step, ... below stop. Throws InvalidRequest for step 0.
NdArray arange(double start, double stop, double step = 1, DType dtype = DType::float64);
NdArray arange(std::int64_t start, std::int64_t stop, std::int64_t step = 1, DType dtype = DType::int64);
/// `count` numbers from start to stop; the last is `stop` if `endpoint`.
NdArray linspace(double start, double stop, std::int64_t count, bool endpoint = true, DType dtype = DType::float64);
/// Ones on the k-th diagonal.
NdArray eye(std::int64_t rows, std::int64_t columns, std::int64_t k = 0, DType dtype = DType::float64);
/// Ones on and below the k-th diagonal.
NdArray tri(std::int64_t rows, std::int64_t columns, std::int64_t k = 0, DType dtype = DType::float64);
/// The parts of the last two axes on and below, or above, the k-th diagonal; the rest is 0.
NdArray tril(const NdArray& a, std::int64_t k = 0);
NdArray triu(const NdArray& a, std::int64_t k = 0);
/// View of a diagonal of two axes, which becomes the last axis.
NdArray diagonal(const NdArray& a, std::int64_t k = 0, int axis1 = 0, int axis2 = 1);
/// A matrix with the elements of a vector on its diagonal, or the diagonal of a matrix.
NdArray diag(const NdArray& a, std::int64_t k = 0);
NdArray trace(const NdArray& a, std::int64_t k = 0, int axis1 = 0, int axis2 = 1);
/// One array for each axis, of its indices; of shape (ndim, *shape).
NdArray indices(const Shape& shape, DType dtype = DType::int64);
/// `i` of axis 0, `j` of axis 1, ... "xy" swaps the first two axes.
std::vector<NdArray> meshgrid(const std::vector<NdArray>& axes, bool xy = true);

}  // namespace troupe::nd
