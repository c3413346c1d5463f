#include <memory>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"
#include "apps/see.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

/// What happened to a task with the time of day, from the scheduler's pages; null where they do not tell.
json::value timed_story(const Door& door, const std::string& key) {
  try {
    HttpClient http(door);
    return http.get("/api/v1/tasks/" + segment(key)).at("story");
  } catch (const CommandError&) {
    return nullptr;  // no pages, or it is forgotten
  }
}

std::string story_text(const json::array& story) {
  std::string out;
  const auto at = [](const json::value& step) { return step.at("at_unix_ms").to_number<double>(); };
  for (const json::value& step : story) {
    out += fmt::format("{}  +{:.3f} s  {} -> {}  ({})", seen_text("at_unix_ms", step.at("at_unix_ms"), Shown::moment),
                       (at(step) - at(story.front())) / 1000, printable(step.at("from").as_string()),
                       printable(step.at("to").as_string()), printable(step.at("cause").as_string()));
    if (const auto run = step.at("run").to_number<std::uint64_t>(); run > 0) out += fmt::format("  run {}", run);
    if (const auto& worker = step.at("worker").as_string(); !worker.empty()) out += "  worker " + printable(worker);
    out += "\n";
  }
  return out;
}

/// Prints what the scheduler has to say about one task: `explain` says why it is where it is, `story` how it got there.
ExitCode tell_of(const Door& door, QueryKind kind, const char* schema, const std::string& key) {
  Connection connection(door);
  const QueryReply reply = connection.ask({{}, kind, {}, 0, key});
  if (reply.code == "unknown" || reply.lines.empty())
    throw CommandError(ExitCode::not_found,
                       fmt::format("nothing is known of task '{}': it was never submitted here, or is "
                                   "forgotten; `troupe list tasks` shows those there are",
                                   printable(key)));
  const json::value story = kind == QueryKind::story ? timed_story(door, key) : nullptr;
  if (door.json()) {
    json::array lines;
    for (const std::string& line : reply.lines) lines.emplace_back(line);
    json::object document{{"schema", schema}, {"key", key}};
    if (kind == QueryKind::explain) document["code"] = reply.code;
    document["lines"] = std::move(lines);
    if (story.is_array()) document["story"] = story;
    print(json::serialize(document) + "\n");
    return ExitCode::done;
  }
  if (story.is_array() && !story.as_array().empty()) {
    print(story_text(story.as_array()));
    return ExitCode::done;
  }
  for (const std::string& line : reply.lines) print(printable(line) + "\n");
  if (!reply.code.empty()) print(fmt::format("reason code: {}\n", printable(reply.code)));
  return ExitCode::done;
}

void add(CLI::App& app, Door& door, const char* name, const char* doc, QueryKind kind, const char* schema) {
  CLI::App* command = app.add_subcommand(name, doc);
  auto key = std::make_shared<std::string>();
  command->add_option("KEY", *key, "the task, as `troupe list tasks` shows it, or the number of it in log lines")
      ->required();
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  command->footer(
      fmt::format("Examples:\n  troupe {0} add-7-0\n  troupe {0} add-7-0 -o json\n\n{1}", name, exit_codes_help));
  command->callback([&door, key, kind, schema] {
    door.run = [&door, key, kind, schema] { return tell_of(door, kind, schema, *key); };
  });
}

}  // namespace

void add_explain(CLI::App& app, Door& door) {
  add(app, door, "explain", "Say why a task is where it is: what it waits for, or why it failed.", QueryKind::explain,
      "troupe/v1/explain");
}

void add_story(CLI::App& app, Door& door) {
  add(app, door, "story", "Show what happened to a task, oldest first.", QueryKind::story, "troupe/v1/story");
}

}  // namespace troupe::apps
