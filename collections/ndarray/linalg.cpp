#include "collections/ndarray/linalg.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "actors/errors.hpp"
#include "collections/ndarray/blas.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/scaled_product.hpp"

namespace troupe::nd::linalg {

namespace {

template <class T>
using Real = typename RealPart<T>::Type;

/// A stack of matrices, as memory of its own that may be overwritten.
struct Stack {
  Stack(const NdArray& a, std::string_view called) : call(called) {
    if (a.ndim() < 2)
      throw InvalidRequest(std::string(call) + ": an array of shape " + text_of(a.shape()) + " is no matrix");
    const auto dtype = kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype();
    array = a.dtype() == dtype ? a.copy() : a.astype(dtype);
    rows = a.extent(a.ndim() - 2);
    columns = a.extent(a.ndim() - 1);
    outer.assign(a.shape().begin(), a.shape().end() - 2);
    count = size_of(outer);
    if (rows > INT32_MAX || columns > INT32_MAX) throw InvalidRequest(std::string(call) + ": the matrix is too large");
    blas::one_thread();
  }
  void require_square() const {
    if (rows != columns)
      throw InvalidRequest(std::string(call) + ": a matrix of " + std::to_string(rows) + " x " +
                           std::to_string(columns) + " is not square");
  }
  [[nodiscard]] NdArray make(std::initializer_list<std::int64_t> last, DType dtype) const {
    Shape shape = outer;
    shape.insert(shape.end(), last);
    return NdArray::zeros(shape, dtype);
  }
  void check(int info, const char* why) const {
    if (info == 0) return;
    throw InvalidRequest(std::string(call) + ": " +
                         (info < 0 ? "an element is not finite, or LAPACK refuses argument " + std::to_string(-info)
                                   : std::string(why)));
  }

  std::string_view call;
  NdArray array;
  Shape outer;
  std::int64_t rows{};
  std::int64_t columns{};
  std::int64_t count{};
};

using blas::for_floats;

template <class T>
T* at(NdArray& array, std::int64_t index, std::int64_t size) {
  return array.mutable_data_as<T>() + index * size;
}

NdArray adjoint(const NdArray& a) {
  Axes order(a.ndim());
  for (std::size_t i = 0; i < a.ndim(); ++i) order[i] = static_cast<int>(i);
  std::swap(order[a.ndim() - 1], order[a.ndim() - 2]);
  const NdArray turned = a.transpose(order);
  return is_complex(a.dtype()) ? conj(turned) : turned;
}

}  // namespace

Qr qr(const NdArray& a) {
  Stack stack(a, "qr");
  const auto k = std::min(stack.rows, stack.columns);
  const auto dtype = stack.array.dtype();
  Qr result{stack.make({stack.rows, k}, dtype), stack.make({k, stack.columns}, dtype)};
  for_floats(dtype, [&]<class T>() {
    std::vector<T> tau(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < stack.count && k > 0; ++i) {
      T* x = at<T>(stack.array, i, stack.rows * stack.columns);
      const auto m = blas::as_int(stack.rows);
      const auto n = blas::as_int(stack.columns);
      stack.check(blas::geqrf(x, m, n, x, n, tau.data()), "it failed");
      T* r = at<T>(result.r, i, k * stack.columns);
      for (std::int64_t row = 0; row < k; ++row) std::copy(x + row * n + row, x + row * n + n, r + row * n + row);
      T* q = at<T>(result.q, i, stack.rows * k);
      for (std::int64_t row = 0; row < stack.rows; ++row) std::copy_n(x + row * n, k, q + row * k);
      stack.check(blas::make_q(q, m, blas::as_int(k), blas::as_int(k), q, blas::as_int(k), tau.data()), "it failed");
    }
  });
  return result;
}

Svd svd(const NdArray& a, bool full_matrices) {
  Stack stack(a, "svd");
  const auto m = stack.rows;
  const auto n = stack.columns;
  const auto k = std::min(m, n);
  const auto dtype = stack.array.dtype();
  const auto u_columns = full_matrices ? m : k;
  const auto v_rows = full_matrices ? n : k;
  Svd result{stack.make({m, u_columns}, dtype), stack.make({k}, real_of(dtype)), stack.make({v_rows, n}, dtype)};
  for_floats(dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < stack.count && k > 0; ++i) {
      T* x = at<T>(stack.array, i, m * n);
      stack.check(blas::gesdd(x, full_matrices ? 'A' : 'S', blas::as_int(m), blas::as_int(n), x, blas::as_int(n),
                              at<Real<T>>(result.s, i, k), at<T>(result.u, i, m * u_columns), blas::as_int(u_columns),
                              at<T>(result.vh, i, v_rows * n), blas::as_int(n)),
                  "it does not converge");
    }
  });
  return result;
}

