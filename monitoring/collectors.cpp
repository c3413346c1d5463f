#include "monitoring/collectors.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "monitoring/process_figures.hpp"

namespace troupe::monitoring {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

MetricFamily family(std::string name, std::string help, MetricType type, std::vector<Sample> samples) {
  MetricFamily result{std::move(name), std::move(help), type, {}};
  result.metric.reserve(samples.size());
  for (Sample& sample : samples) {
    ClientMetric metric;
    metric.label = std::move(sample.labels);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = sample.value;
    result.metric.push_back(std::move(metric));
  }
  return result;
}

/// Bytes of the UTF-8 character at the front of `text`; 0 if it is not one.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) return follows(1) && follows(2) ? 3 : 0;
  if (first >= 0xF0 && first < 0xF5) return follows(1) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

double number(std::uint64_t value) { return static_cast<double>(value); }
double seconds(std::uint64_t microseconds) { return static_cast<double>(microseconds) * 1e-6; }

Sample state(const char* name, std::uint64_t value) { return {number(value), {{"state", name}}}; }
Sample reason(const char* name, std::uint64_t value) { return {number(value), {{"reason", name}}}; }

/// The prefixes to show: in order of their names, the rest added up as "other" beyond the limit.
struct ShownPrefixes {
  std::vector<std::pair<std::string, PrefixCounters>> rows;
  std::uint64_t overflow{};
};

void add(PrefixCounters& sum, const PrefixCounters& part) {
  sum.finished += part.finished;
  sum.erred += part.erred;
  sum.retried += part.retried;
  sum.suspicious += part.suspicious;
  sum.compute_us += part.compute_us;
  sum.output_bytes += part.output_bytes;
  for (std::size_t i = 0; i < sum.entered.size(); ++i) sum.entered[i] += part.entered[i];
}

ShownPrefixes shown_prefixes(const std::map<std::string, PrefixCounters>& prefixes) {
  std::map<std::string, PrefixCounters> rows;  // two names may become one label, and a series must not come twice
  ShownPrefixes shown;
  PrefixCounters other;
  bool any_other = false;
  for (const auto& [name, counters] : prefixes) {
    std::string label = label_value(name);
    const bool known = rows.contains(label);
    if (label != "other" && (known || rows.size() < prefix_labels_max)) {
      add(rows[std::move(label)], counters);
      continue;
    }
    add(other, counters);
    any_other = true;
    if (label != "other") ++shown.overflow;
  }
  shown.rows.assign(rows.begin(), rows.end());
  if (any_other) shown.rows.emplace_back("other", other);
  return shown;
}

template <class Value>
std::vector<Sample> by_prefix(const ShownPrefixes& shown, Value value) {
  std::vector<Sample> samples;
  for (const auto& [name, counters] : shown.rows) samples.push_back({value(counters), {{"prefix", name}}});
  return samples;
}

void add_prefixes(std::vector<MetricFamily>& out, const ShownPrefixes& shown) {
  std::vector<Sample> transitions;
  for (const auto& [name, counters] : shown.rows)
    for (std::size_t i = 0; i < task_state_count; ++i)
      transitions.push_back(
          {number(counters.entered[i]), {{"prefix", name}, {"state", name_of(static_cast<TaskState>(i))}}});
  out.push_back(counter("troupe_scheduler_task_transitions_total",
                        "Changes of tasks into a state, by name of the function.", std::move(transitions)));
  out.push_back(counter("troupe_scheduler_tasks_finished_total", "Tasks that made a value, by name of the function.",
                        by_prefix(shown, [](const PrefixCounters& p) { return number(p.finished); })));
  out.push_back(counter("troupe_scheduler_tasks_erred_total", "Tasks that failed for good, by name of the function.",
                        by_prefix(shown, [](const PrefixCounters& p) { return number(p.erred); })));
  out.push_back(counter("troupe_scheduler_tasks_retried_total", "Attempts made again after one that failed.",
                        by_prefix(shown, [](const PrefixCounters& p) { return number(p.retried); })));
  out.push_back(counter("troupe_scheduler_tasks_suspicious_total", "Runs that a dying worker took along.",
                        by_prefix(shown, [](const PrefixCounters& p) { return number(p.suspicious); })));
  out.push_back(counter("troupe_scheduler_tasks_compute_seconds_total", "Time spent in users' functions.",
                        by_prefix(shown, [](const PrefixCounters& p) { return seconds(p.compute_us); })));
  out.push_back(gauge("troupe_scheduler_tasks_output_bytes", "Size of all values made so far.",
                      by_prefix(shown, [](const PrefixCounters& p) { return number(p.output_bytes); })));
  out.push_back(counter("troupe_metrics_label_overflow_total",
                        "Names of functions that are shown together as prefix \"other\".", {{number(shown.overflow)}}));
}

}  // namespace

