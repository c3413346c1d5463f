#pragma once

#include <cstddef>
#include <cstdint>

#include "collections/ndarray/dtype.hpp"

namespace troupe::nd {

/// What elements are folded with.
enum class Fold : std::uint8_t {
  sum,
  product,
  minimum,
  maximum,
  any,
  all,
  squares,  ///< of the differences from a center
  nan_sum,
  nan_product,
  nan_minimum,
  nan_maximum,
  nan_squares,
};

/// Folds `n` elements that lie one after the other, and what is in `total`, into `total`. `center`: one element.
using LineFold = void (*)(std::size_t n, const void* elements, const void* center, void* total);
/// Folds each of `n` elements of `rows` rows into the total at its place. `center`: an element for each place.
using RowFold = void (*)(std::size_t n, std::size_t rows, const void* const* elements, const void* center,
                         void* totals);

struct FoldKernels {
  LineFold line;
  RowFold rows;
};

/// At most so many rows are given at once.
inline constexpr std::size_t fold_rows_max = 4;

/// any and all are of bool only. Precondition: sums and products are of int64, uint64, floats or complex numbers;
/// squares of floats or complex numbers.
FoldKernels fold_kernels(Fold fold, DType dtype);
/// What an empty fold begins with.
void fold_identity(Fold fold, DType dtype, void* element);

/// Index of the first greatest (or least) of `n` > 0 elements that lie one after the other; of the first NaN if any.
using ExtremeLine = std::size_t (*)(std::size_t n, const void* elements);
/// Takes elements that beat the `best` at their place, and writes `index` there.
using ExtremeRows = void (*)(std::size_t n, const void* elements, std::int64_t index, void* best, std::int64_t* where);
struct ExtremeKernels {
  ExtremeLine line;
  ExtremeRows rows;
};
ExtremeKernels extreme_kernels(bool greatest, DType dtype);

}  // namespace troupe::nd
