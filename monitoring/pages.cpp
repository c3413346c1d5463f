#include "monitoring/pages.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "runtime/core/probe.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

constexpr const char* json_type = "application/json";

/// Of the process, beside values, and new.
std::uint64_t unmanaged_recent(const WorkerSummary& worker) {
  const auto known = worker.managed_bytes + worker.unmanaged_old_bytes;
  return worker.process_bytes > known ? worker.process_bytes - known : 0;
}

json::object worker_json(const WorkerSummary& worker) {
  json::object resources;
  for (const auto& resource : worker.resources) resources[resource.name] = resource.amount;
  json::array modules;
  for (const auto& module : worker.modules) modules.emplace_back(module.name);
  return {{"id", worker.address.worker.value},
          {"name", worker.address.name},
          {"address", worker.address.address},
          {"host", worker.address.host},
          {"pid", worker.pid},
          {"threads", worker.threads},
          {"status", name_of(worker.status)},
          {"memory_limit_bytes", worker.memory_limit},
          {"managed_bytes", worker.managed_bytes},
          {"spilled_bytes", worker.spilled_bytes},
          {"process_bytes", worker.process_bytes},
          {"unmanaged_old_bytes", worker.unmanaged_old_bytes},
          {"unmanaged_recent_bytes", unmanaged_recent(worker)},
          {"processing", worker.processing},
          {"executing", worker.executing},
          {"stored", worker.stored},
          {"finished", worker.finished},
          {"last_seen_ms", worker.last_seen_ms},
          {"resources", std::move(resources)},
          {"modules", std::move(modules)}};
}

std::uint64_t tasks_in(const SchedulerSummary& summary, TaskState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < summary.tasks_by_state.size() ? summary.tasks_by_state[index] : 0;
}

HttpResponse ready_page(const std::function<std::vector<ReadyCheck>()>& ready, bool verbose) {
  HttpResponse response;
  bool all = true;
  std::string lines;
  if (ready) {
    for (const ReadyCheck& check : ready()) {
      all = all && check.passed;
      lines += fmt::format("[{}] {}\n", check.passed ? '+' : '-', check.name);
    }
  }
  response.status = all ? 200 : 503;
  response.body = (verbose ? lines : std::string{}) + (all ? "ok\n" : "not ready\n");
  return response;
}

HttpResponse unavailable() { return {503, "text/plain; charset=utf-8", {}, "not ready\n"}; }

}  // namespace

std::string identity_json(const SchedulerSummary& summary) {
  json::array workers;
  for (const WorkerSummary& worker : summary.workers) workers.push_back(worker_json(worker));
  json::object tasks;
  for (std::size_t i = 0; i < summary.tasks_by_state.size() && i < task_state_count; ++i)
    tasks[name_of(static_cast<TaskState>(i))] = summary.tasks_by_state[i];
  const json::object document{{"schema", "troupe/v1/identity"}, {"cluster", summary.cluster.hex()},
                              {"epoch", summary.epoch.value},   {"address", summary.address},
                              {"version", summary.version},     {"clients", summary.clients},
                              {"tasks", std::move(tasks)},      {"finished", summary.finished},
                              {"erred", summary.erred},         {"workers", std::move(workers)}};
  return json::serialize(document);
}

std::string counts_json(const SchedulerSummary& summary, const SchedulerCounters& counters,
                        std::uint64_t desired_workers) {
  std::uint64_t bytes = 0;
  std::uint64_t cores = 0;
  std::set<std::string> hosts;
  for (const WorkerSummary& worker : summary.workers) {
    bytes += worker.managed_bytes;
    cores += worker.threads;
    hosts.insert(worker.address.host);
  }
  std::uint64_t tasks = 0;
  for (std::uint64_t count : summary.tasks_by_state) tasks += count;
  const std::uint64_t waiting = tasks_in(summary, TaskState::waiting);
  const json::object document{{"schema", "troupe/v1/counts"},
                              {"bytes", bytes},
                              {"clients", summary.clients},
                              {"cores", cores},
                              {"erred", tasks_in(summary, TaskState::erred)},
                              {"hosts", hosts.size()},
                              {"idle", counters.workers_idle},
                              {"memory", tasks_in(summary, TaskState::memory)},
                              {"processing", tasks_in(summary, TaskState::processing)},
                              {"released", tasks_in(summary, TaskState::released)},
                              {"saturated", counters.workers_saturated},
                              {"tasks", tasks},
                              {"unrunnable", tasks_in(summary, TaskState::no_worker)},
                              {"waiting", waiting},
                              {"waiting_data", tasks_in(summary, TaskState::queued)},
                              {"workers", summary.workers.size()},
                              {"desired_workers", desired_workers}};
  return json::serialize(document);
}

Route metrics_route(std::string path, std::shared_ptr<Metrics> metrics) {
  return {std::move(path),
          Access::open_on_loopback,
          [metrics = std::move(metrics)](const HttpRequest& request) {
            auto page = metrics->scrape(request.accept, request.accept_encoding);
            return HttpResponse{
                200, std::move(page.content_type), std::move(page.content_encoding), std::move(page.body), {}};
          },
          false,
          {}};
}

std::vector<Route> node_routes(PageSources sources) {
  std::vector<Route> routes;
  const auto alive = [](const HttpRequest&) { return HttpResponse{200, "text/plain; charset=utf-8", {}, "ok\n"}; };
  for (const char* path : {"/livez", "/health", "/healthz"}) routes.push_back({path, Access::open_on_loopback, alive});
  routes.push_back({"/readyz", Access::open_on_loopback, [ready = sources.ready](const HttpRequest& request) {
                      return ready_page(ready, request.query.find("verbose") != std::string::npos);
                    }});
  if (sources.metrics) routes.push_back(metrics_route("/metrics", sources.metrics));
  if (sources.summary) {
    const auto json_page = [summary = sources.summary](auto write) {
      return [summary, write = std::move(write)](const HttpRequest&) {
        const auto now = summary();
        return now ? HttpResponse{200, json_type, {}, write(*now) + "\n"} : unavailable();
      };
    };
    routes.push_back({"/json/identity.json", Access::token, json_page(identity_json)});
    routes.push_back({"/json/counts.json", Access::token, json_page([sources](const SchedulerSummary& summary) {
                        return counts_json(summary, sources.counters(), sources.desired_workers());
                      })});
  }
  return routes;
}

}  // namespace troupe::monitoring
