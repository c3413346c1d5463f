#include "apps/see.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "apps/config_values.hpp"
#include "apps/observed.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

const std::vector<SeenKind>& kinds() {
  static const std::vector<SeenKind> all{
      {"workers",
       "worker",
       "/api/v1/workers",
       0,
       "workers",
       {"name", "id", "address"},
       {{"ID", "id"},
        {"NAME", "name"},
        {"ADDRESS", "address"},
        {"STATUS", "status"},
        {"THREADS", "threads"},
        {"PROCESSING", "processing"},
        {"STORED", "stored"},
        {"FINISHED", "finished"},
        {"CPU", "cpu"},
        {"MEMORY", "process_bytes", Shown::size},
        {"LIMIT", "memory_limit_bytes", Shown::size}}},
      {"tasks",
       "task",
       "/api/v1/tasks",
       1000,
       "tasks",
       {"key", "id"},
       {{"KEY", "key"},
        {"PREFIX", "prefix"},
        {"STATE", "state"},
        {"WORKER", "worker"},
        {"SIZE", "bytes", Shown::size},
        {"WAITING FOR", "waiting_for"},
        {"RUN", "run"}}},
      {"groups",
       "group",
       "/api/v1/groups",
       2000,
       "nodes",
       {"group", "name", "id"},
       {{"GROUP", "group"},
        {"NAME", "name"},
        {"PREFIX", "prefix"},
        {"TASKS", "size"},
        {"STATES", "tasks", Shown::states},
        {"MEMORY", "memory_bytes", Shown::size},
        {"LEARNT", "mean_duration_s", Shown::seconds}}},
      {"prefixes",
       "prefix",
       "/api/v1/prefixes",
       1000,
       "prefixes",
       {"name"},
       {{"PREFIX", "name"},
        {"STATES", "tasks", Shown::states},
        {"FINISHED", "finished"},
        {"FAILED", "erred"},
        {"RETRIED", "retried"},
        {"MEMORY", "memory_bytes", Shown::size},
        {"COMPUTED", "compute_s", Shown::seconds},
        {"LEARNT", "mean_duration_s", Shown::seconds},
        {"LEFT", "eta_s", Shown::seconds}}},
      {"spans",
       "span",
       "/api/v1/spans",
       1000,
       "spans",
       {"name"},
       {{"SPAN", "name"},
        {"STATES", "tasks", Shown::states},
        {"SUBMITTED", "submitted"},
        {"FINISHED", "finished"},
        {"FAILED", "erred"},
        {"MEMORY", "memory_bytes", Shown::size},
        {"COMPUTED", "compute_s", Shown::seconds},
        {"OUTPUT", "output_bytes", Shown::size},
        {"LAST CHANGE", "last_unix_ms", Shown::moment}}},
      {"clients",
       "client",
       "/api/v1/clients",
       0,
       "clients",
       {"name", "id"},
       {{"ID", "id"}, {"NAME", "name"}, {"WANTS", "wants"}}},
      {"events",
       "event",
       "/api/v1/events",
       5000,
       "events",
       {"seq"},
       {{"AT", "at_unix_ms", Shown::moment}, {"LEVEL", "level"}, {"TOPIC", "topic"}, {"TEXT", "text"}}},
  };
  return all;
}

std::string plain(const json::value& value) {
  if (value.is_string()) return printable(value.as_string());
  if (value.is_double()) return fmt::format("{:.3g}", value.as_double());
  return printable(json::serialize(value));
}

