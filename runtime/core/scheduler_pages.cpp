#include <algorithm>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What is told in pages, since it may be much: all that is known of tasks, and what happened to them.

namespace troupe {
namespace {

constexpr std::uint32_t most_details = 10'000;
constexpr std::uint32_t usual_details = 1000;

std::uint32_t page_size(std::uint32_t asked) { return asked == 0 ? usual_details : std::min(asked, most_details); }

}  // namespace

TaskSummary SchedulerState::summary_of(TaskRef task) const {
  TaskSummary line;
  line.task = task.id();
  line.key = key_text(task.id());
  line.state = name_of(task->state);
  if (const WorkerRecord* worker = find_worker(task->worker)) line.worker = worker->registration.name;
  line.nbytes = task->state == TaskState::memory ? task->nbytes : 0;
  line.waiting_for = task->missing;
  line.run = task->run.value;
  return line;
}

TaskDetail SchedulerState::detail_of(TaskRef task) const {
  TaskDetail detail;
  detail.summary = summary_of(task);
  detail.prefix = prefixes_[task.task_template().prefix].name;
  detail.priority = priority_of(task);
  if (!task.group->data)
    for_each_dependency(task, [&](TaskRef input) {
      if (input) detail.dependencies.push_back(input.id());
    });
  detail.dependents = task->dependents;
  detail.retries = task->retries;
  detail.crashes = task->crashes;
  const auto& subscribers = task.group->subscribers;
  for (std::size_t i = 0; i < subscribers.size(); ++i)
    if (i == 0 ? task.has(task_flag::wanted) : subscribers[i].wanted[task.index])
      detail.wanted_by.push_back(subscribers[i].client);
  if (task->state == TaskState::memory) detail.holders = holders(task);
  if (const auto* error = errors_.find(task.id())) detail.error = (*error)->message;
  return detail;
}

/// Tasks in the order of their ids, behind the one that the last page ended with.
void SchedulerState::page_of_tasks(const Query& message, QueryReply& reply) const {
  const TaskId after{message.after};
  const std::uint32_t most = page_size(message.count);
  const std::uint64_t skipped = after.group() > first_group_ ? after.group() - first_group_ : 0;
  for (std::uint64_t g = skipped; g < groups_.size(); ++g) {
    Group* group = groups_[g].get();
    if (group == nullptr) continue;
    for (std::uint32_t i = group->number == after.group() ? after.index() + 1 : 0; i < group->tasks.size(); ++i) {
      const TaskRef task{group, i};
      if (task->state == TaskState::forgotten) continue;
      if (!message.text.empty() && message.text != name_of(task->state)) continue;
      if (reply.details.size() == most) {
        reply.next = reply.details.back().summary.task.value;
        return;
      }
      reply.details.push_back(detail_of(task));
    }
  }
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
