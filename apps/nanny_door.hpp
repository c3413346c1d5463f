#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/fleet.hpp"
#include "actors/nanny.hpp"
#include "actors/node.hpp"
#include "apps/door.hpp"
#include "apps/worker_door.hpp"

namespace troupe::apps {

/// Worker processes of this program, each with a nanny in this process that starts it again when it dies. Owned by a
/// command; not on a loop thread. Raises CommandError if a process cannot be started.
class WorkerProcesses {
public:
  struct Settings {
    unsigned workers{1};
    std::filesystem::path access_file;
    std::string scheduler_address;  ///< empty: the one in the access file
    std::filesystem::path uploads;  ///< directory for uploaded modules; empty: none are taken
  };
  WorkerProcesses(const Door& door, const Config& config, const WorkerFlags& flags, const Settings& settings,
                  const AccessFile& access, Log& log);
  ~WorkerProcesses();
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;

  /// More or fewer of them: see Fleet. Any thread.
  Result<void> scale(unsigned workers) { return fleet_->scale(workers); }
  /// Lets them finish what they run. Returns at once.
  void stop();
  /// Blocks until all have ended; the first error.
  Result<void> wait();

private:
  [[nodiscard]] std::vector<NannyHandle> nannies() const;

  std::unique_ptr<Node> node_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<NannyHandle> nannies_;
  std::unique_ptr<Fleet> fleet_;
};

/// Raises for what no worker could run with: told here once, not by each worker again and again.
void check_flags(const WorkerFlags& flags);

/// `troupe worker` with a nanny.
ExitCode run_nanny(const Door& door, const WorkerFlags& flags);

}  // namespace troupe::apps
