#pragma once

#include "apps/door.hpp"

namespace troupe::apps {

inline constexpr const char* dump_schema = "troupe/v1/dump";

/// `troupe dump inspect`: what is in a file that `troupe dump` wrote, without a cluster.
CLI::App* add_dump_inspect(CLI::App& dump, Door& door);

}  // namespace troupe::apps
