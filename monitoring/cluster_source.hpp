#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/histogram.hpp"
#include "protocol/error.hpp"
#include "runtime/core/task_history.hpp"
#include "runtime/core/views.hpp"

namespace troupe::monitoring {

/// How long the scheduler took.
struct TurnDurations {
  DurationHistogram decisions;    ///< for a turn
  DurationHistogram submissions;  ///< to take up a graph chunk
};

/// Dask's adaptive.target-duration.
inline constexpr std::chrono::seconds desired_within{5};

/// Where pages about a cluster read from, and whom they ask to act. Implemented by the scheduler's shell; called on any
/// thread but the scheduler's, and each call waits for one turn of it. What is null or empty-handed: it has ended.
class ClusterSource {
public:
  ClusterSource() = default;
  ClusterSource(const ClusterSource&) = delete;
  ClusterSource& operator=(const ClusterSource&) = delete;
  virtual ~ClusterSource() = default;

  virtual std::optional<ClusterView> view() = 0;
  virtual TaskPage tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most, std::size_t most_scanned) = 0;
  /// By its text, as people write it.
  virtual std::optional<TaskFacts> detail(std::string_view task) = 0;
  virtual std::vector<GroupView> groups(std::size_t most) = 0;
  virtual std::vector<GroupTasks> graph(std::size_t most, std::uint64_t only_group) = 0;
  virtual std::vector<TaskStep> steps(std::size_t most) = 0;
  virtual TaskHistory::Snapshot history() = 0;
  virtual std::vector<FailedTask> failures() = 0;
  virtual std::vector<StolenTask> steals() = 0;
  virtual TurnDurations turns() = 0;
  virtual TimeView times() = 0;
  virtual std::vector<SpanView> spans() = 0;
  /// So many that what there is to do takes no longer than `desired_within`, and that what they hold has room; 0 where
  /// nobody starts any more.
  virtual std::uint64_t desired_workers() { return 0; }

  virtual Result<void> control(TaskControl control, const std::vector<std::string>& tasks,
                               const std::string& reason) = 0;
  /// Begun when this returns; events tell the end.
  virtual Result<void> retire(const std::string& worker) = 0;
  virtual Result<void> restart(const std::string& worker) = 0;
};

}  // namespace troupe::monitoring
