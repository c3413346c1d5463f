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

/// Four rows and four columns of 8 bytes each, through registers.
template <class T>
void transpose_tiles(std::size_t rows, std::size_t columns, const std::byte* from, std::ptrdiff_t column_stride,
                     std::byte* to, std::ptrdiff_t row_stride) {
  constexpr std::size_t tile = sizeof(T) >= 8 ? 4 : 8;
  std::size_t i = 0;
  for (; i + tile <= rows; i += tile) {
    std::size_t j = 0;
    for (; j + tile <= columns; j += tile) {
      T block[tile][tile];
      for (std::size_t k = 0; k < tile; ++k)
        std::memcpy(block[k], from + static_cast<std::ptrdiff_t>(j + k) * column_stride + i * sizeof(T),
                    sizeof block[k]);
      for (std::size_t k = 0; k < tile; ++k) {
        T row[tile];
        for (std::size_t l = 0; l < tile; ++l) row[l] = block[l][k];
        std::memcpy(to + static_cast<std::ptrdiff_t>(i + k) * row_stride + j * sizeof(T), row, sizeof row);
      }
    }
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
