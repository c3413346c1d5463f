#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <boost/json.hpp>

#include "monitoring/api_json.hpp"
#include "monitoring/pages.hpp"

// The cluster, its workers, clients and kinds of tasks.

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

std::uint64_t in_memory(const WorkerView& worker) {
  return worker.value_bytes - std::min(worker.value_bytes, worker.heartbeat.spilled_bytes);
}

/// Of the process, beside values, and new.
std::uint64_t unmanaged_recent(const WorkerView& worker) {
  const auto known = in_memory(worker) + worker.heartbeat.unmanaged_old_bytes;
  return worker.heartbeat.process_bytes > known ? worker.heartbeat.process_bytes - known : 0;
}

const char* status_of(const WorkerView& worker) {
  if (worker.suspect) return "suspect";
  if (worker.retiring) return "retiring";
  return name_of(worker.status);
}

json::object memory_json(const ClusterView& view) {
  std::uint64_t limit = 0, process = 0, managed = 0, spilled = 0, old = 0, recent = 0;
  for (const WorkerView& worker : view.workers) {
    limit += worker.memory_limit;
    process += worker.heartbeat.process_bytes;
    managed += in_memory(worker);
    spilled += worker.heartbeat.spilled_bytes;
    old += worker.heartbeat.unmanaged_old_bytes;
    recent += unmanaged_recent(worker);
  }
  return {{"limit_bytes", limit},     {"process_bytes", process},   {"managed_bytes", managed},
          {"spilled_bytes", spilled}, {"unmanaged_old_bytes", old}, {"unmanaged_recent_bytes", recent}};
}

std::uint64_t known_tasks(const TaskCounts& counts) {
  return std::accumulate(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(TaskState::forgotten),
                         std::uint64_t{0});
}

/// Those of tasks that have still to run, or run.
std::uint64_t to_come(const TaskCounts& counts) {
  std::uint64_t sum = 0;
  for (const TaskState state : {TaskState::waiting, TaskState::no_worker, TaskState::queued, TaskState::processing})
    sum += counts[static_cast<std::size_t>(state)];
  return sum;
}

std::uint64_t threads_of(const ClusterView& view) {
  std::uint64_t threads = 0;
  for (const WorkerView& worker : view.workers) threads += worker.threads;
  return threads;
}

json::object totals_json(const ClusterView& view) {
  const SchedulerCounters& c = view.counters;
  double compute_s = 0;
  std::uint64_t output_bytes = 0;
  for (const PrefixView& prefix : view.prefixes) {
    compute_s += static_cast<double>(prefix.counters.compute_us) * 1e-6;
    output_bytes += prefix.counters.output_bytes;
  }
  return {{"submissions", c.submissions}, {"submitted", c.submitted_tasks},
          {"finished", c.finished},       {"erred", c.erred},
          {"retried", c.retried},         {"poisoned", c.poisoned},
          {"recomputed", c.recomputed},   {"forgotten", c.tasks[static_cast<std::size_t>(TaskState::forgotten)]},
          {"transitions", c.transitions}, {"compute_s", compute_s},
          {"output_bytes", output_bytes}};
}

json::value recorded_json(const std::optional<Recorded>& recorded) {
  if (!recorded) return nullptr;
  return json::object{{"ending", recorded->ending},
                      {"ended_unix_ms", recorded->ended_unix_ms},
                      {"reason", recorded->reason},
                      {"directory", recorded->directory}};
}

}  // namespace

json::object states_json(const TaskCounts& counts) {
  json::object states;
  for (std::size_t i = 0; i < task_state_count; ++i)
    if (static_cast<TaskState>(i) != TaskState::forgotten) states[name_of(static_cast<TaskState>(i))] = counts[i];
  return states;
}

