#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_arithmetic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_loops-inl.hpp"
#include "collections/ndarray/kernel_vectors-inl.hpp"
#include "collections/ndarray/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

struct Add {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_same_v<T, bool>)
      return a || b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b));
    else
      return a + b;
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b));
    else
      return a - b;
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_same_v<T, bool>)
      return a && b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b));
    else if constexpr (is_complex_type<T>)
      return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    else
      return a * b;
  }
};
/// Complex division by Smith's method: R. L. Smith, "Algorithm 116: Complex division", CACM 5 (1962).
struct Divide {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (is_complex_type<T>) {
      const auto re = std::abs(b.real());
      const auto im = std::abs(b.imag());
      if (re >= im) {
        if (re == 0 && im == 0) return {a.real() / re, a.imag() / re};
        const auto ratio = b.imag() / b.real();
        const auto scale = 1 / (b.real() + b.imag() * ratio);
        return {(a.real() + a.imag() * ratio) * scale, (a.imag() - a.real() * ratio) * scale};
      }
      const auto ratio = b.real() / b.imag();
      const auto scale = 1 / (b.imag() + b.real() * ratio);
      return {(a.real() * ratio + a.imag()) * scale, (a.imag() * ratio - a.real()) * scale};
    } else {
      return a / b;
    }
  }
};
struct Negative {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(Wrapping<T>(0) - Wrapping<T>(a));
    else
      return -a;
  }
};
struct Positive {
  template <class T>
  static T apply(T a) {
    return a;
  }
};
struct Absolute {
  template <class T>
  static auto apply(T a) {
    if constexpr (is_complex_type<T>)
      return std::hypot(a.real(), a.imag());
    else if constexpr (std::is_floating_point_v<T>)
      return std::abs(a);
    else if constexpr (std::is_signed_v<T>)
      return a < 0 ? static_cast<T>(Wrapping<T>(0) - Wrapping<T>(a)) : a;
    else
      return a;
  }
};
struct Sign {
  template <class T>
  static T apply(T a) {
    if constexpr (is_complex_type<T>) {
      const auto size = std::hypot(a.real(), a.imag());
      if (size == 0) return {0, 0};
      if (std::isinf(size)) {
        if (std::isinf(a.real()) && std::isinf(a.imag())) return {NAN, NAN};
        return std::isinf(a.real()) ? T(std::copysign(typename T::value_type(1), a.real()), 0)
                                    : T(0, std::copysign(typename T::value_type(1), a.imag()));
      }
      return {a.real() / size, a.imag() / size};
    } else if constexpr (std::is_floating_point_v<T>) {
      const T sign = static_cast<T>(a > 0) - static_cast<T>(a < 0);
      return a == a ? sign : a;
    } else {
      return static_cast<T>((a > 0) - (a < 0));
    }
  }
};
struct Square {
  template <class T>
  static T apply(T a) {
    return Multiply::apply(a, a);
  }
};
struct Reciprocal {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_integral_v<T>) {
      if (a == 0) return std::is_signed_v<T> && sizeof(T) >= 4 ? std::numeric_limits<T>::min() : T(0);
      return static_cast<T>(1 / a);
    } else {
      return Divide::apply(T(1), a);
    }
  }
};

