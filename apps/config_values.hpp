#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "monitoring/units.hpp"

/// How values are written in files, variables and flags: one reader for each kind, the same at every door.
namespace troupe::apps {

using monitoring::parse_boolean;
using monitoring::parse_duration;
using monitoring::parse_size;
using monitoring::show_duration;
using monitoring::show_size;

/// Insertions, deletions and replacements that lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Text of somebody else's, safe to write to a terminal: control characters become `?`.
std::string printable(std::string_view text);

}  // namespace troupe::apps
