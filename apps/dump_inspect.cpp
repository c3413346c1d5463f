#include "apps/dump_inspect.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/json.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::string file;
  std::string state;
  std::string task;
  bool tasks{};
  bool workers{};
  bool log{};
};

/// The members of a record, for people: numbers and texts as they are, all else as JSON.
std::string text_of(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return "-";
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

/// Reads a dump once, from its first record to its last.
class Inspection {
public:
  explicit Inspection(const Flags& flags) : flags_(flags) {}

  void read() {
    const io::TextFormat format;
    io::JsonReader reader({.path = flags_.file}, format);
    for (io::Json value; reader.next(value);) {
      if (!value.is_object() || !value.as_object().contains("record"))
        throw CommandError(ExitCode::usage, flags_.file + ": this is not what `troupe dump` writes");
      take(value.as_object());
    }
    if (header_.empty() || text_of(header_, "schema") != dump_schema)
      throw CommandError(ExitCode::usage,
                         fmt::format("{}: no header of a dump ({}) is in it", flags_.file, dump_schema));
  }

  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] bool found() const { return !chosen_.empty(); }
  [[nodiscard]] json::object as_json() const {
    json::object document{{"schema", "troupe/v1/dump-inspect"}, {"header", header_}, {"summary", summary_}};
    document["whole"] = whole_;
    json::object states;
    for (const auto& [state, count] : states_) states[state] = count;
    document["tasks"] = std::move(states);
    document["records"] = json::array(chosen_.begin(), chosen_.end());
    return document;
  }
  [[nodiscard]] std::string as_text() const {
    if (flags_.tasks || !flags_.state.empty()) return tasks_text();
    if (!flags_.task.empty()) return task_text();
    if (flags_.workers) return workers_text();
    if (flags_.log) return log_text();
    return summary_text();
  }

private:
  [[nodiscard]] bool is_chosen(const std::string& record, const json::object& object) const {
    if (!flags_.task.empty())
      return (record == "task" || record == "past") &&
             (text_of(object, "key") == flags_.task || text_of(object, "task") == flags_.task);
    if (flags_.tasks || !flags_.state.empty())
      return record == "task" && (flags_.state.empty() || text_of(object, "state") == flags_.state);
    if (flags_.workers) return record == "worker";
    return flags_.log && record == "log";
  }

  void take(const json::object& object) {
    const auto record = text_of(object, "record");
    ++records_[record];
    if (record == "header") header_ = object;
    if (record == "summary") summary_ = object;
    if (record == "end") whole_ = true;
    if (record == "missing") missing_.push_back(text_of(object, "what") + ": " + text_of(object, "why"));
    if (record == "task") ++states_[text_of(object, "state")];
    if (is_chosen(record, object)) chosen_.emplace_back(object);
  }

  [[nodiscard]] std::string summary_text() const {
    std::string out =
        fmt::format("written    {}  by version {}\nscheduler  {}  (cluster {})\nworkers    {}\nclients    {}\n",
                    printable(text_of(header_, "ts")), printable(text_of(header_, "version")),
                    printable(text_of(summary_, "address")), printable(text_of(summary_, "cluster")),
                    count_of("worker"), count_of("client"));
    std::string tasks;
    for (const auto& [state, count] : states_)
      tasks += fmt::format("{}{} {}", tasks.empty() ? "" : ", ", count, printable(state));
    out +=
        fmt::format("tasks      {}\nfinished   {}  ({} failed)\nlog lines  {}\n", tasks.empty() ? "none" : tasks,
                    printable(text_of(summary_, "finished")), printable(text_of(summary_, "erred")), count_of("log"));
    for (const auto& what : missing_) out += "missing    " + printable(what) + "\n";
    return out;
  }
  [[nodiscard]] std::uint64_t count_of(const std::string& record) const {
    const auto found = records_.find(record);
    return found == records_.end() ? 0 : found->second;
  }

  [[nodiscard]] std::string tasks_text() const {
    Table table({"KEY", "STATE", "WORKER", "SIZE", "WAITING FOR", "RUN"});
    for (const auto& task : chosen_)
      table.add({text_of(task, "key"), text_of(task, "state"), text_of(task, "worker"), text_of(task, "nbytes"),
                 text_of(task, "waiting_for"), text_of(task, "run")});
    return table.text();
  }

  [[nodiscard]] std::string task_text() const {
    std::string out;
    for (const auto& task : chosen_) {
      for (const auto& [key, value] : task)
        if (key != "story" && key != "record")
          out += fmt::format("{:<13} {}\n", std::string_view(key), printable(text_of(task, std::string(key).c_str())));
      const auto* story = task.if_contains("story");
      if (story == nullptr || !story->is_array()) continue;
      for (const auto& step : story->get_array()) {
        if (!step.is_array() || step.get_array().size() < 6) continue;
        const auto& part = step.get_array();
        out += fmt::format("{:>14.6f} s  {} -> {}  ({})  run {}  worker {}\n",
                           part[0].is_int64() ? static_cast<double>(part[0].get_int64()) / 1e9 : 0.0, text_in(part[1]),
                           text_in(part[2]), text_in(part[3]), text_in(part[4]), text_in(part[5]));
      }
    }
    return out;
  }
  static std::string text_in(const json::value& value) {
    return printable(value.is_string() ? std::string(value.get_string()) : json::serialize(value));
  }

  [[nodiscard]] std::string workers_text() const {
    Table table({"NAME", "ADDRESS", "STATUS", "PID", "KEYS"});
    for (const auto& worker : chosen_) {
      const auto* keys = worker.if_contains("keys");
      table.add({text_of(worker, "name"), text_of(worker, "address"), text_of(worker, "status"), text_of(worker, "pid"),
                 fmt::to_string(keys != nullptr && keys->is_array() ? keys->get_array().size() : 0)});
    }
    return table.text();
  }

  [[nodiscard]] std::string log_text() const {
    std::string out;
    for (const auto& line : chosen_)
      out += fmt::format("{}  {:<7}  {}  {}\n", printable(text_of(line, "ts")), printable(text_of(line, "level")),
                         printable(text_of(line, "node")), printable(text_of(line, "msg")));
    return out;
  }

  const Flags& flags_;
  json::object header_;
  json::object summary_;
  std::map<std::string, std::uint64_t> records_;
  std::map<std::string, std::uint64_t> states_;
  std::vector<std::string> missing_;
  std::vector<json::object> chosen_;
  bool whole_{};
};

