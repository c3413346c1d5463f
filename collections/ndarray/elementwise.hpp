#pragma once

#include <span>
#include <utility>
#include <variant>

#include "collections/ndarray/ndarray.hpp"
#include "collections/ndarray/ops.hpp"

namespace troupe::nd {

/// What an elementwise function takes: an array, or a number.
class Argument {
public:
  Argument(NdArray array) : held_(std::move(array)) {}
  Argument(const Scalar& scalar) : held_(scalar) {}
  template <class T>
  requires std::is_arithmetic_v<T> Argument(T value) : held_(Scalar(value)) {}
  Argument(std::complex<double> value) : held_(Scalar(value)) {}

  [[nodiscard]] const NdArray* array() const { return std::get_if<NdArray>(&held_); }
  [[nodiscard]] const Scalar& scalar() const { return std::get<Scalar>(held_); }

private:
  std::variant<NdArray, Scalar> held_;
};

/// Runs one operation. Throws InvalidRequest for types without a loop and shapes that do not broadcast.
NdArray apply(Op op, std::span<const Argument> arguments);
inline NdArray apply(Op op, std::initializer_list<Argument> arguments) {
  return apply(op, std::span<const Argument>(arguments.begin(), arguments.size()));
}

// One function for each operation, by its name: add(a, b), exp(a), where(condition, a, b), ...
#define TROUPE_ND_FUNCTION_1(name) \
  inline NdArray name(const Argument& a) { return apply(Op::name, {a}); }
#define TROUPE_ND_FUNCTION_2(name) \
  inline NdArray name(const Argument& a, const Argument& b) { return apply(Op::name, {a, b}); }
#define TROUPE_ND_FUNCTION_3(name) \
  inline NdArray name(const Argument& a, const Argument& b, const Argument& c) { return apply(Op::name, {a, b, c}); }
#define TROUPE_ND_OP(name, operands, types, gives) TROUPE_ND_FUNCTION_##operands(name)
TROUPE_ND_FUNCTIONS(TROUPE_ND_OP)
#undef TROUPE_ND_OP
#undef TROUPE_ND_FUNCTION_1
#undef TROUPE_ND_FUNCTION_2
#undef TROUPE_ND_FUNCTION_3

/// Rounded to `decimals` digits after the point, halves to even; negative ones round before the point.
NdArray round(const NdArray& a, int decimals = 0);
NdArray isclose(const NdArray& a, const NdArray& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
bool allclose(const NdArray& a, const NdArray& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
/// Same shape and same elements.
bool array_equal(const NdArray& a, const NdArray& b, bool equal_nan = false);
std::pair<NdArray, NdArray> divmod(const Argument& a, const Argument& b);

}  // namespace troupe::nd
