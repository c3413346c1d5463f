#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace troupe::nd {

/// How a transform of one length is done: the factors it is taken apart by, and the roots of unity for each.
/// Stockham's self-sorting algorithm, after C. Van Loan, "Computational frameworks for the fast Fourier transform"
/// (1992), 1.7; for lengths with a large prime factor, by a convolution after L. Bluestein, "A linear filtering approach
/// to the computation of discrete Fourier transform" (1970).
template <class T>
struct FftPlan {
  struct Pass {
    std::size_t radix{};
    std::size_t length{};  ///< of the transforms that this pass takes apart
    std::vector<T> real;   ///< (radix - 1) rows of length / radix roots
    std::vector<T> imaginary;
    std::vector<T> root_real;  ///< of a radix that has no formula of its own: its roots
    std::vector<T> root_imaginary;
  };
  std::size_t n{};
  std::vector<Pass> passes;
  // Of Bluestein's: the chirp, and the transform of its inverse, of length m.
  std::shared_ptr<const FftPlan> inner;
  std::vector<T> chirp_real;
  std::vector<T> chirp_imaginary;
  std::vector<T> filter_real;
  std::vector<T> filter_imaginary;
};

/// Made once for each length and thread.
template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(std::size_t n);

/// Numbers that the work memory of `fft_run` has, for transforms of `lanes` lines at a time.
template <class T>
std::size_t fft_work_size(const FftPlan<T>& plan, std::size_t lanes);
/// Transforms `lanes` lines in place; element i of line l is at i * lanes + l.
template <class T>
void fft_run(const FftPlan<T>& plan, std::size_t lanes, T* real, T* imaginary, T* work);

}  // namespace troupe::nd
