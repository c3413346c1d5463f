#pragma once

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

}  // namespace troupe::nd
