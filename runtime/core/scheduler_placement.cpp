#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// Which ready task goes where, and which assigned one comes back.
//
// Workers are filled by time: each may hold `prefetch_horizon` of learnt work a thread, so that it never waits for the
// scheduler, and so little that a better use can still be found for the rest. Placement looks at the holders of the
// inputs, the least loaded worker and one random worker; never at all of them.

namespace troupe {
namespace {

constexpr double fetch_us = 100;           ///< what fetching any input at all delays a task
constexpr double tiny_task_us = 100;       ///< tasks shorter than this are not worth moving inside the horizon
constexpr std::uint32_t chain_links = 64;  ///< a run-ahead chain is handed out so far
constexpr std::size_t victims_max = 8;     ///< workers that are asked for tasks until one has any to give
constexpr std::size_t indexed_class = 4;   ///< a class of so many workers has an index of their loads

constexpr std::size_t usual_batch = 8;  ///< tasks that a worker is mostly given at a time

void reserve(ComputeTasks& message, std::size_t tasks) {
  message.tasks.reserve(tasks);
  message.runs.reserve(tasks);
  message.templates.reserve(tasks);
  message.priorities.reserve(tasks);
  message.inline_wanted.reserve(tasks);
}

double micros(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

}  // namespace

double SchedulerState::expected_us(const TemplateRecord& record) const {
  const double learnt = prefixes_[record.prefix].counters.duration_us;
  // An unknown task counts so that worker_saturation tasks a thread fill the horizon.
  if (prefixes_[record.prefix].counters.finished == 0)
    return micros(config_.prefetch_horizon) / config_.worker_saturation;
  return std::max(learnt, micros(config_.least_task_cost));
}

bool SchedulerState::has_room(const WorkerRecord& worker) const {
  if (!worker.able()) return false;
  const double threads = worker.registration.threads;
  if (worker.active() < threads) return true;
  // Ahead of time it gets only what its memory has room for once it is done.
  if (worker.active() * worker.output_bytes > worker.free_bytes) return false;
  if (worker.active() < std::ceil(config_.worker_saturation * threads)) return true;
  return worker.occupancy_us < micros(config_.prefetch_horizon) * threads;
}

/// Expected work a thread, microseconds; LoadIndex::full if the worker takes nothing more.
double SchedulerState::load_of(const WorkerRecord& worker) const {
  return has_room(worker) ? worker.occupancy_us / worker.registration.threads : LoadIndex::full;
}

/// Microseconds that one more task is thought to wait there. A worker of which nothing has come for longer than it has
/// work for runs something that takes longer than was thought, and who knows how long.
double SchedulerState::delay_of(const WorkerRecord& worker) const {
  const double expected = worker.occupancy_us / worker.registration.threads;
  return worker.active() < worker.registration.threads ? expected : std::max(expected, micros(now_ - worker.moved_on));
}

/// Brings the indices of the classes up to date with what happened to workers since the last time.
void SchedulerState::settle_loads() {
  for (WorkerRecord* worker : changed_loads_) {
    worker->load_changed = false;
    const bool idle = worker->able() && worker->active() < worker->registration.threads;
    const bool surplus = worker->active() > worker->kept_active();
    idle_workers_ += static_cast<std::size_t>(idle) - static_cast<std::size_t>(worker->counted_idle);
    surplus_workers_ += static_cast<std::size_t>(surplus) - static_cast<std::size_t>(worker->counted_surplus);
    worker->counted_idle = idle;
    worker->counted_surplus = surplus;
    const double load = load_of(*worker);
    for (RestrictionClass& restriction : classes_) {
      if (restriction.loads.size() == 0) continue;
      const auto place = std::lower_bound(restriction.valid.begin(), restriction.valid.end(), worker->id);
      if (place == restriction.valid.end() || *place != worker->id) continue;
      restriction.loads.set(static_cast<std::size_t>(place - restriction.valid.begin()), load);
    }
  }
  changed_loads_.clear();
}

/// After `valid` changed.
void SchedulerState::index_loads(RestrictionClass& restriction) {
  if (restriction.valid.size() < indexed_class) return restriction.loads.reset(0);
  restriction.loads.reset(restriction.valid.size());
  for (std::size_t i = 0; i < restriction.valid.size(); ++i)
    restriction.loads.set(i, load_of(*find_worker(restriction.valid[i])));
}

/// Of the workers with room the one with the least to do; null if there is none.
WorkerRecord* SchedulerState::least_loaded(const RestrictionClass& restriction) {
  if (restriction.loads.size() > 0) {
    settle_loads();
    const std::size_t place = restriction.loads.least();
    return place == LoadIndex::nobody ? nullptr : find_worker(restriction.valid[place]);
  }
  WorkerRecord* best = nullptr;
  double least = LoadIndex::full;
  for (const WorkerId id : restriction.valid) {
    WorkerRecord* worker = find_worker(id);
    if (const double load = load_of(*worker); load < least) {
      best = worker;
      least = load;
    }
  }
  return best;
}

void SchedulerState::place_ready() {
  if (ready_total_ == 0) return;
  while (ClientRecord* client = next_to_serve())
    if (!serve(*client)) return;
}

/// Of the clients with a task that could be placed now, the one that was served least.
ClientRecord* SchedulerState::next_to_serve() {
  std::vector<std::int8_t> room(classes_.size(), -1);
  ClientRecord* best = nullptr;
  for (auto& [id, client] : clients_) {
    if (best != nullptr && client->served_us >= best->served_us) continue;
    for (std::uint32_t i = 0; i < client->ready.size(); ++i) {
      ReadyQueue& queue = client->ready[i];
      while (!queue.empty()) {
        const TaskRef task = find(queue.front());
        if (task && task->state == TaskState::queued && task.group->owner == id) break;
        if (task && task->state == TaskState::no_worker && task.group->owner == id) break;
        queue.pop();
      }
      if (queue.empty()) continue;
      if (room[i] < 0) room[i] = least_loaded(classes_[i]) != nullptr ? 1 : 0;
      if (room[i] == 0) continue;
      best = client.get();
      break;
    }
  }
  if (best != nullptr) served_floor_us_ = best->served_us;
  return best;
}

/// Places a quantum of one client's tasks, or fails what fits nowhere. False: nothing could be placed.
bool SchedulerState::serve(ClientRecord& client) {
  const double quantum = clients_.size() == 1 ? std::numeric_limits<double>::max() : client.served_us + 500;
  std::uint32_t placed = 0;
  WorkerRecord* favourite = nullptr;
  std::size_t favoured = 0;
  std::size_t favour = 0;
  std::uint32_t favourite_class = 0;
  while (client.served_us < quantum) {
    ReadyQueue* queue = nullptr;
    std::uint32_t index = 0;
    for (std::uint32_t i = 0; i < client.ready.size(); ++i) {
      if (client.ready[i].empty() || classes_[i].valid.empty()) continue;
      if (queue != nullptr && !(client.ready[i].front_priority() < queue->front_priority())) continue;
      if (client.ready.size() > 1 && least_loaded(classes_[i]) == nullptr) continue;
      queue = &client.ready[i];
      index = i;
    }
    if (queue == nullptr) break;
    const TaskRef task = find(queue->front());
    if (!task || task->state != TaskState::queued || task.group->owner != client.id) {
      queue->pop();
      continue;
    }
    // Neighbours in the order go to the same worker, in runs that leave every other worker its share.
    if (favourite == nullptr || favourite_class != index || favoured >= favour || !has_room(*favourite)) {
      favourite = least_loaded(classes_[index]);
      if (favourite == nullptr) break;
      favoured = 0;
      favour = std::clamp<std::size_t>(queue->size() / (2 * classes_[index].valid.size()), 1, 512);
      favourite_class = index;
    }
    WorkerRecord* worker = where_inputs_fit(task, classes_[index], choose_worker(task, classes_[index], favourite));
    queue->pop();
    ++placed;
    if (worker == nullptr) {
      fail_too_large(task, classes_[index]);
      continue;
    }
    client.served_us += expected_us(task.task_template());
    if (worker == favourite) ++favoured;
    assign(task, *worker);
  }
  return placed > 0;
}

/// The worker where the task would start soonest: among holders of its inputs, `favourite`, and one at random.
WorkerRecord* SchedulerState::choose_worker(TaskRef task, const RestrictionClass& restriction,
                                            WorkerRecord* favourite) {
  const GraphChunk& chunk = *task.group->chunk;
  const std::uint32_t begin = chunk.dependencies_begin(task.index);
  const std::uint32_t end = std::min(chunk.dependencies_end(task.index), begin + 256);
  if (begin == end || restriction.valid.size() == 1) return favourite;
  std::vector<Candidate>& candidates = candidates_;
  candidates.clear();
  double total_bytes = 0;
  std::uint32_t inputs = 0;
  for (std::uint32_t edge = begin; edge < end; ++edge) {
    const std::uint32_t index = chunk.dependencies[edge];
    const TaskRef input =
        index < chunk.size ? TaskRef{task.group, index} : find(task.group->external[index - chunk.size]);
    total_bytes += static_cast<double>(input->nbytes);
    ++inputs;
    auto add = [&](WorkerId holder) {
      for (Candidate& candidate : candidates)
        if (candidate.worker->id == holder) {
          candidate.bytes += static_cast<double>(input->nbytes);
          ++candidate.inputs;
          return;
        }
      WorkerRecord* worker = find_worker(holder);
      if (worker != nullptr && candidates.size() < 16)
        candidates.push_back({worker, static_cast<double>(input->nbytes), 1});
    };
    add(input->worker);
    if (input.has(task_flag::replicated))
      for (const Replica& replica : *replicas_.find(input.id())) add(replica.worker);
  }
  auto consider = [&](WorkerRecord* worker) {
    for (const Candidate& candidate : candidates)
      if (candidate.worker == worker) return;
    candidates.push_back({worker, 0, 0});
  };
  consider(favourite);
  consider(find_worker(restriction.valid[random_() % restriction.valid.size()]));
  const double expected = expected_us(task.task_template());
  const double horizon = micros(config_.prefetch_horizon);
  WorkerRecord* best = favourite;
  double best_cost = std::numeric_limits<double>::max();
  for (const Candidate& candidate : candidates) {
    const WorkerRecord& worker = *candidate.worker;
    if (!worker.able() || !std::binary_search(restriction.valid.begin(), restriction.valid.end(), worker.id)) continue;
    if (worker.occupancy_us > 2 * horizon * worker.registration.threads && !has_room(worker)) continue;
    double delay = delay_of(worker);
    if (expected < tiny_task_us) delay = std::max(0.0, delay - horizon);
    if (candidate.inputs < inputs) delay += fetch_us + (total_bytes - candidate.bytes) / counters_.bandwidth * 1e6;
    if (delay < best_cost || (delay == best_cost && candidate.bytes > 0 && candidate.worker->id < best->id)) {
      best_cost = delay;
      best = candidate.worker;
    }
  }
  return best;
}

/// What a task's inputs take in memory, each counted once.
std::uint64_t SchedulerState::input_bytes(TaskRef task) const {
  std::vector<std::pair<TaskId, std::uint64_t>> inputs;
  for_each_dependency(task, [&](TaskRef input) { inputs.emplace_back(input.id(), input->nbytes); });
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  return std::accumulate(inputs.begin(), inputs.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& input) { return sum + input.second; });
}

/// A task runs with all inputs in memory. Where they do not fit into the chosen worker's, another one is looked for
/// among all; null if there is none.
WorkerRecord* SchedulerState::where_inputs_fit(TaskRef task, const RestrictionClass& restriction,
                                               WorkerRecord* chosen) {
  if (chosen->registration.memory_limit == 0) return chosen;
  std::uint64_t at_most = 0;
  for_each_dependency(task, [&](TaskRef input) { at_most += input->nbytes; });
  if (chosen->may_hold(at_most)) return chosen;
  const std::uint64_t bytes = input_bytes(task);
  if (chosen->may_hold(bytes)) return chosen;
  WorkerRecord* best = nullptr;
  const auto cost = [](const WorkerRecord& worker) {
    return std::pair(!worker.able(), worker.occupancy_us / worker.registration.threads);
  };
  for (const WorkerId id : restriction.valid) {
    WorkerRecord* worker = find_worker(id);
    if (worker->may_hold(bytes) && (best == nullptr || cost(*worker) < cost(*best))) best = worker;
  }
  return best;
}

void SchedulerState::fail_too_large(TaskRef task, const RestrictionClass& restriction) {
  std::uint64_t most = 0;
  for (const WorkerId id : restriction.valid) most = std::max(most, find_worker(id)->registration.memory_limit);
  err(task,
      make_error(task, TaskError::Kind::too_large,
                 "its inputs take " + std::to_string(input_bytes(task)) +
                     " bytes together, and no worker that may run it has more than " + std::to_string(most) +
                     " (worker.memory.limit)"),
      "inputs too large");
}

void SchedulerState::assign(TaskRef task, WorkerRecord& worker) {
  task->worker = worker.id;
  task->cost_us = static_cast<float>(expected_us(task.task_template()));
  if (worker.active() < worker.registration.threads) worker.moved_on = now_;
  if (!TROUPE_MUTANT(a_second_attempt_has_the_same_run) || task->run.value == 0) ++task->run.value;
  worker.processing.push_back(task.id());
  worker.occupancy_us += static_cast<double>(task->cost_us);
  load_changed(worker);
  move_to(task, TaskState::processing, "placed");
  task->position = static_cast<std::uint32_t>(worker.processing.size() - 1);
  send_compute(task, worker);
  if (task.task_template().task.annotations.run_ahead && task->dependents > 0) assign_chain(task, worker, chain_links);
}

/// Hands out the links that only wait for `task`, so that the worker starts each as the one before ends.
void SchedulerState::assign_chain(TaskRef task, WorkerRecord& worker, std::uint32_t links) {
  std::uint32_t placed = 0;
  for (TaskRef link = task; placed < links; ++placed) {
    TaskRef next{};
    for_each_dependent(link, [&](TaskRef dependent) {
      if (!next && dependent->state == TaskState::waiting && dependent->missing == 1 &&
          dependent.task_template().task.annotations.run_ahead)
        next = dependent;
    });
    if (!next) return;
    const auto& valid = classes_[next.task_template().restriction].valid;
    if (!std::binary_search(valid.begin(), valid.end(), worker.id)) return;
    next->worker = worker.id;
    next->position = static_cast<std::uint32_t>(worker.processing.size());
    next->cost_us = static_cast<float>(expected_us(next.task_template()));
    ++next->run.value;
    worker.processing.push_back(next.id());
    worker.occupancy_us += static_cast<double>(next->cost_us);
    load_changed(worker);
    next.set(task_flag::ahead);
    if (placed == links / 2) next.set(task_flag::extend);
    move_to(next, TaskState::processing, "placed ahead of its input");
    send_compute(next, worker);
    link = next;
  }
}

/// A task in the middle of a handed-out chain ended: hand out as much again.
void SchedulerState::extend_chain(TaskRef task) {
  WorkerRecord* worker = find_worker(task->worker);
  if (worker == nullptr || !worker->able()) return;
  TaskRef tail = task;
  for (bool moved = true; moved;) {
    moved = false;
    for_each_dependent(tail, [&](TaskRef dependent) {
      if (moved || dependent->state != TaskState::processing || dependent->worker != worker->id) return;
      tail = dependent;
      moved = true;
    });
  }
  if (tail->state == TaskState::processing) assign_chain(tail, *worker, chain_links / 2);
}

void SchedulerState::send_compute(TaskRef task, WorkerRecord& worker) {
  const TemplateRecord& record = task.task_template();
  if (record.id.value >= worker.knows_template.size() || !worker.knows_template[record.id.value]) {
    if (worker.knows_template.size() <= record.id.value) worker.knows_template.resize(record.id.value + 64);
    worker.knows_template[record.id.value] = true;
    auto& definition = last<DefineTemplates>(worker);
    definition.ids.push_back(record.id);
    definition.templates.push_back(record.task);
  }
  const GraphChunk& chunk = *task.group->chunk;
  const std::uint32_t begin = chunk.dependencies_begin(task.index);
  const std::uint32_t end = chunk.dependencies_end(task.index);
  sources_.clear();
  for_each_dependency(task, [&](TaskRef input) {
    const bool elsewhere = input->state == TaskState::memory && !holds(input, worker.id);
    sources_.push_back(elsewhere ? source_of(input, worker) : WorkerId{});
    if (elsewhere) introduce(worker, sources_.back());
  });
  auto& message = last<ComputeTasks>(worker);
  if (message.tasks.empty()) reserve(message, usual_batch);
  if (worker.learns_origin(task.group->number)) message.origins.push_back(origin_of(*task.group));
  message.tasks.push_back(task.id());
  message.runs.push_back(task->run);
  message.templates.push_back(record.id);
  message.priorities.push_back(priority_of(task));
  message.inline_wanted.push_back(is_wanted(task) ? 1 : 0);
  const std::size_t count = message.tasks.size();
  if (!chunk.argument_offsets.empty()) {
    if (message.argument_offsets.empty()) message.argument_offsets.assign(count, 0);
    const std::byte* data = chunk.arguments.data();
    worker.arguments.insert(worker.arguments.end(), data + chunk.argument_offsets[task.index],
                            data + chunk.argument_offsets[task.index + 1]);
  }
  if (!message.argument_offsets.empty())
    message.argument_offsets.push_back(static_cast<std::uint32_t>(worker.arguments.size()));
  if (begin != end) {
    if (message.input_offsets.empty()) {
      message.input_offsets.reserve(usual_batch + 1);
      message.input_offsets.assign(count, 0);
      message.inputs.reserve(usual_batch);
      message.input_holders.reserve(usual_batch);
      message.input_nbytes.reserve(usual_batch);
    }
    for_each_dependency(task, [&](TaskRef input) {
      message.inputs.push_back(input.id());
      message.input_nbytes.push_back(input->nbytes);
    });
    message.input_holders.insert(message.input_holders.end(), sources_.begin(), sources_.end());
  }
  if (!message.input_offsets.empty())
    message.input_offsets.push_back(static_cast<std::uint32_t>(message.inputs.size()));
}

/// Which holder of a value a worker is to fetch it from: one that can be reached, if there is one, on the worker's own
/// host, if there is one; of several like that any, so that a value that many need is not had from one of them alone.
WorkerId SchedulerState::source_of(TaskRef input, const WorkerRecord& reader) {
  if (!input.has(task_flag::replicated)) return input->worker;
  WorkerId chosen;
  int best = -1;
  std::uint32_t equals = 0;
  const auto consider = [&](WorkerId id) {
    const WorkerRecord& holder = *find_worker(id);
    const bool well = holder.reachable && !holder.suspect;
    const int rank = (well ? 2 : 0) + (holder.registration.host == reader.registration.host ? 1 : 0);
    if (rank < best) return;
    if (std::exchange(best, rank) < rank) equals = 0;
    if (random_() % ++equals == 0) chosen = id;
  };
  consider(input->worker);
  for (const Replica& replica : *replicas_.find(input.id())) consider(replica.worker);
  return chosen;
}

/// When a worker is idle and nothing is queued for it, asks the most loaded one that has any to give for half of what it
/// need not hold.
void SchedulerState::steal() {
  if (!config_.work_stealing || ready_total_ > 0 || now_ - last_steal_ < config_.work_stealing_interval) return;
  settle_loads();
  if (idle_workers_ == 0 || surplus_workers_ == 0) return;
  std::vector<std::pair<double, WorkerRecord*>> victims;
  for (auto& [id, worker] : workers_)
    if (!worker->steal_pending && worker->active() > worker->kept_active())
      victims.emplace_back(delay_of(*worker), worker.get());
  if (victims.empty()) return;
  last_steal_ = now_;
  const auto most = victims.begin() + static_cast<std::ptrdiff_t>(std::min(victims_max, victims.size()));
  std::partial_sort(victims.begin(), most, victims.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->id < b.second->id;
  });
  for (auto victim = victims.begin(); victim != most; ++victim)
    if (steal_from(*victim->second)) return;
}

