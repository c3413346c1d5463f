#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "collections/array/chunks.hpp"
#include "collections/array/view.hpp"
#include "collections/expression.hpp"
#include "collections/ndarray/program.hpp"

namespace troupe::array {

struct ArrayNode;
using NodeRef = std::shared_ptr<const ArrayNode>;
class Lowering;

/// One block as tasks take it: what an expression gives, seen through a view.
struct BlockRef {
  ExpressionRef expression;
  View view{};
};
/// In C order of their coordinates.
using Blocks = std::vector<BlockRef>;

/// An elementwise operation of inputs, by their place, and constants.
struct ElementOp {
  nd::Op op{};
  std::vector<std::variant<std::size_t, nd::Scalar>> operands;
};

/// An array as it was asked for: how it follows from others. Constant, shared by all that use it. Only when something is
/// computed are nodes lowered to tasks on blocks, all that is wanted together: then it is known who else reads what, and
/// chains of elementwise operations become one task a block.
struct ArrayNode {
  std::string name;  ///< of the call
  nd::DType dtype{};
  Chunks chunks;
  std::vector<NodeRef> inputs;
  std::optional<ElementOp> element;  ///< else what `lower` does
  bool absorbs{};                    ///< its tasks run the elementwise operations before it: it uses Lowering::fused
  std::function<Blocks(Lowering&, const ArrayNode&)> lower;

  ArrayNode() = default;
  ArrayNode(ArrayNode&&) = default;
  ArrayNode(const ArrayNode&) = delete;
  ArrayNode& operator=(const ArrayNode&) = delete;
  ArrayNode& operator=(ArrayNode&&) = delete;
  ~ArrayNode();  ///< without recursion, however long the chain of inputs
};

using Lower = std::function<Blocks(Lowering&, const ArrayNode&)>;
NodeRef make_node(std::string name, nd::DType dtype, Chunks chunks, std::vector<NodeRef> inputs, Lower lower);

}  // namespace troupe::array
