#include <algorithm>
#include <limits>
#include <tuple>

#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// Where values are, beside where tasks put them: copies more than anybody needs are dropped, values move from full
// workers to empty ones, and from those that are to end. A copy on its way is a Transfer; it ends when its target says
// that it has the value, or when that can no longer come about.

namespace troupe {
namespace {

// As Dask has them: shares of a worker's memory limit.
constexpr double rebalance_sender_min = 0.30;
constexpr double rebalance_recipient_max = 0.60;
constexpr double rebalance_half_gap = 0.05;
constexpr std::size_t most_moves = 10'000;                        ///< of one rebalance
constexpr Duration transfer_patience = std::chrono::seconds(30);  ///< and ten times what its bytes should take
constexpr Duration transfer_patience_max = std::chrono::minutes(10);
constexpr Duration transfer_impatience = std::chrono::seconds(10);  ///< with a target that may not fetch at all

}  // namespace

/// Values in memory, and what else has stayed there: what is new may be gone at the next look.
std::uint64_t SchedulerState::memory_of(const WorkerRecord& worker) {
  return worker.managed_bytes - std::min(worker.managed_bytes, worker.heartbeat.spilled_bytes) +
         worker.heartbeat.unmanaged_old_bytes;
}

std::vector<WorkerRecord*> SchedulerState::able_workers(const std::vector<std::string>& names) {
  std::vector<WorkerRecord*> result;
  for (auto& [id, worker] : workers_)
    if (worker->able() && (names.empty() || worker->is_named(names))) result.push_back(worker.get());
  return result;
}

// ---- transfers --------------------------------------------------------------------------------------------------

void SchedulerState::start_transfer(TaskRef task, WorkerRecord& to, WorkerId from, std::uint64_t placement, bool move) {
  introduce(to, from);
  auto& message = last<AcquireReplicas>(to);
  message.tasks.push_back(task.id());
  message.holders.push_back(from);
  message.nbytes.push_back(task->nbytes);
  transfers_[{task.id(), to.id}] = {from, placement, move, now_};
  if (const auto found = placements_.find(placement); found != placements_.end()) ++found->second.under_way;
}

/// A worker has a value now: if that was asked for, what was asked for goes on.
void SchedulerState::transfer_arrived(TaskRef task, WorkerId at) {
  const auto found = transfers_.find({task.id(), at});
  if (found == transfers_.end()) return;
  const Transfer transfer = found->second;
  transfers_.erase(found);
  // A target that was to retire meanwhile may not be the only one.
  if (transfer.move && holds(task, transfer.from) && !find_worker(at)->retiring) drop_copy(task, transfer.from);
  placement_step(transfer.placement, task.id());
}

/// Precondition: another worker holds it too.
void SchedulerState::drop_copy(TaskRef task, WorkerId worker) {
  free_on(worker, task.id());
  const bool was_last = remove_holder(task, worker);
  TROUPE_ASSERT(!was_last, "the last copy of a value was dropped");
}

/// There is no copy of the value any more. A target that has it after all will say so, and so will one that finds it
/// nowhere; to free it here could cross that word, and by then the value may have been made anew.
void SchedulerState::end_transfers(TaskRef task) {
  std::vector<std::uint64_t> placements;
  auto it = transfers_.lower_bound({task.id(), WorkerId{}});
  while (it != transfers_.end() && it->first.first == task.id()) {
    placements.push_back(it->second.placement);
    it = transfers_.erase(it);
  }
  for (const std::uint64_t placement : placements) placement_step(placement, task.id());
}

/// A target that has the value later after all says so, and its copy counts, or is freed: nothing is lost by giving up
/// too soon.
Duration SchedulerState::patience_with(const Transfer& transfer, TaskRef task, const WorkerRecord& target) const {
  const WorkerRecord* source = find_worker(transfer.from);
  if (source == nullptr || source->suspect || !target.reachable || target.suspect ||
      target.status == WorkerStatus::paused)
    return transfer_impatience;
  const double seconds = 10 * static_cast<double>(task->nbytes) / std::max(1.0, counters_.bandwidth);
  const double most = std::chrono::duration<double>(transfer_patience_max).count();
  return std::min(
      transfer_patience_max,
      transfer_patience + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, most))));
}

/// Gives up what cannot arrive any more. Once a tick.
void SchedulerState::review_transfers() {
  std::vector<std::pair<TaskId, std::uint64_t>> ended;
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    const TaskRef task = find(it->first.first);
    WorkerRecord* target = find_worker(it->first.second);
    const bool hopeless = !task || task->state != TaskState::memory || target == nullptr ||
                          now_ - it->second.since > patience_with(it->second, task, *target);
    if (!hopeless) {
      ++it;
      continue;
    }
    // The wish is taken back, unless it has come true meanwhile: to free the value could cross the word of that.
    if (target != nullptr) {
      auto& nowhere = last<WhoHas>(*target);
      nowhere.tasks.push_back(it->first.first);
      nowhere.holders.push_back({});
    }
    ended.emplace_back(it->first.first, it->second.placement);
    it = transfers_.erase(it);
  }
  for (const auto& [task, placement] : ended) placement_step(placement, task);
}