std::string label_value(std::string_view name) {
  constexpr std::size_t length_max = 120;
  std::string result;
  while (!name.empty()) {
    const std::size_t length = character_length(name);
    if (result.size() + length > length_max) break;
    const auto first = static_cast<unsigned char>(name.front());
    if (length == 0 || first < 0x20 || first == 0x7F)
      result += '?';
    else
      result.append(name.substr(0, length));
    name.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

MetricFamily histogram(std::string name, std::string help, std::vector<HistogramSample> samples) {
  MetricFamily result{std::move(name), std::move(help), MetricType::Histogram, {}};
  for (HistogramSample& sample : samples) {
    ClientMetric metric;
    metric.label = std::move(sample.labels);
    metric.histogram.sample_count = sample.values.count();
    metric.histogram.sample_sum = sample.values.sum_seconds();
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket < DurationHistogram::bucket_count; ++bucket) {
      below += sample.values.in_bucket(bucket);
      metric.histogram.bucket.push_back({below, DurationHistogram::bound(bucket)});
    }
    metric.histogram.bucket.push_back({sample.values.count(), std::numeric_limits<double>::infinity()});
    result.metric.push_back(std::move(metric));
  }
  return result;
}

MetricFamily counter(std::string name, std::string help, std::vector<Sample> samples) {
  return family(std::move(name), std::move(help), MetricType::Counter, std::move(samples));
}

MetricFamily gauge(std::string name, std::string help, std::vector<Sample> samples) {
  return family(std::move(name), std::move(help), MetricType::Gauge, std::move(samples));
}

std::vector<MetricFamily> SchedulerCollector::Collect() const {
  const SchedulerCounters c = counters_();
  std::vector<MetricFamily> out;

  std::vector<Sample> tasks;
  for (std::size_t i = 0; i < task_state_count; ++i)
    if (static_cast<TaskState>(i) != TaskState::forgotten)
      tasks.push_back(state(name_of(static_cast<TaskState>(i)), c.tasks[i]));
  out.push_back(gauge("troupe_scheduler_tasks", "Tasks the scheduler knows, by state.", std::move(tasks)));
  out.push_back(counter("troupe_scheduler_tasks_forgotten_total", "Tasks nobody wants any more.",
                        {{number(c.tasks[static_cast<std::size_t>(TaskState::forgotten)])}}));
  out.push_back(gauge("troupe_scheduler_task_groups", "Groups of tasks (accepted submissions) the scheduler knows.",
                      {{number(c.groups)}}));

  const std::uint64_t busy = c.workers_idle + c.workers_saturated;
  const std::uint64_t partial = c.workers_running > busy ? c.workers_running - busy : 0;
  out.push_back(gauge(
      "troupe_scheduler_workers", "Workers, by state.",
      {state("idle", c.workers_idle), state("partially_saturated", partial), state("saturated", c.workers_saturated),
       state("paused", c.workers_paused), state("retiring", c.workers_retiring), state("suspect", c.workers_suspect)}));
  out.push_back(
      counter("troupe_scheduler_workers_added_total", "Workers that registered.", {{number(c.workers_added)}}));
  out.push_back(counter("troupe_scheduler_workers_removed_total", "Workers that are gone, by reason.",
                        {reason("drained", c.workers_drained), reason("lost", c.workers_lost)}));

  out.push_back(gauge("troupe_scheduler_clients", "Clients with a session.", {{number(c.clients)}}));
  out.push_back(counter("troupe_scheduler_client_connections_opened_total", "Client sessions that began.",
                        {{number(c.clients_opened)}}));
  out.push_back(counter("troupe_scheduler_client_connections_closed_total", "Client sessions that ended.",
                        {{number(c.clients_closed)}}));

  out.push_back(counter("troupe_scheduler_submissions_total", "Graph chunks accepted.", {{number(c.submissions)}}));
  out.push_back(counter("troupe_scheduler_tasks_submitted_total", "Tasks accepted.", {{number(c.submitted_tasks)}}));
  out.push_back(counter("troupe_scheduler_tasks_poisoned_total", "Tasks failed because workers died running them.",
                        {{number(c.poisoned)}}));
  out.push_back(counter("troupe_scheduler_tasks_recomputed_total", "Values lost with a worker and computed again.",
                        {{number(c.recomputed)}}));
  std::vector<Sample> retries;
  for (std::size_t i = 0; i < retry_reason_count; ++i)
    retries.push_back(reason(name_of(static_cast<RetryReason>(i)), c.retries[i]));
  out.push_back(counter("troupe_scheduler_task_retries_total",
                        "Tasks handed out again after they had been before, by reason.", std::move(retries)));
  out.push_back(gauge("troupe_scheduler_queue_age_seconds",
                      "Since when the first of the tasks that wait for a worker does so; 0 = none does.",
                      {{number(c.queue_age_s)}}));
  out.push_back(counter("troupe_scheduler_late_completions_total", "Completions of an attempt that no longer counts.",
                        {{number(c.late_completions)}}));
  out.push_back(counter("troupe_scheduler_transitions_total", "Changes of a task's state.", {{number(c.transitions)}}));
  out.push_back(gauge("troupe_scheduler_bandwidth_bytes_per_second",
                      "What a worker is thought to receive from another; learnt from large values.", {{c.bandwidth}}));
  out.push_back(counter("troupe_scheduler_replicas_dropped_total",
                        "Copies of values that nobody needed, and that were dropped.", {{number(c.replicas_dropped)}}));
  add_prefixes(out, shown_prefixes(c.prefixes));

  out.push_back(
      counter("troupe_stealing_requests_total", "Tasks asked back from a worker.", {{number(c.steal_requests)}}));
  out.push_back(
      counter("troupe_stealing_confirmed_total", "Tasks a worker gave back.", {{number(c.steals_confirmed)}}));
  std::vector<Sample> kept;
  for (std::size_t i = 0; i < kept_reason_count; ++i)
    kept.push_back(reason(name_of(static_cast<KeptReason>(i)), c.steals_rejected[i]));
  out.push_back(
      counter("troupe_stealing_rejected_total", "Tasks asked back that were not given, by reason.", std::move(kept)));
  out.push_back(counter("troupe_stealing_requests_seconds_total", "Expected durations of the tasks asked back.",
                        {{seconds(c.steal_requests_us)}}));
  out.push_back(counter("troupe_stealing_confirmed_seconds_total", "Expected durations of the tasks given back.",
                        {{seconds(c.steals_confirmed_us)}}));
  return out;
}

std::vector<MetricFamily> WorkerDurationsCollector::Collect() const {
  const WorkerDurations durations = durations_();
  std::map<std::string, DurationHistogram> by_label;
  for (const auto& [prefix, of] : durations.tasks) {
    std::string label = label_value(prefix);
    if (!by_label.contains(label) && by_label.size() >= prefix_labels_max) label = "other";
    by_label[label] += of;
  }
  std::vector<HistogramSample> samples;
  for (const auto& [label, of] : by_label) samples.push_back({of, {{"prefix", label}}});
  return {histogram("troupe_worker_task_duration_seconds", "Time in users' functions here, by name of the function.",
                    std::move(samples)),
          histogram("troupe_worker_transfer_duration_seconds",
                    "From asking another worker for values to having them, or knowing that it has none.",
                    {{durations.transfers, {}}}),
          histogram("troupe_worker_heartbeat_rtt_seconds", "From a heartbeat's being sent to the scheduler's answer.",
                    {{durations.heartbeats, {}}})};
}

std::vector<LabelledGpu> labelled(const std::vector<GpuFigures>& gpus, const std::string& worker) {
  std::vector<LabelledGpu> all;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    std::vector<ClientMetric::Label> labels;
    if (!worker.empty()) labels.push_back({"worker", worker});
    labels.push_back({"device", std::to_string(i)});
    all.emplace_back(std::move(labels), &gpus[i]);
  }
  return all;
}

