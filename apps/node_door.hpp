#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/node.hpp"
#include "apps/door.hpp"
#include "apps/signals.hpp"
#include "monitoring/http_server.hpp"
#include "monitoring/pages.hpp"

/// What the commands that are nodes share: addresses, pid files, logs, pages.
namespace troupe::apps {

struct HostPort {
  std::string host;
  std::uint16_t port{};
};
/// "host:port", "[v6]:port", ":port" or "port"; raises a usage error that names `flag`.
HostPort parse_host_port(std::string_view text, const HostPort& fallback, const std::string& flag);

/// Holds this process's id while it exists.
class PidFile {
public:
  /// An empty path writes nothing. Raises if it cannot be written.
  explicit PidFile(std::filesystem::path path);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

private:
  std::filesystem::path path_;
};

/// The library's log lines into this process's log, which must live longer.
LogSink sink_of(Log& log, const char* logger);

/// Names of dashboard.allowed-hosts.
std::vector<std::string> allowed_hosts(const Config& config);

/// What metrics.compat asks for. Raises CommandError for a value that is not known.
bool dask_names_wanted(const Config& config);

/// How often threads are looked at for the pages of profiles, 0 = never, and the windows that this is counted in.
/// Raises CommandError for what is too little.
struct ProfileTimes {
  Duration interval{};
  Duration cycle{};
};
ProfileTimes profile_times(const Config& config);

/// The one line a node prints to stdout when it is ready: fields by name, "-" for what is not served.
void print_ready(const Door& door, std::string_view role,
                 const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace troupe::apps
