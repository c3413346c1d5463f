#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

/// Linear algebra by OpenBLAS and LAPACK, one thread a call. Matrices are the last two axes; axes before them are
/// stacks of matrices. Integers count as float64 in decompositions. Throws InvalidRequest for shapes that do not fit,
/// and for matrices without a result: singular, not positive definite, not converging.
namespace troupe::nd {

NdArray matmul(const NdArray& a, const NdArray& b);
NdArray dot(const NdArray& a, const NdArray& b);
/// Of all elements, those of `a` conjugated.
NdArray vdot(const NdArray& a, const NdArray& b);
NdArray outer(const NdArray& a, const NdArray& b);
/// Sum of products over axes of `a` and of `b`, pair by pair.
NdArray tensordot(const NdArray& a, const NdArray& b, const Axes& of_a, const Axes& of_b);
/// Over the last `n` axes of `a` and the first of `b`.
NdArray tensordot(const NdArray& a, const NdArray& b, int n = 2);
/// Einstein's summation: "ij,jk->ik", with "..." for axes that are broadcast.
NdArray einsum(std::string_view subscripts, const std::vector<NdArray>& operands);
NdArray kron(const NdArray& a, const NdArray& b);
/// Of vectors with two or three elements along the last axis.
NdArray cross(const NdArray& a, const NdArray& b);

namespace linalg {

struct Qr {
  NdArray q;
  NdArray r;
};
/// Of m x n: q of m x k, r of k x n, where k is the smaller of both.
Qr qr(const NdArray& a);

struct Svd {
  NdArray u;
  NdArray s;  ///< descending
  NdArray vh;
};
Svd svd(const NdArray& a, bool full_matrices = false);

/// a = p l u.
struct Lu {
  NdArray p;
  NdArray l;
  NdArray u;
};
Lu lu(const NdArray& a);

/// The lower triangle l with a = l l^H, or the upper one with a = u^H u.
NdArray cholesky(const NdArray& a, bool upper = false);
/// `b` is a vector if it has one axis, else a matrix.
NdArray solve(const NdArray& a, const NdArray& b);
NdArray solve_triangular(const NdArray& a, const NdArray& b, bool lower = false, bool transposed = false,
                         bool unit_diagonal = false);
NdArray inv(const NdArray& a);

struct Lstsq {
  NdArray x;
  NdArray residuals;
  std::int64_t rank{};
  NdArray s;
};
/// Least squares; singular values below `rcond` times the greatest count as 0. Negative: the machine's precision times
/// the greater extent.
Lstsq lstsq(const NdArray& a, const NdArray& b, double rcond = -1);

struct Eigen {
  NdArray values;
  NdArray vectors;  ///< as columns
};
/// Of a symmetric or Hermitian matrix, of which the lower triangle is read; ascending.
Eigen eigh(const NdArray& a);
NdArray eigvalsh(const NdArray& a);
/// Of any matrix; complex.
Eigen eig(const NdArray& a);
NdArray det(const NdArray& a);
/// Sign, and logarithm of the absolute value, of the determinant.
std::pair<NdArray, NdArray> slogdet(const NdArray& a);
NdArray pinv(const NdArray& a, double rcond = 1e-15);
NdArray matrix_rank(const NdArray& a);
NdArray matrix_power(const NdArray& a, std::int64_t n);

/// "2" (or nothing) of a vector, "fro" of a matrix, and NumPy's others: "1", "-1", "2", "-2", "inf", "-inf", "nuc", "0"
/// and any number as text. `axes`: one for vectors, two for matrices, none for all elements.
NdArray norm(const NdArray& a, std::string_view ord = {}, const Axes& axes = {}, bool keepdims = false);

}  // namespace linalg
}  // namespace troupe::nd
