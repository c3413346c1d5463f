#include "apps/node_door.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
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

ProfileTimes profile_times(const Config& config) {
  const ProfileTimes times{config.duration("worker.profile.interval").value_or(Duration{0}),
                           config.duration("worker.profile.cycle").value_or(std::chrono::seconds(1))};
  if (times.interval != Duration{0} && times.interval < std::chrono::milliseconds(1))
    throw CommandError(ExitCode::usage, "worker.profile.interval has to be 1ms or more, or off");
  if (times.cycle < std::chrono::milliseconds(100))
    throw CommandError(ExitCode::usage, "worker.profile.cycle has to be 100ms or more");
  return times;
}

LogSink sink_of(Log& log, const char* logger) {
  return [&log, logger](LogLevel level, std::string_view text, const LogContext& about) {
    const auto as_ours = [&] {
      switch (level) {
        case LogLevel::debug: return Level::debug;
        case LogLevel::info: return Level::info;
        case LogLevel::warning: return Level::warning;
        case LogLevel::error: return Level::error;
      }
      return Level::info;
    };
    log.write(as_ours(), logger, about.event.c_str(), text, about);
  };
}

bool dask_names_wanted(const Config& config) {
  const std::string compat = config.text("metrics.compat");
  if (compat.empty() || compat == "none") return false;
  if (compat == "dask") return true;
  throw CommandError(ExitCode::usage,
                     fmt::format("metrics.compat is '{}'; there are 'none' and 'dask'", printable(compat)));
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

}  // namespace troupe::apps
