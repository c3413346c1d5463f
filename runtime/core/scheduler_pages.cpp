#include <algorithm>
#include <limits>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What is told in pages, since it may be much: all that is known of tasks, and what happened to them.

namespace troupe {
namespace {

constexpr std::uint32_t most_details = 10'000;
constexpr std::uint32_t usual_details = 1000;
constexpr std::uint32_t most_listed = 10'000;
constexpr std::uint32_t usually_listed = 100;

std::uint32_t page_size(std::uint32_t asked) { return asked == 0 ? usual_details : std::min(asked, most_details); }

}  // namespace

TaskSummary SchedulerState::summary_of(const TaskView& view) {
  return {view.id, view.key, name_of(view.state), view.worker_name, view.nbytes, view.waiting_for, view.run};
}

TaskDetail SchedulerState::detail_of(TaskRef task) const {
  TaskDetail detail;
  detail.summary = summary_of(view_of(task));
  detail.prefix = prefixes_[task.task_template().prefix].name;
  detail.priority = priority_of(task);
  if (!task.group->data)
    for_each_dependency(task, [&](TaskRef input) {
      if (input) detail.dependencies.push_back(input.id());
    });
  detail.dependents = task->dependents;
  detail.retries = task->retries;
  detail.crashes = task->crashes;
  for_each_wanter(task, [&](const ClientRecord& client, ClientKey) { detail.wanted_by.push_back(client.id); });
  if (task->state == TaskState::memory) detail.holders = holders(task);
  if (const auto* error = errors_.find(task.id())) detail.error = (*error)->message;
  return detail;
}

/// Tasks in the order of their ids, of the state that `message` names if it names one; none of a state that is not one.
TaskPage SchedulerState::tasks_asked_for(const Query& message, std::size_t most) const {
  TaskFilter filter;
  filter.state = task_state_named(message.text);
  if (!filter.state && !message.text.empty()) return {};
  return tasks(filter, message.after + 1, most, std::numeric_limits<std::size_t>::max());
}

void SchedulerState::list_tasks(const Query& message, QueryReply& reply) const {
  const std::uint32_t most = message.count == 0 ? usually_listed : std::min(message.count, most_listed);
  for (const TaskView& task : tasks_asked_for(message, most).tasks) reply.tasks.push_back(summary_of(task));
}

void SchedulerState::page_of_tasks(const Query& message, QueryReply& reply) const {
  const TaskPage page = tasks_asked_for(message, page_size(message.count));
  for (const TaskView& task : page.tasks) reply.details.push_back(detail_of(find(task.id)));
  reply.next = page.next == 0 ? 0 : page.next - 1;
}

/// Transitions by number, from the first that is asked for and still there.
void SchedulerState::page_of_transitions(const Query& message, QueryReply& reply) const {
  const std::uint64_t total = counters_.transitions;
  const std::uint64_t oldest = total - std::min<std::uint64_t>(total, story_.size());
  std::uint64_t number = std::max(message.after, oldest);
  const std::uint64_t end = std::min<std::uint64_t>(total, number + page_size(message.count));
  for (; number < end; ++number) {
    const TransitionEntry& entry = transition(number);
    reply.transitions.push_back(
        {entry.task, entry.at_ns, name_of(entry.from), name_of(entry.to), entry.cause, entry.run, entry.worker});
  }
  reply.next = std::max(number, message.after);
}

}  // namespace troupe