Lu lu(const NdArray& a) {
  Stack stack(a, "lu");
  const auto m = stack.rows;
  const auto n = stack.columns;
  const auto k = std::min(m, n);
  const auto dtype = stack.array.dtype();
  Lu result{stack.make({m, m}, real_of(dtype)), stack.make({m, k}, dtype), stack.make({k, n}, dtype)};
  for_floats(dtype, [&]<class T>() {
    std::vector<int> pivots(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < stack.count; ++i) {
      T* x = at<T>(stack.array, i, m * n);
      if (k > 0) {
        const auto info = blas::getrf(x, blas::as_int(m), blas::as_int(n), x, blas::as_int(n), pivots.data());
        stack.check(std::min(info, 0), "it failed");  // a singular one has factors, too
      }
      std::vector<std::int64_t> rows(static_cast<std::size_t>(m));
      for (std::size_t row = 0; row < rows.size(); ++row) rows[row] = static_cast<std::int64_t>(row);
      for (std::size_t row = 0; row < pivots.size(); ++row)
        std::swap(rows[row], rows[static_cast<std::size_t>(pivots[row]) - 1]);
      auto* p = at<Real<T>>(result.p, i, m * m);
      T* l = at<T>(result.l, i, m * k);
      T* u = at<T>(result.u, i, k * n);
      for (std::int64_t row = 0; row < m; ++row) {
        p[rows[static_cast<std::size_t>(row)] * m + row] = 1;
        for (std::int64_t column = 0; column < n; ++column) {
          if (column < row && column < k) l[row * k + column] = x[row * n + column];
          if (column >= row && row < k) u[row * n + column] = x[row * n + column];
        }
        if (row < k) l[row * k + row] = 1;
      }
    }
  });
  return result;
}

NdArray cholesky(const NdArray& a, bool upper) {
  Stack stack(a, "cholesky");
  stack.require_square();
  const auto n = stack.rows;
  for_floats(stack.array.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < stack.count && n > 0; ++i) {
      T* x = at<T>(stack.array, i, n * n);
      stack.check(blas::potrf(x, upper ? 'U' : 'L', blas::as_int(n), x, blas::as_int(n)),
                  "the matrix is not positive definite");
      for (std::int64_t row = 0; row < n; ++row)
        for (std::int64_t column = 0; column < n; ++column)
          if (upper ? column < row : column > row) x[row * n + column] = T(0);
    }
  });
  return stack.array;
}

namespace {

/// `b` beside each matrix of `a`: of one type, with the same stacks, as columns.
NdArray right_sides(const Stack& a, const NdArray& b, DType dtype, bool vector) {
  NdArray columns = vector ? b.expand_dims(b.ndim()) : b;
  if (columns.ndim() < 2 || columns.extent(columns.ndim() - 2) != a.rows)
    throw InvalidRequest(std::string(a.call) + ": a right side of shape " + text_of(b.shape()) + " for a matrix with " +
                         std::to_string(a.rows) + " rows");
  Shape shape = a.outer;
  shape.insert(shape.end(), columns.shape().end() - 2, columns.shape().end());
  return columns.broadcast_to(shape).astype(dtype).copy();
}

}  // namespace

NdArray solve(const NdArray& a, const NdArray& b) {
  const auto dtype =
      result_type(result_type(a.dtype(), b.dtype()), kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype());
  const bool vector = b.ndim() == 1;
  NdArray wide = a.astype(dtype);
  if (!vector && b.ndim() > 2) {
    Shape shape =
        broadcast_shapes(Shape(a.shape().begin(), a.shape().end() - 2), Shape(b.shape().begin(), b.shape().end() - 2));
    shape.insert(shape.end(), a.shape().end() - 2, a.shape().end());
    wide = wide.broadcast_to(shape);
  }
  Stack stack(wide, "solve");
  stack.require_square();
  NdArray x = right_sides(stack, b, dtype, vector);
  const auto n = stack.rows;
  const auto k = x.extent(x.ndim() - 1);
  for_floats(dtype, [&]<class T>() {
    std::vector<int> pivots(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < stack.count && n > 0 && k > 0; ++i) {
      T* matrix = at<T>(stack.array, i, n * n);
      stack.check(blas::gesv(matrix, blas::as_int(n), blas::as_int(k), matrix, blas::as_int(n), pivots.data(),
                             at<T>(x, i, n * k), blas::as_int(k)),
                  "the matrix is singular");
    }
  });
  return vector ? x.squeeze({-1}) : x;
}

