#include "monitoring/api.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/api_questions.hpp"
#include "monitoring/api_route.hpp"
#include "monitoring/api_times.hpp"
#include "monitoring/live.hpp"
#include "monitoring/query.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

HttpResponse answer(const json::object& document) {
  return {200, "application/json", {}, json::serialize(document) + "\n", {}};
}

std::shared_ptr<const Picture> fresh_picture(Recorder& recorder) {
  auto picture = recorder.picture(std::chrono::milliseconds(250));
  if (!picture) throw Refused(503, "the scheduler has ended");
  return picture;
}

namespace {

/// A JSON body, an object.
json::object body_of(const HttpRequest& request) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(request.body, error, {}, options);
  if (error || !value.is_object()) throw BadRequest("the body must be a JSON object");
  return std::move(value.as_object());
}

std::string text_in(const json::object& body, std::string_view name, std::size_t length_max, bool needed = true) {
  const auto* value = body.if_contains(name);
  if (value == nullptr && !needed) return {};
  if (value == nullptr || !value->is_string() || value->as_string().size() > length_max)
    throw BadRequest(fmt::format("{} must be a string of at most {} bytes", name, length_max));
  return std::string(value->as_string());
}

void only(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& member : body)
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end())
      throw BadRequest("the body has a member that is not known here");
}

const char* scope_name(Scope scope) { return scope == Scope::admin ? "admin" : "read"; }

class Api : public std::enable_shared_from_this<Api> {
public:
  explicit Api(ApiSources sources) : s_(sources), topics_(std::make_shared<Topics>(std::move(sources))) {}

  std::vector<Route> routes();

private:
  using Page = HttpResponse (Api::*)(const HttpRequest&);

  Route get(std::string path, Page page) { return route(std::move(path), page, Access::token, false); }
  Route post(std::string path, Page page) { return route(std::move(path), page, Access::admin, true); }
  Route route(std::string path, Page page, Access access, bool post) {
    return {"/api/v1/" + path,
            access,
            [self = shared_from_this(), page](const HttpRequest& request) {
              return guarded([&] { return (self.get()->*page)(request); });
            },
            post,
            {}};
  }
  static Route slow(Route route) {
    route.slow = true;
    return route;
  }
  [[nodiscard]] std::shared_ptr<const Picture> picture() const { return fresh_picture(*s_.recorder); }
  [[nodiscard]] PrefixNames names_for(const TaskHistory::Snapshot& history) const;
  [[nodiscard]] TaskPage worker_tasks(WorkerId worker, TaskState state) const;
  void audit(const HttpRequest& request, const std::string& what, WorkerId worker = {}) const;
  [[nodiscard]] HttpResponse acted(const Result<void>& result, const char* action, bool done, std::string text) const;

  HttpResponse login(const HttpRequest& request);
  HttpResponse login_codes(const HttpRequest& request);
  HttpResponse session(const HttpRequest& request);
  HttpResponse cluster(const HttpRequest& request);
  HttpResponse workers(const HttpRequest& request);
  HttpResponse worker(const HttpRequest& request);
  HttpResponse tasks(const HttpRequest& request);
  HttpResponse task(const HttpRequest& request);
  HttpResponse prefixes(const HttpRequest& request);
  HttpResponse groups(const HttpRequest& request);
  HttpResponse graph(const HttpRequest& request);
  HttpResponse shuffles(const HttpRequest& request);
  HttpResponse task_stream(const HttpRequest& request);
  HttpResponse runs(const HttpRequest& request);
  HttpResponse timeseries(const HttpRequest& request);
  HttpResponse stealing(const HttpRequest& request);
  HttpResponse exceptions(const HttpRequest& request);
  HttpResponse events(const HttpRequest& request);
  HttpResponse logs(const HttpRequest& request);
  HttpResponse lineage(const HttpRequest& request);
  HttpResponse clients(const HttpRequest& request);
  HttpResponse targets(const HttpRequest& request);
  HttpResponse cancel(const HttpRequest& request) { return control(request, TaskControl::cancel); }
  HttpResponse retry(const HttpRequest& request) { return control(request, TaskControl::retry); }
  HttpResponse control(const HttpRequest& request, TaskControl what);
  HttpResponse drain(const HttpRequest& request);
  HttpResponse restart(const HttpRequest& request);
  HttpResponse scale(const HttpRequest& request);
  std::unique_ptr<LineSource> stream(const HttpRequest& request, HttpResponse& refusal);

