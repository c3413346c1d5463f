#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "protocol/messages.hpp"

namespace troupe {

struct SystemMonitorOptions {
  std::filesystem::path disk;  ///< in the file system that values go to; empty: none do
  bool own_process{};          ///< the process is one worker's, so that what it has is that worker's
  std::chrono::milliseconds interval{1000};
};

/// Looks at the machine that a worker is on, over and over, on a thread of its own, since a disk far away or a driver may
/// let one wait: the file system for values on disk, and graphics processors where the driver's library is there.
class SystemMonitor {
public:
  /// Null, and no thread, if there is nothing to look at.
  static std::unique_ptr<SystemMonitor> start(SystemMonitorOptions options);
  /// Waits a while for the look that is under way; one that hangs in a dead file system is left behind.
  ~SystemMonitor();
  SystemMonitor(const SystemMonitor&) = delete;
  SystemMonitor& operator=(const SystemMonitor&) = delete;

  /// As of the last look: disk and processors. From any thread.
  [[nodiscard]] Surroundings last() const;

private:
  struct Shared;
  explicit SystemMonitor(std::shared_ptr<Shared> shared);
  static void run(Shared& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread
  std::thread thread_;
};

}  // namespace troupe
