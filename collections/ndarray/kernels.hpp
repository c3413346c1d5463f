#pragma once

#include <cstddef>

#include "collections/ndarray/ops.hpp"

namespace troupe::nd {

/// A loop over `n` elements that lie one after the other. `out` may be one of `in`, but not overlap otherwise.
using Kernel = void (*)(std::size_t n, const void* const* in, void* out);

/// The loop of `op` for elements of type `loop`, made for the instructions of this processor. The operands of `where`
/// are bool, then two of type `loop`. Precondition: there is one; not Op::cast.
Kernel kernel_of(Op op, DType loop);
Kernel cast_kernel(DType from, DType to);

/// Copies `n` elements that lie `stride` bytes apart to memory without gaps.
void gather(std::size_t n, const void* from, std::ptrdiff_t stride, void* to, std::size_t itemsize);
/// The other way round.
void scatter(std::size_t n, const void* from, void* to, std::ptrdiff_t stride, std::size_t itemsize);
/// Copies rows x columns elements from memory where those of a column lie one after the other, `column_stride` bytes
/// from column to column, to rows that lie `row_stride` bytes apart.
void transpose_copy(std::size_t rows, std::size_t columns, const void* from, std::ptrdiff_t column_stride, void* to,
                    std::ptrdiff_t row_stride, std::size_t itemsize);
/// Writes one element of `itemsize` bytes `n` times.
void fill(std::size_t n, const void* element, void* to, std::size_t itemsize);

namespace detail {
Kernel arithmetic_kernel(Op op, DType loop);
Kernel integer_kernel(Op op, DType loop);
Kernel logic_kernel(Op op, DType loop);
Kernel math_kernel(Op op, DType loop);
Kernel scalar_kernel(Op op, DType loop);
}  // namespace detail

}  // namespace troupe::nd
