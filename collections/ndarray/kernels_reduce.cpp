#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/reduce_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

template <class T>
constexpr bool is_number = std::is_floating_point_v<T> || is_complex_type<T>;

struct FoldSum {
  template <class T>
  static T identity() {
    return T(0);
  }
  template <class T>
  static T join(T a, T b) {
    return a + b;
  }
  template <class T>
  static T take(T x, T) {
    return x;
  }
};
struct FoldProduct {
  template <class T>
  static T identity() {
    return T(1);
  }
  template <class T>
  static T join(T a, T b) {
    if constexpr (is_complex_type<T>)
      return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
  template <class T>
  static T take(T x, T) {
    return x;
  }
};
template <class T>
bool is_less(T a, T b) {
  if constexpr (is_complex_type<T>)
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  else
    return a < b;
}
/// A NaN wins.
struct FoldMinimum {
  template <class T>
  static T identity() {
    if constexpr (is_complex_type<T>)
      return {std::numeric_limits<typename T::value_type>::infinity(),
              std::numeric_limits<typename T::value_type>::infinity()};
    else if constexpr (std::is_floating_point_v<T>)
      return std::numeric_limits<T>::infinity();
    else
      return std::numeric_limits<T>::max();
  }
  template <class T>
  static T join(T a, T b) {
    return is_less(a, b) || a != a ? a : b;
  }
  template <class T>
  static T take(T x, T) {
    return x;
  }
};
struct FoldMaximum {
  template <class T>
  static T identity() {
    if constexpr (is_complex_type<T>)
      return -FoldMinimum::identity<T>();
    else if constexpr (std::is_floating_point_v<T>)
      return -std::numeric_limits<T>::infinity();
    else
      return std::numeric_limits<T>::lowest();
  }
  template <class T>
  static T join(T a, T b) {
    return is_less(b, a) || a != a ? a : b;
  }
  template <class T>
  static T take(T x, T) {
    return x;
  }
};
/// A NaN loses.
struct FoldNanMinimum : FoldMinimum {
  template <class T>
  static T identity() {
    if constexpr (is_number<T>)
      return std::numeric_limits<double>::quiet_NaN();
    else
      return FoldMinimum::identity<T>();
  }
  template <class T>
  static T join(T a, T b) {
    return is_less(b, a) || a != a ? b : a;
  }
};
struct FoldNanMaximum : FoldMaximum {
  template <class T>
  static T identity() {
    if constexpr (is_number<T>)
      return std::numeric_limits<double>::quiet_NaN();
    else
      return FoldMaximum::identity<T>();
  }
  template <class T>
  static T join(T a, T b) {
    return is_less(a, b) || a != a ? b : a;
  }
};
struct FoldAny : FoldSum {
  static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a | b; }
};
struct FoldAll : FoldProduct {
  static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a & b; }
};
struct FoldSquares : FoldSum {
  template <class T>
  static T take(T x, T center) {
    const T apart = x - center;
    if constexpr (is_complex_type<T>)
      return apart.real() * apart.real() + apart.imag() * apart.imag();
    else
      return apart * apart;
  }
};
struct FoldNanSum : FoldSum {
  template <class T>
  static T take(T x, T) {
    return x == x ? x : T(0);
  }
};
struct FoldNanProduct : FoldProduct {
  template <class T>
  static T take(T x, T) {
    return x == x ? x : T(1);
  }
};
struct FoldNanSquares : FoldSum {
  template <class T>
  static T take(T x, T center) {
    const T square = FoldSquares::take(x, center);
    return x == x ? square : T(0);
  }
};

/// Elements folded by one call before their total joins those of other blocks, two and two.
constexpr std::size_t block = 1024;

