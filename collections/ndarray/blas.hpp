#pragma once

#include "collections/ndarray/ndarray.hpp"

// LAPACK's complex numbers are those of C++.
#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <cblas.h>
#include <lapacke.h>

/// OpenBLAS and LAPACK by the type of their elements. Private to the sources of linear algebra.
namespace troupe::nd::blas {

/// Tasks are what runs side by side here, so BLAS starts no threads of its own. To be called before any of its functions.
inline void one_thread() {
  static const bool done = (openblas_set_num_threads(1), true);
  static_cast<void>(done);
}

/// Calls `f.operator()<T>()` for the type of the elements, one of four.
template <class F>
void for_floats(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    case DType::complex64: return f.template operator()<Complex64>();
    default: return f.template operator()<Complex128>();
  }
}

inline int as_int(std::int64_t n) { return static_cast<int>(n); }

inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float* a, int lda, const float* b,
                 int ldb, float* c) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, n);
}
inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double* a, int lda, const double* b,
                 int ldb, double* c) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, n);
}
inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const Complex64* a, int lda,
                 const Complex64* b, int ldb, Complex64* c) {
  const Complex64 one(1);
  const Complex64 zero(0);
  cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &zero, c, n);
}
inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const Complex128* a, int lda,
                 const Complex128* b, int ldb, Complex128* c) {
  const Complex128 one(1);
  const Complex128 zero(0);
  cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &zero, c, n);
}
inline void gemv(CBLAS_TRANSPOSE t, int m, int n, const float* a, int lda, const float* x, float* y) {
  cblas_sgemv(CblasRowMajor, t, m, n, 1, a, lda, x, 1, 0, y, 1);
}
inline void gemv(CBLAS_TRANSPOSE t, int m, int n, const double* a, int lda, const double* x, double* y) {
  cblas_dgemv(CblasRowMajor, t, m, n, 1, a, lda, x, 1, 0, y, 1);
}
inline void gemv(CBLAS_TRANSPOSE t, int m, int n, const Complex64* a, int lda, const Complex64* x, Complex64* y) {
  const Complex64 one(1);
  const Complex64 zero(0);
  cblas_cgemv(CblasRowMajor, t, m, n, &one, a, lda, x, 1, &zero, y, 1);
}
inline void gemv(CBLAS_TRANSPOSE t, int m, int n, const Complex128* a, int lda, const Complex128* x, Complex128* y) {
  const Complex128 one(1);
  const Complex128 zero(0);
  cblas_zgemv(CblasRowMajor, t, m, n, &one, a, lda, x, 1, &zero, y, 1);
}
/// c -= a b, in rows of `lda`, `ldb` and `ldc` elements.
inline void less_product(int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, -1, a, lda, b, ldb, 1, c, ldc);
}
inline void less_product(int m, int n, int k, const double* a, int lda, const double* b, int ldb, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, -1, a, lda, b, ldb, 1, c, ldc);
}
inline void less_product(int m, int n, int k, const Complex64* a, int lda, const Complex64* b, int ldb, Complex64* c,
                         int ldc) {
  const Complex64 one(1);
  const Complex64 minus(-1);
  cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, &minus, a, lda, b, ldb, &one, c, ldc);
}
inline void less_product(int m, int n, int k, const Complex128* a, int lda, const Complex128* b, int ldb, Complex128* c,
                         int ldc) {
  const Complex128 one(1);
  const Complex128 minus(-1);
  cblas_zgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, &minus, a, lda, b, ldb, &one, c, ldc);
}
/// b = a^-1 b, for the triangle `uplo` of the m x m matrix a.
inline void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int m, int n, const float* a, int lda, float* b, int ldb) {
  cblas_strsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, m, n, 1, a, lda, b, ldb);
}
inline void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int m, int n, const double* a, int lda, double* b, int ldb) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, m, n, 1, a, lda, b, ldb);
}
inline void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int m, int n, const Complex64* a, int lda, Complex64* b, int ldb) {
  const Complex64 one(1);
  cblas_ctrsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, m, n, &one, a, lda, b, ldb);
}
inline void trsm(CBLAS_UPLO uplo, CBLAS_DIAG diag, int m, int n, const Complex128* a, int lda, Complex128* b, int ldb) {
  const Complex128 one(1);
  cblas_ztrsm(CblasRowMajor, CblasLeft, uplo, CblasNoTrans, diag, m, n, &one, a, lda, b, ldb);
}
inline float dot(int n, const float* a, int sa, const float* b, int sb) { return cblas_sdot(n, a, sa, b, sb); }
inline double dot(int n, const double* a, int sa, const double* b, int sb) { return cblas_ddot(n, a, sa, b, sb); }
inline Complex64 dot(int n, const Complex64* a, int sa, const Complex64* b, int sb) {
  Complex64 result;
  cblas_cdotu_sub(n, a, sa, b, sb, &result);
  return result;
}
inline Complex128 dot(int n, const Complex128* a, int sa, const Complex128* b, int sb) {
  Complex128 result;
  cblas_zdotu_sub(n, a, sa, b, sb, &result);
  return result;
}

// lapack(name): a function of that name for each of the four types.
#define TROUPE_ND_LAPACK(name)                         \
  template <class... A>                                \
  int name(float*, A... rest) {                        \
    return LAPACKE_s##name(LAPACK_ROW_MAJOR, rest...); \
  }                                                    \
  template <class... A>                                \
  int name(double*, A... rest) {                       \
    return LAPACKE_d##name(LAPACK_ROW_MAJOR, rest...); \
  }                                                    \
  template <class... A>                                \
  int name(Complex64*, A... rest) {                    \
    return LAPACKE_c##name(LAPACK_ROW_MAJOR, rest...); \
  }                                                    \
  template <class... A>                                \
  int name(Complex128*, A... rest) {                   \
    return LAPACKE_z##name(LAPACK_ROW_MAJOR, rest...); \
  }
TROUPE_ND_LAPACK(geqrf)
TROUPE_ND_LAPACK(gesdd)
TROUPE_ND_LAPACK(getrf)
TROUPE_ND_LAPACK(potrf)
TROUPE_ND_LAPACK(gesv)
TROUPE_ND_LAPACK(trtrs)
TROUPE_ND_LAPACK(gelsd)
#undef TROUPE_ND_LAPACK

// Those that have other names for real and for complex numbers.
#define TROUPE_ND_LAPACK(name, real_name, complex_name)        \
  template <class... A>                                        \
  int name(float*, A... rest) {                                \
    return LAPACKE_s##real_name(LAPACK_ROW_MAJOR, rest...);    \
  }                                                            \
  template <class... A>                                        \
  int name(double*, A... rest) {                               \
    return LAPACKE_d##real_name(LAPACK_ROW_MAJOR, rest...);    \
  }                                                            \
  template <class... A>                                        \
  int name(Complex64*, A... rest) {                            \
    return LAPACKE_c##complex_name(LAPACK_ROW_MAJOR, rest...); \
  }                                                            \
  template <class... A>                                        \
  int name(Complex128*, A... rest) {                           \
    return LAPACKE_z##complex_name(LAPACK_ROW_MAJOR, rest...); \
  }
TROUPE_ND_LAPACK(make_q, orgqr, ungqr)
TROUPE_ND_LAPACK(eigh, syevd, heevd)
#undef TROUPE_ND_LAPACK

}  // namespace troupe::nd::blas