json::object cluster_json(const Picture& picture, const Identity& identity, const WallClock& clock) {
  const ClusterView& view = picture.view;
  const SchedulerCounters& c = view.counters;
  std::set<std::string> hosts;
  double occupancy_us = 0, cpu = 0, received = 0;
  std::uint64_t executing = 0;
  for (std::size_t i = 0; i < view.workers.size(); ++i) {
    hosts.insert(view.workers[i].address.host);
    occupancy_us += view.workers[i].occupancy_us;
    executing += view.workers[i].heartbeat.executing;
    cpu += picture.rates[i].cpu;
    received += picture.rates[i].received_bytes_per_s;
  }
  const auto at = [&](std::int64_t ns) { return ns == 0 ? 0.0 : clock.unix_ms(ns); };
  return {{"schema", "troupe/v1/cluster"},
          {"cluster", view.cluster.hex()},
          {"epoch", std::to_string(view.epoch.value)},
          {"address", view.address},
          {"version", identity.build.version},
          {"scalable", identity.scalable},
          {"revision", identity.build.revision},
          {"now_unix_ms", picture.unix_ms},
          {"started_unix_ms", identity.started_unix_ms},
          {"recorded", recorded_json(identity.recorded)},
          {"clients", c.clients},
          {"workers", json::object{{"total", view.workers.size()},
                                   {"running", c.workers_running},
                                   {"paused", c.workers_paused},
                                   {"retiring", c.workers_retiring},
                                   {"suspect", c.workers_suspect},
                                   {"idle", c.workers_idle},
                                   {"saturated", c.workers_saturated},
                                   {"added", c.workers_added},
                                   {"drained", c.workers_drained},
                                   {"lost", c.workers_lost}}},
          {"hosts", hosts.size()},
          {"threads", threads_of(view)},
          {"executing", executing},
          {"occupancy_s", occupancy_us * 1e-6},
          {"tasks", states_json(c.tasks)},
          {"known", known_tasks(c.tasks)},
          {"groups", c.groups},
          {"queue_age_s", c.queue_age_s},
          {"totals", totals_json(view)},
          {"stealing",
           json::object{
               {"requested", c.steal_requests}, {"confirmed", c.steals_confirmed}, {"rejected", steals_rejected(c)}}},
          {"rates", json::object{{"finished_per_s", picture.cluster.finished_per_s},
                                 {"erred_per_s", picture.cluster.erred_per_s},
                                 {"received_bytes_per_s", received},
                                 {"cpu", cpu}}},
          {"memory", memory_json(view)},
          {"bandwidth_bytes_per_s", c.bandwidth},
          {"history", json::object{{"records", view.history_records},
                                   {"capacity", view.history_capacity},
                                   {"recorded", view.history_recorded},
                                   {"oldest_unix_ms", at(view.history_oldest_ns)},
                                   {"latest_unix_ms", at(view.history_latest_ns)}}}};
}

namespace {

json::array gpus_json(const std::vector<GpuFigures>& gpus) {
  json::array all;
  for (const GpuFigures& gpu : gpus)
    all.push_back({{"name", gpu.name},
                   {"utilization",
                    gpu.utilization_percent < 0 ? json::value(nullptr) : json::value(gpu.utilization_percent / 100.0)},
                   {"memory_used", gpu.memory_used},
                   {"memory_total", gpu.memory_total},
                   {"memory_own", gpu.memory_own}});
  return all;
}

}  // namespace

json::object worker_json(const WorkerView& worker, const WorkerRates& rates, Instant now, const WallClock& clock) {
  json::object resources;
  for (const ResourceAmount& resource : worker.resources) resources[resource.name] = resource.amount;
  json::array modules;
  for (const std::string& module : worker.modules) modules.emplace_back(module);
  const Heartbeat& beat = worker.heartbeat;
  const Surroundings& around = beat.surroundings;
  const bool known = around.round_trip_us > 0;
  const double last_seen_ms = std::chrono::duration<double, std::milli>(now - worker.last_seen).count();
  return {{"id", worker.address.worker.value},
          {"name", worker.address.name},
          {"address", worker.address.address},
          {"host", worker.address.host},
          {"http_address", worker.http_address},
          {"pid", worker.pid},
          {"status", status_of(worker)},
          {"threads", worker.threads},
          {"nannied", worker.nannied},
          {"cpu", rates.cpu},
          {"memory_limit_bytes", worker.memory_limit},
          {"process_bytes", beat.process_bytes},
          {"managed_bytes", in_memory(worker)},
          {"spilled_bytes", beat.spilled_bytes},
          {"unmanaged_old_bytes", beat.unmanaged_old_bytes},
          {"unmanaged_recent_bytes", unmanaged_recent(worker)},
          {"processing", worker.processing},
          {"executing", beat.executing},
          {"ready", beat.ready},
          {"fetching", beat.fetching},
          {"stored", worker.stored},
          {"finished", worker.finished},
          {"occupancy_s", worker.occupancy_us * 1e-6},
          {"received_bytes_per_s", rates.received_bytes_per_s},
          {"sent_bytes_per_s", rates.sent_bytes_per_s},
          {"received_bytes", beat.traffic.received_bytes},
          {"sent_bytes", beat.traffic.sent_bytes},
          {"transfers_incoming", beat.traffic.incoming},
          {"transfers_outgoing", beat.traffic.outgoing},
          {"disk_read_bytes_per_s", rates.disk_read_bytes_per_s},
          {"disk_write_bytes_per_s", rates.disk_write_bytes_per_s},
          {"open_files", beat.traffic.open_files},
          {"heartbeat_rtt_s", known ? json::value(static_cast<double>(around.round_trip_us) * 1e-6) : nullptr},
          {"clock_skew_s", known ? json::value(static_cast<double>(around.clock_skew_us) * 1e-6) : nullptr},
          {"spill_disk_free_bytes", around.disk_free_bytes},
          {"spill_disk_total_bytes", around.disk_total_bytes},
          {"gpus", gpus_json(around.gpus)},
          {"last_seen_ms", static_cast<std::uint64_t>(std::max(0.0, last_seen_ms))},
          {"joined_unix_ms", clock.unix_ms(worker.joined.nanoseconds)},
          {"resources", std::move(resources)},
          {"modules", std::move(modules)}};
}

