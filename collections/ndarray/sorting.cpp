#include "collections/ndarray/sorting.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/lines.hpp"
#include "collections/ndarray/sort_kernels.hpp"

namespace troupe::nd {

namespace {

/// So many are sorted without kernels.
constexpr std::int64_t few = 32;

template <class T>
void sort_numbers(T* x, std::int64_t n) {
  if (n < few)
    std::sort(x, x + n);
  else
    sort_kernel(dtype_of<T>)(static_cast<std::size_t>(n), x);
}

template <class T>
void sort_line(T* x, std::int64_t n) {
  if constexpr (sizeof(T) == 1) {
    std::size_t counts[256] = {};
    for (std::int64_t i = 0; i < n; ++i) ++counts[static_cast<std::uint8_t>(x[i]) ^ (std::is_signed_v<T> ? 0x80 : 0)];
    for (unsigned value = 0; value < 256; ++value) {
      const auto byte = static_cast<std::uint8_t>(value ^ (std::is_signed_v<T> ? 0x80U : 0U));
      std::memset(static_cast<void*>(x), byte, counts[value]);
      x += counts[value];
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if (n < few) {
      std::sort(x, x + n,
                [](T a, T b) { return sorts_before(a, b) || (a == b && std::signbit(a) && !std::signbit(b)); });
      return;
    }
    // The sorting networks take the greatest finite number for the end of all: what is above goes behind first.
    constexpr T greatest = std::numeric_limits<T>::max();
    const auto [beyond, negative_zero] = look_over_kernel(dtype_of<T>)(static_cast<std::size_t>(n), x);
    auto finite = n;
    if (beyond) {
      finite = std::partition(x, x + n, [](T a) { return a <= greatest; }) - x;
      std::partition(x + finite, x + n, [](T a) { return a == a; });
    }
    if (!negative_zero) return sort_numbers(x, finite);
    // A network may give two zeros the sign of one of them.
    const auto negative = std::count_if(x, x + finite, [](T a) { return a == 0 && std::signbit(a); });
    sort_numbers(x, finite);
    const auto [first, last] = std::equal_range(x, x + finite, T(0));
    std::fill(std::fill_n(first, negative, T(-0.0)), last, T(0));
  } else if constexpr (std::is_arithmetic_v<T>) {
    sort_numbers(x, n);
  } else {
    std::sort(x, x + n, sorts_before<T>);
  }
}

/// Keys of 32 bits and places are sorted as one number, so that equal elements stay in order.
template <class T>
void argsort_narrow(const T* x, std::size_t n, std::int64_t* order) {
  NdArray memory(Shape{static_cast<std::int64_t>(n)}, DType::uint64);
  auto* keys = memory.mutable_data_as<std::uint64_t>();
  for (std::size_t i = 0; i < n; ++i) keys[i] = std::uint64_t{order_bits(x[i])} << 32 | i;
  sort_kernel(DType::uint64)(n, keys);
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::int64_t>(keys[i] & UINT32_MAX);
}

/// The same of 64 bits: the place takes that of the last bits of the key, less the least key and without the zeros that
/// all keys begin with. What then begins alike, as few elements do, is sorted afterwards.
template <class T>
void argsort_wide(const T* x, std::size_t n, std::int64_t* order) {
  NdArray memory(Shape{static_cast<std::int64_t>(n)}, DType::uint64);
  auto* keys = memory.mutable_data_as<std::uint64_t>();
  std::uint64_t least = UINT64_MAX;
  std::uint64_t greatest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = order_bits(x[i]);
    least = std::min(least, keys[i]);
    greatest = std::max(greatest, keys[i]);
  }
  const auto zeros = std::min(std::countl_zero(greatest - least), 63);
  const auto places = (std::uint64_t{1} << std::bit_width(n - 1)) - 1;
  for (std::size_t i = 0; i < n; ++i) keys[i] = ((keys[i] - least) << zeros & ~places) | i;
  sort_kernel(DType::uint64)(n, keys);
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::int64_t>(keys[i] & places);
  if (std::uint64_t{1} << zeros > places) return;  // no bit was lost
  for (std::size_t begin = 0; begin < n;) {
    auto end = begin + 1;
    while (end < n && (keys[begin] ^ keys[end]) <= places) ++end;
    if (end - begin > 1) {
      const auto before = [x](auto i, auto j) { return order_bits(x[i]) < order_bits(x[j]); };
      if (!std::is_sorted(order + begin, order + end, before)) std::stable_sort(order + begin, order + end, before);
    }
    begin = end;
  }
}

template <class T>
void argsort_line(const T* x, std::int64_t n, std::int64_t* order) {
  if constexpr (std::is_arithmetic_v<T>)
    if (n >= 64 && n <= UINT32_MAX) {
      if constexpr (sizeof(order_bits(T{})) == 4)
        return argsort_narrow(x, static_cast<std::size_t>(n), order);
      else
        return argsort_wide(x, static_cast<std::size_t>(n), order);
    }
  std::iota(order, order + n, 0);
  std::stable_sort(order, order + n, [x](auto i, auto j) { return sorts_before(x[i], x[j]); });
}

std::int64_t normal_k(std::int64_t k, std::int64_t length, std::string_view call) {
  const auto at = k < 0 ? k + length : k;
  if (at < 0 || at >= length)
    throw InvalidRequest(std::string(call) + ": there is no element " + std::to_string(k) + " among " +
                         std::to_string(length));
  return at;
}

}  // namespace

NdArray sort(const NdArray& a, int axis) {
  Lines lines(a, axis, "sort");
  visit_dtype(a.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < lines.count; ++i) sort_line(lines.line<T>(i), lines.length);
  });
  return lines.restored(lines.array);
}

