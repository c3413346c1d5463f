// Transcendental functions of floats: those of SLEEF, whose results are within 1 ulp, a vector at a time. Those named
// finz (with fused operations) and cinz (without) never look at the other lanes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_math.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_loops-inl.hpp"
#include "collections/ndarray/kernels.hpp"

// X(operation, name in SLEEF, its precision, std)
#define TROUPE_ND_MATH_1(X)     \
  X(exp, exp, u10, exp)         \
  X(exp2, exp2, u10, exp2)      \
  X(expm1, expm1, u10, expm1)   \
  X(log, log, u10, log)         \
  X(log2, log2, u10, log2)      \
  X(log10, log10, u10, log10)   \
  X(log1p, log1p, u10, log1p)   \
  X(sin, sin, u10, sin)         \
  X(cos, cos, u10, cos)         \
  X(tan, tan, u10, tan)         \
  X(arcsin, asin, u10, asin)    \
  X(arccos, acos, u10, acos)    \
  X(arctan, atan, u10, atan)    \
  X(sinh, sinh, u10, sinh)      \
  X(cosh, cosh, u10, cosh)      \
  X(tanh, tanh, u10, tanh)      \
  X(arcsinh, asinh, u10, asinh) \
  X(arccosh, acosh, u10, acosh) \
  X(arctanh, atanh, u10, atanh) \
  X(cbrt, cbrt, u10, cbrt)
#define TROUPE_ND_MATH_2(X)     \
  X(power, pow, u10, pow)       \
  X(arctan2, atan2, u10, atan2) \
  X(hypot, hypot, u05, hypot)

HWY_BEFORE_NAMESPACE();
#if HWY_TARGET == HWY_AVX3
#define TROUPE_ND_VECTOR_MATH 1
#define TROUPE_ND_SLEEF(name, kind, precision) Sleef_finz_##name##kind##_##precision##avx512f
#define TROUPE_ND_SLEEF_D(name, precision) TROUPE_ND_SLEEF(name, d8, precision)
#define TROUPE_ND_SLEEF_F(name, precision) TROUPE_ND_SLEEF(name, f16, precision)
#define TROUPE_ND_VECTOR_D __m512d
#define TROUPE_ND_VECTOR_F __m512
#elif HWY_TARGET == HWY_AVX2
#define TROUPE_ND_VECTOR_MATH 1
#define TROUPE_ND_SLEEF(name, kind, precision) Sleef_finz_##name##kind##_##precision##avx2
#define TROUPE_ND_SLEEF_D(name, precision) TROUPE_ND_SLEEF(name, d4, precision)
#define TROUPE_ND_SLEEF_F(name, precision) TROUPE_ND_SLEEF(name, f8, precision)
#define TROUPE_ND_VECTOR_D __m256d
#define TROUPE_ND_VECTOR_F __m256
#elif HWY_ARCH_X86
#define TROUPE_ND_VECTOR_MATH 1
#define TROUPE_ND_SLEEF(name, kind, precision) Sleef_cinz_##name##kind##_##precision##sse2
#define TROUPE_ND_SLEEF_D(name, precision) TROUPE_ND_SLEEF(name, d2, precision)
#define TROUPE_ND_SLEEF_F(name, precision) TROUPE_ND_SLEEF(name, f4, precision)
#define TROUPE_ND_VECTOR_D __m128d
#define TROUPE_ND_VECTOR_F __m128
#else
#define TROUPE_ND_VECTOR_MATH 0
#endif

