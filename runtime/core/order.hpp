#pragma once

#include <cstdint>
#include <functional>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "protocol/error.hpp"

namespace troupe {

/// A task graph by index, in compressed sparse rows, tasks in any order. Dependencies that are not below `size` lie
/// outside and have no say in the order.
struct GraphView {
  std::uint32_t size{};
  std::span<const std::uint32_t> offsets;  ///< size + 1 entries; empty: no task has a dependency
  std::span<const std::uint32_t> dependencies;
};

/// How a task is called in the text of an error; the default is its number.
using TaskNames = std::function<std::string(std::uint32_t)>;

/// Static order of a graph, made to keep few values alive at a time: rank by task, a permutation of 0..size-1 in which
/// a task comes after all its dependencies. Depth first from the results, the dependency that needs most room first
/// (Sethi and Ullman, "The generation of optimal code for arithmetic expressions", 1970), long paths first among equals,
/// lower index among those; and a task that lets go of an input runs as soon as it can. Takes time O(tasks + edges),
/// but for sorting the dependencies of each task; its tables lie in `tables`. A graph with a cycle is `invalid`: the
/// error names one.
Result<std::vector<std::uint32_t>> order(const GraphView& graph, const TaskNames& names = {},
                                         std::pmr::memory_resource& tables = *std::pmr::get_default_resource());

/// True if each task comes after its dependencies as it stands, so that indices are an order already.
bool is_sorted(const GraphView& graph);

}  // namespace troupe
