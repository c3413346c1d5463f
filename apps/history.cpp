#include "apps/history.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/node_door.hpp"
#include "apps/observed.hpp"
#include "apps/scheduler_door.hpp"
#include "apps/signals.hpp"
#include "monitoring/api.hpp"
#include "monitoring/assets.hpp"
#include "monitoring/recorded_cluster.hpp"

namespace troupe::apps {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

std::string time_of(double unix_ms) { return time_text(static_cast<std::int64_t>(unix_ms * 1000)); }

bool is_local(const monitoring::HistoryEntry& entry) {
  return entry.directory.parent_path().filename() == monitoring::local_histories;
}

/// In the order of starting: those of schedulers, and those of clusters inside programs in a directory beside them.
std::vector<monitoring::HistoryEntry> histories_in(const Door& door, const std::string& directory) {
  const fs::path chosen = directory.empty() ? history_directory(door.config()) : fs::path(directory);
  std::vector<fs::path> places{chosen, chosen / monitoring::local_histories};
  // Programs read no files of configuration.
  const fs::path usual = monitoring::default_history_directory();
  if (directory.empty() && usual != chosen) places.push_back(usual / monitoring::local_histories);
  std::vector<monitoring::HistoryEntry> found;
  for (const fs::path& place : places)
    for (auto& entry : monitoring::list_histories(place)) found.push_back(std::move(entry));
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.directory.filename() < b.directory.filename();  // names begin with the time
  });
  return found;
}

/// How it ended: asked of the whole history, since that stands at its end.
std::string ending_of(const monitoring::HistoryEntry& entry, double& ended_unix_ms) {
  ended_unix_ms = entry.changed_unix_ms;
  if (entry.being_written) return "running";
  bool stopped = false;
  const auto read =
      monitoring::read_history(entry.directory, [&](monitoring::HistoryKind kind, std::string_view bytes) {
        monitoring::HistoryEnd end;
        if (kind == monitoring::HistoryKind::end && monitoring::unpack(bytes, end)) {
          stopped = true;
          ended_unix_ms = end.unix_ms;
        }
        return true;
      });
  if (!read) return read.error().kind == ErrorKind::unsupported ? "of an older version" : "damaged";
  return stopped ? "stopped" : "killed";
}

ExitCode list(const Door& door, const std::string& directory) {
  const auto entries = histories_in(door, directory);
  json::array rows;
  Table table({"HISTORY", "STARTED", "LAST SEEN", "ENDING", "SCHEDULER", "SIZE"});
  for (const auto& entry : entries) {
    double ended = 0;
    const std::string ending = ending_of(entry, ended);
    const std::string name =
        (is_local(entry) ? monitoring::local_histories + std::string("/") : "") + entry.directory.filename().string();
    const std::string address = entry.start ? entry.start->address : std::string();
    const std::string started = entry.start ? time_of(entry.start->started_unix_ms) : std::string();
    rows.push_back({{"name", name},
                    {"directory", entry.directory.string()},
                    {"local", is_local(entry)},
                    {"started", started},
                    {"last_seen", time_of(ended)},
                    {"ending", ending},
                    {"scheduler", address},
                    {"cluster", entry.start ? entry.start->cluster.hex() : std::string()},
                    {"bytes", entry.bytes},
                    {"problem", entry.problem}});
    table.add({name, started.empty() ? "-" : started.substr(0, 19), time_of(ended).substr(0, 19), ending,
               address.empty() ? "-" : address, show_size(entry.bytes)});
  }
  if (door.json()) {
    print(json::serialize(json::object{{"schema", "troupe/v1/histories"}, {"histories", std::move(rows)}}) + "\n");
  } else {
    print(table.text());
  }
  return ExitCode::done;
}

