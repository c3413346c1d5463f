#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "monitoring/api_json.hpp"

// Tasks: rows, one of them in full, and the graph that they stand in.

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

const std::string& name_at(const PrefixNames& prefixes, std::uint32_t index) {
  static const std::string unknown = "?";
  return index < prefixes.size() ? prefixes[index] : unknown;
}

json::object neighbours_json(const TaskNeighbours& neighbours, const PrefixNames& prefixes) {
  json::array rows;
  for (const TaskView& task : neighbours.tasks) rows.push_back(task_row_json(task, prefixes));
  return {{"total", neighbours.total}, {"shown", rows.size()}, {"tasks", std::move(rows)}};
}

json::object error_json(const TaskError& error) {
  return {{"kind", std::string(name_of(error.kind))},
          {"type", error.type},
          {"message", error.message},
          {"function", error.function},
          {"key", error.key},
          {"worker", error.worker},
          {"attempts", error.attempts}};
}

json::array runs_json(const std::vector<TaskRun>& runs, const Recorder& recorder) {
  json::array rows;
  for (const TaskRun& run : runs)
    rows.push_back({{"worker", recorder.name_of(run.worker)},
                    {"worker_id", run.worker.value},
                    {"thread", run.thread},
                    {"start_unix_ms", recorder.clock().unix_ms(run.start_ns)},
                    {"duration_ms", static_cast<double>(run.duration_us) / 1000},
                    {"outcome", run.erred ? "erred" : "finished"},
                    {"run", std::uint32_t{run.run}}});
  return rows;
}

/// Longest way from a node that has no edge to it. Edges lead from lower to higher indices.
std::vector<std::uint32_t> depths(std::size_t nodes,
                                  const std::vector<std::pair<std::uint32_t, std::uint32_t>>& edges) {
  std::vector<std::uint32_t> depth(nodes);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> by_target = edges;
  std::sort(by_target.begin(), by_target.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const auto& [from, to] : by_target)
    if (from < to) depth[to] = std::max(depth[to], depth[from] + 1);
  return depth;
}

json::array edges_json(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& edges) {
  json::array rows;
  rows.reserve(edges.size());
  for (const auto& [from, to] : edges) rows.push_back(json::array{from, to});
  return rows;
}

