#include "apps/act.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/http_client.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::vector<std::string> names;
  std::string reason{"cancelled on the command line"};
  std::string within{"60s"};
  bool all{};
  bool yes{};
};

/// Asks a person; programs say it with --yes.
void confirm(const Flags& flags, const std::string& what) {
  if (flags.yes) return;
  if (::isatty(STDIN_FILENO) == 0 || !stderr_is_terminal())
    throw CommandError(ExitCode::usage, fmt::format("this would {}; say --yes if that is meant", what));
  std::cerr << "This will " << what << ". Go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") throw CommandError(ExitCode::failed, "nothing was done");
}

std::chrono::milliseconds patience(const Flags& flags) {
  const auto within = parse_duration(flags.within);
  if (!within || within->count() <= 0)
    throw CommandError(ExitCode::usage,
                       fmt::format("--within: '{}' is not a duration such as 60s", printable(flags.within)));
  return std::chrono::ceil<std::chrono::milliseconds>(*within);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

ExitCode done(const Door& door, const char* action, const std::vector<std::string>& names) {
  if (door.json()) {
    print(json::serialize(json::object{
              {"schema", "troupe/v1/act"}, {"action", action}, {"names", json::array(names.begin(), names.end())}}) +
          "\n");
  } else {
    for (const std::string& name : names) print(printable(name) + "\n");
  }
  return ExitCode::done;
}

/// A name that is not known is said by the scheduler, which does nothing then.
template <class F>
auto known(F&& act) {
  try {
    return act();
  } catch (const InvalidRequest& error) {
    throw CommandError(ExitCode::not_found, error.what());
  }
}

ExitCode control(const Door& door, const Flags& flags, TaskControl what) {
  const bool cancel = what == TaskControl::cancel;
  if (cancel) confirm(flags, fmt::format("cancel {} tasks: {}", flags.names.size(), listed(flags.names)));
  Connection connection(door);
  known([&] { connection.client().control_tasks(what, flags.names, flags.reason, patience(flags)); });
  return done(door, cancel ? "cancel" : "retry", flags.names);
}

ExitCode drain(const Door& door, const Flags& flags) {
  confirm(flags, "end workers, once what they hold is elsewhere: " + listed(flags.names));
  Connection connection(door);
  const auto summary = connection.summary();
  for (const std::string& name : flags.names)
    if (std::none_of(summary->workers.begin(), summary->workers.end(), [&](const WorkerSummary& worker) {
          return name == worker.address.name || name == worker.address.address || name == worker.address.host;
        }))
      throw CommandError(ExitCode::not_found,
                         fmt::format("no worker is called '{}'; `troupe list workers` shows them", printable(name)));
  return done(door, "drain", known([&] { return connection.client().retire_workers(flags.names, patience(flags)); }));
}

/// Where the scheduler's own program started the workers; it says so where it did not.
ExitCode scale(const Door& door, const Flags& flags, unsigned workers) {
  HttpClient http(door);
  if (!flags.yes) {
    Connection connection(door);  // the scheduler knows who came just now; the dashboard's picture is a moment old
    const auto now = static_cast<unsigned>(connection.summary()->workers.size());
    if (workers < now)
      confirm(flags, fmt::format("end {} of {} workers, once what they hold is elsewhere", now - workers, now));
  }
  const json::value answer = http.post("/api/v1/scale", json::object{{"workers", workers}});
  print(door.json() ? json::serialize(answer) + "\n" : printable(answer.at("text").as_string()) + "\n");
  return ExitCode::done;
}

ExitCode restart(const Door& door, const Flags& flags) {
  if (flags.names.empty() != flags.all)
    throw CommandError(ExitCode::usage, "name the workers to restart, or say --all, which also cancels all tasks");
  confirm(flags, flags.all ? "cancel all tasks and start all workers again"
                           : "end and start again the workers " + listed(flags.names));
  Connection connection(door);
  return done(door, "restart", known([&] {
                return flags.all ? connection.client().restart(patience(flags))
                                 : connection.client().restart_workers(flags.names, patience(flags));
              }));
}

}  // namespace

void add_act(CLI::App& app, Door& door) {
  const auto add = [&](const char* name, const char* doc, const char* examples, bool destroys) {
    CLI::App* command = app.add_subcommand(name, doc);
    auto flags = std::make_shared<Flags>();
    if (destroys) command->add_flag("--yes", flags->yes, "do not ask whether that is meant");
    command->add_option("--within", flags->within, "how long it may take (default 60s)")->type_name("DURATION");
    door.add_scheduler_options(*command);
    door.add_output_option(*command);
    command->footer(fmt::format("Examples:\n{}\n\n{}", examples, exit_codes_help));
    return std::pair(command, flags);
  };
  {
    auto [command, flags] =
        add("cancel", "Cancel tasks, for all clients that want them.",
            "  troupe cancel add-7-0 --yes\n  troupe cancel add-7-0 add-7-1 --reason \"wrong input\"", true);
    command->add_option("KEY", flags->names, "tasks, as `troupe list tasks` shows them")->required();
    command->add_option("--reason", flags->reason, "what their clients are told")->type_name("TEXT");
    command->callback(
        [&door, flags = flags] { door.run = [&door, flags] { return control(door, *flags, TaskControl::cancel); }; });
  }
  {
    auto [command, flags] = add("retry", "Try failed tasks again.", "  troupe retry add-7-0", false);
    command->add_option("KEY", flags->names, "tasks, as `troupe list tasks --state erred` shows them")->required();
    command->callback(
        [&door, flags = flags] { door.run = [&door, flags] { return control(door, *flags, TaskControl::retry); }; });
  }
  {
    auto [command, flags] = add("drain", "End workers without losing anything, and wait until they have ended.",
                                "  troupe drain alpha --yes --within 10m", true);
    command->add_option("WORKER", flags->names, "names or addresses of workers, or their hosts")->required();
    command->callback([&door, flags = flags] { door.run = [&door, flags] { return drain(door, *flags); }; });
  }
  {
    auto [command, flags] = add("scale", "Have more or fewer workers, where the scheduler's program started them.",
                                "  troupe scale 4\n  troupe scale 1 --yes", true);
    auto workers = std::make_shared<unsigned>(0);
    command->add_option("N", *workers, "how many there should be")->required()->check(CLI::Range(0U, 1000U));
    command->callback([&door, flags = flags, workers] {
      door.run = [&door, flags, workers] { return scale(door, *flags, *workers); };
    });
  }
  {
    auto [command, flags] =
        add("restart", "Start workers again that a nanny watches over, and wait until they are back.",
            "  troupe restart alpha --yes\n  troupe restart --all --yes", true);
    command->add_option("WORKER", flags->names, "names or addresses of workers, or their hosts");
    command->add_flag("--all", flags->all, "all of them, and cancel all tasks of all clients");
    command->callback([&door, flags = flags] { door.run = [&door, flags] { return restart(door, *flags); }; });
  }
}

}  // namespace troupe::apps