NdArray solve_triangular(const NdArray& a, const NdArray& b, bool lower, bool transposed, bool unit_diagonal) {
  const auto dtype =
      result_type(result_type(a.dtype(), b.dtype()), kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype());
  const bool vector = b.ndim() == 1;
  Stack stack(a.astype(dtype), "solve_triangular");
  stack.require_square();
  NdArray x = right_sides(stack, b, dtype, vector);
  const auto n = stack.rows;
  const auto k = x.extent(x.ndim() - 1);
  for_floats(dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < stack.count && n > 0 && k > 0; ++i) {
      T* matrix = at<T>(stack.array, i, n * n);
      stack.check(
          blas::trtrs(matrix, lower ? 'L' : 'U', transposed ? 'T' : 'N', unit_diagonal ? 'U' : 'N', blas::as_int(n),
                      blas::as_int(k), matrix, blas::as_int(n), at<T>(x, i, n * k), blas::as_int(k)),
          "the matrix is singular");
    }
  });
  return vector ? x.squeeze({-1}) : x;
}

NdArray inv(const NdArray& a) {
  Stack stack(a, "inv");
  stack.require_square();
  Shape shape = a.shape();
  return solve(a, eye(stack.rows, stack.rows, 0, stack.array.dtype()).broadcast_to(shape));
}

Lstsq lstsq(const NdArray& a, const NdArray& b, double rcond) {
  if (a.ndim() != 2 || b.ndim() < 1 || b.ndim() > 2)
    throw InvalidRequest("lstsq: arrays of shapes " + text_of(a.shape()) + " and " + text_of(b.shape()) +
                         " are no matrix with right sides");
  const auto dtype =
      result_type(result_type(a.dtype(), b.dtype()), kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype());
  const bool vector = b.ndim() == 1;
  Stack stack(a.astype(dtype), "lstsq");
  const auto m = stack.rows;
  const auto n = stack.columns;
  const NdArray columns = right_sides(stack, b, dtype, vector);
  const auto k = columns.extent(1);
  NdArray x = NdArray::zeros({std::max(m, n), k}, dtype);
  x.slice(0, 0, m).assign(columns);
  Lstsq result;
  result.s = NdArray::zeros({std::min(m, n)}, real_of(dtype));
  if (rcond < 0)
    rcond =
        static_cast<double>(std::max(m, n)) *
        (size_of(real_of(dtype)) == 4 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon());
  for_floats(dtype, [&]<class T>() {
    int rank = 0;
    T* matrix = at<T>(stack.array, 0, 0);
    if (std::min(m, n) > 0 && k > 0)
      stack.check(
          blas::gelsd(matrix, blas::as_int(m), blas::as_int(n), blas::as_int(k), matrix, blas::as_int(n),
                      at<T>(x, 0, 0), blas::as_int(k), at<Real<T>>(result.s, 0, 0), static_cast<Real<T>>(rcond), &rank),
          "it does not converge");
    result.rank = rank;
  });
  result.residuals = NdArray(Shape{0}, real_of(dtype));
  if (result.rank == n && m > n) result.residuals = sum(square(absolute(x.slice(0, n, m))), 0);
  result.x = x.slice(0, 0, n).copy();
  if (vector) result.x = result.x.squeeze({-1});
  return result;
}

namespace {

Eigen symmetric(const NdArray& a, char job, std::string_view call) {
  Stack stack(a, call);
  stack.require_square();
  const auto n = stack.rows;
  Eigen result;
  result.values = stack.make({n}, real_of(stack.array.dtype()));
  for_floats(stack.array.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < stack.count && n > 0; ++i) {
      T* x = at<T>(stack.array, i, n * n);
      stack.check(blas::eigh(x, job, 'L', blas::as_int(n), x, blas::as_int(n), at<Real<T>>(result.values, i, n)),
                  "it does not converge");
    }
  });
  result.vectors = stack.array;
  return result;
}

}  // namespace

