#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/api_json.hpp"

// What is over: runs of tasks, failures, events, log lines.

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

double milliseconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }

struct FailureGroup {
  const FailedTask* last{};
  std::uint64_t count{};
  double first_unix_ms{};
  double last_unix_ms{};
  std::set<std::string> workers;
  std::vector<std::string> tasks;
};

}  // namespace

json::object task_stream_json(const StreamPicture& drawn, const StreamWindow& window, const PrefixNames& prefixes,
                              const Recorder& recorder) {
  json::array lanes;
  for (const auto& [worker, thread] : drawn.lanes)
    lanes.push_back({{"worker_id", worker.value}, {"worker", recorder.name_of(worker)}, {"thread", thread}});
  json::array lane, start, duration, busy, prefix, count, erred, key;
  for (json::array* column : {&lane, &start, &duration, &busy, &prefix, &count, &erred, &key})
    column->reserve(drawn.rects.size());
  for (const StreamRect& rect : drawn.rects) {
    lane.emplace_back(rect.lane);
    start.emplace_back(milliseconds(rect.start_ns - window.from_ns));
    duration.emplace_back(milliseconds(rect.end_ns - rect.start_ns));
    busy.emplace_back(milliseconds(rect.busy_ns));
    prefix.emplace_back(rect.prefix);
    count.emplace_back(rect.count);
    erred.emplace_back(rect.erred);
    TaskRun run;
    run.task = rect.task;
    run.prefix = rect.prefix;
    key.emplace_back(rect.count == 1 ? run_key(run, prefixes) : std::string());
  }
  return {{"schema", "troupe/v1/task-stream"},
          {"now_unix_ms", recorder.clock().now_ms()},
          {"from_unix_ms", recorder.clock().unix_ms(window.from_ns)},
          {"to_unix_ms", recorder.clock().unix_ms(window.to_ns)},
          {"total", drawn.total},
          {"covered", drawn.covered},
          {"shown", drawn.rects.size()},
          {"lanes", std::move(lanes)},
          {"prefixes", json::array(prefixes.begin(), prefixes.end())},
          {"rects", json::object{{"lane", std::move(lane)},
                                 {"start_ms", std::move(start)},
                                 {"duration_ms", std::move(duration)},
                                 {"busy_ms", std::move(busy)},
                                 {"prefix", std::move(prefix)},
                                 {"count", std::move(count)},
                                 {"erred", std::move(erred)},
                                 {"key", std::move(key)}}}};
}

json::object runs_json(const TaskHistory::Snapshot& history, std::uint64_t first, std::size_t most,
                       std::int64_t from_ns, std::int64_t to_ns, const PrefixNames& prefixes,
                       const Recorder& recorder) {
  json::array key, prefix, worker, thread, start, duration, erred, attempt;
  std::map<WorkerId, std::string> workers;
  std::uint64_t number = history.recorded - history.records;  // of the first run that is kept
  std::uint64_t next = 0;
  for (const auto& block : history.blocks) {
    if (next != 0) break;
    if (number + block->size <= first || block->last_ns < from_ns || block->first_ns > to_ns) {
      number += block->size;
      continue;
    }
    for (std::uint32_t i = 0; i < block->size; ++i, ++number) {
      const TaskRun& run = block->runs[i];
      if (number < first || run.end_ns() < from_ns || run.start_ns > to_ns) continue;
      if (key.size() == most) {
        next = number;
        break;
      }
      key.emplace_back(run_key(run, prefixes));
      prefix.emplace_back(run.prefix);
      worker.emplace_back(run.worker.value);
      thread.emplace_back(run.thread);
      start.emplace_back(recorder.clock().unix_ms(run.start_ns));
      duration.emplace_back(static_cast<double>(run.duration_us) / 1000);
      erred.emplace_back(static_cast<unsigned>(run.erred));
      attempt.emplace_back(static_cast<std::uint32_t>(run.run));
      if (!workers.contains(run.worker)) workers[run.worker] = recorder.name_of(run.worker);
    }
  }
  json::object names;
  for (const auto& [id, name] : workers) names[std::to_string(id.value)] = name;
  return {{"schema", "troupe/v1/runs"},
          {"now_unix_ms", recorder.clock().now_ms()},
          {"remembered", history.records},
          {"shown", key.size()},
          {"next_cursor", next == 0 ? std::string() : std::to_string(next)},
          {"prefixes", json::array(prefixes.begin(), prefixes.end())},
          {"workers", std::move(names)},
          {"runs", json::object{{"key", std::move(key)},
                                {"prefix", std::move(prefix)},
                                {"worker_id", std::move(worker)},
                                {"thread", std::move(thread)},
                                {"start_unix_ms", std::move(start)},
                                {"duration_ms", std::move(duration)},
                                {"erred", std::move(erred)},
                                {"run", std::move(attempt)}}}};
}

