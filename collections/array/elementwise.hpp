#pragma once

#include "collections/array/array.hpp"
#include "collections/ndarray/ops.hpp"

/// NumPy's universal functions, by their names.
namespace troupe::array {

#define TROUPE_ARRAY_FUNCTION_1(name) \
  inline Array name(const Operand& a) { return elementwise(nd::Op::name, {a}); }
#define TROUPE_ARRAY_FUNCTION_2(name) \
  inline Array name(const Operand& a, const Operand& b) { return elementwise(nd::Op::name, {a, b}); }
#define TROUPE_ARRAY_FUNCTION_3(name)                                       \
  inline Array name(const Operand& a, const Operand& b, const Operand& c) { \
    return elementwise(nd::Op::name, {a, b, c});                            \
  }
#define TROUPE_ARRAY_OP(name, operands, types, gives) TROUPE_ARRAY_FUNCTION_##operands(name)
TROUPE_ND_FUNCTIONS(TROUPE_ARRAY_OP)
#undef TROUPE_ARRAY_OP
#undef TROUPE_ARRAY_FUNCTION_1
#undef TROUPE_ARRAY_FUNCTION_2
#undef TROUPE_ARRAY_FUNCTION_3

/// Rounded to `decimals` digits after the point, halves to even.
Array round(const Array& a, int decimals = 0);
Array isclose(const Operand& a, const Operand& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
/// Without axes: whether all are close.
Array allclose(const Operand& a, const Operand& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
std::pair<Array, Array> divmod(const Operand& a, const Operand& b);
std::pair<Array, Array> modf(const Operand& a);
std::pair<Array, Array> frexp(const Operand& a);

}  // namespace troupe::array
