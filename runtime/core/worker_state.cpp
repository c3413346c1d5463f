#include "runtime/core/worker_state.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "runtime/core/mutant.hpp"

namespace troupe {

namespace {

constexpr std::uint64_t large_fetch = 1'000'000;  ///< bytes; smaller ones tell more of latency than of bandwidth

FetchLimits fetch_limits(const WorkerConfig& config) {
  FetchLimits limits;
  limits.max_concurrent = config.max_concurrent_fetches;
  limits.fetch_bytes = config.fetch_bytes_limit;
  limits.busy_retry = config.busy_retry;
  if (config.memory.limit > 0 && config.memory.transfer > 0) {
    limits.in_flight_bytes =
        static_cast<std::uint64_t>(static_cast<double>(config.memory.limit) * config.memory.transfer);
  }
  return limits;
}

}  // namespace

WorkerState::WorkerState(WorkerConfig config)
    : config_(std::move(config)),
      memory_(config_.memory),
      fetches_(fetch_limits(config_)),
      horizon_ns_(static_cast<std::uint64_t>(config_.ready_horizon.count())) {
  TROUPE_ASSERT(config_.threads > 0, "a worker needs a thread");
  TROUPE_ASSERT(horizon_ns_ > 0 && horizon_ns_ < std::numeric_limits<std::uint32_t>::max());
  for (const auto& [name, amount] : config_.resources) {
    const auto millionths = std::llround(amount * 1e6);
    resources_.push_back({name, millionths, millionths, 0});
  }
}

void WorkerState::handle(WorkerEvent event, Instant now, WorkerEffects& out) {
  if (closed_) return;
  now_ = now;
  std::visit([&](auto& e) { on(e, now, out); }, event);
}

void WorkerState::settle(Instant now, WorkerEffects& out) {
  if (closed_) return;
  watch_memory();
  if (status_ == WorkerStatus::running) {
    if (!fetches_.idle()) start_fetches(now, out);
    if (!staged_.empty()) start_staged(out);
    if (ready_count_ > 0) start_executions(out);
  } else if (status_ == WorkerStatus::paused && executing_ == 0 && !staged_.empty()) {
    start_staged(out);
  }
  if (memory_.may_spill()) spill_excess(now, out);
  flush(out);
  if (status_ == WorkerStatus::closing && executing_ == 0) end(drain_reason_, out);
}

Duration WorkerState::tick_interval() const {
  const Duration longest = heartbeat_.count() > 0 ? heartbeat_ : Duration{std::chrono::seconds{1}};
  const Duration retry = std::min(config_.busy_retry, longest);
  return memory_.limited() ? std::min(retry, config_.memory.monitor_interval) : retry;
}

const WorkerCounters& WorkerState::counters() {
  counters_.threads = config_.threads;
  counters_.executing = std::min(handed_, config_.threads);
  counters_.ready = ready_count_ + staged_.size() + handed_ - counters_.executing;
  counters_.waiting = unready_;
  counters_.fetching = fetching_;
  counters_.transfers_incoming = fetches_.flights().size();
  counters_.process_bytes = memory_.process_bytes();
  counters_.unmanaged_old_bytes = memory_.unmanaged_old();
  counters_.memory_limit = config_.memory.limit;
  counters_.paused = status_ == WorkerStatus::paused ? 1 : 0;
  return counters_;
}

std::optional<KeyView> WorkerState::key(TaskId task) const {
  const auto slot = find(task);
  if (slot == no_slot) return std::nullopt;
  const Key& key = keys_[slot];
  KeyView view{key.intent, key.activity,    key.data, key.transfer, {},        key.needed,
               key.served, key.waiting_for, key.pins, key.queued,   key.staged};
  if (key.intent == KeyIntent::compute) view.run = key.assigned.run;
  return view;
}

std::vector<std::pair<TaskId, KeyView>> WorkerState::keys(std::size_t most) const {
  std::vector<std::pair<TaskId, KeyView>> views;
  for (std::uint32_t slot = 0; slot < keys_.end() && views.size() < most; ++slot)
    if (const TaskId task = keys_[slot].task; task && find(task) == slot) views.emplace_back(task, *key(task));
  return views;
}

// ---- keys -------------------------------------------------------------------------------------------------------

std::uint32_t WorkerState::find_or_make(TaskId task) {
  auto& slot = table_.at_or_new(task.value);
  if (slot == no_slot) {
    slot = keys_.acquire();
    keys_[slot].task = task;
  }
  return slot;
}

void WorkerState::erase(std::uint32_t slot) {
  Key& key = keys_[slot];
  for (auto edge = key.first_waiter; edge != no_slot;) {  // all stale: nobody needs the key
    const auto next = edges_[edge].next;
    edges_.release(edge);
    edge = next;
  }
  table_.erase(key.task.value);
  key = {};
  keys_.release(slot);
}

bool WorkerState::wants_fetch(const Key& key) {
  return key.intent != KeyIntent::compute && key.data == KeyData::absent && key.activity == KeyActivity::idle &&
         (key.intent == KeyIntent::replica || key.needed > 0);
}

/// The one place that turns what is wanted into what is done. What is in the air is left alone: its end calls here.
void WorkerState::reconcile(std::uint32_t slot, WorkerEffects& out) {
  Key& key = keys_[slot];
  if (key.activity != KeyActivity::idle) return;
  if (key.intent == KeyIntent::compute) {
    if (key.waiting_for == 0 && !key.queued && !key.staged) queue_ready(slot);
    return;
  }
  if (wants_fetch(key)) {
    if (!key.queued && !key.asked) queue_fetch(slot);
    return;
  }
  leave_queue(key);
  key.asked = false;
  if (key.intent == KeyIntent::replica || key.needed > 0) return;
  if (key.served > 0 && !TROUPE_MUTANT(a_value_is_dropped_while_it_is_read)) return;
  if (key.data != KeyData::absent) drop_value(slot, out);
  if (key.transfer == KeyTransfer::none) erase(slot);
}

void WorkerState::queue_fetch(std::uint32_t slot) {
  Key& key = keys_[slot];
  if (key.holder == id_ || !fetches_.reachable(key.holder)) return report_missing(key, key.holder);
  key.queued = true;
  key.ticket = ++last_ticket_;
  fetches_.enqueue(key.holder, {key.fetch_priority, slot, key.ticket});
}

void WorkerState::queue_ready(std::uint32_t slot) {
  Key& key = keys_[slot];
  key.queued = true;
  key.ticket = ++last_ticket_;
  ++ready_count_;
  const auto constraint = templates_[key.assigned.tmpl].constraint;
  UrgencyQueue& queue = constraint == no_slot ? ready_ : constraints_[constraint].ready;
  queue.push({batches_[key.assigned.batch].message.priorities[key.assigned.index], slot, key.ticket});
}

/// Call it before the intent changes: that says which queue it is.
void WorkerState::leave_queue(Key& key) {
  if (!key.queued) return;
  key.queued = false;
  key.ticket = 0;
  if (key.intent == KeyIntent::compute) --ready_count_;
}

bool WorkerState::is_stale(const UrgencyQueue::Entry& entry) const {
  const Key& key = keys_[entry.slot];
  return !key.queued || key.ticket != entry.ticket;
}

/// The store has the value: those who wait for it go on.
void WorkerState::value_arrived(std::uint32_t slot, std::uint64_t nbytes, WorkerEffects& out) {
  Key& key = keys_[slot];
  if (key.data != KeyData::absent) count_departure(key);
  count_arrival(key, nbytes);
  key.asked = false;
  key.lost = false;
  if (memory_.limited()) relist(slot);
  auto edge = std::exchange(key.first_waiter, no_slot);
  while (edge != no_slot) {
    const Edge waiter = edges_[edge];
    edges_.release(edge);
    edge = waiter.next;
    Key& dependent = keys_[waiter.slot];
    if (dependent.ticket != waiter.ticket || dependent.waiting_for == 0) continue;
    if (TROUPE_MUTANT(a_value_wakes_one_task_only) && edge != no_slot) continue;
    if (--dependent.waiting_for == 0) {
      --unready_;
      reconcile(waiter.slot, out);
    }
  }
}

/// Fetched, or put by a client. Kept until it is freed, since the scheduler is told of it.
void WorkerState::value_came_from_elsewhere(std::uint32_t slot, std::uint64_t nbytes, WorkerEffects& out) {
  Key& key = keys_[slot];
  if (key.intent != KeyIntent::compute) {
    leave_queue(key);
    key.intent = KeyIntent::replica;
  }
  // Freed and back again in one turn: the store has the new value already, and the shell has not dropped the old.
  std::erase(out.drop, key.task);
  value_arrived(slot, nbytes, out);
  key.value_run = {};
  if (key.intent == KeyIntent::replica && !TROUPE_MUTANT(fetched_values_are_not_reported)) report_replica(key);
}

void WorkerState::drop_value(std::uint32_t slot, WorkerEffects& out) {
  Key& key = keys_[slot];
  out.drop.push_back(key.task);
  count_departure(key);
  key.value_run = {};
  if (key.evictable != not_evictable) unlist(slot);
}

/// The store got a value that nobody waits for. In the same turn it may have replaced one that is to go anyhow.
void WorkerState::drop_unwanted(TaskId task, WorkerEffects& out) {
  if (std::find(out.drop.begin(), out.drop.end(), task) == out.drop.end()) out.drop.push_back(task);
}

void WorkerState::report_replica(const Key& key) {
  added_.tasks.push_back(key.task);
  added_.nbytes.push_back(key.nbytes);
}

void WorkerState::report_missing(Key& key, WorkerId holder) {
  missing_.tasks.push_back(key.task);
  missing_.holders.push_back(holder);
  key.holder = {};
  key.asked = true;
}

// ---- fetches ----------------------------------------------------------------------------------------------------

void WorkerState::start_fetches(Instant now, WorkerEffects& out) {
  const auto stale = [this](const UrgencyQueue::Entry& entry) { return is_stale(entry); };
  const auto bytes = [this](std::uint32_t slot) { return keys_[slot].nbytes; };
  while (const auto* flight = fetches_.start(now, stale, bytes)) {
    Fetch& fetch = out.fetch.emplace_back();
    fetch.fetch = flight->fetch;
    fetch.peer = flight->peer;
    fetch.address = fetches_.address(flight->peer);
    fetch.max_bytes = config_.fetch_bytes_limit;
    for (const auto slot : flight->slots) {
      Key& key = keys_[slot];
      leave_queue(key);
      key.activity = KeyActivity::fetching;
      ++fetching_;
      fetch.tasks.push_back(key.task);
    }
  }
}

void WorkerState::on(FetchDone& event, Instant now, WorkerEffects& out) {
  const auto flight = fetches_.finish(event.fetch, event.outcome != FetchOutcome::ok, now);
  const auto landed = [&](std::uint32_t slot) {  // false: not of this fetch, or named twice
    if (slot == no_slot || keys_[slot].activity != KeyActivity::fetching || keys_[slot].holder != flight.peer) {
      return false;
    }
    keys_[slot].activity = KeyActivity::idle;
    --fetching_;
    return true;
  };
  const auto is_missing = [&](std::uint32_t slot) {
    if (TROUPE_MUTANT(dask_5786_missing_values_are_forgotten) && event.outcome == FetchOutcome::ok) return;
    if (wants_fetch(keys_[slot])) report_missing(keys_[slot], flight.peer);
    reconcile(slot, out);
  };
  for (std::size_t i = 0; i < event.received.size(); ++i) {
    const auto slot = find(event.received[i]);
    if (!landed(slot)) continue;
    Key& key = keys_[slot];
    counters_.received_bytes += event.nbytes[i];
    if (key.intent == KeyIntent::replica || (key.intent == KeyIntent::none && key.needed > 0)) {
      value_came_from_elsewhere(slot, event.nbytes[i], out);
    } else if (key.data != KeyData::absent) {
      value_arrived(slot, event.nbytes[i], out);  // in the place of one that is still read
    } else {
      if (!TROUPE_MUTANT(dask_6705_a_fetched_value_is_not_dropped_for_a_computation))
        drop_unwanted(key.task, out);  // or to be computed anew
    }
    reconcile(slot, out);
  }
  for (const TaskId task : event.missing) {
    const auto slot = find(task);
    if (landed(slot)) is_missing(slot);
  }
  for (const auto slot : flight.slots) {
    if (!landed(slot)) continue;
    if (TROUPE_MUTANT(dask_5951_a_failed_fetch_is_not_reported)) continue;
    if (event.outcome == FetchOutcome::lost) {
      is_missing(slot);
    } else {
      reconcile(slot, out);
    }
  }
  if (event.outcome == FetchOutcome::ok) {
    ++counters_.transfers_received;
    measure(event, now - flight.since);
  }
  if (event.outcome == FetchOutcome::lost) strike(flight.peer, false);
}

void WorkerState::measure(const FetchDone& event, Duration took) {
  const auto bytes = std::accumulate(event.nbytes.begin(), event.nbytes.end(), std::uint64_t{0});
  if (bytes < large_fetch) return;
  large_fetch_bytes_ += bytes;
  large_fetch_time_ += took;
}

/// What waits for this peer is not to be had from it.
void WorkerState::strike(WorkerId peer, bool gone) {
  fetches_.strike(peer, gone, [&](const UrgencyQueue::Entry& entry) {
    if (is_stale(entry)) return;
    Key& key = keys_[entry.slot];
    leave_queue(key);
    if (!TROUPE_MUTANT(dask_4929_what_waits_for_a_lost_peer_goes_on_waiting)) report_missing(key, peer);
  });
}

// ---- other events -----------------------------------------------------------------------------------------------

void WorkerState::on(ValuesPut& event, Instant, WorkerEffects& out) {
  for (std::size_t i = 0; i < event.tasks.size(); ++i) {
    value_came_from_elsewhere(find_or_make(event.tasks[i]), event.nbytes[i], out);
  }
}

void WorkerState::on(ValuesServed& event, Instant, WorkerEffects& out) {
  // A value may have been dropped between the reader's begin and this event: then there is still a key to count on.
  for (const TaskId task : event.tasks) {
    if (event.begin) {
      const auto slot = find_or_make(task);
      ++keys_[slot].served;
      relist(slot);
      continue;
    }
    const auto slot = find(task);
    TROUPE_ASSERT(slot != no_slot && keys_[slot].served > 0, "a reader ended that never began");
    --keys_[slot].served;
    if (keys_[slot].data != KeyData::absent) counters_.sent_bytes += keys_[slot].nbytes;
    relist(slot);
    reconcile(slot, out);
  }
  if (event.begin) {
    ++counters_.transfers_outgoing;
  } else {
    --counters_.transfers_outgoing;
    ++counters_.transfers_sent;
  }
}

void WorkerState::on(WorkerTick& event, Instant now, WorkerEffects&) {
  memory_.measured(event.process_bytes, counters_.managed_bytes, spilling_bytes_, now);
  if (heartbeat_.count() == 0 || now - last_heartbeat_ < heartbeat_) return;
  last_heartbeat_ = now;
  heartbeat_due_ = std::move(event);
}

// ---- settling ---------------------------------------------------------------------------------------------------

void WorkerState::watch_memory() {
  if (!memory_.limited() || status_ == WorkerStatus::closing) return;
  const bool paused = memory_.paused(status_ == WorkerStatus::paused, counters_.managed_bytes);
  if (paused == (status_ == WorkerStatus::paused)) return;
  status_ = paused ? WorkerStatus::paused : WorkerStatus::running;
  status_changed_ = true;
  // What was brought into memory for tasks that may not start now has to be able to leave it. But for one, if nothing
  // runs: its inputs alone may be what fills memory.
  while (paused && staged_.size() > (executing_ == 0 ? 1 : 0)) {
    const auto slot = staged_.back();
    unstage(slot);
    queue_ready(slot);
  }
}

/// What a run did comes before what is said of its task, and an error before the inputs it leaves missing.
void WorkerState::flush(WorkerEffects& out) {
  const auto say = [&](auto& report) {
    if (report.tasks.empty()) return;
    out.to_scheduler.emplace_back(std::move(report));
    report = {};
  };
  say(seceded_);
  flush_finished(out);
  if (!erred_.age_us.empty()) {
    erred_.duration_us.resize(erred_.tasks.size());
    erred_.age_us.resize(erred_.tasks.size());
    erred_.threads.resize(erred_.tasks.size());
  }
  say(erred_);
  if (!out.drop.empty() && !added_.tasks.empty()) forget_dropped_replicas();
  say(added_);
  say(removed_);
  say(steals_);
  say(missing_);
  if (status_changed_) out.to_scheduler.emplace_back(WorkerStatusChanged{status_});
  status_changed_ = false;
  if (!heartbeat_due_) return;
  const WorkerCounters& now = counters();
  Heartbeat beat;
  beat.managed_bytes = now.managed_bytes;
  beat.process_bytes = heartbeat_due_->process_bytes;
  beat.executing = static_cast<std::uint32_t>(now.executing);
  beat.ready = static_cast<std::uint32_t>(now.ready);
  beat.fetching = static_cast<std::uint32_t>(now.fetching);
  beat.cpu_ms = heartbeat_due_->cpu_ms;
  beat.spilled_bytes = now.spilled_bytes;
  beat.unmanaged_old_bytes = now.unmanaged_old_bytes;
  beat.free_bytes = memory_.room(now.managed_bytes);
  if (large_fetch_time_.count() > 0) {
    const double seconds = std::chrono::duration<double>(large_fetch_time_).count();
    beat.bandwidth = static_cast<std::uint64_t>(static_cast<double>(large_fetch_bytes_) / seconds);
  }
  large_fetch_bytes_ = 0;
  large_fetch_time_ = {};
  beat.traffic = heartbeat_due_->traffic;
  beat.surroundings = std::move(heartbeat_due_->surroundings);
  beat.sent_ns = heartbeat_due_->sent_ns;
  out.to_scheduler.emplace_back(std::move(beat));
  heartbeat_due_.reset();
}

/// Some may have come and been freed in one turn: to report them now would name a holder that is none.
void WorkerState::forget_dropped_replicas() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < added_.tasks.size(); ++i) {
    const auto slot = find(added_.tasks[i]);
    if (slot == no_slot || keys_[slot].data == KeyData::absent) continue;
    added_.tasks[kept] = added_.tasks[i];
    added_.nbytes[kept++] = added_.nbytes[i];
  }
  added_.tasks.resize(kept);
  added_.nbytes.resize(kept);
}

