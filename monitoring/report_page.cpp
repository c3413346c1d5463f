#include "monitoring/report_page.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/units.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

double number(const json::value& row, const char* name) { return row.at(name).to_number<double>(); }
std::string text(const json::value& row, const char* name) { return escaped(row.at(name).as_string()); }
std::string size(double bytes) { return show_size(static_cast<std::uint64_t>(std::max(0.0, bytes))); }
std::string seconds(double value) {
  return show_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(std::max(0.0, value) * 1e9)));
}
std::string moment(double unix_ms) {
  const auto at = static_cast<std::time_t>(unix_ms / 1000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(at));
}

/// A colour for a name: the same on every picture.
std::string colour_of(std::string_view name) {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("hsl({} 60% {}%)", hash % 360, 45 + hash / 360 % 15);
}

class Page {
public:
  explicit Page(const std::string& title) {
    out_ =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
        escaped(title) +
        "</title>\n<style>\n"
        ":root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}body{max-width:76rem;margin:2rem auto;"
        "padding:0 "
        "1rem}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.2rem "
        ".6rem;text-align:right;border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}"
        "svg{width:100%;height:auto;background:#8881}h2{margin-top:2.2rem}li{margin:.3rem 0}text{fill:currentColor;"
        "font-size:11px}pre{white-space:pre-wrap}\n</style></head><body>\n<h1>" +
        escaped(title) + "</h1>\n";
  }
  void heading(std::string_view title) { out_ += fmt::format("<h2>{}</h2>\n", escaped(title)); }
  void paragraph(const std::string& html) { out_ += "<p>" + html + "</p>\n"; }
  void table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows) {
    out_ += "<table><tr>";
    for (const auto& head : heads) out_ += "<th scope=\"col\">" + head + "</th>";
    out_ += "</tr>\n";
    for (const auto& row : rows) {
      out_ += "<tr>";
      for (const auto& cell : row) out_ += "<td>" + cell + "</td>";
      out_ += "</tr>\n";
    }
    out_ += "</table>\n";
  }
  void list(const std::vector<std::string>& sentences) {
    out_ += "<ul>\n";
    for (const auto& sentence : sentences) out_ += "<li>" + escaped(sentence) + "</li>\n";
    out_ += "</ul>\n";
  }
  void raw(const std::string& html) { out_ += html; }
  std::string end() { return std::move(out_) + "</body></html>\n"; }

private:
  std::string out_;
};

constexpr double plot_width = 1100;

/// Lines over time, all from 0 to their largest.
std::string lines_svg(const json::value& series, const std::vector<std::pair<const char*, const char*>>& wanted) {
  constexpr double height = 150;
  const auto& times = series.at("times_unix_ms").as_array();
  if (times.size() < 2) return "<p>Nothing was measured yet.</p>\n";
  const double first = times.front().to_number<double>();
  const double span = std::max(1.0, times.back().to_number<double>() - first);
  double largest = 0;
  for (const auto& [column, label] : wanted)
    for (const json::value& value : series.at("series").at(column).as_array())
      largest = std::max(largest, value.to_number<double>());
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", plot_width, height + 20);
  double at = 0;
  for (const auto& [column, label] : wanted) {
    const auto& values = series.at("series").at(column).as_array();
    std::string points;
    for (std::size_t i = 0; i < values.size() && i < times.size(); ++i)
      points += fmt::format("{:.1f},{:.1f} ", (times[i].to_number<double>() - first) / span * plot_width,
                            height - (largest > 0 ? values[i].to_number<double>() / largest : 0) * (height - 12));
    out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>\n", colour_of(label),
                       points);
    const double last = values.empty() ? 0 : values.back().to_number<double>();
    const bool bytes = std::string_view(column).find("bytes") != std::string_view::npos;
    out += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">\u25A0 {}: {}</text>\n", at + 4, height + 14,
                       colour_of(label), escaped(label), bytes ? size(last) : fmt::format("{:.1f}", last));
    at += 230;
  }
  const bool bytes = std::string_view(wanted.front().first).find("bytes") != std::string_view::npos;
  out +=
      fmt::format("<text x=\"4\" y=\"11\">{}</text>\n</svg>\n", bytes ? size(largest) : fmt::format("{:.1f}", largest));
  return out;
}

