#include <algorithm>
#include <map>
#include <set>

#include "protocol/error.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// I1 to I15 of docs/states.md, by recounting everything. Reviews that are still to be made (large releases go in
// slices) excuse only what they are about: junk that is not gone yet (I8).

namespace troupe {

void SchedulerState::require(bool condition, const char* what, TaskId task) const {
  if (condition) return;
  std::string text = std::string(what) + "; task " + key_text(task) + "\n";
  for (const std::string& line : story(task)) text += "  " + line + "\n";
  assertion_failed(what, __FILE__, __LINE__, text);
}

void SchedulerState::check_invariants() const {
  for (const auto& group : groups_) {
    if (group == nullptr) continue;
    std::uint32_t live = 0;
    for (std::uint32_t i = 0; i < group->tasks.size(); ++i) {
      const TaskRef task{group.get(), i};
      if (task->state != TaskState::forgotten) {
        ++live;
        check_task(task);
      }
    }
    TROUPE_ASSERT(live == group->live, "a group's count of live tasks is off");
  }
  check_workers();
  check_clients();
  check_counters();
}

void SchedulerState::check_invariants(TaskId id) const {
  const TaskRef task = find(id);
  if (task && task->state != TaskState::forgotten) check_task(task);
}

void SchedulerState::check_task(TaskRef task) const {
  const TaskId id = task.id();
  const bool playing = in_play(task->state);
  const bool processing = task->state == TaskState::processing;
  const bool memory = task->state == TaskState::memory;
  auto* self = const_cast<SchedulerState*>(this);

  // I1: state and fields agree.
  require(processing || memory ? static_cast<bool>(task->worker) : !task->worker, "I1 runner or holder", id);
  require((task->state == TaskState::erred) == (errors_.find(id) != nullptr), "I1 erred has an error", id);
  require(memory || !task.has(task_flag::replicated), "I1 replicas without a value", id);
  require(processing || !task.has(task_flag::seceded | task_flag::ahead | task_flag::stealing),
          "I1 flags of a running task", id);

  // I2 to I5, downwards.
  std::uint32_t missing = 0;
  bool runs_ahead = false;
  for_each_dependency(task, [&](TaskRef input) {
    require(static_cast<bool>(input) && input->state != TaskState::forgotten, "I2 an input is forgotten", id);
    require(input.group->number < task.group->number || input.index < task.index, "I2 edges go backwards", id);
    if (input->state != TaskState::memory) ++missing;
    if (!playing) return;
    require(input->state != TaskState::released, "I3 a task in play has a released input", id);
    require(input->state != TaskState::erred, "I12 a task in play has an erred input", id);
    if (processing && input->state != TaskState::memory) {
      runs_ahead = true;
      require(input->state == TaskState::processing && input->worker == task->worker,
              "I5 ran ahead of an input made elsewhere", id);
    }
    if (input->state == TaskState::memory)
      for (const WorkerId holder : holders(input))
        require(find_worker(holder) != nullptr, "I5 an input's holder is gone", id);
  });
  if (playing && !task.group->data) require(task->missing == missing, "I3 missing inputs", id);
  if (task->state == TaskState::waiting && !task.group->data && !clients_.empty())
    require(missing > 0, "I3 waits for nothing", id);
  if (task->state == TaskState::queued || task->state == TaskState::no_worker)
    require(missing == 0, "I5 ready without its inputs", id);
  require(runs_ahead == (processing && task.has(task_flag::ahead)), "I5 the flag of running ahead", id);

  // I2, I4, upwards.
  std::uint32_t dependents = 0;
  std::uint32_t waiters = 0;
  self->for_each_dependent(task, [&](TaskRef dependent) {
    ++dependents;
    if (in_play(dependent->state)) ++waiters;
  });
  require(dependents == task->dependents, "I2 dependents", id);
  require(waiters == task->waiters, "I4 waiters", id);

  // I6: holders and runners are mutual.
  if (processing) {
    const WorkerRecord* worker = find_worker(task->worker);
    require(worker != nullptr && task->position < worker->processing.size() && worker->processing[task->position] == id,
            "I6 runner", id);
  }
  if (memory) {
    const WorkerRecord* worker = find_worker(task->worker);
    require(worker != nullptr && task->position < worker->stored.size() && worker->stored[task->position] == id,
            "I6 first holder", id);
    std::set<WorkerId> seen{task->worker};
    if (task.has(task_flag::replicated)) {
      require(!replicas_.find(id)->empty(), "I6 empty replicas", id);
      for (const Replica& replica : *replicas_.find(id)) {
        const WorkerRecord* other = find_worker(replica.worker);
        require(other != nullptr && replica.position < other->stored.size() && other->stored[replica.position] == id,
                "I6 replica", id);
        require(seen.insert(replica.worker).second, "I6 a holder twice", id);
      }
    }
  }

  // I8: no junk, once all reviews are made.
  if (reviews_.empty() && releases_.empty()) {
    const bool needed = is_wanted(task) || task->waiters > 0;
    require(!memory || needed, "I8 a stored value that nobody needs", id);
    require(!playing || needed, "I8 work that nobody needs", id);
    require(is_wanted(task) || task->dependents > 0, "I8 a task that nobody knows of", id);
  }
  // I14: the crash budget.
  require(task->crashes < config_.allowed_failures || task->state == TaskState::erred || !playing, "I14 crash budget",
          id);
}

void SchedulerState::check_workers() const {
  std::map<WorkerId, std::uint64_t> processing;
  for (const auto& [id, worker] : workers_) {
    TROUPE_ASSERT(find_worker(id) == worker.get(), "I6 worker index");
    double occupancy = 0;
    std::uint32_t seceded = 0;
    for (std::size_t i = 0; i < worker->processing.size(); ++i) {
      const TaskRef task = find(worker->processing[i]);
      TROUPE_ASSERT(task && task->state == TaskState::processing && task->worker == id, "I6 processing list");
      require(task->position == i, "I6 processing position", task.id());
      if (task.has(task_flag::seceded))
        ++seceded;
      else
        occupancy += static_cast<double>(task->cost_us);
    }
    TROUPE_ASSERT(seceded == worker->seceded, "I11 seceded tasks");
    TROUPE_ASSERT(!worker->steal_pending || worker->steals_asked > 0, "I11 tasks asked back");
    const double difference = occupancy - worker->occupancy_us;
    TROUPE_ASSERT(difference < 1 + occupancy * 1e-6 && difference > -1 - occupancy * 1e-6, "I11 occupancy");
    TROUPE_ASSERT(!worker->processing.empty() || worker->occupancy_us == 0, "I10 occupancy of an idle worker");
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < worker->stored.size(); ++i) {
      const TaskRef task = find(worker->stored[i]);
      TROUPE_ASSERT(task && task->state == TaskState::memory, "I6 stored list");
      require(holds(task, id), "I6 stored list names a value the worker does not hold", task.id());
      bytes += task->nbytes;
    }
    TROUPE_ASSERT(bytes == worker->managed_bytes, "I11 managed bytes of a worker");
    TROUPE_ASSERT(worker_by_name_.at(worker->registration.name) == id, "I6 worker name");
  }
  TROUPE_ASSERT(worker_by_name_.size() == workers_.size(), "I6 worker names");
  check_loads();
}

