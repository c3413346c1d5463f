#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/access.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"
#include "runtime/core/session.hpp"

namespace troupe {

class Node;
struct WorkerOptions;

struct NannyOptions {
  std::vector<std::string> command;  ///< program (a path) and arguments of the worker process
  std::string scheduler_address;     ///< empty: the one in `access`
  AccessFile access;
  std::string machine;                              ///< empty: this host's name
  std::function<void(std::string_view)> on_output;  ///< what the worker writes to stderr; on the loop
  SessionConfig session;
  Duration restart_min{std::chrono::milliseconds(100)};
  Duration restart_max{std::chrono::seconds(10)};
  Duration calm_after{std::chrono::seconds(30)};       ///< a life longer than this forgets earlier deaths
  Duration drain_patience{std::chrono::seconds(30)};   ///< from SIGTERM to SIGKILL
  Duration restart_patience{std::chrono::seconds(3)};  ///< the same when the scheduler wants another process
  Duration give_up_after{std::chrono::seconds(60)};
  std::uint64_t memory_max{};  ///< a worker process that takes more is killed, and started again; 0 = none
  Duration memory_interval{std::chrono::milliseconds(100)};  ///< how often it is measured
};

/// A running nanny, as its owner holds it; from any thread.
class NannyHandle {
public:
  struct Shared;

  explicit NannyHandle(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  /// Process id of the worker now; 0 between two.
  [[nodiscard]] int worker_pid() const;
  [[nodiscard]] std::uint32_t restarts() const;
  /// Lets the worker drain (SIGTERM) and ends with it; the second time kills it.
  void stop();
  /// Blocks until it has ended. An error: the scheduler is gone or refused it, or the program cannot be run
  /// as it is told to.
  Result<void> wait() const;
  [[nodiscard]] bool wait_for(Duration patience) const;

  [[nodiscard]] Shared& shared() const { return *shared_; }

private:
  std::shared_ptr<Shared> shared_;
};

/// A worker process that ends with this code wants to be started again at once.
inline constexpr int start_again_code = 75;

/// One that ends with this code cannot do what it was told to; another one would not do better.
inline constexpr int usage_code = 2;

/// Runs a worker process and keeps one running: starts it again when it dies, tells the scheduler what it was running,
/// from a page of memory that both share. Ends when the worker exits with status 0, or cannot do what it was told to,
/// or the scheduler says so.
/// Not on the loop. Errors: the program cannot be started.
Result<NannyHandle> start_nanny(Node& node, NannyOptions options);

/// In the worker process, before adopt_nanny: whether one started it.
bool has_nanny();

/// In the worker process: takes over what a nanny left in its environment (page, incarnation). Nothing without one.
void adopt_nanny(WorkerOptions& options);

}  // namespace troupe
