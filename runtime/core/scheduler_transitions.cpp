#include <algorithm>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// The states of docs/states.md and the ways between them. Nothing here forgets a task: what may no longer be needed is
// put on `reviews_`, and run_reviews() decides once the event's own changes are all made.

namespace troupe {

void SchedulerState::record(TaskRef task, TaskState from, TaskState to, const char* cause) {
  ++counters_.transitions;
  if (story_.empty()) return;
  story_[story_next_] = {task.id(), now_.nanoseconds, task->worker, task->run, from, to, cause};
  if (++story_next_ == story_.size()) story_next_ = 0;
}

void SchedulerState::move_to(TaskRef task, TaskState state, const char* cause) {
  const TaskState from = task->state;
  --counters_.tasks[static_cast<std::size_t>(from)];
  ++counters_.tasks[static_cast<std::size_t>(state)];
  const std::size_t index = task.group->chunk->template_index(task.index);
  Prefix& prefix = prefixes_[task.group->templates[index]->prefix];
  ++prefix.counters.entered[static_cast<std::size_t>(state)];
  const auto move = [&](TaskTally& tally) {
    --tally.states[static_cast<std::size_t>(from)];
    ++tally.states[static_cast<std::size_t>(state)];
    if (from == TaskState::memory) tally.memory_bytes -= task->nbytes;
    if (state == TaskState::memory) tally.memory_bytes += task->nbytes;
  };
  move(task.group->counts[index]);
  move(prefix.tasks);
  if (SpanRecord* const span = task.group->counted_span; span != nullptr) {
    move(span->sums.tasks);
    span->sums.changed_last = now_;
    if (state == TaskState::erred) ++span->sums.erred;
  }
  if (from == TaskState::queued) --ready_total_;
  if (state == TaskState::queued) ++ready_total_;
  if (from == TaskState::no_worker) --classes_[task.task_template().restriction].unrunnable;
  if (state == TaskState::no_worker) {
    RestrictionClass& restriction = classes_[task.task_template().restriction];
    if (restriction.unrunnable++ == 0) restriction.empty_since = now_;
  }
  if (waits_for_worker(from) != waits_for_worker(state)) {
    if (waits_for_worker(state))
      task->position = queue_clock_.begin(now_);
    else
      queue_clock_.end(task->position);
  }
  task->state = state;
  record(task, from, state, cause);
}

/// Brings a released task into play: it waits for what is missing of its inputs, which are brought into play first.
void SchedulerState::activate(TaskRef first, const char* cause) {
  std::vector<TaskRef> stack;
  for (TaskRef task = first;;) {
    if (task->state == TaskState::released) {
      if (task.group->data) {
        err(task,
            make_error(task, TaskError::Kind::lost,
                       "the value was scattered, and every worker that held it is gone; scatter it again, with "
                       "more replicas"),
            "scattered value lost");
      } else {
        std::uint32_t missing = 0;
        std::shared_ptr<const TaskError> error;
        for_each_dependency(task, [&](TaskRef dependency) {
          ++dependency->waiters;
          if (dependency->state == TaskState::memory) return;
          ++missing;
          if (dependency->state == TaskState::released) stack.push_back(dependency);
          if (dependency->state == TaskState::erred && !error) error = *errors_.find(dependency.id());
        });
        task->missing = missing;
        move_to(task, TaskState::waiting, cause);
        if (error)
          err(task, error, "input erred");
        else if (missing == 0)
          make_ready(task, cause);
      }
    }
    if (stack.empty()) return;
    task = stack.back();
    stack.pop_back();
    cause = "needed by a dependent";
  }
}

void SchedulerState::make_ready(TaskRef task, const char* cause) {
  const TemplateRecord& record = task.task_template();
  const RestrictionClass& restriction = classes_[record.restriction];
  ClientRecord* client = owner_of(*task.group);
  if (client == nullptr) {
    // The last client left: nothing is wanted any more, and this task is on its way out.
    if (task->state != TaskState::waiting) move_to(task, TaskState::waiting, cause);
    return review(task);
  }
  move_to(task, restriction.valid.empty() ? TaskState::no_worker : TaskState::queued, cause);
  if (client->ready.size() <= record.restriction) client->ready.resize(record.restriction + 1);
  ReadyQueue& queue = client->ready[record.restriction];
  if (queue.empty() && client->served_us < served_floor_us_) client->served_us = served_floor_us_;
  queue.push(priority_of(task), task.id());
}

void SchedulerState::finish(TaskRef task, WorkerRecord& worker, std::uint64_t nbytes, Bytes value) {
  remove_from_processing(task);
  ++worker.finished;
  ++counters_.finished;
  store_value(task, worker, nbytes, std::move(value), "finished");
}

void SchedulerState::store_value(TaskRef task, WorkerRecord& worker, std::uint64_t nbytes, Bytes value,
                                 const char* cause) {
  const bool was_in_play = in_play(task->state);
  task->nbytes = nbytes;
  task->missing = 0;
  task.unset(task_flag::ahead);  // its worker may report it before the input that it found in its store
  add_holder(task, worker);
  move_to(task, TaskState::memory, cause);
  if (task->dependents > 0) {
    for_each_dependent(task, [&](TaskRef dependent) {
      if (!in_play(dependent->state)) return;
      TROUPE_ASSERT(dependent->missing > 0, "a dependent in play did not count this input as missing");
      if (TROUPE_MUTANT(a_value_counts_once_too_often) && dependent->missing > 1) --dependent->missing;
      if (--dependent->missing == 0) {
        if (dependent->state == TaskState::waiting)
          make_ready(dependent, "last input arrived");
        else
          dependent.unset(task_flag::ahead);
      }
    });
  }
  if (was_in_play && !TROUPE_MUTANT(an_ended_task_still_waits)) leave_play(task);
  tell_ready(task, value);
  if (task.has(task_flag::extend)) {
    task.unset(task_flag::extend);
    extend_chain(task);
  }
  if (task->waiters == 0 && !is_wanted(task)) review(task);
}

/// Inputs of a task that left play are no longer waited for by it.
void SchedulerState::leave_play(TaskRef task) {
  for_each_dependency(task, [&](TaskRef dependency) {
    TROUPE_ASSERT(dependency->waiters > 0);
    if (--dependency->waiters == 0) review(dependency);
  });
}

/// Fails a task, and with it, in the same event, every dependent in play.
void SchedulerState::err(TaskRef first, std::shared_ptr<const TaskError> error, const char* cause) {
  if (error->root == first.id()) {
    ++counters_.failed;
    if (history_.kept()) history_.add(FailedTask{now_, first.id(), error->key, first.task_template().prefix, error});
  }
  std::vector<TaskRef> stack{first};
  while (!stack.empty()) {
    const TaskRef task = stack.back();
    stack.pop_back();
    const bool was_in_play = in_play(task->state);
    if (!was_in_play && task.id() != first.id()) continue;
    if (task->state == TaskState::processing) {
      if (WorkerRecord* worker = find_worker(task->worker); worker != nullptr && task.id() != first.id()) {
        auto& message = last<CancelCompute>(*worker);
        message.tasks.push_back(task.id());
        message.runs.push_back(task->run);
      }
      remove_from_processing(task);
    }
    task->missing = 0;
    task->worker = {};
    task.unset(task_flag::ahead | task_flag::stealing | task_flag::extend);
    if (was_in_play && !task.group->data) leave_play(task);
    move_to(task, TaskState::erred, cause);
    errors_[task.id()] = error;
    ++counters_.erred;
    ++prefixes_[task.task_template().prefix].counters.erred;
    tell_erred(task, error);
    for_each_dependent(task, [&](TaskRef dependent) {
      if (in_play(dependent->state) && !TROUPE_MUTANT(dask_5497_an_error_is_not_passed_on)) stack.push_back(dependent);
    });
    review(task);
    cause = "input erred";
  }
}

/// Takes a task from its worker, or from the queue, back to waiting. What ran ahead of it goes back too.
void SchedulerState::take_back(TaskRef task, bool tell_worker, const char* cause) {
  if (task->state == TaskState::processing) {
    WorkerRecord* worker = find_worker(task->worker);
    if (tell_worker && worker != nullptr) {
      auto& message = last<CancelCompute>(*worker);
      message.tasks.push_back(task.id());
      message.runs.push_back(task->run);
    }
    remove_from_processing(task);
    task->worker = {};
    if (!TROUPE_MUTANT(dask_6134_half_a_transition))
      task.unset(task_flag::ahead | task_flag::stealing | task_flag::extend);
    for_each_dependent(task, [&](TaskRef dependent) {
      if (dependent->state == TaskState::processing && dependent.has(task_flag::ahead))
        take_back(dependent, tell_worker, "input taken back");
    });
  }
  move_to(task, TaskState::waiting, cause);
}

/// The last holder of a value is gone: dependents in play wait for it again. The caller activates it if it is needed.
void SchedulerState::lose_value(TaskRef task, const char* cause) {
  task->worker = {};
  move_to(task, TaskState::released, cause);
  if (!TROUPE_MUTANT(a_lost_value_is_not_told)) tell_pending(task);
  if (!transfers_.empty() && !TROUPE_MUTANT(a_copy_outlives_its_value)) end_transfers(task);
  for_each_dependent(task, [&](TaskRef dependent) {
    switch (dependent->state) {
      case TaskState::queued:
      case TaskState::no_worker:
      case TaskState::processing:
        if (TROUPE_MUTANT(dask_8703_a_lost_input_forgets_who_is_queued) && dependent->state == TaskState::queued) break;
        if (dependent->state == TaskState::processing) count_retry(RetryReason::input_lost);
        take_back(dependent, true, "input lost");
        ++dependent->missing;
        break;
      case TaskState::waiting: ++dependent->missing; break;
      case TaskState::released:
      case TaskState::memory:
      case TaskState::erred:
      case TaskState::forgotten: break;
    }
  });
}

/// Nobody needs the value: every holder is told to free it.
void SchedulerState::drop_value(TaskRef task, const char* cause) {
  if (task.has(task_flag::replicated)) {
    for (const Replica& replica : *replicas_.find(task.id()))
      if (WorkerRecord* worker = find_worker(replica.worker)) {
        if (!TROUPE_MUTANT(a_replica_is_not_freed)) free_on(replica.worker, task.id());
        worker->managed_bytes -= std::min(worker->managed_bytes, task->nbytes);
        remove_from_stored(*worker, replica.position);
      }
    replicas_.erase(task.id());
    task.unset(task_flag::replicated);
  }
  if (WorkerRecord* worker = find_worker(task->worker)) {
    free_on(task->worker, task.id());
    worker->managed_bytes -= std::min(worker->managed_bytes, task->nbytes);
    remove_from_stored(*worker, task->position);
  }
  task->worker = {};
  move_to(task, TaskState::released, cause);
}

void SchedulerState::review(TaskRef task) { reviews_.push_back(task.id()); }

/// Ends what nobody needs. False: the slice is used up and more waits.
bool SchedulerState::run_reviews(std::size_t most) {
  while (!reviews_.empty() && most-- > 0) {
    const TaskRef task = find(reviews_.back());
    reviews_.pop_back();
    if (!task || task->state == TaskState::forgotten || is_wanted(task)) continue;
    if (task->waiters == 0) {
      if (task->state == TaskState::memory) {
        drop_value(task, "not needed");
      } else if (in_play(task->state)) {
        if (task->state == TaskState::processing) take_back(task, true, "not needed");
        task->missing = 0;
        move_to(task, TaskState::released, "not needed");
        if (!task.group->data) leave_play(task);
      }
    }
    if (task->dependents == 0 && (task->state == TaskState::released || task->state == TaskState::erred)) forget(task);
  }
  return reviews_.empty();
}

void SchedulerState::forget(TaskRef task) {
  if (task->state == TaskState::erred) errors_.erase(task.id());
  if (!copies_wanted_.empty()) copies_wanted_.erase(task.id());
  move_to(task, TaskState::forgotten, "forgotten");
  if (!task.group->data)
    for_each_dependency(task, [&](TaskRef dependency) {
      TROUPE_ASSERT(dependency->dependents > 0);
      if (--dependency->dependents == 0) review(dependency);
    });
  if (task.has(task_flag::external)) free_external_edges(task);
  --live_tasks_;
  if (--task.group->live == 0) dead_groups_.push_back(task.group->number);
}

void SchedulerState::free_dead_groups() {
  for (const std::uint64_t number : dead_groups_) {
    std::unique_ptr<Group>& group = groups_[number - first_group_];
    for (const Subscriber& subscriber : group->subscribers)
      if (ClientRecord* client = find_client(subscriber.client)) let_go(*client, subscriber.submission);
    for (std::size_t i = 0; i < group->templates.size(); ++i) {
      prefixes_[group->templates[i]->prefix].tasks -= group->counts[i];
      if (group->counted_span != nullptr) group->counted_span->sums.tasks -= group->counts[i];
      unuse(*group->templates[i]);
    }
    if (group->counted_span != nullptr) spans_.leave(*group->counted_span);
    if (auto found = tokens_.find(group->token); found != tokens_.end() && found->second == number)
      tokens_.erase(found);
    group.reset();
    --counters_.groups;
  }
  dead_groups_.clear();
  while (!groups_.empty() && groups_.front() == nullptr) {
    groups_.pop_front();
    ++first_group_;
  }
}

bool SchedulerState::is_wanted(TaskRef task) const {
  if (task.has(task_flag::wanted | task_flag::held)) return true;
  const auto& subscribers = task.group->subscribers;
  for (std::size_t i = 1; i < subscribers.size(); ++i)
    if (subscribers[i].wanted[task.index]) return true;
  return false;
}

bool SchedulerState::in_play(TaskState state) {
  switch (state) {
    case TaskState::waiting:
    case TaskState::no_worker:
    case TaskState::queued:
    case TaskState::processing: return true;
    case TaskState::released:
    case TaskState::memory:
    case TaskState::erred:
    case TaskState::forgotten: return false;
  }
  return false;
}

void SchedulerState::remove_from_processing(TaskRef task) {
  WorkerRecord* worker = find_worker(task->worker);
  TROUPE_ASSERT(worker != nullptr, "a task is processing on a worker that is gone");
  if (task.has(task_flag::seceded)) {
    if (!TROUPE_MUTANT(a_seceded_task_keeps_its_mark)) --worker->seceded;
    task.unset(task_flag::seceded);
  } else {
    worker->occupancy_us -= static_cast<double>(task->cost_us);
  }
  const TaskId moved = worker->processing.back();
  worker->processing[task->position] = moved;
  worker->processing.pop_back();
  if (moved != task.id()) find(moved)->position = task->position;
  if (worker->processing.empty()) worker->occupancy_us = 0;
  load_changed(*worker);
  task.unset(task_flag::stealing);
}

void SchedulerState::add_holder(TaskRef task, WorkerRecord& worker) {
  const auto position = static_cast<std::uint32_t>(worker.stored.size());
  worker.stored.push_back(task.id());
  worker.managed_bytes += task->nbytes;
  if (task->state != TaskState::memory) {
    task->worker = worker.id;
    task->position = position;
  } else {
    replicas_[task.id()].push_back({worker.id, position});
    if (!task.has(task_flag::replicated)) replicated_.push_back(task.id());
    task.set(task_flag::replicated);
  }
}

void SchedulerState::remove_from_stored(WorkerRecord& worker, std::uint32_t position) {
  const TaskId moved = worker.stored.back();
  const TaskId removed = worker.stored[position];
  worker.stored[position] = moved;
  worker.stored.pop_back();
  if (moved == removed) return;
  const TaskRef task = find(moved);
  if (task->worker == worker.id) {
    task->position = position;
    return;
  }
  for (Replica& replica : *replicas_.find(moved))
    if (replica.worker == worker.id) replica.position = position;
}

bool SchedulerState::remove_holder(TaskRef task, WorkerId id) {
  std::vector<Replica>* replicas = task.has(task_flag::replicated) ? replicas_.find(task.id()) : nullptr;
  WorkerRecord* worker = find_worker(id);
  if (task->worker == id) {
    const std::uint32_t position = task->position;
    if (replicas != nullptr) {
      task->worker = replicas->back().worker;
      task->position = replicas->back().position;
      replicas->pop_back();
    } else {
      task->worker = {};
    }
    if (worker != nullptr) remove_from_stored(*worker, position);
  } else if (replicas != nullptr) {
    const auto found =
        std::find_if(replicas->begin(), replicas->end(), [&](const Replica& r) { return r.worker == id; });
    if (found == replicas->end()) return false;
    const std::uint32_t position = found->position;
    replicas->erase(found);
    if (worker != nullptr) remove_from_stored(*worker, position);
  } else {
    return false;
  }
  if (worker != nullptr) worker->managed_bytes -= std::min(worker->managed_bytes, task->nbytes);
  if (replicas != nullptr && replicas->empty()) {
    replicas_.erase(task.id());
    task.unset(task_flag::replicated);
  }
  return !task->worker;
}

bool SchedulerState::holds(TaskRef task, WorkerId worker) const {
  if (task->state != TaskState::memory) return false;
  if (task->worker == worker) return true;
  if (!task.has(task_flag::replicated)) return false;
  for (const Replica& replica : *replicas_.find(task.id()))
    if (replica.worker == worker) return true;
  return false;
}

std::vector<WorkerId> SchedulerState::holders(TaskRef task) const {
  std::vector<WorkerId> result;
  if (task->state != TaskState::memory) return result;
  result.push_back(task->worker);
  if (task.has(task_flag::replicated))
    for (const Replica& replica : *replicas_.find(task.id())) result.push_back(replica.worker);
  return result;
}

void SchedulerState::link_external(TaskRef dependency, TaskId dependent) {
  ExternalList& list = external_dependents_[dependency.id()];
  if (dependency.has(task_flag::external) && list.count > 2 * dependency->dependents + 64) prune_external(list);
  dependency.set(task_flag::external);
  std::uint32_t edge = free_external_edge_;
  if (edge != 0) {
    free_external_edge_ = external_edges_[edge - 1].next;
  } else {
    external_edges_.emplace_back();
    edge = static_cast<std::uint32_t>(external_edges_.size());
  }
  external_edges_[edge - 1] = {dependent, list.head};
  list.head = edge;
  ++list.count;
}

/// Drops edges whose dependents are forgotten.
void SchedulerState::prune_external(ExternalList& list) {
  std::uint32_t* link = &list.head;
  while (*link != 0) {
    ExternalEdge& edge = external_edges_[*link - 1];
    const TaskRef dependent = find(edge.dependent);
    if (dependent && dependent->state != TaskState::forgotten) {
      link = &edge.next;
      continue;
    }
    const std::uint32_t freed = *link;
    *link = edge.next;
    edge.next = free_external_edge_;
    free_external_edge_ = freed;
    --list.count;
  }
}

void SchedulerState::free_external_edges(TaskRef task) {
  const ExternalList list = *external_dependents_.find(task.id());
  for (std::uint32_t edge = list.head; edge != 0;) {
    const std::uint32_t next = external_edges_[edge - 1].next;
    external_edges_[edge - 1].next = free_external_edge_;
    free_external_edge_ = edge;
    edge = next;
  }
  external_dependents_.erase(task.id());
  task.unset(task_flag::external);
}

std::shared_ptr<const TaskError> SchedulerState::make_error(TaskRef task, TaskError::Kind kind,
                                                            std::string message) const {
  auto error = std::make_shared<TaskError>();
  error->kind = kind;
  error->message = std::move(message);
  error->key = key_text(task.id());
  error->root = task.id();
  if (!task.group->data) error->function = full_name(task.task_template().task.function);
  if (const WorkerRecord* worker = find_worker(task->worker)) error->worker = worker->registration.name;
  error->attempts = task->run.value;
  return error;
}

}  // namespace troupe