void add_gpus(std::vector<MetricFamily>& out, const std::string& prefix, const std::vector<LabelledGpu>& gpus) {
  if (gpus.empty()) return;
  const auto each = [&](auto value) {
    std::vector<Sample> samples;
    for (const auto& [labels, gpu] : gpus) samples.push_back({value(*gpu), labels});
    return samples;
  };
  std::vector<Sample> names;
  std::vector<Sample> busy;
  for (const auto& [labels, gpu] : gpus) {
    auto with_name = labels;
    with_name.push_back({"name", label_value(gpu->name)});
    names.push_back({1, std::move(with_name)});
    if (gpu->utilization_percent >= 0) busy.push_back({gpu->utilization_percent / 100.0, labels});
  }
  out.push_back(gauge(prefix + "gpu_info", "A graphics processor; the value is always 1.", std::move(names)));
  if (!busy.empty())
    out.push_back(
        gauge(prefix + "gpu_utilization_ratio", "Share of time in which anything ran on it.", std::move(busy)));
  out.push_back(gauge(prefix + "gpu_memory_used_bytes", "Its memory that is in use, by whomever.",
                      each([](const GpuFigures& gpu) { return number(gpu.memory_used); })));
  out.push_back(gauge(prefix + "gpu_memory_size_bytes", "Its memory.",
                      each([](const GpuFigures& gpu) { return number(gpu.memory_total); })));
  out.push_back(gauge(prefix + "gpu_memory_own_bytes", "Its memory that the worker's process uses.",
                      each([](const GpuFigures& gpu) { return number(gpu.memory_own); })));
}

