#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What can be asked about the cluster: summaries, who has what, why a task waits, what happened to it.

namespace troupe {
namespace {

std::string seconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

void SchedulerState::count_workers() {
  counters_.workers_running = counters_.workers_paused = counters_.workers_suspect = 0;
  counters_.workers_idle = counters_.workers_saturated = counters_.workers_retiring = 0;
  for (const auto& [id, worker] : workers_) {
    if (worker->suspect || !worker->reachable)
      ++counters_.workers_suspect;
    else if (worker->retiring)
      ++counters_.workers_retiring;
    else if (worker->status == WorkerStatus::paused)
      ++counters_.workers_paused;
    else
      ++counters_.workers_running;
    if (worker->processing.empty()) ++counters_.workers_idle;
    if (!has_room(*worker) && worker->able()) ++counters_.workers_saturated;
  }
}

/// As of the last event; ticks are events too.
void SchedulerState::count_queue_age() {
  counters_.queue_age_s = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(queue_clock_.longest_wait(now_)).count());
}

const SchedulerCounters& SchedulerState::counters() {
  count_workers();
  count_queue_age();
  counters_.prefixes.clear();
  for (const Prefix& prefix : prefixes_) counters_.prefixes[prefix.name] = prefix.counters;
  return counters_;
}

std::shared_ptr<const SchedulerSummary> SchedulerState::summary(Instant now) const {
  auto summary = std::make_shared<SchedulerSummary>();
  summary->cluster = cluster_;
  summary->epoch = epoch_;
  summary->address = address_;
  summary->version = version_;
  summary->clients = static_cast<std::uint32_t>(clients_.size());
  summary->finished = counters_.finished;
  summary->erred = counters_.erred;
  for (std::size_t state = 0; state + 1 < task_state_count; ++state)
    summary->tasks_by_state.push_back(counters_.tasks[state]);
  for (const auto& [id, worker] : workers_) {
    WorkerSummary line;
    line.address = address_of(*worker);
    line.pid = worker->registration.pid;
    line.threads = worker->registration.threads;
    line.status = worker->status;
    line.memory_limit = worker->registration.memory_limit;
    line.spilled_bytes = worker->heartbeat.spilled_bytes;
    line.managed_bytes = worker->managed_bytes - std::min(worker->managed_bytes, line.spilled_bytes);
    line.unmanaged_old_bytes = worker->heartbeat.unmanaged_old_bytes;
    line.process_bytes = worker->heartbeat.process_bytes;
    line.processing = static_cast<std::uint32_t>(worker->processing.size());
    line.executing = worker->heartbeat.executing;
    line.stored = worker->stored.size();
    line.finished = worker->finished;
    line.last_seen_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - worker->last_seen).count();
    line.resources = worker->registration.resources;
    line.modules = worker->registration.modules;
    summary->workers.push_back(std::move(line));
  }
  return summary;
}

void SchedulerState::answer_waiting_for_workers() {
  std::erase_if(waiting_for_workers_, [&](const WaitingForWorkers& waiting) {
    if (workers_.size() < waiting.count) return false;
    if (ClientRecord* client = find_client(waiting.client)) {
      QueryReply reply;
      reply.request = waiting.request;
      reply.summary = summary(now_);
      tell_client(*client, std::move(reply));
    }
    return true;
  });
}

void SchedulerState::on_message(ClientRecord& client, Query& message) {
  QueryReply reply;
  reply.request = message.request;
  auto the_task = [&]() -> TaskId {
    if (!message.keys.empty()) {
      const TaskRef task = find(client, message.keys.front());
      return task ? task.id() : TaskId{};
    }
    return find_task(message.text);
  };
  switch (message.kind) {
    case QueryKind::scheduler_info: reply.summary = summary(now_); break;
    case QueryKind::wait_for_workers:
      waiting_for_workers_.push_back({client.id, message.request, message.count});
      return answer_waiting_for_workers();
    case QueryKind::who_has:
      for (const ClientKey key : message.keys) {
        auto& line = reply.holders.emplace_back();
        if (const TaskRef task = find(client, key))
          for (const WorkerId holder : holders(task))
            if (const WorkerRecord* worker = find_worker(holder)) line.push_back(address_of(*worker));
      }
      break;
    case QueryKind::explain: {
      const TaskId task = the_task();
      std::tie(reply.code, reply.lines) = explain(task, now_);
      if (const TaskRef known = find(task); known && known->state != TaskState::forgotten)
        reply.details.push_back(detail_of(known));
      break;
    }
    case QueryKind::story: {
      const TaskId task = the_task();
      if (!task)
        reply.error = Error{ErrorKind::invalid, "no task is known as '" + message.text + "'"};
      else
        reply.lines = story(task);
      break;
    }
    case QueryKind::list_tasks: list_tasks(message, reply); break;
    case QueryKind::list_clients:
      for (const auto& [id, known] : clients_)
        reply.lines.push_back(std::to_string(id.value) + " " + (known->name.empty() ? "-" : known->name) + " wants " +
                              std::to_string(known->wants));
      break;
    case QueryKind::tasks: page_of_tasks(message, reply); break;
    case QueryKind::transitions: page_of_transitions(message, reply); break;
    case QueryKind::adaptive_target:
      reply.next = adaptive_target(std::chrono::milliseconds(std::clamp<std::uint64_t>(message.after, 1, 1U << 31)));
      break;
    case QueryKind::workers_to_close: reply.lines = workers_to_close(message.count); break;
    case QueryKind::durations: answer_durations(reply); break;
    case QueryKind::settings:
    case QueryKind::log:
      reply.error =
          Error{ErrorKind::unsupported, "this is answered by a scheduler's process, not by what decides in it"};
      break;
  }
  tell_client(client, std::move(reply));
}

