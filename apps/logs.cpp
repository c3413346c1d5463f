#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/observed.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds look_again{300};
constexpr std::uint32_t page_lines = 10'000;

struct Flags {
  std::string where{"scheduler"};
  std::uint32_t lines{100};
  bool follow{};
};

/// Of one node: where it was read up to.
struct Source {
  std::string worker;  ///< empty: the scheduler
  std::uint64_t after{};
};

void show(const Door& door, const Source& source, const LogLine& line) {
  if (door.json()) {
    auto object = json_of(line);
    object["schema"] = "troupe/v1/log-line";
    object["node"] = source.worker.empty() ? "scheduler" : source.worker;
    // As in the node's own log: what the library says has its role for a logger.
    object["role"] = object["logger"] = source.worker.empty() ? "scheduler" : "worker";
    if (!object.contains("event")) object["event"] = "";
    return print(json::serialize(object) + "\n");
  }
  const std::string node = source.worker.empty() ? "" : printable(source.worker) + "  ";
  print(fmt::format("{}  {:<7}  {}{}\n", time_text(line.unix_us), level_text(line.level), node, printable(line.text)));
}

class Follower {
public:
  Follower(const Door& door, const Flags& flags) : door_(door), flags_(flags), connection_(door) {}

  void choose() {
    if (flags_.where == "scheduler") {
      sources_.push_back({});
    } else if (flags_.where.starts_with("worker/")) {
      sources_.push_back({flags_.where.substr(7), 0});
    } else if (flags_.where.starts_with("task/")) {
      task_ = task_named(flags_.where.substr(5));
      const auto summary = connection_.summary();
      for (const auto& worker : summary->workers) sources_.push_back({worker.address.name, 0});
    } else {
      throw CommandError(ExitCode::usage,
                         fmt::format("'{}' is none of scheduler, worker/NAME and task/KEY", printable(flags_.where)));
    }
  }

  /// What there is that was not shown yet: the last lines the first time.
  void read() {
    for (Source& source : sources_) {
      auto page = page_of(source);
      // Of a task all lines count that are still there; of a node the last ones.
      const auto last =
          task_ || source.after > 0 ? page.lines.size() : std::min<std::size_t>(flags_.lines, page.lines.size());
      for (auto i = page.lines.size() - last; i < page.lines.size(); ++i)
        if (!task_ || page.lines[i].about.task == task_) {
          show(door_, source, page.lines[i]);
          shown_ = true;
        }
      source.after = page.next;
    }
  }

  [[nodiscard]] bool shown() const { return shown_; }

private:
  LogReply page_of(const Source& source) {
    if (source.worker.empty()) {
      auto reply = connection_.ask({{}, QueryKind::log, {}, page_lines, {}, source.after});
      return {std::move(reply.log), reply.next};
    }
    auto answers = worker_logs(connection_.client(), {source.worker}, {source.after, page_lines});
    if (answers.empty())
      throw CommandError(ExitCode::not_found, fmt::format("no worker is called '{}'; `troupe list workers` shows them",
                                                          printable(source.worker)));
    auto& answer = answers.begin()->second;
    if (!answer) throw CommandError(ExitCode::failed, answer.error().message);
    return std::move(*answer);
  }

  TaskId task_named(const std::string& key) {
    const auto reply = connection_.ask({{}, QueryKind::explain, {}, 0, key, 0});
    if (reply.details.empty())
      throw CommandError(
          ExitCode::not_found,
          fmt::format("nothing is known of task '{}'; `troupe list tasks` shows those there are", printable(key)));
    return reply.details.front().summary.task;
  }

  const Door& door_;
  const Flags& flags_;
  Connection connection_;
  TaskId task_;
  std::vector<Source> sources_;
  bool shown_{};
};

ExitCode run(const Door& door, const Flags& flags) {
  Follower follower(door, flags);
  follower.choose();
  follower.read();
  if (!follower.shown()) tell(fmt::format("{} has logged nothing yet", printable(flags.where)));
  while (flags.follow) {
    std::this_thread::sleep_for(look_again);
    follower.read();
  }
  return ExitCode::done;
}

}  // namespace

void add_logs(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("logs", "Show what the scheduler, a worker or a task logged lately.");
  auto flags = std::make_shared<Flags>();
  command->add_option(
      "WHERE", flags->where,
      "scheduler, worker/NAME or task/KEY (default: scheduler); KEY may be the number that lines name it by");
  command->add_option("-n,--lines", flags->lines, "how many at most of a node (default 100)")
      ->type_name("N")
      ->check(CLI::Range(1U, page_lines));
  command->add_flag("-f,--follow", flags->follow, "go on with what is logged from now on, until Ctrl-C");
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  command->footer(
      "Each node keeps its last 10,000 lines. Lines of a task are what it said with troupe::this_task::log, and, if "
      "it\n"
      "is isolated, what its process wrote to stderr. With -o json each line is an object.\n\n"
      "Examples:\n  troupe logs\n  troupe logs worker/alpha -f\n  troupe logs task/add-7-0 -o json\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
