// Sorting numbers: by the sorting networks of Highway, which with AVX-512 get parts that are made here.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_sort.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <hwy/contrib/sort/sorting_networks-inl.h>
#include <hwy/contrib/sort/traits-inl.h>
#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "collections/ndarray/kernel_vectors-inl.hpp"
#include "collections/ndarray/sort_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

template <class T>
void sort_by_networks(T* x, std::size_t n) {
  hwy::Sorter()(x, n, hwy::SortAscending());
}

#if HWY_TARGET == HWY_AVX3 && HWY_ARCH_X86_64

/// What is partitioned goes by eight elements, whose places fit a table of all sets of them.
inline constexpr std::size_t eight = 8;

/// For each set of eight lanes: the places of those in it, then of the others.
template <class Place>
constexpr std::array<std::array<Place, eight>, 256> split_orders() {
  std::array<std::array<Place, eight>, 256> orders{};
  for (unsigned set = 0; set < 256; ++set) {
    std::size_t next = 0;
    for (const bool inside : {true, false})
      for (unsigned lane = 0; lane < eight; ++lane)
        if (((set >> lane & 1) != 0) == inside) orders[set][next++] = static_cast<Place>(lane);
  }
  return orders;
}
// Of elements of 8 bytes a byte each, lest the table fill the nearest cache.
alignas(64) inline constexpr auto narrow_orders = split_orders<std::uint8_t>();
alignas(64) inline constexpr auto wide_orders = split_orders<std::uint32_t>();

template <std::size_t size>
struct EightOf {
  using Type = __m512i;
};
template <>
struct EightOf<4> {
  using Type = __m256i;
};
template <class T>
using Eight = typename EightOf<sizeof(T)>::Type;