std::string stream_svg(const json::value& stream) {
  const auto& lanes = stream.at("lanes").as_array();
  const auto& rects = stream.at("rects").as_object();
  const auto& prefixes = stream.at("prefixes").as_array();
  const double span = std::max(1.0, number(stream, "to_unix_ms") - number(stream, "from_unix_ms"));
  const double lane_height = std::clamp(600.0 / std::max<double>(1, static_cast<double>(lanes.size())), 2.0, 16.0);
  const double height = lane_height * static_cast<double>(lanes.size());
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\">\n", plot_width, std::max(20.0, height));
  const auto column = [&](const char* name) -> const json::array& { return rects.at(name).as_array(); };
  for (std::size_t i = 0; i < column("lane").size(); ++i) {
    const auto prefix = column("prefix")[i].to_number<std::size_t>();
    const std::string name(prefix < prefixes.size() ? std::string(prefixes[prefix].as_string()) : "?");
    const auto count = column("count")[i].to_number<std::uint64_t>();
    const double duration = column("duration_ms")[i].to_number<double>();
    out += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"><title>{}</title></rect>\n",
        column("start_ms")[i].to_number<double>() / span * plot_width,
        column("lane")[i].to_number<double>() * lane_height, std::max(0.3, duration / span * plot_width),
        lane_height * 0.9, column("erred")[i].to_number<int>() > 0 ? "black" : colour_of(name),
        count == 1 ? escaped(column("key")[i].as_string()) + ", " + seconds(duration / 1000)
                   : fmt::format("{} runs, mostly {}", count, escaped(name)));
  }
  return out + "</svg>\n";
}

/// What failures of that kind that are all of one worker have their cause in, to be said after them.
std::string_view look_at(std::string_view kind) {
  if (kind == "exception") return ": the function threw them; did it run elsewhere too, and find there what it needs?";
  if (kind == "killed") return ": its process died of them; its log and the events say how.";
  if (kind == "timeout") return ": is its machine slower, or busy with something else?";
  if (kind == "unknown_function") return ": it has not loaded the module.";
  return ".";
}

std::string critical_html(const ReportFacts& facts) {
  const auto& path = facts.critical.runs;
  if (path.empty()) return "<p>Of no task that ran in this time the dependencies are known any more.</p>\n";
  double busy_s = 0;
  for (const SlowRun& run : path) busy_s += run.duration_ms / 1000;
  const double span_s = (path.back().start_unix_ms + path.back().duration_ms - path.front().start_unix_ms) / 1000;
  std::string out = fmt::format(
      "<p>{0} tasks, each of which needs the one before, took {1} from the first to the last, {2} of it in functions. "
      "However many workers there are, the {2} stay; the rest they waited, for a free thread, for what was moved, or "
      "to "
      "be submitted. Of {3} tasks the dependencies are known.</p>\n<table><tr>",
      path.size(), seconds(span_s), seconds(busy_s), facts.critical.known);
  for (const char* head : {"task", "function", "worker", "began after", "waited", "ran"})
    out += fmt::format("<th scope=\"col\">{}</th>", head);
  out += "</tr>\n";
  constexpr std::size_t most = 100;
  for (std::size_t i = 0; i < std::min(most, path.size()); ++i) {
    const double waited_ms = i == 0 ? 0 : path[i].start_unix_ms - path[i - 1].start_unix_ms - path[i - 1].duration_ms;
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                       escaped(path[i].key), escaped(path[i].function), escaped(path[i].worker),
                       seconds((path[i].start_unix_ms - path.front().start_unix_ms) / 1000), seconds(waited_ms / 1000),
                       seconds(path[i].duration_ms / 1000));
  }
  out += "</table>\n";
  if (path.size() > most) out += fmt::format("<p>The first {} of {} are shown.</p>\n", most, path.size());
  return out;
}

/// Frames by how often they were seen, those that they called below them.
struct Flame {
  std::uint64_t samples{};
  std::map<std::string, Flame> calls;
};

void draw(const Flame& flame, double x, double width, unsigned depth, unsigned& deepest, std::string& out) {
  constexpr double row = 17;
  constexpr unsigned depth_max = 60;
  for (const auto& [name, call] : flame.calls) {
    const double part = width * static_cast<double>(call.samples) / static_cast<double>(flame.samples);
    if (part >= 1 && depth < depth_max) {
      deepest = std::max(deepest, depth + 1);
      const auto letters = static_cast<std::size_t>(std::max(0.0, part / 6.2 - 1));
      out += fmt::format(
          "<g><title>{0}, {1} times</title><rect x=\"{2:.1f}\" y=\"{3}\" width=\"{4:.1f}\" height=\"16\" fill=\"{5}\"/>"
          "<text x=\"{6:.1f}\" y=\"{7}\">{8}</text></g>\n",
          escaped(name), call.samples, x, depth * row, part, colour_of(name), x + 3, depth * row + 12,
          letters < 4 ? "" : escaped(name.substr(0, letters)));
      draw(call, x, part, depth + 1, deepest, out);
    }
    x += part;
  }
}

