#include "collections/ndarray/elementwise.hpp"

#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/program.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

namespace {

/// Arrays of one type and shape, with nothing between their elements: one loop over all of them, without a program.
bool apply_plainly(Op op, std::span<const Argument> arguments, NdArray& result) {
  const auto operands = row_of(op).operands;
  if (arguments.size() != operands) return false;
  const NdArray* first = arguments[operands - 1].array();
  if (!first || !has_loop(op, first->dtype())) return false;
  const void* in[3]{};
  for (std::size_t i = 0; i < operands; ++i) {
    const NdArray* array = arguments[i].array();
    if (!array || array->dtype() != (op == Op::where && i == 0 ? DType::bool_ : first->dtype())) return false;
    if (array->shape() != first->shape() || !array->is_contiguous()) return false;
    in[i] = array->data();
  }
  result = NdArray(first->shape(), gives(op, first->dtype()));
  kernel_of(op, first->dtype())(static_cast<std::size_t>(result.size()), in, result.mutable_data());
  return true;
}

}  // namespace

NdArray apply(Op op, std::span<const Argument> arguments) {
  NdArray result(nullptr, nullptr, DType::float64, {}, {});
  if (apply_plainly(op, arguments, result)) return result;
  Program program;
  std::vector<NdArray> inputs;
  std::vector<Program::Operand> operands;
  for (const auto& argument : arguments) {
    if (const auto* array = argument.array()) {
      inputs.push_back(*array);
      operands.push_back(program.input(array->dtype()));
    } else {
      operands.push_back(program.constant(argument.scalar()));
    }
  }
  program.set_result(program.apply(op, operands));
  return program.run(inputs);
}

NdArray round(const NdArray& a, int decimals) {
  if (a.dtype() == DType::bool_) throw InvalidRequest("round: not for elements of type bool");
  if (kind_of(a.dtype()) == Kind::integer && decimals >= 0) return a;
  const NdArray values = kind_of(a.dtype()) == Kind::integer ? a.astype(DType::float64) : a;
  if (decimals == 0) return rint(values);
  const double scale = std::pow(10.0, std::abs(decimals));
  const NdArray rounded =
      decimals > 0 ? divide(rint(multiply(values, scale)), scale) : multiply(rint(divide(values, scale)), scale);
  return rounded.astype(a.dtype());
}

NdArray isclose(const NdArray& a, const NdArray& b, double rtol, double atol, bool equal_nan) {
  const NdArray exact = kind_of(b.dtype()) <= Kind::integer ? b.astype(DType::float64) : b;
  const NdArray near = less_equal(absolute(subtract(a, exact)), add(multiply(absolute(exact), rtol), atol));
  NdArray close = logical_or(logical_and(near, isfinite(exact)), equal(a, exact));
  if (equal_nan) close = logical_or(close, logical_and(isnan(a), isnan(exact)));
  return close;
}

bool allclose(const NdArray& a, const NdArray& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item<bool>();
}

bool array_equal(const NdArray& a, const NdArray& b, bool equal_nan) {
  if (a.shape() != b.shape()) return false;
  NdArray same = equal(a, b);
  if (equal_nan) same = logical_or(same, logical_and(isnan(a), isnan(b)));
  return all(same).item<bool>();
}

std::pair<NdArray, NdArray> divmod(const Argument& a, const Argument& b) {
  return {floor_divide(a, b), remainder(a, b)};
}

}  // namespace troupe::nd
