#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "runtime/core/mutant.hpp"
#include "runtime/core/worker_state.hpp"

namespace troupe {

namespace {

/// Replicas that no task here waits for come last.
constexpr Priority least_urgent{std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::uint32_t>::max(),
                                std::numeric_limits<std::uint32_t>::max()};

bool offsets_fit(const std::vector<std::uint32_t>& offsets, std::size_t tasks, std::size_t size) {
  return offsets.empty()
             ? size == 0
             : offsets.size() == tasks + 1 && offsets.back() == size && std::is_sorted(offsets.begin(), offsets.end());
}

bool well_formed(const ComputeTasks& m) {
  const auto n = m.tasks.size();
  return m.runs.size() == n && m.templates.size() == n && m.priorities.size() == n &&
         (m.inline_wanted.empty() || m.inline_wanted.size() == n) &&
         (m.argument_offsets.empty() || offsets_fit(m.argument_offsets, n, m.arguments.size())) &&
         offsets_fit(m.input_offsets, n, m.inputs.size()) && m.input_holders.size() == m.inputs.size() &&
         m.input_nbytes.size() == m.inputs.size();
}

}  // namespace

void WorkerState::on(SchedulerSaid& event, Instant now, WorkerEffects& out) {
  if (std::holds_alternative<WorkerRegistered>(event.message)) last_heartbeat_ = now;
  std::visit([&](auto& message) { on(message, out); }, event.message);
}

void WorkerState::on(WorkerRegistered& message, WorkerEffects& out) {
  if (message.error) {
    out.close = true;
    out.close_reason = message.error->text;
    out.refused = std::move(message.error);
    closed_ = true;
    return;
  }
  id_ = message.worker;
  heartbeat_ = std::chrono::milliseconds{message.heartbeat_ms};
}

// ---- templates --------------------------------------------------------------------------------------------------

void WorkerState::on(DefineTemplates& message, WorkerEffects&) {
  for (std::size_t i = 0; i < message.ids.size(); ++i) {
    auto& slot = template_table_.at_or_new(message.ids[i].value);
    if (slot != no_slot) continue;  // an id has one meaning
    slot = templates_.acquire();
    Template& tmpl = templates_[slot];
    tmpl.id = message.ids[i];
    tmpl.spec = std::make_shared<const TaskTemplate>(std::move(message.templates[i]));
    tmpl.constraint = constraint_of(tmpl.spec->annotations.resources);
  }
}

void WorkerState::on(ForgetTemplates& message, WorkerEffects&) {
  for (const TemplateId id : message.ids) {
    const auto slot = find_template(id);
    if (slot == no_slot) continue;
    template_table_.erase(id.value);
    last_template_ = {};
    templates_[slot].forgotten = true;
    release_template(slot);
  }
}

std::uint32_t WorkerState::find_template(TemplateId id) {
  if (!id) return no_slot;
  if (id == last_template_) return last_template_slot_;
  const auto slot = template_table_.find(id.value);
  if (slot != no_slot) {
    last_template_ = id;
    last_template_slot_ = slot;
  }
  return slot;
}

void WorkerState::release_template(std::uint32_t slot) {
  Template& tmpl = templates_[slot];
  if (!tmpl.forgotten || tmpl.users > 0) return;
  tmpl = {};
  templates_.release(slot);
}

std::uint32_t WorkerState::constraint_of(const std::vector<ResourceAmount>& amounts) {
  Constraint wanted;
  for (const auto& [name, amount] : amounts) {
    const auto millionths = std::llround(amount * 1e6);
    if (millionths <= 0) continue;
    const auto found = std::find_if(resources_.begin(), resources_.end(), [&](auto& r) { return r.name == name; });
    if (found == resources_.end() || found->total < millionths) wanted.possible = false;
    if (found != resources_.end()) {
      wanted.needs.push_back({static_cast<std::uint32_t>(found - resources_.begin()), millionths});
    }
  }
  if (wanted.needs.empty() && wanted.possible) return no_slot;
  std::sort(wanted.needs.begin(), wanted.needs.end(), [](auto& a, auto& b) { return a.resource < b.resource; });
  const auto same = std::find_if(constraints_.begin(), constraints_.end(), [&](const Constraint& c) {
    return c.needs == wanted.needs && c.possible == wanted.possible;
  });
  if (same != constraints_.end()) return static_cast<std::uint32_t>(same - constraints_.begin());
  constraints_.push_back(std::move(wanted));
  return static_cast<std::uint32_t>(constraints_.size() - 1);
}

// ---- assignments ------------------------------------------------------------------------------------------------

void WorkerState::on(ComputeTasks& message, WorkerEffects& out) {
  if (status_ == WorkerStatus::closing) return;  // our goodbye is on its way: they will run elsewhere
  if (!well_formed(message)) return end("ComputeTasks whose vectors do not fit together", out);
  const auto batch_slot = batches_.acquire();
  Batch& batch = batches_[batch_slot];
  batch.message = std::move(message);
  batch.live = 1;  // until all are in
  const ComputeTasks& tasks = batch.message;
  batch.input_slots.resize(tasks.inputs.size(), no_slot);
  for (std::uint32_t i = 0; i < tasks.tasks.size(); ++i) {
    const TaskId task = tasks.tasks[i];
    const RunId run = tasks.runs[i];
    const auto tmpl = find_template(tasks.templates[i]);
    if (tmpl == no_slot) {
      refuse(task, run, TaskError::Kind::invalid, "its template was never defined to this worker");
      continue;
    }
    if (templates_[tmpl].constraint != no_slot && !constraints_[templates_[tmpl].constraint].possible) {
      refuse(task, run, TaskError::Kind::no_worker, "it needs more of a resource than this worker has");
      continue;
    }
    const auto slot = find_or_make(task);
    if (keys_[slot].intent == KeyIntent::compute) {
      if (keys_[slot].assigned.run == run) continue;
      no_longer_compute(slot, out);
    }
    if (TROUPE_MUTANT(dask_6893_a_task_is_not_asked_for_anew) && keys_[slot].activity == KeyActivity::executing)
      continue;
    assign(slot, {run, batch_slot, i, tmpl}, out);
  }
  if (--batch.live == 0) {
    batch.message = {};
    batches_.release(batch_slot);
  }
}

void WorkerState::assign(std::uint32_t slot, const Assignment& assignment, WorkerEffects& out) {
  Key& key = keys_[slot];
  leave_queue(key);
  // An earlier value goes, unless a task or a peer still reads it; then the new one takes its place.
  if (key.data != KeyData::absent && key.needed == 0 && key.served == 0) drop_value(slot, out);
  key.intent = KeyIntent::compute;
  key.assigned = assignment;
  key.asked = false;
  key.ticket = ++last_ticket_;
  Batch& batch = batches_[assignment.batch];
  ++batch.live;
  ++templates_[assignment.tmpl].users;
  const ComputeTasks& from = batch.message;
  if (!from.input_offsets.empty()) {
    for (auto i = from.input_offsets[assignment.index]; i < from.input_offsets[assignment.index + 1]; ++i) {
      const auto input = find_or_make(from.inputs[i]);
      batch.input_slots[i] = input;
      need(input, slot, from.input_holders[i], from.input_nbytes[i], out);
    }
    if (key.waiting_for > 0) {
      ++unready_;
      return;
    }
  }
  reconcile(slot, out);
}

/// One input of a task: held from now on until unassign().
void WorkerState::need(std::uint32_t input, std::uint32_t dependent, WorkerId holder, std::uint64_t nbytes,
                       WorkerEffects& out) {
  Key& key = keys_[input];
  Key& waiter = keys_[dependent];
  const bool first = key.needed++ == 0;
  if (first && key.evictable != not_evictable) relist(input);
  if (key.data != KeyData::absent) return;
  const auto edge = edges_.acquire();
  edges_[edge] = {dependent, waiter.ticket, key.first_waiter};
  key.first_waiter = edge;
  ++waiter.waiting_for;
  if (key.intent == KeyIntent::compute) return;  // it will be made here

  const Priority& priority = batches_[waiter.assigned.batch].message.priorities[waiter.assigned.index];
  if ((first && key.intent == KeyIntent::none) || priority < key.fetch_priority) {
    leave_queue(key);
    key.fetch_priority = priority;
  }
  if (key.activity == KeyActivity::fetching) return;
  if (holder && !key.queued) {
    key.holder = holder;
    key.asked = false;
  } else if (!key.holder && !key.asked) {
    key.holder = id_;  // the scheduler thinks that it is here: it will be told otherwise
  }
  key.nbytes = nbytes;
  reconcile(input, out);
}

void WorkerState::unassign(Assignment& assignment, WorkerEffects& out) {
  const auto batch_slot = std::exchange(assignment.batch, no_slot);
  Batch& batch = batches_[batch_slot];
  if (!batch.message.input_offsets.empty()) {
    const auto& offsets = batch.message.input_offsets;
    for (auto i = offsets[assignment.index]; i < offsets[assignment.index + 1]; ++i) {
      const auto input = batch.input_slots[i];
      if (--keys_[input].needed > 0) continue;
      if (keys_[input].evictable != not_evictable) relist(input);
      reconcile(input, out);
    }
  }
  if (--batch.live == 0) {
    batch.message = {};
    batch.input_slots.clear();
    batches_.release(batch_slot);
  }
  --templates_[assignment.tmpl].users;
  release_template(assignment.tmpl);
}

/// The caller reconciles the key after it.
void WorkerState::no_longer_compute(std::uint32_t slot, WorkerEffects& out) {
  Key& key = keys_[slot];
  leave_queue(key);
  if (key.waiting_for > 0) --unready_;
  key.waiting_for = 0;
  key.ticket = 0;
  key.intent = KeyIntent::none;
  if (key.staged) unstage(slot);
  if (key.assigned.batch != no_slot) {
    unassign(key.assigned, out);
  } else {
    ask_back(key, out);
    out.stop.push_back(key.task);
  }
}

/// The pool gives it back unless it runs already; the end comes either way.
void WorkerState::ask_back(Key& key, WorkerEffects& out) {
  if (key.retracting || key.seceded) return;
  key.retracting = true;
  out.retract.push_back(key.task);
}

void WorkerState::refuse(TaskId task, RunId run, TaskError::Kind kind, std::string message) {
  TaskError error;
  error.kind = kind;
  error.message = std::move(message);
  error.root = task;
  erred_.tasks.push_back(task);
  erred_.runs.push_back(run);
  erred_.errors.push_back(std::make_shared<const TaskError>(std::move(error)));
  ++counters_.erred;
}

void WorkerState::on(FreeKeys& message, WorkerEffects& out) {
  for (const TaskId task : message.tasks) {
    const auto slot = find(task);
    if (slot == no_slot) continue;
    if (keys_[slot].intent == KeyIntent::compute) {
      no_longer_compute(slot, out);
    } else {
      keys_[slot].intent = KeyIntent::none;
    }
    reconcile(slot, out);
  }
}

void WorkerState::on(CancelCompute& message, WorkerEffects& out) {
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const auto slot = find(message.tasks[i]);
    if (slot == no_slot) continue;
    Key& key = keys_[slot];
    if (TROUPE_MUTANT(a_cancelled_task_stays)) continue;
    if (key.intent == KeyIntent::compute && key.assigned.run == message.runs[i]) {
      no_longer_compute(slot, out);
    } else if (key.intent == KeyIntent::replica && key.value_run && key.value_run == message.runs[i]) {
      key.intent = KeyIntent::none;  // it finished before this came; the scheduler will refuse the completion
    }
    reconcile(slot, out);
  }
}

