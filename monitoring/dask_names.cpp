#include "monitoring/dask_names.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace troupe::monitoring {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Rows with the same name there are one family, told apart by a label.
struct Row {
  std::string_view ours;
  std::string_view dask;
  std::string_view label{};
  std::string_view value{};
  bool added_up{};            ///< one series there is several here
  std::string_view beside{};  ///< only where there is this family too
};

/// States that have another name there.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> states{
    {{"no_worker", "no-worker"}, {"fetching", "flight"}, {"seceded", "long-running"}}};

constexpr std::array rows{
    Row{"troupe_scheduler_clients", "dask_scheduler_clients"},
    Row{"troupe_scheduler_client_connections_opened_total", "dask_scheduler_client_connections_added_total"},
    Row{"troupe_scheduler_client_connections_closed_total", "dask_scheduler_client_connections_removed_total"},
    Row{"troupe_scheduler_desired_workers", "dask_scheduler_desired_workers"},
    Row{"troupe_scheduler_workers", "dask_scheduler_workers"},
    Row{"troupe_scheduler_workers_added_total", "dask_scheduler_workers_added_total"},
    Row{"troupe_scheduler_workers_removed_total", "dask_scheduler_workers_removed_total", {}, {}, true},
    Row{"troupe_scheduler_last_heartbeat_timestamp_seconds", "dask_scheduler_last_time_total"},
    Row{"troupe_scheduler_tasks", "dask_scheduler_tasks"},
    Row{"troupe_scheduler_tasks_forgotten_total", "dask_scheduler_tasks_forgotten_total"},
    Row{"troupe_scheduler_tasks_suspicious_total", "dask_scheduler_tasks_suspicious_total"},
    Row{"troupe_scheduler_task_groups", "dask_scheduler_task_groups"},
    Row{"troupe_scheduler_tasks_compute_seconds_total", "dask_scheduler_tasks_compute_seconds_total"},
    Row{"troupe_scheduler_tasks_transfer_seconds_total", "dask_scheduler_tasks_transfer_seconds_total"},
    Row{"troupe_scheduler_tasks_output_bytes", "dask_scheduler_tasks_output_bytes"},
    Row{"troupe_scheduler_task_transitions_total", "dask_scheduler_prefix_state_totals_total"},
    Row{"troupe_event_loop_lag_seconds", "dask_scheduler_tick_count_total", {}, {}, false, "troupe_scheduler_tasks"},
    Row{"troupe_stealing_requests_total", "dask_stealing_request_count_total"},
    Row{"troupe_stealing_requests_seconds_total", "dask_stealing_request_cost_total"},
    Row{"troupe_worker_tasks", "dask_worker_tasks"},
    Row{"troupe_worker_threads", "dask_worker_threads"},
    Row{"troupe_worker_latency_seconds", "dask_worker_latency_seconds"},
    Row{"troupe_worker_memory_managed_bytes", "dask_worker_memory_bytes", "type", "managed"},
    Row{"troupe_worker_memory_unmanaged_bytes", "dask_worker_memory_bytes", "type", "unmanaged"},
    Row{"troupe_worker_spilled_bytes", "dask_worker_memory_bytes", "type", "spilled"},
    Row{"troupe_worker_transfers_incoming", "dask_worker_transfer_incoming_count"},
    Row{"troupe_worker_transfers_received_total", "dask_worker_transfer_incoming_count_total"},
    Row{"troupe_worker_transfers_outgoing", "dask_worker_transfer_outgoing_count"},
    Row{"troupe_worker_transfers_sent_total", "dask_worker_transfer_outgoing_count_total"},
    Row{"troupe_worker_transfer_sent_bytes_total", "dask_worker_transfer_outgoing_bytes_total"},
    Row{"troupe_worker_spill_read_bytes_total", "dask_worker_spill_bytes_total", "activity", "disk-read"},
    Row{"troupe_worker_spill_write_bytes_total", "dask_worker_spill_bytes_total", "activity", "disk-write"},
    Row{"troupe_worker_spill_reads_total", "dask_worker_spill_count_total", "activity", "disk-read"},
    Row{"troupe_worker_spill_writes_total", "dask_worker_spill_count_total", "activity", "disk-write"},
    Row{"troupe_worker_spill_read_seconds_total", "dask_worker_spill_time_seconds_total", "activity", "disk-read"},
    Row{"troupe_worker_spill_write_seconds_total", "dask_worker_spill_time_seconds_total", "activity", "disk-write"},
    Row{"troupe_event_loop_lag_seconds", "dask_worker_tick_count_total", {}, {}, false, "troupe_worker_tasks"},
};

/// Of a histogram how often there was something to measure.
double value_of(const ClientMetric& metric, MetricType type) {
  if (type == MetricType::Histogram) return static_cast<double>(metric.histogram.sample_count);
  return type == MetricType::Counter ? metric.counter.value : metric.gauge.value;
}

void set(ClientMetric& metric, MetricType type, double value) {
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

/// As the name says that it has there.
MetricType type_of(const Row& row) { return row.dask.ends_with("_total") ? MetricType::Counter : MetricType::Gauge; }

std::vector<ClientMetric> series_of(const MetricFamily& family, const Row& row) {
  if (row.added_up) {
    ClientMetric sum;
    double total = 0;
    for (const ClientMetric& metric : family.metric) total += value_of(metric, family.type);
    set(sum, type_of(row), total);
    return {sum};
  }
  std::vector<ClientMetric> series = family.metric;
  for (ClientMetric& metric : series) {
    const double value = value_of(metric, family.type);
    metric.histogram = {};
    set(metric, type_of(row), value);
    for (auto& label : metric.label) {
      if (label.name == "prefix") label.name = "task_prefix_name";
      if (label.name != "state") continue;
      for (const auto& [ours, dask] : states)
        if (label.value == ours) label.value = dask;
    }
    if (!row.label.empty()) metric.label.push_back({std::string(row.label), std::string(row.value)});
  }
  return series;
}

}  // namespace

std::vector<MetricFamily> under_dask_names(const std::vector<MetricFamily>& families) {
  std::vector<MetricFamily> found;
  for (const Row& row : rows) {
    const auto named = [&](std::string_view name) {
      return std::find_if(families.begin(), families.end(), [&](const auto& f) { return f.name == name; });
    };
    const auto family = named(row.ours);
    if (family == families.end() || (!row.beside.empty() && named(row.beside) == families.end())) continue;
    if (found.empty() || found.back().name != row.dask)
      found.push_back({std::string(row.dask), "As Dask has it; here " + family->name + ".", type_of(row), {}});
    for (ClientMetric& metric : series_of(*family, row)) found.back().metric.push_back(std::move(metric));
  }
  return found;
}

std::vector<std::pair<std::string_view, std::string_view>> dask_names() {
  std::vector<std::pair<std::string_view, std::string_view>> names;
  for (const Row& row : rows) names.emplace_back(row.dask, row.ours);
  return names;
}

}  // namespace troupe::monitoring
