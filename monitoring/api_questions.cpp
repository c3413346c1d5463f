#include "monitoring/api_questions.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/api_json.hpp"
#include "monitoring/api_route.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

WorkerId worker_id_of(const HttpRequest& request) {
  const std::string& text = request.segments.at("id");
  std::uint32_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) throw Refused(404, "no such worker");
  return {id};
}

const WorkerView& worker_of(const Picture& picture, const HttpRequest& request, std::size_t& index) {
  const WorkerId id = worker_id_of(request);
  const auto& all = picture.view.workers;
  for (index = 0; index < all.size(); ++index)
    if (all[index].address.worker == id) return all[index];
  throw Refused(404, "no such worker");
}

namespace {

constexpr std::size_t stacks_max = 5000;

json::array unanswered_json(const std::map<std::string, std::string>& unanswered) {
  json::array list;
  for (const auto& [worker, why] : unanswered) list.push_back({{"worker", worker}, {"error", why}});
  return list;
}

/// Those that were seen most often come first.
template <class Stack>
json::array stacks_json(std::vector<Stack> seen, const char* name_member, std::string Stack::*name,
                        std::uint64_t& samples) {
  std::stable_sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.samples > b.samples; });
  json::array stacks;
  for (const auto& stack : seen) {
    samples += stack.samples;
    if (stacks.size() >= stacks_max) continue;
    stacks.push_back({{name_member, stack.*name},
                      {"frames", json::array(stack.frames.begin(), stack.frames.end())},
                      {"samples", stack.samples}});
  }
  return stacks;
}

class Questions : public std::enable_shared_from_this<Questions> {
public:
  explicit Questions(const ApiSources& sources) : s_(sources) {}

  std::vector<Route> routes() {
    return {route("workers/{id}/logs", &Questions::worker_logs), route("tasks/{key}/logs", &Questions::task_logs),
            route("profile", &Questions::profile), route("profile/past", &Questions::past),
            route("profile/scheduler", &Questions::loop_past)};
  }

private:
  using Page = HttpResponse (Questions::*)(const HttpRequest&);

  Route route(const std::string& path, Page page) {
    Route made{"/api/v1/" + path,
               Access::token,
               [self = shared_from_this(), page](const HttpRequest& request) {
                 return guarded([&] { return (self.get()->*page)(request); });
               },
               false,
               {}};
    made.slow = true;
    return made;
  }

  HttpResponse worker_logs(const HttpRequest& request);
  HttpResponse task_logs(const HttpRequest& request);
  HttpResponse profile(const HttpRequest& request);
  HttpResponse past(const HttpRequest& request);
  HttpResponse loop_past(const HttpRequest& request);
  [[nodiscard]] std::vector<std::string> workers_named(const Query& query) const;
  [[nodiscard]] std::string worker_named(const HttpRequest& request) const;
  [[nodiscard]] std::vector<std::string> workers_that_ran(const TaskFacts& task, const Picture& picture) const;

  ApiSources s_;
};

/// The name of the worker that the path names. In a record there are those that left before its end, too.
std::string Questions::worker_named(const HttpRequest& request) const {
  const auto now = fresh_picture(*s_.recorder);
  std::size_t index = 0;
  if (!s_.identity.recorded) return worker_of(*now, request, index).address.name;
  const WorkerId id = worker_id_of(request);
  if (!s_.recorder->knows(id)) throw Refused(404, "no such worker");
  return s_.recorder->name_of(id);
}

HttpResponse Questions::worker_logs(const HttpRequest& request) {
  const Query query(request.query, {"after", "limit"});
  const std::string worker = worker_named(request);
  const auto page = s_.ask.log(worker, query.integer("after", 0, 0, integer_max), query.integer("limit", 500, 1, 5000));
  if (!page) throw Refused(503, page.error().text);
  return answer(log_json(page->lines, page->last, s_.recorder->clock().now_ms()));
}

