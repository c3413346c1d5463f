#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "collections/ndarray/ndarray.hpp"

/// The steps of a right-looking blocked LU factorisation with partial pivoting, and of triangular solves, on panels:
/// some columns of a matrix with all of its rows. After G. Golub and C. Van Loan, "Matrix Computations", 3.2.11 and
/// 3.4; the pivots are those of LAPACK's getrf on the whole matrix. Elements are of float32, float64, complex64 or
/// complex128, one type in a call; one thread a call. Nothing is changed in place.
namespace troupe::nd::linalg {

/// Rows from some `first` on are factored: unit lower triangle and what is below it, upper triangle; those above are
/// the rest of u. `order[i]` is the row, counted from `first`, that pivoting has brought to row first + i.
struct LuPanel {
  NdArray packed;
  NdArray order;
};

/// Factors the m x w panel `a` below row `first`, to which all panels before it have been applied. Throws
/// InvalidRequest, beginning with `call`, if an element is NaN, or if a pivot is 0 and `regular` is asked for.
LuPanel lu_panel(const NdArray& a, std::int64_t first, std::string_view call, bool regular);

/// The next w rows of a solution of l x = b, and b less their part. `l`: the last k rows of w columns of l, of which
/// the first w are a triangle; `b`: m x n or m, its last k rows first put in `order`, if that is given. With `unit` the
/// diagonal counts as 1. With a `call`, zeros on the diagonal and NaN in b are refused in its name.
NdArray forward_step(const NdArray& b, const NdArray& l, const NdArray* order, bool unit, std::string_view call = {});
/// The same of u x = b, upwards. `u`: the first k rows of w columns of u, of which the last w are a triangle.
NdArray backward_step(const NdArray& b, const NdArray& u, std::string_view call = {});

/// Columns of l, m x min(k, w), from the last k rows of a packed panel, and the orders of all panels after it.
NdArray lu_lower(const NdArray& packed, std::int64_t rows, std::span<const NdArray> later);
/// Columns of u, k x w, where the triangle begins at row `first`.
NdArray lu_upper(const NdArray& packed, std::int64_t first, std::int64_t k);
/// Which row of the matrix has come to each row of l u, int64, by the orders of all panels.
NdArray lu_rows(std::int64_t rows, std::span<const NdArray> orders);
/// Part of the matrix p with p[rows[i], i] = 1: `shape` of it from row and column `start` on.
NdArray permutation_part(const NdArray& rows, const Shape& start, const Shape& shape, DType dtype);

/// The pivots of a panel, the first one with the sign of its order.
NdArray lu_pivots(const LuPanel& panel, std::int64_t first);
/// The product of all pivots; overflows only if the result does.
NdArray det_of_pivots(std::span<const NdArray> pivots, DType dtype);
/// Sign, and logarithm of the absolute value, of that product.
std::pair<NdArray, NdArray> slogdet_of_pivots(std::span<const NdArray> pivots, DType dtype);

}  // namespace troupe::nd::linalg
