// Operations that no vector unit has: division and powers of integers, floor division of floats. One loop for all
// processors.
#include <hwy/highway.h>

#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_loops-inl.hpp"
#include "collections/ndarray/kernels.hpp"

namespace troupe::nd::HWY_NAMESPACE {

/// Quotient rounded down, and the rest with the sign of the divisor, for floats as Python defines them.
template <class T>
T float_divide(T a, T b, T& rest) {
  rest = std::fmod(a, b);
  if (b == 0) return a / b;
  T quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(T(0), b);
  }
  if (quotient == 0) return std::copysign(T(0), a / b);
  const T whole = std::floor(quotient);
  return quotient - whole > T(0.5) ? whole + 1 : whole;
}

struct FloorDivide {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      T rest;
      return float_divide(a, b, rest);
    } else if constexpr (std::is_signed_v<T>) {
      if (b == 0) return 0;
      if (b == -1) return static_cast<T>(Wrapping<T>(0) - Wrapping<T>(a));
      const T quotient = static_cast<T>(a / b);
      return static_cast<T>(quotient - ((a % b != 0) && ((a < 0) != (b < 0))));
    } else {
      return b == 0 ? T(0) : static_cast<T>(a / b);
    }
  }
};
struct Remainder {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      T rest;
      float_divide(a, b, rest);
      return rest;
    } else if constexpr (std::is_signed_v<T>) {
      if (b == 0 || b == -1) return 0;
      const T rest = static_cast<T>(a % b);
      return static_cast<T>(rest != 0 && ((rest < 0) != (b < 0)) ? rest + b : rest);
    } else {
      return b == 0 ? T(0) : static_cast<T>(a % b);
    }
  }
};
struct Fmod {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0) return 0;
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
      return static_cast<T>(a % b);
    }
  }
};
struct Power {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_signed_v<T>)
      if (b < 0)
        throw InvalidRequest("power: integers to negative integer powers are not integers; cast one to a float");
    Wrapping<T> base(a);
    Wrapping<T> result(1);
    for (auto rest = static_cast<std::make_unsigned_t<T>>(b); rest != 0;
         rest = static_cast<decltype(rest)>(rest >> 1)) {
      if (rest & 1) result *= base;
      base *= base;
    }
    return static_cast<T>(result);
  }
};
struct BitAnd {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitOr {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct BitXor {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
struct Invert {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_same_v<T, bool>)
      return !a;
    else
      return static_cast<T>(~a);
  }
};
/// Shifted by as many bits as there are, or more: nothing is left.
struct LeftShift {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<std::make_unsigned_t<T>>(b) < 8 * sizeof(T) ? static_cast<T>(Wrapping<T>(a) << b) : T(0);
  }
};
struct RightShift {
  template <class T>
  static T apply(T a, T b) {
    if (static_cast<std::make_unsigned_t<T>>(b) < 8 * sizeof(T)) return static_cast<T>(a >> b);
    return a < T(0) ? static_cast<T>(-1) : T(0);
  }
};
struct Gcd {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(std::gcd(size(a), size(b)));
  }
  template <class T>
  static std::make_unsigned_t<T> size(T a) {
    using U = std::make_unsigned_t<T>;
    return a < T(0) ? static_cast<U>(Wrapping<T>(0) - Wrapping<T>(a)) : static_cast<U>(a);
  }
};
struct Lcm {
  template <class T>
  static T apply(T a, T b) {
    const auto common = std::gcd(Gcd::size(a), Gcd::size(b));
    if (common == 0) return 0;
    return static_cast<T>(Wrapping<T>(Gcd::size(a) / common) * Wrapping<T>(Gcd::size(b)));
  }
};
struct BitwiseCount {
  template <class T>
  static std::uint8_t apply(T a) {
    return static_cast<std::uint8_t>(std::popcount(Gcd::size(a)));
  }
};

static Kernel find_integer(Op op, DType loop) {
  switch (op) {
    case Op::floor_divide: return binary<Op::floor_divide, FloorDivide>(loop);
    case Op::remainder: return binary<Op::remainder, Remainder>(loop);
    case Op::fmod: return binary<Op::fmod, Fmod>(loop);
    case Op::power: return binary<Op::gcd, Power>(loop);
    case Op::bitwise_and: return binary<Op::bitwise_and, BitAnd>(loop);
    case Op::bitwise_or: return binary<Op::bitwise_or, BitOr>(loop);
    case Op::bitwise_xor: return binary<Op::bitwise_xor, BitXor>(loop);
    case Op::invert: return unary<Op::invert, Invert>(loop);
    case Op::left_shift: return binary<Op::left_shift, LeftShift>(loop);
    case Op::right_shift: return binary<Op::right_shift, RightShift>(loop);
    case Op::gcd: return binary<Op::gcd, Gcd>(loop);
    case Op::lcm: return binary<Op::lcm, Lcm>(loop);
    case Op::bitwise_count: return unary<Op::bitwise_count, BitwiseCount>(loop);
    default: return nullptr;
  }
}

}  // namespace troupe::nd::HWY_NAMESPACE

namespace troupe::nd::detail {

Kernel integer_kernel(Op op, DType loop) { return HWY_STATIC_DISPATCH(find_integer)(op, loop); }

}  // namespace troupe::nd::detail
