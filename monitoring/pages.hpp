#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitoring/http_server.hpp"
#include "monitoring/metrics.hpp"
#include "protocol/messages.hpp"
#include "runtime/core/probe.hpp"

namespace troupe::monitoring {

/// One thing that must hold before a node takes work: what /readyz shows and decides by.
struct ReadyCheck {
  std::string name;
  bool passed{};
};

/// Where the pages of a node read from. All are called on the HTTP thread and may be empty.
struct PageSources {
  std::shared_ptr<Metrics> metrics;
  std::function<std::vector<ReadyCheck>()> ready;
  // Scheduler only: all of them, or none.
  std::function<std::shared_ptr<const SchedulerSummary>()> summary;
  std::function<SchedulerCounters()> counters;
  std::function<std::uint64_t()> desired_workers;
};

/// /livez /readyz /health /healthz /metrics, and with a summary /json/identity.json /json/counts.json.
std::vector<Route> node_routes(PageSources sources);

/// A page of metrics.
Route metrics_route(std::string path, std::shared_ptr<Metrics> metrics);

/// The scheduler, its workers and what they hold, as one JSON object ("schema": "troupe/v1/identity").
std::string identity_json(const SchedulerSummary& summary);
/// Sixteen counts under the names Dask's /json/counts.json has ("schema": "troupe/v1/counts").
std::string counts_json(const SchedulerSummary& summary, const SchedulerCounters& counters,
                        std::uint64_t desired_workers);

}  // namespace troupe::monitoring
