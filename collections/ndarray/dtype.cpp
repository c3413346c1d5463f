#include "collections/ndarray/dtype.hpp"

#include <array>
#include <cmath>

#include "actors/errors.hpp"

namespace troupe::nd {

namespace {

struct Row {
  std::string_view name;
  std::string_view descr;
  std::uint8_t size;
};

constexpr std::array<Row, dtype_count> rows = {{
    {"bool", "|b1", 1},
    {"int8", "|i1", 1},
    {"int16", "<i2", 2},
    {"int32", "<i4", 4},
    {"int64", "<i8", 8},
    {"uint8", "|u1", 1},
    {"uint16", "<u2", 2},
    {"uint32", "<u4", 4},
    {"uint64", "<u8", 8},
    {"float32", "<f4", 4},
    {"float64", "<f8", 8},
    {"complex64", "<c8", 8},
    {"complex128", "<c16", 16},
}};

const Row& row(DType dtype) { return rows[static_cast<std::size_t>(dtype)]; }

constexpr std::pair<std::string_view, DType> aliases[] = {
    {"?", DType::bool_},           {"bool_", DType::bool_},
    {"float", DType::float64},     {"double", DType::float64},
    {"single", DType::float32},    {"int", DType::int64},
    {"intp", DType::int64},        {"uint", DType::uint64},
    {"uintp", DType::uint64},      {"byte", DType::int8},
    {"ubyte", DType::uint8},       {"short", DType::int16},
    {"ushort", DType::uint16},     {"long", DType::int64},
    {"longlong", DType::int64},    {"complex", DType::complex128},
    {"csingle", DType::complex64}, {"cdouble", DType::complex128},
};

DType unsigned_of(std::size_t size) {
  return size == 1 ? DType::uint8 : size == 2 ? DType::uint16 : size == 4 ? DType::uint32 : DType::uint64;
}

DType signed_of(std::size_t size) { return static_cast<DType>(static_cast<int>(unsigned_of(size)) - 4); }

/// The float that holds every value of an integer of `size` bytes, as far as NumPy cares.
DType float_for(std::size_t size) { return size <= 2 ? DType::float32 : DType::float64; }

DType widen(DType real, DType complex) {
  return real == DType::float64 || complex == DType::complex128 ? DType::complex128 : DType::complex64;
}

bool fits(const Scalar& scalar, DType dtype) {
  if (is_unsigned_integer(dtype)) {
    if (scalar.dtype() == DType::int64 && scalar.to_int64() < 0) return false;
    return size_of(dtype) == 8 || scalar.to_uint64() >> (8 * size_of(dtype)) == 0;
  }
  if (scalar.dtype() == DType::uint64 && scalar.to_uint64() > static_cast<std::uint64_t>(INT64_MAX)) return false;
  const auto high = INT64_MAX >> (64 - 8 * size_of(dtype));
  return scalar.to_int64() <= high && scalar.to_int64() >= -high - 1;
}

}  // namespace

std::size_t size_of(DType dtype) { return row(dtype).size; }
std::string_view name_of(DType dtype) { return row(dtype).name; }
std::string_view npy_descr(DType dtype) { return row(dtype).descr; }

DType dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < dtype_count; ++i)
    if (name == rows[i].name || name == rows[i].descr || name == rows[i].descr.substr(1)) return static_cast<DType>(i);
  for (const auto& [alias, dtype] : aliases)
    if (name == alias) return dtype;
  if (name.size() > 1 && (name[0] == '|' || name[0] == '=' || name[0] == '<' || name[0] == '>')) {
    for (std::size_t i = 0; i < dtype_count; ++i)
      if (name.substr(1) == rows[i].descr.substr(1) && (name[0] != '>' || rows[i].size == 1))
        return static_cast<DType>(i);
  }
  throw InvalidRequest("no array can have elements of type '" + std::string(name) +
                       "'; there are bool, int8 to int64, uint8 to uint64, float32, float64, complex64 and complex128");
}

bool is_signed_integer(DType dtype) { return dtype >= DType::int8 && dtype <= DType::int64; }
bool is_unsigned_integer(DType dtype) { return dtype >= DType::uint8 && dtype <= DType::uint64; }
bool is_integer(DType dtype) { return dtype >= DType::int8 && dtype <= DType::uint64; }
bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }
bool is_complex(DType dtype) { return dtype >= DType::complex64; }

Kind kind_of(DType dtype) {
  if (dtype == DType::bool_) return Kind::boolean;
  if (is_integer(dtype)) return Kind::integer;
  return is_float(dtype) ? Kind::real : Kind::complex;
}

