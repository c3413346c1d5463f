#include "actors/client_metrics.hpp"

#include <utility>

#include "actors/client.hpp"
#include "actors/client_core.hpp"
#include "actors/scheduler_node.hpp"
#include "monitoring/client_collector.hpp"
#include "monitoring/pages.hpp"

namespace troupe {
struct ClientMetrics::Parts {
  std::shared_ptr<monitoring::Metrics> metrics;
  std::unique_ptr<monitoring::HttpServer> http;
};

ClientMetrics::ClientMetrics(const Client& client) : parts_(std::make_unique<Parts>()) {
  parts_->metrics =
      std::make_shared<monitoring::Metrics>(monitoring::BuildInfo{SchedulerOptions{}.version, {}, __VERSION__});
  parts_->metrics->add(std::make_shared<monitoring::ClientCollector>(
      [core = client.core().shared_from_this()] { return core->counters(); }));
}

ClientMetrics::ClientMetrics(const Client& client, ClientMetricsOptions serve) : ClientMetrics(client) {
  monitoring::PageSources pages;
  pages.metrics = parts_->metrics;
  pages.ready = [core = client.core().shared_from_this()] {
    return std::vector<monitoring::ReadyCheck>{{"connected", core->counters().connected}};
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