/// False: it has nothing to give.
bool SchedulerState::steal_from(WorkerRecord& victim) {
  std::size_t count = victim.active();
  if (victim.status != WorkerStatus::paused) {
    const std::uint32_t surplus = victim.active() - victim.registration.threads;
    const double backlog_us = delay_of(victim) * victim.registration.threads;
    if (backlog_us * surplus / victim.active() < 500 && victim.able()) return false;
    count = (surplus + 1) / 2;
  }
  StealTasks request;
  // What it would wait for a thread that is held by what takes longer than was thought.
  const double delay_us = delay_of(victim) - victim.occupancy_us / victim.registration.threads;
  for (std::size_t i = victim.processing.size(); i-- > 0 && request.tasks.size() < count;) {
    const TaskRef task = find(victim.processing[i]);
    if (task.has(task_flag::seceded | task_flag::stealing | task_flag::ahead)) continue;
    if (task.task_template().task.annotations.run_ahead) continue;
    const RestrictionClass& restriction = classes_[task.task_template().restriction];
    std::uint64_t bytes = 0;
    for_each_dependency(task, [&](TaskRef input) { bytes += input->nbytes; });
    const double worth_us = std::max(static_cast<double>(task->cost_us), delay_us);
    if (static_cast<double>(bytes) / counters_.bandwidth * 1e6 > worth_us) continue;
    const bool useful = std::any_of(restriction.valid.begin(), restriction.valid.end(), [&](WorkerId id) {
      const WorkerRecord* worker = find_worker(id);
      return worker != &victim && worker->able() && worker->active() < worker->registration.threads &&
             worker->may_hold(bytes);
    });
    if (!useful) continue;
    task.set(task_flag::stealing);
    counters_.steal_requests_us += static_cast<std::uint64_t>(task->cost_us);
    request.tasks.push_back(task.id());
    request.runs.push_back(task->run);
  }
  if (request.tasks.empty()) return false;
  counters_.steal_requests += request.tasks.size();
  victim.steals_asked += static_cast<std::uint32_t>(request.tasks.size());
  victim.steal_pending = true;
  tell_worker(victim, std::move(request));
  return true;
}

