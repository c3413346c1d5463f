#include <algorithm>
#include <utility>

#include "runtime/core/mutant.hpp"
#include "runtime/core/worker_state.hpp"

namespace troupe {

namespace {
constexpr std::uint32_t shortest_charge_ns = 500;  // even nothing takes time to hand over
}

// ---- start ------------------------------------------------------------------------------------------------------

void WorkerState::start_executions(WorkerEffects& out) {
  while (UrgencyQueue* queue = most_urgent()) {
    const auto slot = queue->front().slot;
    const Key& key = keys_[slot];
    if (counters_.spilled > 0 && !inputs_in_memory(key.assigned)) {
      if (!stage(*queue, out)) return;
      continue;
    }
    if (!fits_slots(templates_[key.assigned.tmpl])) return;
    queue->pop();
    leave_queue(keys_[slot]);
    hand_over(slot, out);
  }
}

/// The queue whose head is next, or null.
UrgencyQueue* WorkerState::most_urgent() {
  const auto* head = ready_.first([this](const UrgencyQueue::Entry& entry) { return is_stale(entry); });
  if (!constraints_.empty()) {
    if (auto* constrained = most_urgent_constrained(head)) return constrained;
  }
  return head == nullptr ? nullptr : &ready_;
}

/// Heads in order of urgency; one that must wait keeps what it needs from all less urgent ones, so that small wants
/// cannot starve a large one. Tasks that need no such resource pass by.
UrgencyQueue* WorkerState::most_urgent_constrained(const UrgencyQueue::Entry* unconstrained) {
  constrained_heads_.clear();
  for (std::uint32_t i = 0; i < constraints_.size(); ++i) {
    const auto* head = constraints_[i].ready.first([this](const UrgencyQueue::Entry& e) { return is_stale(e); });
    if (head == nullptr) continue;
    if (unconstrained != nullptr && !(head->priority < unconstrained->priority)) continue;
    constrained_heads_.push_back(i);
  }
  std::stable_sort(constrained_heads_.begin(), constrained_heads_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return constraints_[a].ready.front().priority < constraints_[b].ready.front().priority;
  });
  ++held_back_round_;
  for (const auto i : constrained_heads_) {
    const auto& needs = constraints_[i].needs;
    const bool fits = std::all_of(needs.begin(), needs.end(), [this](const Constraint::Need& need) {
      const Resource& resource = resources_[need.resource];
      return resource.held_back_round != held_back_round_ && resource.free >= need.millionths;
    });
    if (fits) return &constraints_[i].ready;
    for (const auto& need : needs) resources_[need.resource].held_back_round = held_back_round_;
  }
  return nullptr;
}

/// Each slot gets a task, and beyond that as much learnt work as its horizon; of a template nothing is known of one a
/// slot, and each end allows two more, so that a few quick ones do not open the door to a thousand slow ones.
bool WorkerState::fits_slots(const Template& tmpl) const {
  if (handed_ < config_.threads) return true;
  return handed_ns_ + charge_of(tmpl) <= horizon_ns_ * config_.threads &&
         tmpl.handed < config_.threads + 2 * tmpl.finished;
}

bool WorkerState::fits_resources(const Template& tmpl) const {
  if (tmpl.constraint == no_slot) return true;
  const auto& needs = constraints_[tmpl.constraint].needs;
  return std::all_of(needs.begin(), needs.end(), [this](const Constraint::Need& need) {
    return resources_[need.resource].free >= need.millionths;
  });
}

std::uint32_t WorkerState::charge_of(const Template& tmpl) const {
  const auto horizon = static_cast<std::uint32_t>(horizon_ns_);
  return tmpl.finished == 0 ? horizon : std::min(horizon, std::max(tmpl.average_ns, shortest_charge_ns));
}