std::string fingerprint(const TaskError& error) {
  // FNV-1a of what is the same in all of them.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL; };
  const auto add_text = [&](std::string_view text) {
    for (const char c : text) add(c);
    add('\0');
  };
  add_text(name_of(error.kind));
  add_text(error.type);
  add_text(error.function);
  bool in_number = false;
  for (const char c : error.message) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit)
      add(c);
    else if (!in_number)
      add('#');
    in_number = digit;
  }
  return fmt::format("{:016x}", hash);
}

json::object exceptions_json(const std::vector<FailedTask>& failures, const Picture& picture, std::size_t most,
                             const WallClock& clock) {
  constexpr std::size_t most_tasks = 20;
  std::map<std::string, FailureGroup> groups;
  for (const FailedTask& failed : failures) {
    FailureGroup& group = groups[fingerprint(*failed.error)];
    const double at = clock.unix_ms(failed.at.nanoseconds);
    if (group.count++ == 0) group.first_unix_ms = at;
    group.last_unix_ms = at;
    group.last = &failed;
    if (!failed.error->worker.empty()) group.workers.insert(failed.error->worker);
    if (group.tasks.size() == most_tasks) group.tasks.erase(group.tasks.begin());
    group.tasks.push_back(failed.key);
  }
  std::vector<std::pair<std::string, const FailureGroup*>> order;
  for (const auto& [print, group] : groups) order.emplace_back(print, &group);
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second->last_unix_ms > b.second->last_unix_ms; });
  if (order.size() > most) order.resize(most);
  json::array rows;
  for (const auto& [print, group] : order) {
    const TaskError& error = *group->last->error;
    const auto& prefixes = picture.view.prefixes;
    rows.push_back({{"fingerprint", print},
                    {"count", group->count},
                    {"kind", std::string(name_of(error.kind))},
                    {"type", error.type},
                    {"function", error.function},
                    {"prefix", group->last->prefix < prefixes.size() ? prefixes[group->last->prefix].name : ""},
                    {"message", error.message},
                    {"first_unix_ms", group->first_unix_ms},
                    {"last_unix_ms", group->last_unix_ms},
                    {"workers", json::array(group->workers.begin(), group->workers.end())},
                    {"tasks", json::array(group->tasks.begin(), group->tasks.end())}});
  }
  return {{"schema", "troupe/v1/exceptions"}, {"now_unix_ms", picture.unix_ms}, {"total", picture.view.counters.failed},
          {"remembered", failures.size()},    {"shown", rows.size()},           {"groups", std::move(rows)}};
}

json::object events_json(const std::vector<Event>& events, std::uint64_t recorded, double now_unix_ms) {
  json::array rows;
  for (const Event& event : events)
    rows.push_back({{"seq", event.seq},
                    {"at_unix_ms", event.at_unix_ms},
                    {"topic", event.topic},
                    {"level", name_of(event.level)},
                    {"text", event.text},
                    {"worker_id", event.worker.value}});
  return {{"schema", "troupe/v1/events"},
          {"now_unix_ms", now_unix_ms},
          {"recorded", recorded},
          {"shown", rows.size()},
          {"events", std::move(rows)}};
}

json::object log_json(const std::vector<LogLine>& lines, std::uint64_t recorded, double now_unix_ms) {
  json::array rows;
  for (const LogLine& line : lines) {
    const LogContext& about = line.about;
    rows.push_back({{"seq", line.number},
                    {"at_unix_ms", static_cast<double>(line.unix_us) * 1e-3},
                    {"level", name_of(static_cast<EventLevel>(line.level))},
                    {"text", line.text},
                    {"event", about.event},
                    {"task_id", about.task ? std::to_string(about.task.value) : std::string()}});
    add_origin(rows.back().as_object(), {about.task.group(), about.client, about.span});
  }
  return {{"schema", "troupe/v1/logs"},
          {"now_unix_ms", now_unix_ms},
          {"recorded", recorded},
          {"shown", rows.size()},
          {"lines", std::move(rows)}};
}

}  // namespace troupe::monitoring
