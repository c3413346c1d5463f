#include <algorithm>
#include <optional>
#include <vector>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/lines.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd {

namespace {

/// The first of each run of equal elements. NaN are equal to each other if asked.
template <class T>
std::int64_t drop_repeats(T* x, std::int64_t n) {
  if (n == 0) return 0;
  std::int64_t kept = 0;
  T last = x[0];
  // Written whether kept or not.
  for (std::int64_t i = 1; i < n; ++i) {
    const T here = x[i];
    const bool differs = sorts_before(last, here);
    kept += differs ? 1 : 0;
    x[kept] = differs ? here : x[kept];
    last = here;
  }
  return kept + 1;
}

/// The different elements in no order, as long as they are few; none if there are more.
template <class T>
std::optional<std::vector<T>> few_different(const T* x, std::int64_t n) {
  constexpr unsigned table_bits = 13;
  constexpr std::size_t mask = (std::size_t{1} << table_bits) - 1;
  constexpr std::size_t few = std::size_t{1} << (table_bits - 2);
  constexpr std::uint64_t nothing = UINT64_MAX;  // or an integer: seen or not
  std::vector<std::uint64_t> table(mask + 1, nothing);
  std::vector<T> found;
  bool nothing_seen = false;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint64_t bits = equal_bits(x[i]);
    auto place = (bits * 0x9E3779B97F4A7C15U) >> (64 - table_bits);
    if (table[place] == bits && bits != nothing) continue;
    while (table[place] != bits && table[place] != nothing) place = (place + 1) & mask;
    if (table[place] == bits && (bits != nothing || nothing_seen)) continue;
    if (found.size() == few) return {};
    if (bits == nothing)
      nothing_seen = true;
    else
      table[place] = bits;
    found.push_back(x[i]);
  }
  return found;
}

}  // namespace

NdArray unique(const NdArray& a) {
  if (a.size() >= 64) {
    const NdArray flat = a.contiguous();
    const auto few = visit_dtype(a.dtype(), [&]<class T>() -> std::optional<NdArray> {
      if constexpr (std::is_arithmetic_v<T> && sizeof(T) >= 4)
        if (auto found = few_different(flat.data_as<T>(), flat.size())) return sort(NdArray::of(*found));
      return {};
    });
    if (few) return *few;
  }
  NdArray values = sort(a.reshape({-1}));
  if (values.owner() == a.owner()) values = values.copy();
  std::int64_t count = 0;
  visit_dtype(a.dtype(), [&]<class T>() { count = drop_repeats(values.mutable_data_as<T>(), values.size()); });
  const auto part = values.slice(0, 0, count);
  // A small part does not hold on to all of the memory.
  return count * 2 < values.size() ? part.copy() : part;
}

Unique unique_all(const NdArray& a, bool equal_nan) {
  const NdArray flat = a.reshape({-1}).contiguous();
  const auto n = flat.size();
  const NdArray order = argsort(flat);
  const NdArray sorted = take(flat, order, 0);
  NdArray first = NdArray::zeros({n}, DType::bool_);
  visit_dtype(a.dtype(), [&]<class T>() {
    const T* x = sorted.data_as<T>();
    auto* mark = first.mutable_data_as<bool>();
    for (std::int64_t i = 0; i < n; ++i)
      mark[i] = i == 0 || sorts_before(x[i - 1], x[i]) || (!equal_nan && x[i] != x[i]);
  });
  const NdArray starts = flatnonzero(first);
  Unique found;
  found.values = take(sorted, starts, 0);
  found.index = take(order, starts, 0);
  found.inverse = NdArray(a.shape(), DType::int64);
  found.counts = NdArray(starts.shape(), DType::int64);
  auto* inverse = found.inverse.mutable_data_as<std::int64_t>();
  const auto* mark = first.data_as<bool>();
  const auto* places = order.data_as<std::int64_t>();
  std::int64_t group = -1;
  for (std::int64_t i = 0; i < n; ++i) {
    group += mark[i] ? 1 : 0;
    inverse[places[i]] = group;
  }
  const auto* start = starts.data_as<std::int64_t>();
  for (std::int64_t i = 0; i < starts.size(); ++i)
    found.counts.mutable_data_as<std::int64_t>()[i] = (i + 1 < starts.size() ? start[i + 1] : n) - start[i];
  return found;
}

NdArray isin(const NdArray& a, const NdArray& values, bool invert) {
  const auto dtype = result_type(a.dtype(), values.dtype());
  const NdArray known = sort(values.astype(dtype).reshape({-1}));
  const NdArray wanted = a.astype(dtype).contiguous();
  if (known.size() == 0) return NdArray::full(a.shape(), invert, DType::bool_);
  const NdArray places = minimum(searchsorted(known, wanted), known.size() - 1);
  // A NaN is equal to none.
  const NdArray found = equal(take(known, places, 0), wanted);
  return invert ? logical_not(found) : found;
}

NdArray union1d(const NdArray& a, const NdArray& b) { return unique(concatenate({a.reshape({-1}), b.reshape({-1})})); }

NdArray intersect1d(const NdArray& a, const NdArray& b) {
  const auto dtype = result_type(a.dtype(), b.dtype());
  const NdArray x = unique(a.astype(dtype));
  return masked(x, isin(x, b.astype(dtype)));
}

NdArray setdiff1d(const NdArray& a, const NdArray& b) {
  const NdArray x = unique(a);
  return masked(x, isin(x, b, true));
}

NdArray setxor1d(const NdArray& a, const NdArray& b) {
  const auto dtype = result_type(a.dtype(), b.dtype());
  const NdArray x = unique(a.astype(dtype));
  const NdArray y = unique(b.astype(dtype));
  return sort(concatenate({masked(x, isin(x, y, true)), masked(y, isin(y, x, true))}));
}

}  // namespace troupe::nd
