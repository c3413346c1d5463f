#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/host.hpp"
#include "runtime/simulation/world.hpp"

// Where a worker's values are, in memory or on disk, and how they get from one to the other, to peers and from them.

namespace troupe::simulation {

std::uint64_t WorkerProcess::sum_of(const Values& values) {
  std::uint64_t bytes = 0;
  for (const auto& [task, kept] : values) bytes += bytes_of(kept.value);
  return bytes;
}

std::string WorkerProcess::misplaced() const {
  const auto& counters = state_->counters();
  if (counters.stored == store_.size() && counters.spilled == disk_.size() &&
      counters.managed_bytes == sum_of(store_) && counters.spilled_bytes == sum_of(disk_))
    return {};
  return fmt::format("says it has {} values of {} bytes in memory and {} of {} on disk, and has {} of {} and {} of {}",
                     counters.stored, counters.managed_bytes, counters.spilled, counters.spilled_bytes, store_.size(),
                     sum_of(store_), disk_.size(), sum_of(disk_));
}

const SimValue* WorkerProcess::find(TaskId task) const {
  if (const auto found = store_.find(task); found != store_.end()) return &found->second.value;
  const auto found = disk_.find(task);
  return found == disk_.end() ? nullptr : &found->second.value;
}

/// What is on disk of the same task is no longer its value.
void WorkerProcess::keep(TaskId task, SimValue value) {
  store_[task] = {value, ++last_version_};
  disk_.erase(task);
  unreadable_.erase(task);
}

void WorkerProcess::drop(const std::vector<TaskId>& tasks) {
  for (const TaskId task : tasks) {
    world_.story().note(task.value);
    unreadable_.erase(task);
    if (store_.erase(task) + disk_.erase(task) + damaged_.erase(task) == 0)
      world_.violated("I18", "a value is dropped that is not there", task);
  }
  std::erase_if(damaged_, [this](TaskId task) {
    const auto key = state_->key(task);
    return !key || key->data != KeyData::spilled;
  });
}

// ---- memory and disk --------------------------------------------------------------------------------------------

void WorkerProcess::spill(TaskId task) {
  const auto found = store_.find(task);
  if (found == store_.end()) world_.violated("I18", "a value goes to disk that is not in memory", task);
  world_.at(world_.now() + world_.execution_random().up_to(world_.options().run_time), process_,
            [this, task, version = found->second.version, generation = generation_] {
              if (over_ || generation != generation_) return;
              auto outcome = SpillOutcome::written;
              const auto now = store_.find(task);
              if (world_.chance_of(Fault::disk_full, world_.options().disk_full_rate)) {
                outcome = SpillOutcome::refused;
              } else if (now == store_.end() || now->second.version != version) {
                outcome = SpillOutcome::obsolete;
                world_.cover().reached("a value on its way to disk is not needed any more");
              } else {
                disk_[task] = now->second;
                store_.erase(now);
                world_.cover().reached("a value goes to disk");
              }
              handle(ValuesSpilled{{task}, {outcome}});
            });
}

void WorkerProcess::load(TaskId task) {
  world_.at(world_.now() + world_.execution_random().up_to(world_.options().run_time), process_,
            [this, task, generation = generation_] {
              if (over_ || generation != generation_) return;
              auto outcome = LoadOutcome::obsolete;
              if (const auto found = disk_.find(task); found != disk_.end()) {
                if (world_.chance_of(Fault::corrupt, world_.options().corrupt_rate)) {
                  outcome = LoadOutcome::lost;
                  damaged_.insert(task);
                  world_.cover().reached("a value on disk is damaged when a task needs it");
                } else {
                  outcome = LoadOutcome::loaded;
                  store_[task] = {found->second.value, ++last_version_};
                  world_.cover().reached("a value comes back from disk");
                }
                disk_.erase(found);
              }
              handle(ValuesLoaded{{task}, {outcome}});
            });
}

/// A peer's request found a value on disk damaged; the machine hears of it a moment later.
void WorkerProcess::lose(TaskId task) {
  disk_.erase(task);
  damaged_.insert(task);
  world_.cover().reached("a value on disk is damaged when a peer asks for it");
  world_.at(world_.now(), process_, [this, task, generation = generation_] {
    if (!over_ && generation == generation_) handle(ValuesLost{{task}});
  });
}

// ---- peers ------------------------------------------------------------------------------------------------------

/// What one worker could not read, none can; to a client it happens once. What is damaged on disk is so for all.
GotValues WorkerProcess::serve(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, bool to_worker) {
  GotValues result;
  ValuesServed serving{{}, true};
  std::uint64_t sum = 0;
  for (const TaskId task : tasks) {
    const SimValue* value = find(task);
    bool unreadable = to_worker && unreadable_.contains(task);
    if (value != nullptr && !unreadable && world_.chance_of(Fault::corrupt, world_.options().corrupt_rate)) {
      unreadable = true;
      if (disk_.contains(task))
        lose(task);
      else if (to_worker)
        unreadable_.insert(task);
    }
    if (value == nullptr || unreadable) {
      result.missing.push_back(task);
      continue;
    }
    const std::uint64_t nbytes = bytes_of(*value);
    if (!serving.tasks.empty() && sum + nbytes > max_bytes) continue;  // held back
    if (disk_.contains(task)) world_.cover().reached("a peer is given a value from disk");
    sum += nbytes;
    result.received.push_back(task);
    result.values.push_back(*value);
    serving.tasks.push_back(task);
    ++serving_[task];
  }
  if (!serving.tasks.empty())
    world_.at(world_.now(), process_, [this, generation = generation_, serving = std::move(serving)] {
      if (generation == generation_) handle(serving);
    });
  return result;
}

void WorkerProcess::served(const std::vector<TaskId>& tasks) {
  ValuesServed ended{{}, false};
  for (const TaskId task : tasks) {
    // What was served in an earlier registration means nothing to this one.
    if (auto& forgotten = served_before_[task]; forgotten > 0) {
      --forgotten;
      continue;
    }
    --serving_[task];
    ended.tasks.push_back(task);
  }
  if (!ended.tasks.empty()) handle(std::move(ended));
}

void WorkerProcess::put(const std::vector<TaskId>& tasks, const std::vector<SimValue>& values) {
  ValuesPut event;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (find(tasks[i]) != nullptr) continue;
    keep(tasks[i], values[i]);
    event.tasks.push_back(tasks[i]);
    event.nbytes.push_back(bytes_of(values[i]));
  }
  if (!event.tasks.empty()) handle(std::move(event));
}

void WorkerProcess::fetch(const Fetch& fetch) {
  world_.story().note(fetch.fetch, fetch.tasks.size());
  world_.get_values(
      host_.node(), process_, fetch.address, fetch.tasks, fetch.max_bytes,
      [this, number = fetch.fetch, peer = fetch.peer, begun = world_.now(), generation = generation_](GotValues got) {
        if (over_ || generation != generation_) return;
        FetchDone done;
        done.fetch = number;
        done.outcome = got.outcome;
        for (std::size_t i = 0; i < got.received.size(); ++i) {
          keep(got.received[i], got.values[i]);
          done.nbytes.push_back(bytes_of(got.values[i]));
        }
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(world_.now() - begun);
        for (const std::uint64_t nbytes : done.nbytes)
          spent_.sources.push_back({peer, {1, nbytes, static_cast<std::uint64_t>(took.count())}});
        done.received = std::move(got.received);
        done.missing = std::move(got.missing);
        for (const TaskId task : done.received)
          if (const auto key = state_->key(task)) world_.cover().key(*key);
        handle(std::move(done));
      });
}

}  // namespace troupe::simulation
