#include "actors/dashboard.hpp"

#include <utility>

#include "actors/log_ring.hpp"
#include "actors/node.hpp"
#include "actors/scheduler_source.hpp"
#include "monitoring/api.hpp"
#include "monitoring/assets.hpp"
#include "monitoring/cluster_collector.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/login.hpp"
#include "monitoring/recorder.hpp"

namespace troupe {

/// In the order of starting: ended from the last to the first.
struct Dashboard::Parts {
  std::shared_ptr<monitoring::Logins> logins{std::make_shared<monitoring::Logins>()};
  std::unique_ptr<monitoring::HttpServer> http;
};

Result<std::unique_ptr<Dashboard>> Dashboard::start(Node& node, SchedulerHandle scheduler, DashboardOptions options) {
  auto parts = std::make_unique<Parts>();
  if (!options.events) options.events = std::make_shared<monitoring::EventRing>(1000);
  monitoring::ApiSources api;
  api.source = source_of(node, scheduler, options.events);
  api.events = options.events;
  api.log = [&node](std::uint64_t after, std::size_t most) {
    LogRing::Page page = node.recent_log().page(after == 0 ? 0 : after + 1, most);
    return monitoring::LogPage{std::move(page.lines), page.last};
  };
  api.warn = [&node](std::string_view text) { node.log(LogLevel::warning, text); };
  api.logins = parts->logins;

  monitoring::PageSources pages;
  pages.metrics = std::make_shared<monitoring::Metrics>(options.build);
  if (options.dask_names) pages.metrics->show_dask_names();
  pages.metrics->add_scheduler([scheduler] { return scheduler.counters(); });
  pages.ready = std::move(options.ready);
  pages.summary = [scheduler] { return scheduler.summary(); };

  monitoring::HttpConfig http;
  http.host = options.host;
  http.port = options.port;
  http.insecure = options.insecure;
  http.token = std::move(options.token);
  http.allowed_hosts = std::move(options.allowed_hosts);
  http.frame_ancestors = std::move(options.frame_ancestors);
  http.scope_of = [logins = parts->logins](std::string_view token) { return logins->scope_of(token); };

  // The pages of the API ask who they are for the address they are served at, which is known once it is bound.
  api.http_address = std::make_shared<std::string>();
  api.recorder = std::make_shared<monitoring::Recorder>(api.source);
  api.identity = {options.build, api.recorder->clock().now_ms()};
  pages.metrics->add(std::make_shared<monitoring::RecorderCollector>(api.recorder, api.source));
  auto cluster = std::make_shared<monitoring::Metrics>(options.build);
  cluster->add(std::make_shared<monitoring::ClusterCollector>(api.recorder));
  std::vector<monitoring::Route> routes = monitoring::node_routes(std::move(pages));
  routes.push_back(monitoring::metrics_route("/metrics/cluster", std::move(cluster)));
  const auto address = api.http_address;
  for (auto& route : monitoring::api_routes(std::move(api))) routes.push_back(std::move(route));
  for (auto& route : monitoring::asset_routes()) routes.push_back(std::move(route));
  auto served = monitoring::HttpServer::start(http, routes, address.get());
  if (!served && options.any_port && served.error().kind == ErrorKind::failed && http.port != 0) {
    http.port = 0;
    served = monitoring::HttpServer::start(std::move(http), std::move(routes), address.get());
  }
  if (!served) return tl::unexpected(std::move(served.error()));
  parts->http = std::move(*served);
  return std::unique_ptr<Dashboard>(new Dashboard(std::move(parts)));
}

Dashboard::Dashboard(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Dashboard::~Dashboard() = default;

std::string Dashboard::address() const { return parts_->http->address(); }

std::string Dashboard::login_link(monitoring::Scope scope) const {
  return "http://" + address() + "/status#code=" + parts_->logins->make_code(scope);
}

}  // namespace troupe