/// Those that are still there, or were in a record; if none is known, every worker may have been it.
std::vector<std::string> Questions::workers_that_ran(const TaskFacts& task, const Picture& picture) const {
  constexpr std::size_t most = 100;
  std::set<WorkerId> ran{task.task.worker};
  std::set<std::string> named;
  for (const TransitionView& step : task.story) named.insert(step.worker);
  for (const auto& block : s_.source->history().blocks)
    for (std::uint32_t i = 0; i < block->size; ++i)
      if (block->runs[i].task == task.task.id) ran.insert(block->runs[i].worker);
  std::vector<std::string> workers;
  if (s_.identity.recorded) {
    for (const WorkerId worker : ran)
      if (worker) named.insert(s_.recorder->name_of(worker));
    named.erase("");
    return {named.begin(), named.end()};
  }
  for (const WorkerView& worker : picture.view.workers)
    if (ran.contains(worker.address.worker) || named.contains(worker.address.name))
      workers.push_back(worker.address.name);
  if (workers.empty())
    for (const WorkerView& worker : picture.view.workers)
      if (workers.size() < most) workers.push_back(worker.address.name);
  return workers;
}

HttpResponse Questions::task_logs(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  const auto most = query.integer("limit", 500, 1, 5000);
  const auto now = s_.recorder->picture(std::chrono::milliseconds(0));  // the worker may have come just now
  if (!now) throw Refused(503, "the scheduler has ended");
  const auto task = s_.source->detail(request.segments.at("key"));
  if (!task) throw Refused(404, "no such task is known: it was never submitted here, or was released and forgotten");
  json::array lines;
  std::map<std::string, std::string> unanswered;
  const auto workers = workers_that_ran(*task, *now);
  if (!workers.empty() || s_.identity.recorded) {
    auto logs = s_.ask.task_log(workers, task->task.id, most);
    if (!logs) throw Refused(503, logs.error().text);
    unanswered = std::move(logs->unanswered);
    std::vector<std::pair<const LogLine*, const std::string*>> sorted;
    for (const auto& [worker, page] : logs->lines)
      for (const LogLine& line : page) sorted.emplace_back(&line, &worker);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first->unix_us < b.first->unix_us; });
    if (sorted.size() > most) sorted.erase(sorted.begin(), sorted.end() - static_cast<std::ptrdiff_t>(most));
    for (const auto& [line, worker] : sorted)
      lines.push_back({{"worker", *worker},
                       {"seq", line->number},
                       {"at_unix_ms", static_cast<double>(line->unix_us) / 1000},
                       {"level", name_of(static_cast<EventLevel>(line->level))},
                       {"text", line->text}});
  }
  return answer({{"schema", "troupe/v1/task-logs"},
                 {"now_unix_ms", s_.recorder->clock().now_ms()},
                 {"asked", workers.size()},
                 {"shown", lines.size()},
                 {"lines", std::move(lines)},
                 {"unanswered", unanswered_json(unanswered)}});
}

/// Empty: all of them.
std::vector<std::string> Questions::workers_named(const Query& query) const {
  const auto worker = query.text("worker");
  if (!worker) return {};
  const auto now = fresh_picture(*s_.recorder);
  if (std::none_of(now->view.workers.begin(), now->view.workers.end(),
                   [&](const WorkerView& known) { return known.address.name == *worker; }))
    throw Refused(404, "no such worker");
  return {*worker};
}

HttpResponse Questions::profile(const HttpRequest& request) {
  constexpr std::chrono::milliseconds interval{10};
  const Query query(request.query, {"worker", "function", "seconds"});
  const std::chrono::seconds duration(query.integer("seconds", 2, 1, 10));
  auto seen = s_.ask.profile(workers_named(query), duration, interval, query.text("function").value_or(std::string()));
  if (!seen) throw Refused(503, seen.error().text);
  std::uint64_t samples = 0;
  const auto total = seen->stacks.size();
  auto stacks = stacks_json(std::move(seen->stacks), "function", &StackSamples::Stack::function, samples);
  return answer({{"schema", "troupe/v1/samples"},
                 {"now_unix_ms", s_.recorder->clock().now_ms()},
                 {"duration_ms", std::chrono::milliseconds(duration).count()},
                 {"interval_ms", interval.count()},
                 {"looks", seen->looks},
                 {"samples", samples},
                 {"total", total},
                 {"shown", stacks.size()},
                 {"stacks", std::move(stacks)},
                 {"unanswered", unanswered_json(seen->unanswered)}});
}

