#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::string last{"10m"};
  std::string file;
  std::string format{"chrome"};
};

/// Writes runs one by one, as they are read.
class Timeline {
public:
  Timeline(std::ostream& out, bool csv) : out_(out), csv_(csv) {
    out_ << (csv_ ? "key,function,worker,thread,start_unix_ms,duration_ms,outcome,run\n" : "{\"traceEvents\":[");
  }
  void add(const json::object& page) {
    const auto& columns = page.at("runs").as_object();
    const auto& prefixes = page.at("prefixes").as_array();
    const auto& workers = page.at("workers").as_object();
    const auto column = [&](const char* name) -> const json::array& { return columns.at(name).as_array(); };
    for (std::size_t i = 0; i < column("key").size(); ++i) {
      const auto worker = column("worker_id")[i].to_number<std::uint64_t>();
      const std::string name(workers.at(std::to_string(worker)).as_string());
      const auto prefix = column("prefix")[i].to_number<std::size_t>();
      const std::string function(prefix < prefixes.size() ? std::string(prefixes[prefix].as_string()) : "?");
      const bool erred = column("erred")[i].to_number<int>() != 0;
      const double start_ms = column("start_unix_ms")[i].to_number<double>();
      const double duration_ms = column("duration_ms")[i].to_number<double>();
      const auto thread = column("thread")[i].to_number<std::uint64_t>();
      ++runs_;
      if (csv_) {
        out_ << fmt::format("{},{},{},{},{:.3f},{:.3f},{},{}\n", quoted(column("key")[i].as_string()), quoted(function),
                            quoted(name), thread, start_ms, duration_ms, erred ? "erred" : "finished",
                            column("run")[i].to_number<std::uint64_t>());
        continue;
      }
      if (named_.insert(worker).second)
        event({{"name", "process_name"}, {"ph", "M"}, {"pid", worker}, {"args", json::object{{"name", name}}}});
      json::object run{{"name", function},
                       {"cat", erred ? "erred" : "task"},
                       {"ph", "X"},
                       {"ts", start_ms * 1000},
                       {"dur", duration_ms * 1000},
                       {"pid", worker},
                       {"tid", thread},
                       {"args", json::object{{"key", column("key")[i]}}}};
      if (erred) run["cname"] = "black";
      event(run);
    }
  }
  void end() {
    if (!csv_) out_ << "\n]}\n";
    out_ << std::flush;
  }
  [[nodiscard]] std::uint64_t runs() const { return runs_; }

private:
  void event(const json::object& event) {
    out_ << (first_ ? "\n" : ",\n") << json::serialize(event);
    first_ = false;
  }
  static std::string quoted(std::string_view text) {
    if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + "\"";
  }

  std::ostream& out_;
  const bool csv_;
  bool first_{true};
  std::uint64_t runs_{};
  std::set<std::uint64_t> named_;
};

ExitCode write(const Door& door, const Flags& flags) {
  const auto last = parse_duration(flags.last);
  if (!last || last->count() <= 0)
    throw CommandError(ExitCode::usage,
                       fmt::format("--last: '{}' is not a duration such as 10m", printable(flags.last)));
  HttpClient http(door);
  std::ofstream file;
  if (!flags.file.empty()) file.open(flags.file, std::ios::binary);
  if (!flags.file.empty() && !file)
    throw CommandError(ExitCode::failed, fmt::format("{}: {}", printable(flags.file), std::strerror(errno)));
  std::ostringstream text;
  Timeline timeline(flags.file.empty() ? static_cast<std::ostream&>(text) : file, flags.format == "csv");
  const double from_ms = -std::chrono::duration<double, std::milli>(*last).count();
  std::string cursor;
  do {
    const json::value page = http.get(
        fmt::format("/api/v1/runs?from={:.0f}&limit=100000{}", from_ms, cursor.empty() ? "" : "&cursor=" + cursor));
    timeline.add(page.as_object());
    cursor = std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  timeline.end();
  if (flags.file.empty()) {
    print(text.str());
  } else if (!file) {
    throw CommandError(ExitCode::failed, fmt::format("{}: {}", printable(flags.file), std::strerror(errno)));
  } else {
    tell(fmt::format("{} runs", timeline.runs()));
  }
  return ExitCode::done;
}

}  // namespace

void add_timeline(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("timeline", "Write what ran where and when, for Perfetto or as a table.");
  auto flags = std::make_shared<Flags>();
  command->add_option("--last", flags->last, "how far back (default 10m)")->type_name("DURATION");
  command->add_option("--file", flags->file, "write here instead of to stdout")->type_name("FILE");
  command->add_option("--format", flags->format, "chrome (default), which Perfetto opens too, or csv")
      ->check(CLI::IsMember({"chrome", "csv"}));
  door.add_scheduler_options(*command);
  command->footer(
      "Shows what the scheduler remembers: the last million runs unless dashboard.history says otherwise.\n\n"
      "Examples:\n  troupe timeline --file trace.json\n  troupe timeline --last 1m --format csv > runs.csv\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return write(door, *flags); }; });
}

}  // namespace troupe::apps
