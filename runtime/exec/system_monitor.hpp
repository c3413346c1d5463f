#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "protocol/messages.hpp"

namespace troupe {

class Nvml;

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
  /// Waits for the look that is under way.
  ~SystemMonitor();
  SystemMonitor(const SystemMonitor&) = delete;
  SystemMonitor& operator=(const SystemMonitor&) = delete;

  /// As of the last look: disk and processors. From any thread.
  [[nodiscard]] Surroundings last() const;

private:
  SystemMonitor(SystemMonitorOptions options, std::unique_ptr<Nvml> nvml);
  void run();

  SystemMonitorOptions options_;
  std::unique_ptr<Nvml> nvml_;  ///< on the thread only; null: there are no processors
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_{};  ///< guarded by mutex_, as what follows
  Surroundings last_;
  std::thread thread_;
};

}  // namespace troupe