/// What it has not started is given up, whatever that costs.
void SchedulerState::steal_all_from(WorkerRecord& worker) {
  StealTasks request;
  for (const TaskId id : worker.processing) {
    const TaskRef task = find(id);
    if (task.has(task_flag::seceded | task_flag::stealing)) continue;
    task.set(task_flag::stealing);
    counters_.steal_requests_us += static_cast<std::uint64_t>(task->cost_us);
    request.tasks.push_back(id);
    request.runs.push_back(task->run);
  }
  if (request.tasks.empty()) return;
  worker.steal_pending = true;
  worker.steals_asked += static_cast<std::uint32_t>(request.tasks.size());
  counters_.steal_requests += request.tasks.size();
  tell_worker(worker, std::move(request));
}

bool SchedulerState::may_run(const RestrictionClass& restriction, const WorkerRecord& worker, bool loose) const {
  const RegisterWorker& registration = worker.registration;
  if (worker.status == WorkerStatus::closing || worker.retiring) return false;
  if (!restriction.module.empty() && !worker.has_module(restriction.module, restriction.build)) return false;
  if (!loose && !restriction.workers.empty() && !worker.is_named(restriction.workers)) return false;
  return std::all_of(restriction.resources.begin(), restriction.resources.end(), [&](const ResourceAmount& needed) {
    return std::any_of(
        registration.resources.begin(), registration.resources.end(),
        [&](const ResourceAmount& offered) { return offered.name == needed.name && offered.amount >= needed.amount; });
  });
}

