#pragma once

#include <string>
#include <string_view>

#include "monitoring/metrics.hpp"

namespace troupe::apps {

/// Set by the build.
inline constexpr std::string_view version = TROUPE_VERSION;

monitoring::BuildInfo build_info();

}  // namespace troupe::apps
