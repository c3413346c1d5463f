#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "monitoring/api_json.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

bool is_inside(std::string_view span, std::string_view outer) {
  return span.starts_with(outer) && (span.size() == outer.size() || span[outer.size()] == '/');
}

/// A span with all that are inside it.
struct WholeSpan {
  SpanView sums;
  FunctionTime time;

  void add(const SpanView& more) {
    if (more.changed_last >= sums.changed_last) sums.span.trace = more.span.trace;
    const bool first = sums.submissions == 0 || more.submitted_first < sums.submitted_first;
    if (first) sums.submitted_first = more.submitted_first;
    sums.changed_last = std::max(sums.changed_last, more.changed_last);
    sums.submissions += more.submissions;
    sums.submitted += more.submitted;
    sums.finished += more.finished;
    sums.erred += more.erred;
    sums.compute_us += more.compute_us;
    sums.output_bytes += more.output_bytes;
    sums.tasks += more.tasks;
    for (const FunctionTime& function : more.functions) time += function;
  }
};

}  // namespace

json::object spans_json(const std::vector<SpanView>& spans, std::size_t most, const WallClock& clock,
                        double now_unix_ms) {
  std::map<std::string, WholeSpan, std::less<>> wholes;
  for (const SpanView& span : spans) {
    const std::string& name = span.span.name;
    for (auto end = name.find('/', 1); end != std::string::npos; end = name.find('/', end + 1))
      wholes[name.substr(0, end)].add(span);
    wholes[name].add(span);
  }
  std::vector<std::pair<std::string_view, const WholeSpan*>> latest;
  for (const auto& [name, whole] : wholes) latest.emplace_back(name, &whole);
  std::stable_sort(latest.begin(), latest.end(), [](const auto& a, const auto& b) {
    return a.second->sums.changed_last > b.second->sums.changed_last;
  });
  json::array rows;
  for (const auto& [name, whole] : latest) {
    if (rows.size() == most) break;
    const SpanView& sums = whole->sums;
    rows.push_back({{"name", name},
                    {"trace_id", sums.span.trace.hex()},
                    {"tasks", states_json(sums.tasks.states)},
                    {"memory_bytes", sums.tasks.memory_bytes},
                    {"submissions", sums.submissions},
                    {"submitted", sums.submitted},
                    {"finished", sums.finished},
                    {"erred", sums.erred},
                    {"compute_s", seconds(sums.compute_us)},
                    {"output_bytes", sums.output_bytes},
                    {"first_unix_ms", clock.unix_ms(sums.submitted_first.nanoseconds)},
                    {"last_unix_ms", clock.unix_ms(sums.changed_last.nanoseconds)},
                    {"thread_cpu_s", seconds(whole->time.cpu_us)},
                    {"thread_noncpu_s", seconds(whole->time.noncpu_us)},
                    {"execute_s", seconds(whole->time.unsplit_us)}});
  }
  return {{"schema", "troupe/v1/spans"},
          {"now_unix_ms", now_unix_ms},
          {"total", latest.size()},
          {"shown", rows.size()},
          {"spans", std::move(rows)}};
}

std::vector<FunctionTime> functions_of_span(const std::vector<SpanView>& spans, std::string_view name) {
  std::map<std::string, FunctionTime, std::less<>> by_prefix;
  for (const SpanView& span : spans) {
    if (!is_inside(span.span.name, name)) continue;
    for (const FunctionTime& function : span.functions) {
      FunctionTime& sum = by_prefix[function.prefix];
      sum.prefix = function.prefix;
      sum += function;
    }
  }
  std::vector<FunctionTime> functions;
  for (auto& [prefix, time] : by_prefix) functions.push_back(std::move(time));
  return functions;
}

}  // namespace troupe::monitoring
