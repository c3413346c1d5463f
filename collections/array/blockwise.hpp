#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collections/array/array.hpp"
#include "collections/array/kernels.hpp"
#include "collections/array/lowering.hpp"

namespace troupe::array {

/// An array each of whose blocks a kernel makes of the blocks at the same place of all inputs, in C order.
template <class... P>
Array map_kernel(std::string name, std::string_view kernel, DType dtype, Chunks chunks,
                 const std::vector<Array>& inputs, const P&... arguments) {
  std::vector<NodeRef> nodes;
  for (const auto& each : inputs) nodes.push_back(each.node());
  return Array(make_node(std::move(name), dtype, std::move(chunks), std::move(nodes),
                         [kernel, arguments...](Lowering& to, const ArrayNode& node) {
                           Blocks made;
                           const auto count = block_count(node.chunks);
                           for (std::size_t i = 0; i < count; ++i) {
                             std::vector<BlockRef> blocks;
                             for (const auto& input : node.inputs) blocks.push_back(to.blocks(input).at(i));
                             made.push_back({task(kernel, blocks, arguments...)});
                           }
                           return made;
                         }));
}

/// The array with one block along an axis, the others cut so that blocks do not grow.
Array whole_along(const Array& a, std::size_t axis);
/// The array as one block.
Array whole(const Array& a);

}  // namespace troupe::array