/// Which workers may run tasks of a class; its tasks move between `queued` and `no_worker` accordingly.
void SchedulerState::refresh_class(std::uint32_t index) {
  RestrictionClass& restriction = classes_[index];
  const bool had = !restriction.valid.empty();
  restriction.valid.clear();
  restriction.loose = false;
  for (const bool loose : {false, true}) {
    if (loose && (!restriction.allow_other_workers || !restriction.valid.empty())) break;
    for (const auto& [id, worker] : workers_)
      if (may_run(restriction, *worker, loose)) restriction.valid.push_back(id);
    restriction.loose = loose;
  }
  index_loads(restriction);
  const bool has = !restriction.valid.empty();
  if (had == has) return;
  for (auto& [id, client] : clients_) {
    if (index >= client->ready.size()) continue;
    client->ready[index].for_each([&](TaskId entry) {
      const TaskRef task = find(entry);
      if (!task) return;
      if (has && task->state == TaskState::no_worker) move_to(task, TaskState::queued, "a worker may run it");
      if (!has && task->state == TaskState::queued) move_to(task, TaskState::no_worker, "no worker may run it");
    });
  }
}

void SchedulerState::refresh_classes() {
  for (std::uint32_t i = 0; i < classes_.size(); ++i) refresh_class(i);
}

