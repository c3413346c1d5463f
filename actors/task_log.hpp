#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/node.hpp"
#include "protocol/span.hpp"
#include "protocol/task.hpp"

namespace troupe {

/// What a worker's log has about its tasks: what they say, and how they fail, with the client and the span that they are
/// for. Belongs to the worker and to the threads of its pool; any thread.
class TaskLog {
public:
  static constexpr std::size_t origins_max = 4096;        ///< that are remembered; then a line lacks them
  static constexpr std::uint32_t failures_a_second = 10;  ///< that are logged; of others it is told how many

  explicit TaskLog(const Node& node) : node_(node) {}

  /// Whose the tasks of groups are: of ComputeTasks.
  void learn(std::vector<TaskOrigin> origins);
  /// A task, or its process, has something to say to people.
  void line(TaskId task, std::string_view text) const;
  void failed(TaskId task, RunId run, const TaskError& error, Instant now);
  /// Time went by: failures that were counted and not logged are told.
  void tick(Instant now);
  [[nodiscard]] LogContext about(TaskId task) const;
  /// The span that a task was submitted in, until the next `learn`; null: none. Only for the worker's thread.
  [[nodiscard]] const std::string* span_of(TaskId task) const;

private:
  const Node& node_;
  mutable std::mutex mutex_;  // guards the two that follow; only the worker's thread changes them
  std::unordered_map<std::uint64_t, TaskOrigin> origins_;  ///< by group
  std::deque<std::uint64_t> learnt_;                       ///< groups of `origins_`, in the order that they came in
  bool spans_{};              ///< any task came in a span; the worker's thread only, as what follows
  Instant second_{};          ///< when the second began that failures are counted in
  std::uint32_t failures_{};  ///< in it
  std::uint64_t untold_{};    ///< failures that were not logged
};

}  // namespace troupe
