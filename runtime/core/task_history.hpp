#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/task.hpp"
#include "protocol/time.hpp"

namespace troupe {

/// One run of a task that ended: 32 bytes.
struct TaskRun {
  TaskId task;
  std::int64_t start_ns{};  ///< on the scheduler's clock
  std::uint32_t duration_us{};
  WorkerId worker;
  std::uint16_t prefix{};  ///< index, as in ClusterView::prefixes
  std::uint16_t thread{};  ///< of the worker, from 0
  std::uint32_t run : 31 {};
  std::uint32_t erred : 1 {};

  [[nodiscard]] std::int64_t end_ns() const { return start_ns + std::int64_t{duration_us} * 1000; }
};
static_assert(sizeof(TaskRun) == 32);

/// Runs one after the other, as they were reported.
struct TaskRuns {
  static constexpr std::size_t most = 4096;
  std::uint32_t size{};
  std::int64_t first_ns{};  ///< earliest start
  std::int64_t last_ns{};   ///< latest end
  std::array<TaskRun, most> runs;
};

/// A failure that is final, at the task where it arose.
struct FailedTask {
  Instant at;
  TaskId task;
  std::string key;
  std::uint32_t prefix{};
  std::shared_ptr<const TaskError> error;
};

/// A task that a worker was asked to give back for an idle one.
struct StolenTask {
  Instant at;
  TaskId task;
  std::string key;
  WorkerId from;
  bool given{};  ///< false: it was kept, since it had begun
};

/// What the scheduler remembers of what is over, for those who look: bounded, and written without a thought. Runs stand
/// in blocks that never change once they are full, so that a reader takes them along without copying or waiting.
class TaskHistory {
public:
  /// How many runs are kept; 0 = nothing at all.
  void keep(std::size_t runs) { most_ = runs; }
  [[nodiscard]] bool kept() const { return most_ > 0; }

  void add(const TaskRun& run) {
    if (blocks_.empty() || blocks_.back()->size == TaskRuns::most) begin_block();
    TaskRuns& block = *blocks_.back();
    if (block.size == 0 || run.start_ns < block.first_ns) block.first_ns = run.start_ns;
    if (block.size == 0 || run.end_ns() > block.last_ns) block.last_ns = run.end_ns();
    if (run.end_ns() > latest_ns_) latest_ns_ = run.end_ns();
    block.runs[block.size++] = run;
    ++recorded_;
  }
  void add(FailedTask failed) { add_to(failures_, std::move(failed)); }
  void add(StolenTask stolen) { add_to(steals_, std::move(stolen)); }

  struct Snapshot {
    std::vector<std::shared_ptr<const TaskRuns>> blocks;  ///< oldest first
    std::uint64_t records{};
    std::uint64_t recorded{};  ///< since the start, kept or not
    std::uint64_t capacity{};
  };
  /// Full blocks are shared, the last one is copied.
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] std::uint64_t records() const;
  [[nodiscard]] std::uint64_t recorded() const { return recorded_; }
  [[nodiscard]] std::uint64_t capacity() const { return most_; }
  /// Start of the earliest run that is kept; 0 if there is none.
  [[nodiscard]] std::int64_t oldest_ns() const { return blocks_.empty() ? 0 : blocks_.front()->first_ns; }
  /// End of the latest one, likewise.
  [[nodiscard]] std::int64_t latest_ns() const { return latest_ns_; }
  [[nodiscard]] const std::deque<FailedTask>& failures() const { return failures_; }
  [[nodiscard]] const std::deque<StolenTask>& steals() const { return steals_; }

private:
  static constexpr std::size_t most_incidents = 1000;

  void begin_block();
  template <class Incident>
  void add_to(std::deque<Incident>& list, Incident&& incident) {
    if (!kept()) return;
    if (list.size() == most_incidents) list.pop_front();
    list.push_back(std::move(incident));
  }

  std::size_t most_{};
  std::uint64_t recorded_{};
  std::int64_t latest_ns_{};
  std::deque<std::shared_ptr<TaskRuns>> blocks_;
  std::deque<FailedTask> failures_;
  std::deque<StolenTask> steals_;
};

}  // namespace troupe