void WorkerState::flush_finished(WorkerEffects& out) {
  if (finished_.tasks.empty()) return;
  const auto count = finished_.tasks.size();
  if (finished_values_.size() == 1 && finished_values_[0].picked.size() == count &&
      finished_values_[0].values.offsets.size() == count + 1) {
    finished_.values = std::move(finished_values_[0].values);  // the usual case: one event, all of it reported
  } else if (!finished_values_.empty()) {
    std::vector<std::byte> bytes;
    auto& offsets = finished_.values.offsets;
    for (const FinishedValues& part : finished_values_) {
      offsets.resize(part.first + 1, static_cast<std::uint32_t>(bytes.size()));
      for (const auto i : part.picked) {
        const auto begin = part.values.offsets[i];
        const auto* from = part.values.bytes.data();
        bytes.insert(bytes.end(), from + begin, from + part.values.offsets[i + 1]);
        offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
      }
    }
    offsets.resize(count + 1, static_cast<std::uint32_t>(bytes.size()));
    finished_.values.bytes = Bytes::own(std::move(bytes));
  }
  finished_values_.clear();
  out.to_scheduler.emplace_back(std::move(finished_));
  finished_ = {};
  // As many again, most likely.
  finished_.tasks.reserve(count);
  finished_.runs.reserve(count);
  finished_.nbytes.reserve(count);
  finished_.duration_us.reserve(count);
  finished_.age_us.reserve(count);
  finished_.threads.reserve(count);
}

void WorkerState::end(std::string reason, WorkerEffects& out) {
  out.to_scheduler.emplace_back(Goodbye{reason});
  out.close = true;
  out.close_reason = std::move(reason);
  closed_ = true;
}

}  // namespace troupe
