#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/views.hpp"

namespace troupe::monitoring {

/// A stage of a shuffle: every one of the inputs gives something to every one of the outputs of its block, directly or
/// by a task for each such piece.
struct ShuffleView {
  TaskId shuffle;          ///< the first output of its first stage: no two shuffles have the same
  std::string first_name;  ///< the user's name of the group of that task, or empty
  std::uint32_t first_prefix{};
  std::uint32_t stage{};  ///< from 1, of `stages`
  std::uint32_t stages{};
  std::uint64_t group{};   ///< of the outputs
  std::string name;        ///< the user's name of that group, or empty
  std::uint32_t prefix{};  ///< of the outputs
  std::uint32_t level{};   ///< longest way to the inputs from tasks without dependencies
  std::uint64_t blocks{};
  TaskCounts inputs{};
  TaskCounts pieces{};  ///< none: outputs read the inputs themselves
  TaskCounts outputs{};
};

/// Shuffles are made of tasks as all else is: they are known by what depends on what. In tasks of these groups, the
/// oldest first; those that are not shown are not looked at. A block follows another in the same shuffle if one of the
/// outputs of that, and no other, is an input of it: so a shuffle in stages passes elements on by one digit of where
/// they belong after the other. Shuffles that have nothing of this in common are told apart, however deep in the graph
/// they are.
std::vector<ShuffleView> find_shuffles(const std::vector<GroupTasks>& groups);

}  // namespace troupe::monitoring
