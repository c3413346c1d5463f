#pragma once

#include <vector>

#include "monitoring/api.hpp"

namespace troupe::monitoring {

/// The paths about what workers' time went to, and about what moved between them.
std::vector<Route> time_routes(const ApiSources& sources);

}  // namespace troupe::monitoring