/// The history itself, or of those in a directory the one that was seen last; sooner one with anything to look at.
fs::path the_history(const Door& door, const std::string& directory) {
  if (!directory.empty() && fs::exists(fs::path(directory) / "lock")) return directory;
  auto entries = histories_in(door, directory);
  if (entries.empty())
    throw CommandError(
        ExitCode::not_found,
        fmt::format("{}: there is no history here",
                    printable(directory.empty() ? history_directory(door.config()).string() : directory)));
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.changed_unix_ms > b.changed_unix_ms; });
  const auto first = std::find_if(entries.begin(), entries.end(),
                                  [](const auto& entry) { return monitoring::shows_anything(entry.directory); });
  return (first == entries.end() ? entries.front() : *first).directory;
}

ExitCode serve(const Door& door, const std::string& directory, const std::string& address) {
  Signals signals;
  const fs::path path = the_history(door, directory);
  const auto read = monitoring::RecordedCluster::read(path);
  if (!read) throw CommandError(ExitCode::failed, read.error().text);
  const monitoring::RecordedCluster& cluster = **read;
  if (cluster.torn_bytes() > 0)
    tell(fmt::format("the last {} bytes are of a record that was not finished; they are left out",
                     cluster.torn_bytes()));
  const auto logins = std::make_shared<monitoring::Logins>();
  monitoring::ApiSources api = cluster.sources();
  api.logins = logins;
  const HostPort where = parse_host_port(address, {"127.0.0.1", 0}, "--address");
  monitoring::HttpConfig http;
  http.host = where.host;
  http.port = where.port;
  http.flag = "--address";
  http.allowed_hosts = allowed_hosts(door.config());
  http.scope_of = [logins](std::string_view token) { return logins->scope_of(token); };
  auto routes = monitoring::api_routes(std::move(api));
  for (auto& route : monitoring::asset_routes(routes)) routes.push_back(std::move(route));
  const auto server = monitoring::HttpServer::start(std::move(http), std::move(routes));
  if (!server) raise(server.error());
  const std::string link =
      fmt::format("http://{}/status#code={}", (*server)->address(), logins->make_code(monitoring::Scope::read));
  print_ready(door, "history",
              {{"dashboard", link},
               {"http", "http://" + (*server)->address()},
               {"directory", path.string()},
               {"ending", cluster.recorded().ending},
               {"last_seen", time_of(cluster.recorded().ended_unix_ms)},
               {"runs", std::to_string(cluster.runs())}});
  signals.wait();
  return ExitCode::done;
}

}  // namespace

void add_history(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("history", "Look at clusters that have ended, or were killed.");
  command->require_subcommand(1);
  auto directory = std::make_shared<std::string>();
  auto address = std::make_shared<std::string>("127.0.0.1:0");
  const std::string examples =
      "Every scheduler writes one, with a dashboard or without, unless history.enabled or --no-history says "
      "otherwise.\n"
      "Those of clusters inside programs are in the directory `local` beside them.\n\n"
      "Examples:\n  troupe history list\n  troupe history serve\n"
      "  troupe history serve ~/.local/state/troupe/history/20260102T030405-0badcafe\n\n";

  CLI::App* listed = command->add_subcommand("list", "List the histories there are, the latest last.");
  listed->add_option("DIR", *directory, "where they are (default: history.directory)");
  listed->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
  door.add_output_option(*listed);
  listed->footer(examples + std::string(exit_codes_help));
  listed->callback([&door, directory] { door.run = [&door, directory] { return list(door, *directory); }; });

  CLI::App* served = command->add_subcommand("serve", "Show one in the dashboard, as it was when it was last seen.");
  served->add_option("DIR", *directory, "a history, or a directory with some: the latest (default: history.directory)");
  served->add_option("--address", *address, "where to serve it (default 127.0.0.1:0, any free port)")
      ->type_name("ADDRESS");
  served->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
  door.add_output_option(*served);
  served->footer(examples + std::string(exit_codes_help));
  served->callback([&door, directory, address] {
    door.run = [&door, directory, address] { return serve(door, *directory, *address); };
  });
}

}  // namespace troupe::apps
