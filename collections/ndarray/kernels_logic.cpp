#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_logic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstring>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_loops-inl.hpp"
#include "collections/ndarray/kernel_vectors-inl.hpp"
#include "collections/ndarray/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

struct Equal {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a == b;
  }
  template <class T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a != b;
  }
  template <class T>
  static bool apply(T a, T b) {
    return a != b;
  }
};
/// Complex numbers in the order of their real parts, then of their imaginary parts; with a NaN anywhere, false.
struct Less {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a < b;
  }
  template <class T>
  static bool apply(T a, T b) {
    if constexpr (is_complex_type<T>) {
      if (a.imag() != a.imag() || b.imag() != b.imag()) return false;
      return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
    } else {
      return a < b;
    }
  }
};
struct LessEqual {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a <= b;
  }
  template <class T>
  static bool apply(T a, T b) {
    if constexpr (is_complex_type<T>) {
      if (a.imag() != a.imag() || b.imag() != b.imag()) return false;
      return a.real() < b.real() || (a.real() == b.real() && a.imag() <= b.imag());
    } else {
      return a <= b;
    }
  }
};
struct Greater {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a > b;
  }
  template <class T>
  static bool apply(T a, T b) {
    return Less::apply(b, a);
  }
};
struct GreaterEqual {
  template <class V>
  static HWY_INLINE auto lanes(V a, V b) {
    return a >= b;
  }
  template <class T>
  static bool apply(T a, T b) {
    return LessEqual::apply(b, a);
  }
};
struct LogicalAnd {
  template <class T>
  static bool apply(T a, T b) {
    return (a != T(0)) & (b != T(0));
  }
};
struct LogicalOr {
  template <class T>
  static bool apply(T a, T b) {
    return (a != T(0)) | (b != T(0));
  }
};
struct LogicalXor {
  template <class T>
  static bool apply(T a, T b) {
    return (a != T(0)) != (b != T(0));
  }
};
struct LogicalNot {
  template <class T>
  static bool apply(T a) {
    return a == T(0);
  }
};
struct IsNan {
  template <class T>
  static bool apply(T a) {
    return a != a;
  }
};
struct IsInf {
  template <class T>
  static bool apply(T a) {
    if constexpr (is_complex_type<T>)
      return apply(a.real()) | apply(a.imag());
    else if constexpr (std::is_floating_point_v<T>)
      return std::abs(a) > std::numeric_limits<T>::max();
    else
      return false;
  }
};
struct IsFinite {
  template <class T>
  static bool apply(T a) {
    if constexpr (is_complex_type<T>)
      return apply(a.real()) & apply(a.imag());
    else if constexpr (std::is_floating_point_v<T>)
      return std::abs(a) <= std::numeric_limits<T>::max();
    else
      return true;
  }
};
struct IsPosInf {
  template <class T>
  static bool apply(T a) {
    if constexpr (std::is_floating_point_v<T>)
      return a > std::numeric_limits<T>::max();
    else
      return false;
  }
};
struct IsNegInf {
  template <class T>
  static bool apply(T a) {
    if constexpr (std::is_floating_point_v<T>)
      return a < -std::numeric_limits<T>::max();
    else
      return false;
  }
};
struct SignBit {
  static bool apply(float a) { return std::bit_cast<std::uint32_t>(a) >> 31 != 0; }
  static bool apply(double a) { return std::bit_cast<std::uint64_t>(a) >> 63 != 0; }
};
struct IsComplex {
  template <class T>
  static bool apply(T a) {
    if constexpr (is_complex_type<T>)
      return a.imag() != 0;
    else
      return false;
  }
};
struct IsReal {
  template <class T>
  static bool apply(T a) {
    return !IsComplex::apply(a);
  }
};

#if HWY_TARGET == HWY_AVX3 && HWY_ARCH_X86_64
/// Bytes that are asked for ahead: the processor's own prefetching begins anew with each page.
inline constexpr std::size_t ahead = 4096;

