#include <algorithm>
#include <utility>

#include "runtime/core/worker_state.hpp"

// Which values go to disk, when, and how they come back.
//
// A value may go when nobody uses it right now: no task that has a slot or is about to get one, no peer. Of those, what
// no task here needs goes before what one does, and what was used longest ago first. A task gets its slot only when all
// its inputs are in memory; so that slots do not wait for the disk, as many tasks as there are slots are staged ahead:
// their inputs are read while others run.

namespace troupe {

// ---- what may go ------------------------------------------------------------------------------------------------

void WorkerState::unlist(std::uint32_t slot) {
  Key& key = keys_[slot];
  RecencyList& list = evictable_[key.evictable];
  (key.less_recent == no_slot ? list.least_recent : keys_[key.less_recent].more_recent) = key.more_recent;
  (key.more_recent == no_slot ? list.most_recent : keys_[key.more_recent].less_recent) = key.less_recent;
  key.more_recent = key.less_recent = no_slot;
  key.evictable = not_evictable;
}

void WorkerState::list(std::uint32_t slot, std::uint8_t which, bool least_recent) {
  Key& key = keys_[slot];
  RecencyList& list = evictable_[which];
  key.evictable = which;
  if (least_recent) {
    key.more_recent = std::exchange(list.least_recent, slot);
    (key.more_recent == no_slot ? list.most_recent : keys_[key.more_recent].less_recent) = slot;
  } else {
    key.less_recent = std::exchange(list.most_recent, slot);
    (key.less_recent == no_slot ? list.least_recent : keys_[key.less_recent].more_recent) = slot;
  }
}

/// Something about the key changed, or it was used: the end of the list that is for it now.
void WorkerState::relist(std::uint32_t slot) {
  Key& key = keys_[slot];
  if (key.evictable != not_evictable) unlist(slot);
  if (key.data != KeyData::memory || key.transfer != KeyTransfer::none || key.pins > 0 || key.served > 0) return;
  if (!large(key) || !memory_.may_spill()) return;
  list(slot, key.needed > 0 ? needed_values : unneeded_values, memory_.outsize(key.nbytes));
}

void WorkerState::count_arrival(Key& key, std::uint64_t nbytes) {
  key.data = KeyData::memory;
  key.nbytes = nbytes;
  ++counters_.stored;
  counters_.managed_bytes += nbytes;
  if (memory_.limited() && large(key)) ++large_in_memory_;
}

/// Precondition: it has a value.
void WorkerState::count_departure(Key& key) {
  if (key.data == KeyData::memory) {
    --counters_.stored;
    counters_.managed_bytes -= key.nbytes;
    if (memory_.limited() && large(key)) --large_in_memory_;
  } else {
    --counters_.spilled;
    counters_.spilled_bytes -= key.nbytes;
  }
  key.data = KeyData::absent;
}

// ---- to disk ----------------------------------------------------------------------------------------------------

void WorkerState::spill_excess(Instant now, WorkerEffects& out) {
  auto excess = memory_.excess(counters_.managed_bytes + loading_bytes_, spilling_bytes_, now);
  while (excess > 0) {
    auto slot = evictable_[unneeded_values].least_recent;
    if (slot == no_slot) slot = evictable_[needed_values].least_recent;
    if (slot == no_slot) return;
    Key& key = keys_[slot];
    unlist(slot);
    key.transfer = KeyTransfer::spilling;
    key.moving_bytes = key.nbytes;
    spilling_bytes_ += key.nbytes;
    memory_.spill_started(key.nbytes);
    excess -= std::min(excess, key.nbytes);
    out.spill.push_back(key.task);
  }
}

void WorkerState::on(ValuesSpilled& event, Instant now, WorkerEffects& out) {
  for (std::size_t i = 0; i < event.tasks.size(); ++i) {
    const auto slot = find(event.tasks[i]);
    TROUPE_ASSERT(slot != no_slot && keys_[slot].transfer == KeyTransfer::spilling, "a write ended that never began");
    Key& key = keys_[slot];
    key.transfer = KeyTransfer::none;
    spilling_bytes_ -= std::exchange(key.moving_bytes, 0);
    if (event.outcomes[i] == SpillOutcome::written && key.data == KeyData::memory) {
      count_departure(key);
      key.data = KeyData::spilled;
      ++counters_.spilled;
      counters_.spilled_bytes += key.nbytes;
    } else if (event.outcomes[i] == SpillOutcome::refused) {
      memory_.disk_refused(now);
    }
    relist(slot);
    reconcile(slot, out);
  }
}

// ---- and back ---------------------------------------------------------------------------------------------------

bool WorkerState::inputs_in_memory(const Assignment& assignment) const {
  bool all = true;
  for_each_input(assignment, [&](std::uint32_t input) { all = all && keys_[input].data == KeyData::memory; });
  return all;
}

void WorkerState::pin_inputs(Key& key, const Assignment& assignment) {
  key.pins_inputs = true;
  for_each_input(assignment, [&](std::uint32_t input) {
    ++keys_[input].pins;
    if (keys_[input].evictable != not_evictable) unlist(input);
  });
}

void WorkerState::unpin_inputs(Key& key, const Assignment& assignment) {
  key.pins_inputs = false;
  for_each_input(assignment, [&](std::uint32_t input) {
    if (--keys_[input].pins == 0) relist(input);
  });
}

/// Takes the first task of the queue on to have its inputs read. False: it has to wait for others to end.
bool WorkerState::stage(UrgencyQueue& queue, WorkerEffects& out) {
  if (staged_.size() >= config_.threads) return false;
  const auto slot = queue.front().slot;
  Key& key = keys_[slot];
  std::uint64_t nbytes = 0;
  const auto add = [&](std::uint32_t input) { nbytes += keys_[input].nbytes; };
  for_each_input(key.assigned, add);
  for (const auto other : staged_) for_each_input(keys_[other].assigned, add);
  const bool nothing_runs = staged_.empty() && executing_ == 0;
  if (!nothing_runs && nbytes > memory_.staging_bytes()) return false;
  queue.pop();
  leave_queue(key);
  key.staged = true;
  staged_.push_back(slot);
  pin_inputs(key, key.assigned);
  for_each_input(key.assigned, [&](std::uint32_t input) { load(input, out); });
  return true;
}

void WorkerState::load(std::uint32_t slot, WorkerEffects& out) {
  Key& key = keys_[slot];
  if (key.data != KeyData::spilled || key.transfer != KeyTransfer::none) return;
  key.transfer = KeyTransfer::loading;
  key.moving_bytes = key.nbytes;
  loading_bytes_ += key.nbytes;
  out.load.push_back(key.task);
}

/// The caller reconciles the task, queues it, or takes it back.
void WorkerState::unstage(std::uint32_t slot) {
  Key& key = keys_[slot];
  std::erase(staged_, slot);
  key.staged = false;
  unpin_inputs(key, key.assigned);
}

void WorkerState::start_staged(WorkerEffects& out) {
  std::size_t kept = 0;
  for (const auto slot : staged_) {
    Key& key = keys_[slot];
    const Template& tmpl = templates_[key.assigned.tmpl];
    if (inputs_in_memory(key.assigned) && fits_slots(tmpl) && fits_resources(tmpl)) {
      key.staged = false;
      hand_over(slot, out);
      continue;
    }
    // One may have been on its way to disk as the task was staged.
    for_each_input(key.assigned, [&](std::uint32_t input) { load(input, out); });
    staged_[kept++] = slot;
  }
  staged_.resize(kept);
}

void WorkerState::on(ValuesLoaded& event, Instant, WorkerEffects& out) {
  for (std::size_t i = 0; i < event.tasks.size(); ++i) {
    const auto slot = find(event.tasks[i]);
    TROUPE_ASSERT(slot != no_slot && keys_[slot].transfer == KeyTransfer::loading, "a read ended that never began");
    Key& key = keys_[slot];
    key.transfer = KeyTransfer::none;
    loading_bytes_ -= std::exchange(key.moving_bytes, 0);
    if (key.data == KeyData::spilled) {
      if (event.outcomes[i] == LoadOutcome::loaded) {
        count_departure(key);
        count_arrival(key, key.nbytes);
      } else {  // obsolete too: a peer's reader was faster to find it damaged, and its ValuesLost came while this went on
        lose(slot);
      }
    }
    relist(slot);
    reconcile(slot, out);
  }
}

// ---- damage -----------------------------------------------------------------------------------------------------

void WorkerState::on(ValuesLost& event, Instant, WorkerEffects& out) {
  for (const TaskId task : event.tasks) {
    const auto slot = find(task);
    // One that is being read for a task here ends by itself.
    if (slot == no_slot || keys_[slot].data != KeyData::spilled || keys_[slot].transfer != KeyTransfer::none) continue;
    lose(slot);
    reconcile(slot, out);
  }
}

/// The value on disk is damaged: here there is none any more, and the scheduler hears of it. Tasks that need it wait
/// until it comes from elsewhere, or are taken back.
void WorkerState::lose(std::uint32_t slot) {
  Key& key = keys_[slot];
  count_departure(key);
  key.value_run = {};
  key.lost = true;
  if (key.needed > 0) wait_again_for(slot);
  if (key.intent == KeyIntent::compute) return;
  if (key.needed > 0) return report_missing(key, id_);
  if (key.intent == KeyIntent::replica) removed_.tasks.push_back(key.task);
  key.intent = KeyIntent::none;
}

/// Happens only when a file is damaged, so that no index of the tasks that need a value is kept for it.
void WorkerState::wait_again_for(std::uint32_t input_slot) {
  for (std::uint32_t slot = 0; slot < keys_.end(); ++slot) {
    Key& key = keys_[slot];
    if (!key.task || key.assigned.batch == no_slot) continue;
    std::uint32_t uses = 0;
    for_each_input(key.assigned, [&](std::uint32_t input) { uses += input == input_slot; });
    if (uses == 0) continue;
    if (key.staged) unstage(slot);
    leave_queue(key);
    if (key.waiting_for == 0) {
      ++unready_;
      key.ticket = ++last_ticket_;
    }
    for (; uses > 0; --uses) {
      const auto edge = edges_.acquire();
      edges_[edge] = {slot, key.ticket, keys_[input_slot].first_waiter};
      keys_[input_slot].first_waiter = edge;
      ++key.waiting_for;
    }
  }
}

}  // namespace troupe
