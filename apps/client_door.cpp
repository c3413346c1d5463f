#include "apps/client_door.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "apps/config_values.hpp"

namespace troupe::apps {

namespace {

std::filesystem::path access_path(const Door& door) {
  return door.access_file.empty() ? default_access_path() : std::filesystem::path(door.access_file);
}

}  // namespace

std::chrono::milliseconds connect_timeout(const Door& door) {
  auto timeout = door.timeout.empty() ? door.config().duration("comm.connect-timeout") : parse_duration(door.timeout);
  if (!timeout)
    throw CommandError(ExitCode::usage,
                       fmt::format("--timeout: '{}' is not a duration such as 5s", printable(door.timeout)));
  return std::chrono::ceil<std::chrono::milliseconds>(*timeout);
}

std::optional<AccessFile> find_access(const Door& door) {
  const auto path = access_path(door);
  if (door.access_file.empty() && !std::filesystem::exists(path)) return std::nullopt;
  auto access = AccessFile::read(path);
  if (!access) throw CommandError(ExitCode::authentication, access.error().text);
  return std::move(*access);
}

ClientOptions client_options(const Door& door) {
  if (!find_access(door))
    throw CommandError(
        ExitCode::authentication,
        fmt::format("{}: there is no access file; is a scheduler running here? On another machine, copy its access "
                    "file and name it with --scheduler-file",
                    access_path(door).string()));
  ClientOptions options;
  options.name = "troupe";
  options.access_file = access_path(door).string();
  options.timeout = connect_timeout(door);
  return options;
}

Connection::Connection(const Door& door) : timeout_(connect_timeout(door)) {
  client_.emplace(door.scheduler, client_options(door));
}

std::shared_ptr<const SchedulerSummary> Connection::summary() { return client_->scheduler_info(); }

QueryReply Connection::ask(Query query) {
  try {
    return client_->ask(std::move(query), timeout_);
  } catch (const InvalidRequest& error) {
    throw CommandError(ExitCode::not_found, error.what());
  }
}

std::optional<ExitCode> exit_code_of(const std::exception& error) {
  if (dynamic_cast<const TimeoutError*>(&error)) return ExitCode::timed_out;
  if (const auto* failure = dynamic_cast<const Failure*>(&error))
    return exit_code_of(Error{failure->kind(), failure->what()});
  return std::nullopt;
}

}  // namespace troupe::apps
