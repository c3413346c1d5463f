#include <algorithm>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What workers report, and what their loss means.

namespace troupe {
namespace {

constexpr double bandwidth_step = 0.1;  ///< what a heartbeat's word counts in the average

}  // namespace

void SchedulerState::on_message(WorkerRecord&, RegisterWorker&) {}

void SchedulerState::on_message(WorkerRecord& worker, TasksFinished& message) {
  worker.moved_on = now_;
  // One average step a batch and prefix: the batch's mean, and its variance.
  std::uint32_t prefix = ~0u;
  double sum_us = 0;
  double sum_squares = 0;
  std::uint64_t count = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t taken = 0;
  auto learn = [&] {
    if (count == 0) return;
    PrefixCounters& counters = prefixes_[prefix].counters;
    const double mean = sum_us / static_cast<double>(count);
    const double variance = std::max(0.0, sum_squares / static_cast<double>(count) - mean * mean);
    const double off = mean - counters.duration_us;
    counters.duration_variance =
        counters.finished == 0 ? variance : 0.5 * (counters.duration_variance + 0.5 * off * off) + 0.5 * variance;
    counters.duration_us = counters.finished == 0 ? mean : 0.5 * counters.duration_us + 0.5 * mean;
    counters.finished += count;
    sum_us = sum_squares = 0;
    count = 0;
  };
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const TaskRef task = find(message.tasks[i]);
    if (!task || task->state != TaskState::processing || task->worker != worker.id ||
        (task->run != message.runs[i] && !TROUPE_MUTANT(a_completion_of_any_run_counts))) {
      ++counters_.late_completions;
      // Only what this run made is of no use: the worker may have got the value from elsewhere since, and its word of
      // that be under way.
      if (!TROUPE_MUTANT(a_late_value_is_not_freed)) {
        auto& cancel = last<CancelCompute>(worker);
        cancel.tasks.push_back(message.tasks[i]);
        cancel.runs.push_back(message.runs[i]);
      }
      continue;
    }
    if (task.task_template().prefix != prefix) {
      learn();
      prefix = task.task_template().prefix;
    }
    const double duration = message.duration_us[i];
    sum_us += duration;
    sum_squares += duration * duration;
    ++count;
    PrefixCounters& counters = prefixes_[prefix].counters;
    counters.compute_us += message.duration_us[i];
    counters.output_bytes += message.nbytes[i];
    output_bytes += message.nbytes[i];
    ++taken;
    if (SpanRecord* const span = task.group->counted_span; span != nullptr) {
      ++span->sums.finished;
      span->sums.compute_us += message.duration_us[i];
      span->sums.output_bytes += message.nbytes[i];
    }
    if (history_.kept())
      note_run(task, worker.id, message.duration_us[i], message.age_us.empty() ? 0 : message.age_us[i],
               message.threads.empty() ? 0 : message.threads[i], false);
    finish(task, worker, message.nbytes[i], message.values.at(i));
  }
  learn();
  if (taken == 0) return;
  const double mean_bytes = static_cast<double>(output_bytes) / static_cast<double>(taken);
  worker.output_bytes = worker.output_bytes > 0 ? 0.5 * (worker.output_bytes + mean_bytes) : mean_bytes;
  load_changed(worker);
}

void SchedulerState::on_message(WorkerRecord& worker, TasksErred& message) {
  worker.moved_on = now_;
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const TaskRef task = find(message.tasks[i]);
    if (!task || task->state != TaskState::processing || task->worker != worker.id || task->run != message.runs[i]) {
      ++counters_.late_completions;
      continue;
    }
    TemplateRecord& record = task.task_template();
    PrefixCounters& counters = prefixes_[record.prefix].counters;
    if (history_.kept())
      note_run(task, worker.id, message.duration_us.empty() ? 0 : message.duration_us[i],
               message.age_us.empty() ? 0 : message.age_us[i], message.threads.empty() ? 0 : message.threads[i], true);
    // What a worker tells as killed was the process that the task had to itself.
    const auto kind = message.errors[i]->kind;
    const bool again = kind == TaskError::Kind::exception || kind == TaskError::Kind::killed;
    if (again && task->retries < record.task.annotations.retries && !TROUPE_MUTANT(no_retry_is_granted) &&
        task->retries < 255) {
      ++task->retries;
      ++counters.retried;
      ++counters_.retried;
      count_retry(kind == TaskError::Kind::killed ? RetryReason::killed : RetryReason::error);
      take_back(task, true, "retry");
      if (task->missing == 0) make_ready(task, "retry");  // else it ran ahead, on an input from its worker's store
      continue;
    }
    auto error = std::make_shared<TaskError>(*message.errors[i]);
    error->key = key_text(task.id());
    error->root = task.id();
    error->worker = worker.registration.name;
    error->attempts = task->run.value;
    err(task, std::move(error), "function failed");
  }
}

