#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "protocol/error.hpp"

namespace troupe::apps {

struct ChildOptions {
  std::vector<std::pair<std::string, std::string>> environment{};  ///< added to this process's
  bool quiet{};                                                    ///< stderr goes nowhere
};

/// A child process of ours: its stdout is read line by line, its end is waited for. Exec'd, never bare-forked; the
/// kernel ends it when this process dies. Used by one thread. The destructor ends it.
class ChildProcess {
public:
  /// `command[0]` is the path of the program.
  static Result<ChildProcess> start(const std::vector<std::string>& command, const ChildOptions& options = {});
  /// This very program, with other arguments.
  static std::string self();

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The next line of its stdout, without the newline; nothing at its end or after `timeout`.
  std::optional<std::string> read_line(std::chrono::milliseconds timeout);
  void signal(int number) const;
  /// Exit status as a shell shows it (128 + n after signal n); nothing if it still runs after `timeout`.
  std::optional<int> wait(std::chrono::milliseconds timeout);
  /// SIGTERM, then SIGKILL if it does not end in time. Returns the status.
  int stop(std::chrono::milliseconds patience = std::chrono::seconds(10));

private:
  ChildProcess(pid_t pid, int stdout_end, int process) : pid_(pid), output_(stdout_end), process_(process) {}

  pid_t pid_{-1};
  int output_{-1};
  int process_{-1};  ///< pidfd
  std::string unread_;
  std::optional<int> status_;
};

/// CPU time of a process so far, all its threads, user and system; 0 if it is gone.
std::chrono::nanoseconds cpu_time(pid_t pid);
/// Resident memory of a process, now and at its peak since the last reset.
struct ResidentMemory {
  std::uint64_t now{};
  std::uint64_t peak{};
};
ResidentMemory resident_memory(pid_t pid);
void reset_peak_memory(pid_t pid);

}  // namespace troupe::apps
