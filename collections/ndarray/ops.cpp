#include "collections/ndarray/ops.hpp"

#include <algorithm>
#include <string>

#include "actors/errors.hpp"

namespace troupe::nd {

Op op_named(std::string_view name) {
  for (std::size_t i = 0; i < op_count; ++i)
    if (op_rows[i].name == name) return static_cast<Op>(i);
  throw InvalidRequest("there is no elementwise operation '" + std::string(name) + "'");
}

DType gives(Op op, DType loop) {
  switch (row_of(op).gives) {
    case Gives::same: return loop;
    case Gives::boolean: return DType::bool_;
    case Gives::real_part: return real_of(loop);
    case Gives::int32: return DType::int32;
    case Gives::uint8: break;
  }
  return DType::uint8;
}

DType loop_of(Op op, std::span<const DType> operands) {
  // From narrow to wide, as NumPy looks through its loops.
  constexpr DType order[] = {DType::bool_,   DType::int8,      DType::uint8,     DType::int16,  DType::uint16,
                             DType::int32,   DType::uint32,    DType::int64,     DType::uint64, DType::float32,
                             DType::float64, DType::complex64, DType::complex128};
  const auto all = [&](auto&& holds) { return std::all_of(operands.begin(), operands.end(), holds); };
  if (op == Op::divide && all([](DType dtype) { return kind_of(dtype) <= Kind::integer; })) return DType::float64;
  const bool of_bools = all([](DType dtype) { return dtype == DType::bool_; });
  const bool refused = of_bools && (op == Op::subtract || op == Op::negative || op == Op::positive || op == Op::sign ||
                                    op == Op::gcd || op == Op::lcm);
  for (const auto loop : order)
    if (!refused && has_loop(op, loop) && all([loop](DType dtype) { return can_cast(dtype, loop); })) return loop;
  std::string types;
  for (const auto dtype : operands) types += (types.empty() ? "" : ", ") + std::string(name_of(dtype));
  throw InvalidRequest(std::string(name_of(op)) + ": not for elements of type " + types +
                       (refused ? "; cast them, or use logical_xor or logical_not" : ""));
}

bool is_comparison(Op op) { return op >= Op::equal && op <= Op::greater_equal; }

}  // namespace troupe::nd
