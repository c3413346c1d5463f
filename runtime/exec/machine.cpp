#include "runtime/exec/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>

namespace troupe {

namespace {

/// Visits the directories of the control groups that this process is in for a controller, of either version, and of
/// those above them. Inside a container a group's path is often that of the host, and the limit stands at the top.
template <class Visit>
void for_each_group(const std::filesystem::path& root, const std::string& controller, Visit visit) {
  const auto upwards = [&](const std::filesystem::path& hierarchy, std::string_view group) {
    for (auto path = std::filesystem::path(group).relative_path(); !path.empty(); path = path.parent_path())
      visit(hierarchy / path);
  };
  const auto cgroups = root / "sys/fs/cgroup";
  visit(cgroups);
  visit(cgroups / controller);
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:/path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string_view group = std::string_view(line).substr(second + 1);
    if (controllers == ",,") upwards(cgroups, group);
    if (controllers.find("," + controller + ",") != std::string::npos) upwards(cgroups / controller, group);
  }
}

}  // namespace

std::uint64_t available_memory(const std::filesystem::path& root) {
  std::uint64_t bytes =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for_each_group(root, "memory", [&](const std::filesystem::path& group) {
    for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
      std::uint64_t limit = 0;
      if (std::ifstream in(group / file); in >> limit && limit > 0) bytes = std::min(bytes, limit);
    }
  });
  return bytes;
}

unsigned available_cpus(const std::filesystem::path& root) {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
  for_each_group(root, "cpu", [&](const std::filesystem::path& group) {
    double quota = 0;
    double period = 0;
    std::ifstream both(group / "cpu.max");  // "max" is no number
    std::ifstream of_quota(group / "cpu.cfs_quota_us");
    std::ifstream of_period(group / "cpu.cfs_period_us");
    if (((both >> quota >> period) || (of_quota >> quota && of_period >> period)) && quota > 0 && period > 0)
      cpus = std::min(cpus, static_cast<unsigned>(std::ceil(quota / period)));
  });
  return std::max(cpus, 1U);
}

}  // namespace troupe