/// As many running totals as four vectors have lanes, so that the compiler keeps them in registers.
template <class F, class T>
T fold_block(std::size_t n, const T* x, T center) {
  constexpr std::size_t lanes = sizeof(T) >= 16 ? 4 : 128 / sizeof(T);
  T total[lanes];
  for (auto& t : total) t = F::template identity<T>();
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) total[k] = F::join(total[k], F::take(x[i + k], center));
  for (std::size_t k = 0; i < n; ++i, ++k) total[k] = F::join(total[k], F::take(x[i], center));
  for (std::size_t width = lanes / 2; width > 0; width /= 2)
    for (std::size_t k = 0; k < width; ++k) total[k] = F::join(total[k], total[k + width]);
  return total[0];
}

/// Totals of blocks are joined as the digits of a binary counter carry: rounding errors grow with log n.
template <class F, class T>
void fold_line(std::size_t n, const void* elements, const void* center, void* total) {
  const T* x = static_cast<const T*>(elements);
  const T c = center ? *static_cast<const T*>(center) : T(0);
  T& result = *static_cast<T*>(total);
  if (n <= block) {
    result = F::join(result, fold_block<F>(n, x, c));
    return;
  }
  T waiting[48];
  std::size_t depth = 0;
  for (std::size_t done = 0, count = 1; done < n; done += block, ++count) {
    T carried = fold_block<F>(std::min(block, n - done), x + done, c);
    for (std::size_t bit = count; (bit & 1) == 0; bit >>= 1) carried = F::join(waiting[--depth], carried);
    waiting[depth++] = carried;
  }
  T joined = waiting[--depth];
  while (depth > 0) joined = F::join(waiting[--depth], joined);
  result = F::join(result, joined);
}

template <class F, class T>
void fold_rows(std::size_t n, std::size_t rows, const void* const* elements, const void* center, void* totals) {
  T* t = static_cast<T*>(totals);
  const T* c = center ? static_cast<const T*>(center) : t;
  if (rows == 4) {
    const T* x0 = static_cast<const T*>(elements[0]);
    const T* x1 = static_cast<const T*>(elements[1]);
    const T* x2 = static_cast<const T*>(elements[2]);
    const T* x3 = static_cast<const T*>(elements[3]);
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; ++i) {
      const T a = F::join(F::take(x0[i], c[i]), F::take(x1[i], c[i]));
      const T b = F::join(F::take(x2[i], c[i]), F::take(x3[i], c[i]));
      t[i] = F::join(t[i], F::join(a, b));
    }
    return;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const T* x = static_cast<const T*>(elements[row]);
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; ++i) t[i] = F::join(t[i], F::take(x[i], c[i]));
  }
}

template <class F, class T>
FoldKernels kernels() {
  return {&fold_line<F, T>, &fold_rows<F, T>};
}

/// Sums and products have few types, the others all.
template <class F>
FoldKernels number_kernels(DType dtype) {
  switch (dtype) {
    case DType::int64:
    case DType::uint64: return kernels<F, std::uint64_t>();  // wraps around in both
    case DType::float32: return kernels<F, float>();
    case DType::float64: return kernels<F, double>();
    case DType::complex64: return kernels<F, Complex64>();
    default: return kernels<F, Complex128>();
  }
}

template <class F>
FoldKernels float_kernels(DType dtype) {
  switch (dtype) {
    case DType::float32: return kernels<F, float>();
    case DType::float64: return kernels<F, double>();
    case DType::complex64: return kernels<F, Complex64>();
    default: return kernels<F, Complex128>();
  }
}

template <class F>
FoldKernels ordered_kernels(DType dtype) {
  return visit_dtype(dtype, []<class T>() {
    if constexpr (std::is_same_v<T, bool>)
      return kernels<F, std::uint8_t>();
    else
      return kernels<F, T>();
  });
}