// ---- what clients ask for ---------------------------------------------------------------------------------------

std::vector<TaskId> SchedulerState::values_of(const ClientRecord& client, const std::vector<ClientKey>& keys) const {
  std::vector<TaskId> result;
  for (const ClientKey key : keys)
    if (const TaskRef task = find(client, key); task && task->state == TaskState::memory) result.push_back(task.id());
  return result;
}

void SchedulerState::on_message(ClientRecord& client, Replicate& message) {
  Placement placement{
      client.id, message.request, message.copies, std::max(1u, message.branching), std::move(message.workers), 0};
  const auto tasks = values_of(client, message.keys);
  const std::uint64_t number = ++last_placement_;
  placements_[number] = std::move(placement);
  for (const TaskId id : tasks) {
    auto& wanted = copies_wanted_[id];
    wanted = std::max(wanted, message.copies == 0 ? std::numeric_limits<std::uint32_t>::max() : message.copies);
    replicate_further(placements_[number], number, find(id));
  }
  end_placement_if_done(number);
}

/// Starts as many copies as the holders may give away now.
void SchedulerState::replicate_further(const Placement& placement, std::uint64_t number, TaskRef task) {
  if (!task || task->state != TaskState::memory) return;
  const std::vector<WorkerId> sources = holders(task);
  std::vector<WorkerRecord*> targets = able_workers(placement.workers);
  std::size_t there = 0;
  for (const WorkerRecord* target : targets) there += holds(task, target->id) ? 1 : 0;
  if (placement.copies != 0) there = sources.size();
  const std::size_t wanted = placement.copies == 0 ? targets.size() : placement.copies;
  std::erase_if(targets, [&](const WorkerRecord* target) {
    if (holds(task, target->id)) return true;
    const bool coming = transfers_.contains({task.id(), target->id});
    there += coming ? 1 : 0;
    return coming;
  });
  std::stable_sort(targets.begin(), targets.end(),
                   [](const auto* a, const auto* b) { return memory_of(*a) < memory_of(*b); });
  std::map<WorkerId, std::uint32_t> gives;
  for (auto it = transfers_.lower_bound({task.id(), WorkerId{}});
       it != transfers_.end() && it->first.first == task.id(); ++it)
    ++gives[it->second.from];
  std::size_t next = 0;
  for (const WorkerId source : sources)
    while (gives[source] < placement.branching && there < wanted && next < targets.size()) {
      start_transfer(task, *targets[next++], source, number, false);
      ++gives[source];
      ++there;
    }
}

/// Moves values from the fullest workers, the oldest first, to those that have most room, until all are about as full.
void SchedulerState::on_message(ClientRecord& client, Rebalance& message) {
  const std::uint64_t number = ++last_placement_;
  placements_[number] = {client.id, message.request, 0, 0, {}, 0};
  struct Load {
    WorkerRecord* worker;
    double bytes;
    double limit;
  };
  std::vector<Load> loads;
  double mean = 0;
  for (WorkerRecord* worker : able_workers(message.workers)) {
    const auto bytes = static_cast<double>(memory_of(*worker));
    loads.push_back({worker, bytes, static_cast<double>(worker->registration.memory_limit)});
    mean += bytes;
  }
  mean /= static_cast<double>(std::max<std::size_t>(1, loads.size()));
  TaskMap<bool> chosen;
  for (const TaskId id : values_of(client, message.keys)) chosen[id] = true;
  std::vector<Load*> senders;
  for (Load& load : loads)
    if (load.bytes > mean + rebalance_half_gap * load.limit && load.bytes > rebalance_sender_min * load.limit)
      senders.push_back(&load);
  std::stable_sort(senders.begin(), senders.end(), [](const Load* a, const Load* b) { return a->bytes > b->bytes; });
  std::size_t moves = 0;
  for (Load* sender : senders)
    for (const TaskId id : sender->worker->stored) {
      if (sender->bytes <= mean || moves == most_moves) break;
      if (!message.keys.empty() && chosen.find(id) == nullptr) continue;
      const TaskRef task = find(id);
      const auto nbytes = static_cast<double>(task->nbytes);
      Load* best = nullptr;
      for (Load& load : loads) {
        if (load.worker == sender->worker || load.bytes >= mean - rebalance_half_gap * load.limit) continue;
        if (load.limit > 0 && load.bytes + nbytes > rebalance_recipient_max * load.limit) continue;
        if (holds(task, load.worker->id) || transfers_.contains({id, load.worker->id})) continue;
        if (best == nullptr || load.bytes < best->bytes) best = &load;
      }
      // It would only be the other one's turn next.
      if (best == nullptr || best->bytes + nbytes >= sender->bytes) continue;
      sender->bytes -= nbytes;
      best->bytes += nbytes;
      ++moves;
      start_transfer(task, *best->worker, sender->worker->id, number, true);
    }
  end_placement_if_done(number);
}