std::string states_text(const json::value& states) {
  std::string text;
  for (const auto& [name, count] : states.as_object())
    if (count.to_number<double>() > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", plain(count), printable(name));
  return text.empty() ? "-" : text;
}

/// As lines "name  value", what stands inside of something further in.
void describe_value(const json::object& object, std::size_t depth, std::string& out) {
  std::size_t widest = 0;
  for (const auto& member : object) widest = std::max(widest, member.key().size());
  for (const auto& [name, value] : object) {
    if (name == "schema" || name == "now_unix_ms") continue;
    const std::string head = fmt::format("{:{}}{:<{}}", "", depth * 2, printable(name), widest + 2);
    if (value.is_object() && !value.as_object().empty()) {
      out += fmt::format("{:{}}{}\n", "", depth * 2, printable(name));
      describe_value(value.as_object(), depth + 1, out);
    } else if (value.is_array() && !value.as_array().empty()) {
      out += fmt::format("{:{}}{}\n", "", depth * 2, printable(name));
      for (const json::value& element : value.as_array()) {
        if (!element.is_object()) {
          out += fmt::format("{:{}}{}\n", "", depth * 2 + 2, plain(element));
          continue;
        }
        std::string line;
        for (const auto& [field, inner] : element.as_object())
          line += fmt::format("{}{} {}", line.empty() ? "" : "  ", printable(field), seen_text(field, inner));
        out += fmt::format("{:{}}{}\n", "", depth * 2 + 2, line);
      }
    } else {
      const bool nothing = value.is_null() || (value.is_array()) || (value.is_object()) ||
                           (value.is_string() && value.as_string().empty());
      out += head + (nothing ? "-" : seen_text(name, value)) + "\n";
    }
  }
}

std::string field_text(const json::value& row, const char* field) {
  const json::value& value = row.at(field);
  return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

bool is_called(const SeenKind& kind, const json::value& row, const std::string& name) {
  return std::any_of(kind.called.begin(), kind.called.end(),
                     [&](const char* field) { return field_text(row, field) == name; });
}

[[noreturn]] void none_called(const SeenKind& kind, const std::string& name) {
  throw CommandError(ExitCode::not_found, fmt::format("no {} is called '{}'; `troupe list {}` shows those there are",
                                                      kind.one, printable(name), kind.name));
}

/// A task is asked for by its key: there may be more than one answer holds.
json::object task_named(HttpClient& http, const SeenKind& kind, const std::string& key) {
  try {
    return http.get("/api/v1/tasks/" + segment(key)).as_object();
  } catch (const CommandError& error) {
    if (error.code() == ExitCode::not_found) none_called(kind, key);
    throw;
  }
}

struct Named {
  std::string kind;
  std::vector<std::string> names;
};

ExitCode get(const Door& door, const Named& what) {
  const SeenKind& kind = seen_kind(what.kind);
  HttpClient http(door);
  json::array found;
  json::object document;
  if (kind.one == std::string_view("task") && !what.names.empty()) {
    for (const std::string& name : what.names) found.push_back(task_named(http, kind, name).at("task"));
    document["schema"] = "troupe/v1/tasks";
  } else {
    document = ask_for(http, kind);
    for (const std::string& name : what.names) {
      const auto before = found.size();
      for (const json::value& row : document.at(kind.rows).as_array())
        if (is_called(kind, row, name)) found.push_back(row);
      if (found.size() == before) none_called(kind, name);
    }
  }
  if (!what.names.empty()) document[kind.rows] = std::move(found);
  print_rows(door, kind, std::move(document));
  return ExitCode::done;
}

ExitCode describe(const Door& door, const Named& what) {
  const SeenKind& kind = seen_kind(what.kind);
  HttpClient http(door);
  const std::string& name = what.names.front();
  json::object document;
  if (kind.one == std::string_view("task")) {
    document = task_named(http, kind, name);
  } else {
    json::array rows;
    const json::object all = ask_for(http, kind);
    for (const json::value& row : all.at(kind.rows).as_array())
      if (is_called(kind, row, name)) rows.push_back(row);
    if (rows.empty()) none_called(kind, name);
    if (kind.one == std::string_view("worker"))
      document = http.get("/api/v1/workers/" + field_text(rows.front(), "id")).as_object();
    else if (rows.size() == 1)
      document = rows.front().as_object();
    else
      document[kind.rows] = rows;
    if (kind.one == std::string_view("span") && rows.size() == 1)
      document["functions"] = http.get("/api/v1/time-spent?span=" + segment(name)).at("functions");
    if (!document.contains("schema")) document["schema"] = fmt::format("troupe/v1/{}", kind.one);
  }
  if (!door.output.empty() && door.output != "table") {
    print(json::serialize(document) + "\n");
    return ExitCode::done;
  }
  std::string text;
  describe_value(document, 0, text);
  print(text);
  return ExitCode::done;
}

ExitCode summary_of_tasks(const Door& door) {
  HttpClient http(door);
  const SeenKind& kind = seen_kind("prefixes");
  print_rows(door, kind, ask_for(http, kind));
  return ExitCode::done;
}

ExitCode memory(const Door& door) {
  HttpClient http(door);
  json::object document{{"schema", "troupe/v1/memory"}};
  const json::value workers = http.get("/api/v1/workers");
  const json::value prefixes = http.get("/api/v1/prefixes?limit=1000");
  document["total"] = http.get("/api/v1/cluster").at("memory");
  json::array& by_worker = document["workers"].emplace_array();
  for (const json::value& worker : workers.at("workers").as_array()) {
    json::object row;
    for (const char* field : {"name", "stored", "managed_bytes", "spilled_bytes", "unmanaged_old_bytes",
                              "unmanaged_recent_bytes", "process_bytes", "memory_limit_bytes"})
      row[field] = worker.at(field);
    by_worker.push_back(std::move(row));
  }
  json::array& by_prefix = document["prefixes"].emplace_array();
  for (const json::value& prefix : prefixes.at("prefixes").as_array())
    if (const auto& values = prefix.at("tasks").at("memory"); values.to_number<double>() > 0)
      by_prefix.push_back({{"name", prefix.at("name")}, {"values", values}, {"bytes", prefix.at("memory_bytes")}});
  std::stable_sort(by_prefix.begin(), by_prefix.end(), [](const json::value& a, const json::value& b) {
    return a.at("bytes").to_number<double>() > b.at("bytes").to_number<double>();
  });
  if (!door.output.empty() && door.output != "table") {
    print(json::serialize(document) + "\n");
    return ExitCode::done;
  }
  Table who({"WORKER", "VALUES", "MANAGED", "SPILLED", "OLD", "RECENT", "PROCESS", "LIMIT"});
  const auto size = [](const json::value& row, const char* field) {
    return seen_text(field, row.at(field), Shown::size);
  };
  for (const json::value& row : document["workers"].as_array())
    who.add({plain(row.at("name")), plain(row.at("stored")), size(row, "managed_bytes"), size(row, "spilled_bytes"),
             size(row, "unmanaged_old_bytes"), size(row, "unmanaged_recent_bytes"), size(row, "process_bytes"),
             size(row, "memory_limit_bytes")});
  Table what({"PREFIX", "VALUES", "MEMORY"});
  for (const json::value& row : document["prefixes"].as_array())
    what.add({plain(row.at("name")), plain(row.at("values")), size(row, "bytes")});
  print(who.text() + "\n" + what.text());
  return ExitCode::done;
}

std::string quoted(const json::value& text) { return json::serialize(text); }

ExitCode graph(const Door& door, bool tasks, unsigned limit) {
  HttpClient http(door);
  const json::value document =
      http.get(fmt::format("/api/v1/{}?limit={}", tasks ? "graph" : "groups", std::min(limit, tasks ? 5000U : 2000U)));
  if (!door.output.empty() && door.output != "table") {
    print(json::serialize(document) + "\n");
    return ExitCode::done;
  }
  std::string out = "digraph troupe {\n  rankdir=LR;\n  node [shape=box];\n";
  if (tasks) {
    const auto& nodes = document.at("nodes").as_object();
    const auto& states = document.at("states").as_array();
    for (std::size_t i = 0; i < nodes.at("key").as_array().size(); ++i)
      out += fmt::format("  n{} [label={}, tooltip={}];\n", i, quoted(nodes.at("key").as_array()[i]),
                         quoted(states.at(nodes.at("state").as_array()[i].to_number<std::size_t>())));
  } else {
    std::size_t i = 0;
    for (const json::value& node : document.at("nodes").as_array())
      out += fmt::format("  n{} [label={}, tooltip={}];\n", i++,
                         quoted(json::value(fmt::format("{} ({})", std::string(node.at("prefix").as_string()),
                                                        node.at("size").to_number<std::uint64_t>()))),
                         quoted(json::value(states_text(node.at("tasks")))));
  }
  for (const json::value& edge : document.at("edges").as_array())
    out += fmt::format("  n{} -> n{};\n", edge.at(0).to_number<std::size_t>(), edge.at(1).to_number<std::size_t>());
  print(out + "}\n");
  if (const auto total = document.at("total").to_number<std::uint64_t>(),
      shown = document.at("shown").to_number<std::uint64_t>();
      shown < total)
    tell(fmt::format("{} of {} are shown", shown, total));
  return ExitCode::done;
}

void print_event(const Door& door, const json::value& event) {
  if (!door.output.empty() && door.output != "table") {
    json::object line{{"schema", "troupe/v1/event"}};
    for (const auto& member : event.as_object()) line[member.key()] = member.value();
    print(json::serialize(line) + "\n");
    return;
  }
  print(fmt::format("{}  {:<7}  {:<9}  {}\n", seen_text("at_unix_ms", event.at("at_unix_ms"), Shown::moment),
                    plain(event.at("level")), plain(event.at("topic")), plain(event.at("text"))));
}

/// Each line of the stream holds those events that came since the one before; the first one those there were.
ExitCode events(const Door& door, bool watch, unsigned limit) {
  HttpClient http(door);
  if (!watch) {
    const json::value document = http.get(fmt::format("/api/v1/events?limit={}", limit));
    if (door.output == "json") {
      print(json::serialize(document) + "\n");
      return ExitCode::done;
    }
    for (const json::value& event : document.at("events").as_array()) print_event(door, event);
    return ExitCode::done;
  }
  std::string text;
  bool first = true;  // of this line only the last `limit`
  http.follow("/api/v1/stream?topics=events&interval_ms=200", [&](std::string_view part) {
    text += part;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      const json::value line = json::parse(text.substr(0, end));
      text.erase(0, end + 1);
      if (line.at("topic").as_string() == "goodbye") return false;
      if (line.at("topic").as_string() != "events") continue;
      const json::array& came = line.at("data").at("events").as_array();
      const auto left_out = std::exchange(first, false) ? came.size() - std::min<std::size_t>(came.size(), limit) : 0;
      for (std::size_t i = left_out; i < came.size(); ++i) print_event(door, came[i]);
    }
    return true;
  });
  return ExitCode::done;
}

}  // namespace

