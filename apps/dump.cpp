#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/dump_inspect.hpp"
#include "apps/observed.hpp"
#include "apps/version.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/text_output.hpp"
#include "monitoring/pages.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

constexpr std::uint32_t page = 5000;
constexpr std::uint32_t log_lines = 10'000;

/// Writes what a cluster is in, a JSON object a line, each with the kind of record that it is.
class Dump {
public:
  Dump(const Door& door, const std::string& path) : connection_(door), writer_(path, {}) {}

  void write() {
    const auto summary = connection_.summary();
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    put("header", {{"schema", dump_schema}, {"ts", time_text(now.count())}, {"version", version}});
    put("summary", json::parse(monitoring::identity_json(*summary)).as_object());
    write_settings();
    for (auto& line : connection_.ask({{}, QueryKind::list_clients, {}, 0, {}, 0}).lines)
      put("client", {{"text", std::move(line)}});
    read_story();
    write_tasks();
    write_left_story();
    write_log("scheduler", connection_.ask({{}, QueryKind::log, {}, log_lines, {}, 0}).log);
    write_workers();
    put("end", {{"tasks", tasks_}});
    (void)writer_.finish();
  }

private:
  void put(const char* record, json::object object) {
    json::object line{{"record", record}};
    for (auto& [key, value] : object) line[key] = std::move(value);
    writer_.write(json::serialize(line));
  }

  void write_settings() {
    json::object settings;
    for (const auto& line : connection_.ask({{}, QueryKind::settings, {}, 0, {}, 0}).lines) {
      const auto equals = line.find('=');
      settings[line.substr(0, equals)] = equals == std::string::npos ? "" : line.substr(equals + 1);
    }
    put("settings", {{"of", "scheduler"}, {"values", std::move(settings)}});
  }

  void read_story() {
    for (std::uint64_t after = 0;;) {
      const auto reply = connection_.ask({{}, QueryKind::transitions, {}, page, {}, after});
      for (const auto& transition : reply.transitions) story_[transition.task.value].push_back(json_of(transition));
      if (reply.transitions.size() < page) return;
      after = reply.next;
    }
  }

  void write_tasks() {
    for (std::uint64_t after = 0;;) {
      const auto reply = connection_.ask({{}, QueryKind::tasks, {}, page, {}, after});
      for (const auto& detail : reply.details) {
        auto task = json_of(detail);
        if (const auto found = story_.find(detail.summary.task.value); found != story_.end()) {
          task["story"] = std::move(found->second);
          story_.erase(found);
        }
        put("task", std::move(task));
        ++tasks_;
      }
      if (reply.next == 0) return;
      after = reply.next;
    }
  }

  /// Of tasks that the scheduler has forgotten.
  void write_left_story() {
    for (auto& [task, story] : story_) put("past", {{"task", task}, {"story", std::move(story)}});
  }

  void write_log(const std::string& node, const std::vector<LogLine>& lines) {
    for (const auto& line : lines) {
      auto object = json_of(line);
      object["node"] = node;
      put("log", std::move(object));
    }
  }

  void write_workers() {
    for (const auto& [worker, report] : worker_reports(connection_.client(), {}))
      if (report)
        put("worker", json_of(*report));
      else
        put("missing", {{"what", "worker " + worker}, {"why", report.error().message}});
    for (const auto& [worker, log] : worker_logs(connection_.client(), {}, {0, log_lines}))
      if (log) write_log(worker, log->lines);
  }

  Connection connection_;
  io::LineWriter writer_;
  std::map<std::uint64_t, json::array> story_;
  std::uint64_t tasks_{};
};

ExitCode write_dump(const Door& door, const std::string& file) {
  try {
    Dump(door, file).write();
  } catch (const io::FileError& error) {
    throw CommandError(ExitCode::failed, error.what());
  }
  tell(fmt::format("{} is written; `troupe dump inspect` shows what is in it", file));
  return ExitCode::done;
}

}  // namespace

void add_dump(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("dump", "Write down all that the cluster knows of itself, for a report.");
  auto file = std::make_shared<std::string>("troupe-dump.jsonl.zst");
  command
      ->add_option("-o,--output", *file,
                   "file to write (default troupe-dump.jsonl.zst); its end says how it is packed: .zst, .gz, or not")
      ->type_name("FILE");
  door.add_scheduler_options(*command);
  command->require_subcommand(0, 1);
  CLI::App* inspect = add_dump_inspect(*command, door);
  command->footer(
      "A JSON object a line: settings, workers, clients, tasks with what happened to them, and the last lines of the\n"
      "logs. Names of tasks and hosts are in it, values and keys of the cluster are not.\n\n"
      "Examples:\n  troupe dump\n  troupe dump -o /tmp/dump.jsonl.zst\n  troupe dump inspect /tmp/dump.jsonl.zst\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, file, inspect] {
    if (inspect->parsed()) return;
    door.run = [&door, file] { return write_dump(door, *file); };
  });
}

}  // namespace troupe::apps
