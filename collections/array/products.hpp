#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "collections/array/array.hpp"

/// Products of arrays, block by block, and linear algebra.
namespace troupe::array {

/// Einstein's summation, "ij,jk->ik". Blocks of labels that are summed over are joined in trees.
Array einsum(std::string_view subscripts, const std::vector<Array>& operands);
/// Of the last two axes; those before are broadcast.
Array matmul(const Array& a, const Array& b);
Array dot(const Array& a, const Array& b);
Array vdot(const Array& a, const Array& b);
Array tensordot(const Array& a, const Array& b, const std::vector<int>& of_a, const std::vector<int>& of_b);
Array tensordot(const Array& a, const Array& b, int n = 2);

namespace linalg {

struct Qr {
  Array q;
  Array r;
};
struct Svd {
  Array u;
  Array s;
  Array vh;
};
/// Of a matrix that is higher than wide, cut along its rows: blocks alone, then their triangles, in trees. After
/// A. Benson, D. Gleich and J. Demmel, "Direct QR factorizations for tall-and-skinny matrices in MapReduce
/// architectures" (2013).
Qr tsqr(const Array& a);
/// Of a matrix that is wider than high, cut along its columns: q of its first square serves for the rest.
Qr sfqr(const Array& a);
/// Of a tall or a wide matrix; one that is cut both ways is put together along its shorter side.
Qr qr(const Array& a);
Svd svd(const Array& a);
/// The k greatest singular values and their vectors, nearly. After N. Halko, P. Martinsson and J. Tropp, "Finding
/// structure with randomness" (2011).
Svd svd_compressed(const Array& a, std::int64_t k, int power_iterations = 2, std::uint64_t seed = 0);
/// The lower triangle l with a = l l^H, block by block.
Array cholesky(const Array& a);
/// p, l and u with a = p l u, of a matrix m x n: m x m, m x k and k x n, where k is the smaller of both. Blocked LU with
/// partial pivoting: the pivots are those of LAPACK's getrf on the whole matrix, however it is cut. A task holds some
/// panels, which are all rows of the columns of a block. After G. Golub and C. Van Loan, "Matrix Computations", 3.4.
std::vector<Array> lu(const Array& a);
/// x of a x = b, where b is a vector of n elements or a matrix n x c, by blocked LU, or by `cholesky` if `assume_a` is
/// "pos" and not "gen". Computing it fails with InvalidRequest "solve: the matrix is singular" if a pivot is 0.
Array solve(const Array& a, const Array& b, std::string_view assume_a = "gen");
/// The same of a triangle; what is on the other side of the diagonal is not read.
Array solve_triangular(const Array& a, const Array& b, bool lower = false);
/// By blocked LU, in the blocks of a. Computing it fails as that of `solve`.
Array inv(const Array& a);
/// The product of the pivots of blocked LU; it overflows only if the determinant does. 0 of a singular matrix.
Array det(const Array& a);
/// Sign, and logarithm of the absolute value, of the determinant.
std::pair<Array, Array> slogdet(const Array& a);
/// Least squares of a tall matrix: solution, by way of its QR.
Array lstsq(const Array& a, const Array& b);
/// Of a vector or all elements "2" (or nothing), "1", "inf", "-inf", "0"; of a matrix also "fro" and "nuc".
Array norm(const Array& a, std::string_view ord = {}, const std::optional<AxisList>& axis = {}, bool keepdims = false);

}  // namespace linalg
}  // namespace troupe::array
