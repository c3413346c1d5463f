#include "collections/ndarray/lu_steps.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "actors/errors.hpp"
#include "collections/ndarray/blas.hpp"
#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/scaled_product.hpp"

namespace troupe::nd::linalg {
namespace {

using blas::as_int;
using blas::for_floats;

[[noreturn]] void refuse(std::string_view call, const char* why) {
  throw InvalidRequest(std::string(call) + ": " + why);
}

template <class T>
void refuse_nan(const T* x, std::int64_t count, std::string_view call) {
  if (std::any_of(x, x + count, [](T each) { return each != each; })) refuse(call, "an element is not finite");
}

/// Columns of a matrix; a vector is one.
std::int64_t columns_of(const NdArray& a) { return a.ndim() == 1 ? 1 : a.extent(1); }

/// A copy with the rows from `first` on in `order`.
NdArray in_order(const NdArray& b, std::int64_t first, const NdArray* order) {
  if (order == nullptr) return b.copy();
  const auto from = b.contiguous();
  const auto rows = order->contiguous();
  const auto bytes = static_cast<std::size_t>(columns_of(b)) * b.itemsize();
  NdArray made(b.shape(), b.dtype());
  std::copy_n(from.data(), static_cast<std::size_t>(first) * bytes, made.mutable_data());
  for (std::int64_t i = 0; i < rows.size(); ++i)
    std::copy_n(from.data() + static_cast<std::size_t>(first + rows.data_as<std::int64_t>()[i]) * bytes, bytes,
                made.mutable_data() + static_cast<std::size_t>(first + i) * bytes);
  return made;
}

template <class T>
void look_at_triangle(const T* triangle, std::int64_t w, bool unit, std::string_view call) {
  for (std::int64_t i = 0; i < w && !unit; ++i)
    if (triangle[i * w + i] == T(0)) refuse(call, "the matrix is singular");
}

}  // namespace

LuPanel lu_panel(const NdArray& a, std::int64_t first, std::string_view call, bool regular) {
  blas::one_thread();
  LuPanel result{a.copy(), NdArray({a.extent(0) - first}, DType::int64)};
  const auto rows = a.extent(0) - first;
  const auto w = a.extent(1);
  auto* order = result.order.mutable_data_as<std::int64_t>();
  std::iota(order, order + rows, 0);
  for_floats(a.dtype(), [&]<class T>() {
    T* x = result.packed.mutable_data_as<T>() + first * w;
    refuse_nan(x, rows * w, call);
    std::vector<int> pivots(static_cast<std::size_t>(std::min(rows, w)));
    const auto info = pivots.empty() ? 0 : blas::getrf(x, as_int(rows), as_int(w), x, as_int(w), pivots.data());
    if (info < 0) refuse(call, "LAPACK refuses an argument");
    if (info > 0 && regular) refuse(call, "the matrix is singular");
    for (std::size_t i = 0; i < pivots.size(); ++i) std::swap(order[i], order[pivots[i] - 1]);
  });
  return result;
}

NdArray forward_step(const NdArray& b, const NdArray& l, const NdArray* order, bool unit, std::string_view call) {
  blas::one_thread();
  const auto w = l.extent(1);
  const auto n = columns_of(b);
  const auto first = b.extent(0) - l.extent(0);
  const auto below = l.extent(0) - w;
  const auto triangle = l.contiguous();
  auto made = in_order(b, first, order);
  for_floats(b.dtype(), [&]<class T>() {
    const T* left = triangle.data_as<T>();
    T* x = made.mutable_data_as<T>() + first * n;
    if (!call.empty()) {
      look_at_triangle(left, w, unit, call);
      refuse_nan(x, l.extent(0) * n, call);
    }
    if (n == 0 || w == 0) return;
    blas::trsm(CblasLower, unit ? CblasUnit : CblasNonUnit, as_int(w), as_int(n), left, as_int(w), x, as_int(n));
    if (below > 0)
      blas::less_product(as_int(below), as_int(n), as_int(w), left + w * w, as_int(w), x, as_int(n), x + w * n,
                         as_int(n));
  });
  return made;
}

NdArray backward_step(const NdArray& b, const NdArray& u, std::string_view call) {
  blas::one_thread();
  const auto w = u.extent(1);
  const auto n = columns_of(b);
  const auto above = u.extent(0) - w;
  const auto triangle = u.contiguous();
  auto made = b.copy();
  for_floats(b.dtype(), [&]<class T>() {
    const T* right = triangle.data_as<T>();
    T* x = made.mutable_data_as<T>();
    if (!call.empty()) {
      look_at_triangle(right + above * w, w, false, call);
      refuse_nan(x, u.extent(0) * n, call);
    }
    if (n == 0 || w == 0) return;
    blas::trsm(CblasUpper, CblasNonUnit, as_int(w), as_int(n), right + above * w, as_int(w), x + above * n, as_int(n));
    if (above > 0)
      blas::less_product(as_int(above), as_int(n), as_int(w), right, as_int(w), x + above * n, as_int(n), x, as_int(n));
  });
  return made;
}

NdArray lu_lower(const NdArray& packed, std::int64_t rows, std::span<const NdArray> later) {
  const auto height = packed.extent(0);
  const auto w = packed.extent(1);
  const auto first = rows - height;
  std::vector<std::int64_t> from(static_cast<std::size_t>(height));
  std::iota(from.begin(), from.end(), 0);
  for (const auto& each : later) {
    const auto order = each.contiguous();
    const auto begin = height - order.size();
    const std::vector<std::int64_t> before(from.begin() + begin, from.end());
    for (std::int64_t i = 0; i < order.size(); ++i)
      from[static_cast<std::size_t>(begin + i)] = before[static_cast<std::size_t>(order.data_as<std::int64_t>()[i])];
  }
  const auto k = std::min(height, w);
  auto made = NdArray::zeros({rows, k}, packed.dtype());
  const auto panel = packed.contiguous();
  for_floats(packed.dtype(), [&]<class T>() {
    T* to = made.mutable_data_as<T>() + first * k;
    for (std::int64_t i = 0; i < height; ++i, to += k) {
      std::copy_n(panel.data_as<T>() + from[static_cast<std::size_t>(i)] * w, std::min(i, k), to);
      if (i < k) to[i] = T(1);
    }
  });
  return made;
}

NdArray lu_upper(const NdArray& packed, std::int64_t first, std::int64_t k) {
  const auto w = packed.extent(1);
  auto made = packed.slice(0, 0, k).copy();
  for_floats(packed.dtype(), [&]<class T>() {
    T* x = made.mutable_data_as<T>();
    for (std::int64_t row = first + 1; row < k; ++row) std::fill_n(x + row * w, std::min(row - first, w), T(0));
  });
  return made;
}

NdArray lu_rows(std::int64_t rows, std::span<const NdArray> orders) {
  NdArray made({rows}, DType::int64);
  auto* to = made.mutable_data_as<std::int64_t>();
  std::iota(to, to + rows, 0);
  for (const auto& each : orders) {
    const auto order = each.contiguous();
    const auto begin = rows - order.size();
    const std::vector<std::int64_t> before(to + begin, to + rows);
    for (std::int64_t i = 0; i < order.size(); ++i)
      to[begin + i] = before[static_cast<std::size_t>(order.data_as<std::int64_t>()[i])];
  }
  return made;
}

NdArray permutation_part(const NdArray& rows, const Shape& start, const Shape& shape, DType dtype) {
  auto made = NdArray::zeros(shape, dtype);
  const auto all = rows.contiguous();
  for_floats(dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < shape[1]; ++i) {
      const auto row = all.data_as<std::int64_t>()[start[1] + i] - start[0];
      if (row >= 0 && row < shape[0]) made.mutable_data_as<T>()[row * shape[1] + i] = T(1);
    }
  });
  return made;
}

