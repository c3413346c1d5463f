#include "apps/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace troupe::apps {

namespace {

/// The least limit of a control group and those above it; `file` holds it in each.
std::uint64_t group_limit(const std::filesystem::path& hierarchy, std::string_view group, const char* file) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::filesystem::path path = std::filesystem::path(group).relative_path();
  for (;; path = path.parent_path()) {
    std::uint64_t limit = 0;
    if (std::ifstream in(hierarchy / path / file); in >> limit && limit > 0) least = std::min(least, limit);
    if (path.empty()) return least;
  }
}

}  // namespace

std::uint64_t available_memory(const std::filesystem::path& root) {
  std::uint64_t bytes =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto cgroups = root / "sys/fs/cgroup";
  // Inside a container the group's path is often that of the host, and the limit stands at the top.
  bytes = std::min(
      {bytes, group_limit(cgroups, "", "memory.max"), group_limit(cgroups / "memory", "", "memory.limit_in_bytes")});
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:/path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string_view group = std::string_view(line).substr(second + 1);
    if (controllers == ",,") bytes = std::min(bytes, group_limit(cgroups, group, "memory.max"));
    if (controllers.find(",memory,") != std::string::npos)
      bytes = std::min(bytes, group_limit(cgroups / "memory", group, "memory.limit_in_bytes"));
  }
  return bytes;
}

unsigned available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
  double quota = 0;
  double period = 0;
  if (std::ifstream in("/sys/fs/cgroup/cpu.max"); in >> quota >> period && quota > 0 && period > 0)
    cpus = std::min(cpus, static_cast<unsigned>(std::ceil(quota / period)));
  return std::max(cpus, 1U);
}

}  // namespace troupe::apps
