#include "monitoring/api_times.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <boost/json.hpp>

#include "monitoring/api_json.hpp"
#include "monitoring/api_route.hpp"

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

/// What was moved, how long it took, and what follows from both; no bandwidth is known of what took no time.
json::object moved_json(const ValuesMoved& moved, json::object row = {}) {
  row["values"] = moved.values;
  row["bytes"] = moved.bytes;
  row["seconds"] = seconds(moved.us);
  row["bytes_per_s"] = nullptr;
  if (moved.us > 0) row["bytes_per_s"] = static_cast<double>(moved.bytes) / seconds(moved.us);
  return row;
}

/// Of the workers that moved something, the one that came last.
WorkerId newest_of(const TimeView& times) {
  WorkerId newest;
  for (const auto& pair : times.pairs) newest = std::max({newest, pair.to, pair.from});
  return newest;
}

}  // namespace

json::object time_spent_json(const TimeView& times, const std::vector<FunctionTime>& functions,
                             const std::string& prefix, std::size_t most, double now_unix_ms) {
  FunctionTime sum;
  std::vector<const FunctionTime*> chosen;
  const auto time_of = [](const FunctionTime& function) {
    return function.cpu_us + function.noncpu_us + function.unsplit_us;
  };
  for (const FunctionTime& function : times.functions) sum += function;
  for (const FunctionTime& function : functions)
    if (prefix.empty() || function.prefix == prefix) chosen.push_back(&function);
  std::stable_sort(chosen.begin(), chosen.end(),
                   [&](const FunctionTime* a, const FunctionTime* b) { return time_of(*a) > time_of(*b); });
  json::array rows;
  for (const FunctionTime* function : chosen) {
    if (rows.size() == most) break;
    rows.push_back({{"prefix", function->prefix},
                    {"runs", function->runs},
                    {"thread_cpu_s", seconds(function->cpu_us)},
                    {"thread_noncpu_s", seconds(function->noncpu_us)},
                    {"execute_s", seconds(function->unsplit_us)}});
  }
  return {{"schema", "troupe/v1/time-spent"},
          {"now_unix_ms", now_unix_ms},
          {"activities", json::object{{"thread_cpu_s", seconds(sum.cpu_us)},
                                      {"thread_noncpu_s", seconds(sum.noncpu_us)},
                                      {"execute_s", seconds(sum.unsplit_us)},
                                      {"transfer_s", seconds(times.moved.us)},
                                      {"serialize_s", seconds(times.serialize_us)},
                                      {"disk_read_s", seconds(times.disk_read_us)},
                                      {"disk_write_s", seconds(times.disk_write_us)}}},
          {"total", chosen.size()},
          {"shown", rows.size()},
          {"functions", std::move(rows)}};
}

json::object bandwidth_json(const TimeView& times, std::size_t most,
                            const std::function<std::string(WorkerId)>& name_of, double now_unix_ms) {
  // The workers that gave and got most, in the order of their ids.
  std::map<WorkerId, std::uint64_t> bytes_of;
  for (const auto& pair : times.pairs) {
    bytes_of[pair.to] += pair.moved.bytes;
    bytes_of[pair.from] += pair.moved.bytes;
  }
  std::vector<std::pair<std::uint64_t, WorkerId>> busiest;
  for (const auto& [worker, bytes] : bytes_of) busiest.emplace_back(bytes, worker);
  std::stable_sort(busiest.begin(), busiest.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  if (busiest.size() > most) busiest.resize(most);
  std::map<WorkerId, std::size_t> place;
  for (const auto& [bytes, worker] : busiest) place[worker] = 0;
  json::array workers;
  for (auto& [worker, index] : place) {
    index = workers.size();
    workers.push_back({{"id", worker.value}, {"name", name_of(worker)}});
  }
  json::array pairs;
  ValuesMoved others = times.other_pairs;
  for (const auto& pair : times.pairs) {
    const auto to = place.find(pair.to);
    const auto from = place.find(pair.from);
    if (to == place.end() || from == place.end())
      others += pair.moved;
    else
      pairs.push_back(moved_json(pair.moved, {{"to", to->second}, {"from", from->second}}));
  }
  json::array types;
  for (const auto& [type, moved] : times.types) types.push_back(moved_json(moved, {{"type", type}}));
  const auto all = bytes_of.size();
  const auto shown = workers.size();
  return {{"schema", "troupe/v1/bandwidth"},
          {"now_unix_ms", now_unix_ms},
          {"total", all},
          {"shown", shown},
          {"workers", std::move(workers)},
          {"pairs", std::move(pairs)},
          {"others", moved_json(others)},
          {"types", std::move(types)},
          {"all", moved_json(times.moved)}};
}

std::vector<Route> time_routes(const ApiSources& sources) {
  const auto route = [](std::string path, std::function<HttpResponse(const HttpRequest&)> page) {
    return Route{
        "/api/v1/" + std::move(path),
        Access::token,
        [page = std::move(page)](const HttpRequest& request) { return guarded([&] { return page(request); }); },
        false,
        {}};
  };
  return {route("time-spent",
                [s = sources](const HttpRequest& request) {
                  const Query query(request.query, {"prefix", "span", "limit"});
                  const auto most = query.integer("limit", 200, 1, 1000);
                  const auto prefix = query.text("prefix").value_or(std::string());
                  const auto span = query.text("span").value_or(std::string());
                  const auto now = fresh_picture(*s.recorder);
                  const TimeView times = s.source->times();
                  if (span.empty()) return answer(time_spent_json(times, times.functions, prefix, most, now->unix_ms));
                  const auto inside = functions_of_span(s.source->spans(), span);
                  return answer(time_spent_json(times, inside, prefix, most, now->unix_ms));
                }),
          route("spans",
                [s = sources](const HttpRequest& request) {
                  const Query query(request.query, {"limit"});
                  const auto most = query.integer("limit", 200, 1, 1000);
                  const auto now = fresh_picture(*s.recorder);
                  return answer(spans_json(s.source->spans(), most, s.recorder->clock(), now->unix_ms));
                }),
          route("bandwidth", [s = sources](const HttpRequest& request) {
            const Query query(request.query, {"limit"});
            const auto most = query.integer("limit", 50, 1, 200);
            (void)fresh_picture(*s.recorder);
            const TimeView times = s.source->times();
            const auto now = s.recorder->picture_since(newest_of(times));
            if (!now) throw Refused(503, "the scheduler has ended");
            return answer(bandwidth_json(
                times, most, [&](WorkerId worker) { return s.recorder->name_of(worker); }, now->unix_ms));
          })};
}

}  // namespace troupe::monitoring
