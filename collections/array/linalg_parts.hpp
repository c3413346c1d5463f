#pragma once

#include <cstdint>
#include <string_view>

#include "collections/array/blockwise.hpp"

/// What the sources of linear algebra share.
namespace troupe::array::linalg {

/// Decompositions count integers as float64.
DType inexact_of(DType dtype);
/// Throw InvalidRequest that names the call and the shape.
void refuse_unless_matrix(const Array& a, std::string_view call);
void refuse_unless_square(const Array& a, std::string_view call);

/// One of several results of a task.
BlockRef item(const ExpressionRef& several, std::uint64_t place);
/// Part `place` of what one task on the whole array gives.
Array part_of_whole(const Array& a, std::string_view kernel, std::uint64_t place, DType dtype, const Shape& shape);

/// How many columns each panel of a has: all rows of some columns. As the blocks are cut; where rows alone are cut, as
/// squares of the same size. No panel has more bytes than a block may have, or than the largest block of a has.
AxisChunks panel_widths(const Array& a);

}  // namespace troupe::array::linalg
