#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/moves.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include <algorithm>
#include "collections/ndarray/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

struct Sixteen {
  std::uint64_t a;
  std::uint64_t b;
};

/// Calls `f` with an unsigned type of `itemsize` bytes.
template <class F>
void visit_size(std::size_t itemsize, F&& f) {
  switch (itemsize) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    case 8: return f(std::uint64_t{});
    default: return f(Sixteen{});
  }
}

template <class T>
void gather_loop(std::size_t n, const std::byte* from, std::ptrdiff_t stride, T* HWY_RESTRICT to) {
  if (stride == 2 * static_cast<std::ptrdiff_t>(sizeof(T))) {
    const T* HWY_RESTRICT a = reinterpret_cast<const T*>(from);
    // The last one is read alone: what lies behind it may not be ours.
    for (std::size_t i = 0; i + 1 < n; ++i) to[i] = a[2 * i];
    if (n > 0) to[n - 1] = a[2 * (n - 1)];
    return;
  }
  if (stride == -static_cast<std::ptrdiff_t>(sizeof(T))) {
    const T* HWY_RESTRICT a = reinterpret_cast<const T*>(from) - (n - 1);
    for (std::size_t i = 0; i < n; ++i) to[i] = a[n - 1 - i];
    return;
  }
  for (std::size_t i = 0; i < n; ++i, from += stride) to[i] = *reinterpret_cast<const T*>(from);
}

void gather_strided(std::size_t n, const void* from, std::ptrdiff_t stride, void* to, std::size_t itemsize) {
  visit_size(itemsize, [=]<class T>(T) HWY_ATTR {
    gather_loop(n, static_cast<const std::byte*>(from), stride, static_cast<T*>(to));
  });
}

void scatter_strided(std::size_t n, const void* from, void* to, std::ptrdiff_t stride, std::size_t itemsize) {
  visit_size(itemsize, [=]<class T>(T) HWY_ATTR {
    const T* a = static_cast<const T*>(from);
    auto* at = static_cast<std::byte*>(to);
    for (std::size_t i = 0; i < n; ++i, at += stride) *reinterpret_cast<T*>(at) = a[i];
  });
}

#if (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3) && HWY_ARCH_X86_64
constexpr std::size_t tile_of(std::size_t itemsize) { return itemsize == 4 ? 8 : 4; }

/// A tile of elements of 8 bytes, through registers: `from` has columns, `to` rows.
HWY_INLINE void transpose_tile(const std::byte* from, std::ptrdiff_t column_stride, std::byte* to,
                               std::ptrdiff_t row_stride, std::uint64_t) {
  const auto column = [&](int k) HWY_ATTR {
    return _mm256_loadu_pd(reinterpret_cast<const double*>(from + k * column_stride));
  };
  const auto put = [&](int k, __m256d v)
                       HWY_ATTR { _mm256_storeu_pd(reinterpret_cast<double*>(to + k * row_stride), v); };
  const __m256d a = column(0);
  const __m256d b = column(1);
  const __m256d c = column(2);
  const __m256d d = column(3);
  const __m256d ab_even = _mm256_unpacklo_pd(a, b);
  const __m256d ab_odd = _mm256_unpackhi_pd(a, b);
  const __m256d cd_even = _mm256_unpacklo_pd(c, d);
  const __m256d cd_odd = _mm256_unpackhi_pd(c, d);
  put(0, _mm256_permute2f128_pd(ab_even, cd_even, 0x20));
  put(1, _mm256_permute2f128_pd(ab_odd, cd_odd, 0x20));
  put(2, _mm256_permute2f128_pd(ab_even, cd_even, 0x31));
  put(3, _mm256_permute2f128_pd(ab_odd, cd_odd, 0x31));
}

/// The same of 4 bytes.
HWY_INLINE void transpose_tile(const std::byte* from, std::ptrdiff_t column_stride, std::byte* to,
                               std::ptrdiff_t row_stride, std::uint32_t) {
  __m256 v[8];
  __m256 w[8];
  // Halves of columns k and k + 4 side by side, so that nothing has to cross the middle later.
  for (int k = 0; k < 4; ++k) {
    const auto* low = reinterpret_cast<const float*>(from + k * column_stride);
    const auto* high = reinterpret_cast<const float*>(from + (k + 4) * column_stride);
    v[k] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
    v[k + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + 4)), _mm_loadu_ps(high + 4), 1);
  }
  for (int h = 0; h < 8; h += 4) {
    w[h] = _mm256_unpacklo_ps(v[h], v[h + 1]);
    w[h + 1] = _mm256_unpackhi_ps(v[h], v[h + 1]);
    w[h + 2] = _mm256_unpacklo_ps(v[h + 2], v[h + 3]);
    w[h + 3] = _mm256_unpackhi_ps(v[h + 2], v[h + 3]);
    const auto put = [&](int k, __m256 row)
                         HWY_ATTR { _mm256_storeu_ps(reinterpret_cast<float*>(to + k * row_stride), row); };
    put(h, _mm256_shuffle_ps(w[h], w[h + 2], 0x44));
    put(h + 1, _mm256_shuffle_ps(w[h], w[h + 2], 0xEE));
    put(h + 2, _mm256_shuffle_ps(w[h + 1], w[h + 3], 0x44));
    put(h + 3, _mm256_shuffle_ps(w[h + 1], w[h + 3], 0xEE));
  }
}
#else
constexpr std::size_t tile_of(std::size_t) { return 4; }
#endif