void SchedulerState::answer_durations(QueryReply& reply) const {
  for (const auto& [id, worker] : workers_)
    if (worker->able()) reply.slots += worker->registration.threads;
  for (const Prefix& prefix : prefixes_) {
    const PrefixCounters& learnt = prefix.counters;
    std::uint64_t left = 0;
    for (const TaskState state : {TaskState::waiting, TaskState::no_worker, TaskState::queued, TaskState::processing})
      left += prefix.tasks.states[static_cast<std::size_t>(state)];
    if (learnt.finished > 0 || left > 0)
      reply.durations.push_back(
          {prefix.name, learnt.duration_us, std::sqrt(learnt.duration_variance), learnt.finished, left});
  }
}

TaskState SchedulerState::state_of(TaskId id) const {
  const TaskRef task = find(id);
  return task ? task->state : TaskState::forgotten;
}

std::string SchedulerState::key_text(TaskId id) const {
  const TaskRef task = find(id);
  const std::string place = std::to_string(id.group()) + "-" + std::to_string(id.index());
  if (!task) return place;
  if (!task.group->name.empty())
    return task.group->tasks.size() == 1 ? task.group->name : task.group->name + "-" + std::to_string(id.index());
  return prefixes_[task.task_template().prefix].name + "-" + place;
}

TaskId SchedulerState::find_task(std::string_view text) const {
  const auto number_behind = [](std::string_view& rest) -> std::optional<std::uint64_t> {
    const std::size_t dash = rest.rfind('-');
    const std::string_view digits = dash == std::string_view::npos ? rest : rest.substr(dash + 1);
    std::uint64_t number = 0;
    const char* end = digits.data() + digits.size();
    if (digits.empty() || std::from_chars(digits.data(), end, number).ptr != end) return std::nullopt;
    rest = dash == std::string_view::npos ? std::string_view() : rest.substr(0, dash);
    return number;
  };
  // By its numbers, if that is how this task is called; a user's name may look the same.
  std::string_view rest = text;
  const auto index = number_behind(rest);
  const std::string_view name = rest;
  const auto group = index ? number_behind(rest) : std::nullopt;
  TaskRef numbered;
  if (group && *group <= TaskId::group_max && *index <= TaskId::index_mask)
    numbered = find(TaskId::of(*group, static_cast<std::uint32_t>(*index)));
  if (index && text.find('-') == std::string_view::npos)
    numbered = find(TaskId{*index});  // both in one, as logs have it
  if (numbered && key_text(numbered.id()) == text) return numbered.id();
  for (const auto& named : groups_) {
    if (named == nullptr || named->name.empty()) continue;
    if (named->name == text) return TaskId::of(named->number, 0);
    if (index && *index < named->tasks.size() && named->name == name)
      return TaskId::of(named->number, static_cast<std::uint32_t>(*index));
  }
  return numbered ? numbered.id() : TaskId{};
}

std::vector<std::string> SchedulerState::story(TaskId id) const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < story_.size(); ++i) {
    const TransitionEntry& entry = story_[(story_next_ + i) % story_.size()];
    if (entry.task != id || entry.cause == nullptr) continue;
    std::string line = seconds_text(Duration{entry.at_ns}) + "  " + name_of(entry.from) + " -> " + name_of(entry.to) +
                       "  (" + entry.cause + ")";
    if (entry.run) line += "  run " + std::to_string(entry.run.value);
    if (entry.worker) {
      const WorkerRecord* worker = find_worker(entry.worker);
      line += "  worker " + (worker != nullptr ? worker->registration.name : std::to_string(entry.worker.value));
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty())
    lines.push_back("nothing is recorded of " + key_text(id) + " (the log keeps the last " +
                    std::to_string(story_.size()) + " transitions)");
  return lines;
}

