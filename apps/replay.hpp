#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// Says from which record on, if any, the log's writer (`who`: scheduler or worker) decided otherwise.
ExitCode verdict(std::optional<std::uint64_t> differs, std::string_view who);

}  // namespace troupe::apps