std::span<const SeenKind> seen_kinds() { return kinds(); }

std::string segment(std::string_view text) {
  std::string out;
  for (const char c : text)
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

const SeenKind& seen_kind(std::string_view name) {
  std::string names;
  for (const SeenKind& kind : kinds()) {
    if (name == kind.name || name == kind.one) return kind;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.name);
  }
  throw CommandError(ExitCode::usage, fmt::format("'{}' is none of {}", printable(name), names));
}

std::string seen_text(std::string_view field, const json::value& value, Shown shown) {
  if (shown == Shown::states) return states_text(value);
  if (!value.is_number() || (shown == Shown::text && value.is_double() && field.find('_') == std::string_view::npos))
    return plain(value);
  const double number = value.to_number<double>();
  if (shown == Shown::size || field == "bytes" || field.ends_with("_bytes"))
    return number > 0 ? show_size(static_cast<std::uint64_t>(number)) : "-";
  if (shown == Shown::moment || field.ends_with("unix_ms"))
    return number > 0 ? time_text(static_cast<std::int64_t>(number * 1000)).substr(0, 23) + "Z" : "-";
  if (shown == Shown::seconds || field.ends_with("_s"))
    return number > 0 ? show_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(number * 1e9))) : "-";
  return plain(value);
}

json::object ask_for(HttpClient& http, const SeenKind& kind, unsigned limit) {
  if (limit == 0) limit = kind.limit_max;
  return http.get(limit == 0 ? std::string(kind.path) : fmt::format("{}?limit={}", kind.path, limit)).as_object();
}