/// What placement believes of the workers is what they are, but for those that wait in changed_loads_.
void SchedulerState::check_loads() const {
  std::size_t idle = 0;
  std::size_t surplus = 0;
  for (const auto& [id, worker] : workers_) {
    idle += static_cast<std::size_t>(worker->counted_idle);
    surplus += static_cast<std::size_t>(worker->counted_surplus);
    const bool listed = std::find(changed_loads_.begin(), changed_loads_.end(), worker.get()) != changed_loads_.end();
    TROUPE_ASSERT(listed == worker->load_changed, "I11 changed loads");
    if (listed) continue;
    TROUPE_ASSERT(worker->counted_idle == (worker->able() && worker->active() < worker->registration.threads),
                  "I11 an idle worker");
    TROUPE_ASSERT(worker->counted_surplus == (worker->active() > worker->kept_active()), "I11 surplus");
  }
  TROUPE_ASSERT(idle == idle_workers_ && surplus == surplus_workers_, "I11 idle workers");
  for (const RestrictionClass& restriction : classes_) {
    TROUPE_ASSERT(std::is_sorted(restriction.valid.begin(), restriction.valid.end()), "I9 order of a class");
    if (restriction.loads.size() == 0) continue;
    TROUPE_ASSERT(restriction.loads.size() == restriction.valid.size(), "I11 loads of a class");
    for (std::size_t i = 0; i < restriction.valid.size(); ++i) {
      const WorkerRecord* worker = find_worker(restriction.valid[i]);
      TROUPE_ASSERT(worker != nullptr, "I9 a class names a worker that is gone");
      TROUPE_ASSERT(worker->load_changed || restriction.loads.at(i) == load_of(*worker), "I11 load of a worker");
    }
  }
}