void SchedulerState::on_message(WorkerRecord& worker, ReplicasAdded& message) {
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const TaskRef task = find(message.tasks[i]);
    if (task && task.group->data && task->state == TaskState::waiting) {
      store_value(task, worker, message.nbytes[i], {}, "scattered");
    } else if (task && task->state == TaskState::memory) {
      if (!holds(task, worker.id) || TROUPE_MUTANT(a_holder_is_listed_twice)) add_holder(task, worker);
      if (!transfers_.empty()) transfer_arrived(task, worker.id);
    } else {
      free_unless_needed(worker, task, message.tasks[i]);
    }
  }
}

/// A worker has a value that it was not counted on for. It is of no use, unless it is known to be there after all, or
/// the worker is about to make it again: then freeing it would cross the order to compute it.
void SchedulerState::free_unless_needed(WorkerRecord& worker, TaskRef task, TaskId id) {
  if (TROUPE_MUTANT(a_late_value_is_not_freed) || (task && holds(task, worker.id))) return;
  if (task && task->state == TaskState::processing && task->worker == worker.id) return;
  free_on(worker.id, id);
}

void SchedulerState::on_message(WorkerRecord& worker, ReplicasRemoved& message) {
  for (const TaskId id : message.tasks) {
    const TaskRef task = find(id);
    if (!task || task->state != TaskState::memory || !remove_holder(task, worker.id)) continue;
    lose_value(task, "its last holder dropped it");
    if (is_wanted(task) || task->waiters > 0) {
      ++counters_.recomputed;
      count_retry(RetryReason::value_lost);
      activate(task, "recomputed");
    } else {
      review(task);
    }
  }
}

/// A worker could not get inputs where it was told: that holder does not count any more. Either another one is named,
/// or the value is computed again, which takes back whatever waited for it; a worker that was only to keep a copy is
/// told that it need not, unless it has got one meanwhile: then it has said so.
void SchedulerState::on_message(WorkerRecord& worker, InputsMissing& message) {
  const auto answer = [&](TaskId task, WorkerId holder) {
    auto& reply = last<WhoHas>(worker);
    reply.tasks.push_back(task);
    reply.holders.push_back(holder);
  };
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const TaskRef task = find(message.tasks[i]);
    if (!task || task->state != TaskState::memory) {
      if (!TROUPE_MUTANT(who_misses_a_copy_is_not_answered)) answer(message.tasks[i], {});
      continue;
    }
    if (message.holders[i] && holds(task, message.holders[i]) && !TROUPE_MUTANT(a_holder_without_the_value_stays)) {
      if (message.holders[i] != worker.id) free_on(message.holders[i], message.tasks[i]);
      if (remove_holder(task, message.holders[i])) {
        lose_value(task, "not where it should be");
        ++counters_.recomputed;
        if (!TROUPE_MUTANT(who_misses_a_copy_is_not_answered)) answer(message.tasks[i], {});
        if (is_wanted(task) || task->waiters > 0) {
          count_retry(RetryReason::value_lost);
          activate(task, "recomputed");
        } else {
          review(task);
        }
        continue;
      }
    }
    if (TROUPE_MUTANT(a_missing_input_is_not_answered)) continue;
    introduce(worker, task->worker);
    answer(message.tasks[i], task->worker);
  }
}

