#pragma once

#include <vector>

#include "monitoring/api.hpp"

namespace troupe::monitoring {

/// The paths that workers are asked for: logs and profiles. Slow ones, on threads that may block.
std::vector<Route> question_routes(const ApiSources& sources);

/// How busy threads were over the last hour, in columns of five seconds, by the windows of all workers.
boost::json::object activity_json(const PastSamples& seen, double now_unix_ms);

}  // namespace troupe::monitoring