/// Masks of 64 comparisons, each of whose bits becomes a byte.
template <class F, class T>
void compare_loop(std::size_t n, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  auto* r = static_cast<bool*>(out);
  constexpr std::size_t lanes = lanes_of<T>;
  const auto bits = [](const T* x, const T* y) HWY_ATTR {
    const auto mask = F::lanes(load_vector(x), load_vector(y));
    if constexpr (sizeof(T) == 8)
      return static_cast<std::uint64_t>(_mm512_movepi64_mask(reinterpret_cast<const __m512i&>(mask)));
    else
      return static_cast<std::uint64_t>(_mm512_movepi32_mask(reinterpret_cast<const __m512i&>(mask)));
  };
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t all = 0;
    for (std::size_t k = 0; k < 64; k += lanes) {
      __builtin_prefetch(reinterpret_cast<const char*>(a + i + k) + ahead);
      __builtin_prefetch(reinterpret_cast<const char*>(b + i + k) + ahead);
      all |= bits(a + i + k, b + i + k) << k;
    }
    _mm512_storeu_si512(r + i, _mm512_maskz_set1_epi8(all, 1));
  }
  for (; i < n; ++i) r[i] = F::apply(a[i], b[i]);
}
#elif HWY_TARGET == HWY_AVX2 && HWY_ARCH_X86_64
/// Eight comparisons at a time, whose bits become bytes. The compiler takes many steps to make bytes of wide masks.
template <class F, class T>
void compare_loop(std::size_t n, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  auto* r = static_cast<bool*>(out);
  const auto bits = [](const T* x, const T* y) HWY_ATTR {
    const auto mask = F::lanes(load_vector(x), load_vector(y));
    if constexpr (sizeof(T) == 8)
      return static_cast<unsigned>(_mm256_movemask_pd(reinterpret_cast<const __m256d&>(mask)));
    else
      return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<const __m256&>(mask)));
  };
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    unsigned byte = bits(a + i, b + i);
    if constexpr (sizeof(T) == 8) byte |= bits(a + i + 4, b + i + 4) << 4;
    const std::uint64_t bytes = _pdep_u64(byte, 0x0101010101010101U);
    std::memcpy(r + i, &bytes, sizeof bytes);
  }
  for (; i < n; ++i) r[i] = F::apply(a[i], b[i]);
}
#endif

#if (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3) && HWY_ARCH_X86_64
template <Op op, class F>
Kernel comparison(DType loop) {
  return visit_dtype(loop, []<class T>() -> Kernel {
    if constexpr (has_vectors<T> && sizeof(T) >= 4)
      return &compare_loop<F, T>;
    else
      return &binary_loop<F, T>;
  });
}
#else
template <Op op, class F>
Kernel comparison(DType loop) {
  return binary<op, F>(loop);
}
#endif

template <class T>
void where_loop(std::size_t n, const void* const* in, void* out) {
  const auto* condition = static_cast<const std::uint8_t*>(in[0]);
  const T* a = static_cast<const T*>(in[1]);
  const T* b = static_cast<const T*>(in[2]);
  T* r = static_cast<T*>(out);
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const T yes = a[i];
    const T no = b[i];
    r[i] = condition[i] != 0 ? yes : no;
  }
}

/// Only the width of an element matters.
Kernel find_where(DType loop) {
  switch (size_of(loop)) {
    case 1: return &where_loop<std::uint8_t>;
    case 2: return &where_loop<std::uint16_t>;
    case 4: return &where_loop<std::uint32_t>;
    case 8: return &where_loop<std::uint64_t>;
    default: return &where_loop<Complex128>;
  }
}

Kernel find_logic(Op op, DType loop) {
  switch (op) {
    case Op::equal: return comparison<Op::equal, Equal>(loop);
    case Op::not_equal: return comparison<Op::not_equal, NotEqual>(loop);
    case Op::less: return comparison<Op::less, Less>(loop);
    case Op::less_equal: return comparison<Op::less_equal, LessEqual>(loop);
    case Op::greater: return comparison<Op::greater, Greater>(loop);
    case Op::greater_equal: return comparison<Op::greater_equal, GreaterEqual>(loop);
    case Op::logical_and: return binary<Op::logical_and, LogicalAnd>(loop);
    case Op::logical_or: return binary<Op::logical_or, LogicalOr>(loop);
    case Op::logical_xor: return binary<Op::logical_xor, LogicalXor>(loop);
    case Op::logical_not: return unary<Op::logical_not, LogicalNot>(loop);
    case Op::isnan: return unary<Op::isnan, IsNan>(loop);
    case Op::isinf: return unary<Op::isinf, IsInf>(loop);
    case Op::isfinite: return unary<Op::isfinite, IsFinite>(loop);
    case Op::isposinf: return unary<Op::isposinf, IsPosInf>(loop);
    case Op::isneginf: return unary<Op::isneginf, IsNegInf>(loop);
    case Op::signbit: return unary<Op::signbit, SignBit>(loop);
    case Op::iscomplex: return unary<Op::iscomplex, IsComplex>(loop);
    case Op::isreal: return unary<Op::isreal, IsReal>(loop);
    case Op::where: return find_where(loop);
    default: return nullptr;
  }
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd::detail {

HWY_EXPORT(find_logic);
Kernel logic_kernel(Op op, DType loop) { return HWY_DYNAMIC_DISPATCH(find_logic)(op, loop); }

}  // namespace troupe::nd::detail
#endif