/// One of a placement's transfers has ended.
void SchedulerState::placement_step(std::uint64_t number, TaskId task) {
  const auto found = placements_.find(number);
  if (found == placements_.end()) return;
  --found->second.under_way;
  if (found->second.branching > 0) replicate_further(found->second, number, find(task));
  end_placement_if_done(number);
}

void SchedulerState::end_placement_if_done(std::uint64_t number) {
  const auto found = placements_.find(number);
  if (found->second.under_way > 0) return;
  QueryReply reply;
  reply.request = found->second.request;
  if (ClientRecord* client = find_client(found->second.client)) tell_client(*client, std::move(reply));
  placements_.erase(found);
}

// ---- retiring ---------------------------------------------------------------------------------------------------

void SchedulerState::on_message(ClientRecord& client, RetireWorkers& message) {
  std::vector<WorkerRecord*> chosen;
  for (auto& [id, worker] : workers_)
    if (!worker->retiring && (message.workers.empty() || worker->is_named(message.workers)))
      chosen.push_back(worker.get());
  if (message.workers.empty()) {
    std::stable_sort(chosen.begin(), chosen.end(), [](const auto* a, const auto* b) {
      return std::pair(a->stored.size() > 0, a->managed_bytes) < std::pair(b->stored.size() > 0, b->managed_bytes);
    });
    if (chosen.size() > message.count) chosen.resize(message.count);
  }
  Retirement retirement{client.id, message.request, {}, {}, false};
  for (WorkerRecord* worker : chosen) {
    worker->retiring = true;
    load_changed(*worker);
    retirement.left.push_back(worker->id);
  }
  refresh_classes();
  // What has not started there starts elsewhere.
  for (WorkerRecord* worker : chosen) steal_all_from(*worker);
  retirements_.push_back(std::move(retirement));
  advance_retirements();
}

/// Moves what only retiring workers hold to others, and ends those that hold nothing more of their own. Once a tick.
void SchedulerState::advance_retirements() {
  for (auto& retirement : retirements_) {
    std::erase_if(retirement.left, [&](WorkerId id) { return find_worker(id) == nullptr; });
    for (const WorkerId id : retirement.left)
      if (!retire_further(*find_worker(id))) retirement.stuck = true;
  }
  std::erase_if(retirements_, [&](Retirement& retirement) {
    if (!retirement.stuck && !retirement.left.empty()) return false;
    QueryReply reply;
    reply.request = retirement.request;
    reply.lines = std::move(retirement.ended);
    if (retirement.stuck) {
      for (const WorkerId id : retirement.left) give_up_retiring(*find_worker(id));
      refresh_classes();
      reply.error =
          Error{ErrorKind::overloaded,
                "retire_workers: no other worker is running that could take what these hold; start one first"};
    }
    if (ClientRecord* client = find_client(retirement.client)) tell_client(*client, std::move(reply));
    return true;
  });
}

/// Whether a client was told to put a value there, and it has not come yet.
bool SchedulerState::awaits_scatter(WorkerId worker) const {
  return std::any_of(scatters_.begin(), scatters_.end(), [&](std::uint64_t number) {
    const Group* group = find_group(number);
    for (std::uint32_t i = 0; group != nullptr && i < group->tasks.size(); ++i) {
      const auto first = group->targets.begin() + group->target_offsets[i];
      const auto last = group->targets.begin() + group->target_offsets[i + 1];
      if (group->tasks[i].state == TaskState::waiting && std::find(first, last, worker) != last) return true;
    }
    return false;
  });
}

