#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>

#include "apps/door.hpp"
#include "protocol/access.hpp"
#include "protocol/messages.hpp"
#include "troupe/troupe.hpp"

/// The command line as a client of a scheduler.
namespace troupe::apps {

/// The access file that --access-file names, or the one of this user; nothing if there is none and none was named.
std::optional<AccessFile> find_access(const Door& door);

/// A client's options from the command line; raises with exit code 5 if there is no access file.
ClientOptions client_options(const Door& door);

/// One conversation of a sub-command with the scheduler. Every failure is raised as a CommandError.
class Connection {
public:
  explicit Connection(const Door& door);

  [[nodiscard]] Client& client() { return *client_; }
  [[nodiscard]] std::shared_ptr<const SchedulerSummary> summary();
  /// Asks and waits. An answer "there is no such task" ends the command with exit code 3.
  [[nodiscard]] QueryReply ask(Query query);

private:
  std::chrono::milliseconds timeout_;
  std::optional<Client> client_;
};

/// How long to look for the scheduler: --timeout, else comm.connect-timeout.
std::chrono::milliseconds connect_timeout(const Door& door);

/// The code that fits an exception of the library; nothing for others.
std::optional<ExitCode> exit_code_of(const std::exception& error);

}  // namespace troupe::apps