ExitCode run(const Door& door, const Flags& flags) {
  Inspection inspection(flags);
  try {
    inspection.read();
  } catch (const io::FileError& error) {
    throw CommandError(ExitCode::usage, error.what());
  }
  if (!flags.task.empty() && !inspection.found())
    throw CommandError(ExitCode::not_found,
                       fmt::format("{}: there is no task '{}' in it; --tasks shows those there are", flags.file,
                                   printable(flags.task)));
  print(door.json() ? json::serialize(inspection.as_json()) + "\n" : inspection.as_text());
  if (!inspection.whole()) tell(flags.file + " is cut off: its last record is missing");
  return ExitCode::done;
}

}  // namespace

CLI::App* add_dump_inspect(CLI::App& dump, Door& door) {
  CLI::App* command = dump.add_subcommand("inspect", "Show what is in a file that `troupe dump` wrote; asks nobody.");
  auto flags = std::make_shared<Flags>();
  command->add_option("FILE", flags->file, "the dump")->required();
  command->add_flag("--tasks", flags->tasks, "all tasks");
  command->add_option("--state", flags->state, "the tasks in this state")->type_name("STATE");
  command->add_option("--task", flags->task, "one task, by key or number, and what happened to it")->type_name("KEY");
  command->add_flag("--workers", flags->workers, "the workers");
  command->add_flag("--log", flags->log, "the last lines that all nodes logged");
  door.add_output_option(*command);
  command->footer(
      "Examples:\n  troupe dump inspect troupe-dump.jsonl.zst\n  troupe dump inspect dump.jsonl.zst --state erred\n"
      "  troupe dump inspect dump.jsonl.zst --task add-7-0 -o json\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
  return command;
}

}  // namespace troupe::apps