// Declared here, since the header of SLEEF shows only what the whole file is compiled for.
#if TROUPE_ND_VECTOR_MATH
extern "C" {
#define X(operation, name, precision, std_name)                              \
  TROUPE_ND_VECTOR_D TROUPE_ND_SLEEF_D(name, precision)(TROUPE_ND_VECTOR_D); \
  TROUPE_ND_VECTOR_F TROUPE_ND_SLEEF_F(name, precision)(TROUPE_ND_VECTOR_F);
TROUPE_ND_MATH_1(X)
#undef X
#define X(operation, name, precision, std_name)                                                  \
  TROUPE_ND_VECTOR_D TROUPE_ND_SLEEF_D(name, precision)(TROUPE_ND_VECTOR_D, TROUPE_ND_VECTOR_D); \
  TROUPE_ND_VECTOR_F TROUPE_ND_SLEEF_F(name, precision)(TROUPE_ND_VECTOR_F, TROUPE_ND_VECTOR_F);
TROUPE_ND_MATH_2(X)
#undef X
}
#endif
HWY_AFTER_NAMESPACE();

#include "collections/ndarray/kernel_short_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

#if TROUPE_ND_VECTOR_MATH
inline TROUPE_ND_VECTOR_D load(const double* p) {
  TROUPE_ND_VECTOR_D v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline TROUPE_ND_VECTOR_F load(const float* p) {
  TROUPE_ND_VECTOR_F v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
void store(V v, T* p) {
  std::memcpy(p, &v, sizeof v);
}

/// Whole vectors, then one that is filled up with ones.
template <class F, class T>
void vector_loop_1(std::size_t n, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]);
  T* r = static_cast<T*>(out);
  constexpr std::size_t lanes = sizeof(load(static_cast<const T*>(nullptr))) / sizeof(T);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(F::apply(load(a + i)), r + i);
  if (i == n) return;
  T rest[lanes];
  for (auto& element : rest) element = 1;
  std::memcpy(rest, a + i, (n - i) * sizeof(T));
  store(F::apply(load(rest)), rest);
  std::memcpy(r + i, rest, (n - i) * sizeof(T));
}

template <class F, class T>
void vector_loop_2(std::size_t n, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  T* r = static_cast<T*>(out);
  constexpr std::size_t lanes = sizeof(load(static_cast<const T*>(nullptr))) / sizeof(T);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(F::apply(load(a + i), load(b + i)), r + i);
  if (i == n) return;
  T rest_a[lanes];
  T rest_b[lanes];
  for (std::size_t k = 0; k < lanes; ++k) rest_a[k] = rest_b[k] = 1;
  std::memcpy(rest_a, a + i, (n - i) * sizeof(T));
  std::memcpy(rest_b, b + i, (n - i) * sizeof(T));
  store(F::apply(load(rest_a), load(rest_b)), rest_a);
  std::memcpy(r + i, rest_a, (n - i) * sizeof(T));
}

#define X(operation, name, precision, std_name)                                                             \
  struct Math_##operation {                                                                                 \
    static TROUPE_ND_VECTOR_D apply(TROUPE_ND_VECTOR_D a) { return TROUPE_ND_SLEEF_D(name, precision)(a); } \
    static TROUPE_ND_VECTOR_F apply(TROUPE_ND_VECTOR_F a) { return TROUPE_ND_SLEEF_F(name, precision)(a); } \
  };
TROUPE_ND_MATH_1(X)
#undef X
#define X(operation, name, precision, std_name)                                   \
  struct Math_##operation {                                                       \
    static TROUPE_ND_VECTOR_D apply(TROUPE_ND_VECTOR_D a, TROUPE_ND_VECTOR_D b) { \
      return TROUPE_ND_SLEEF_D(name, precision)(a, b);                            \
    }                                                                             \
    static TROUPE_ND_VECTOR_F apply(TROUPE_ND_VECTOR_F a, TROUPE_ND_VECTOR_F b) { \
      return TROUPE_ND_SLEEF_F(name, precision)(a, b);                            \
    }                                                                             \
  };
TROUPE_ND_MATH_2(X)
#undef X
#define TROUPE_ND_LOOP_1(F, T) &vector_loop_1<F, T>
#define TROUPE_ND_LOOP_2(F, T) &vector_loop_2<F, T>

#else

#define X(operation, name, precision, std_name) \
  struct Math_##operation {                     \
    template <class T>                          \
    static T apply(T a) {                       \
      return std::std_name(a);                  \
    }                                           \
  };