FoldKernels find_fold(Fold fold, DType dtype) {
  switch (fold) {
    case Fold::sum: return number_kernels<FoldSum>(dtype);
    case Fold::product: return number_kernels<FoldProduct>(dtype);
    case Fold::minimum: return ordered_kernels<FoldMinimum>(dtype);
    case Fold::maximum: return ordered_kernels<FoldMaximum>(dtype);
    case Fold::any: return kernels<FoldAny, std::uint8_t>();
    case Fold::all: return kernels<FoldAll, std::uint8_t>();
    case Fold::squares: return float_kernels<FoldSquares>(dtype);
    case Fold::nan_sum: return float_kernels<FoldNanSum>(dtype);
    case Fold::nan_product: return float_kernels<FoldNanProduct>(dtype);
    case Fold::nan_minimum: return float_kernels<FoldNanMinimum>(dtype);
    case Fold::nan_maximum: return float_kernels<FoldNanMaximum>(dtype);
    case Fold::nan_squares: break;
  }
  return float_kernels<FoldNanSquares>(dtype);
}

/// Whether `a` comes before `b` as the one that is looked for. A NaN comes before all else.
template <bool greatest, class T>
bool beats(T a, T b) {
  const bool before = greatest ? is_less(b, a) : is_less(a, b);
  if constexpr (is_number<T>)
    return before | ((a != a) & (b == b));
  else
    return before;
}

template <bool greatest, class T>
std::size_t extreme_line(std::size_t n, const void* elements) {
  using F = std::conditional_t<greatest, FoldMaximum, FoldMinimum>;
  const T* x = static_cast<const T*>(elements);
  T best = x[0];
  std::size_t best_block = 0;
  for (std::size_t done = 0; done < n && best == best; done += block) {
    const T found = fold_block<F>(std::min(block, n - done), x + done, T(0));
    if (!beats<greatest>(found, best)) continue;
    best = found;
    best_block = done;
  }
  const auto end = std::min(n, best_block + block);
  for (std::size_t i = best_block; i < end; ++i)
    if (best == best ? x[i] == best : x[i] != x[i]) return i;
  return 0;
}

template <bool greatest, class T>
void extreme_rows(std::size_t n, const void* elements, std::int64_t index, void* best, std::int64_t* where) {
  const T* x = static_cast<const T*>(elements);
  T* b = static_cast<T*>(best);
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const bool better = beats<greatest>(x[i], b[i]);
    where[i] = better ? index : where[i];
    b[i] = better ? x[i] : b[i];
  }
}

template <bool greatest>
ExtremeKernels extremes(DType dtype) {
  return visit_dtype(dtype, []<class T>() -> ExtremeKernels {
    using U = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
    return {&extreme_line<greatest, U>, &extreme_rows<greatest, U>};
  });
}

ExtremeKernels find_extreme(bool greatest, DType dtype) {
  return greatest ? extremes<true>(dtype) : extremes<false>(dtype);
}

template <class F, class T>
void write_identity(void* element) {
  const T value = F::template identity<T>();
  std::memcpy(element, static_cast<const void*>(&value), sizeof value);
}

void find_identity(Fold fold, DType dtype, void* element) {
  visit_dtype(dtype, [&]<class D>() HWY_ATTR {
    using T = std::conditional_t<std::is_same_v<D, bool>, std::uint8_t, D>;
    switch (fold) {
      case Fold::product:
      case Fold::nan_product:
      case Fold::all: return write_identity<FoldProduct, T>(element);
      case Fold::minimum: return write_identity<FoldMinimum, T>(element);
      case Fold::maximum: return write_identity<FoldMaximum, T>(element);
      case Fold::nan_minimum: return write_identity<FoldNanMinimum, T>(element);
      case Fold::nan_maximum: return write_identity<FoldNanMaximum, T>(element);
      default: return write_identity<FoldSum, T>(element);
    }
  });
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd {

HWY_EXPORT(find_fold);
HWY_EXPORT(find_extreme);
HWY_EXPORT(find_identity);

FoldKernels fold_kernels(Fold fold, DType dtype) { return HWY_DYNAMIC_DISPATCH(find_fold)(fold, dtype); }
ExtremeKernels extreme_kernels(bool greatest, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_extreme)(greatest, dtype);
}
void fold_identity(Fold fold, DType dtype, void* element) { HWY_DYNAMIC_DISPATCH(find_identity)(fold, dtype, element); }

}  // namespace troupe::nd
#endif
