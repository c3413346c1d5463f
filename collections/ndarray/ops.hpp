#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "collections/ndarray/dtype.hpp"

namespace troupe::nd {

/// The types that an elementwise operation has a loop for, a bit each.
using Loops = std::uint16_t;

namespace loops {
inline constexpr Loops boolean = 1;
inline constexpr Loops integers = 0x1fe;
inline constexpr Loops floats = 0x600;
inline constexpr Loops complexes = 0x1800;
inline constexpr Loops bits = boolean | integers;
inline constexpr Loops real = integers | floats;
inline constexpr Loops ordered = boolean | real;
inline constexpr Loops numbers = real | complexes;
inline constexpr Loops inexact = floats | complexes;
inline constexpr Loops all = boolean | numbers;
inline constexpr Loops widest = 0x1400;
}  // namespace loops

/// What an operation gives, when its loop is of type T.
enum class Gives : std::uint8_t { same, boolean, real_part, int32, uint8 };

// X(name, operands, loops, gives): NumPy's universal functions by NumPy's names. Those with two results are two
// operations (modf_fraction and modf_whole, frexp_mantissa and frexp_exponent, floor_divide and remainder).
// The order is fixed: the number of an operation is written into tasks. New ones are added at the end.
#define TROUPE_ND_OPS(X) X(cast, 1, all, same) TROUPE_ND_FUNCTIONS(X)
#define TROUPE_ND_FUNCTIONS(X)         \
  X(add, 2, all, same)                 \
  X(subtract, 2, numbers, same)        \
  X(multiply, 2, all, same)            \
  X(divide, 2, inexact, same)          \
  X(floor_divide, 2, real, same)       \
  X(remainder, 2, real, same)          \
  X(fmod, 2, real, same)               \
  X(power, 2, numbers, same)           \
  X(float_power, 2, widest, same)      \
  X(negative, 1, numbers, same)        \
  X(positive, 1, numbers, same)        \
  X(absolute, 1, all, real_part)       \
  X(fabs, 1, floats, same)             \
  X(sign, 1, numbers, same)            \
  X(reciprocal, 1, numbers, same)      \
  X(square, 1, numbers, same)          \
  X(maximum, 2, all, same)             \
  X(minimum, 2, all, same)             \
  X(fmax, 2, all, same)                \
  X(fmin, 2, all, same)                \
  X(gcd, 2, integers, same)            \
  X(lcm, 2, integers, same)            \
  X(heaviside, 2, floats, same)        \
  X(hypot, 2, floats, same)            \
  X(arctan2, 2, floats, same)          \
  X(logaddexp, 2, floats, same)        \
  X(logaddexp2, 2, floats, same)       \
  X(copysign, 2, floats, same)         \
  X(nextafter, 2, floats, same)        \
  X(ldexp, 2, floats, same)            \
  X(spacing, 1, floats, same)          \
  X(bitwise_and, 2, bits, same)        \
  X(bitwise_or, 2, bits, same)         \
  X(bitwise_xor, 2, bits, same)        \
  X(invert, 1, bits, same)             \
  X(left_shift, 2, integers, same)     \
  X(right_shift, 2, integers, same)    \
  X(bitwise_count, 1, integers, uint8) \
  X(equal, 2, all, boolean)            \
  X(not_equal, 2, all, boolean)        \
  X(less, 2, all, boolean)             \
  X(less_equal, 2, all, boolean)       \
  X(greater, 2, all, boolean)          \
  X(greater_equal, 2, all, boolean)    \
  X(logical_and, 2, all, boolean)      \
  X(logical_or, 2, all, boolean)       \
  X(logical_xor, 2, all, boolean)      \
  X(logical_not, 1, all, boolean)      \
  X(isfinite, 1, all, boolean)         \
  X(isinf, 1, all, boolean)            \
  X(isnan, 1, all, boolean)            \
  X(signbit, 1, floats, boolean)       \
  X(floor, 1, ordered, same)           \
  X(ceil, 1, ordered, same)            \
  X(trunc, 1, ordered, same)           \
  X(rint, 1, inexact, same)            \
  X(sqrt, 1, inexact, same)            \
  X(cbrt, 1, floats, same)             \
  X(exp, 1, inexact, same)             \
  X(exp2, 1, inexact, same)            \
  X(expm1, 1, inexact, same)           \
  X(log, 1, inexact, same)             \
  X(log2, 1, inexact, same)            \
  X(log10, 1, inexact, same)           \
  X(log1p, 1, inexact, same)           \
  X(sin, 1, inexact, same)             \
  X(cos, 1, inexact, same)             \
  X(tan, 1, inexact, same)             \
  X(arcsin, 1, inexact, same)          \
  X(arccos, 1, inexact, same)          \
  X(arctan, 1, inexact, same)          \
  X(sinh, 1, inexact, same)            \
  X(cosh, 1, inexact, same)            \
  X(tanh, 1, inexact, same)            \
  X(arcsinh, 1, inexact, same)         \
  X(arccosh, 1, inexact, same)         \
  X(arctanh, 1, inexact, same)         \
  X(degrees, 1, floats, same)          \
  X(radians, 1, floats, same)          \
  X(sinc, 1, floats, same)             \
  X(i0, 1, floats, same)               \
  X(conj, 1, numbers, same)            \
  X(real, 1, all, real_part)           \
  X(imag, 1, all, real_part)           \
  X(angle, 1, inexact, real_part)      \
  X(modf_fraction, 1, floats, same)    \
  X(modf_whole, 1, floats, same)       \
  X(frexp_mantissa, 1, floats, same)   \
  X(frexp_exponent, 1, floats, int32)  \
  X(where, 3, all, same)               \
  X(clip, 3, all, same)                \
  X(nan_to_num, 1, all, same)          \
  X(isposinf, 1, ordered, boolean)     \
  X(isneginf, 1, ordered, boolean)     \
  X(iscomplex, 1, all, boolean)        \
  X(isreal, 1, all, boolean)

enum class Op : std::uint8_t {
#define TROUPE_ND_OP(name, operands, types, gives) name,
  TROUPE_ND_OPS(TROUPE_ND_OP)
#undef TROUPE_ND_OP
};

struct OpRow {
  std::string_view name;
  std::uint8_t operands;
  Loops loops;
  Gives gives;
};

inline constexpr OpRow op_rows[] = {
#define TROUPE_ND_OP(name, operands, types, gives) {#name, operands, loops::types, Gives::gives},
    TROUPE_ND_OPS(TROUPE_ND_OP)
#undef TROUPE_ND_OP
};

inline constexpr std::size_t op_count = std::size(op_rows);

constexpr const OpRow& row_of(Op op) { return op_rows[static_cast<std::size_t>(op)]; }
constexpr std::string_view name_of(Op op) { return row_of(op).name; }
constexpr bool has_loop(Op op, DType dtype) { return (row_of(op).loops >> static_cast<int>(dtype) & 1) != 0; }
/// Throws InvalidRequest if no operation has that name.
Op op_named(std::string_view name);
/// What `op` gives when its loop is of type `loop`.
DType gives(Op op, DType loop);
/// The first loop of `op` that operands of these types can be cast to safely. Throws InvalidRequest if there is none.
DType loop_of(Op op, std::span<const DType> operands);
bool is_comparison(Op op);

}  // namespace troupe::nd