json::object workers_json(const Picture& picture, std::size_t most, const WallClock& clock) {
  json::array workers;
  const std::size_t shown = std::min(most, picture.view.workers.size());
  workers.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i)
    workers.push_back(worker_json(picture.view.workers[i], picture.rates[i], picture.view.now, clock));
  return {{"schema", "troupe/v1/workers"},
          {"now_unix_ms", picture.unix_ms},
          {"total", picture.view.workers.size()},
          {"shown", shown},
          {"workers", std::move(workers)}};
}

json::object prefixes_json(const Picture& picture, std::size_t most) {
  const auto& all = picture.view.prefixes;
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const bool a_now = known_tasks(all[a].tasks.states) > 0;
    const bool b_now = known_tasks(all[b].tasks.states) > 0;
    return a_now != b_now ? a_now : all[a].counters.compute_us > all[b].counters.compute_us;
  });
  const double threads = static_cast<double>(std::max<std::uint64_t>(1, threads_of(picture.view)));
  json::array prefixes;
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) {
    const PrefixView& prefix = all[order[i]];
    const PrefixCounters& c = prefix.counters;
    const double left = static_cast<double>(to_come(prefix.tasks.states));
    prefixes.push_back({{"name", prefix.name},
                        {"tasks", states_json(prefix.tasks.states)},
                        {"memory_bytes", prefix.tasks.memory_bytes},
                        {"finished", c.finished},
                        {"erred", c.erred},
                        {"retried", c.retried},
                        {"suspicious", c.suspicious},
                        {"compute_s", static_cast<double>(c.compute_us) * 1e-6},
                        {"output_bytes", c.output_bytes},
                        {"mean_duration_s", c.duration_us * 1e-6},
                        {"duration_deviation_s", std::sqrt(std::max(0.0, c.duration_variance)) * 1e-6},
                        {"eta_s", left * c.duration_us * 1e-6 / threads}});
  }
  return {{"schema", "troupe/v1/prefixes"},
          {"now_unix_ms", picture.unix_ms},
          {"total", all.size()},
          {"shown", prefixes.size()},
          {"prefixes", std::move(prefixes)}};
}

json::object clients_json(const Picture& picture) {
  constexpr std::size_t most = 1000;
  json::array clients;
  for (const ClientView& client : picture.view.clients) {
    if (clients.size() == most) break;
    clients.push_back({{"id", client.id.value}, {"name", client.name}, {"wants", client.wants}});
  }
  return {{"schema", "troupe/v1/clients"},
          {"now_unix_ms", picture.unix_ms},
          {"total", picture.view.clients.size()},
          {"shown", clients.size()},
          {"clients", std::move(clients)}};
}

json::object stealing_json(const Picture& picture, const std::vector<StolenTask>& steals, const Recorder& recorder) {
  json::array workers;
  for (const WorkerView& worker : picture.view.workers)
    workers.push_back({{"id", worker.address.worker.value},
                       {"name", worker.address.name},
                       {"occupancy_s", worker.occupancy_us * 1e-6},
                       {"processing", worker.processing},
                       {"threads", worker.threads}});
  json::array events;
  for (auto steal = steals.rbegin(); steal != steals.rend(); ++steal)
    events.push_back({{"at_unix_ms", recorder.clock().unix_ms(steal->at.nanoseconds)},
                      {"key", steal->key},
                      {"from", recorder.name_of(steal->from)},
                      {"from_id", steal->from.value},
                      {"given", steal->given}});
  const SchedulerCounters& c = picture.view.counters;
  json::object reasons;
  for (std::size_t i = 0; i < kept_reason_count; ++i)
    reasons[name_of(static_cast<KeptReason>(i))] = c.steals_rejected[i];
  return {{"schema", "troupe/v1/stealing"}, {"now_unix_ms", picture.unix_ms},
          {"requested", c.steal_requests},  {"confirmed", c.steals_confirmed},
          {"rejected", steals_rejected(c)}, {"rejected_by_reason", std::move(reasons)},
          {"idle", c.workers_idle},         {"saturated", c.workers_saturated},
          {"workers", std::move(workers)},  {"events", std::move(events)}};
}

json::object series_json(const Series& series, double now_unix_ms) {
  json::object columns;
  for (const auto& [name, values] : series.columns) columns[name] = json::array(values.begin(), values.end());
  return {{"schema", "troupe/v1/timeseries"},
          {"now_unix_ms", now_unix_ms},
          {"interval_ms", series.interval_ms},
          {"times_unix_ms", json::array(series.times_unix_ms.begin(), series.times_unix_ms.end())},
          {"series", std::move(columns)}};
}

PrefixNames prefix_names(const Picture& picture) {
  PrefixNames names;
  for (const PrefixView& prefix : picture.view.prefixes) names.push_back(prefix.name);
  return names;
}

}  // namespace troupe::monitoring