  ApiSources s_;
  std::shared_ptr<Topics> topics_;
};

// ---- who may -----------------------------------------------------------------------------------------------------

HttpResponse Api::login(const HttpRequest& request) {
  const json::object body = body_of(request);
  only(body, {"code"});
  Logins::Refusal refusal{};
  const auto admitted = s_.logins->exchange(text_in(body, "code", 128), refusal);
  if (!admitted && refusal == Logins::Refusal::too_many)
    throw Refused(429, "too many codes were wrong; try again in a minute");
  if (!admitted) throw Refused(401, "this code is not known, or was used, or is too old");
  s_.events->add(EventLevel::info, "action", {},
                 fmt::format("a browser logged in, with the scope {}", scope_name(admitted->scope)));
  return answer({{"schema", "troupe/v1/login"}, {"token", admitted->token}, {"scope", scope_name(admitted->scope)}});
}

HttpResponse Api::login_codes(const HttpRequest& request) {
  const json::object body = body_of(request);
  only(body, {"scope"});
  const std::string scope = text_in(body, "scope", 16);
  if (scope != "read" && scope != "admin") throw BadRequest("scope must be read or admin");
  const std::string code = s_.logins->make_code(scope == "admin" ? Scope::admin : Scope::read);
  return answer({{"schema", "troupe/v1/login-code"},
                 {"code", code},
                 {"path", "/status#code=" + code},
                 {"scope", scope},
                 {"valid_s", std::chrono::seconds(Logins::code_life).count()}});
}

HttpResponse Api::session(const HttpRequest& request) {
  const Query query(request.query, {});
  const auto now = picture();
  return answer({{"schema", "troupe/v1/session"},
                 {"scope", scope_name(request.scope)},
                 {"version", s_.identity.build.version},
                 {"cluster", now->view.cluster.hex()}});
}

// ---- what there is -----------------------------------------------------------------------------------------------

HttpResponse Api::cluster(const HttpRequest& request) {
  const Query query(request.query, {});
  return answer(cluster_json(*picture(), s_.identity, s_.recorder->clock()));
}

HttpResponse Api::workers(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  const auto most = query.integer("limit", 10'000, 1, 10'000);
  return answer(workers_json(*picture(), most, s_.recorder->clock()));
}