void SchedulerState::on_message(WorkerRecord& worker, StealReply& message) {
  worker.steal_pending = false;
  worker.steals_asked -= std::min(worker.steals_asked, static_cast<std::uint32_t>(message.tasks.size()));
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const bool released = message.released[i] != 0;
    const TaskRef task = find(message.tasks[i]);
    if (released)
      ++counters_.steals_confirmed;
    else
      count_kept(worker, message, i, task);
    if (!task || task->state != TaskState::processing || task->worker != worker.id || task->run != message.runs[i])
      continue;
    task.unset(task_flag::stealing);
    if (history_.kept()) history_.add(StolenTask{now_, task.id(), key_text(task.id()), worker.id, released});
    if (!released) continue;
    counters_.steals_confirmed_us += static_cast<std::uint64_t>(task->cost_us);
    take_back(task, false, "stolen");
    // One that was to run ahead, after an input that stays there, waits for that.
    if (TROUPE_MUTANT(dask_7348_a_stolen_task_is_not_queued)) continue;
    if (task->missing == 0 || TROUPE_MUTANT(a_stolen_task_is_ready)) make_ready(task, "stolen");
  }
}

/// The worker knows what it did, and the scheduler what has come of the task since.
void SchedulerState::count_kept(const WorkerRecord& worker, const StealReply& message, std::size_t i, TaskRef task) {
  const bool there =
      task && task->state == TaskState::processing && task->worker == worker.id && task->run == message.runs[i];
  const auto refusal = i < message.refusals.size() ? message.refusals[i] : StealRefusal::none;
  KeptReason reason = KeptReason::superseded;
  if (refusal == StealRefusal::started || (refusal == StealRefusal::none && there))
    reason = KeptReason::started;
  else if (refusal == StealRefusal::finished || (task && task->state == TaskState::memory))
    reason = KeptReason::finished;
  else if (!task || !in_play(task->state))
    reason = KeptReason::released;
  ++counters_.steals_rejected[static_cast<std::size_t>(reason)];
}

void SchedulerState::on_message(WorkerRecord& worker, TasksSeceded& message) {
  worker.moved_on = now_;
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const TaskRef task = find(message.tasks[i]);
    if (!task || task->state != TaskState::processing || task->worker != worker.id || task->run != message.runs[i])
      continue;
    const bool rejoined = message.rejoined[i] != 0;
    if (rejoined && task.has(task_flag::seceded)) {
      task.unset(task_flag::seceded);
      --worker.seceded;
      worker.occupancy_us += static_cast<double>(task->cost_us);
    } else if (!rejoined && !task.has(task_flag::seceded)) {
      task.set(task_flag::seceded);
      ++worker.seceded;
      worker.occupancy_us -= static_cast<double>(task->cost_us);
    }
  }
  load_changed(worker);
}

void SchedulerState::on_message(WorkerRecord& worker, Heartbeat& message) {
  worker.heartbeat = message;
  worker.heartbeat_at = now_;
  if (message.bandwidth > 0)
    counters_.bandwidth += bandwidth_step * (static_cast<double>(message.bandwidth) - counters_.bandwidth);
  if (worker.registration.memory_limit == 0) return;
  worker.free_bytes = static_cast<double>(message.free_bytes);
  load_changed(worker);
}

void SchedulerState::on_message(WorkerRecord& worker, TimeSpent& message) {
  times_.add(worker.id, message, [this](WorkerId id) { return find_worker(id) != nullptr; });
  for (const FunctionTime& function : message.functions)
    if (!function.span.empty()) spans_.add(function);
}

void SchedulerState::on_message(WorkerRecord& worker, WorkerStatusChanged& message) {
  worker.status = message.status;
  load_changed(worker);
  refresh_classes();
}

void SchedulerState::on_message(WorkerRecord& worker, ModulesAdded& message) {
  auto& modules = worker.registration.modules;
  for (ModuleInfo& module : message.modules) {
    const auto same = std::find_if(modules.begin(), modules.end(), [&](const ModuleInfo& known) {
      return known.name == module.name && known.build == module.build;
    });
    uploaded_.insert({module.name, module.build});
    if (same == modules.end()) modules.push_back(std::move(module));
  }
  refresh_classes();
}

/// Modules that clients uploaded reach workers that come later from one that has them.
void SchedulerState::share_modules(WorkerRecord& worker) {
  if (!worker.registration.allow_uploads) return;
  std::map<WorkerId, ShareModules> shares;
  for (const auto& [name, build] : uploaded_) {
    if (worker.has_module(name, build)) continue;
    const auto has = [&](const auto& other) { return other.second->able() && other.second->has_module(name, build); };
    const auto holder = std::find_if(workers_.begin(), workers_.end(), has);
    if (holder == workers_.end()) continue;
    auto& share = shares[holder->first];
    share.to = worker.registration.address;
    share.names.push_back(name);
    share.builds.push_back(build);
  }
  for (auto& [holder, share] : shares) tell_worker(*find_worker(holder), std::move(share));
}