std::pair<std::string, std::vector<std::string>> SchedulerState::explain(TaskId id, Instant now) const {
  const TaskRef task = find(id);
  if (!task || task->state == TaskState::forgotten)
    return {"unknown", {"no such task is known: it was never submitted here, or was released and forgotten"}};
  const std::string key = key_text(id);
  switch (task->state) {
    case TaskState::released:
      return {"released", {key + " has no value now and nobody waits for it; it is kept since others depend on it"}};
    case TaskState::memory: {
      std::vector<std::string> lines{key + " is finished: " + std::to_string(task->nbytes) + " bytes"};
      for (const WorkerId holder : holders(task)) lines.push_back("held by " + find_worker(holder)->registration.name);
      return {"in-memory", std::move(lines)};
    }
    case TaskState::erred: {
      const TaskError& error = **errors_.find(id);
      return {"erred",
              {key + " failed: " + error.message,
               "first failed: " + error.key + " (" + std::string(name_of(error.kind)) + ")"}};
    }
    case TaskState::waiting:
    case TaskState::no_worker:
    case TaskState::queued:
    case TaskState::processing: return explain_in_play(task, now);
    case TaskState::forgotten: break;
  }
  return {"unknown", {}};
}

std::pair<std::string, std::vector<std::string>> SchedulerState::explain_queued(TaskRef task) const {
  std::vector<std::string> lines{key_text(task.id()) + " is ready and waits for a worker with room; " +
                                 std::to_string(ready_total_) + " tasks are queued"};
  std::size_t paused = 0;
  std::size_t silent = 0;
  const auto& valid = classes_[task.task_template().restriction].valid;
  for (const WorkerId id : valid) {
    const WorkerRecord& worker = *find_worker(id);
    if (worker.suspect || !worker.reachable)
      ++silent;
    else if (worker.status == WorkerStatus::paused)
      ++paused;
  }
  const std::string of = " of " + std::to_string(valid.size()) + " workers that may run it ";
  if (paused > 0) lines.push_back(std::to_string(paused) + of + "are paused: their memory is nearly full");
  if (silent > 0) lines.push_back(std::to_string(silent) + of + "are silent");
  if (silent == valid.size()) return {"workers-silent", std::move(lines)};
  if (silent + paused == valid.size()) return {"workers-paused", std::move(lines)};
  return {"workers-full", std::move(lines)};
}

std::pair<std::string, std::vector<std::string>> SchedulerState::explain_in_play(TaskRef task, Instant now) const {
  const std::string key = key_text(task.id());
  switch (task->state) {
    case TaskState::waiting: {
      if (task.group->data) return {"waiting-for-scatter", {key + " waits for its client to send the value"}};
      std::vector<std::string> lines{key + " waits for " + std::to_string(task->missing) + " inputs"};
      for_each_dependency(task, [&](TaskRef input) {
        if (input->state != TaskState::memory && lines.size() < 6)
          lines.push_back("input " + key_text(input.id()) + " is " + name_of(input->state));
      });
      return {"waiting-for-inputs", std::move(lines)};
    }
    case TaskState::no_worker: {
      const RestrictionClass& restriction = classes_[task.task_template().restriction];
      if (workers_.empty()) return {"no-workers", {key + " is ready, but no worker is connected"}};
      std::vector<std::string> lines{key + " is ready, but none of " + std::to_string(workers_.size()) +
                                     " workers may run it (for " + seconds_text(now - restriction.empty_since) + ")"};
      bool module_known = restriction.module.empty();
      for (const auto& [id, worker] : workers_)
        module_known = module_known || worker->has_module(restriction.module, restriction.build);
      if (!module_known) {
        lines.push_back("no worker has this build of the module '" + restriction.module + "'");
        return {"module-missing", std::move(lines)};
      }
      for (const auto& name : restriction.workers) lines.push_back("restricted to worker " + name);
      for (const auto& resource : restriction.resources)
        lines.push_back("needs " + std::to_string(resource.amount) + " " + resource.name);
      return {"restrictions-unmet", std::move(lines)};
    }
    case TaskState::queued: return explain_queued(task);
    case TaskState::processing: {
      const WorkerRecord* worker = find_worker(task->worker);
      std::vector<std::string> lines{key + " is assigned to " + worker->registration.name + ", run " +
                                     std::to_string(task->run.value) + ", among " +
                                     std::to_string(worker->processing.size()) + " tasks there"};
      if (worker->suspect || !worker->reachable) {
        lines.push_back("the worker has been silent for " + seconds_text(now - worker->last_seen));
        return {"worker-silent", std::move(lines)};
      }
      if (worker->status == WorkerStatus::paused) {
        lines.push_back("the worker is paused: its memory is nearly full");
        return {"worker-paused", std::move(lines)};
      }
      if (task.has(task_flag::seceded)) return {"seceded", {key + " runs and waits for tasks of its own"}};
      if (task.has(task_flag::ahead)) {
        lines.push_back("the worker makes its input and starts it then, without asking");
        return {"ahead-of-its-input", std::move(lines)};
      }
      if (task.has(task_flag::stealing)) {
        lines.push_back("the worker was asked to give it back, for an idle one");
        return {"being-stolen", std::move(lines)};
      }
      return {"processing", std::move(lines)};
    }
    case TaskState::released:
    case TaskState::memory:
    case TaskState::erred:
    case TaskState::forgotten: break;
  }
  return {"unknown", {}};
}

}  // namespace troupe