/// Edges between templates of one chunk, each once; worked out once a chunk, since chunks never change.
std::vector<std::pair<std::uint32_t, std::uint32_t>> template_edges(const GroupView& group,
                                                                    const std::map<std::uint64_t, std::uint32_t>& base,
                                                                    std::uint32_t own) {
  constexpr std::size_t most_looked_at = 200'000;
  const GraphChunk& chunk = *group.chunk;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  std::size_t looked_at = 0;
  for (std::uint32_t task = 0; task < chunk.size && looked_at < most_looked_at; ++task) {
    const std::uint32_t to = own + chunk.template_index(task);
    for (auto edge = chunk.dependencies_begin(task); edge < chunk.dependencies_end(task); ++edge, ++looked_at) {
      const std::uint32_t dependency = chunk.dependencies[edge];
      if (dependency < chunk.size) {
        edges.emplace_back(own + chunk.template_index(dependency), to);
        continue;
      }
      const TaskId other = group.external[dependency - chunk.size];
      if (const auto found = base.find(other.group()); found != base.end()) edges.emplace_back(found->second, to);
    }
    if (edges.size() > 4096) {
      std::sort(edges.begin(), edges.end());
      edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    }
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

}  // namespace

void add_origin(json::object& row, const TaskOrigin& origin) {
  row["client_id"] = origin.client.value;
  row["span"] = origin.span.name;
  row["trace_id"] = origin.span ? origin.span.trace.hex() : std::string();
}

std::string run_key(const TaskRun& run, const PrefixNames& prefixes) {
  return fmt::format("{}-{}-{}", name_at(prefixes, run.prefix), run.task.group(), run.task.index());
}

json::object task_row_json(const TaskView& task, const PrefixNames& prefixes) {
  return {{"key", task.key},
          {"id", std::to_string(task.id.value)},
          {"prefix", name_at(prefixes, task.prefix)},
          {"group", task.id.group()},
          {"state", name_of(task.state)},
          {"worker", task.worker_name},
          {"worker_id", task.worker.value},
          {"bytes", task.nbytes},
          {"waiting_for", task.waiting_for},
          {"run", task.run}};
}

json::object tasks_json(const TaskPage& page, std::uint64_t known, const PrefixNames& prefixes, double now_unix_ms) {
  json::array rows;
  for (const TaskView& task : page.tasks) rows.push_back(task_row_json(task, prefixes));
  return {{"schema", "troupe/v1/tasks"},
          {"now_unix_ms", now_unix_ms},
          {"known", known},
          {"shown", rows.size()},
          {"scanned", page.scanned},
          {"next_cursor", page.next == 0 ? std::string() : std::to_string(page.next)},
          {"tasks", std::move(rows)}};
}

json::object task_json(const TaskFacts& task, const std::vector<TaskRun>& runs, const PrefixNames& prefixes,
                       const Recorder& recorder) {
  json::array why(task.why.begin(), task.why.end());
  json::object resources;
  for (const ResourceAmount& resource : task.annotations.resources) resources[resource.name] = resource.amount;
  json::array holders;
  for (const auto& [id, name] : task.holders) holders.push_back({{"id", id.value}, {"name", name}});
  json::array wanters;
  for (const auto& [id, name] : task.wanters) wanters.push_back({{"id", id.value}, {"name", name}});
  json::array story;
  for (const TransitionView& line : task.story)
    story.push_back({{"at_unix_ms", recorder.clock().unix_ms(line.at_ns)},
                     {"from", name_of(line.from)},
                     {"to", name_of(line.to)},
                     {"cause", line.cause},
                     {"run", line.run},
                     {"worker", line.worker}});
  json::object document{{"schema", "troupe/v1/task"},
                        {"now_unix_ms", recorder.clock().now_ms()},
                        {"task", task_row_json(task.task, prefixes)},
                        {"function", task.function},
                        {"why", json::object{{"code", task.why_code}, {"lines", std::move(why)}}},
                        {"priority", json::object{{"user", -task.priority.user},
                                                  {"generation", task.priority.generation},
                                                  {"rank", task.priority.rank}}},
                        {"retries_allowed", task.annotations.retries},
                        {"retries_used", task.retries_used},
                        {"crashes", task.crashes},
                        {"restrictions", json::array(task.annotations.workers.begin(), task.annotations.workers.end())},
                        {"resources", std::move(resources)},
                        {"expected_s", task.expected_us * 1e-6},
                        {"dependencies", neighbours_json(task.dependencies, prefixes)},
                        {"dependents", neighbours_json(task.dependents, prefixes)},
                        {"who_has", std::move(holders)},
                        {"who_wants", std::move(wanters)},
                        {"error", nullptr},
                        {"runs", runs_json(runs, recorder)},
                        {"story", std::move(story)}};
  if (task.error) document["error"] = error_json(*task.error);
  add_origin(document, task.origin);
  return document;
}

json::object groups_json(const std::vector<GroupView>& groups, const Picture& picture, std::size_t most) {
  // The latest groups that fit; the first node of each by its number.
  std::size_t nodes = 0;
  std::size_t first = groups.size();
  while (first > 0 && nodes + groups[first - 1].counts.size() <= most) nodes += groups[--first].counts.size();
  std::map<std::uint64_t, std::uint32_t> base;
  std::uint32_t next = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  for (std::size_t i = first; i < groups.size(); ++i) {
    base[groups[i].number] = next;
    const auto own = template_edges(groups[i], base, next);
    for (const auto& edge : own)
      if (edge.first != edge.second) edges.push_back(edge);
    next += static_cast<std::uint32_t>(groups[i].counts.size());
  }
  const auto depth = depths(next, edges);
  json::array rows;
  for (std::size_t i = first; i < groups.size(); ++i)
    for (std::size_t t = 0; t < groups[i].counts.size(); ++t) {
      const TaskCounts& counts = groups[i].counts[t].states;
      json::object states;
      std::uint64_t size = 0;
      for (std::size_t state = 0; state < task_state_count; ++state) {
        size += counts[state];
        if (static_cast<TaskState>(state) != TaskState::forgotten)
          states[name_of(static_cast<TaskState>(state))] = counts[state];
      }
      const auto prefix = groups[i].prefixes[t];
      const auto& prefixes = picture.view.prefixes;
      rows.push_back(
          {{"id", fmt::format("{}.{}", groups[i].number, t)},
           {"group", groups[i].number},
           {"prefix", prefix < prefixes.size() ? prefixes[prefix].name : std::string("?")},
           {"name", groups[i].name},
           {"size", size},
           {"tasks", std::move(states)},
           {"forgotten", counts[static_cast<std::size_t>(TaskState::forgotten)]},
           {"memory_bytes", groups[i].counts[t].memory_bytes},
           {"depth", depth[rows.size()]},
           {"mean_duration_s", prefix < prefixes.size() ? prefixes[prefix].counters.duration_us * 1e-6 : 0.0}});
      add_origin(rows.back().as_object(), groups[i].origin);
    }
  std::size_t total = rows.size();
  for (std::size_t i = 0; i < first; ++i) total += groups[i].counts.size();
  total += picture.view.counters.groups - std::min<std::uint64_t>(picture.view.counters.groups, groups.size());
  return {{"schema", "troupe/v1/groups"}, {"now_unix_ms", picture.unix_ms}, {"total", total},
          {"shown", rows.size()},         {"nodes", std::move(rows)},       {"edges", edges_json(edges)}};
}

json::object graph_json(const std::vector<GroupTasks>& groups, const Picture& picture) {
  const PrefixNames names = prefix_names(picture);
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> base;  // first node, and number of them
  std::uint32_t next = 0;
  for (const GroupTasks& tasks : groups) {
    base[tasks.group.number] = {next, static_cast<std::uint32_t>(tasks.states.size())};
    next += static_cast<std::uint32_t>(tasks.states.size());
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  json::array ids, keys, prefix, state, worker;
  for (const GroupTasks& tasks : groups) {
    const GroupView& group = tasks.group;
    const GraphChunk& chunk = *group.chunk;
    const std::uint32_t own = base[group.number].first;
    for (std::uint32_t i = 0; i < tasks.states.size(); ++i) {
      const auto which = group.prefixes[chunk.template_index(i)];
      ids.emplace_back(std::to_string(TaskId::of(group.number, i).value));
      std::string key = group.name.empty() ? fmt::format("{}-{}-{}", name_at(names, which), group.number, i)
                        : chunk.size == 1  ? group.name
                                           : fmt::format("{}-{}", group.name, i);
      keys.emplace_back(std::move(key));
      prefix.emplace_back(which);
      state.emplace_back(static_cast<std::uint32_t>(tasks.states[i]));
      worker.emplace_back(tasks.workers[i].value);
      for (auto edge = chunk.dependencies_begin(i); edge < chunk.dependencies_end(i); ++edge) {
        const std::uint32_t dependency = chunk.dependencies[edge];
        if (dependency < chunk.size) {
          edges.emplace_back(own + dependency, own + i);
          continue;
        }
        const TaskId other = group.external[dependency - chunk.size];
        const auto found = base.find(other.group());
        if (found != base.end() && other.index() < found->second.second)
          edges.emplace_back(found->second.first + other.index(), own + i);
      }
    }
  }
  const auto depth = depths(next, edges);
  json::array states;
  for (std::size_t i = 0; i < task_state_count; ++i) states.emplace_back(name_of(static_cast<TaskState>(i)));
  std::uint64_t total = 0;
  for (std::size_t i = 0; i + 1 < task_state_count; ++i) total += picture.view.counters.tasks[i];
  return {{"schema", "troupe/v1/graph"},
          {"now_unix_ms", picture.unix_ms},
          {"total", std::max<std::uint64_t>(total, next)},
          {"shown", next},
          {"prefixes", json::array(names.begin(), names.end())},
          {"nodes", json::object{{"id", std::move(ids)},
                                 {"key", std::move(keys)},
                                 {"prefix", std::move(prefix)},
                                 {"state", std::move(state)},
                                 {"depth", json::array(depth.begin(), depth.end())},
                                 {"worker_id", std::move(worker)}}},
          {"states", std::move(states)},
          {"edges", edges_json(edges)}};
}

json::object shuffles_json(const std::vector<ShuffleView>& shuffles, std::uint64_t looked_at,
                           const PrefixNames& prefixes, double now_unix_ms) {
  const auto states = [](TaskCounts counts) {
    // What is forgotten has done its part.
    counts[static_cast<std::size_t>(TaskState::released)] += counts[static_cast<std::size_t>(TaskState::forgotten)];
    json::object by_name;
    for (std::size_t i = 0; i < task_state_count; ++i)
      if (static_cast<TaskState>(i) != TaskState::forgotten) by_name[name_of(static_cast<TaskState>(i))] = counts[i];
    return by_name;
  };
  json::array rows;
  for (const ShuffleView& shuffle : shuffles)
    rows.push_back(
        {{"shuffle", std::to_string(shuffle.shuffle.value)},
         {"key", shuffle.first_name.empty() ? fmt::format("{}-{}-{}", name_at(prefixes, shuffle.first_prefix),
                                                          shuffle.shuffle.group(), shuffle.shuffle.index())
                                            : fmt::format("{}-{}", shuffle.first_name, shuffle.shuffle.index())},
         {"stage", shuffle.stage},
         {"stages", shuffle.stages},
         {"group", shuffle.group},
         {"name", shuffle.name},
         {"prefix", name_at(prefixes, shuffle.prefix)},
         {"level", shuffle.level},
         {"blocks", shuffle.blocks},
         {"inputs", states(shuffle.inputs)},
         {"pieces", states(shuffle.pieces)},
         {"outputs", states(shuffle.outputs)}});
  return {{"schema", "troupe/v1/shuffles"},
          {"now_unix_ms", now_unix_ms},
          {"looked_at", looked_at},
          {"shuffles", std::move(rows)}};
}

}  // namespace troupe::monitoring
