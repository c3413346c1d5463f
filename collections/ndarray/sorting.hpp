#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "collections/ndarray/ndarray.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

/// In ascending order, each NaN at the end; complex numbers by their real, then their imaginary parts.
NdArray sort(const NdArray& a, int axis = -1);
/// The indices that sort; equal elements stay in order.
NdArray argsort(const NdArray& a, int axis = -1);
/// Sorted by the last key, where those are equal by the one before, ...
NdArray lexsort(const std::vector<NdArray>& keys);
/// The k-th element at its place, smaller ones before it.
NdArray partition(const NdArray& a, std::int64_t k, int axis = -1);
NdArray argpartition(const NdArray& a, std::int64_t k, int axis = -1);
/// The k greatest elements, the greatest first; the -k least, the least first, if it is negative.
NdArray topk(const NdArray& a, std::int64_t k, int axis = -1);
NdArray argtopk(const NdArray& a, std::int64_t k, int axis = -1);

/// Where each of `values` belongs in the sorted `a`, of one axis: before equal ones, or after them if `right`.
NdArray searchsorted(const NdArray& a, const NdArray& values, bool right = false);
/// Which bin of the ascending or descending `bins` each element is in.
NdArray digitize(const NdArray& a, const NdArray& bins, bool right = false);

struct Unique {
  NdArray values;   ///< sorted
  NdArray index;    ///< of the first of each
  NdArray inverse;  ///< of the shape of the array: which value each element is
  NdArray counts;
};
NdArray unique(const NdArray& a);
/// With all that goes with it.
Unique unique_all(const NdArray& a, bool equal_nan = true);
NdArray isin(const NdArray& a, const NdArray& values, bool invert = false);
NdArray union1d(const NdArray& a, const NdArray& b);
NdArray intersect1d(const NdArray& a, const NdArray& b);
NdArray setdiff1d(const NdArray& a, const NdArray& b);
NdArray setxor1d(const NdArray& a, const NdArray& b);

NdArray median(const NdArray& a, const Over& over = {});
NdArray nanmedian(const NdArray& a, const Over& over = {});
/// How a quantile between two elements is chosen: NumPy's methods, after Hyndman and Fan, "Sample quantiles in
/// statistical packages", The American Statistician 50 (1996).
enum class QuantileMethod : std::uint8_t {
  inverted_cdf,
  averaged_inverted_cdf,
  closest_observation,
  interpolated_inverted_cdf,
  hazen,
  weibull,
  linear,
  median_unbiased,
  normal_unbiased,
  lower,
  higher,
  midpoint,
  nearest,
};
QuantileMethod quantile_method_named(std::string_view name);
/// `q` between 0 and 1, of any shape, whose axes come first in the result.
NdArray quantile(const NdArray& a, const NdArray& q, const Over& over = {},
                 QuantileMethod method = QuantileMethod::linear);
NdArray nanquantile(const NdArray& a, const NdArray& q, const Over& over = {},
                    QuantileMethod method = QuantileMethod::linear);
/// `q` between 0 and 100.
NdArray percentile(const NdArray& a, const NdArray& q, const Over& over = {},
                   QuantileMethod method = QuantileMethod::linear);
NdArray nanpercentile(const NdArray& a, const NdArray& q, const Over& over = {},
                      QuantileMethod method = QuantileMethod::linear);

}  // namespace troupe::nd