Eigen eigh(const NdArray& a) { return symmetric(a, 'V', "eigh"); }
NdArray eigvalsh(const NdArray& a) { return symmetric(a, 'N', "eigvalsh").values; }

Eigen eig(const NdArray& a) {
  Stack stack(a.astype(complex_of(kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype())), "eig");
  stack.require_square();
  const auto n = stack.rows;
  Eigen result{stack.make({n}, stack.array.dtype()), stack.make({n, n}, stack.array.dtype())};
  for (std::int64_t i = 0; i < stack.count && n > 0; ++i) {
    const auto order = blas::as_int(n);
    if (stack.array.dtype() == DType::complex64)
      stack.check(LAPACKE_cgeev(LAPACK_ROW_MAJOR, 'N', 'V', order, at<Complex64>(stack.array, i, n * n), order,
                                at<Complex64>(result.values, i, n), nullptr, order,
                                at<Complex64>(result.vectors, i, n * n), order),
                  "it does not converge");
    else
      stack.check(LAPACKE_zgeev(LAPACK_ROW_MAJOR, 'N', 'V', order, at<Complex128>(stack.array, i, n * n), order,
                                at<Complex128>(result.values, i, n), nullptr, order,
                                at<Complex128>(result.vectors, i, n * n), order),
                  "it does not converge");
  }
  return result;
}

std::pair<NdArray, NdArray> slogdet(const NdArray& a) {
  Stack stack(a, "slogdet");
  stack.require_square();
  const auto n = stack.rows;
  NdArray sign = NdArray::full(stack.outer, 1, stack.array.dtype());
  NdArray log = NdArray::zeros(stack.outer, real_of(stack.array.dtype()));
  for_floats(stack.array.dtype(), [&]<class T>() {
    std::vector<int> pivots(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < stack.count && n > 0; ++i) {
      T* x = at<T>(stack.array, i, n * n);
      const auto info = blas::getrf(x, blas::as_int(n), blas::as_int(n), x, blas::as_int(n), pivots.data());
      stack.check(std::min(info, 0), "it failed");
      T& s = *at<T>(sign, i, 1);
      auto& l = *at<Real<T>>(log, i, 1);
      for (std::int64_t k = 0; k < n; ++k) {
        const T element = x[k * n + k];
        const auto size = std::abs(element);
        if (pivots[static_cast<std::size_t>(k)] != k + 1) s = -s;
        s = size == 0 ? T(0) : s * (element / size);
        l += std::log(size);
      }
    }
  });
  return {sign, log};
}

NdArray det(const NdArray& a) {
  Stack stack(a, "det");
  stack.require_square();
  const auto n = stack.rows;
  NdArray result = NdArray::full(stack.outer, 1, stack.array.dtype());
  for_floats(stack.array.dtype(), [&]<class T>() {
    std::vector<int> pivots(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < stack.count && n > 0; ++i) {
      T* x = at<T>(stack.array, i, n * n);
      const auto info = blas::getrf(x, blas::as_int(n), blas::as_int(n), x, blas::as_int(n), pivots.data());
      stack.check(std::min(info, 0), "it failed");
      ScaledProduct<T> product;
      for (std::int64_t k = 0; k < n; ++k)
        product.times(pivots[static_cast<std::size_t>(k)] != k + 1 ? -x[k * n + k] : x[k * n + k]);
      *at<T>(result, i, 1) = product.value();
    }
  });
  return result;
}

NdArray pinv(const NdArray& a, double rcond) {
  const auto parts = svd(a);
  const NdArray cut = multiply(max(parts.s, Over(-1).keep()), rcond);
  const NdArray inverse = where(greater(parts.s, cut), divide(1.0, parts.s), NdArray::scalar(0, parts.s.dtype()));
  return matmul(adjoint(parts.vh), multiply(inverse.expand_dims(inverse.ndim()), adjoint(parts.u)));
}

NdArray matrix_rank(const NdArray& a) {
  const NdArray s = svd(a).s;
  const auto extent = std::max(a.extent(a.ndim() - 1), a.extent(a.ndim() - 2));
  const double precision =
      s.dtype() == DType::float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  return count_nonzero(greater(s, multiply(max(s, Over(-1).keep()), precision * static_cast<double>(extent))), -1);
}

