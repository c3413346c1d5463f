#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "collections/array/node.hpp"
#include "runtime/exec/arguments.hpp"

/// The functions that tasks on blocks call. They are built into every worker, by name; their arguments are what `task`
/// was given, then the views of the blocks that are their inputs.
namespace troupe::array {

struct Kernel {
  std::string_view name;
  Value (*run)(ArgumentReader& arguments);
};

// By what they are for; a kernel is in one of these lists.
std::span<const Kernel> block_kernels();
std::span<const Kernel> reduction_kernels();
std::span<const Kernel> call_kernels();
std::span<const Kernel> lu_kernels();
std::span<const Kernel> file_kernels();

/// Where a call of the kernel of this name goes. Throws InvalidRequest if there is none.
const CallSite& site_of(std::string_view kernel);

/// The inputs of a task that are blocks, each through its view. To be called after all arguments have been read.
std::vector<nd::NdArray> read_blocks(ArgumentReader& arguments);

namespace detail {
/// Pieces in a grid, one beside the other, as one array.
nd::NdArray assembled(const Shape& grid, const std::vector<nd::NdArray>& pieces);
ExpressionRef finish_task(std::string_view kernel, std::span<const BlockRef> inputs, ArgumentWriter& call);
}  // namespace detail

/// A call of a kernel, with arguments and blocks.
template <class... P>
ExpressionRef task(std::string_view kernel, std::span<const BlockRef> inputs, const P&... arguments) {
  ArgumentWriter call;
  (call.write<P>(arguments), ...);
  return detail::finish_task(kernel, inputs, call);
}

}  // namespace troupe::array