void WorkerState::on(StealTasks& message, WorkerEffects& out) {
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const auto answer = [&](StealRefusal refusal) { answer_steal(message.tasks[i], message.runs[i], refusal); };
    const auto slot = find(message.tasks[i]);
    if (slot == no_slot || keys_[slot].intent != KeyIntent::compute || keys_[slot].assigned.run != message.runs[i]) {
      const bool made = slot != no_slot && keys_[slot].data != KeyData::absent && keys_[slot].value_run &&
                        keys_[slot].value_run == message.runs[i];
      answer(made ? StealRefusal::finished : StealRefusal::absent);
      continue;
    }
    Key& key = keys_[slot];
    if (key.assigned.batch != no_slot) {
      no_longer_compute(slot, out);
      answer(StealRefusal::none);
      reconcile(slot, out);
    } else if (key.seceded || TROUPE_MUTANT(dask_5379_a_steal_is_granted_of_what_has_begun)) {
      answer(TROUPE_MUTANT(dask_5379_a_steal_is_granted_of_what_has_begun) ? StealRefusal::none
                                                                           : StealRefusal::started);
    } else {
      key.steal_pending = true;  // answered when it ends
      ask_back(key, out);
    }
  }
}

void WorkerState::answer_steal(TaskId task, RunId run, StealRefusal refusal) {
  steals_.tasks.push_back(task);
  steals_.runs.push_back(run);
  steals_.released.push_back(refusal == StealRefusal::none ? 1 : 0);
  steals_.refusals.push_back(refusal);
}