NdArray matrix_power(const NdArray& a, std::int64_t n) {
  if (a.ndim() < 2 || a.extent(a.ndim() - 1) != a.extent(a.ndim() - 2))
    throw InvalidRequest("matrix_power: an array of shape " + text_of(a.shape()) + " is no square matrix");
  NdArray base = n < 0 ? inv(a) : a;
  NdArray result = eye(a.extent(a.ndim() - 1), a.extent(a.ndim() - 1), 0, base.dtype()).broadcast_to(a.shape());
  for (auto rest = n < 0 ? -static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n); rest > 0; rest >>= 1) {
    if (rest & 1) result = matmul(result, base);
    if (rest > 1) base = matmul(base, base);
  }
  return result;
}

namespace {

NdArray vector_norm(const NdArray& a, double ord, const Over& over) {
  const NdArray size = absolute(a);
  if (ord == INFINITY) return max(size, over);
  if (ord == -INFINITY) return min(size, over);
  if (ord == 0) return sum(not_equal(a, 0).astype(size.dtype()), over);
  if (ord == 1) return sum(size, over);
  if (ord == 2) return sqrt(sum(square(size), over));
  return power(sum(power(size, ord), over), 1 / ord);
}

NdArray matrix_norm(const NdArray& a, std::string_view ord, double number, const Axes& axes, bool keepdims) {
  const auto first = static_cast<int>(normal_axis(axes[0], a.ndim(), "norm"));
  const auto second = static_cast<int>(normal_axis(axes[1], a.ndim(), "norm"));
  if (first == second) throw InvalidRequest("norm: axis " + std::to_string(first) + " is named twice");
  Over both(Axes{first, second});
  both.keepdims = keepdims;
  if (ord.empty() || ord == "fro") return vector_norm(a, 2, both);
  Axes order;
  for (int i = 0; i < static_cast<int>(a.ndim()); ++i)
    if (i != first && i != second) order.push_back(i);
  order.insert(order.end(), {first, second});
  const NdArray matrices = a.transpose(order);
  NdArray result;
  if (ord == "nuc" || std::abs(number) == 2) {
    const NdArray s = svd(matrices).s;
    result = ord == "nuc" ? sum(s, -1) : number > 0 ? max(s, -1) : min(s, -1);
  } else if (std::abs(number) == 1 || std::isinf(number)) {
    const NdArray sums = sum(absolute(matrices), std::isinf(number) ? -1 : -2);
    result = number > 0 ? max(sums, -1) : min(sums, -1);
  } else {
    throw InvalidRequest("norm: a matrix has no norm of order '" + std::string(ord) + "'");
  }
  if (!keepdims) return result;
  Shape shape = a.shape();
  shape[static_cast<std::size_t>(first)] = shape[static_cast<std::size_t>(second)] = 1;
  return result.reshape(shape);
}

}  // namespace

NdArray norm(const NdArray& given, std::string_view ord, const Axes& axes, bool keepdims) {
  const NdArray a = kind_of(given.dtype()) <= Kind::integer ? given.astype(DType::float64) : given;
  double number = 2;
  if (ord == "inf")
    number = INFINITY;
  else if (ord == "-inf")
    number = -INFINITY;
  else if (!ord.empty() && ord != "fro" && ord != "nuc") {
    const auto [end, error] = std::from_chars(ord.data(), ord.data() + ord.size(), number);
    if (error != std::errc{} || end != ord.data() + ord.size())
      throw InvalidRequest("norm: there is no order '" + std::string(ord) + "'");
  }
  if (axes.size() > 2)
    throw InvalidRequest("norm: of one axis, of two or of all, not of " + std::to_string(axes.size()));
  if (axes.size() == 2) return matrix_norm(a, ord, number, axes, keepdims);
  Over over = axes.empty() ? Over() : Over(axes[0]);
  over.keepdims = keepdims;
  if (axes.empty() && ord.empty()) return vector_norm(a, 2, over);
  if (axes.empty() && a.ndim() == 2) return matrix_norm(a, ord, number, {0, 1}, keepdims);
  if (axes.empty() && a.ndim() != 1)
    throw InvalidRequest("norm: an array of shape " + text_of(a.shape()) +
                         " is neither vector nor matrix; name the axes");
  if (ord == "fro" || ord == "nuc") throw InvalidRequest("norm: a vector has no norm '" + std::string(ord) + "'");
  return vector_norm(a, number, over);
}

}  // namespace troupe::nd::linalg
