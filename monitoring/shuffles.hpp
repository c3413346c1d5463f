#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/views.hpp"

namespace troupe::monitoring {

/// A stage of a shuffle: every one of the inputs gives something to every one of the outputs of its block, directly or by a
/// task for each such piece.
struct ShuffleView {
  std::uint64_t group{};   ///< of the outputs
  std::string name;        ///< the user's name of that group, or empty
  std::uint32_t prefix{};  ///< of the outputs
  std::uint32_t level{};   ///< longest way to the inputs from tasks without dependencies
  std::uint64_t blocks{};
  TaskCounts inputs{};
  TaskCounts pieces{};  ///< none: outputs read the inputs themselves
  TaskCounts outputs{};
};

/// Shuffles are made of tasks as all else is: they are known by what depends on what. In tasks of these groups, the oldest
/// first; those that are not shown are not looked at.
std::vector<ShuffleView> find_shuffles(const std::vector<GroupTasks>& groups);

}  // namespace troupe::monitoring
