#pragma once

#include "collections/array/array.hpp"
#include "collections/array/reduction.hpp"

/// Reductions: a task on each block, run in one pass with the elementwise operations before it, then a tree of joins.
namespace troupe::array {

Array reduce(Reduction kind, const Array& a, const ReduceOptions& options, std::string name);

#define TROUPE_ARRAY_REDUCTION(name)                                     \
  inline Array name(const Array& a, const ReduceOptions& options = {}) { \
    return reduce(Reduction::name, a, options, #name);                   \
  }
TROUPE_ARRAY_REDUCTION(sum)
TROUPE_ARRAY_REDUCTION(prod)
TROUPE_ARRAY_REDUCTION(min)
TROUPE_ARRAY_REDUCTION(max)
TROUPE_ARRAY_REDUCTION(any)
TROUPE_ARRAY_REDUCTION(all)
TROUPE_ARRAY_REDUCTION(mean)
TROUPE_ARRAY_REDUCTION(var)
TROUPE_ARRAY_REDUCTION(std)
TROUPE_ARRAY_REDUCTION(argmin)
TROUPE_ARRAY_REDUCTION(argmax)
TROUPE_ARRAY_REDUCTION(ptp)
TROUPE_ARRAY_REDUCTION(count_nonzero)
TROUPE_ARRAY_REDUCTION(nansum)
TROUPE_ARRAY_REDUCTION(nanprod)
TROUPE_ARRAY_REDUCTION(nanmin)
TROUPE_ARRAY_REDUCTION(nanmax)
TROUPE_ARRAY_REDUCTION(nanmean)
TROUPE_ARRAY_REDUCTION(nanvar)
TROUPE_ARRAY_REDUCTION(nanstd)
TROUPE_ARRAY_REDUCTION(nanargmin)
TROUPE_ARRAY_REDUCTION(nanargmax)
#undef TROUPE_ARRAY_REDUCTION

/// The k greatest along an axis, the greatest first; the -k least if it is negative.
Array topk(const Array& a, std::int64_t k, int axis = -1, int split_every = 8);
/// The mean, or with weights of the same shape, or one for each element of the axis, the weighted one.
Array average(const Array& a, const std::optional<Array>& weights = {}, const std::optional<int>& axis = {});
/// Running totals along an axis, or of all elements in row-major order.
Array cumsum(const Array& a, const std::optional<int>& axis = {});
Array cumprod(const Array& a, const std::optional<int>& axis = {});
Array nancumsum(const Array& a, const std::optional<int>& axis = {});
Array nancumprod(const Array& a, const std::optional<int>& axis = {});

}  // namespace troupe::array