/// False: there is nobody to take what it holds.
bool SchedulerState::retire_further(WorkerRecord& worker) {
  if (worker.closing) return true;
  std::vector<WorkerRecord*> targets = able_workers({});
  bool unique = false;
  std::uint32_t left = config_.slice;
  for (const TaskId id : worker.stored) {
    const TaskRef task = find(id);
    const auto others = holders(task);
    const bool safe = std::any_of(others.begin(), others.end(), [&](WorkerId holder) {
      const WorkerRecord* other = find_worker(holder);
      return holder != worker.id && other != nullptr && !other->retiring;
    });
    if (safe || TROUPE_MUTANT(a_retiring_worker_takes_its_values_along)) continue;
    unique = true;
    if (targets.empty()) return false;
    const auto coming = transfers_.lower_bound({id, WorkerId{}});
    if (coming != transfers_.end() && coming->first.first == id) continue;
    WorkerRecord* target = *std::min_element(targets.begin(), targets.end(), [](const auto* a, const auto* b) {
      return memory_of(*a) + a->coming_bytes < memory_of(*b) + b->coming_bytes;
    });
    target->coming_bytes += task->nbytes;
    start_transfer(task, *target, worker.id, 0, false);
    if (--left == 0) break;
  }
  for (WorkerRecord* target : targets) target->coming_bytes = 0;
  if (unique || !worker.processing.empty() || awaits_scatter(worker.id)) return true;
  close_retired(worker);
  return true;
}

void SchedulerState::close_retired(WorkerRecord& worker) {
  worker.closing = true;
  tell_worker(worker, CloseWorker{true, worker.leaves.empty() ? "retired" : worker.leaves});
}

/// Nobody can take what it holds. One that was to retire stays; one that wanted to leave has to lose it.
void SchedulerState::give_up_retiring(WorkerRecord& worker) {
  if (!worker.leaves.empty()) {
    if (!worker.closing) close_retired(worker);
    return;
  }
  worker.retiring = false;
  load_changed(worker);
}

/// A worker wants to end: that is a retirement which nobody is told about.
void SchedulerState::on_message(WorkerRecord& worker, Leaving& message) {
  if (!worker.leaves.empty() || worker.closing) return;
  worker.leaves = message.reason.empty() ? "it wanted to leave" : std::move(message.reason);
  if (worker.restarting || shutting_down_) return close_retired(worker);
  if (!worker.retiring) {
    worker.retiring = true;
    load_changed(worker);
    refresh_classes();
    steal_all_from(worker);
  }
  retirements_.push_back({{}, {}, {worker.id}, {}, false});
  advance_retirements();
}

/// A worker has gone; those who asked for it hear of it.
void SchedulerState::note_retired(WorkerId id, const std::string& name, bool graceful) {
  for (auto& retirement : retirements_)
    if (graceful && std::find(retirement.left.begin(), retirement.left.end(), id) != retirement.left.end())
      retirement.ended.push_back(name);
  if (!retirements_.empty()) advance_retirements();
}

// ---- copies that nobody needs -----------------------------------------------------------------------------------

/// Looks at each value that got a second copy since the last time, in slices.
void SchedulerState::reduce_replicas() {
  if (!config_.active_memory_manager || now_ - last_reduction_ < config_.active_memory_interval) return;
  last_reduction_ = now_;
  std::vector<TaskId> later;
  for (std::uint32_t left = config_.slice; left > 0 && !replicated_.empty(); --left) {
    const TaskId id = replicated_.back();
    replicated_.pop_back();
    const TaskRef task = find(id);
    if (!task || task->state != TaskState::memory || !task.has(task_flag::replicated)) continue;
    reduce(task);
    if (task.has(task_flag::replicated)) later.push_back(id);
  }
  replicated_.insert(replicated_.begin(), later.begin(), later.end());
}

/// A value keeps one copy, those that were asked for, and one wherever a task is about to read it. Copies go first from
/// workers that retire, then from those that are paused, then from those with most in memory.
void SchedulerState::reduce(TaskRef task) {
  const auto coming = transfers_.lower_bound({task.id(), WorkerId{}});
  if (coming != transfers_.end() && coming->first.first == task.id()) return;
  std::vector<WorkerId> readers;
  for_each_dependent(task, [&](TaskRef dependent) {
    if (dependent->state == TaskState::processing &&
        std::find(readers.begin(), readers.end(), dependent->worker) == readers.end())
      readers.push_back(dependent->worker);
  });
  const auto* asked = copies_wanted_.find(task.id());
  std::size_t keep = std::max<std::size_t>(1, asked == nullptr ? 0 : *asked);
  std::vector<WorkerRecord*> idle;
  for (const WorkerId holder : holders(task)) {
    WorkerRecord* worker = find_worker(holder);
    const bool reads = std::find(readers.begin(), readers.end(), holder) != readers.end();
    if (!reads)
      idle.push_back(worker);
    else if (keep > 0)
      --keep;
  }
  std::stable_sort(idle.begin(), idle.end(), [](const WorkerRecord* a, const WorkerRecord* b) {
    return std::tuple(!a->retiring, a->able(), memory_of(*b)) < std::tuple(!b->retiring, b->able(), memory_of(*a));
  });
  for (std::size_t i = 0; i + keep < idle.size(); ++i) {
    ++counters_.replicas_dropped;
    drop_copy(task, idle[i]->id);
  }
}

}  // namespace troupe
