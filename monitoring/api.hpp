#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/api_json.hpp"
#include "monitoring/cluster_source.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/http_server.hpp"
#include "monitoring/login.hpp"
#include "monitoring/recorder.hpp"
#include "protocol/query_messages.hpp"

namespace troupe::monitoring {

/// A part of the scheduler's log.
struct LogPage {
  std::vector<LogLine> lines;
  std::uint64_t last{};  ///< number of the last line there is
};

/// What the pages below /api/v1 are made from.
struct ApiSources {
  std::shared_ptr<ClusterSource> source;
  std::shared_ptr<Recorder> recorder;
  std::shared_ptr<EventRing> events;
  /// Lines with a number above `after`, at most `most` of them: the first ones; with `after` 0 the last ones there are.
  std::function<LogPage(std::uint64_t after, std::size_t most)> log;
  std::function<void(std::string_view text)> warn;  ///< into that log
  std::shared_ptr<Logins> logins;
  Identity identity;
  std::shared_ptr<std::string> http_address;  ///< where all this is served, once it is
};

/// The paths of docs/api/openapi.json. They read one shared picture of the cluster, however many look at it.
std::vector<Route> api_routes(ApiSources sources);

}  // namespace troupe::monitoring