template <class T>
bool is_nan(T a) {
  if constexpr (is_complex_type<T>)
    return a.real() != a.real() || a.imag() != a.imag();
  else
    return a != a;
}
/// Complex numbers in the order of their real parts, then of their imaginary parts.
template <class T>
bool is_greater(T a, T b) {
  if constexpr (is_complex_type<T>)
    return a.real() > b.real() || (a.real() == b.real() && a.imag() > b.imag());
  else
    return a > b;
}
/// A NaN in either wins.
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return is_greater(a, b) | is_nan(a) ? a : b;
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return is_greater(b, a) | is_nan(a) ? a : b;
  }
};
/// A NaN in one loses.
struct Fmax {
  template <class T>
  static T apply(T a, T b) {
    return is_greater(b, a) | is_nan(a) ? b : a;
  }
};
struct Fmin {
  template <class T>
  static T apply(T a, T b) {
    return is_greater(a, b) | is_nan(a) ? b : a;
  }
};
struct Clip {
  template <class T>
  static T apply(T a, T low, T high) {
    return Minimum::apply(Maximum::apply(a, low), high);
  }
};
struct Floor {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_floating_point_v<T>)
      return std::floor(a);
    else
      return a;
  }
};
struct Ceil {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_floating_point_v<T>)
      return std::ceil(a);
    else
      return a;
  }
};
struct Trunc {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_floating_point_v<T>)
      return std::trunc(a);
    else
      return a;
  }
};
struct Rint {
  template <class T>
  static T apply(T a) {
    if constexpr (is_complex_type<T>)
      return {std::nearbyint(a.real()), std::nearbyint(a.imag())};
    else
      return std::nearbyint(a);
  }
};
struct Sqrt {
  template <class T>
  static T apply(T a) {
    return std::sqrt(a);
  }
};
struct Conj {
  template <class T>
  static T apply(T a) {
    if constexpr (is_complex_type<T>)
      return {a.real(), -a.imag()};
    else
      return a;
  }
};
struct Real {
  template <class T>
  static auto apply(T a) {
    if constexpr (is_complex_type<T>)
      return a.real();
    else
      return a;
  }
};
struct Imag {
  template <class T>
  static auto apply(T a) {
    if constexpr (is_complex_type<T>)
      return a.imag();
    else
      return static_cast<void>(a), T(0);
  }
};
struct NanToNum {
  template <class T>
  static T apply(T a) {
    if constexpr (is_complex_type<T>) {
      return {apply(a.real()), apply(a.imag())};
    } else if constexpr (std::is_floating_point_v<T>) {
      constexpr T high = std::numeric_limits<T>::max();
      return a != a ? T(0) : a > high ? high : a < -high ? -high : a;
    } else {
      return a;
    }
  }
};

template <class T>
void clip_loop(std::size_t n, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]);
  const T* low = static_cast<const T*>(in[1]);
  const T* high = static_cast<const T*>(in[2]);
  T* r = static_cast<T*>(out);
  std::size_t i = 0;
  if constexpr (has_vectors<T>)
    for (; i + lanes_of<T> <= n; i += lanes_of<T>) {
      const auto x = load_vector(a + i);
      const auto l = load_vector(low + i);
      const auto h = load_vector(high + i);
      const auto raised = (x > l) | (x != x) ? x : l;
      store_vector((h > raised) | (raised != raised) ? raised : h, r + i);
    }
  for (; i < n; ++i) r[i] = Clip::apply(a[i], low[i], high[i]);
}

Kernel find_clip(DType loop) {
  return visit_dtype(loop, []<class T>() -> Kernel { return &clip_loop<T>; });
}

Kernel find_arithmetic(Op op, DType loop) {
  switch (op) {
    case Op::add: return binary<Op::add, Add>(loop);
    case Op::subtract: return binary<Op::subtract, Subtract>(loop);
    case Op::multiply: return binary<Op::multiply, Multiply>(loop);
    case Op::divide: return binary<Op::divide, Divide>(loop);
    case Op::negative: return unary<Op::negative, Negative>(loop);
    case Op::positive: return unary<Op::positive, Positive>(loop);
    case Op::absolute: return unary<Op::absolute, Absolute>(loop);
    case Op::fabs: return unary<Op::fabs, Absolute>(loop);
    case Op::sign: return unary<Op::sign, Sign>(loop);
    case Op::reciprocal: return unary<Op::reciprocal, Reciprocal>(loop);
    case Op::square: return unary<Op::square, Square>(loop);
    case Op::maximum: return binary<Op::maximum, Maximum>(loop);
    case Op::minimum: return binary<Op::minimum, Minimum>(loop);
    case Op::fmax: return binary<Op::fmax, Fmax>(loop);
    case Op::fmin: return binary<Op::fmin, Fmin>(loop);
    case Op::clip: return find_clip(loop);
    case Op::floor: return unary<Op::floor, Floor>(loop);
    case Op::ceil: return unary<Op::ceil, Ceil>(loop);
    case Op::trunc: return unary<Op::trunc, Trunc>(loop);
    case Op::rint: return unary<Op::rint, Rint>(loop);
    case Op::sqrt: return is_complex(loop) ? nullptr : unary<Op::cbrt, Sqrt>(loop);
    case Op::conj: return unary<Op::conj, Conj>(loop);
    case Op::real: return unary<Op::real, Real>(loop);
    case Op::imag: return unary<Op::imag, Imag>(loop);
    case Op::nan_to_num: return unary<Op::nan_to_num, NanToNum>(loop);
    default: return nullptr;
  }
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd::detail {

HWY_EXPORT(find_arithmetic);
Kernel arithmetic_kernel(Op op, DType loop) { return HWY_DYNAMIC_DISPATCH(find_arithmetic)(op, loop); }

}  // namespace troupe::nd::detail
#endif
