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

/// For each set of lanes of 64 bits: the places of those in it, then of the others, a byte each.
constexpr std::array<std::uint64_t, 256> split_orders() {
  std::array<std::uint64_t, 256> orders{};
  for (unsigned set = 0; set < 256; ++set) {
    unsigned shift = 0;
    for (const bool inside : {true, false})
      for (unsigned lane = 0; lane < 8; ++lane)
        if (((set >> lane & 1) != 0) == inside) {
          orders[set] |= std::uint64_t{lane} << shift;
          shift += 8;
        }
  }
  return orders;
}
inline constexpr auto orders = split_orders();

template <class T>
HWY_INLINE std::uint32_t lanes_less(__m512i v, __m512i pivot) {
  if constexpr (std::is_same_v<T, double>)
    return _mm512_cmp_pd_mask(_mm512_castsi512_pd(v), _mm512_castsi512_pd(pivot), _CMP_LT_OQ);
  else if constexpr (std::is_same_v<T, float>)
    return _mm512_cmp_ps_mask(_mm512_castsi512_ps(v), _mm512_castsi512_ps(pivot), _CMP_LT_OQ);
  else if constexpr (sizeof(T) == 8)
    return std::is_signed_v<T> ? _mm512_cmplt_epi64_mask(v, pivot) : _mm512_cmplt_epu64_mask(v, pivot);
  else
    return std::is_signed_v<T> ? _mm512_cmplt_epi32_mask(v, pivot) : _mm512_cmplt_epu32_mask(v, pivot);
}

template <class T>
HWY_INLINE T middle(T a, T b, T c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

/// Vectors that are partitioned as a group.
inline constexpr std::size_t unrolled = 4;
/// Three groups, and what makes no whole vector.
template <class T>
inline constexpr std::size_t partition_min = (3 * unrolled + 1) * lanes_of<T>;

/// Puts what is less than the pivot first; returns how many are.
///
/// A group is read before the one before it is written. Always true as one is written: four groups are held or free, of
/// which each side has at least one between the places to write and to read next. So whole vectors can be written on
/// both sides: what is too much of them lies where nothing is yet. Precondition: partition_min elements.
template <class T>
std::size_t partition_numbers(T* x, std::size_t n, T pivot_value) {
  constexpr std::size_t lanes = lanes_of<T>;
  constexpr std::size_t group = unrolled * lanes;
  constexpr std::ptrdiff_t ahead = 4096;
  T* write_left = x;
  T* write_right = x + n;
  for (std::size_t odd = n % lanes; odd > 0; --odd) {
    if (*write_left < pivot_value)
      ++write_left;
    else
      std::swap(*write_left, *--write_right);
  }
  __m512i pivot;
  if constexpr (sizeof(T) == 8)
    pivot = _mm512_set1_epi64(std::bit_cast<long long>(pivot_value));
  else
    pivot = _mm512_set1_epi32(std::bit_cast<int>(pivot_value));
  const auto load = [](const T* p) HWY_ATTR { return _mm512_loadu_si512(p); };
  const auto put = [&](__m512i v) HWY_ATTR {
    const auto less = lanes_less<T>(v, pivot);
    const auto count = static_cast<std::size_t>(std::popcount(less));
    if constexpr (sizeof(T) == 8) {
      const auto order = _mm_cvtsi64_si128(static_cast<long long>(orders[less]));
      const auto halves = _mm512_permutexvar_epi64(_mm512_cvtepu8_epi64(order), v);
      _mm512_storeu_si512(write_left, halves);
      _mm512_storeu_si512(write_right - lanes, halves);
    } else {
      const auto mask = static_cast<__mmask16>(less);
      _mm512_storeu_si512(write_left, _mm512_maskz_compress_epi32(mask, v));
      const auto others = _mm512_maskz_compress_epi32(static_cast<__mmask16>(~mask), v);
      _mm512_mask_storeu_epi32(write_right - (lanes - count), static_cast<__mmask16>(0xFFFFU >> count), others);
    }
    write_left += count;
    write_right -= lanes - count;
  };
  __m512i kept[2 * unrolled];
  __m512i now[unrolled];
  const T* read_left = write_left + 2 * group;
  const T* read_right = write_right - group;
  for (std::size_t i = 0; i < unrolled; ++i) {
    kept[i] = load(write_left + i * lanes);
    now[i] = load(write_left + group + i * lanes);
    kept[unrolled + i] = load(read_right + i * lanes);
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
    __m512i next[unrolled];
    for (std::size_t i = 0; i < unrolled; ++i) {
      __builtin_prefetch(later + 64 * i);
      next[i] = load(from + i * lanes);
    }
    for (std::size_t i = 0; i < unrolled; ++i) put(now[i]);
    for (std::size_t i = 0; i < unrolled; ++i) now[i] = next[i];
  }
  __m512i rest[unrolled];
  const auto count = static_cast<std::size_t>(read_right - read_left) / lanes;
  for (std::size_t i = 0; i < count; ++i) rest[i] = load(read_left + i * lanes);
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
  // Whole vectors are read and written, the last one beyond the last row.
  alignas(64) T rows[network_max<T> + lanes_of<T>];
  const auto columns = std::max<std::size_t>(std::bit_ceil(n) / 16, 1);
  std::memcpy(rows, x, n * sizeof(T));
  std::fill(rows + n, rows + 16 * columns + lanes_of<T>, std::numeric_limits<T>::max());
  networks::SortingNetwork(ascending, rows, columns);
  std::memcpy(x, rows, n * sizeof(T));
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
SortKernel sort_kernel(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_sort)(dtype); }

}  // namespace troupe::nd
#endif