/// A worker came: it is the last one by id, so that a class that has workers only grows at its end.
void SchedulerState::admit(WorkerRecord& worker) {
  load_changed(worker);
  for (std::uint32_t i = 0; i < classes_.size(); ++i) {
    RestrictionClass& restriction = classes_[i];
    if (restriction.valid.empty() || restriction.loose) {
      refresh_class(i);
    } else if (may_run(restriction, worker, false)) {
      restriction.valid.push_back(worker.id);
      if (restriction.loads.size() == 0 || !restriction.loads.grow()) index_loads(restriction);
    }
  }
}

/// Fails tasks that nobody could run for too long, saying what is missing.
void SchedulerState::fail_unplaceable() {
  for (std::uint32_t i = 0; i < classes_.size(); ++i) {
    const RestrictionClass& restriction = classes_[i];
    if (restriction.unrunnable == 0) continue;
    bool module_missing = !restriction.module.empty() && !workers_.empty();
    std::string known;
    for (const auto& [id, worker] : workers_) {
      if (worker->has_module(restriction.module, restriction.build)) module_missing = false;
      for (const ModuleInfo& module : worker->registration.modules) {
        const std::string text = module.name == restriction.module ? module.name + " (another build)" : module.name;
        if (known.find(text) == std::string::npos && known.size() < 500) known += (known.empty() ? "" : ", ") + text;
      }
    }
    const Duration limit = module_missing ? config_.missing_module_timeout : config_.no_workers_timeout;
    if (limit.count() == 0 || now_ - restriction.empty_since < limit) continue;
    const std::string message =
        module_missing ? "no worker has the module '" + restriction.module + "' in the build that the client uses; " +
                             (known.empty() ? "the workers have none" : "the workers have: " + known) +
                             ". Start workers with --module, or from the program that submits"
                       : "no worker satisfies the task's restrictions and resources";
    std::vector<TaskId> tasks;
    for (auto& [id, client] : clients_)
      if (i < client->ready.size()) client->ready[i].for_each([&](TaskId task) { tasks.push_back(task); });
    for (const TaskId id : tasks)
      if (const TaskRef task = find(id); task && task->state == TaskState::no_worker)
        err(task, make_error(task, TaskError::Kind::no_worker, message), "no worker for too long");
  }
}

}  // namespace troupe
