#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace troupe::nd {

/// The type of an array's elements, as in NumPy. The order of the values is fixed: they are written into tasks.
enum class DType : std::uint8_t {
  bool_,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  complex64,
  complex128,
};

inline constexpr std::size_t dtype_count = 13;
using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// "float64", "bool", ...
std::string_view name_of(DType dtype);
/// The type that "float64", "f8", "<f8", "double", "bool", "?" ... names. Throws InvalidRequest for any other text,
/// and for big-endian types of more than one byte.
DType dtype_named(std::string_view name);
/// As it stands in the header of an npy file: "<f8", "|b1", ...
std::string_view npy_descr(DType dtype);

/// Kinds in the order in which NumPy promotes them.
enum class Kind : std::uint8_t { boolean, integer, real, complex };

bool is_signed_integer(DType dtype);
bool is_unsigned_integer(DType dtype);
bool is_integer(DType dtype);  ///< without bool
bool is_float(DType dtype);
bool is_complex(DType dtype);
Kind kind_of(DType dtype);
/// float32 of complex64, float64 of complex128, else the type itself.
DType real_of(DType dtype);
/// complex64 of float32 and complex64, else complex128.
DType complex_of(DType dtype);

/// The smallest type that holds both, by NumPy 2's table: int64 and uint64 give float64, int32 and float32 float64.
DType result_type(DType a, DType b);

/// How much a cast may lose, as NumPy says it.
enum class Casting : std::uint8_t { no, equiv, safe, same_kind, unsafe };
bool can_cast(DType from, DType to, Casting casting = Casting::safe);

/// One value without an array around it. A weak one, like a number written in a program, takes on the type of the
/// array that it meets, unless its kind is higher.
class Scalar {
public:
  Scalar() : Scalar(0.0) {}
  Scalar(bool value) : value_(value), dtype_(DType::bool_) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Scalar(T value) : dtype_(DType::int64), weak_(true) {
    if constexpr (std::is_signed_v<T>)
      value_ = static_cast<std::int64_t>(value);
    else if (value <= static_cast<std::uint64_t>(INT64_MAX))
      value_ = static_cast<std::int64_t>(value);
    else
      value_ = static_cast<std::uint64_t>(value), dtype_ = DType::uint64;
  }
  Scalar(double value) : value_(value), dtype_(DType::float64), weak_(true) {}
  Scalar(float value) : Scalar(static_cast<double>(value)) {}
  Scalar(std::complex<double> value) : value_(value), dtype_(DType::complex128), weak_(true) {}

  /// The value as a NumPy scalar of `dtype`, which promotes as an array of that type does. Throws InvalidRequest for an
  /// integer outside of the type.
  [[nodiscard]] Scalar as(DType dtype) const;

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] bool is_weak() const { return weak_; }
  [[nodiscard]] double to_double() const;  ///< real part of a complex one
  [[nodiscard]] std::int64_t to_int64() const;
  [[nodiscard]] std::uint64_t to_uint64() const;
  [[nodiscard]] std::complex<double> to_complex() const;
  [[nodiscard]] bool to_bool() const;
  template <class T>
  [[nodiscard]] T to() const {
    if constexpr (std::is_same_v<T, bool>)
      return to_bool();
    else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
      return static_cast<T>(to_int64());
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(to_uint64());
    else if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(to_double());
    else
      return static_cast<T>(to_complex());
  }

  friend bool operator==(const Scalar&, const Scalar&) = default;

private:
  using Held = std::variant<bool, std::int64_t, std::uint64_t, double, std::complex<double>>;
  Held value_;
  DType dtype_;
  bool weak_{};
};

/// With a scalar: a weak one changes `a` only if its kind is higher (an integer beside a bool makes int64, a float
/// beside an integer float64). Throws InvalidRequest for a weak integer that does not fit the type.
DType result_type(DType a, const Scalar& scalar);

template <class T>
inline constexpr DType dtype_of = [] {
  if constexpr (std::is_same_v<T, bool>)
    return DType::bool_;
  else if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::float64;
  else if constexpr (std::is_same_v<T, Complex64>)
    return DType::complex64;
  else if constexpr (std::is_same_v<T, Complex128>)
    return DType::complex128;
  else {
    static_assert(std::is_integral_v<T>, "no array has elements of this type");
    constexpr int log = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return static_cast<DType>((std::is_signed_v<T> ? 1 : 5) + log);
  }
}();

/// Calls `f.template operator()<T>()` with the element type of `dtype`.
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bool_: return f.template operator()<bool>();
    case DType::int8: return f.template operator()<std::int8_t>();
    case DType::int16: return f.template operator()<std::int16_t>();
    case DType::int32: return f.template operator()<std::int32_t>();
    case DType::int64: return f.template operator()<std::int64_t>();
    case DType::uint8: return f.template operator()<std::uint8_t>();
    case DType::uint16: return f.template operator()<std::uint16_t>();
    case DType::uint32: return f.template operator()<std::uint32_t>();
    case DType::uint64: return f.template operator()<std::uint64_t>();
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    case DType::complex64: return f.template operator()<Complex64>();
    case DType::complex128: break;
  }
  return f.template operator()<Complex128>();
}

}  // namespace troupe::nd
