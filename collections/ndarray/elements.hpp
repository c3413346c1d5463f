#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

/// What kernels say of one element.
namespace troupe::nd {

template <class T>
inline constexpr bool is_complex_type = false;
template <class T>
inline constexpr bool is_complex_type<std::complex<T>> = true;

template <class T>
struct RealPart {
  using Type = T;
};
template <class T>
struct RealPart<std::complex<T>> {
  using Type = T;
};

/// Unsigned, and at least as wide as int, so that no product of two overflows a signed type.
template <class T>
using Wrapping = std::conditional_t<(sizeof(T) < sizeof(unsigned)), unsigned, std::make_unsigned_t<T>>;

}  // namespace troupe::nd