void print_rows(const Door& door, const SeenKind& kind, json::object document) {
  const json::array& rows = document.at(kind.rows).as_array();
  if (door.output == "json") {
    print(json::serialize(document) + "\n");
    return;
  }
  if (door.output == "jsonl") {
    std::string out;
    for (const json::value& row : rows) {
      json::object line{{"schema", fmt::format("troupe/v1/{}", kind.one)}};
      for (const auto& member : row.as_object()) line[member.key()] = member.value();
      out += json::serialize(line) + "\n";
    }
    print(out);
    return;
  }
  std::vector<std::string> heads;
  for (const SeenColumn& column : kind.columns) heads.emplace_back(column.head);
  Table table(std::move(heads));
  for (const json::value& row : rows) {
    std::vector<std::string> cells;
    for (const SeenColumn& column : kind.columns) {
      std::string cell = seen_text(column.field, row.at(column.field), column.shown);
      cells.push_back(cell.empty() ? "-" : std::move(cell));
    }
    table.add(std::move(cells));
  }
  print(table.text());
  if (const auto* total = document.if_contains("total"); total && total->to_number<std::uint64_t>() > rows.size())
    tell(fmt::format("{} of {} are shown{}", rows.size(), total->to_number<std::uint64_t>(),
                     rows.size() < kind.limit_max ? "; --limit N of `troupe list` shows more" : ""));
}

