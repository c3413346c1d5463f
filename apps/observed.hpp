#pragma once

#include <string>

#include <boost/json.hpp>

#include "actors/inspection.hpp"
#include "protocol/messages.hpp"

/// What was seen of a cluster, as JSON: what `troupe logs`, `stack`, `profile` and `dump` have in common.
namespace troupe::apps {

/// RFC 3339, UTC, microseconds.
std::string time_text(std::int64_t unix_us);
const char* level_text(std::uint8_t level);

boost::json::object json_of(const LogLine& line);
boost::json::object json_of(const TaskDetail& detail);
boost::json::array json_of(const Transition& transition);
boost::json::object json_of(const RunningStack& stack);
boost::json::object json_of(const ProfileStack& stack);
boost::json::object json_of(const WorkerReport& report);

}  // namespace troupe::apps
