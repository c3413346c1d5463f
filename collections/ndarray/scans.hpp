#pragma once

#include <optional>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// Running totals. Without an axis, of all elements in row-major order. Types as of sum and prod.
NdArray cumsum(const NdArray& a, std::optional<int> axis = {}, std::optional<DType> dtype = {});
NdArray cumprod(const NdArray& a, std::optional<int> axis = {}, std::optional<DType> dtype = {});
NdArray nancumsum(const NdArray& a, std::optional<int> axis = {}, std::optional<DType> dtype = {});
NdArray nancumprod(const NdArray& a, std::optional<int> axis = {}, std::optional<DType> dtype = {});

/// NaN becomes the last element before it along `axis` that is none, `n` elements away at most.
NdArray push(const NdArray& a, int axis = -1, std::optional<std::int64_t> n = {});

/// Differences of neighbours, `n` times over; between bools, whether they differ.
NdArray diff(const NdArray& a, int n = 1, int axis = -1);
/// Slopes by central differences, at the edges by those of first (or second) order; `spacing` between elements.
NdArray gradient(const NdArray& a, double spacing, int axis, int edge_order = 1);

enum class Overlap : std::uint8_t { full, same, valid };
/// Of two arrays of one axis.
NdArray convolve(const NdArray& a, const NdArray& v, Overlap overlap = Overlap::full);
NdArray correlate(const NdArray& a, const NdArray& v, Overlap overlap = Overlap::valid);
/// Linear between the points (xp, fp), which ascend; the first or last value outside of them.
NdArray interp(const NdArray& x, const NdArray& xp, const NdArray& fp);
/// Integral by the trapezoidal rule.
NdArray trapezoid(const NdArray& y, double dx = 1, int axis = -1);

}  // namespace troupe::nd
