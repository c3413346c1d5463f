#include "runtime/simulation/ledger.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "runtime/simulation/world.hpp"

namespace troupe::simulation {
namespace {

/// Causes that only a fault brings about.
bool needs_a_fault(std::string_view cause) {
  return cause == "worker lost" || cause == "worker left" || cause == "input lost" || cause == "input taken back" ||
         cause == "not where it should be" || cause == "its last holder dropped it" || cause == "recomputed";
}

}  // namespace

void Ledger::accepted(std::uint64_t number, std::uint64_t salt, std::shared_ptr<const GraphChunk> chunk,
                      const std::vector<SimValue>& expected, std::vector<TaskId> external, bool data) {
  if (groups_.size() <= number) groups_.resize(number + 1);
  auto& group = groups_[number];
  if (group != nullptr) {
    world_.cover().reached("two submissions met in one group");
    if (group->salt != salt) world_.violated("P3", "two different graphs met in one group");
    return;
  }
  group = std::make_unique<Group>();
  group->salt = salt;
  group->data = data;
  group->chunk = std::move(chunk);
  group->external = std::move(external);
  group->tasks.resize(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) group->tasks[i].expected = expected[i];
}

Ledger::Group* Ledger::group(TaskId task) {
  const auto number = task.group();
  return number < groups_.size() ? groups_[number].get() : nullptr;
}

Ledger::Task* Ledger::find(TaskId id) {
  Group* found = group(id);
  return found != nullptr && id.index() < found->tasks.size() ? &found->tasks[id.index()] : nullptr;
}

void Ledger::on_transition(const TransitionEntry& entry) {
  const std::string_view cause = entry.cause;
  const bool left = (entry.from == TaskState::processing || entry.from == TaskState::memory) &&
                    (entry.to == TaskState::waiting || entry.to == TaskState::released);
  Task* task = find(entry.task);
  // What was placed ahead of an input goes back with it when its worker is to end: nothing was done for it yet.
  const bool begun = task != nullptr && std::find(task->runs.begin(), task->runs.end(), entry.run) != task->runs.end();
  if (left && world_.peaceful() && needs_a_fault(cause) && (begun || cause != "input taken back"))
    world_.violated("P5", fmt::format("work is thrown away though nothing went wrong: {}", cause), entry.task);
  if (task == nullptr) return;
  if (cause == "finished" && std::find(task->made.begin(), task->made.end(), entry.run) == task->made.end())
    world_.violated("I13", fmt::format("run {} is taken for finished, which came to no value", entry.run.value),
                    entry.task);
  // What was stolen had not begun.
  if ((left && cause != "stolen") || (entry.from == TaskState::erred && entry.to == TaskState::released))
    ++task->leaves;
}

void Ledger::started(TaskId id, RunId run) {
  Task* task = find(id);
  if (task == nullptr) world_.violated("P3", "a task runs that nobody submitted", id);
  ++task->starts;
  if (std::find(task->runs.begin(), task->runs.end(), run) != task->runs.end())
    world_.violated("P5", fmt::format("run {} is executed twice", run.value), id);
  task->runs.push_back(run);
}

template <class Visit>
void Ledger::for_each_input(TaskId id, Visit visit) {
  const Group* found = group(id);
  if (found == nullptr || found->data) return;
  const GraphChunk& chunk = *found->chunk;
  for (auto edge = chunk.dependencies_begin(id.index()); edge < chunk.dependencies_end(id.index()); ++edge) {
    const std::uint32_t input = chunk.dependencies[edge];
    if (input < chunk.size)
      visit(TaskId::of(id.group(), input));
    else if (input - chunk.size < found->external.size())
      visit(found->external[input - chunk.size]);
  }
}

bool Ledger::leans_on(TaskId task, TaskId root) {
  std::vector<TaskId> stack{task};
  std::set<TaskId> seen;
  while (!stack.empty()) {
    const TaskId id = stack.back();
    stack.pop_back();
    if (id == root) return true;
    if (seen.insert(id).second) for_each_input(id, [&](TaskId input) { stack.push_back(input); });
  }
  return false;
}

/// Of all inputs together, each counted once; 0: one of them is not known any more.
std::uint64_t Ledger::input_bytes(TaskId id) {
  std::set<TaskId> inputs;
  for_each_input(id, [&](TaskId input) { inputs.insert(input); });
  std::uint64_t sum = 0;
  for (const TaskId input : inputs) {
    const Task* task = find(input);
    if (task == nullptr) return 0;
    sum += bytes_of(task->expected);
  }
  return sum;
}

void Ledger::check_error(TaskId id, const TaskError& error) {
  const auto unjust = [&](const std::string& why) {
    world_.violated("P4", fmt::format("told the error '{}' ({}), but {}", error.message, name_of(error.kind), why), id);
  };
  const Task* root = find(error.root);
  if (root == nullptr) return unjust(fmt::format("its root {} is no task", error.root.value));
  if (!leans_on(id, error.root)) return unjust("the task does not depend on the root of the error");
  if (error.key.empty()) return unjust("the root's key is not named");
  const Group& of_root = *group(error.root);
  switch (error.kind) {
    case TaskError::Kind::exception: {
      const auto retries =
          of_root.chunk->templates[of_root.chunk->template_index(error.root.index())].annotations.retries;
      if (root->throws <= retries)
        unjust(fmt::format("the root threw {} times and may be tried {} times", root->throws, retries + 1));
      return;
    }
    case TaskError::Kind::killed:
      if (root->deaths < world_.options().allowed_failures)
        unjust(fmt::format("only {} processes died running the root", root->deaths));
      return;
    case TaskError::Kind::timeout:
      if (root->timeouts == 0) unjust("no run of the root was too long");
      return;
    case TaskError::Kind::lost:
      if (!of_root.data || world_.peaceful()) unjust("the root's value could be made again");
      return;
    case TaskError::Kind::unknown_function:
    case TaskError::Kind::bad_arguments:
    case TaskError::Kind::no_worker:
    case TaskError::Kind::invalid: return unjust("nothing of the kind happened");
    case TaskError::Kind::too_large:
      if (world_.options().memory == 0 || input_bytes(error.root) <= world_.options().memory)
        unjust("the root's inputs fit into any worker's memory");
      return;
  }
}

void Ledger::check_value(TaskId id, SimValue value, const char* where) {
  const Task* task = find(id);
  if (task == nullptr) world_.violated("P3", fmt::format("a value of no task ({})", where), id);
  if (task->expected != value) world_.violated("P3", fmt::format("a wrong value ({})", where), id);
}

void Ledger::check_work() const {
  for (std::size_t number = 0; number < groups_.size(); ++number) {
    if (groups_[number] == nullptr) continue;
    const Group& group = *groups_[number];
    for (std::uint32_t i = 0; i < group.tasks.size(); ++i) {
      const Task& task = group.tasks[i];
      const std::uint32_t allowed = 1 + task.leaves;
      if (task.starts > allowed)
        world_.violated("P5", fmt::format("begun {} times; {} are accounted for", task.starts, allowed),
                        TaskId::of(number, i));
    }
  }
}

}  // namespace troupe::simulation
