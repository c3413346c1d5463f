#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

class LocalCluster;
class SchedulerPages;

/// Writes, at the end of a scope, what the cluster did since its beginning, as one page that opens offline: the page of
/// `troupe report`, with summary, advice, task stream, critical path, slowest tasks, workers, memory and transfers. Needs
/// the dashboard. `write()` throws what keeps it from being written; the destructor keeps silent about it.
class PerformanceReport {
public:
  PerformanceReport(const LocalCluster& cluster, std::string file);
  /// Of the scheduler that `access_file` leads to, as for a Client; empty: the one of this user.
  explicit PerformanceReport(std::string file, const std::string& access_file = {});
  ~PerformanceReport();
  PerformanceReport(const PerformanceReport&) = delete;
  PerformanceReport& operator=(const PerformanceReport&) = delete;

  /// Now; the destructor writes nothing then. Throws Failure.
  void write();

private:
  std::unique_ptr<SchedulerPages> pages_;
  std::string file_;
  std::chrono::steady_clock::time_point begun_;
};

/// The cluster's memory at one moment.
struct MemorySample {
  double unix_ms{};
  double process_bytes{};  ///< of all workers' processes
  double managed_bytes{};  ///< of it, values
  double spilled_bytes{};  ///< on disk
};

/// The cluster's memory over a scope: its scheduler keeps two samples a second of the last ten minutes. Needs the dashboard.
class MemorySampler {
public:
  explicit MemorySampler(const LocalCluster& cluster);
  /// As for PerformanceReport.
  explicit MemorySampler(const std::string& access_file = {});
  ~MemorySampler();
  MemorySampler(const MemorySampler&) = delete;
  MemorySampler& operator=(const MemorySampler&) = delete;

  /// Those since the beginning. Throws Failure.
  [[nodiscard]] std::vector<MemorySample> samples() const;
  /// The same as a table: CSV with a head line. Throws Failure.
  void write(const std::string& file) const;

private:
  std::unique_ptr<SchedulerPages> pages_;
  double begun_unix_ms_{};
};

}  // namespace troupe