template <class T>
HWY_INLINE Eight<T> load_eight(const T* p) {
  if constexpr (sizeof(T) == 8)
    return _mm512_loadu_si512(p);
  else
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
template <class T>
HWY_INLINE void store_eight(T* p, Eight<T> v) {
  if constexpr (sizeof(T) == 8)
    _mm512_storeu_si512(p, v);
  else
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
template <class T>
HWY_INLINE Eight<T> all_eight(T value) {
  if constexpr (sizeof(T) == 8)
    return _mm512_set1_epi64(std::bit_cast<long long>(value));
  else
    return _mm256_set1_epi32(std::bit_cast<int>(value));
}

template <class T>
HWY_INLINE std::uint32_t lanes_less(Eight<T> v, Eight<T> pivot) {
  if constexpr (std::is_same_v<T, double>)
    return _mm512_cmp_pd_mask(_mm512_castsi512_pd(v), _mm512_castsi512_pd(pivot), _CMP_LT_OQ);
  else if constexpr (std::is_same_v<T, float>)
    return _mm256_cmp_ps_mask(_mm256_castsi256_ps(v), _mm256_castsi256_ps(pivot), _CMP_LT_OQ);
  else if constexpr (sizeof(T) == 8)
    return std::is_signed_v<T> ? _mm512_cmplt_epi64_mask(v, pivot) : _mm512_cmplt_epu64_mask(v, pivot);
  else
    return std::is_signed_v<T> ? _mm256_cmplt_epi32_mask(v, pivot) : _mm256_cmplt_epu32_mask(v, pivot);
}

/// The lanes in the set first.
template <class T>
HWY_INLINE Eight<T> split_eight(Eight<T> v, std::uint32_t set) {
  if constexpr (sizeof(T) == 8) {
    const auto places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(narrow_orders[set].data()));
    return _mm512_permutexvar_epi64(_mm512_cvtepu8_epi64(places), v);
  } else {
    const auto places = _mm256_load_si256(reinterpret_cast<const __m256i*>(wide_orders[set].data()));
    return _mm256_permutevar8x32_epi32(v, places);
  }
}

template <class T>
HWY_INLINE T middle(T a, T b, T c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

/// Vectors that are partitioned as a group: four cache lines.
template <class T>
inline constexpr std::size_t unrolled = 32 / sizeof(T);
/// Three groups, and what makes no whole vector.
template <class T>
inline constexpr std::size_t partition_min = (3 * unrolled<T> + 1) * eight;

/// Puts what is less than the pivot first; returns how many are.
///
/// A group is read before the one before it is written. Always true as one is written: four groups are held or free, of
/// which each side has at least one between the places to write and to read next. So whole vectors can be written on
/// both sides: what is too much of them lies where nothing is yet. Precondition: partition_min elements.
template <class T>
std::size_t partition_numbers(T* x, std::size_t n, T pivot_value) {
  constexpr std::size_t vectors = unrolled<T>;
  constexpr std::size_t group = vectors * eight;
  constexpr std::ptrdiff_t ahead = 4096;
  T* write_left = x;
  T* write_right = x + n;
  for (std::size_t odd = n % eight; odd > 0; --odd) {
    if (*write_left < pivot_value)
      ++write_left;
    else
      std::swap(*write_left, *--write_right);
  }
  const auto pivot = all_eight(pivot_value);
  const auto put = [&](Eight<T> v) HWY_ATTR {
    const auto less = lanes_less<T>(v, pivot);
    const auto count = static_cast<std::size_t>(std::popcount(less));
    const auto halves = split_eight<T>(v, less);
    store_eight(write_left, halves);
    store_eight(write_right - eight, halves);
    write_left += count;
    write_right -= eight - count;
  };
  Eight<T> kept[2 * vectors];
  Eight<T> now[vectors];
  const T* read_left = write_left + 2 * group;
  const T* read_right = write_right - group;
  for (std::size_t i = 0; i < vectors; ++i) {
    kept[i] = load_eight(write_left + i * eight);
    now[i] = load_eight(write_left + group + i * eight);
    kept[vectors + i] = load_eight(read_right + i * eight);
  }
  while (static_cast<std::size_t>(read_right - read_left) >= group) {
    // Without a branch, which nobody could foresee.
    const std::size_t step_left = read_left - write_left <= write_right - read_right ? group : 0;
    const T* from = read_right - group;
    from = step_left != 0 ? read_left : from;
    read_left += step_left;
    read_right -= group - step_left;
    // What is read depends on what is written: nobody looks ahead but this.
    const auto* later = reinterpret_cast<const char*>(from) + (step_left != 0 ? ahead : -ahead);
    for (std::size_t line = 0; line < group * sizeof(T); line += 64) __builtin_prefetch(later + line);
    Eight<T> next[vectors];
    for (std::size_t i = 0; i < vectors; ++i) next[i] = load_eight(from + i * eight);
    for (std::size_t i = 0; i < vectors; ++i) put(now[i]);
    for (std::size_t i = 0; i < vectors; ++i) now[i] = next[i];
  }
  Eight<T> rest[vectors];
  const auto count = static_cast<std::size_t>(read_right - read_left) / eight;
  for (std::size_t i = 0; i < count; ++i) rest[i] = load_eight(read_left + i * eight);
  for (const auto& v : now) put(v);
  for (std::size_t i = 0; i < count; ++i) put(rest[i]);
  for (const auto& v : kept) put(v);
  return static_cast<std::size_t>(write_left - x);
}

/// What one network sorts: sixteen rows, of so many columns as are needed.
template <class T>
inline constexpr std::size_t columns_max = std::min(lanes_of<T>, hwy::SortConstants::kMaxCols);
template <class T>
inline constexpr std::size_t network_max = 16 * columns_max<T>;

template <class T>
void sort_by_one_network(T* x, std::size_t n) {
  namespace networks = hwy::HWY_NAMESPACE::detail;
  const networks::SharedTraits<networks::TraitsLane<networks::OrderAscending<T>>> ascending;
  if (n <= 1) return;
  if (n == network_max<T>) return networks::SortingNetwork(ascending, x, columns_max<T>);
  // Whole vectors are read and written, the last one beyond the last row. What is copied has no branch on its length,
  // which nobody could foresee.
  constexpr std::size_t lanes = lanes_of<T>;
  alignas(64) T rows[network_max<T> + lanes];
  const auto columns = std::max<std::size_t>(std::bit_ceil(n) / 16, 1);
  const auto end = 16 * columns;
  const auto inside = [&](std::size_t i) HWY_ATTR {
    return static_cast<std::uint16_t>((1U << std::min(lanes, n - std::min(n, i))) - 1);
  };
  if constexpr (sizeof(T) == 8) {
    const auto most = _mm512_set1_epi64(std::bit_cast<long long>(std::numeric_limits<T>::max()));
    for (std::size_t i = 0; i < end + lanes; i += lanes)
      _mm512_store_si512(rows + i, _mm512_mask_loadu_epi64(most, static_cast<__mmask8>(inside(i)), x + i));
    networks::SortingNetwork(ascending, rows, columns);
    for (std::size_t i = 0; i < end; i += lanes)
      _mm512_mask_storeu_epi64(x + i, static_cast<__mmask8>(inside(i)), _mm512_load_si512(rows + i));
  } else {
    const auto most = _mm512_set1_epi32(std::bit_cast<int>(std::numeric_limits<T>::max()));
    for (std::size_t i = 0; i < end + lanes; i += lanes)
      _mm512_store_si512(rows + i, _mm512_mask_loadu_epi32(most, inside(i), x + i));
    networks::SortingNetwork(ascending, rows, columns);
    for (std::size_t i = 0; i < end; i += lanes)
      _mm512_mask_storeu_epi32(x + i, inside(i), _mm512_load_si512(rows + i));
  }
}

/// Quicksort down to what one network sorts. What does not get smaller, as with many equal elements, is left to
/// Highway's, which sees to that.
template <class T>
void sort_numbers(T* x, std::size_t n, int depth) {
  while (n > network_max<T>) {
    // Without optimisation Highway's networks are smaller than what can be partitioned.
    if (n < partition_min<T> || depth-- == 0) return sort_by_networks(x, n);
    const auto step = n / 9;
    const T* at = x + step / 2;
    const auto third = [&](std::size_t i) { return middle(at[i * step], at[(i + 1) * step], at[(i + 2) * step]); };
    const auto count = partition_numbers(x, n, middle(third(0), third(3), third(6)));
    if (count < n / 16 || count > n - n / 16) depth = std::min(depth, 3);
    if (count == 0) return sort_by_networks(x, n);
    if (count < n - count) {
      sort_numbers(x, count, depth);
      x += count;
      n -= count;
    } else {
      sort_numbers(x + count, n - count, depth);
      n = count;
    }
  }
  sort_by_one_network(x, n);
}

template <class T>
void sort_elements(std::size_t n, void* elements) {
  T* x = static_cast<T*>(elements);
  if constexpr (sizeof(T) >= 4)
    sort_numbers(x, n, 2 * std::bit_width(n));
  else
    sort_by_networks(x, n);
}

#else

template <class T>
void sort_elements(std::size_t n, void* elements) {
  sort_by_networks(static_cast<T*>(elements), n);
}

#endif

/// In one pass: the greatest, a sum, which a NaN makes NaN, and the least as integers, which is a negative zero if there
/// is one.
template <class T>
LookedOver look_over(std::size_t n, const void* elements) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr std::size_t lanes = lanes_of<T>;
  constexpr std::size_t side = 4;
  constexpr Bits negative_zero = std::numeric_limits<Bits>::min();
  const T* x = static_cast<const T*>(elements);
  Vector<T> top[side];
  Vector<T> sum[side];
  Vector<Bits> least[side];
  for (std::size_t k = 0; k < side; ++k) {
    top[k] = all_lanes(T(0));
    sum[k] = all_lanes(T(0));
    least[k] = all_lanes(Bits{0});
  }
  std::size_t i = 0;
  for (; i + side * lanes <= n; i += side * lanes)
    for (std::size_t k = 0; k < side; ++k) {
      const auto v = load_vector(x + i + k * lanes);
      const auto bits = reinterpret_cast<Vector<Bits>>(v);
      top[k] = v > top[k] ? v : top[k];
      sum[k] += v;
      least[k] = bits < least[k] ? bits : least[k];
    }
  LookedOver found;
  const auto see = [&](T greatest, T total, Bits lowest) {
    found.beyond |= !(greatest <= std::numeric_limits<T>::max()) || total != total;
    found.negative_zero |= lowest == negative_zero;
  };
  for (std::size_t k = 1; k < side; ++k) {
    top[0] = top[k] > top[0] ? top[k] : top[0];
    sum[0] += sum[k];
    least[0] = least[k] < least[0] ? least[k] : least[0];
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) see(top[0][lane], sum[0][lane], least[0][lane]);
  for (; i < n; ++i) see(x[i], x[i], std::bit_cast<Bits>(x[i]));
  return found;
}

LookOver find_look_over(DType dtype) { return dtype == DType::float32 ? &look_over<float> : &look_over<double>; }

SortKernel find_sort(DType dtype) {
  return visit_dtype(dtype, []<class T>() -> SortKernel {
    if constexpr (std::is_arithmetic_v<T> && sizeof(T) >= 2)
      return &sort_elements<T>;
    else
      return nullptr;
  });
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd {

HWY_EXPORT(find_sort);
HWY_EXPORT(find_look_over);
SortKernel sort_kernel(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_sort)(dtype); }
LookOver look_over_kernel(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_look_over)(dtype); }

}  // namespace troupe::nd
#endif
