#include "actors/client_metrics.hpp"

#include <utility>

#include "actors/client.hpp"
#include "actors/client_core.hpp"
#include "actors/scheduler_node.hpp"
#include "monitoring/client_collector.hpp"
#include "monitoring/pages.hpp"

namespace troupe {
namespace {

monitoring::ClientCounters counters_of(const ClientFigures& figures) {
  monitoring::ClientCounters now;
  now.connected = figures.connected != 0;
  now.reconnections = figures.reconnections;
  now.submissions = figures.submissions;
  now.submitted_tasks = figures.submitted_tasks;
  now.finished = figures.finished;
  now.erred = figures.erred;
  now.cancelled = figures.cancelled;
  now.lost = figures.lost;
  now.received_values = figures.received_values;
  now.received_bytes = figures.received_bytes;
  now.failed_fetches = figures.failed_fetches;
  now.scattered_values = figures.scattered_values;
  now.scattered_bytes = figures.scattered_bytes;
  now.waiting_chunks = figures.waiting_chunks;
  now.requests = figures.requests();
  return now;
}

}  // namespace

struct ClientMetrics::Parts {
  std::shared_ptr<monitoring::Metrics> metrics;
  std::unique_ptr<monitoring::HttpServer> http;
};

ClientMetrics::ClientMetrics(const Client& client) : parts_(std::make_unique<Parts>()) {
  parts_->metrics =
      std::make_shared<monitoring::Metrics>(monitoring::BuildInfo{SchedulerOptions{}.version, {}, __VERSION__});
  parts_->metrics->add(std::make_shared<monitoring::ClientCollector>(
      [core = client.core().shared_from_this()] { return counters_of(core->figures()); }));
}

ClientMetrics::ClientMetrics(const Client& client, ClientMetricsOptions serve) : ClientMetrics(client) {
  monitoring::PageSources pages;
  pages.metrics = parts_->metrics;
  pages.ready = [core = client.core().shared_from_this()] {
    return std::vector<monitoring::ReadyCheck>{{"connected", core->figures().connected != 0}};
  };
  monitoring::HttpConfig config;
  config.host = std::move(serve.host);
  config.port = serve.port;
  config.insecure = serve.insecure;
  config.allowed_hosts = std::move(serve.allowed_hosts);
  config.flag = "ClientMetricsOptions::port";
  auto served = monitoring::HttpServer::start(std::move(config), monitoring::node_routes(std::move(pages)));
  if (!served) throw_error(served.error());
  parts_->http = std::move(*served);
}

ClientMetrics::~ClientMetrics() = default;

std::string ClientMetrics::text() const { return parts_->metrics->scrape({}, {}).body; }

std::string ClientMetrics::address() const { return parts_->http ? parts_->http->address() : std::string(); }

}  // namespace troupe
