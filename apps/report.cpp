#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"
#include "apps/report_page.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::string last{"10m"};
  std::string file{"troupe-report.html"};
};

constexpr std::size_t slowest_shown = 50;

/// Goes through all runs of the time, and keeps those that took longest.
void read_runs(HttpClient& http, double from_ms, ReportFacts& facts) {
  const auto longer = [](const SlowRun& a, const SlowRun& b) { return a.duration_ms > b.duration_ms; };
  std::string cursor;
  do {
    const json::value page = http.get(
        fmt::format("/api/v1/runs?from={:.0f}&limit=100000{}", from_ms, cursor.empty() ? "" : "&cursor=" + cursor));
    const auto& columns = page.at("runs").as_object();
    const auto column = [&](const char* name) -> const json::array& { return columns.at(name).as_array(); };
    const auto& prefixes = page.at("prefixes").as_array();
    for (std::size_t i = 0; i < column("key").size(); ++i) {
      const double duration_ms = column("duration_ms")[i].to_number<double>();
      ++facts.runs;
      facts.busy_s += duration_ms / 1000;
      if (facts.slowest.size() == slowest_shown && facts.slowest.front().duration_ms >= duration_ms) continue;
      const auto prefix = column("prefix")[i].to_number<std::size_t>();
      SlowRun run;
      run.key = std::string(column("key")[i].as_string());
      run.function = prefix < prefixes.size() ? std::string(prefixes[prefix].as_string()) : "?";
      run.worker = std::string(
          page.at("workers").at(std::to_string(column("worker_id")[i].to_number<std::uint64_t>())).as_string());
      run.start_unix_ms = column("start_unix_ms")[i].to_number<double>();
      run.duration_ms = duration_ms;
      run.erred = column("erred")[i].to_number<int>() != 0;
      facts.slowest.push_back(std::move(run));
      std::push_heap(facts.slowest.begin(), facts.slowest.end(), longer);  // the shortest of them in front
      if (facts.slowest.size() <= slowest_shown) continue;
      std::pop_heap(facts.slowest.begin(), facts.slowest.end(), longer);
      facts.slowest.pop_back();
    }
    cursor = std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  std::sort(facts.slowest.begin(), facts.slowest.end(), longer);
}

ExitCode write(const Door& door, const Flags& flags) {
  const auto last = parse_duration(flags.last);
  if (!last || *last <= std::chrono::nanoseconds(0))
    throw CommandError(ExitCode::usage,
                       fmt::format("--last: '{}' is not a duration such as 10m", printable(flags.last)));
  HttpClient http(door);
  const double from_ms = -std::chrono::duration<double, std::milli>(*last).count();
  const auto seconds = std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(*last).count(), 1, 600);
  ReportFacts facts;
  facts.cluster = http.get("/api/v1/cluster");
  facts.workers = http.get("/api/v1/workers");
  facts.prefixes = http.get("/api/v1/prefixes");
  facts.series = http.get(fmt::format("/api/v1/timeseries?seconds={}", seconds));
  facts.stream = http.get(fmt::format("/api/v1/task-stream?from={:.0f}&width=1100&limit=10000", from_ms));
  facts.exceptions = http.get("/api/v1/exceptions");
  facts.events = http.get("/api/v1/events?limit=200");
  read_runs(http, from_ms, facts);
  std::ofstream out(flags.file, std::ios::binary);
  out << report_page(facts) << std::flush;
  if (!out) throw CommandError(ExitCode::failed, fmt::format("{}: {}", printable(flags.file), std::strerror(errno)));
  print(flags.file + "\n");
  return ExitCode::done;
}

}  // namespace

void add_report(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("report", "Write what the cluster did lately as one page that opens offline.");
  auto flags = std::make_shared<Flags>();
  command->add_option("--last", flags->last, "how far back (default 10m)")->type_name("DURATION");
  command->add_option("--file", flags->file, "where to (default troupe-report.html)")->type_name("FILE");
  door.add_scheduler_options(*command);
  command->footer("Example:\n  troupe report --last 10m --file report.html\n\n" + std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return write(door, *flags); }; });
}

}  // namespace troupe::apps
