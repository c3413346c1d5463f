#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitoring/api_json.hpp"
#include "monitoring/cluster_source.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/http_server.hpp"
#include "monitoring/login.hpp"
#include "monitoring/recorder.hpp"

namespace troupe::monitoring {

/// What the pages below /api/v1 are made from.
struct ApiSources {
  std::shared_ptr<ClusterSource> source;
  std::shared_ptr<Recorder> recorder;
  std::shared_ptr<EventRing> events;
  std::shared_ptr<EventRing> log;
  std::shared_ptr<Logins> logins;
  Identity identity;
  std::shared_ptr<std::string> http_address;  ///< where all this is served, once it is
};

/// The paths of docs/api/openapi.json. They read one shared picture of the cluster, however many look at it.
std::vector<Route> api_routes(ApiSources sources);

}  // namespace troupe::monitoring
