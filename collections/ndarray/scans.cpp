#include "collections/ndarray/scans.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "actors/errors.hpp"
#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

namespace {

/// Running totals within lines. Sums of floats go in fours, whose totals are known sooner than by one at a time.
template <class T>
void scan_line(std::int64_t n, const T* x, T* out, bool product) {
  if (product) {
    T total(1);
    for (std::int64_t i = 0; i < n; ++i) out[i] = total = static_cast<T>(total * x[i]);
    return;
  }
  T total(0);
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const T ab = x[i] + x[i + 1];
    const T cd = x[i + 2] + x[i + 3];
    const T a = total + x[i];
    const T abc = ab + x[i + 2];
    out[i] = a;
    out[i + 1] = total + ab;
    out[i + 2] = total + abc;
    out[i + 3] = total = total + (ab + cd);
  }
  for (; i < n; ++i) out[i] = total = total + x[i];
}

NdArray scan(const NdArray& given, std::optional<int> axis, std::optional<DType> dtype, bool product,
             std::string_view call) {
  const NdArray a = axis ? given : given.reshape({-1});
  const auto along = normal_axis(axis.value_or(0), a.ndim(), call);
  auto type = dtype.value_or(a.dtype());
  if (!dtype && kind_of(type) <= Kind::integer) type = is_unsigned_integer(type) ? DType::uint64 : DType::int64;
  // Narrow integers wrap around in the same way when they are added up in wide ones.
  const auto work = kind_of(type) > Kind::integer ? type : DType::uint64;
  const NdArray source = a.astype(work == DType::uint64 && kind_of(a.dtype()) > Kind::integer ? DType::int64 : work)
                             .astype(work)
                             .contiguous();
  NdArray out(source.shape(), work);
  const auto length = source.extent(along);
  std::int64_t inner = 1;
  for (std::size_t i = along + 1; i < source.ndim(); ++i) inner *= source.extent(i);
  const auto outer = source.size() == 0 ? 0 : source.size() / (length * inner);
  const auto item = source.itemsize();
  if (inner == 1) {
    visit_dtype(work, [&]<class T>() {
      if constexpr (std::is_same_v<T, std::uint64_t> || (!std::is_integral_v<T>))
        for (std::int64_t i = 0; i < outer; ++i)
          scan_line(length, source.data_as<T>() + i * length, out.mutable_data_as<T>() + i * length, product);
    });
  } else {
    const auto step = kernel_of(product ? Op::multiply : Op::add, work);
    const auto row = static_cast<std::size_t>(inner) * item;
    constexpr std::size_t piece = 2048;
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::size_t j = 0; j < static_cast<std::size_t>(inner); j += piece) {
        const auto n = std::min(piece, static_cast<std::size_t>(inner) - j);
        const auto* from = source.data() + static_cast<std::size_t>(o * length) * row + j * item;
        auto* to = out.mutable_data() + static_cast<std::size_t>(o * length) * row + j * item;
        std::memcpy(to, from, n * item);
        for (std::int64_t i = 1; i < length; ++i, from += row, to += row) {
          const void* in[] = {to, from + row};
          step(n, in, to + row);
        }
      }
  }
  return out.astype(type);
}

NdArray instead_of_nan(const NdArray& a, double value) {
  return kind_of(a.dtype()) >= Kind::real ? where(isnan(a), value, a) : a;
}

}  // namespace

NdArray cumsum(const NdArray& a, std::optional<int> axis, std::optional<DType> dtype) {
  return scan(a, axis, dtype, false, "cumsum");
}
NdArray cumprod(const NdArray& a, std::optional<int> axis, std::optional<DType> dtype) {
  return scan(a, axis, dtype, true, "cumprod");
}
NdArray nancumsum(const NdArray& a, std::optional<int> axis, std::optional<DType> dtype) {
  return scan(instead_of_nan(a, 0), axis, dtype, false, "nancumsum");
}
NdArray nancumprod(const NdArray& a, std::optional<int> axis, std::optional<DType> dtype) {
  return scan(instead_of_nan(a, 1), axis, dtype, true, "nancumprod");
}

