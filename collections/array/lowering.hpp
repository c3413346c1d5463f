#pragma once

#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "collections/array/node.hpp"

namespace troupe::array {

/// Turns arrays into tasks on their blocks. Lives for one computation, on one thread.
class Lowering {
public:
  explicit Lowering(std::span<const NodeRef> wanted);

  /// The blocks of a node, which may be one that `lower` has just made.
  const Blocks& blocks(const NodeRef& node);
  /// Expressions that give the blocks, no views left.
  std::vector<ExpressionRef> values(const NodeRef& node);
  static ExpressionRef value_of(const BlockRef& block);

  /// The elementwise operations that the tasks of `node` begin with, and what they read.
  struct Fused {
    std::optional<nd::Program> program;  ///< none: the only input as it is
    std::vector<NodeRef> inputs;
  };
  Fused fused(const ArrayNode& node);
  /// The blocks of `inputs` that belong to the block at `at` of an array of `ndim` axes that they are broadcast to.
  std::vector<BlockRef> inputs_at(const std::vector<NodeRef>& inputs, const Shape& at);

  /// Part of a block of known shape, as a view; if that is less than half of it, as a task that copies the part, so that
  /// the whole can be freed and need not be sent.
  static BlockRef part_of(const BlockRef& block, const Shape& block_shape, const View& part, std::int64_t itemsize);

private:
  struct Info {
    NodeRef node;
    const ArrayNode* group{};  ///< whose tasks run this node
    std::vector<const ArrayNode*> readers;
    std::vector<const ArrayNode*> members;  ///< of this group, inputs first, itself left out
    bool wanted{};
    bool lowered{};
    Blocks blocks;
  };
  void visit(const NodeRef& root);
  void group();
  Blocks lower_elementwise(const ArrayNode& node);
  Info& info_of(const NodeRef& node);

  std::unordered_map<const ArrayNode*, Info> infos_;
  std::vector<const ArrayNode*> order_;  ///< inputs before those that use them
};

}  // namespace troupe::array