// ---- replicas and peers -----------------------------------------------------------------------------------------

void WorkerState::on(AcquireReplicas& message, WorkerEffects& out) {
  if (status_ == WorkerStatus::closing) return;
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const auto slot = find_or_make(message.tasks[i]);
    Key& key = keys_[slot];
    if (key.intent == KeyIntent::compute) continue;
    if (key.intent == KeyIntent::none && key.needed == 0) key.fetch_priority = least_urgent;
    // To say again what is under way, or known, could cross a word to free it.
    const bool said = key.intent == KeyIntent::replica && !key.value_run;
    key.intent = KeyIntent::replica;
    if (key.data != KeyData::absent) {
      key.value_run = {};  // it is wanted now whatever becomes of the run that made it
      if (!said) report_replica(key);
      continue;
    }
    if (key.activity == KeyActivity::fetching || key.queued) continue;
    key.holder = message.holders[i];
    key.nbytes = message.nbytes[i];
    key.asked = false;
    reconcile(slot, out);
  }
}

void WorkerState::on(WhoHas& message, WorkerEffects& out) {
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    const auto slot = find(message.tasks[i]);
    if (slot == no_slot) continue;
    Key& key = keys_[slot];
    if (message.holders[i]) {
      if (!key.asked) continue;
      key.holder = message.holders[i];
      key.asked = false;
    } else if (key.intent == KeyIntent::replica && key.data == KeyData::absent &&
               !TROUPE_MUTANT(a_copy_that_is_nowhere_is_waited_for)) {
      key.intent = KeyIntent::none;  // no copy is to be had; a task that needs it will be taken back
    }
    reconcile(slot, out);
  }
}