template <class T>
HWY_INLINE void transpose_tile(const std::byte* from, std::ptrdiff_t column_stride, std::byte* to,
                               std::ptrdiff_t row_stride, T) {
  constexpr std::size_t tile = tile_of(sizeof(T));
  for (std::size_t k = 0; k < tile; ++k)
    for (std::size_t l = 0; l < tile; ++l)
      std::memcpy(to + static_cast<std::ptrdiff_t>(k) * row_stride + l * sizeof(T),
                  from + static_cast<std::ptrdiff_t>(l) * column_stride + k * sizeof(T), sizeof(T));
}

template <class T>
void transpose_tiles(std::size_t rows, std::size_t columns, const std::byte* from, std::ptrdiff_t column_stride,
                     std::byte* to, std::ptrdiff_t row_stride) {
  constexpr std::size_t tile = tile_of(sizeof(T));
  std::size_t i = 0;
  for (; i + tile <= rows; i += tile) {
    std::size_t j = 0;
    for (; j + tile <= columns; j += tile)
      transpose_tile(from + static_cast<std::ptrdiff_t>(j) * column_stride + i * sizeof(T), column_stride,
                     to + static_cast<std::ptrdiff_t>(i) * row_stride + j * sizeof(T), row_stride, T{});
    for (; j < columns; ++j)
      for (std::size_t k = 0; k < tile; ++k)
        std::memcpy(to + static_cast<std::ptrdiff_t>(i + k) * row_stride + j * sizeof(T),
                    from + static_cast<std::ptrdiff_t>(j) * column_stride + (i + k) * sizeof(T), sizeof(T));
  }
  for (; i < rows; ++i)
    gather_loop(columns, from + i * sizeof(T), column_stride,
                reinterpret_cast<T*>(to + static_cast<std::ptrdiff_t>(i) * row_stride));
}

void transpose_strided(std::size_t rows, std::size_t columns, const void* from, std::ptrdiff_t column_stride, void* to,
                       std::ptrdiff_t row_stride, std::size_t itemsize) {
  // Columns in pieces whose cache lines are still there when the next rows come.
  constexpr std::size_t piece = 256;
  visit_size(itemsize, [=]<class T>(T) HWY_ATTR {
    for (std::size_t j = 0; j < columns; j += piece)
      transpose_tiles<T>(rows, std::min(piece, columns - j),
                         static_cast<const std::byte*>(from) + static_cast<std::ptrdiff_t>(j) * column_stride,
                         column_stride, static_cast<std::byte*>(to) + j * sizeof(T), row_stride);
  });
}

void fill_elements(std::size_t n, const void* element, void* to, std::size_t itemsize) {
  visit_size(itemsize, [=]<class T>(T) HWY_ATTR {
    T value;
    std::memcpy(&value, element, sizeof value);
    T* r = static_cast<T*>(to);
    for (std::size_t i = 0; i < n; ++i) r[i] = value;
  });
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd {

HWY_EXPORT(gather_strided);
HWY_EXPORT(scatter_strided);
HWY_EXPORT(transpose_strided);
HWY_EXPORT(fill_elements);

void gather(std::size_t n, const void* from, std::ptrdiff_t stride, void* to, std::size_t itemsize) {
  if (n == 0) return;
  if (stride == static_cast<std::ptrdiff_t>(itemsize))
    std::memcpy(to, from, n * itemsize);
  else if (stride == 0)
    fill(n, from, to, itemsize);
  else
    HWY_DYNAMIC_DISPATCH(gather_strided)(n, from, stride, to, itemsize);
}

void scatter(std::size_t n, const void* from, void* to, std::ptrdiff_t stride, std::size_t itemsize) {
  if (n == 0) return;
  if (stride == static_cast<std::ptrdiff_t>(itemsize))
    std::memcpy(to, from, n * itemsize);
  else
    HWY_DYNAMIC_DISPATCH(scatter_strided)(n, from, to, stride, itemsize);
}

void transpose_copy(std::size_t rows, std::size_t columns, const void* from, std::ptrdiff_t column_stride, void* to,
                    std::ptrdiff_t row_stride, std::size_t itemsize) {
  HWY_DYNAMIC_DISPATCH(transpose_strided)(rows, columns, from, column_stride, to, row_stride, itemsize);
}

void fill(std::size_t n, const void* element, void* to, std::size_t itemsize) {
  HWY_DYNAMIC_DISPATCH(fill_elements)(n, element, to, itemsize);
}

}  // namespace troupe::nd
#endif