void add_see(CLI::App& app, Door& door) {
  const auto add = [&](CLI::App& to, const char* name, const char* doc, const std::string& examples) {
    CLI::App* command = to.add_subcommand(name, doc);
    door.add_scheduler_options(*command);
    door.add_output_option(*command);
    command->footer("Examples:\n" + examples + "\n\n" + std::string(exit_codes_help));
    return command;
  };
  auto named = std::make_shared<Named>();
  CLI::App* got = add(app, "get", "Show some workers, tasks, groups, prefixes, spans, clients or events by name.",
                      "  troupe get worker alpha\n  troupe get tasks add-7-0 add-7-1 -o jsonl");
  got->add_option("KIND", named->kind, "workers, tasks, groups, prefixes, spans, clients or events")->required();
  got->add_option("NAME", named->names, "which of them (default: all)");
  got->callback([&door, named] { door.run = [&door, named] { return get(door, *named); }; });

  CLI::App* described =
      add(app, "describe", "Show all that is known of one worker, task, group, prefix, span or client.",
          "  troupe describe worker alpha\n  troupe describe task add-7-0 -o json\n"
          "  troupe describe group 7");
  described->add_option("KIND", named->kind, "worker, task, group, prefix, span or client")->required();
  described->add_option("NAME", named->names, "its name, key or number")->required()->expected(1);
  described->callback([&door, named] { door.run = [&door, named] { return describe(door, *named); }; });

  CLI::App* summary = app.add_subcommand("summary", "Count things by what they have in common.");
  summary->require_subcommand(1);
  summary->footer("Example:\n  troupe summary tasks -o json\n\n" + std::string(exit_codes_help));
  add(*summary, "tasks", "Tasks by prefix and state, with what they took and what is left.",
      "  troupe summary tasks\n  troupe summary tasks -o json")
      ->callback([&door] { door.run = [&door] { return summary_of_tasks(door); }; });

  add(app, "memory", "Show who holds how much memory, by worker and by prefix.",
      "  troupe memory\n  troupe memory -o json")
      ->callback([&door] { door.run = [&door] { return memory(door); }; });

  auto tasks = std::make_shared<bool>(false);
  auto limit = std::make_shared<unsigned>(500);
  CLI::App* drawn = add(app, "graph", "Write what depends on what, for Graphviz.",
                        "  troupe graph | dot -Tsvg > groups.svg\n  troupe graph --tasks --limit 2000 > tasks.dot");
  drawn->add_flag("--tasks", *tasks, "task by task instead of group by group");
  drawn->add_option("--limit", *limit, "how many nodes at most, the latest (default 500)")
      ->check(CLI::Range(1U, 5000U));
  drawn->callback([&door, tasks, limit] { door.run = [&door, tasks, limit] { return graph(door, *tasks, *limit); }; });

  auto watch = std::make_shared<bool>(false);
  auto most = std::make_shared<unsigned>(500);
  CLI::App* happened = add(app, "events", "Show what happened to the cluster: workers, clients, acts.",
                           "  troupe events\n  troupe events -w -o jsonl");
  happened->add_flag("-w,--watch", *watch, "go on with what happens from now on, until Ctrl-C");
  happened->add_option("--limit", *most, "the latest so many (default 500)")->check(CLI::Range(1U, 5000U));
  happened->callback([&door, watch, most] { door.run = [&door, watch, most] { return events(door, *watch, *most); }; });
}

}  // namespace troupe::apps