DType real_of(DType dtype) {
  if (dtype == DType::complex64) return DType::float32;
  return dtype == DType::complex128 ? DType::float64 : dtype;
}

DType complex_of(DType dtype) {
  return dtype == DType::float32 || dtype == DType::complex64 ? DType::complex64 : DType::complex128;
}

DType result_type(DType a, DType b) {
  if (a == b) return a;
  if (kind_of(a) > kind_of(b)) std::swap(a, b);
  if (a == DType::bool_) return b;
  const auto wider = std::max(size_of(a), size_of(b));
  switch (kind_of(b)) {
    case Kind::boolean: return b;
    case Kind::integer: {
      if (is_signed_integer(a) == is_signed_integer(b)) return size_of(a) > size_of(b) ? a : b;
      const auto with_sign = is_signed_integer(a) ? a : b;
      const auto without = is_signed_integer(a) ? b : a;
      if (size_of(with_sign) > size_of(without)) return with_sign;
      return size_of(without) == 8 ? DType::float64 : signed_of(2 * size_of(without));
    }
    case Kind::real: {
      if (is_float(a)) return wider == 8 ? DType::float64 : DType::float32;
      return b == DType::float64 ? b : float_for(size_of(a));
    }
    case Kind::complex: break;
  }
  if (is_complex(a)) return DType::complex128;
  return widen(is_float(a) ? a : float_for(size_of(a)), b);
}

bool can_cast(DType from, DType to, Casting casting) {
  if (from == to || casting == Casting::unsafe) return true;
  switch (casting) {
    case Casting::no:
    case Casting::equiv: return false;
    case Casting::safe: return result_type(from, to) == to;
    default: break;
  }
  if (result_type(from, to) == to) return true;
  // Within one kind, or to a higher one; signed integers count as higher than unsigned ones.
  if (kind_of(from) != kind_of(to)) return kind_of(from) < kind_of(to);
  return !(is_signed_integer(from) && is_unsigned_integer(to));
}

Scalar Scalar::as(DType dtype) const {
  Scalar typed = *this;
  typed.weak_ = false;
  typed.dtype_ = dtype;
  if (dtype == DType::bool_) {
    typed.value_ = to_bool();
  } else if (is_integer(dtype)) {
    if (kind_of(dtype_) <= Kind::integer && !fits(*this, dtype))
      throw InvalidRequest("the integer " +
                           (dtype_ == DType::uint64 ? std::to_string(to_uint64()) : std::to_string(to_int64())) +
                           " is outside of what " + std::string(name_of(dtype)) + " holds");
    if (is_signed_integer(dtype))
      typed.value_ = to_int64();
    else
      typed.value_ = to_uint64();
  } else if (is_float(dtype)) {
    typed.value_ = dtype == DType::float32 ? static_cast<double>(static_cast<float>(to_double())) : to_double();
  } else {
    typed.value_ = to_complex();
  }
  return typed;
}

double Scalar::to_double() const { return to_complex().real(); }

std::complex<double> Scalar::to_complex() const {
  return std::visit(
      []<class T>(const T& value) -> std::complex<double> {
        if constexpr (std::is_same_v<T, std::complex<double>>)
          return value;
        else
          return static_cast<double>(value);
      },
      value_);
}

std::int64_t Scalar::to_int64() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<std::int64_t>(*value);
  if (const auto* value = std::get_if<bool>(&value_)) return *value ? 1 : 0;
  const double value = to_double();
  return value >= -0x1p63 && value < 0x1p63 ? static_cast<std::int64_t>(value) : INT64_MIN;
}

std::uint64_t Scalar::to_uint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  const double value = to_double();
  if (!std::holds_alternative<std::int64_t>(value_) && value >= 0x1p63 && value < 0x1p64)
    return static_cast<std::uint64_t>(value);
  return static_cast<std::uint64_t>(to_int64());
}

bool Scalar::to_bool() const {
  return std::visit([]<class T>(const T& value) { return value != T{}; }, value_);
}

DType result_type(DType a, const Scalar& scalar) {
  if (!scalar.is_weak()) return result_type(a, scalar.dtype());
  const auto kind = kind_of(scalar.dtype());
  if (kind_of(a) >= kind) {
    if (kind == Kind::integer && is_integer(a)) static_cast<void>(scalar.as(a));  // throws if it does not fit
    return a;
  }
  if (kind == Kind::integer) return scalar.dtype();
  if (kind == Kind::real) return DType::float64;
  return is_float(a) ? complex_of(a) : DType::complex128;
}

}  // namespace troupe::nd
