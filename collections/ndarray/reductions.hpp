#pragma once

#include <optional>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// How an array is reduced. `axis` left out: over all axes; empty: over none.
struct Over {
  std::optional<Axes> axis{};
  bool keepdims{};
  std::optional<DType> dtype{};  ///< of the sum, and of the result
  double ddof{};                 ///< of var and std: the divisor is the number of elements less this

  Over() = default;
  Over(int one) : axis(Axes{one}) {}
  Over(Axes axes) : axis(std::move(axes)) {}
  Over(std::initializer_list<int> axes) : axis(Axes(axes)) {}
  Over keep() const {
    Over kept = *this;
    kept.keepdims = true;
    return kept;
  }
  Over as(DType type) const {
    Over typed = *this;
    typed.dtype = type;
    return typed;
  }
  Over less(double degrees) const {
    Over less = *this;
    less.ddof = degrees;
    return less;
  }
};

// As in NumPy: sums of integers are 64 bits wide, sums of floats are pairwise and of their own type, means of integers
// are float64, a NaN wins, and what has no value for no elements (min, max, argmin, argmax) throws InvalidRequest.
NdArray sum(const NdArray& a, const Over& over = {});
NdArray prod(const NdArray& a, const Over& over = {});
NdArray min(const NdArray& a, const Over& over = {});
NdArray max(const NdArray& a, const Over& over = {});
NdArray any(const NdArray& a, const Over& over = {});
NdArray all(const NdArray& a, const Over& over = {});
NdArray mean(const NdArray& a, const Over& over = {});
NdArray var(const NdArray& a, const Over& over = {});
NdArray std(const NdArray& a, const Over& over = {});
NdArray ptp(const NdArray& a, const Over& over = {});
NdArray count_nonzero(const NdArray& a, const Over& over = {});
/// The first index of the least or greatest element; over all axes, its place in row-major order.
NdArray argmin(const NdArray& a, std::optional<int> axis = {}, bool keepdims = false);
NdArray argmax(const NdArray& a, std::optional<int> axis = {}, bool keepdims = false);

// Without the NaN among the elements.
NdArray nansum(const NdArray& a, const Over& over = {});
NdArray nanprod(const NdArray& a, const Over& over = {});
NdArray nanmin(const NdArray& a, const Over& over = {});
NdArray nanmax(const NdArray& a, const Over& over = {});
NdArray nanmean(const NdArray& a, const Over& over = {});
NdArray nanvar(const NdArray& a, const Over& over = {});
NdArray nanstd(const NdArray& a, const Over& over = {});
NdArray nanargmin(const NdArray& a, std::optional<int> axis = {}, bool keepdims = false);
NdArray nanargmax(const NdArray& a, std::optional<int> axis = {}, bool keepdims = false);
/// How many are no NaN.
NdArray nancount(const NdArray& a, const Over& over = {});

/// Sum of the squares of what the elements differ from `center`, which has the reduced axes with extent 1; of complex
/// ones the absolute squares. `skip_nan`: as of nanvar. What variances of blocks are put together from.
NdArray sum_of_squares(const NdArray& a, const NdArray& center, const Over& over = {}, bool skip_nan = false);

}  // namespace troupe::nd
