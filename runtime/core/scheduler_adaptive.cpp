#include <algorithm>
#include <cmath>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// How many workers there should be, and which can go: for whoever starts and ends them.

namespace troupe {
namespace {

constexpr double memory_nearly_full = 0.60;  ///< of all workers' limits: as many workers again
constexpr double memory_left_half = 0.50;    ///< those that stay hold at most so much of theirs
constexpr double unknown_task_us = 500'000;

}  // namespace

/// So many workers that what is known to be there to do takes no longer than `duration`.
std::uint32_t SchedulerState::adaptive_target(Duration duration) const {
  const double target_us = std::max(1.0, std::chrono::duration<double, std::micro>(duration).count());
  double compute_us = 0;
  double finished = 0;
  for (const Prefix& prefix : prefixes_) {
    compute_us += static_cast<double>(prefix.counters.compute_us);
    finished += static_cast<double>(prefix.counters.finished);
  }
  const double mean_us = finished > 0 ? compute_us / finished : unknown_task_us;
  double work_us = 0;
  double ready = 0;
  double threads = 0;
  double managed = 0;
  double limit = 0;
  bool limited = true;
  for (const auto& [id, worker] : workers_) {
    work_us += worker->occupancy_us;
    ready += worker->active();
    threads += worker->registration.threads;
    managed += static_cast<double>(worker->managed_bytes);
    limit += static_cast<double>(worker->registration.memory_limit);
    limited = limited && worker->registration.memory_limit > 0;
  }
  const double queued =
      static_cast<double>(ready_total_ + counters_.tasks[static_cast<std::size_t>(TaskState::no_worker)]);
  work_us += queued * mean_us;
  ready += queued;
  const double each = workers_.empty() ? 1 : threads / static_cast<double>(workers_.size());
  // More threads than tasks are of no use, however long these take.
  double wanted = std::ceil(std::min(work_us / target_us, ready) / each);
  if (ready > 0) wanted = std::max(wanted, 1.0);
  if (!workers_.empty() && limited && managed > memory_nearly_full * limit)
    wanted = std::max(wanted, 2.0 * static_cast<double>(workers_.size()));
  return static_cast<std::uint32_t>(std::min(wanted, 1e9));
}

/// The target, but never fewer than those that may not go.
std::uint64_t SchedulerState::desired_workers(Duration within) {
  count_workers();
  const auto there = counters_.workers_running + counters_.workers_paused + counters_.workers_suspect;
  return std::max<std::uint64_t>(adaptive_target(within), there - std::min(there, workers_to_close(0).size()));
}

/// Of the workers with nothing to do those that hold least, at most `count` (0 = any number), as long as what is held
/// in all has room on those that stay.
std::vector<std::string> SchedulerState::workers_to_close(std::uint32_t count) const {
  std::vector<const WorkerRecord*> idle;
  double held = 0;
  double room = 0;
  bool limited = true;
  std::size_t staying = 0;
  for (const auto& [id, worker] : workers_) {
    if (worker->closing || worker->retiring) continue;
    ++staying;
    held += static_cast<double>(worker->managed_bytes);
    room += static_cast<double>(worker->registration.memory_limit);
    limited = limited && worker->registration.memory_limit > 0;
    if (worker->processing.empty()) idle.push_back(worker.get());
  }
  std::stable_sort(idle.begin(), idle.end(),
                   [](const WorkerRecord* a, const WorkerRecord* b) { return a->managed_bytes < b->managed_bytes; });
  std::vector<std::string> names;
  const bool needed = ready_total_ > 0 || counters_.tasks[static_cast<std::size_t>(TaskState::processing)] > 0;
  for (const WorkerRecord* worker : idle) {
    if (count > 0 && names.size() == count) break;
    const auto gone = static_cast<double>(worker->registration.memory_limit);
    if (limited && held > 0 && held > memory_left_half * (room - gone)) break;
    if (staying == 1 && (needed || held > 0)) break;  // somebody has to keep what there is
    room -= gone;
    --staying;
    names.push_back(worker->registration.name);
  }
  return names;
}

}  // namespace troupe