void SchedulerState::check_clients() const {
  std::map<ClientId, std::uint64_t> wants;
  std::set<std::pair<std::uint32_t, TaskId>> queued;
  for (const auto& [id, client] : clients_) {
    wants[id] = 0;
    for (std::uint32_t index = 0; index < client->ready.size(); ++index)
      client->ready[index].for_each([&](TaskId task) { queued.insert({index, task}); });
  }
  for (const auto& group : groups_) {
    if (group == nullptr) continue;
    for (std::size_t s = 0; s < group->subscribers.size(); ++s) {
      const Subscriber& subscriber = group->subscribers[s];
      std::uint32_t count = 0;
      for (std::uint32_t i = 0; i < group->tasks.size(); ++i)
        if (s == 0 ? TaskRef{group.get(), i}.has(task_flag::wanted) : subscriber.wanted[i]) ++count;
      TROUPE_ASSERT(count == subscriber.wants, "I7 wants of a subscriber");
      if (count > 0) {
        TROUPE_ASSERT(find_client(subscriber.client) != nullptr, "I7 a want of a client that is gone");
        wants[subscriber.client] += count;
      }
    }
    for (std::uint32_t i = 0; i < group->tasks.size(); ++i) {
      const TaskRef task{group.get(), i};
      if (task->state != TaskState::queued && task->state != TaskState::no_worker) continue;
      if (clients_.empty()) continue;  // nobody is left to queue it for: it is on its way out
      const std::uint32_t restriction = task.task_template().restriction;
      require(queued.count({restriction, task.id()}) > 0, "I9 a ready task is in no queue", task.id());
      require((task->state == TaskState::no_worker) == classes_[restriction].valid.empty(), "I9 queued or no_worker",
              task.id());
    }
  }
  for (const auto& [id, client] : clients_) TROUPE_ASSERT(wants[id] == client->wants, "I7 wants of a client");
}

void SchedulerState::check_counters() const {
  std::array<std::uint64_t, task_state_count> states{};
  std::vector<std::uint64_t> unrunnable(classes_.size());
  std::vector<TaskTally> by_prefix(prefixes_.size());
  std::map<const SpanRecord*, TaskTally> by_span;
  std::uint64_t live = 0;
  std::map<std::uint32_t, std::uint32_t> waiting;
  for (const auto& group : groups_) {
    if (group == nullptr) continue;
    std::vector<TaskTally> counts(group->counts.size());
    for (std::uint32_t i = 0; i < group->tasks.size(); ++i) {
      const TaskRef task{group.get(), i};
      ++states[static_cast<std::size_t>(task->state)];
      TaskTally& tally = counts[group->chunk->template_index(i)];
      ++tally.states[static_cast<std::size_t>(task->state)];
      if (task->state == TaskState::memory) tally.memory_bytes += task->nbytes;
      if (task->state != TaskState::forgotten) ++live;
      if (task->state == TaskState::no_worker) ++unrunnable[task.task_template().restriction];
      if (waits_for_worker(task->state)) ++waiting[task->position];
    }
    TROUPE_ASSERT(counts == group->counts, "I11 tasks of a group by state");
    for (std::size_t i = 0; i < counts.size(); ++i) by_prefix[group->templates[i]->prefix] += counts[i];
    if (group->counted_span != nullptr)
      for (const TaskTally& tally : counts) by_span[group->counted_span] += tally;
  }
  for (const auto& [name, record] : spans_.records())
    TROUPE_ASSERT(by_span[&record] == record.sums.tasks, "I11 tasks of a span by state");
  std::uint64_t erred = 0;
  for (std::size_t i = 0; i < by_prefix.size(); ++i) {
    TROUPE_ASSERT(by_prefix[i] == prefixes_[i].tasks, "I11 tasks of a prefix by state");
    erred += prefixes_[i].counters.erred;
  }
  TROUPE_ASSERT(erred == counters_.erred && counters_.failed <= erred, "I11 failures by prefix");
  TROUPE_ASSERT(live == live_tasks_, "I11 live tasks");
  for (std::size_t state = 0; state + 1 < task_state_count; ++state)
    TROUPE_ASSERT(states[state] == counters_.tasks[state], "I11 tasks by state");
  TROUPE_ASSERT(states[static_cast<std::size_t>(TaskState::queued)] == ready_total_, "I11 queued tasks");
  TROUPE_ASSERT(queue_clock_.count() == states[static_cast<std::size_t>(TaskState::queued)] +
                                            states[static_cast<std::size_t>(TaskState::no_worker)],
                "I11 tasks on the clock of the queue");
  for (const auto& [span, count] : waiting)
    TROUPE_ASSERT(queue_clock_.count_in(span) == count, "I11 tasks that wait since a second");
  for (std::size_t i = 0; i < classes_.size(); ++i)
    TROUPE_ASSERT(unrunnable[i] == classes_[i].unrunnable, "I11 unrunnable tasks of a class");
}

}  // namespace troupe