NdArray push(const NdArray& a, int axis, std::optional<std::int64_t> n) {
  const auto along = normal_axis(axis, a.ndim(), "push");
  if (kind_of(a.dtype()) < Kind::real) return a;
  // Whole rows at once: what is missing in one is what the row before it has, if that is not too far away.
  auto pushed = a.copy();
  NdArray age;  // how far away what stands in the row before comes from
  for (std::int64_t i = 0; i < a.extent(along); ++i) {
    auto row = pushed.slice(along, i, i + 1);
    const auto missing = isnan(row);
    if (i == 0) {
      age = NdArray::zeros(row.shape(), DType::int64);
      continue;
    }
    age = where(missing, add(age, 1), 0);
    auto filled = where(missing, pushed.slice(along, i - 1, i), row);
    if (n) filled = where(greater(age, *n), row, filled);
    row.assign(filled);
  }
  return pushed;
}

NdArray diff(const NdArray& a, int n, int axis) {
  const auto along = normal_axis(axis, a.ndim(), "diff");
  if (n < 0) throw InvalidRequest("diff: " + std::to_string(n) + " times");
  NdArray rest = a;
  for (; n > 0; --n) {
    const auto extent = std::max<std::int64_t>(rest.extent(along), 1);
    const auto later = rest.slice(along, Slice{1, {}, 1});
    const auto sooner = rest.slice(along, Slice{0, extent - 1, 1});
    rest = a.dtype() == DType::bool_ ? not_equal(later, sooner) : subtract(later, sooner);
  }
  return rest;
}

NdArray gradient(const NdArray& a, double spacing, int axis, int edge_order) {
  const auto along = normal_axis(axis, a.ndim(), "gradient");
  const auto n = a.extent(along);
  if (edge_order < 1 || edge_order > 2)
    throw InvalidRequest("gradient: an edge of order " + std::to_string(edge_order));
  if (n < edge_order + 1)
    throw InvalidRequest("gradient: axis " + std::to_string(axis) + " of " + text_of(a.shape()) + " has fewer than " +
                         std::to_string(edge_order + 1) + " elements");
  const NdArray f = kind_of(a.dtype()) <= Kind::integer ? a.astype(DType::float64) : a;
  const auto at = [&](std::int64_t i) { return f.slice(along, i < 0 ? n + i : i, (i < 0 ? n + i : i) + 1); };
  std::vector<NdArray> parts;
  const auto edge = [&](std::int64_t first, std::int64_t second, std::int64_t third, double sign) {
    if (edge_order == 1) return divide(subtract(at(second), at(first)), spacing * sign);
    const auto sum = add(add(multiply(at(first), -1.5 * sign / spacing), multiply(at(second), 2 * sign / spacing)),
                         multiply(at(third), -0.5 * sign / spacing));
    return sum;
  };
  parts.push_back(edge(0, 1, 2, 1));
  if (n > 2) parts.push_back(divide(subtract(f.slice(along, 2, n), f.slice(along, 0, n - 2)), 2 * spacing));
  parts.push_back(edge(-1, -2, -3, -1));
  return concatenate(parts, static_cast<int>(along));
}