std::string profile_html(const json::value& profile) {
  if (profile.is_null() || number(profile, "samples") == 0) return "<p>No stack of a task was seen in this time.</p>\n";
  Flame all;
  for (const json::value& stack : profile.at("stacks").as_array()) {
    const auto samples = stack.at("samples").to_number<std::uint64_t>();
    Flame* at = &all;
    at->samples += samples;
    at = &at->calls[std::string(stack.at("prefix").as_string())];
    at->samples += samples;
    for (const json::value& frame : stack.at("frames").as_array()) {
      at = &at->calls[std::string(frame.as_string())];
      at->samples += samples;
    }
  }
  std::string rects;
  unsigned deepest = 0;
  draw(all, 0, plot_width, 0, deepest, rects);
  return fmt::format(
             "<p>{:.0f} stacks were seen of tasks that ran; wider is more often, callers are above.</p>\n"
             "<svg viewBox=\"0 0 {} {}\" role=\"img\">\n",
             number(profile, "samples"), plot_width, deepest * 17) +
         rects + "</svg>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::vector<std::string> advice(const ReportFacts& facts) {
  std::vector<std::string> found;
  const json::value& cluster = facts.cluster;
  const double threads = number(cluster, "threads");
  const double span_s = (number(facts.stream, "to_unix_ms") - number(facts.stream, "from_unix_ms")) / 1000;
  const double use = threads > 0 && span_s > 0 ? facts.busy_s / (threads * span_s) : 0;
  if (facts.runs > 0 && use < 0.3)
    found.push_back(
        fmt::format("Threads ran functions {:.0f} % of this time. If it was meant to be busy, look for long "
                    "chains in the graph, few tasks at a time, or a client that waits between submissions.",
                    100 * use));
  if (facts.runs > 1000 && facts.busy_s / static_cast<double>(facts.runs) < 50e-6)
    found.push_back(
        fmt::format("A task took {} on average, which is little more than it costs to hand it out: let each do "
                    "more.",
                    seconds(facts.busy_s / static_cast<double>(facts.runs))));
  if (number(cluster.at("totals"), "recomputed") > 0)
    found.push_back(fmt::format("{:.0f} values were lost with workers and made again: see the events for why.",
                                number(cluster.at("totals"), "recomputed")));
  if (number(cluster.at("memory"), "spilled_bytes") > 0)
    found.push_back(
        fmt::format("{} of values are on disk, since memory is short: let go of futures that are done with, or "
                    "give workers more.",
                    size(number(cluster.at("memory"), "spilled_bytes"))));
  if (number(cluster.at("tasks"), "no_worker") > 0)
    found.push_back(
        fmt::format("{:.0f} tasks wait for a worker that may run them: `troupe explain KEY` says what it lacks.",
                    number(cluster.at("tasks"), "no_worker")));
  if (number(cluster.at("workers"), "paused") > 0)
    found.push_back(fmt::format("{:.0f} workers start nothing, since their memory is nearly full.",
                                number(cluster.at("workers"), "paused")));
  for (const json::value& group : facts.exceptions.at("groups").as_array()) {
    const auto& workers = group.at("workers").as_array();
    if (number(group, "count") >= 3 && workers.size() == 1 && facts.workers.at("workers").as_array().size() > 1)
      found.push_back(fmt::format("All {:.0f} failures of {} came from one worker, {}{}", number(group, "count"),
                                  std::string(group.at("prefix").as_string()), std::string(workers.front().as_string()),
                                  look_at(group.at("kind").as_string())));
  }
  double longest = 0;
  for (const SlowRun& run : facts.slowest) longest = std::max(longest, run.duration_ms);
  if (facts.runs > 0 && longest / 1000 > 0.3 * span_s && span_s > 1)
    found.push_back(fmt::format("One task took {}, a large part of this time: more workers do not make it shorter.",
                                seconds(longest / 1000)));
  if (found.empty()) found.emplace_back("Nothing stands out.");
  return found;
}

