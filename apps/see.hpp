#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "apps/door.hpp"
#include "apps/http_client.hpp"

/// What there is in a cluster, as the pages of its scheduler tell it: the nouns of `troupe list`, `get` and `describe`.
namespace troupe::apps {

/// How a figure is shown to people.
enum class Shown : std::uint8_t { text, size, seconds, moment, states };

struct SeenColumn {
  const char* head;
  const char* field;
  Shown shown{Shown::text};
};

struct SeenKind {
  const char* name;                 ///< workers, and so on
  const char* one;                  ///< worker
  const char* path;                 ///< of all of them
  unsigned limit_max;               ///< how many one answer has at most; 0: all there are
  const char* rows;                 ///< where they stand in the answer
  std::vector<const char*> called;  ///< fields by which people name one
  std::vector<SeenColumn> columns;
};

std::span<const SeenKind> seen_kinds();
/// By name, `workers` or `worker`; raises a usage error that names those there are.
const SeenKind& seen_kind(std::string_view name);

/// A name as part of a path.
std::string segment(std::string_view text);

/// A value as people read it, by the unit that its name ends with.
std::string seen_text(std::string_view field, const boost::json::value& value, Shown shown = Shown::text);

/// Asks for the latest, or the largest, of them: `limit`, or as many as there can be.
boost::json::object ask_for(HttpClient& http, const SeenKind& kind, unsigned limit = 0);

/// Prints rows as a table, as the whole document, or as one object a line; says if there are more than it got.
void print_rows(const Door& door, const SeenKind& kind, boost::json::object document);

/// `get`, `describe`, `summary`, `memory`, `graph` and `events`.
void add_see(CLI::App& app, Door& door);

}  // namespace troupe::apps
