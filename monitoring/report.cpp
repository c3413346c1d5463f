#include "monitoring/report.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/report_page.hpp"
#include "protocol/ids.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

constexpr std::size_t slowest_shown = 50;

/// Ends the making of a report.
struct Unanswered {
  Error error;
};

/// Tasks of which it is known what they need, and the run of each, as far as there was one.
struct KnownGraph {
  std::unordered_map<std::string, std::size_t> by_key;  ///< prefix-group-index, as runs are told
  std::vector<SlowRun> runs;                            ///< by node; without a key: it did not run
  std::vector<std::pair<std::size_t, std::size_t>> edges;
};

KnownGraph known_graph(const json::value& graph) {
  KnownGraph known;
  const auto& ids = graph.at("nodes").at("id").as_array();
  const auto& prefixes = graph.at("nodes").at("prefix").as_array();
  const auto& names = graph.at("prefixes").as_array();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string_view text = ids[i].as_string();
    TaskId id;
    std::from_chars(text.data(), text.data() + text.size(), id.value);
    const auto prefix = prefixes[i].to_number<std::size_t>();
    known.by_key.emplace(fmt::format("{}-{}-{}", prefix < names.size() ? std::string(names[prefix].as_string()) : "?",
                                     id.group(), id.index()),
                         i);
  }
  known.runs.resize(ids.size());
  for (const json::value& edge : graph.at("edges").as_array())
    known.edges.emplace_back(edge.at(0).to_number<std::size_t>(), edge.at(1).to_number<std::size_t>());
  std::sort(known.edges.begin(), known.edges.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return known;
}

/// Edges lead from lower to higher numbers, so that one pass finds the longest way to each node.
CriticalPath critical_path(const KnownGraph& known) {
  constexpr std::size_t none = SIZE_MAX;
  std::vector<double> longest(known.runs.size());
  std::vector<std::size_t> before(known.runs.size(), none);
  for (std::size_t i = 0; i < known.runs.size(); ++i) longest[i] = known.runs[i].duration_ms;
  for (const auto& [from, to] : known.edges) {
    if (from >= to || to >= longest.size() || known.runs[from].key.empty() || known.runs[to].key.empty()) continue;
    const double way = longest[from] + known.runs[to].duration_ms;
    if (way <= longest[to] && before[to] != none) continue;
    longest[to] = way;
    before[to] = from;
  }
  CriticalPath path;
  path.known = known.runs.size();
  const auto last = std::max_element(longest.begin(), longest.end());
  if (last == longest.end() || *last <= 0) return path;
  for (auto at = static_cast<std::size_t>(last - longest.begin()); at != none; at = before[at])
    path.runs.push_back(known.runs[at]);
  std::reverse(path.runs.begin(), path.runs.end());
  return path;
}

class Reporter {
  using Clock = std::chrono::steady_clock;

public:
  Reporter(const std::function<Result<std::string>(const std::string&)>& ask, const ReportOptions& options)
      : ask_(ask), options_(options) {}

  std::string make() {
    const auto seconds =
        std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(options_.last).count(), 1, 600);
    facts_.events = get("/api/v1/events?limit=200");
    // Said once, so that the same time is meant by all that follows, however long it takes.
    const double to_ms = std::ceil(facts_.events.at("now_unix_ms").to_number<double>());
    window_ = fmt::format(
        "from={:.0f}&to={:.0f}",
        to_ms - std::chrono::duration<double, std::milli>(options_.last + (Clock::now() - begun_)).count(), to_ms);
    facts_.cluster = get("/api/v1/cluster");
    facts_.workers = get("/api/v1/workers");
    facts_.prefixes = get("/api/v1/prefixes");
    facts_.series = get(fmt::format("/api/v1/timeseries?seconds={}", seconds));
    facts_.stream = get("/api/v1/task-stream?" + window_ + "&width=1100&limit=10000");
    facts_.exceptions = get("/api/v1/exceptions");
    graph_ = known_graph(get("/api/v1/graph?limit=5000"));
    read_runs();
    facts_.critical = critical_path(graph_);
    // Workers are asked for it, and one that does not answer keeps nobody from the rest.
    if (const auto profile = ask_("/api/v1/profile/past?" + window_)) facts_.profile = json::parse(*profile);
    return report_page(facts_);
  }

private:
  json::value get(const std::string& target) {
    auto answer = ask_(target);
    if (!answer) throw Unanswered{answer.error()};
    return json::parse(*answer);
  }

  /// Goes through all runs of the time, and keeps those that took longest.
  void read_runs() {
    std::string cursor;
    do {
      const json::value page =
          get("/api/v1/runs?" + window_ + "&limit=100000" + (cursor.empty() ? "" : "&cursor=" + cursor));
      const auto& columns = page.at("runs").as_object();
      const auto& prefixes = page.at("prefixes").as_array();
      const auto count = columns.at("key").as_array().size();
      for (std::size_t i = 0; i < count; ++i) {
        SlowRun run;
        run.duration_ms = columns.at("duration_ms").as_array()[i].to_number<double>();
        ++facts_.runs;
        facts_.busy_s += run.duration_ms / 1000;
        run.key = std::string(columns.at("key").as_array()[i].as_string());
        const auto node = graph_.by_key.find(run.key);
        const bool slow = facts_.slowest.size() < slowest_shown || facts_.slowest.front().duration_ms < run.duration_ms;
        if (node == graph_.by_key.end() && !slow) continue;
        const auto prefix = columns.at("prefix").as_array()[i].to_number<std::size_t>();
        const auto worker = columns.at("worker_id").as_array()[i].to_number<std::uint64_t>();
        run.function = prefix < prefixes.size() ? std::string(prefixes[prefix].as_string()) : "?";
        run.worker = std::string(page.at("workers").at(std::to_string(worker)).as_string());
        run.start_unix_ms = columns.at("start_unix_ms").as_array()[i].to_number<double>();
        run.erred = columns.at("erred").as_array()[i].to_number<int>() != 0;
        if (node != graph_.by_key.end()) graph_.runs[node->second] = run;
        if (slow) keep_slow(std::move(run));
      }
      cursor = std::string(page.at("next_cursor").as_string());
    } while (!cursor.empty());
    std::sort(facts_.slowest.begin(), facts_.slowest.end(), longer);
  }

  static bool longer(const SlowRun& a, const SlowRun& b) { return a.duration_ms > b.duration_ms; }
  /// The shortest of those that are kept stands in front.
  void keep_slow(SlowRun run) {
    facts_.slowest.push_back(std::move(run));
    std::push_heap(facts_.slowest.begin(), facts_.slowest.end(), longer);
    if (facts_.slowest.size() <= slowest_shown) return;
    std::pop_heap(facts_.slowest.begin(), facts_.slowest.end(), longer);
    facts_.slowest.pop_back();
  }

  const std::function<Result<std::string>(const std::string&)>& ask_;
  const Clock::time_point begun_{Clock::now()};
  std::string window_;  ///< which time, as parameters
  const ReportOptions options_;
  ReportFacts facts_;
  KnownGraph graph_;
};

}  // namespace

Result<std::string> make_report(const std::function<Result<std::string>(const std::string& target)>& ask,
                                const ReportOptions& options) {
  try {
    return Reporter(ask, options).make();
  } catch (const Unanswered& unanswered) {
    return tl::unexpected(unanswered.error);
  } catch (const std::exception& error) {
    return tl::unexpected(Error{ErrorKind::failed, fmt::format("an answer is not as it must be: {}", error.what())});
  }
}

}  // namespace troupe::monitoring
