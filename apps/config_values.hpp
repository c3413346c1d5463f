#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "monitoring/units.hpp"

/// How values are written in files, variables and flags: one reader for each kind, the same at every door.
namespace troupe::apps {

/// `500ms`, `1h 30m`, `1.5s`, `250us`, `0`. A bare number other than 0 has no unit and is refused.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Bytes: `2GiB`, `50MB`, `1.5 kB`, `123`, `10e9`.
std::optional<std::uint64_t> parse_size(std::string_view text);

std::optional<bool> parse_boolean(std::string_view text);

using monitoring::show_duration;
using monitoring::show_size;

/// Insertions, deletions and replacements that lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Text of somebody else's, safe to write to a terminal: control characters become `?`.
std::string printable(std::string_view text);

}  // namespace troupe::apps
