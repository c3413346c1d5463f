#include "collections/array/lowering.hpp"

#include <algorithm>

#include "collections/array/kernels.hpp"

namespace troupe::array {
namespace {

/// Operations that one task runs; a chain may be longer.
constexpr std::size_t members_max = 256;
/// Below this a part of a block is not worth a copy of its own.
constexpr std::int64_t copied_bytes_min = 16 << 10;

}  // namespace

Lowering::Lowering(std::span<const NodeRef> wanted) {
  for (const auto& each : wanted) visit(each);
  for (const auto& each : wanted) infos_.at(each.get()).wanted = true;
  group();
  for (const auto* each : order_) {
    auto& info = infos_.at(each);
    if (info.group == each) blocks(info.node);  // in order, so that no chain of calls gets deep
  }
}

void Lowering::visit(const NodeRef& root) {
  struct Step {
    NodeRef node;
    std::size_t next_input{};
  };
  std::vector<Step> path{{root}};
  while (!path.empty()) {
    auto& step = path.back();
    if (infos_.count(step.node.get()) > 0) {
      path.pop_back();
      continue;
    }
    if (step.next_input < step.node->inputs.size()) {
      const auto input = step.node->inputs[step.next_input++];
      if (infos_.count(input.get()) == 0) path.push_back({input});
      continue;
    }
    const auto node = step.node;
    path.pop_back();
    infos_[node.get()].node = node;
    order_.push_back(node.get());
    for (const auto& input : node->inputs) infos_.at(input.get()).readers.push_back(node.get());
  }
}

/// An elementwise node goes to the tasks of those that read it, if these are the tasks of one node.
void Lowering::group() {
  for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
    const auto* node = *at;
    auto& info = infos_.at(node);
    info.group = node;
    if (!node->element || info.wanted || info.readers.empty()) continue;
    const ArrayNode* group = nullptr;
    for (const auto* reader : info.readers) {
      const bool takes = reader->element ? reader->chunks == node->chunks : reader->absorbs;
      const auto* theirs = takes ? infos_.at(reader).group : nullptr;
      if (theirs == nullptr || (group != nullptr && group != theirs)) {
        group = nullptr;
        break;
      }
      group = theirs;
    }
    if (group == nullptr || infos_.at(group).members.size() >= members_max) continue;
    info.group = group;
    infos_.at(group).members.push_back(node);
  }
  for (auto& [node, info] : infos_) std::reverse(info.members.begin(), info.members.end());
}

Lowering::Info& Lowering::info_of(const NodeRef& node) {
  auto& info = infos_[node.get()];
  if (info.node == nullptr) {
    info.node = node;
    info.group = node.get();
  }
  return info;
}

const Blocks& Lowering::blocks(const NodeRef& node) {
  auto& known = info_of(node);
  if (known.lowered) return known.blocks;
  auto made = node->element ? lower_elementwise(*node) : node->lower(*this, *node);
  auto& info = info_of(node);
  info.blocks = std::move(made);
  info.lowered = true;
  return info.blocks;
}

ExpressionRef Lowering::value_of(const BlockRef& block) {
  return block.view.is_identity() ? block.expression : task("array.getitem", {&block, 1});
}

std::vector<ExpressionRef> Lowering::values(const NodeRef& node) {
  std::vector<ExpressionRef> all;
  for (const auto& each : blocks(node)) all.push_back(value_of(each));
  return all;
}

Lowering::Fused Lowering::fused(const ArrayNode& node) {
  const auto found = infos_.find(&node);
  Fused fused;
  std::vector<const ArrayNode*> members;
  if (found != infos_.end()) members = found->second.members;
  if (node.element) members.push_back(&node);
  if (members.empty()) {
    fused.inputs = {node.inputs.front()};
    return fused;
  }
  nd::Program program;
  std::unordered_map<const ArrayNode*, nd::Program::Operand> values;
  for (const auto* member : members) {
    for (const auto& input : member->inputs) {
      if (values.count(input.get()) > 0) continue;
      values.emplace(input.get(), program.input(input->dtype));
      fused.inputs.push_back(input);
    }
    std::vector<nd::Program::Operand> operands;
    for (const auto& each : member->element->operands) {
      const auto* place = std::get_if<std::size_t>(&each);
      operands.push_back(place != nullptr ? values.at(member->inputs[*place].get())
                                          : program.constant(std::get<nd::Scalar>(each)));
    }
    values.emplace(member, member->element->op == nd::Op::cast ? program.cast(operands.front(), member->dtype)
                                                               : program.apply(member->element->op, operands));
  }
  program.set_result(values.at(members.back()));
  fused.program = std::move(program);
  return fused;
}

std::vector<BlockRef> Lowering::inputs_at(const std::vector<NodeRef>& inputs, const Shape& at) {
  std::vector<BlockRef> result;
  for (const auto& input : inputs) {
    const auto grid = blocks_of(input->chunks);
    Shape place;
    for (std::size_t axis = 0; axis < grid.size(); ++axis)
      place.push_back(grid[axis] == 1 ? 0 : at[at.size() - grid.size() + axis]);
    result.push_back(blocks(input)[place_in(grid, place)]);
  }
  return result;
}

Blocks Lowering::lower_elementwise(const ArrayNode& node) {
  const auto all = fused(node);
  Blocks made;
  for (GridWalk at(blocks_of(node.chunks)); at; ++at)
    made.push_back({task("array.elementwise", inputs_at(all.inputs, *at), *all.program)});
  return made;
}

BlockRef Lowering::part_of(const BlockRef& block, const Shape& block_shape, const View& part, std::int64_t itemsize) {
  if (part == View::whole(block_shape)) return block;
  BlockRef result{block.expression, block.view.then(part)};
  if (std::find(block_shape.begin(), block_shape.end(), unknown) != block_shape.end()) return result;
  std::int64_t whole = itemsize;
  for (const auto extent : block_shape) whole *= extent;
  std::int64_t wanted = itemsize;
  for (const auto extent : part.shape()) wanted *= extent;
  if (whole < copied_bytes_min || 2 * wanted >= whole) return result;
  return {task("array.getitem", {&result, 1})};
}

}  // namespace troupe::array