namespace {

NdArray vector_of(const NdArray& a, std::string_view call) {
  if (a.ndim() != 1 || a.extent(0) == 0)
    throw InvalidRequest(std::string(call) + ": takes arrays of one axis with elements, not of shape " +
                         text_of(a.shape()));
  return a;
}

/// Sums of products of `a` with `v` shifted along it.
NdArray sliding_products(const NdArray& a, const NdArray& v, Overlap overlap) {
  const auto dtype = result_type(a.dtype(), v.dtype());
  const NdArray x = a.astype(dtype).contiguous();
  const NdArray y = v.astype(dtype).contiguous();
  const auto n = x.size();
  const auto m = y.size();
  NdArray out = NdArray::zeros({n + m - 1}, dtype);
  visit_dtype(dtype, [&]<class T>() {
    const T* p = x.data_as<T>();
    const T* q = y.data_as<T>();
    T* r = out.mutable_data_as<T>();
    for (std::int64_t j = 0; j < m; ++j)
      for (std::int64_t i = 0; i < n; ++i) {
        if constexpr (std::is_same_v<T, bool>)
          r[i + j] = r[i + j] || (p[i] && q[j]);
        else if constexpr (std::is_integral_v<T>)
          r[i + j] = static_cast<T>(Wrapping<T>(r[i + j]) + Wrapping<T>(p[i]) * Wrapping<T>(q[j]));
        else
          r[i + j] += p[i] * q[j];
      }
  });
  const auto longer = std::max(n, m);
  const auto shorter = std::min(n, m);
  if (overlap == Overlap::same) return out.slice(0, (shorter - 1) / 2, (shorter - 1) / 2 + longer).copy();
  if (overlap == Overlap::valid) return out.slice(0, shorter - 1, longer).copy();
  return out;
}

}  // namespace

NdArray convolve(const NdArray& a, const NdArray& v, Overlap overlap) {
  return sliding_products(vector_of(a, "convolve"), vector_of(v, "convolve"), overlap);
}

NdArray correlate(const NdArray& a, const NdArray& v, Overlap overlap) {
  const NdArray second = is_complex(v.dtype()) ? conj(v) : v;
  const NdArray turned = vector_of(second, "correlate").flip(0);
  NdArray full = sliding_products(vector_of(a, "correlate"), turned, Overlap::full);
  const auto n = a.size();
  const auto m = v.size();
  const auto longer = std::max(n, m);
  const auto shorter = std::min(n, m);
  if (overlap == Overlap::valid) return full.slice(0, shorter - 1, longer).copy();
  if (overlap == Overlap::full) return full;
  const auto first = n >= m ? shorter / 2 : (shorter - 1) / 2;
  return full.slice(0, shorter - 1 - first + (n >= m ? 0 : 0), shorter - 1 - first + longer).copy();
}

NdArray interp(const NdArray& x, const NdArray& xp, const NdArray& fp) {
  const NdArray points = vector_of(xp, "interp").astype(DType::float64).contiguous();
  const NdArray values = vector_of(fp, "interp").astype(DType::float64).contiguous();
  if (points.size() != values.size())
    throw InvalidRequest("interp: " + std::to_string(points.size()) + " points, but " + std::to_string(values.size()) +
                         " values");
  const NdArray wanted = x.astype(DType::float64).contiguous();
  NdArray out(x.shape(), DType::float64);
  const auto* p = points.data_as<double>();
  const auto* f = values.data_as<double>();
  const auto n = points.size();
  for (std::int64_t i = 0; i < wanted.size(); ++i) {
    const double at = wanted.data_as<double>()[i];
    double& result = out.mutable_data_as<double>()[i];
    if (at != at)
      result = at;
    else if (at < p[0])
      result = f[0];
    else if (at >= p[n - 1])
      result = f[n - 1];
    else {
      const auto k = std::upper_bound(p, p + n, at) - p - 1;
      const double slope = (f[k + 1] - f[k]) / (p[k + 1] - p[k]);
      result = slope * (at - p[k]) + f[k];
      if (result != result) {
        result = slope * (at - p[k + 1]) + f[k + 1];
        if (result != result && f[k] == f[k + 1]) result = f[k];
      }
    }
  }
  return out;
}

NdArray trapezoid(const NdArray& y, double dx, int axis) {
  const auto along = normal_axis(axis, y.ndim(), "trapezoid");
  const NdArray f = kind_of(y.dtype()) <= Kind::integer ? y.astype(DType::float64) : y;
  const auto pairs =
      add(f.slice(along, Slice{1, {}, 1}), f.slice(along, Slice{0, std::max<std::int64_t>(f.extent(along), 1) - 1, 1}));
  return sum(multiply(multiply(pairs, dx), 0.5), static_cast<int>(along));
}

}  // namespace troupe::nd
