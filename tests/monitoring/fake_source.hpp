#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "monitoring/cluster_source.hpp"

namespace troupe::monitoring {

inline Instant steady_now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
              .count()};
}

/// A cluster that is whatever a test says it is.
class FakeSource final : public ClusterSource {
public:
  std::optional<ClusterView> view() override {
    const std::lock_guard lock(mutex);
    ++views;
    if (ended) return std::nullopt;
    ClusterView now = cluster;
    now.now = steady_now();
    return now;
  }
  TaskPage tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most, std::size_t) override {
    TaskPage page;
    for (std::uint64_t i = from; i < rows.size(); ++i) {
      if (page.tasks.size() == most) {
        page.next = i;
        break;
      }
      ++page.scanned;
      if (filter.state && rows[i].state != *filter.state) continue;
      if (filter.worker && rows[i].worker != filter.worker) continue;
      page.tasks.push_back(rows[i]);
    }
    return page;
  }
  std::optional<TaskFacts> detail(std::string_view task) override {
    if (known && known->task.key == task) return known;
    return std::nullopt;
  }
  std::vector<GroupView> groups(std::size_t) override { return group_list; }
  std::vector<GroupTasks> graph(std::size_t, std::uint64_t) override { return graph_list; }
  std::vector<TaskStep> steps(std::size_t) override { return step_list; }
  TaskHistory::Snapshot history() override { return past.snapshot(); }
  std::vector<FailedTask> failures() override { return {past.failures().begin(), past.failures().end()}; }
  std::vector<StolenTask> steals() override { return {past.steals().begin(), past.steals().end()}; }
  TurnDurations turns() override { return turned; }
  TimeView times() override { return spent; }
  std::vector<SpanView> spans() override { return span_list; }
  std::uint64_t desired_workers() override { return desired; }
  Result<void> control(TaskControl control, const std::vector<std::string>& names, const std::string& reason) override {
    acts.push_back((control == TaskControl::cancel ? "cancel " : "retry ") + names.front() + " " + reason);
    if (names.front() == "unknown") return tl::unexpected(Error{ErrorKind::invalid, "no task is known as 'unknown'"});
    return {};
  }
  Result<void> retire(const std::string& worker) override {
    acts.push_back("retire " + worker);
    return {};
  }
  Result<void> restart(const std::string& worker) override {
    acts.push_back("restart " + worker);
    return {};
  }

  std::mutex mutex;  ///< guards `cluster`, `ended` and `views` while a recorder runs
  ClusterView cluster;
  bool ended{};
  unsigned views{};
  std::vector<TaskView> rows;
  std::optional<TaskFacts> known;
  std::vector<GroupView> group_list;
  std::vector<GroupTasks> graph_list;
  std::vector<TaskStep> step_list;
  TaskHistory past;
  TurnDurations turned;
  TimeView spent;
  std::vector<SpanView> span_list;
  std::uint64_t desired{};
  std::vector<std::string> acts;
};

/// Two workers with four threads, three kinds of tasks, 28 tasks.
inline ClusterView some_cluster() {
  ClusterView view;
  view.cluster = {1, 2};
  view.epoch = {0xffffffffffffffffULL};
  view.address = "127.0.0.1:8786";
  for (std::size_t i = 0; i + 1 < task_state_count; ++i) view.counters.tasks[i] = i + 1;
  view.counters.finished = 1000;
  view.counters.groups = 2;
  view.counters.workers_running = 2;
  view.workers.resize(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    WorkerView& worker = view.workers[i];
    worker.address = {WorkerId{i + 1}, i == 0 ? "w\"<script>1" : "w2", "127.0.0.1:1", "box"};
    worker.threads = 2;
    worker.memory_limit = 1000;
    worker.value_bytes = 500;
    worker.heartbeat.spilled_bytes = 100;
    worker.heartbeat.process_bytes = 700;
    worker.heartbeat.unmanaged_old_bytes = 200;
    worker.heartbeat.executing = 1;
    worker.heartbeat.surroundings = {250, 1000, 2000, i == 0 ? -300'000 : 5000, {}};
    worker.occupancy_us = 1e6;
    worker.nannied = i == 1;
  }
  view.prefixes = {{"load", {}, {}}, {"sum", {}, {}}, {"idle", {}, {}}};
  view.prefixes[0].counters = {10, 1, 2, 0, 5'000'000, 4096, 500'000};
  view.prefixes[1].tasks.states[static_cast<std::size_t>(TaskState::queued)] = 8;
  view.prefixes[1].tasks.memory_bytes = 77;
  view.prefixes[1].counters.duration_us = 1'000'000;
  return view;
}

}  // namespace troupe::monitoring
