#include <algorithm>
#include <tuple>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What is shown to those who look. Each call is bounded, since nothing else is decided meanwhile.

namespace troupe {
namespace {

constexpr std::size_t most_neighbours = 100;

}  // namespace

void SchedulerState::note_run(TaskRef task, WorkerId worker, std::uint32_t duration_us, std::uint32_t age_us,
                              std::uint16_t thread, bool erred) {
  TaskRun run;
  run.task = task.id();
  run.start_ns = now_.nanoseconds - (std::int64_t{age_us} + duration_us) * 1000;
  run.duration_us = duration_us;
  run.worker = worker;
  run.prefix = static_cast<std::uint16_t>(task.task_template().prefix);
  run.thread = thread;
  run.run = task->run.value;
  run.erred = erred;
  history_.add(run);
}

ClusterView SchedulerState::view(Instant now) {
  ClusterView view;
  view.now = now;
  view.cluster = cluster_;
  view.epoch = epoch_;
  view.address = address_;
  view.version = version_;
  count_workers();
  count_queue_age();
  counters_.prefixes.clear();
  view.counters = counters_;
  view.workers.reserve(workers_.size());
  for (const auto& [id, worker] : workers_) view.workers.push_back(view_of(*worker));
  view.prefixes.reserve(prefixes_.size());
  for (const Prefix& prefix : prefixes_) view.prefixes.push_back({prefix.name, prefix.counters, prefix.tasks});
  for (const auto& [id, client] : clients_) view.clients.push_back({id, client->name, client->wants});
  view.history_records = history_.records();
  view.history_recorded = history_.recorded();
  view.history_capacity = history_.capacity();
  view.history_oldest_ns = history_.oldest_ns();
  view.history_latest_ns = history_.latest_ns();
  return view;
}

WorkerView SchedulerState::view_of(const WorkerRecord& worker) const {
  const RegisterWorker& registration = worker.registration;
  WorkerView view;
  view.address = address_of(worker);
  view.http_address = registration.http_address;
  view.pid = registration.pid;
  view.threads = registration.threads;
  view.status = worker.status;
  view.suspect = worker.suspect || !worker.reachable;
  view.retiring = worker.retiring;
  view.nannied = registration.nannied;
  view.memory_limit = registration.memory_limit;
  view.heartbeat = worker.heartbeat;
  view.heartbeat_at = worker.heartbeat_at;
  view.value_bytes = worker.managed_bytes;
  view.processing = static_cast<std::uint32_t>(worker.processing.size());
  view.stored = worker.stored.size();
  view.finished = worker.finished;
  view.occupancy_us = worker.occupancy_us;
  view.joined = worker.joined;
  view.last_seen = worker.last_seen;
  view.resources = registration.resources;
  for (const ModuleInfo& module : registration.modules) view.modules.push_back(module.name);
  return view;
}

TaskView SchedulerState::view_of(TaskRef task) const {
  TaskView view;
  view.id = task.id();
  view.key = key_text(view.id);
  view.prefix = task.task_template().prefix;
  view.state = task->state;
  if (const WorkerRecord* worker = find_worker(task->worker)) {
    view.worker = worker->id;
    view.worker_name = worker->registration.name;
  }
  view.nbytes = task->state == TaskState::memory ? task->nbytes : 0;
  view.waiting_for = task->missing;
  view.run = task->run.value;
  return view;
}

bool SchedulerState::fits(TaskRef task, const TaskFilter& filter) const {
  if (task->state == TaskState::forgotten) return false;
  if (filter.state && task->state != *filter.state) return false;
  if (filter.prefix && prefixes_[task.task_template().prefix].name != *filter.prefix) return false;
  if (filter.worker && task->worker != filter.worker && !holds(task, filter.worker)) return false;
  return filter.text.empty() || key_text(task.id()).find(filter.text) != std::string::npos;
}

/// Whether any task of a group can pass the filter: by its counts, without a look at them.
bool SchedulerState::may_fit(const Group& group, const TaskFilter& filter) const {
  for (std::size_t i = 0; i < group.templates.size(); ++i) {
    if (filter.prefix && prefixes_[group.templates[i]->prefix].name != *filter.prefix) continue;
    if (!filter.state) return true;
    if (group.counts[i].states[static_cast<std::size_t>(*filter.state)] > 0) return true;
  }
  return false;
}

TaskPage SchedulerState::tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most,
                               std::size_t most_scanned) const {
  TaskPage page;
  if (filter.worker) {
    const WorkerRecord* worker = find_worker(filter.worker);
    if (worker == nullptr) return page;
    const std::size_t total = worker->processing.size() + worker->stored.size();
    for (std::uint64_t at = from; at < total; ++at) {
      if (page.tasks.size() == most || page.scanned == most_scanned) {
        page.next = at;
        return page;
      }
      ++page.scanned;
      const TaskId id =
          at < worker->processing.size() ? worker->processing[at] : worker->stored[at - worker->processing.size()];
      if (const TaskRef task = find(id); fits(task, filter) && (filter.group == 0 || id.group() == filter.group))
        page.tasks.push_back(view_of(task));
    }
    return page;
  }
  const TaskId first{from};
  std::uint64_t number = std::max(first.group(), first_group_);
  std::uint32_t index = first.group() == number ? first.index() : 0;
  std::uint64_t end = first_group_ + groups_.size();
  if (filter.group != 0) {
    if (number < filter.group) index = 0;
    number = std::max(number, filter.group);
    end = std::min(end, filter.group + 1);
  }
  for (; number < end; ++number, index = 0) {
    Group* group = find_group(number);
    if (group == nullptr || !may_fit(*group, filter)) continue;
    for (; index < group->tasks.size(); ++index) {
      if (page.tasks.size() == most || page.scanned == most_scanned) {
        page.next = TaskId::of(number, index).value;
        return page;
      }
      ++page.scanned;
      if (const TaskRef task{group, index}; fits(task, filter)) page.tasks.push_back(view_of(task));
    }
  }
  return page;
}

