#include "monitoring/cluster_collector.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "monitoring/api_json.hpp"

namespace troupe::monitoring {

using prometheus::MetricFamily;

namespace {

MetricFamily lag_family(const DurationHistogram& lag) {
  return histogram("troupe_event_loop_lag_seconds", "How long the loop lets a question wait.", {{lag, {}}});
}

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

std::vector<MetricFamily> RecorderCollector::Collect() const {
  examples_.clear();
  const TurnDurations turns = source_->turns();
  std::vector<MetricFamily> out{
      lag_family(recorder_->lag()),
      histogram("troupe_scheduler_decision_seconds",
                "A turn of the scheduler: what came in is taken up, tasks are placed, messages are sent.",
                {{turns.decisions, {}}}),
      histogram("troupe_scheduler_submit_duration_seconds", "Taking up a graph chunk.", {{turns.submissions, {}}}),
  };
  const auto picture = recorder_->picture(std::chrono::seconds(1));
  if (!picture) return out;
  const ClusterView& view = picture->view;
  const PrefixNames names = prefix_names(*picture);
  const std::vector<DurationHistogram> durations = recorder_->run_durations();
  std::map<std::string, DurationHistogram> by_label;
  std::map<std::string, std::size_t> prefix_of;  // for the names of examples
  for (std::size_t i = 0; i < durations.size() && i < names.size(); ++i) {
    std::string label = label_value(names[i]);
    if (!by_label.contains(label) && by_label.size() >= prefix_labels_max) label = "other";
    by_label[label] += durations[i];
    prefix_of.try_emplace(label, i);
  }
  std::map<std::uint64_t, SpanContext> span_of;  // by group, of the latest that have one
  constexpr std::size_t groups_most = 1000;
  for (const GroupView& group : source_->groups(groups_most))
    if (group.origin.span) span_of.emplace(group.number, group.origin.span);
  std::vector<HistogramSample> samples;
  std::vector<std::vector<Example>> examples;
  for (const auto& [label, durations_of] : by_label) {
    samples.push_back({durations_of, {{"prefix", label}}});
    auto& line = examples.emplace_back();
    for (std::size_t bucket = 0; bucket < DurationHistogram::bucket_count; ++bucket) {
      const auto& last = durations_of.example(bucket);
      Example example;
      if (last.task)
        example = {fmt::format("{}-{}", last.task.group(), last.task.index()), number(last.microseconds) * 1e-6,
                   last.at_unix_ms / 1000};
      if (const auto span = span_of.find(last.task.group()); last.task && span != span_of.end()) {
        example.trace_id = span->second.trace.hex();
        example.span = label_value(span->second.name);
      }
      line.push_back(std::move(example));
    }
  }
  out.push_back(histogram("troupe_scheduler_task_duration_seconds",
                          "Time in users' functions, by name of the function.", std::move(samples)));
  examples_["troupe_scheduler_task_duration_seconds"] = std::move(examples);
  double last_seen_ms = 0;
  for (const WorkerView& worker : view.workers)
    last_seen_ms = std::max(last_seen_ms, recorder_->clock().unix_ms(worker.last_seen.nanoseconds));
  out.push_back(gauge("troupe_scheduler_last_heartbeat_timestamp_seconds",
                      "When a worker last gave a sign of life; 0 if there is none.", {{last_seen_ms / 1000}}));
  std::int64_t skew_us = 0;
  for (const WorkerView& worker : view.workers)
    skew_us = std::max(skew_us, std::abs(worker.heartbeat.surroundings.clock_skew_us));
  out.push_back(gauge("troupe_scheduler_worker_clock_skew_seconds",
                      "What the clock of a worker differs from the scheduler's by, at most, either way.",
                      {{static_cast<double>(skew_us) * 1e-6}}));
  out.push_back(gauge("troupe_scheduler_desired_workers",
                      "So many that what there is to do takes five seconds, and that what they hold has room.",
                      {{number(source_->desired_workers())}}));
  out.push_back(counter("troupe_scheduler_tasks_transfer_seconds_total",
                        "Time in which workers fetched values from others, of all functions.",
                        {{number(source_->times().moved.us) * 1e-6}}));
  out.push_back(gauge("troupe_history_runs", "Runs of tasks that are remembered.", {{number(view.history_records)}}));
  out.push_back(counter("troupe_history_runs_recorded_total", "Runs of tasks that were recorded.",
                        {{number(view.history_recorded)}}));
  return out;
}

std::vector<MetricFamily> ClusterCollector::Collect() const {
  const auto picture = recorder_->picture(std::chrono::seconds(1));
  if (!picture) return {};
  const auto& workers = picture->view.workers;
  const bool too_many = workers.size() > most;
  std::vector<MetricFamily> out{gauge("troupe_cluster_workers", "Workers of the cluster.", {{number(workers.size())}}),
                                gauge("troupe_cluster_workers_left_out",
                                      "1 if there are too many workers to show each.", {{too_many ? 1.0 : 0.0}})};
  if (too_many) return out;
  const auto each = [&](auto value) {
    std::vector<Sample> samples;
    for (const WorkerView& worker : workers)
      samples.push_back({value(worker), {{"worker", label_value(worker.address.name)}}});
    return samples;
  };
  std::vector<Sample> infos;
  for (const WorkerView& worker : workers)
    infos.push_back({1,
                     {{"worker", label_value(worker.address.name)},
                      {"address", label_value(worker.address.address)},
                      {"host", label_value(worker.address.host)}}});
  const auto traffic = [](const WorkerView& worker) -> const Traffic& { return worker.heartbeat.traffic; };
  out.push_back(gauge("troupe_cluster_worker_info", "A worker; the value is always 1.", std::move(infos)));
  out.push_back(gauge("troupe_cluster_worker_threads", "Threads that run tasks.",
                      each([](const WorkerView& w) { return number(w.threads); })));
  out.push_back(gauge("troupe_cluster_worker_tasks_processing", "Tasks assigned.",
                      each([](const WorkerView& w) { return number(w.processing); })));
  out.push_back(gauge("troupe_cluster_worker_tasks_executing", "Tasks that run.",
                      each([](const WorkerView& w) { return number(w.heartbeat.executing); })));
  out.push_back(counter("troupe_cluster_worker_tasks_finished_total", "Tasks that made a value there.",
                        each([](const WorkerView& w) { return number(w.finished); })));
  out.push_back(counter("troupe_cluster_worker_cpu_seconds_total", "Time of processors that its process used.",
                        each([](const WorkerView& w) { return number(w.heartbeat.cpu_ms) / 1000; })));
  out.push_back(gauge("troupe_cluster_worker_memory_process_bytes", "Memory of its process.",
                      each([](const WorkerView& w) { return number(w.heartbeat.process_bytes); })));
  out.push_back(gauge("troupe_cluster_worker_memory_managed_bytes", "Size of the values in memory.",
                      each([](const WorkerView& w) {
                        return number(w.value_bytes - std::min(w.value_bytes, w.heartbeat.spilled_bytes));
                      })));
  out.push_back(gauge("troupe_cluster_worker_spilled_bytes", "Size in memory that the values on disk would have.",
                      each([](const WorkerView& w) { return number(w.heartbeat.spilled_bytes); })));
  out.push_back(gauge("troupe_cluster_worker_memory_limit_bytes", "Memory it may use; 0 = not limited.",
                      each([](const WorkerView& w) { return number(w.memory_limit); })));
  out.push_back(counter("troupe_cluster_worker_received_bytes_total", "Bytes of values fetched from others.",
                        each([&](const WorkerView& w) { return number(traffic(w).received_bytes); })));
  out.push_back(counter("troupe_cluster_worker_sent_bytes_total", "Bytes of values given to others.",
                        each([&](const WorkerView& w) { return number(traffic(w).sent_bytes); })));
  out.push_back(counter("troupe_cluster_worker_spill_write_bytes_total", "Bytes of values written to disk.",
                        each([&](const WorkerView& w) { return number(traffic(w).disk_written_bytes); })));
  out.push_back(counter("troupe_cluster_worker_spill_read_bytes_total", "Bytes of values read from disk.",
                        each([&](const WorkerView& w) { return number(traffic(w).disk_read_bytes); })));
  out.push_back(gauge("troupe_cluster_worker_open_files", "Files that its process has open; 0 = not measured.",
                      each([&](const WorkerView& w) { return number(traffic(w).open_files); })));
  const auto around = [](const WorkerView& worker) -> const Surroundings& { return worker.heartbeat.surroundings; };
  out.push_back(gauge("troupe_cluster_worker_latency_seconds", "Round trip of its last heartbeat; 0 = not known.",
                      each([&](const WorkerView& w) { return number(around(w).round_trip_us) * 1e-6; })));
  out.push_back(gauge("troupe_cluster_worker_clock_skew_seconds", "By which its clock is ahead of the scheduler's.",
                      each([&](const WorkerView& w) { return static_cast<double>(around(w).clock_skew_us) * 1e-6; })));
  out.push_back(gauge("troupe_cluster_worker_spill_disk_free_bytes",
                      "Room in the file system for values on disk; 0 also where none leaves memory.",
                      each([&](const WorkerView& w) { return number(around(w).disk_free_bytes); })));
  out.push_back(gauge("troupe_cluster_worker_spill_disk_size_bytes",
                      "Of that file system; 0 = no value leaves its memory.",
                      each([&](const WorkerView& w) { return number(around(w).disk_total_bytes); })));
  std::vector<LabelledGpu> gpus;
  for (const WorkerView& worker : workers)
    for (auto& gpu : labelled(around(worker).gpus, label_value(worker.address.name))) gpus.push_back(std::move(gpu));
  add_gpus(out, "troupe_cluster_worker_", gpus);
  return out;
}

LagProbe::LagProbe(std::function<void()> round_trip, std::chrono::milliseconds interval) {
  thread_ = std::thread([this, round_trip = std::move(round_trip), interval] {
    for (;;) {
      const auto asked = std::chrono::steady_clock::now();
      round_trip();
      const auto waited = std::chrono::steady_clock::now() - asked;
      std::unique_lock lock(mutex_);
      lag_.add(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
      if (stopped_.wait_for(lock, interval, [this] { return stop_; })) return;
    }
  });
}

LagProbe::~LagProbe() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

std::vector<MetricFamily> LagProbe::Collect() const {
  const std::lock_guard lock(mutex_);
  return {lag_family(lag_)};
}

}  // namespace troupe::monitoring