std::string report_page(const ReportFacts& facts) {
  const json::value& cluster = facts.cluster;
  Page page("Troupe: report");
  page.paragraph(fmt::format("{} to {}. Scheduler {} (version {}, cluster {}).",
                             moment(number(facts.stream, "from_unix_ms")), moment(number(facts.stream, "to_unix_ms")),
                             text(cluster, "address"), text(cluster, "version"), text(cluster, "cluster")));
  page.heading("Summary");
  page.table({"", ""}, {{"Workers", fmt::format("{:.0f}, with {:.0f} threads", number(cluster.at("workers"), "total"),
                                                number(cluster, "threads"))},
                        {"Runs of tasks in this time", std::to_string(facts.runs)},
                        {"Time in functions", seconds(facts.busy_s)},
                        {"Finished since the start", fmt::format("{:.0f}", number(cluster.at("totals"), "finished"))},
                        {"Failed since the start", fmt::format("{:.0f}", number(cluster.at("totals"), "erred"))},
                        {"Made again", fmt::format("{:.0f}", number(cluster.at("totals"), "recomputed"))},
                        {"Values in memory", size(number(cluster.at("memory"), "managed_bytes"))},
                        {"Values on disk", size(number(cluster.at("memory"), "spilled_bytes"))},
                        {"Workers lost", fmt::format("{:.0f}", number(cluster.at("workers"), "lost"))}});
  page.heading("Advice");
  page.list(advice(facts));
  page.heading("Task stream");
  page.paragraph(
      fmt::format("{:.0f} of {:.0f} runs, in {:.0f} rectangles; a lane is a thread of a worker. Failed ones are "
                  "black.",
                  number(facts.stream, "covered"), number(facts.stream, "total"), number(facts.stream, "shown")));
  page.raw(stream_svg(facts.stream));
  page.heading("Functions");
  std::vector<std::vector<std::string>> rows;
  for (const json::value& prefix : facts.prefixes.at("prefixes").as_array())
    rows.push_back({text(prefix, "name"), fmt::format("{:.0f}", number(prefix, "finished")),
                    fmt::format("{:.0f}", number(prefix, "erred")), seconds(number(prefix, "compute_s")),
                    number(prefix, "finished") > 0 ? seconds(number(prefix, "compute_s") / number(prefix, "finished"))
                                                   : std::string("-"),
                    size(number(prefix, "output_bytes"))});
  page.table({"function", "finished", "failed", "time", "mean", "output"}, rows);
  page.heading("Critical path");
  page.raw(critical_html(facts));
  page.heading("Profile");
  page.raw(profile_html(facts.profile));
  page.heading("Slowest tasks");
  rows.clear();
  for (const SlowRun& run : facts.slowest)
    rows.push_back({escaped(run.key), escaped(run.function), escaped(run.worker), seconds(run.duration_ms / 1000),
                    moment(run.start_unix_ms), run.erred ? "failed" : "finished"});
  page.table({"task", "function", "worker", "time", "began", ""}, rows);
  page.heading("Workers");
  rows.clear();
  for (const json::value& worker : facts.workers.at("workers").as_array())
    rows.push_back({text(worker, "name"), text(worker, "host"), text(worker, "status"),
                    fmt::format("{:.0f}", number(worker, "threads")), fmt::format("{:.1f}", number(worker, "cpu")),
                    size(number(worker, "process_bytes")), size(number(worker, "managed_bytes")),
                    size(number(worker, "spilled_bytes")), size(number(worker, "received_bytes")),
                    size(number(worker, "sent_bytes")), fmt::format("{:.0f}", number(worker, "finished"))});
  page.table(
      {"worker", "host", "status", "threads", "cpu", "memory", "values", "on disk", "received", "sent", "finished"},
      rows);
  page.heading("Processors and tasks");
  page.raw(lines_svg(facts.series, {{"cpu", "cores in use"}, {"executing", "tasks that run"}}));
  page.raw(lines_svg(facts.series, {{"finished_per_s", "finished a second"}, {"erred_per_s", "failed a second"}}));
  page.heading("Memory");
  page.raw(lines_svg(facts.series, {{"memory_process_bytes", "processes"},
                                    {"memory_managed_bytes", "values"},
                                    {"memory_spilled_bytes", "on disk"}}));
  page.heading("Transfers");
  page.raw(lines_svg(facts.series, {{"received_bytes_per_s", "between workers, a second"},
                                    {"disk_write_bytes_per_s", "to disk, a second"},
                                    {"disk_read_bytes_per_s", "from disk, a second"}}));
  page.heading("Failures");
  rows.clear();
  for (const json::value& group : facts.exceptions.at("groups").as_array())
    rows.push_back({text(group, "prefix"), text(group, "type"), text(group, "message"),
                    fmt::format("{:.0f}", number(group, "count")), moment(number(group, "last_unix_ms"))});
  page.table({"function", "type", "message", "times", "last"}, rows);
  page.heading("Events");
  rows.clear();
  for (const json::value& event : facts.events.at("events").as_array())
    rows.push_back({text(event, "text"), text(event, "level"), moment(number(event, "at_unix_ms"))});
  page.table({"", "", ""}, rows);
  return page.end();
}

}  // namespace troupe::monitoring
