#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// An axis of an array as contiguous lines, whose elements may be written.
struct Lines {
  Lines(const NdArray& a, int along, std::string_view call)
      : axis(static_cast<int>(normal_axis(along, a.ndim(), call))) {
    array = moveaxis(a, axis, -1).copy();
    length = array.extent(array.ndim() - 1);
    count = length > 0 ? array.size() / length : 0;
  }
  template <class T>
  T* line(std::int64_t i) {
    return array.mutable_data_as<T>() + i * length;
  }
  /// Back with the axis where it was; of another array with as many axes.
  [[nodiscard]] NdArray restored(const NdArray& with) const { return moveaxis(with, -1, axis); }
  /// An array of another type or length of lines.
  [[nodiscard]] NdArray like(std::int64_t new_length, DType dtype) const {
    Shape shape = array.shape();
    shape.back() = new_length;
    return {std::move(shape), dtype};
  }

  int axis;
  NdArray array;
  std::int64_t length{};
  std::int64_t count{};
};

/// NaN after all else, then by value; complex numbers by their parts.
template <class T>
bool sorts_before(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (b != b && a == a);
  else if constexpr (std::is_same_v<T, Complex64> || std::is_same_v<T, Complex128>) {
    const auto nan = [](const T& x) { return (x.real() != x.real() ? 2 : 0) + (x.imag() != x.imag() ? 1 : 0); };
    const auto na = nan(a);
    const auto nb = nan(b);
    if (na != nb) return na < nb;
    // Those with a NaN in one part are in the order of the other.
    if (na < 2 && a.real() != b.real()) return a.real() < b.real();
    return (na & 1) == 0 && a.imag() < b.imag();
  } else
    return a < b;
}

/// The bits of a number by which equal ones are known: there is one 0, and one NaN.
template <class T>
auto equal_bits(T a) {
  using U = std::conditional_t<(sizeof(T) <= 4), std::uint32_t, std::uint64_t>;
  if constexpr (std::is_floating_point_v<T>)
    return a != a ? std::numeric_limits<U>::max() >> 1 : std::bit_cast<U>(a + T(0));  // -0 + 0 is 0
  else
    return static_cast<U>(a);
}

/// The same in the order of the values, a NaN above all. No branch depends on the sign.
template <class T>
auto order_bits(T a) {
  const auto bits = equal_bits(a);
  using U = std::remove_const_t<decltype(bits)>;
  constexpr int last = 8 * sizeof(U) - 1;
  constexpr U sign = U{1} << last;
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<U>(bits ^ ((U{0} - (bits >> last)) | sign));
  else
    return static_cast<U>(std::is_signed_v<T> ? bits ^ sign : bits);
}

}  // namespace troupe::nd
