#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "runtime/core/scheduler_tables.hpp"
#include "runtime/simulation/graphs.hpp"

namespace troupe::simulation {

class World;

/// What is true of every task, known from outside the machines: what it has to come to, what befell it. The properties
/// P3, P4 and P5 are held against this.
class Ledger {
public:
  struct Task {
    SimValue expected{};
    std::uint32_t starts{};    ///< executions begun
    std::uint32_t leaves{};    ///< times the scheduler had to think again of what was running or made
    std::uint32_t throws{};    ///< runs that ended with an exception
    std::uint32_t deaths{};    ///< reports of processes that died running it
    std::uint32_t timeouts{};  ///< runs that were longer than asked
    std::vector<RunId> runs;   ///< that were begun
    std::vector<RunId> made;   ///< of these, those that came to a value
  };
  struct Group {
    std::uint64_t salt{};
    bool data{};
    std::shared_ptr<const GraphChunk> chunk;
    std::vector<TaskId> external;
    std::vector<Task> tasks;
  };

  explicit Ledger(World& world) : world_(world) {}

  /// The scheduler gave a submission this number; a second one of the same number has joined the first.
  void accepted(std::uint64_t group, std::uint64_t salt, std::shared_ptr<const GraphChunk> chunk,
                const std::vector<SimValue>& expected, std::vector<TaskId> external, bool data);
  [[nodiscard]] Group* group(TaskId task);
  [[nodiscard]] Task* find(TaskId task);

  void on_transition(const TransitionEntry& entry);
  void started(TaskId task, RunId run);
  /// A client asked for another try of what failed, and of what that failed for, in whatever group.
  void retry_asked() { retried_ = true; }
  [[nodiscard]] bool retried() const { return retried_; }

  /// P4: this error of a key is one that had to come.
  void check_error(TaskId task, const TaskError& error);
  /// P3.
  void check_value(TaskId task, SimValue value, const char* where);
  /// P5, for every task.
  void check_work() const;

private:
  template <class Visit>
  void for_each_input(TaskId task, Visit visit);
  [[nodiscard]] bool leans_on(TaskId task, TaskId root);
  [[nodiscard]] std::uint64_t input_bytes(TaskId task);

  World& world_;
  bool retried_{};
  std::vector<std::unique_ptr<Group>> groups_;  ///< by number
};

}  // namespace troupe::simulation
