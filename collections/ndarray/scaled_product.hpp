#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>

#include "collections/ndarray/elements.hpp"

namespace troupe::nd {

/// A product of many numbers that overflows only if the result does: 1e200 * 1e200 * 1e-200 * 1e-200 is 1. The exponent
/// is kept apart.
template <class T>
class ScaledProduct {
public:
  void times(T factor) {
    product_ *= without_exponent(factor);
    product_ = without_exponent(product_);
  }
  [[nodiscard]] T value() const {
    const auto exponent = static_cast<int>(std::clamp<std::int64_t>(exponent_, -exponent_max, exponent_max));
    return scaled(product_, exponent);
  }

private:
  using Real = typename RealPart<T>::Type;
  static constexpr std::int64_t exponent_max = 1 << 20;

  static T scaled(T x, int exponent) {
    if constexpr (std::is_same_v<T, Real>)
      return std::ldexp(x, exponent);
    else
      return {std::ldexp(x.real(), exponent), std::ldexp(x.imag(), exponent)};
  }
  T without_exponent(T x) {
    Real size;
    if constexpr (std::is_same_v<T, Real>)
      size = std::abs(x);
    else
      size = std::max(std::abs(x.real()), std::abs(x.imag()));
    if (size == 0 || !std::isfinite(size)) return x;
    int exponent = 0;
    static_cast<void>(std::frexp(size, &exponent));
    exponent_ += exponent;
    return scaled(x, -exponent);
  }

  T product_{1};
  std::int64_t exponent_{};
};

}  // namespace troupe::nd