TROUPE_ND_MATH_1(X)
#undef X
#define X(operation, name, precision, std_name) \
  struct Math_##operation {                     \
    template <class T>                          \
    static T apply(T a, T b) {                  \
      return std::std_name(a, b);               \
    }                                           \
  };
TROUPE_ND_MATH_2(X)
#undef X
#define TROUPE_ND_LOOP_1(F, T) &unary_loop<F, T>
#define TROUPE_ND_LOOP_2(F, T) &binary_loop<F, T>

#endif

struct Degrees {
  template <class T>
  static T apply(T a) {
    return a * T(180 / M_PI);
  }
};
struct Radians {
  template <class T>
  static T apply(T a) {
    return a * T(M_PI / 180);
  }
};
struct CopySign {
  template <class T>
  static T apply(T a, T b) {
    return std::copysign(a, b);
  }
};
struct Heaviside {
  template <class T>
  static T apply(T a, T at_zero) {
    return a != a ? a : a == 0 ? at_zero : a < 0 ? T(0) : T(1);
  }
};
struct ModfWhole {
  template <class T>
  static T apply(T a) {
    return std::trunc(a);
  }
};
struct ModfFraction {
  template <class T>
  static T apply(T a) {
    return std::isinf(a) ? std::copysign(T(0), a) : std::copysign(a - std::trunc(a), a);
  }
};

Kernel find_math(Op op, DType loop) {
  if (!is_float(loop)) return nullptr;
  const bool wide = loop == DType::float64;
#if HWY_TARGET == HWY_AVX3
  if (op == Op::exp && wide) return TROUPE_ND_LOOP_1(ShortExp, double);
  if (op == Op::sin && !wide) return TROUPE_ND_LOOP_1(ShortSine<0>, float);
  if (op == Op::cos && !wide) return TROUPE_ND_LOOP_1(ShortSine<1>, float);
  if (op == Op::log) return wide ? TROUPE_ND_LOOP_1(ShortLog, double) : TROUPE_ND_LOOP_1(ShortLog, float);
#endif
  switch (op) {
#define X(operation, name, precision, std_name) \
  case Op::operation:                           \
    return wide ? TROUPE_ND_LOOP_1(Math_##operation, double) : TROUPE_ND_LOOP_1(Math_##operation, float);
    TROUPE_ND_MATH_1(X)
#undef X
#define X(operation, name, precision, std_name) \
  case Op::operation:                           \
    return wide ? TROUPE_ND_LOOP_2(Math_##operation, double) : TROUPE_ND_LOOP_2(Math_##operation, float);
    TROUPE_ND_MATH_2(X)
#undef X
    case Op::float_power: return TROUPE_ND_LOOP_2(Math_power, double);
    case Op::degrees: return unary<Op::degrees, Degrees>(loop);
    case Op::radians: return unary<Op::radians, Radians>(loop);
    case Op::copysign: return binary<Op::copysign, CopySign>(loop);
    case Op::heaviside: return binary<Op::heaviside, Heaviside>(loop);
    case Op::modf_whole: return unary<Op::modf_whole, ModfWhole>(loop);
    case Op::modf_fraction: return unary<Op::modf_fraction, ModfFraction>(loop);
    default: return nullptr;
  }
}

#undef TROUPE_ND_LOOP_1
#undef TROUPE_ND_LOOP_2
#undef TROUPE_ND_SLEEF
#undef TROUPE_ND_SLEEF_D
#undef TROUPE_ND_SLEEF_F
#undef TROUPE_ND_VECTOR_D
#undef TROUPE_ND_VECTOR_F
#undef TROUPE_ND_VECTOR_MATH

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd::detail {

HWY_EXPORT(find_math);
Kernel math_kernel(Op op, DType loop) { return HWY_DYNAMIC_DISPATCH(find_math)(op, loop); }

}  // namespace troupe::nd::detail
#endif
