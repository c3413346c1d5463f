#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/task.hpp"

namespace troupe {

/// First argument of a program that is started as a worker.
inline constexpr std::string_view child_argument = "--troupe-child";

/// What a worker in a process of its own is told on its command line.
struct ChildCommand {
  std::string access_file;
  std::string name;
  std::uint32_t threads{1};
  std::uint64_t memory_limit{};
  std::string local_directory;
  std::uint64_t profile_ms{10};  ///< between two looks at what runs; 0 = none
  std::vector<ResourceAmount> resources;

  [[nodiscard]] std::vector<std::string> arguments(std::string program) const;
  static Result<ChildCommand> parse(int argc, char** argv);
  friend bool operator==(const ChildCommand&, const ChildCommand&) = default;
};

}  // namespace troupe