void SchedulerState::on_message(WorkerRecord& worker, FunctionRan& message) {
  const auto found = runs_.find(message.request);
  if (found == runs_.end()) return;
  PendingRun& run = found->second;
  for (auto& [id, outcome] : run.outcomes) {
    if (id != worker.id) continue;
    outcome.value = std::move(message.value);
    outcome.error = std::move(message.error);
    --run.missing;
    id = {};
    break;
  }
  if (run.missing > 0) return;
  RunReply reply{run.request, {}};
  for (auto& [id, outcome] : run.outcomes) reply.outcomes.push_back(std::move(outcome));
  if (ClientRecord* client = find_client(run.client)) tell_client(*client, std::move(reply));
  runs_.erase(found);
}

void SchedulerState::on_message(WorkerRecord& worker, Goodbye& message) {
  const WorkerId id = worker.id;
  remove_worker(id, true, message.reason);
  extra_.close.emplace_back(id, "");
}

/// A scattered value that is not known to be anywhere, and all the workers its client was told to put it on are gone:
/// nobody will say that it came.
void SchedulerState::give_up_scatters() {
  std::erase_if(scatters_, [this](std::uint64_t number) {
    Group* group = find_group(number);
    bool waits = false;
    for (std::uint32_t i = 0; group != nullptr && i < group->tasks.size(); ++i) {
      const TaskRef task{group, i};
      if (task->state != TaskState::waiting) continue;
      const auto first = group->targets.begin() + group->target_offsets[i];
      const auto last = group->targets.begin() + group->target_offsets[i + 1];
      if (std::any_of(first, last, [this](WorkerId id) { return find_worker(id) != nullptr; }))
        waits = true;
      else
        err(task,
            make_error(task, TaskError::Kind::lost,
                       "the value was scattered, and every worker it was to go to is gone; scatter it again"),
            "scattered value lost");
    }
    return !waits;
  });
}

/// A worker is gone: what it ran is placed again, what only it held is computed again if anybody needs it.
void SchedulerState::remove_worker(WorkerId id, bool graceful, std::string_view reason) {
  WorkerRecord* worker = find_worker(id);
  if (worker == nullptr) return;
  ++(graceful ? counters_.workers_drained : counters_.workers_lost);
  counters_.steals_rejected[static_cast<std::size_t>(KeptReason::worker_gone)] += worker->steals_asked;
  if (!graceful && !worker->registration.nannied && !worker->closing) blame_what_ran(*worker, reason);
  const char* cause = graceful ? "worker left" : "worker lost";

  std::vector<TaskRef> interrupted;
  while (!worker->processing.empty()) {
    const TaskRef task = find(worker->processing.back());
    take_back(task, false, cause);
    interrupted.push_back(task);
  }
  std::vector<TaskRef> lost;
  const std::vector<TaskId> stored = worker->stored;
  for (const TaskId stored_id : stored) {
    if (TROUPE_MUTANT(dask_6361_a_lost_worker_keeps_a_value) && stored_id == stored.back()) continue;
    const TaskRef task = find(stored_id);
    if (remove_holder(task, id)) lost.push_back(task);
  }
  for (const TaskRef task : lost) lose_value(task, cause);
  for (const TaskRef task : lost) {
    if (task->state != TaskState::released) continue;
    if (is_wanted(task) || task->waiters > 0) {
      ++counters_.recomputed;
      count_retry(RetryReason::value_lost);
      if (!TROUPE_MUTANT(a_lost_value_is_not_made_again)) activate(task, "recomputed");
    } else {
      review(task);
    }
  }
  for (const TaskRef task : interrupted)
    if (task->state == TaskState::waiting) count_retry(graceful ? RetryReason::worker_left : RetryReason::worker_lost);
  for (const TaskRef task : interrupted)
    if (!TROUPE_MUTANT(dask_6391_work_of_a_lost_worker_is_not_placed) && task->state == TaskState::waiting &&
        task->missing == 0)
      make_ready(task, cause);

  if (worker->in_flush_list) std::erase(flush_workers_, worker);
  if (!worker->outbox.empty()) {
    seal(*worker);
    extra_.workers.emplace_back(id, std::move(worker->outbox));
  }
  worker_by_id_[id.value] = nullptr;
  if (worker->load_changed) std::erase(changed_loads_, worker);
  if (worker->counted_idle) --idle_workers_;
  if (worker->counted_surplus) --surplus_workers_;
  const std::string name = worker->registration.name;
  worker_by_name_.erase(name);
  workers_.erase(id);
  times_.worker_left([this](WorkerId other) { return find_worker(other) != nullptr; });
  if (!scatters_.empty() && !TROUPE_MUTANT(a_scatter_that_is_lost_is_waited_for)) give_up_scatters();
  for (auto& [other_id, other] : workers_)
    if (id.value < other->knows_worker.size() && other->knows_worker[id.value])
      last<WorkersLost>(*other).workers.push_back(id);
  for (auto it = runs_.begin(); it != runs_.end();) {
    PendingRun& run = it->second;
    for (auto& [runner, outcome] : run.outcomes) {
      if (runner != id) continue;
      auto error = std::make_shared<TaskError>();
      error->kind = TaskError::Kind::killed;
      error->message = "the worker left before it answered: " + std::string(reason);
      error->worker = name;
      outcome.error = std::move(error);
      runner = {};
      if (!TROUPE_MUTANT(a_question_waits_for_a_dead_worker)) --run.missing;
    }
    if (run.missing > 0) {
      ++it;
      continue;
    }
    RunReply reply{run.request, {}};
    for (auto& [runner, outcome] : run.outcomes) reply.outcomes.push_back(std::move(outcome));
    if (ClientRecord* client = find_client(run.client)) tell_client(*client, std::move(reply));
    it = runs_.erase(it);
  }
  refresh_classes();
  if (!retirements_.empty()) note_retired(id, name, graceful);
}