void WorkerState::hand_over(std::uint32_t slot, WorkerEffects& out) {
  Key& key = keys_[slot];
  if (!key.pins_inputs && large_in_memory_ > 0) pin_inputs(key, key.assigned);
  key.executing = key.assigned;
  key.assigned.batch = no_slot;
  key.activity = KeyActivity::executing;
  ++executing_;
  take_slot(key);
  const Template& tmpl = templates_[key.executing.tmpl];
  if (tmpl.constraint != no_slot) occupy(tmpl, 1);

  const Batch& batch = batches_[key.executing.batch];
  const ComputeTasks& from = batch.message;
  const auto i = key.executing.index;
  ExecuteBatch& to = out.execute;
  if (to.input_offsets.empty()) to.input_offsets.push_back(0);
  to.tasks.push_back(key.task);
  to.runs.push_back(key.executing.run);
  to.templates.push_back(tmpl.spec);
  if (from.argument_offsets.empty() || from.argument_offsets[i] == from.argument_offsets[i + 1]) {
    to.arguments.push_back(tmpl.spec->arguments);
  } else {
    const auto begin = from.argument_offsets[i];
    to.arguments.push_back(from.arguments.slice(begin, from.argument_offsets[i + 1] - begin));
  }
  to.inline_wanted.push_back(from.inline_wanted.empty() ? 0 : from.inline_wanted[i]);
  if (!from.input_offsets.empty()) {
    to.inputs.insert(to.inputs.end(), from.inputs.begin() + from.input_offsets[i],
                     from.inputs.begin() + from.input_offsets[i + 1]);
  }
  to.input_offsets.push_back(static_cast<std::uint32_t>(to.inputs.size()));
}

void WorkerState::take_slot(Key& key) {
  Template& tmpl = templates_[key.executing.tmpl];
  key.charge_ns = charge_of(tmpl);
  handed_ns_ += key.charge_ns;
  ++handed_;
  ++tmpl.handed;
}

void WorkerState::give_slot_back(Key& key) {
  handed_ns_ -= key.charge_ns;
  --handed_;
  --templates_[key.executing.tmpl].handed;
}

void WorkerState::occupy(const Template& tmpl, std::int64_t sign) {
  for (const auto& need : constraints_[tmpl.constraint].needs) resources_[need.resource].free -= sign * need.millionths;
}

// ---- end --------------------------------------------------------------------------------------------------------

/// When the last task of a report ended, as an age, since the scheduler's clock is another one; and where it ran. Of
/// those before it that were refused without a run, both are 0.
template <class Report>
void WorkerState::note_time(Report& report, const ExecutionsDone& event, std::size_t i) const {
  if (event.ended_ns.empty()) return;
  const std::size_t before = report.tasks.size() - 1;
  const std::int64_t age_us = (now_.nanoseconds - event.ended_ns[i]) / 1000;
  report.age_us.resize(before);
  report.age_us.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(age_us, 0, UINT32_MAX)));
  report.threads.resize(before);
  report.threads.push_back(event.threads[i]);
  report.duration_us.resize(before);
  report.duration_us.push_back(event.duration_us[i]);
}

void WorkerState::on(ExecutionsDone& event, Instant, WorkerEffects& out) {
  const auto first = finished_.tasks.size();
  picked_.clear();
  for (std::size_t i = 0; i < event.tasks.size(); ++i) end_execution(event, i, out);
  if (!event.values.offsets.empty() && !picked_.empty()) {
    finished_values_.push_back({std::move(event.values), picked_, first});
  }
}