/// The part of the past that a request is about.
class PastWindow {
public:
  PastWindow(const Query& query, double now_ms) : now_ms_(now_ms) {
    const double to = query.number("to", 0);
    to_ms_ = to == 0 ? now_ms : to;
    const double from = query.number("from", -600'000);
    from_ms_ = from < 0 ? to_ms_ + from : from;
    if (to_ms_ < 0 || from_ms_ >= to_ms_) throw BadRequest("from must be before to");
  }
  [[nodiscard]] std::chrono::milliseconds from_ago() const { return ago(from_ms_); }
  [[nodiscard]] std::chrono::milliseconds to_ago() const { return ago(to_ms_); }

  [[nodiscard]] HttpResponse answer_with(const PastSamples& seen) const {
    std::uint64_t samples = 0;
    const auto total = seen.stacks.size();
    auto stacks = stacks_json(seen.stacks, "prefix", &PastSamples::Stack::prefix, samples);
    std::chrono::microseconds interval{};
    for (const auto& worker : seen.workers) interval = std::max(interval, worker.interval);
    return answer({{"schema", "troupe/v1/profile-past"},
                   {"now_unix_ms", now_ms_},
                   {"from_unix_ms", from_ms_},
                   {"to_unix_ms", to_ms_},
                   {"interval_ms", static_cast<double>(interval.count()) / 1000},
                   {"workers", seen.workers.size()},
                   {"samples", samples},
                   {"total", total},
                   {"shown", stacks.size()},
                   {"stacks", std::move(stacks)},
                   {"activity", activity_json(seen, now_ms_)},
                   {"unanswered", unanswered_json(seen.unanswered)}});
  }

private:
  [[nodiscard]] std::chrono::milliseconds ago(double at_ms) const {
    return std::chrono::milliseconds(std::llround(std::clamp(now_ms_ - at_ms, 0.0, 1e12)));
  }
  double now_ms_;
  double from_ms_{};
  double to_ms_{};
};

HttpResponse Questions::past(const HttpRequest& request) {
  const Query query(request.query, {"worker", "prefix", "from", "to"});
  const PastWindow window(query, s_.recorder->clock().now_ms());
  const auto seen = s_.ask.past(workers_named(query), window.from_ago(), window.to_ago(),
                                query.text("prefix").value_or(std::string()));
  if (!seen) throw Refused(503, seen.error().text);
  return window.answer_with(*seen);
}

HttpResponse Questions::loop_past(const HttpRequest& request) {
  const Query query(request.query, {"from", "to"});
  const PastWindow window(query, s_.recorder->clock().now_ms());
  const auto seen = s_.ask.loop_past(window.from_ago(), window.to_ago());
  if (!seen) throw Refused(503, seen.error().text);
  return window.answer_with(*seen);
}

}  // namespace

json::object activity_json(const PastSamples& seen, double now_unix_ms) {
  constexpr std::size_t columns = 720;
  constexpr double step_ms = 5000;
  const double from_ms = (std::floor(now_unix_ms / step_ms) + 1) * step_ms - columns * step_ms;
  std::vector<double> busy_ms(columns);
  for (const auto& worker : seen.workers)
    for (const auto& window : worker.windows) {
      // Each sample stands for the time until the next look, evenly over its window.
      const double begin = now_unix_ms - static_cast<double>(window.begun_ago.count()) / 1000;
      const double length = std::max(1.0, static_cast<double>(window.length.count()) / 1000);
      const double each_ms = static_cast<double>(window.samples) * static_cast<double>(worker.interval.count()) / 1000;
      for (double at = std::max(begin, from_ms); at < begin + length;) {
        const double column = std::floor((at - from_ms) / step_ms);
        if (column >= columns) break;
        const double end = std::min(begin + length, from_ms + (column + 1) * step_ms);
        busy_ms[static_cast<std::size_t>(column)] += each_ms * (end - at) / length;
        at = end;
      }
    }
  json::array threads;
  for (const double busy : busy_ms) threads.emplace_back(std::round(busy / step_ms * 1000) / 1000);
  return {{"from_unix_ms", from_ms}, {"step_ms", step_ms}, {"threads", std::move(threads)}};
}

std::vector<Route> question_routes(const ApiSources& sources) { return std::make_shared<Questions>(sources)->routes(); }

}  // namespace troupe::monitoring
