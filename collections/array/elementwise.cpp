#include "collections/array/elementwise.hpp"

#include <cmath>

#include <fmt/format.h>

#include "collections/array/reductions.hpp"

namespace troupe {

Array Array::astype(array::DType dtype) const {
  if (dtype == this->dtype()) return *this;
  array::ArrayNode node;
  node.name = "astype";
  node.dtype = dtype;
  node.chunks = node_->chunks;
  node.inputs = {node_};
  node.element = array::ElementOp{nd::Op::cast, {std::size_t{0}}};
  return Array(std::make_shared<const array::ArrayNode>(std::move(node)));
}
Array Array::real() const { return nd::is_complex(dtype()) ? array::real(*this) : *this; }
Array Array::imag() const { return array::imag(*this); }
Array Array::conj() const { return nd::is_complex(dtype()) ? array::conj(*this) : *this; }

namespace array {
namespace {

/// `each` cut as the result is, along the axes that it does not repeat.
NodeRef cut_to_fit(const NodeRef& each, const Chunks& chunks) {
  auto wanted = each->chunks;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& theirs = chunks[chunks.size() - wanted.size() + i];
    if (size_of(wanted[i]) != 1 || size_of(theirs) == 1) wanted[i] = theirs;
  }
  return wanted == each->chunks ? each : Array(each).rechunk(wanted).node();
}

}  // namespace

Array elementwise(nd::Op op, const std::vector<Operand>& operands) {
  const auto call = nd::name_of(op);
  nd::Program program;
  std::vector<nd::Program::Operand> typed;
  std::vector<Chunks> all;
  for (const auto& each : operands) {
    typed.push_back(each.node() != nullptr ? program.input((*each.node())->dtype) : program.constant(each.scalar()));
    if (each.node() != nullptr) all.push_back((*each.node())->chunks);
  }
  if (all.empty()) {
    std::vector<Operand> arrays;
    for (const auto& each : operands) arrays.emplace_back(each.array());
    return elementwise(op, arrays);
  }
  ArrayNode node;
  node.name = std::string(call);
  program.set_result(program.apply(op, typed));
  node.dtype = program.result_dtype();
  node.chunks = broadcast_chunks(all, call);
  node.element = ElementOp{op, {}};
  for (const auto& each : operands) {
    if (each.node() == nullptr) {
      node.element->operands.emplace_back(each.scalar());
      continue;
    }
    node.element->operands.emplace_back(node.inputs.size());
    node.inputs.push_back(cut_to_fit(*each.node(), node.chunks));
  }
  return Array(std::make_shared<const ArrayNode>(std::move(node)));
}

Array round(const Array& a, int decimals) {
  if (nd::kind_of(a.dtype()) < nd::Kind::real && decimals >= 0) return a;
  if (decimals == 0) return rint(a);
  const auto factor = std::pow(10.0, std::abs(decimals));
  if (decimals > 0) return rint(a * factor) / factor;
  return (rint(a.astype(nd::result_type(a.dtype(), DType::float32)) / factor) * factor).astype(a.dtype());
}

Array isclose(const Operand& a, const Operand& b, double rtol, double atol, bool equal_nan) {
  const auto x = a.array();
  const auto y = b.array();
  const auto same = x == y;
  auto close = logical_or(same, less_equal(absolute(x - y), atol + rtol * absolute(y)) & isfinite(y));
  if (equal_nan) close = logical_or(close, logical_and(isnan(x), isnan(y)));
  return close;
}
Array allclose(const Operand& a, const Operand& b, double rtol, double atol, bool equal_nan) {
  return isclose(a, b, rtol, atol, equal_nan).all();
}
std::pair<Array, Array> divmod(const Operand& a, const Operand& b) { return {floor_divide(a, b), remainder(a, b)}; }
std::pair<Array, Array> modf(const Operand& a) { return {modf_fraction(a), modf_whole(a)}; }
std::pair<Array, Array> frexp(const Operand& a) { return {frexp_mantissa(a), frexp_exponent(a)}; }

}  // namespace array
}  // namespace troupe