std::vector<MetricFamily> SurroundingsCollector::Collect() const {
  const Surroundings around = surroundings_();
  std::vector<MetricFamily> out{
      gauge("troupe_worker_latency_seconds", "Round trip of the last heartbeat; 0 = none was answered.",
            {{seconds(around.round_trip_us)}}),
      gauge("troupe_worker_clock_skew_seconds", "By which the clock here is ahead of the scheduler's.",
            {{static_cast<double>(around.clock_skew_us) * 1e-6}}),
      gauge("troupe_worker_spill_disk_free_bytes",
            "Room in the file system for values on disk; 0 also where none leaves memory.",
            {{number(around.disk_free_bytes)}}),
      gauge("troupe_worker_spill_disk_size_bytes", "Of that file system; 0 = no value leaves memory.",
            {{number(around.disk_total_bytes)}}),
  };
  add_gpus(out, "troupe_worker_", labelled(around.gpus));
  return out;
}

std::vector<MetricFamily> MailboxCollector::Collect() const {
  std::vector<Sample> samples;
  for (const auto& [kind, waiting] : waiting_()) samples.push_back({number(waiting), {{"actor", kind}}});
  return {
      gauge("troupe_actor_mailbox_messages", "Messages that wait for an actor, by what it is.", std::move(samples))};
}

