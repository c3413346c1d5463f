#pragma once

#include <cstddef>

#include "collections/ndarray/dtype.hpp"

namespace troupe::nd {

/// Sorts `n` elements that lie one after the other, ascending.
using SortKernel = void (*)(std::size_t n, void* elements);

/// Precondition: integers or floats of 16 to 64 bits, and floats are at most the greatest finite number and no NaN.
SortKernel sort_kernel(DType dtype);

/// What a sort of floats has to know of them beforehand.
struct LookedOver {
  bool beyond{};         ///< there may be an infinity or a NaN
  bool negative_zero{};  ///< there is one
};
using LookOver = LookedOver (*)(std::size_t n, const void* elements);
/// Precondition: floats.
LookOver look_over_kernel(DType dtype);

}  // namespace troupe::nd
