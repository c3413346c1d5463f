#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernel_vectors-inl.hpp"
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
  static HWY_INLINE T join(T a, T b) {
    return a + b;
  }
  template <class T>
  static HWY_INLINE T take(T x, T) {
    return x;
  }
};
struct FoldProduct {
  template <class T>
  static T identity() {
    return T(1);
  }
  template <class T>
  static HWY_INLINE T join(T a, T b) {
    if constexpr (is_complex_type<T>)
      return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
  template <class T>
  static HWY_INLINE T take(T x, T) {
    return x;
  }
};
template <class T>
HWY_INLINE auto is_less(T a, T b) {
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
  static HWY_INLINE T join(T a, T b) {
    return is_less(a, b) | (a != a) ? a : b;
  }
  template <class T>
  static HWY_INLINE T take(T x, T) {
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
  static HWY_INLINE T join(T a, T b) {
    return is_less(b, a) | (a != a) ? a : b;
  }
  template <class T>
  static HWY_INLINE T take(T x, T) {
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
  static HWY_INLINE T join(T a, T b) {
    return is_less(b, a) | (a != a) ? b : a;
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
  static HWY_INLINE T join(T a, T b) {
    return is_less(a, b) | (a != a) ? b : a;
  }
};
struct FoldAny : FoldSum {
  template <class T>
  static HWY_INLINE T join(T a, T b) {
    return a | b;
  }
};
struct FoldAll : FoldProduct {
  template <class T>
  static HWY_INLINE T join(T a, T b) {
    return a & b;
  }
};
struct FoldSquares : FoldSum {
  template <class T>
  static HWY_INLINE T take(T x, T center) {
    const T apart = x - center;
    if constexpr (is_complex_type<T>)
      return apart.real() * apart.real() + apart.imag() * apart.imag();
    else
      return apart * apart;
  }
};
struct FoldNanSum : FoldSum {
  template <class T>
  static HWY_INLINE T take(T x, T) {
    return x == x ? x : T{};
  }
};
struct FoldNanProduct : FoldProduct {
  template <class T>
  static HWY_INLINE T take(T x, T) {
    if constexpr (is_complex_type<T>)
      return x == x ? x : T(1);
    else
      return x == x ? x : T{} + 1;
  }
};
struct FoldNanSquares : FoldSum {
  template <class T>
  static HWY_INLINE T take(T x, T center) {
    const T square = FoldSquares::take(x, center);
    return x == x ? square : T{};
  }
};

/// Whether the order of the steps changes the result.
template <class F, class T>
constexpr bool rounds = is_number<T> && !std::is_base_of_v<FoldMinimum, F> && !std::is_base_of_v<FoldMaximum, F>;

/// Elements folded by one call before their total joins those of other blocks, two and two.
constexpr std::size_t block = 1024;
/// Bytes that are asked for ahead of those that are folded.
constexpr std::size_t ahead = 4096;

/// One total from the lanes of four vectors of them.
template <class F, class T>
HWY_INLINE T join_lanes(const Vector<T> (&sums)[4]) {
  T parts[lanes_of<T>];
  store_vector(F::join(F::join(sums[0], sums[1]), F::join(sums[2], sums[3])), parts);
  for (std::size_t width = lanes_of<T> / 2; width > 0; width /= 2)
    for (std::size_t k = 0; k < width; ++k) parts[k] = F::join(parts[k], parts[k + width]);
  return parts[0];
}

/// The greatest or least of floats, if their sum is a number; nothing if it is none. A NaN among them makes it NaN, which
/// is an addition where a look at each costs two comparisons.
template <class F, class T>
std::optional<T> extreme_block(std::size_t n, const T* x) {
  constexpr std::size_t lanes = lanes_of<T>;
  Vector<T> best[4];
  Vector<T> sums[4];
  for (auto& each : best) each = all_lanes(F::template identity<T>());
  for (auto& each : sums) each = all_lanes(T(0));
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
    for (std::size_t k = 0; k < 4; ++k) {
      if (k * vector_bytes % 64 == 0) __builtin_prefetch(reinterpret_cast<const char*>(x + i + k * lanes) + ahead);
      const auto v = load_vector(x + i + k * lanes);
      best[k] = is_less(F::template identity<T>(), T(0)) ? (v > best[k] ? v : best[k]) : (v < best[k] ? v : best[k]);
      sums[k] += v;
    }
  T sum = join_lanes<FoldSum, T>(sums);
  T total = join_lanes<F, T>(best);
  for (; i < n; ++i) {
    total = F::join(total, x[i]);
    sum += x[i];
  }
  return sum == sum ? std::optional(total) : std::nullopt;
}

/// Four vectors of running totals; of complex numbers four totals.
template <class F, class T>
T fold_block(std::size_t n, const T* x, T center) {
  if constexpr (std::is_floating_point_v<T> && (std::is_same_v<F, FoldMinimum> || std::is_same_v<F, FoldMaximum>))
    if (const auto found = extreme_block<F>(n, x)) return *found;
  std::size_t i = 0;
  T total = F::template identity<T>();
  if constexpr (has_vectors<T>) {
    constexpr std::size_t lanes = lanes_of<T>;
    if (n >= 4 * lanes) {
      const auto c = all_lanes(center);
      Vector<T> sums[4];
      for (auto& sum : sums) sum = all_lanes(total);
      for (; i + 4 * lanes <= n; i += 4 * lanes)
        for (std::size_t k = 0; k < 4; ++k) {
          // The processor's own prefetching begins anew with each page.
          if (k * vector_bytes % 64 == 0) __builtin_prefetch(reinterpret_cast<const char*>(x + i + k * lanes) + ahead);
          sums[k] = F::join(sums[k], F::take(load_vector(x + i + k * lanes), c));
        }
      total = join_lanes<F, T>(sums);
    }
  } else {
    T sums[4] = {total, total, total, total};
    for (; i + 4 <= n; i += 4)
      for (std::size_t k = 0; k < 4; ++k) sums[k] = F::join(sums[k], F::take(x[i + k], center));
    total = F::join(F::join(sums[0], sums[1]), F::join(sums[2], sums[3]));
  }
  for (; i < n; ++i) total = F::join(total, F::take(x[i], center));
  return total;
}

/// Totals of blocks are joined as the digits of a binary counter carry: rounding errors grow with log n.
template <class F, class T>
void fold_line(std::size_t n, const void* elements, const void* center, void* total) {
  const T* x = static_cast<const T*>(elements);
  const T c = center ? *static_cast<const T*>(center) : T(0);
  T& result = *static_cast<T*>(total);
  if constexpr (std::is_same_v<F, FoldAny> || std::is_same_v<F, FoldAll>) {
    // What is known does not change any more.
    constexpr std::size_t piece = 16 * block;
    for (std::size_t done = 0; done < n && result == F::template identity<T>(); done += piece)
      result = F::join(result, fold_block<F>(std::min(piece, n - done), x + done, c));
    return;
  }
  if (n <= block) {
    result = F::join(result, fold_block<F>(n, x, c));
    return;
  }
  if (!rounds<F, T>) {
    for (std::size_t done = 0; done < n; done += 16 * block)
      result = F::join(result, fold_block<F>(std::min(16 * block, n - done), x + done, c));
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
  std::size_t begin = 0;
  if constexpr (has_vectors<T>) {
    constexpr std::size_t lanes = lanes_of<T>;
    const auto* const* x = reinterpret_cast<const T* const*>(elements);
    if (rows == 4)
      for (; begin + lanes <= n; begin += lanes) {
        const auto at = load_vector(c + begin);
        const auto a = F::join(F::take(load_vector(x[0] + begin), at), F::take(load_vector(x[1] + begin), at));
        const auto b = F::join(F::take(load_vector(x[2] + begin), at), F::take(load_vector(x[3] + begin), at));
        store_vector(F::join(load_vector(t + begin), F::join(a, b)), t + begin);
      }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const T* x = static_cast<const T*>(elements[row]);
    std::size_t i = begin;
    if constexpr (has_vectors<T>)
      for (; i + lanes_of<T> <= n; i += lanes_of<T>)
        store_vector(F::join(load_vector(t + i), F::take(load_vector(x + i), load_vector(c + i))), t + i);
    for (; i < n; ++i) t[i] = F::join(t[i], F::take(x[i], c[i]));
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
  std::size_t begin = best_block;
  if constexpr (has_vectors<T>) {
    // Sixteen vectors at once do not have it, or do.
    constexpr std::size_t piece = 16 * lanes_of<T>;
    const auto wanted = all_lanes(best);
    for (; begin + piece <= end; begin += piece) {
      auto found = load_vector(x + begin) == wanted;
      for (std::size_t k = 1; k < 16; ++k) found |= load_vector(x + begin + k * lanes_of<T>) == wanted;
      bool any = best != best;
      for (std::size_t k = 0; k < lanes_of<T>; ++k) any |= found[k] != 0;
      if (any) break;
    }
  }
  for (std::size_t i = begin; i < end; ++i)
    if (best == best ? x[i] == best : x[i] != x[i]) return i;
  return 0;
}

template <bool greatest, class T>
void extreme_rows(std::size_t n, const void* elements, std::int64_t index, void* best, std::int64_t* where) {
  const T* x = static_cast<const T*>(elements);
  T* b = static_cast<T*>(best);
  std::size_t i = 0;
  if constexpr (has_vectors<T> && sizeof(T) == sizeof(std::int64_t)) {
    const auto here = all_lanes(index);
    for (; i + lanes_of<T> <= n; i += lanes_of<T>) {
      const auto a = load_vector(x + i);
      const auto known = load_vector(b + i);
      const auto better =
          greatest ? (known < a) | ((a != a) & (known == known)) : (a < known) | ((a != a) & (known == known));
      store_vector(better ? here : load_vector(where + i), where + i);
      store_vector(better ? a : known, b + i);
    }
  }
  for (; i < n; ++i) {
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
