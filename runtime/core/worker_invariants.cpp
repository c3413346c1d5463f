#include <cstdint>
#include <vector>

#include "runtime/core/worker_state.hpp"

namespace troupe {

/// What a walk over all keys counts, to be held against the counts that are kept.
struct WorkerState::Recount {
  std::vector<std::uint32_t> needed, entries, waits, flying;  // by key
  std::vector<std::uint32_t> batch_live, template_users, template_handed;
  std::vector<std::int64_t> occupied;  // by resource
  std::vector<std::uint32_t> pins;     // by key
  std::uint64_t keys{}, stored{}, bytes{}, unready{}, ready{};
  std::uint64_t spilled{}, spilled_bytes{}, large{}, spilling{}, loading{}, staged{}, evictable{};
  std::uint64_t executing{}, fetching{}, seceded{}, handed{}, handed_ns{};
};

void WorkerState::check_invariants() const {
  Recount count;
  for (auto* by_key : {&count.needed, &count.entries, &count.waits, &count.flying, &count.pins})
    by_key->resize(keys_.end());
  count.batch_live.resize(batches_.end());
  count.template_users.resize(templates_.end());
  count.template_handed.resize(templates_.end());
  count.occupied.resize(resources_.size());
  check_queues(count);
  for (std::uint32_t slot = 0; slot < keys_.end(); ++slot) {
    if (keys_[slot].task) check_key(slot, count);
  }
  check_memory(count);
  check_sums(count);
}

void WorkerState::check_memory(Recount& count) const {
  for (const auto which : {unneeded_values, needed_values}) {
    std::uint32_t before = no_slot;
    for (auto slot = evictable_[which].least_recent; slot != no_slot; slot = keys_[slot].more_recent) {
      const Key& key = keys_[slot];
      TROUPE_ASSERT(key.task && key.evictable == which && key.less_recent == before, "a broken list");
      TROUPE_ASSERT(key.data == KeyData::memory && key.transfer == KeyTransfer::none && key.pins == 0 &&
                        key.served == 0 && large(key) && (key.needed > 0) == (which == needed_values),
                    "a value may go that may not");
      before = slot;
      ++count.evictable;
    }
    TROUPE_ASSERT(evictable_[which].most_recent == before, "a broken list");
  }
  for (const auto slot : staged_) {
    const Key& key = keys_[slot];
    TROUPE_ASSERT(key.staged && key.pins_inputs && key.intent == KeyIntent::compute && key.waiting_for == 0 &&
                      key.activity == KeyActivity::idle && key.assigned.batch != no_slot && !key.queued,
                  "staged is ready, and no longer queued");
  }
  TROUPE_ASSERT(staged_.size() == count.staged && staged_.size() <= config_.threads);
  TROUPE_ASSERT(count.evictable == 0, "what is listed is counted with the keys");
}

void WorkerState::check_queues(Recount& count) const {
  const auto visit_ready = [&](const UrgencyQueue::Entry& entry, std::uint32_t constraint) {
    if (is_stale(entry)) return;
    const Key& key = keys_[entry.slot];
    TROUPE_ASSERT(key.intent == KeyIntent::compute && templates_[key.assigned.tmpl].constraint == constraint,
                  "a key stands in a queue that is not its own");
    ++count.entries[entry.slot];
  };
  ready_.for_each([&](const UrgencyQueue::Entry& entry) { visit_ready(entry, no_slot); });
  for (std::uint32_t i = 0; i < constraints_.size(); ++i) {
    constraints_[i].ready.for_each([&](const UrgencyQueue::Entry& entry) { visit_ready(entry, i); });
  }
  fetches_.for_each_waiting([&](WorkerId peer, const UrgencyQueue::Entry& entry) {
    if (is_stale(entry)) return;
    TROUPE_ASSERT(wants_fetch(keys_[entry.slot]) && keys_[entry.slot].holder == peer, "a fetch waits in vain");
    ++count.entries[entry.slot];
  });
  std::uint64_t flight_bytes = 0;
  for (const auto& flight : fetches_.flights()) {
    flight_bytes += flight.bytes;
    for (const auto slot : flight.slots) ++count.flying[slot];
  }
  TROUPE_ASSERT(flight_bytes == fetches_.in_flight_bytes());
}

void WorkerState::check_key(std::uint32_t slot, Recount& count) const {
  const Key& key = keys_[slot];
  TROUPE_ASSERT(find(key.task) == slot, "one object per key");
  ++count.keys;
  const bool compute = key.intent == KeyIntent::compute;
  const bool pending = compute && key.assigned.batch != no_slot;
  TROUPE_ASSERT((key.assigned.batch != no_slot) == pending, "an assignment without intent");
  if (pending) {
    TROUPE_ASSERT(key.waiting_for == check_inputs(key.assigned, count), "waits for exactly the inputs not here");
  } else {
    TROUPE_ASSERT(key.waiting_for == 0);
    TROUPE_ASSERT(!compute || (key.activity == KeyActivity::executing && key.executing.run == key.assigned.run),
                  "wanted, and nobody does it");
  }
  count.unready += key.waiting_for > 0;
  check_activity(key, count);
  TROUPE_ASSERT(count.flying[slot] == (key.activity == KeyActivity::fetching ? 1u : 0u), "one fetch a key");
  if (key.data == KeyData::memory) {
    ++count.stored;
    count.bytes += key.nbytes;
    count.large += memory_.limited() && large(key);
    const bool may_go =
        memory_.may_spill() && large(key) && key.transfer == KeyTransfer::none && key.pins == 0 && key.served == 0;
    TROUPE_ASSERT(may_go == (key.evictable != not_evictable), "what may go is listed");
    count.evictable -= may_go;
  } else if (key.data == KeyData::spilled) {
    ++count.spilled;
    count.spilled_bytes += key.nbytes;
  }
  TROUPE_ASSERT(key.data == KeyData::absent || key.first_waiter == no_slot, "waits for what is here");
  TROUPE_ASSERT((key.moving_bytes > 0) <= (key.transfer != KeyTransfer::none), "a transfer has an end");
  (key.transfer == KeyTransfer::loading ? count.loading : count.spilling) += key.moving_bytes;
  if (key.pins_inputs) {
    const auto& reader = key.activity == KeyActivity::executing ? key.executing : key.assigned;
    for_each_input(reader, [&](std::uint32_t input) { ++count.pins[input]; });
  }
  count.staged += key.staged;

  TROUPE_ASSERT(count.entries[slot] == (key.queued ? 1u : 0u), "stands in exactly the queue it names");
  if (wants_fetch(key)) {
    TROUPE_ASSERT(key.queued != key.asked, "to be fetched or to be heard of, one of the two");
  } else {
    TROUPE_ASSERT((key.queued || key.staged) == (pending && key.activity == KeyActivity::idle && key.waiting_for == 0),
                  "ready is queued or staged");
  }
  count.ready += key.queued && compute;
  for (auto edge = key.first_waiter; edge != no_slot; edge = edges_[edge].next) {
    const Key& waiter = keys_[edges_[edge].slot];
    if (waiter.task && waiter.ticket == edges_[edge].ticket && waiter.waiting_for > 0) ++count.waits[edges_[edge].slot];
  }
  TROUPE_ASSERT(key.intent != KeyIntent::none || key.activity != KeyActivity::idle || key.needed > 0 ||
                    key.served > 0 || key.transfer != KeyTransfer::none,
                "no junk");
}

void WorkerState::check_activity(const Key& key, Recount& count) const {
  const bool executing = key.activity == KeyActivity::executing;
  TROUPE_ASSERT((key.executing.batch != no_slot) == executing, "an execution without assignment");
  count.fetching += key.activity == KeyActivity::fetching;
  if (!executing) {
    TROUPE_ASSERT(!key.seceded && !key.retracting && !key.steal_pending, "marks of an execution that is over");
    return;
  }
  (void)check_inputs(key.executing, count);
  for_each_input(key.executing, [&](std::uint32_t input) {
    TROUPE_ASSERT(keys_[input].data != KeyData::absent || keys_[input].lost, "runs without its inputs");
  });
  ++count.executing;
  if (key.seceded) {
    ++count.seceded;
  } else {
    ++count.handed;
    count.handed_ns += key.charge_ns;
    ++count.template_handed[key.executing.tmpl];
  }
  const auto constraint = templates_[key.executing.tmpl].constraint;
  if (constraint == no_slot) return;
  for (const auto& need : constraints_[constraint].needs) count.occupied[need.resource] += need.millionths;
}

/// Counts an assignment and what it holds; gives the number of its inputs that are not here.
std::uint32_t WorkerState::check_inputs(const Assignment& assignment, Recount& count) const {
  ++count.batch_live[assignment.batch];
  ++count.template_users[assignment.tmpl];
  const Batch& batch = batches_[assignment.batch];
  std::uint32_t absent = 0;
  if (batch.message.input_offsets.empty()) return absent;
  const auto end = batch.message.input_offsets[assignment.index + 1];
  for (auto i = batch.message.input_offsets[assignment.index]; i < end; ++i) {
    const auto input = batch.input_slots[i];
    TROUPE_ASSERT(keys_[input].task == batch.message.inputs[i], "an input's key is gone");
    ++count.needed[input];
    absent += keys_[input].data == KeyData::absent;
  }
  return absent;
}

void WorkerState::check_sums(const Recount& count) const {
  for (std::uint32_t slot = 0; slot < keys_.end(); ++slot) {
    TROUPE_ASSERT(keys_[slot].needed == count.needed[slot], "needed by as many as a recount gives");
    TROUPE_ASSERT(keys_[slot].waiting_for == count.waits[slot], "one edge for each missing input");
    TROUPE_ASSERT(keys_[slot].pins == count.pins[slot], "pinned by as many as a recount gives");
  }
  for (std::uint32_t slot = 0; slot < batches_.end(); ++slot) {
    TROUPE_ASSERT(batches_[slot].live == count.batch_live[slot], "a batch is kept for its tasks, no longer");
  }
  for (std::uint32_t slot = 0; slot < templates_.end(); ++slot) {
    TROUPE_ASSERT(templates_[slot].users == count.template_users[slot]);
    TROUPE_ASSERT(templates_[slot].handed == count.template_handed[slot]);
  }
  for (std::size_t i = 0; i < resources_.size(); ++i) {
    TROUPE_ASSERT(resources_[i].free >= 0 && resources_[i].free + count.occupied[i] == resources_[i].total,
                  "resources held and free make the total");
  }
  TROUPE_ASSERT(count.keys == keys_.used() && count.keys == table_.size());
  TROUPE_ASSERT(count.stored == counters_.stored && count.bytes == counters_.managed_bytes,
                "bytes are the sum of sizes");
  TROUPE_ASSERT(count.spilled == counters_.spilled && count.spilled_bytes == counters_.spilled_bytes);
  TROUPE_ASSERT(count.large == large_in_memory_ && count.spilling == spilling_bytes_ &&
                count.loading == loading_bytes_);
  TROUPE_ASSERT(count.unready == unready_ && count.ready == ready_count_);
  TROUPE_ASSERT(count.executing == executing_ && count.fetching == fetching_ && count.seceded == counters_.seceded);
  TROUPE_ASSERT(count.handed == handed_ && count.handed_ns == handed_ns_);
}

}  // namespace troupe
