#include "apps/node_door.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"

namespace troupe::apps {

HostPort parse_host_port(std::string_view text, const HostPort& fallback, const std::string& flag) {
  HostPort result = fallback;
  std::string_view rest = text;
  if (rest.starts_with("tcp://")) rest.remove_prefix(6);
  std::string_view port = rest;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    result.host = close == std::string_view::npos ? "" : rest.substr(1, close - 1);
    port = close == std::string_view::npos ? "x" : rest.substr(close + 1);
    if (port.starts_with(':')) port.remove_prefix(1);
  } else if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    if (colon > 0) result.host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (!port.empty() && (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()))
    throw CommandError(ExitCode::usage, fmt::format("{}: '{}' is not host:port", flag, printable(text)));
  return result;
}

PidFile::PidFile(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::ofstream out(path_);
  out << ::getpid() << "\n" << std::flush;
  if (!out) throw CommandError(ExitCode::usage, fmt::format("--pid-file {}: {}", path_.string(), std::strerror(errno)));
}

PidFile::~PidFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

LogSink sink_of(Log& log, const char* logger) {
  return [&log, logger](LogLevel level, std::string_view text) {
    const auto as_ours = [&] {
      switch (level) {
        case LogLevel::debug: return Level::debug;
        case LogLevel::info: return Level::info;
        case LogLevel::warning: return Level::warning;
        case LogLevel::error: return Level::error;
      }
      return Level::info;
    };
    log.write(as_ours(), logger, "runtime", text);
  };
}

std::vector<std::string> allowed_hosts(const Config& config) {
  std::vector<std::string> names;
  std::string_view rest = config.text("dashboard.allowed-hosts");
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string name(rest.substr(0, comma));
    std::erase(name, ' ');
    if (!name.empty()) names.push_back(std::move(name));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return names;
}

void print_ready(const Door& door, std::string_view role,
                 const std::vector<std::pair<std::string, std::string>>& fields) {
  if (door.json()) {
    boost::json::object document{{"schema", "troupe/v1/ready"}, {"role", role}, {"pid", ::getpid()}};
    for (const auto& [name, value] : fields) document[name] = value;
    return print(boost::json::serialize(document) + "\n");
  }
  std::string line = fmt::format("{} ready", role);
  for (const auto& [name, value] : fields) line += fmt::format("  {} {}", name, value.empty() ? "-" : value);
  print(line + "\n");
}

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