void WorkerState::end_execution(const ExecutionsDone& event, std::size_t i, WorkerEffects& out) {
  const auto slot = find(event.tasks[i]);
  TROUPE_ASSERT(
      slot != no_slot && keys_[slot].activity == KeyActivity::executing && keys_[slot].executing.run == event.runs[i],
      "an execution ended that was not in the air");
  Key& key = keys_[slot];
  const RunId run = event.runs[i];
  Template& tmpl = templates_[key.executing.tmpl];
  if (key.seceded) {
    --counters_.seceded;
  } else {
    give_slot_back(key);
  }
  if (tmpl.constraint != no_slot && !TROUPE_MUTANT(resources_are_not_given_back)) occupy(tmpl, -1);
  --executing_;
  if (key.pins_inputs) unpin_inputs(key, key.executing);
  key.activity = KeyActivity::idle;
  key.seceded = false;
  if (std::exchange(key.retracting, false)) std::erase(out.retract, key.task);  // over before the pool was asked
  const bool stolen = std::exchange(key.steal_pending, false);
  const bool wanted = key.intent == KeyIntent::compute && (TROUPE_MUTANT(dask_6689_the_end_of_a_cancelled_run_counts) ||
                                                           (key.assigned.run == run && key.assigned.batch == no_slot));
  switch (event.outcomes[i]) {
    case ExecutionOutcome::finished:
      learn(tmpl, event.duration_us[i]);
      counters_.compute_us += event.duration_us[i];
      execution_finished(slot, event, i, wanted, out);
      break;
    case ExecutionOutcome::erred:
      if (!wanted && !TROUPE_MUTANT(dask_6869_the_error_of_a_cancelled_run_counts)) break;
      ++counters_.erred;
      key.intent = KeyIntent::none;
      erred_.tasks.push_back(key.task);
      erred_.runs.push_back(run);
      erred_.errors.push_back(event.errors[i]);
      note_time(erred_, event, i);
      break;
    case ExecutionOutcome::retracted:
      // Still to be done: its inputs are held as before.
      if (wanted && !stolen) {
        key.assigned = std::exchange(key.executing, {});
        return reconcile(slot, out);
      }
      if (wanted) key.intent = KeyIntent::none;
      break;
  }
  if (stolen)
    answer_steal(key.task, run,
                 event.outcomes[i] == ExecutionOutcome::retracted ? StealRefusal::none : StealRefusal::started);
  unassign(key.executing, out);
  if (wanted || !TROUPE_MUTANT(dask_6693_a_resumed_task_is_never_begun)) reconcile(slot, out);
}

void WorkerState::execution_finished(std::uint32_t slot, const ExecutionsDone& event, std::size_t i, bool wanted,
                                     WorkerEffects& out) {
  Key& key = keys_[slot];
  if (!wanted) {
    // The value of a refused run is in the store. If it took the place of another that is still needed, that one's
    // readers get it; else it goes at once.
    if (key.data != KeyData::absent) {
      value_arrived(slot, event.nbytes[i], out);
    } else {
      drop_unwanted(key.task, out);
    }
    return;
  }
  ++counters_.finished;
  key.intent = KeyIntent::replica;
  key.value_run = event.runs[i];
  value_arrived(slot, event.nbytes[i], out);
  finished_.tasks.push_back(key.task);
  finished_.runs.push_back(event.runs[i]);
  finished_.nbytes.push_back(event.nbytes[i]);
  finished_.duration_us.push_back(event.duration_us[i]);
  note_time(finished_, event, i);
  picked_.push_back(static_cast<std::uint32_t>(i));
}

void WorkerState::learn(Template& tmpl, std::uint32_t duration_us) {
  const auto ns = std::min<std::uint64_t>(std::uint64_t{duration_us} * 1000, 4'000'000'000);
  tmpl.average_ns = static_cast<std::uint32_t>(tmpl.finished == 0 ? ns : (tmpl.average_ns + ns) / 2);
  ++tmpl.finished;
}

void WorkerState::on(ExecutionSeceded& event, Instant, WorkerEffects&) {
  const auto slot = find(event.task);
  if (slot == no_slot) return;  // it ended before this was said
  Key& key = keys_[slot];
  if (key.activity != KeyActivity::executing || key.executing.run != event.run) return;
  if (key.seceded != event.rejoined) return;
  key.seceded = !event.rejoined;
  if (event.rejoined) {
    --counters_.seceded;
    take_slot(key);  // it runs already: more than there are slots, for a while
  } else {
    ++counters_.seceded;
    give_slot_back(key);
  }
  if (key.intent != KeyIntent::compute || key.assigned.run != event.run) return;
  seceded_.tasks.push_back(event.task);
  seceded_.runs.push_back(event.run);
  seceded_.rejoined.push_back(event.rejoined ? 1 : 0);
}

}  // namespace troupe