TaskPage Api::worker_tasks(WorkerId worker, TaskState state) const {
  TaskFilter filter;
  filter.worker = worker;
  filter.state = state;
  return s_.source->tasks(filter, 0, 100, 10'000);
}

HttpResponse Api::worker(const HttpRequest& request) {
  const Query query(request.query, {});
  const auto now = picture();
  std::size_t index = 0;
  const WorkerView& worker = worker_of(*now, request, index);
  const PrefixNames prefixes = prefix_names(*now);
  const auto rows = [&](TaskState state, std::uint64_t total) {
    json::array tasks;
    for (const TaskView& task : worker_tasks(worker.address.worker, state).tasks)
      tasks.push_back(task_row_json(task, prefixes));
    return json::object{
        {"total", std::max<std::uint64_t>(total, tasks.size())}, {"shown", tasks.size()}, {"tasks", std::move(tasks)}};
  };
  return answer({{"schema", "troupe/v1/worker"},
                 {"now_unix_ms", now->unix_ms},
                 {"worker", worker_json(worker, now->rates[index], now->view.now, s_.recorder->clock())},
                 {"processing", rows(TaskState::processing, worker.processing)},
                 {"stored", rows(TaskState::memory, worker.stored)}});
}

std::optional<TaskState> state_named(const std::optional<std::string>& name) {
  if (!name) return std::nullopt;
  if (const auto state = task_state_named(*name)) return state;
  throw BadRequest("state must be released, waiting, no_worker, queued, processing, memory or erred");
}

HttpResponse Api::tasks(const HttpRequest& request) {
  const Query query(request.query, {"state", "prefix", "worker", "group", "q", "limit", "cursor"});
  constexpr std::size_t slice = 20'000;
  constexpr std::uint64_t most_scanned = 200'000;
  TaskFilter filter;
  filter.state = state_named(query.text("state"));
  filter.prefix = query.text("prefix");
  filter.worker = {static_cast<std::uint32_t>(query.integer("worker", 0, 0, UINT32_MAX))};
  filter.group = query.integer("group", 0, 0, std::uint64_t{1} << 40);
  filter.text = query.text("q", 200).value_or("");
  const auto most = query.integer("limit", 100, 1, 1000);
  const auto now = picture();
  TaskPage page;
  page.next = query.integer("cursor", 0, 0, integer_max);
  do {  // in slices, so that the scheduler does other things in between
    TaskPage part = s_.source->tasks(filter, page.next, most - page.tasks.size(), slice);
    page.tasks.insert(page.tasks.end(), part.tasks.begin(), part.tasks.end());
    page.scanned += part.scanned;
    page.next = part.next;
  } while (page.next != 0 && page.tasks.size() < most && page.scanned < most_scanned);
  std::uint64_t known = 0;
  for (std::size_t i = 0; i + 1 < task_state_count; ++i) known += now->view.counters.tasks[i];
  return answer(tasks_json(page, known, prefix_names(*now), now->unix_ms));
}

HttpResponse Api::task(const HttpRequest& request) {
  const Query query(request.query, {});
  constexpr std::size_t most_runs = 20;
  const auto now = picture();
  const auto detail = s_.source->detail(request.segments.at("key"));
  if (!detail) throw Refused(404, "no such task is known: it was never submitted here, or was released and forgotten");
  std::vector<TaskRun> runs;
  const auto history = s_.source->history();
  for (auto block = history.blocks.rbegin(); block != history.blocks.rend() && runs.size() < most_runs; ++block)
    for (std::uint32_t i = (*block)->size; i-- > 0 && runs.size() < most_runs;)
      if ((*block)->runs[i].task == detail->task.id) runs.push_back((*block)->runs[i]);
  return answer(task_json(*detail, runs, prefix_names(*now), *s_.recorder));
}

/// What a value was made from, and that from what, until the first inputs: nearest first.
HttpResponse Api::lineage(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  const auto most = query.integer("limit", 50, 1, 200);
  const auto now = picture();
  const PrefixNames prefixes = prefix_names(*now);
  const auto detail = s_.source->detail(request.segments.at("key"));
  if (!detail) throw Refused(404, "no such task is known: it was never submitted here, or was released and forgotten");
  struct Ancestor {
    TaskView task;
    std::size_t steps{};
  };
  std::vector<Ancestor> ancestors;
  std::set<TaskId> known{detail->task.id};
  bool all = true;
  const auto take = [&](const TaskNeighbours& inputs, std::size_t steps) {
    all = all && inputs.tasks.size() == inputs.total;
    for (const TaskView& input : inputs.tasks) {
      if (known.contains(input.id)) continue;
      if (ancestors.size() >= most) {
        all = false;
        return;
      }
      known.insert(input.id);
      ancestors.push_back({input, steps});
    }
  };
  take(detail->dependencies, 1);
  for (std::size_t i = 0; i < ancestors.size(); ++i)
    if (const auto next = s_.source->detail(ancestors[i].task.key)) take(next->dependencies, ancestors[i].steps + 1);
  json::array rows;
  for (const Ancestor& ancestor : ancestors) {
    json::object row = task_row_json(ancestor.task, prefixes);
    row["steps"] = ancestor.steps;
    rows.push_back(std::move(row));
  }
  return answer({{"schema", "troupe/v1/lineage"},
                 {"now_unix_ms", now->unix_ms},
                 {"shown", rows.size()},
                 {"complete", all},
                 {"tasks", std::move(rows)}});
}

HttpResponse Api::prefixes(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  return answer(prefixes_json(*picture(), query.integer("limit", 200, 1, 1000)));
}

HttpResponse Api::groups(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  const auto most = query.integer("limit", 500, 1, 2000);
  const auto now = picture();
  return answer(groups_json(s_.source->groups(most), *now, most));
}

HttpResponse Api::graph(const HttpRequest& request) {
  const Query query(request.query, {"limit", "group"});
  const auto most = query.integer("limit", 2000, 1, 5000);
  const auto group = query.integer("group", 0, 0, std::uint64_t{1} << 40);
  const auto now = picture();
  return answer(graph_json(s_.source->graph(most, group), *now));
}

HttpResponse Api::shuffles(const HttpRequest& request) {
  constexpr std::size_t most = 20'000;
  const Query query(request.query, {});
  const auto now = picture();
  const auto groups = s_.source->graph(most, 0);
  std::uint64_t looked_at = 0;
  for (const GroupTasks& group : groups) looked_at += group.states.size();
  return answer(shuffles_json(find_shuffles(groups), looked_at, prefix_names(*now), now->unix_ms));
}

HttpResponse Api::clients(const HttpRequest& request) {
  const Query query(request.query, {});
  return answer(clients_json(*picture()));
}

// ---- what was ----------------------------------------------------------------------------------------------------

std::vector<WorkerId> worker_list(const std::optional<std::string>& text) {
  std::vector<WorkerId> workers;
  std::string_view rest = text ? std::string_view(*text) : std::string_view{};
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    std::uint32_t id = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), id);
    if (part.empty() || parsed.ec != std::errc{} || parsed.ptr != part.data() + part.size())
      throw BadRequest("workers must be ids, separated by commas");
    workers.push_back({id});
  }
  return workers;
}

