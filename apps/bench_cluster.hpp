#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/process.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {

/// CPU time of each part of a cluster so far.
struct CpuUse {
  std::chrono::nanoseconds client{};
  std::chrono::nanoseconds scheduler{};
  std::chrono::nanoseconds workers{};

  [[nodiscard]] std::chrono::nanoseconds sum() const { return client + scheduler + workers; }
  friend CpuUse operator-(const CpuUse& a, const CpuUse& b) {
    return {a.client - b.client, a.scheduler - b.scheduler, a.workers - b.workers};
  }
};

/// A scheduler and workers as real processes of this program on this machine, on ports of their own and with an access
/// file of their own, so that a cluster that runs here already is not touched. Owned by `troupe bench`; ends with it.
class BenchCluster {
public:
  struct Options {
    unsigned workers{2};
    unsigned threads{1};           ///< of each worker
    std::uint64_t memory_limit{};  ///< of each worker; 0 = none
    bool watched{};                ///< with a dashboard, somebody who looks at it, and a scrape of it each second
  };
  /// Raises CommandError if a process does not get ready.
  explicit BenchCluster(const Options& options);
  BenchCluster(const BenchCluster&) = delete;
  BenchCluster& operator=(const BenchCluster&) = delete;
  ~BenchCluster();

  [[nodiscard]] Client& client() { return *client_; }
  [[nodiscard]] CpuUse cpu() const;
  /// The sum over all workers of one of their metrics without labels.
  [[nodiscard]] double worker_metric(std::string_view name) const;
  /// Lines of live data that whoever watches has received, and pages of metrics.
  [[nodiscard]] std::uint64_t seen() const;
  [[nodiscard]] pid_t scheduler_pid() const { return processes_.front().pid(); }
  [[nodiscard]] const std::filesystem::path& access_file() const { return access_file_; }

private:
  class Watcher;

  /// Returns the line with which it said that it is ready.
  std::string start(std::vector<std::string> command);

  std::filesystem::path folder_;
  std::filesystem::path access_file_;
  std::vector<ChildProcess> processes_;    ///< the scheduler first
  std::vector<std::string> worker_pages_;  ///< host:port of each worker's HTTP pages
  std::unique_ptr<Client> client_;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace troupe::apps