std::vector<TransitionView> SchedulerState::transitions_of(TaskId id) const {
  std::vector<TransitionView> found;
  for (std::size_t i = 0; i < story_.size(); ++i) {
    const TransitionEntry& entry = story_[(story_next_ + i) % story_.size()];
    if (entry.task == id && entry.cause != nullptr) found.push_back(view_of(entry));
  }
  return found;
}

TransitionView SchedulerState::view_of(const TransitionEntry& entry) const {
  const WorkerRecord* worker = find_worker(entry.worker);
  return {entry.at_ns, entry.from,      entry.to,
          entry.cause, entry.run.value, worker != nullptr ? worker->registration.name : std::string()};
}

std::vector<TaskStep> SchedulerState::latest_steps(std::size_t most) const {
  const std::uint64_t total = counters_.transitions;
  std::uint64_t number = total - std::min<std::uint64_t>({total, story_.size(), most});
  std::vector<TaskStep> found;
  for (; number < total; ++number) found.push_back({transition(number).task, view_of(transition(number))});
  return found;
}

std::optional<TaskFacts> SchedulerState::detail(TaskId id, Instant now) const {
  const TaskRef task = find(id);
  if (!task || task->state == TaskState::forgotten) return std::nullopt;
  const TemplateRecord& record = task.task_template();
  TaskFacts detail;
  detail.task = view_of(task);
  detail.function = full_name(record.task.function);
  std::tie(detail.why_code, detail.why) = explain(id, now);
  detail.priority = priority_of(task);
  detail.annotations = record.task.annotations;
  detail.retries_used = task->retries;
  detail.crashes = task->crashes;
  if (prefixes_[record.prefix].counters.finished > 0) detail.expected_us = expected_us(record);
  const auto add = [this](TaskNeighbours& list) {
    return [this, &list](TaskRef other) {
      ++list.total;
      if (list.tasks.size() < most_neighbours && other) list.tasks.push_back(view_of(other));
    };
  };
  if (!task.group->data) for_each_dependency(task, add(detail.dependencies));
  for_each_dependent(task, add(detail.dependents));
  if (task->state == TaskState::memory)
    for (const WorkerId holder : holders(task))
      if (const WorkerRecord* worker = find_worker(holder))
        detail.holders.emplace_back(holder, worker->registration.name);
  for_each_wanter(task,
                  [&](const ClientRecord& client, ClientKey) { detail.wanters.emplace_back(client.id, client.name); });
  if (const auto* error = errors_.find(id)) detail.error = *error;
  detail.story = transitions_of(id);
  detail.origin = origin_of(*task.group);
  return detail;
}

GroupView SchedulerState::view_of(const Group& group) const {
  GroupView view;
  view.number = group.number;
  view.name = group.name;
  view.data = group.data;
  view.chunk = group.chunk;
  view.external = group.external;
  view.counts = group.counts;
  for (const TemplateRecord* record : group.templates) view.prefixes.push_back(record->prefix);
  view.origin = origin_of(group);
  return view;
}

std::vector<GroupView> SchedulerState::latest_groups(std::size_t most) const {
  std::vector<GroupView> latest;
  for (auto group = groups_.rbegin(); group != groups_.rend() && latest.size() < most; ++group)
    if (*group != nullptr) latest.push_back(view_of(**group));
  std::reverse(latest.begin(), latest.end());
  return latest;
}

std::vector<GroupTasks> SchedulerState::latest_tasks(std::size_t most, std::uint64_t only) const {
  std::vector<GroupTasks> latest;
  for (auto it = groups_.rbegin(); it != groups_.rend() && most > 0; ++it) {
    const Group* group = it->get();
    if (group == nullptr || (only != 0 && group->number != only)) continue;
    GroupTasks tasks{view_of(*group), {}, {}};
    const std::size_t shown = std::min<std::size_t>(most, group->tasks.size());
    for (std::size_t i = 0; i < shown; ++i) {
      tasks.states.push_back(group->tasks[i].state);
      tasks.workers.push_back(group->tasks[i].worker);
    }
    most -= shown;
    latest.push_back(std::move(tasks));
  }
  std::reverse(latest.begin(), latest.end());
  return latest;
}

}  // namespace troupe