NdArray lu_pivots(const LuPanel& panel, std::int64_t first) {
  const auto packed = panel.packed.contiguous();
  const auto w = packed.extent(1);
  const auto count = std::min(w, packed.extent(0) - first);
  NdArray made({count}, packed.dtype());
  auto order = panel.order.to_vector<std::int64_t>();
  bool odd = false;
  for (std::size_t i = 0; i < order.size(); ++i)
    while (order[i] != static_cast<std::int64_t>(i)) {  // each swap puts one row where it belongs
      std::swap(order[i], order[static_cast<std::size_t>(order[i])]);
      odd = !odd;
    }
  for_floats(packed.dtype(), [&]<class T>() {
    T* to = made.mutable_data_as<T>();
    for (std::int64_t i = 0; i < count; ++i) to[i] = packed.data_as<T>()[(first + i) * w + i];
    if (odd && count > 0) to[0] = -to[0];
  });
  return made;
}

NdArray det_of_pivots(std::span<const NdArray> pivots, DType dtype) {
  NdArray made({}, dtype);
  for_floats(dtype, [&]<class T>() {
    ScaledProduct<T> product;
    for (const auto& each : pivots)
      for (const T pivot : each.to_vector<T>()) product.times(pivot);
    *made.mutable_data_as<T>() = product.value();
  });
  return made;
}

std::pair<NdArray, NdArray> slogdet_of_pivots(std::span<const NdArray> pivots, DType dtype) {
  NdArray sign({}, dtype);
  NdArray log({}, real_of(dtype));
  for_floats(dtype, [&]<class T>() {
    using Real = typename RealPart<T>::Type;
    T s(1);
    Real l(0);
    for (const auto& each : pivots)
      for (const T pivot : each.to_vector<T>()) {
        const Real size = std::abs(pivot);
        s = size == 0 ? T(0) : s * (pivot / size);
        l += std::log(size);
      }
    *sign.mutable_data_as<T>() = s;
    *log.mutable_data_as<Real>() = l;
  });
  return {sign, log};
}

}  // namespace troupe::nd::linalg