/// From `from` to `to`, on the steady clock.
std::pair<std::int64_t, std::int64_t> window_of(const Query& query, const WallClock& clock) {
  const double to = query.number("to", 0);
  const double to_ms = to == 0 ? clock.now_ms() : to;
  const double from = query.number("from", -30'000);
  const double from_ms = from < 0 ? to_ms + from : from;
  if (to_ms < 0 || from_ms >= to_ms) throw BadRequest("from must be before to");
  return {clock.steady_ns(from_ms), clock.steady_ns(to_ms)};
}

/// Names for the prefixes of a history, which may be newer than the picture that is shared.
PrefixNames Api::names_for(const TaskHistory::Snapshot& history) const {
  const auto now = picture();
  std::uint64_t newer = history.recorded - std::min(history.recorded, now->view.history_recorded);
  for (auto block = history.blocks.rbegin(); block != history.blocks.rend() && newer > 0; ++block)
    for (std::uint32_t i = (*block)->size; i-- > 0 && newer > 0; --newer)
      if ((*block)->runs[i].prefix >= now->view.prefixes.size()) {
        const auto fresh = s_.recorder->picture(std::chrono::milliseconds(0));
        return fresh ? prefix_names(*fresh) : PrefixNames{};
      }
  return prefix_names(*now);
}

HttpResponse Api::runs(const HttpRequest& request) {
  const Query query(request.query, {"from", "to", "limit", "cursor"});
  const auto [from_ns, to_ns] = window_of(query, s_.recorder->clock());
  const auto most = query.integer("limit", 10'000, 1, 100'000);
  const auto first = query.integer("cursor", 0, 0, integer_max);
  const auto history = s_.source->history();
  return answer(runs_json(history, first, most, from_ns, to_ns, names_for(history), *s_.recorder));
}

HttpResponse Api::task_stream(const HttpRequest& request) {
  const Query query(request.query, {"from", "to", "width", "workers", "limit"});
  const auto [from_ns, to_ns] = window_of(query, s_.recorder->clock());
  StreamWindow window;
  window.from_ns = from_ns;
  window.to_ns = to_ns;
  window.width = static_cast<unsigned>(query.integer("width", 1000, 50, 4000));
  window.most_rects = query.integer("limit", 10'000, 1, 100'000);
  window.workers = worker_list(query.text("workers", 4096));
  const auto history = s_.source->history();
  return answer(task_stream_json(draw_task_stream(history, window), window, names_for(history), *s_.recorder));
}

HttpResponse Api::timeseries(const HttpRequest& request) {
  const Query query(request.query, {"seconds", "worker"});
  const std::chrono::seconds back(query.integer("seconds", 300, 1, 600));
  const WorkerId worker{static_cast<std::uint32_t>(query.integer("worker", 0, 0, UINT32_MAX))};
  const double now = s_.recorder->clock().now_ms();
  if (!worker) return answer(series_json(s_.recorder->cluster_series(back), now));
  const auto series = s_.recorder->worker_series(worker, back);
  if (!series) throw Refused(404, "no such worker");
  return answer(series_json(*series, now));
}

HttpResponse Api::stealing(const HttpRequest& request) {
  const Query query(request.query, {});
  const auto now = picture();
  return answer(stealing_json(*now, s_.source->steals(), *s_.recorder));
}

HttpResponse Api::exceptions(const HttpRequest& request) {
  const Query query(request.query, {"limit"});
  const auto most = query.integer("limit", 100, 1, 1000);
  const auto now = picture();
  return answer(exceptions_json(s_.source->failures(), *now, most, s_.recorder->clock()));
}

HttpResponse Api::events(const HttpRequest& request) {
  const Query query(request.query, {"after", "limit"});
  const auto most = query.integer("limit", 500, 1, 5000);
  const auto [events, last] = s_.events->since(query.integer("after", 0, 0, integer_max), most);
  return answer(events_json(events, last, s_.recorder->clock().now_ms()));
}

HttpResponse Api::logs(const HttpRequest& request) {
  const Query query(request.query, {"after", "limit"});
  const auto most = query.integer("limit", 500, 1, 5000);
  const LogPage page = s_.log(query.integer("after", 0, 0, integer_max), most);
  return answer(log_json(page.lines, page.last, s_.recorder->clock().now_ms()));
}

HttpResponse Api::targets(const HttpRequest& request) {
  const Query query(request.query, {});
  const auto now = picture();
  json::array targets;
  if (s_.http_address && !s_.http_address->empty())
    targets.push_back({{"targets", json::array{*s_.http_address}},
                       {"labels", json::object{{"troupe_role", "scheduler"}, {"troupe_worker", ""}}}});
  for (const WorkerView& worker : now->view.workers)
    if (!worker.http_address.empty())
      targets.push_back({{"targets", json::array{worker.http_address}},
                         {"labels", json::object{{"troupe_role", "worker"}, {"troupe_worker", worker.address.name}}}});
  return {200, "application/json", {}, json::serialize(targets) + "\n", {}};
}

// ---- what is done ------------------------------------------------------------------------------------------------

void Api::audit(const HttpRequest&, const std::string& what, WorkerId worker) const {
  s_.events->add(EventLevel::warning, "action", worker, "an admin of the dashboard " + what);
  s_.warn("an admin of the dashboard " + what);
}

HttpResponse Api::acted(const Result<void>& result, const char* action, bool done, std::string text) const {
  if (!result) {
    if (result.error().kind == ErrorKind::invalid)
      throw Refused(404, "one of the tasks is not known; nothing was done");
    throw Refused(503, "the scheduler did not answer");
  }
  return answer({{"schema", "troupe/v1/action"}, {"action", action}, {"done", done}, {"text", std::move(text)}});
}

HttpResponse Api::control(const HttpRequest& request, TaskControl what) {
  const json::object body = body_of(request);
  only(body, {"keys", "reason"});
  const std::string reason = text_in(body, "reason", 200, false);
  const auto* list = body.if_contains("keys");
  if (list == nullptr || !list->is_array() || list->as_array().empty() || list->as_array().size() > 1000)
    throw BadRequest("keys must be a list of 1 to 1000 keys");
  std::vector<std::string> keys;
  for (const json::value& key : list->as_array()) {
    if (!key.is_string() || key.as_string().empty() || key.as_string().size() > 1024)
      throw BadRequest("each of the keys must be a string of 1 to 1024 bytes");
    keys.emplace_back(key.as_string());
  }
  const bool cancel = what == TaskControl::cancel;
  audit(request, fmt::format("{} {} tasks, the first is {}{}{}", cancel ? "cancels" : "tries again", keys.size(),
                             keys.front(), reason.empty() ? "" : ": ", reason));
  const auto result = s_.source->control(what, keys, reason.empty() ? "cancelled in the dashboard" : reason);
  return acted(result, cancel ? "cancel" : "retry", true,
               fmt::format("{} tasks {}", keys.size(), cancel ? "are cancelled" : "are tried again"));
}

HttpResponse Api::drain(const HttpRequest& request) {
  only(request.body.empty() ? json::object{} : body_of(request), {});
  const auto now = picture();
  std::size_t index = 0;
  const WorkerView& worker = worker_of(*now, request, index);
  audit(request, fmt::format("drains the worker {}", worker.address.name), worker.address.worker);
  return acted(s_.source->retire(worker.address.name), "drain", false, "it ends when what it holds is elsewhere");
}

HttpResponse Api::restart(const HttpRequest& request) {
  only(request.body.empty() ? json::object{} : body_of(request), {});
  const auto now = picture();
  std::size_t index = 0;
  const WorkerView& worker = worker_of(*now, request, index);
  if (!worker.nannied) throw Refused(409, "no nanny watches over this worker, so nobody would start it again");
  audit(request, fmt::format("restarts the worker {}", worker.address.name), worker.address.worker);
  return acted(s_.source->restart(worker.address.name), "restart", false, "its process ends, and is started again");
}

HttpResponse Api::scale(const HttpRequest& request) {
  constexpr unsigned most = 1000;
  const json::object body = body_of(request);
  only(body, {"workers"});
  const auto* wanted = body.if_contains("workers");
  boost::system::error_code wrong;
  const auto count = wanted == nullptr || !wanted->is_number() ? 0 : wanted->to_number<unsigned>(wrong);
  if (wanted == nullptr || !wanted->is_number() || wrong || count > most)
    throw BadRequest(fmt::format("workers must be a whole number from 0 to {}", most));
  if (!s_.scale)
    throw Refused(409, "workers of this cluster are started by others: `troupe worker` adds one, and drain ends one");
  const auto workers = fmt::format("{} {}", count, count == 1 ? "worker" : "workers");
  audit(request, "scales the cluster to " + workers);
  if (const auto done = s_.scale(count); !done) throw Refused(503, done.error().text);
  return answer(
      {{"schema", "troupe/v1/action"}, {"action", "scale"}, {"done", false}, {"text", "there will be " + workers}});
}

// ---- live --------------------------------------------------------------------------------------------------------

std::unique_ptr<LineSource> Api::stream(const HttpRequest& request, HttpResponse& refusal) {
  try {
    const Query query(request.query, {"topics", "interval_ms"});
    const std::chrono::milliseconds interval(query.integer("interval_ms", 500, 100, 60'000));
    std::vector<Topics::Topic> wanted;
    const std::string text = query.text("topics", 200).value_or("summary");
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      Topics::Topic topic{};
      if (name == "summary")
        topic = Topics::Topic::summary;
      else if (name == "workers")
        topic = Topics::Topic::workers;
      else if (name == "prefixes")
        topic = Topics::Topic::prefixes;
      else if (name == "events")
        topic = Topics::Topic::events;
      else
        throw BadRequest("topics are summary, workers, prefixes and events");
      if (std::find(wanted.begin(), wanted.end(), topic) == wanted.end()) wanted.push_back(topic);
    }
    return live_stream(topics_, std::move(wanted), interval);
  } catch (const BadRequest& bad) {
    refusal = api_error(400, bad.what());
    return nullptr;
  }
}

std::vector<Route> Api::routes() {
  std::vector<Route> routes{
      route("login", &Api::login, Access::everyone, true),
      post("login-codes", &Api::login_codes),
      get("session", &Api::session),
      get("cluster", &Api::cluster),
      get("workers", &Api::workers),
      get("workers/{id}", &Api::worker),
      post("workers/{id}/drain", &Api::drain),
      post("workers/{id}/restart", &Api::restart),
      slow(post("scale", &Api::scale)),
      get("tasks", &Api::tasks),
      post("tasks/cancel", &Api::cancel),
      post("tasks/retry", &Api::retry),
      get("tasks/{key}", &Api::task),
      get("tasks/{key}/lineage", &Api::lineage),
      get("prefixes", &Api::prefixes),
      get("groups", &Api::groups),
      get("graph", &Api::graph),
      get("shuffles", &Api::shuffles),
      get("task-stream", &Api::task_stream),
      get("runs", &Api::runs),
      get("timeseries", &Api::timeseries),
      get("stealing", &Api::stealing),
      get("exceptions", &Api::exceptions),
      get("events", &Api::events),
      get("logs", &Api::logs),
      get("clients", &Api::clients),
      get("prometheus/targets", &Api::targets),
  };
  Route live{"/api/v1/stream", Access::token, {}, false, {}};
  live.stream = [self = shared_from_this()](const HttpRequest& request, HttpResponse& refusal) {
    return self->stream(request, refusal);
  };
  routes.push_back(std::move(live));
  for (const auto& more : {question_routes, time_routes})
    for (Route& route : more(s_)) routes.push_back(std::move(route));
  return routes;
}

}  // namespace

std::vector<Route> api_routes(ApiSources sources) { return std::make_shared<Api>(std::move(sources))->routes(); }

}  // namespace troupe::monitoring
