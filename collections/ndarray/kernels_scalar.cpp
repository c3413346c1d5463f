// Functions that are asked for seldom, or are of complex numbers: one element at a time, by the standard library.
#include <hwy/highway.h>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_loops-inl.hpp"
#include "collections/ndarray/kernels.hpp"

namespace troupe::nd::HWY_NAMESPACE {

template <class T>
T times_i(T a) {
  return {-a.imag(), a.real()};
}

#define TROUPE_ND_COMPLEX(Name, expression)              \
  struct Name {                                          \
    template <class T>                                   \
    static T apply(T a) {                                \
      using R [[maybe_unused]] = typename T::value_type; \
      return expression;                                 \
    }                                                    \
  };
TROUPE_ND_COMPLEX(CSqrt, std::sqrt(a))
TROUPE_ND_COMPLEX(CExp, std::exp(a))
TROUPE_ND_COMPLEX(CExp2, std::exp(a* R(M_LN2)))
TROUPE_ND_COMPLEX(CExpm1, (T{std::expm1(a.real()) * std::cos(a.imag()) - 2 * std::pow(std::sin(a.imag() / 2), R(2)),
                             std::exp(a.real()) * std::sin(a.imag())}))
TROUPE_ND_COMPLEX(CLog, std::log(a))
TROUPE_ND_COMPLEX(CLog2, std::log(a) / R(M_LN2))
TROUPE_ND_COMPLEX(CLog10, std::log10(a))
TROUPE_ND_COMPLEX(CLog1p, (T{std::log(std::hypot(a.real() + 1, a.imag())), std::atan2(a.imag(), a.real() + 1)}))
TROUPE_ND_COMPLEX(CSin, std::sin(a))
TROUPE_ND_COMPLEX(CCos, std::cos(a))
TROUPE_ND_COMPLEX(CTan, std::tan(a))
TROUPE_ND_COMPLEX(CAsin, std::asin(a))
TROUPE_ND_COMPLEX(CAcos, std::acos(a))
TROUPE_ND_COMPLEX(CAtan, std::atan(a))
TROUPE_ND_COMPLEX(CSinh, std::sinh(a))
TROUPE_ND_COMPLEX(CCosh, std::cosh(a))
TROUPE_ND_COMPLEX(CTanh, std::tanh(a))
TROUPE_ND_COMPLEX(CAsinh, std::asinh(a))
TROUPE_ND_COMPLEX(CAcosh, std::acosh(a))
TROUPE_ND_COMPLEX(CAtanh, std::atanh(a))
#undef TROUPE_ND_COMPLEX

struct CPower {
  template <class T>
  static T apply(T a, T b) {
    if (b == T(0)) return 1;
    if (a == T(0)) {
      if (b.real() > 0 && b.imag() == 0) return 0;
      return {NAN, NAN};
    }
    const auto whole = static_cast<int>(b.real());
    if (b.imag() != 0 || b.real() != whole || std::abs(whole) >= 100) return std::pow(a, b);
    T result(1);
    T base = a;
    for (auto rest = std::abs(whole); rest != 0; rest >>= 1) {
      if (rest & 1) result *= base;
      base *= base;
    }
    return whole < 0 ? T(1) / result : result;
  }
};

struct LogAddExp {
  template <class T>
  static T apply(T a, T b) {
    if (a == b) return a + T(M_LN2);
    const T apart = a - b;
    if (apart > 0) return a + std::log1p(std::exp(-apart));
    return apart <= 0 ? b + std::log1p(std::exp(apart)) : apart;
  }
};
struct LogAddExp2 {
  template <class T>
  static T apply(T a, T b) {
    if (a == b) return a + 1;
    const T apart = a - b;
    if (apart > 0) return a + std::log1p(std::exp2(-apart)) * T(M_LOG2E);
    return apart <= 0 ? b + std::log1p(std::exp2(apart)) * T(M_LOG2E) : apart;
  }
};
struct NextAfter {
  template <class T>
  static T apply(T a, T b) {
    return std::nextafter(a, b);
  }
};
struct Ldexp {
  template <class T>
  static T apply(T a, T b) {
    return std::ldexp(a, static_cast<int>(b));
  }
};
struct Spacing {
  template <class T>
  static T apply(T a) {
    if (std::isinf(a)) return NAN;
    if (a == 0) return std::numeric_limits<T>::denorm_min();
    return std::copysign(std::nextafter(std::abs(a), std::numeric_limits<T>::infinity()) - std::abs(a), a);
  }
};
struct FrexpMantissa {
  template <class T>
  static T apply(T a) {
    int exponent = 0;
    return std::frexp(a, &exponent);
  }
};
struct FrexpExponent {
  template <class T>
  static std::int32_t apply(T a) {
    int exponent = 0;
    if (!std::isfinite(a)) return 0;
    std::frexp(a, &exponent);
    return exponent;
  }
};
struct Sinc {
  template <class T>
  static T apply(T a) {
    const T x = T(M_PI) * (a == 0 ? T(1e-20) : a);
    return std::sin(x) / x;
  }
};
/// Modified Bessel function of the first kind, order 0.
struct BesselI0 {
  template <class T>
  static T apply(T a) {
    const double x = std::abs(static_cast<double>(a));
    if (x > 713) return a != a ? a : std::numeric_limits<T>::infinity();
    return static_cast<T>(x != x ? x : std::cyl_bessel_i(0.0, x));
  }
};
struct Angle {
  template <class T>
  static auto apply(T a) {
    if constexpr (is_complex_type<T>)
      return std::atan2(a.imag(), a.real());
    else
      return std::atan2(T(0), a);
  }
};

static Kernel find_complex(Op op, DType loop) {
  switch (op) {
#define TROUPE_ND_CASE(operation, F) \
  case Op::operation: return loop == DType::complex64 ? &unary_loop<F, Complex64> : &unary_loop<F, Complex128>;
    TROUPE_ND_CASE(sqrt, CSqrt)
    TROUPE_ND_CASE(exp, CExp)
    TROUPE_ND_CASE(exp2, CExp2)
    TROUPE_ND_CASE(expm1, CExpm1)
    TROUPE_ND_CASE(log, CLog)
    TROUPE_ND_CASE(log2, CLog2)
    TROUPE_ND_CASE(log10, CLog10)
    TROUPE_ND_CASE(log1p, CLog1p)
    TROUPE_ND_CASE(sin, CSin)
    TROUPE_ND_CASE(cos, CCos)
    TROUPE_ND_CASE(tan, CTan)
    TROUPE_ND_CASE(arcsin, CAsin)
    TROUPE_ND_CASE(arccos, CAcos)
    TROUPE_ND_CASE(arctan, CAtan)
    TROUPE_ND_CASE(sinh, CSinh)
    TROUPE_ND_CASE(cosh, CCosh)
    TROUPE_ND_CASE(tanh, CTanh)
    TROUPE_ND_CASE(arcsinh, CAsinh)
    TROUPE_ND_CASE(arccosh, CAcosh)
    TROUPE_ND_CASE(arctanh, CAtanh)
#undef TROUPE_ND_CASE
    case Op::power:
    case Op::float_power:
      return loop == DType::complex64 ? &binary_loop<CPower, Complex64> : &binary_loop<CPower, Complex128>;
    default: return nullptr;
  }
}

static Kernel find_scalar(Op op, DType loop) {
  switch (op) {
    case Op::angle: return unary<Op::angle, Angle>(loop);
    case Op::logaddexp: return binary<Op::logaddexp, LogAddExp>(loop);
    case Op::logaddexp2: return binary<Op::logaddexp2, LogAddExp2>(loop);
    case Op::nextafter: return binary<Op::nextafter, NextAfter>(loop);
    case Op::ldexp: return binary<Op::ldexp, Ldexp>(loop);
    case Op::spacing: return unary<Op::spacing, Spacing>(loop);
    case Op::frexp_mantissa: return unary<Op::frexp_mantissa, FrexpMantissa>(loop);
    case Op::frexp_exponent: return unary<Op::frexp_exponent, FrexpExponent>(loop);
    case Op::sinc: return unary<Op::sinc, Sinc>(loop);
    case Op::i0: return unary<Op::i0, BesselI0>(loop);
    default: return is_complex(loop) ? find_complex(op, loop) : nullptr;
  }
}

}  // namespace troupe::nd::HWY_NAMESPACE

namespace troupe::nd::detail {

Kernel scalar_kernel(Op op, DType loop) { return HWY_STATIC_DISPATCH(find_scalar)(op, loop); }

}  // namespace troupe::nd::detail