NdArray argsort(const NdArray& a, int axis) {
  Lines lines(a, axis, "argsort");
  NdArray order = lines.like(lines.length, DType::int64);
  visit_dtype(a.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < lines.count; ++i)
      argsort_line(lines.line<T>(i), lines.length, order.mutable_data_as<std::int64_t>() + i * lines.length);
  });
  return lines.restored(order);
}

NdArray lexsort(const std::vector<NdArray>& keys) {
  if (keys.empty()) throw InvalidRequest("lexsort: there is no key");
  NdArray order = arange(std::int64_t{0}, keys[0].size());
  for (const auto& key : keys) {
    if (key.ndim() != 1 || key.extent(0) != keys[0].extent(0))
      throw InvalidRequest("lexsort: keys have one axis of one length, not " + text_of(key.shape()));
    order = take(order, argsort(take(key, order, 0)), 0);
  }
  return order;
}

NdArray partition(const NdArray& a, std::int64_t k, int axis) {
  Lines lines(a, axis, "partition");
  const auto at = normal_k(k, lines.length, "partition");
  visit_dtype(a.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < lines.count; ++i) {
      T* line = lines.line<T>(i);
      std::nth_element(line, line + at, line + lines.length, sorts_before<T>);
    }
  });
  return lines.restored(lines.array);
}

NdArray argpartition(const NdArray& a, std::int64_t k, int axis) {
  Lines lines(a, axis, "argpartition");
  const auto at = normal_k(k, lines.length, "argpartition");
  NdArray order = lines.like(lines.length, DType::int64);
  visit_dtype(a.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < lines.count; ++i) {
      const T* line = lines.line<T>(i);
      auto* o = order.mutable_data_as<std::int64_t>() + i * lines.length;
      std::iota(o, o + lines.length, 0);
      std::nth_element(o, o + at, o + lines.length, [line](auto x, auto y) { return sorts_before(line[x], line[y]); });
    }
  });
  return lines.restored(order);
}

NdArray topk(const NdArray& a, std::int64_t k, int axis) { return take_along_axis(a, argtopk(a, k, axis), axis); }

NdArray argtopk(const NdArray& a, std::int64_t k, int axis) {
  Lines lines(a, axis, "topk");
  const auto count = std::min(std::abs(k), lines.length);
  NdArray best = lines.like(count, DType::int64);
  visit_dtype(a.dtype(), [&]<class T>() {
    std::vector<std::int64_t> order(static_cast<std::size_t>(lines.length));
    for (std::int64_t i = 0; i < lines.count; ++i) {
      const T* line = lines.line<T>(i);
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + count, order.end(), [line, k](auto x, auto y) {
        const bool before = k < 0 ? sorts_before(line[x], line[y]) : sorts_before(line[y], line[x]);
        const bool after = k < 0 ? sorts_before(line[y], line[x]) : sorts_before(line[x], line[y]);
        return before || (!after && x < y);
      });
      std::copy_n(order.begin(), count, best.mutable_data_as<std::int64_t>() + i * count);
    }
  });
  return lines.restored(best);
}

namespace {

/// The number of elements that come before `value`; no branch depends on data.
template <bool right, class T>
std::int64_t place_of(const T* x, std::int64_t n, const T& value) {
  const T* base = x;
  while (n > 1) {
    const auto half = n / 2;
    const bool behind = right ? !sorts_before(value, base[half - 1]) : sorts_before(base[half - 1], value);
    base += behind ? half : 0;
    n -= half;
  }
  if (n == 1) base += (right ? !sorts_before(value, *base) : sorts_before(*base, value)) ? 1 : 0;
  return base - x;
}

/// Several searches side by side, so that the memory has more than one to answer.
template <bool right, class T>
void search(const T* x, std::int64_t n, const T* values, std::int64_t count, std::int64_t* places) {
  constexpr std::int64_t group = 16;
  std::int64_t i = 0;
  for (; i + group <= count && n > 0; i += group) {
    const T* base[group];
    for (auto& b : base) b = x;
    auto length = n;
    while (length > 1) {
      const auto half = length / 2;
      for (std::int64_t k = 0; k < group; ++k) {
        const bool behind =
            right ? !sorts_before(values[i + k], base[k][half - 1]) : sorts_before(base[k][half - 1], values[i + k]);
        base[k] = behind ? base[k] + half : base[k];
      }
      length -= half;
    }
    for (std::int64_t k = 0; k < group; ++k) {
      const bool behind = right ? !sorts_before(values[i + k], *base[k]) : sorts_before(*base[k], values[i + k]);
      places[i + k] = base[k] - x + (behind ? 1 : 0);
    }
  }
  for (; i < count; ++i) places[i] = place_of<right>(x, n, values[i]);
}

}  // namespace

NdArray searchsorted(const NdArray& a, const NdArray& values, bool right) {
  if (a.ndim() != 1)
    throw InvalidRequest("searchsorted: what is searched has one axis, not the shape " + text_of(a.shape()));
  const auto dtype = result_type(a.dtype(), values.dtype());
  const NdArray sorted = a.astype(dtype).contiguous();
  const NdArray wanted = values.astype(dtype).contiguous();
  NdArray places(values.shape(), DType::int64);
  visit_dtype(dtype, [&]<class T>() {
    const auto search_all = right ? &search<true, T> : &search<false, T>;
    search_all(sorted.data_as<T>(), sorted.size(), wanted.data_as<T>(), wanted.size(),
               places.mutable_data_as<std::int64_t>());
  });
  return places;
}

}  // namespace troupe::nd