std::vector<MetricFamily> WorkerCollector::Collect() const {
  const WorkerCounters c = counters_();
  const auto nanoseconds = [](std::uint64_t ns) { return static_cast<double>(ns) * 1e-9; };
  return {
      gauge("troupe_worker_tasks", "Tasks on this worker, by state.",
            {state("waiting", c.waiting), state("fetching", c.fetching), state("ready", c.ready),
             state("executing", c.executing), state("seceded", c.seceded), state("memory", c.stored),
             state("disk", c.spilled)}),
      gauge("troupe_worker_threads", "Threads that run tasks.", {{number(c.threads)}}),
      gauge("troupe_worker_threads_idle", "Of them, those that run none.",
            {{number(c.threads - std::min(c.threads, c.executing))}}),
      counter("troupe_worker_tasks_finished_total", "Tasks that made a value here.", {{number(c.finished)}}),
      counter("troupe_worker_tasks_erred_total", "Runs that failed here.", {{number(c.erred)}}),
      counter("troupe_worker_tasks_compute_seconds_total", "Time spent in users' functions.",
              {{seconds(c.compute_us)}}),
      gauge("troupe_worker_memory_managed_bytes", "Size of the values in memory.", {{number(c.managed_bytes)}}),
      gauge("troupe_worker_memory_unmanaged_bytes", "Memory of the process beside its values.",
            {{number(c.process_bytes - std::min(c.process_bytes, c.managed_bytes))}}),
      gauge("troupe_worker_memory_unmanaged_old_bytes", "Of it, what has been in use for a while.",
            {{number(c.unmanaged_old_bytes)}}),
      gauge("troupe_worker_spilled_bytes", "Size in memory that the values on disk would have.",
            {{number(c.spilled_bytes)}}),
      gauge("troupe_worker_memory_limit_bytes", "Memory the worker may use; 0 = not limited.",
            {{number(c.memory_limit)}}),
      gauge("troupe_worker_paused", "1 while nothing new is started, since memory is nearly full.",
            {{number(c.paused)}}),
      gauge("troupe_worker_spill_disk_bytes", "Size of the files that values were written to.",
            {{number(c.spill_disk_bytes)}}),
      counter("troupe_worker_spill_write_bytes_total", "Bytes of values written to disk, as packed.",
              {{number(c.spill_written_bytes)}}),
      counter("troupe_worker_spill_read_bytes_total", "Bytes of values read from disk, as packed.",
              {{number(c.spill_read_bytes)}}),
      counter("troupe_worker_spill_writes_total", "Values written to disk.", {{number(c.spill_writes)}}),
      counter("troupe_worker_spill_reads_total", "Values read from disk.", {{number(c.spill_reads)}}),
      counter("troupe_worker_spill_write_seconds_total", "Time spent encoding, packing and writing values.",
              {{nanoseconds(c.spill_write_ns)}}),
      counter("troupe_worker_spill_read_seconds_total", "Time spent reading and unpacking values.",
              {{nanoseconds(c.spill_read_ns)}}),
      counter("troupe_worker_spill_errors_total", "Writes that the disk refused, and values found damaged.",
              {{number(c.spill_errors)}}),
      counter("troupe_worker_transfers_received_total", "Values fetched from other workers.",
              {{number(c.transfers_received)}}),
      counter("troupe_worker_transfers_sent_total", "Values given to others.", {{number(c.transfers_sent)}}),
      counter("troupe_worker_transfer_received_bytes_total", "Bytes of values fetched.", {{number(c.received_bytes)}}),
      counter("troupe_worker_transfer_sent_bytes_total", "Bytes of values given to others.", {{number(c.sent_bytes)}}),
      counter("troupe_worker_transfer_copied_bytes_total", "Bytes of large buffers copied in user space on the way.",
              {{number(c.copied_bytes)}}),
      gauge("troupe_worker_transfers_incoming", "Fetches under way.", {{number(c.transfers_incoming)}}),
      gauge("troupe_worker_transfers_outgoing", "Requests of others being answered.", {{number(c.transfers_outgoing)}}),
  };
}

std::vector<MetricFamily> ProcessCollector::Collect() const {
  const ProcessFigures own = process_figures();
  return {
      counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", {{own.cpu_seconds}}),
      gauge("process_threads", "Number of OS threads in the process.", {{own.threads}}),
      gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            {{own.start_seconds}}),
      gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", {{own.virtual_bytes}}),
      gauge("process_resident_memory_bytes", "Resident memory size in bytes.", {{own.resident_bytes}}),
      gauge("process_open_fds", "Number of open file descriptors.", {{own.open_files}}),
      gauge("troupe_allocator_allocated_bytes", "Memory handed out by the allocator; 0 = it does not say.",
            {{own.allocated_bytes}}),
      gauge("troupe_allocator_active_bytes", "Pages of it that are in use; 0 = it does not say.", {{own.active_bytes}}),
      gauge("troupe_allocator_resident_bytes", "Memory that the allocator holds of the system; 0 = it does not say.",
            {{own.held_bytes}}),
      gauge("process_max_fds", "Maximum number of open file descriptors.", {{own.open_files_max}}),
  };
}

std::vector<MetricFamily> BuildCollector::Collect() const {
  return {gauge("troupe_build_info", "What this program was built from; the value is always 1.",
                {{1, {{"version", build_.version}, {"revision", build_.revision}, {"compiler", build_.compiler}}}})};
}

}  // namespace troupe::monitoring
