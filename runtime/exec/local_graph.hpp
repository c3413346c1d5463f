#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/task.hpp"
#include "runtime/exec/call_frame.hpp"
#include "runtime/exec/large_pages.hpp"
#include "runtime/exec/team.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

/// What a local task calls.
struct LocalTarget {
  Thunk thunk{};
  std::string_view name;
};

/// A graph of typed tasks to be run in this process, by index, in compressed sparse rows. Whoever runs it keeps alive
/// what it refers to: targets and argument bytes.
struct LocalGraph {
  struct Task {
    const LocalTarget* target{};           ///< null: the value is `given`
    std::span<const std::byte> arguments;  ///< as in arguments.hpp
  };
  LargeVector<Task> tasks;
  LargeVector<std::uint32_t> offsets{0};  ///< size + 1
  LargeVector<std::uint32_t> inputs;
  std::vector<std::pair<std::uint32_t, Value>> given;
  std::vector<std::uint32_t> wanted;

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(tasks.size()); }
};

/// How a task went.
struct LocalSpan {
  std::uint32_t task{};
  unsigned thread{};  ///< of the team
  std::string_view function;
  std::chrono::steady_clock::time_point begin;
  std::chrono::steady_clock::time_point end;
  bool failed{};
  const Value* value{};  ///< null if it failed
};

/// Watches a run. Called on the threads that run tasks, several at a time; must not throw.
class LocalObserver {
public:
  virtual ~LocalObserver() = default;
  virtual void begun(std::uint64_t /*tasks*/) noexcept {}
  virtual void ended(const LocalSpan& span) noexcept = 0;
  /// In place of `ended`, of tasks of other processes, of which no more is known: so many have ended, some in failure.
  virtual void ended_elsewhere(std::uint64_t /*tasks*/, std::uint64_t /*failed*/) noexcept {}
};

struct LocalRunOptions {
  Team* team{};                          ///< null: on the calling thread, in the static order
  const std::atomic<bool>* cancelled{};  ///< when it turns true nothing more begins
  LocalObserver* observer{};
  /// How many more values may be alive than if all ran one after the other; 0: four for each thread.
  std::uint32_t ahead_max{};
  std::function<std::string(std::uint32_t)> name{};  ///< of a task, for the text of an error
};

struct LocalFailure {
  TaskError error;
  std::vector<std::uint32_t> path;  ///< from the task that failed to one that was wanted
};

struct LocalOutcome {
  std::vector<Value> values;  ///< of the wanted, in that order; empty if it failed
  std::optional<LocalFailure> failure;
  bool cancelled{};
};

/// Runs the graph in its static order (runtime/core/order.hpp), each value freed after its last reader, and returns
/// when all that has begun has ended. After the first failure nothing begins. A graph with a cycle is `invalid`.
///
/// Memory is bounded: a task without inputs begins only when no more values are alive than a run of one task after the
/// other would have at its place, and `ahead_max`.
Result<LocalOutcome> run_local(const LocalGraph& graph, const LocalRunOptions& options);

/// The rank of each task in that order. Precondition: no cycle.
std::vector<std::uint32_t> static_order(std::span<const std::uint32_t> offsets, std::span<const std::uint32_t> inputs);

}  // namespace troupe