void WorkerState::on(WorkerAddresses& message, WorkerEffects&) {
  for (auto& worker : message.workers) fetches_.set_address(worker.worker, std::move(worker.address));
}

void WorkerState::on(WorkersLost& message, WorkerEffects&) {
  for (const WorkerId worker : message.workers)
    strike(worker, !TROUPE_MUTANT(dask_6356_a_worker_is_known_by_its_address));
}

// ---- the worker itself ------------------------------------------------------------------------------------------

void WorkerState::on(RunFunction& message, WorkerEffects& out) { out.run.push_back(std::move(message)); }

void WorkerState::on(ShareModules& message, WorkerEffects& out) { out.share.push_back(std::move(message)); }

/// A measurement of the shell's, which looks at it before the machine does. Nothing is decided by it.
void WorkerState::on(HeartbeatSeen&, WorkerEffects&) {}

void WorkerState::on(CloseWorker& message, WorkerEffects& out) {
  if (!message.drain) return end(std::move(message.reason), out);
  if (status_ == WorkerStatus::closing) return;
  status_ = WorkerStatus::closing;
  status_changed_ = true;
  drain_reason_ = std::move(message.reason);
  for (std::uint32_t slot = 0; slot < keys_.end(); ++slot) {
    Key& key = keys_[slot];
    if (key.intent != KeyIntent::compute) continue;
    if (key.assigned.batch != no_slot) {
      no_longer_compute(slot, out);
      reconcile(slot, out);
    } else {
      ask_back(key, out);  // still wanted, should it run already
    }
  }
}

}  // namespace troupe