/// A task ran on a worker as it died. After too many deaths it is failed, and the rest goes on.
void SchedulerState::blame(TaskId id, RunId run, Incarnation dead, const std::string& how) {
  const TaskRef task = find(id);
  if (!task || !in_play(task->state) || run > task->run) return;
  ++prefixes_[task.task_template().prefix].counters.suspicious;
  if (task->crashes < 255 && !TROUPE_MUTANT(poison_is_never_found)) ++task->crashes;
  if (task->crashes < config_.allowed_failures && !TROUPE_MUTANT(the_first_death_is_final)) return;
  ++counters_.poisoned;
  if (task->state == TaskState::processing) {
    WorkerRecord* worker = find_worker(task->worker);
    if (worker != nullptr && worker->registration.incarnation != dead) {
      auto& cancel = last<CancelCompute>(*worker);
      cancel.tasks.push_back(id);
      cancel.runs.push_back(task->run);
    }
  }
  err(task,
      make_error(task, TaskError::Kind::killed,
                 std::to_string(task->crashes) + " workers died while they ran this task; the last was " + how),
      "killed its workers");
}

/// A worker without a nanny is gone, and nobody saw what it ran: that were, most likely, the most urgent of its tasks,
/// one for each thread, and those that wait inside for others.
void SchedulerState::blame_what_ran(WorkerRecord& worker, std::string_view reason) {
  std::vector<TaskRef> likely;
  std::vector<TaskRef> waiting;
  for (const TaskId id : worker.processing) {
    const TaskRef task = find(id);
    if (task.has(task_flag::seceded))
      waiting.push_back(task);
    else if (!task.has(task_flag::ahead))
      likely.push_back(task);
  }
  const auto running = std::min<std::size_t>(likely.size(), worker.registration.threads);
  const auto more_urgent = [this](TaskRef a, TaskRef b) {
    return std::pair(priority_of(a), a.id()) < std::pair(priority_of(b), b.id());
  };
  std::partial_sort(likely.begin(), likely.begin() + static_cast<std::ptrdiff_t>(running), likely.end(), more_urgent);
  likely.resize(running);
  likely.insert(likely.end(), waiting.begin(), waiting.end());
  const std::string how = "lost, without a nanny to say why: " + std::string(reason);
  for (const TaskRef task : likely) blame(task.id(), task->run, worker.registration.incarnation, how);
}

}  // namespace troupe
