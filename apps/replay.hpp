#pragma once

#include <cstdint>
#include <string>

#include "apps/door.hpp"

namespace troupe::apps {

struct ReplayFlags {
  std::string file;
  std::string story;
  std::string explain;
  std::uint64_t until{};
  bool events{};
  bool check{};
};

/// Lets a worker's decisions be made again from the log that `troupe worker --event-log` wrote.
ExitCode replay_worker(const Door& door, const ReplayFlags& flags);

}  // namespace troupe::apps
