#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/child.hpp"
#include "actors/future.hpp"

namespace troupe {

class Node;
struct ConnectOptions;

struct LocalClusterOptions {
  unsigned workers{1};
  unsigned threads_per_worker{1};
  bool processes{};                           ///< workers are processes of their own: this program, started again
  Modules modules{};                          ///< functions that tasks may run
  std::uint64_t memory_limit{};               ///< bytes a worker; beyond 60 % values go to disk; 0 = none
  std::string local_directory{};              ///< for those values; empty: troupe-UID in $TMPDIR or /tmp
  std::map<std::string, double> resources{};  ///< of each worker
  bool listen{};                              ///< also take workers and clients of other processes, on loopback
  std::uint16_t port{};                       ///< to listen at; 0: any free one
  std::string access_file{};                  ///< written for them, if it is not empty
  std::string name{"worker"};                 ///< workers are name-0, name-1, …
  std::chrono::milliseconds timeout{30'000};  ///< for all workers to be there
  bool dashboard{true};                       ///< serve the dashboard, on loopback
  std::uint16_t dashboard_port{8787};         ///< if it is taken, any free one; 0: any
  std::optional<bool> history{};  ///< write down what happens, for `troupe history`; unset: as TROUPE__HISTORY__ENABLED
                                  ///< says, else yes. Histories here take at most TROUPE__HISTORY__LIMIT, else 1 GiB
  std::string
      history_directory{};  ///< where to; empty: `local` in TROUPE__HISTORY__DIRECTORY, or where a scheduler's are
  std::chrono::milliseconds profile_interval{10};  ///< between two looks at what tasks run, for the dashboard; 0: none
  std::function<void(std::string_view)> log{};     ///< called on a thread of ours; the library prints nothing
};

/// A scheduler and workers on this machine: in threads of this process, which pass each other the very objects, or
/// in child processes. Owned by the program; must outlive its clients. The destructor stops workers, then the
/// scheduler, then the loop, and leaves no process behind.
class LocalCluster {
public:
  /// Blocks until all workers are there; throws TimeoutError, or Failure if something cannot be started.
  explicit LocalCluster(LocalClusterOptions options);
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

  /// host:port of the scheduler; empty if it listens nowhere.
  [[nodiscard]] const std::string& address() const;
  /// host:port of the dashboard; empty if there is none.
  [[nodiscard]] std::string dashboard_address() const;
  /// An address to open in a browser, which lets it in once; with `admin` it may cancel, retry, drain, restart and
  /// scale. Empty if there is no dashboard.
  [[nodiscard]] std::string dashboard_link(bool admin = false) const;
  /// Process ids of the workers' processes; empty in threads.
  [[nodiscard]] std::vector<int> worker_pids() const;
  /// More or fewer workers: more are started, fewer there are once what they hold is elsewhere, which this does not
  /// wait for. Throws Failure if one cannot be started.
  void scale(unsigned workers);
  /// Stops it now; the destructor does nothing then.
  void stop();
  /// The same without blocking, from any thread, a callback too: `done` is called when it has stopped, on `executor`,
  /// or on a thread of ours, where it must not destroy the cluster. Later calls of `stop` wait for the same end.
  void async_stop(std::function<void()> done = {}, Executor executor = {});

  // For the composition root and our own code.
  [[nodiscard]] Node& node() const;
  [[nodiscard]] ConnectOptions connect_options() const;

private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace troupe
