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
#include "apps/observed.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::vector<std::string> workers;
  std::string duration{"5s"};
  std::string function;
  std::uint32_t rate{100};
};

/// Answers of those that gave one; the others are named on stderr. All failed: the command has.
template <class T>
std::map<std::string, T> answered(ByWorker<T> answers) {
  if (answers.empty())
    throw CommandError(ExitCode::not_found, "no worker is there that is meant; `troupe list workers` shows them");
  std::map<std::string, T> good;
  std::string why;
  for (auto& [worker, answer] : answers) {
    if (answer) {
      good.emplace(worker, std::move(*answer));
      continue;
    }
    why = fmt::format("{}: {}", printable(worker), printable(answer.error().message));
    tell(why);
  }
  if (good.empty()) throw CommandError(ExitCode::failed, why);
  return good;
}

ExitCode show_stacks(const Door& door, const Flags& flags) {
  Connection connection(door);
  const auto stacks = answered(worker_stacks(connection.client(), flags.workers));
  if (door.json()) {
    json::object workers;
    for (const auto& [worker, running] : stacks) {
      json::array list;
      for (const auto& stack : running) list.push_back(json_of(stack));
      workers[worker] = std::move(list);
    }
    print(json::serialize(json::object{{"schema", "troupe/v1/stacks"}, {"workers", std::move(workers)}}) + "\n");
    return ExitCode::done;
  }
  for (const auto& [worker, running] : stacks) {
    if (running.empty()) print(fmt::format("{}  runs nothing\n", printable(worker)));
    for (const auto& stack : running) {
      const TaskId task{stack.task};
      print(fmt::format("{}  {}  {}-{}  run {}  for {}\n", printable(worker), printable(stack.function), task.group(),
                        task.index(), stack.run, show_duration(std::chrono::microseconds(stack.running_us))));
      for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame)
        print("    " + printable(*frame) + "\n");
    }
  }
  return ExitCode::done;
}

/// A semicolon parts frames there, and a blank the count.
std::string folded(const std::string& frame) {
  std::string text = printable(frame);
  std::replace(text.begin(), text.end(), ';', ':');
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

ExitCode show_profile(const Door& door, const Flags& flags) {
  const auto duration = parse_duration(flags.duration);
  if (!duration || *duration <= std::chrono::nanoseconds(0))
    throw CommandError(ExitCode::usage,
                       fmt::format("--duration: '{}' is not a duration such as 5s", printable(flags.duration)));
  ProfileRequest request;
  request.duration_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(*duration).count());
  request.interval_us = 1'000'000 / flags.rate;
  request.function = flags.function;
  Connection connection(door);
  const auto profiles = answered(worker_profiles(connection.client(), flags.workers, request));
  if (door.json()) {
    json::object workers;
    for (const auto& [worker, profile] : profiles) {
      json::array stacks;
      for (const auto& stack : profile.stacks) stacks.push_back(json_of(stack));
      workers[worker] = json::object{{"duration_us", profile.duration_us},
                                     {"interval_us", profile.interval_us},
                                     {"looks", profile.looks},
                                     {"stacks", std::move(stacks)}};
    }
    print(json::serialize(json::object{{"schema", "troupe/v1/profile"}, {"workers", std::move(workers)}}) + "\n");
    return ExitCode::done;
  }
  std::map<std::string, std::uint64_t> lines;
  for (const auto& [worker, profile] : profiles)
    for (const auto& stack : profile.stacks) {
      std::string line = folded(stack.function);
      for (const auto& frame : stack.frames) line += ";" + folded(frame);
      lines[line] += stack.samples;
    }
  for (const auto& [line, samples] : lines) print(fmt::format("{} {}\n", line, samples));
  if (lines.empty()) tell("no task ran while it was looked");
  return ExitCode::done;
}

CLI::App* add(CLI::App& app, Door& door, const std::shared_ptr<Flags>& flags, const char* name, const char* doc) {
  CLI::App* command = app.add_subcommand(name, doc);
  command->add_option("--worker", flags->workers, "only these: name, address or host; may be given several times")
      ->type_name("NAME");
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  return command;
}

}  // namespace

void add_stack(CLI::App& app, Door& door) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = add(app, door, flags, "stack", "Show where the running tasks are now, innermost call first.");
  command->footer(
      "Each thread that runs a task is asked by a signal (SIGURG). Of an isolated task it is seen that it is "
      "awaited.\n\n"
      "Examples:\n  troupe stack\n  troupe stack --worker alpha -o json\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return show_stacks(door, *flags); }; });
}

void add_profile(CLI::App& app, Door& door) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      add(app, door, flags, "profile", "Look at the running tasks for a while, and show where they spend their time.");
  command->add_option("--duration", flags->duration, "for so long (default 5s)")->type_name("DURATION");
  command->add_option("--rate", flags->rate, "so often in a second (default 100)")
      ->type_name("N")
      ->check(CLI::Range(1U, 1000U));
  command->add_option("--function", flags->function, "only tasks of this function")->type_name("NAME");
  command->footer(
      "Prints a line for each stack: the task's function and its calls, outermost first, and how often it was seen, "
      "as\n"
      "programs for flame graphs take it.\n\n"
      "Examples:\n  troupe profile > stacks.txt\n  troupe profile --duration 30s --worker alpha --function "
      "slow_square\n"
      "  troupe profile -o json\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return show_profile(door, *flags); }; });
}

}  // namespace troupe::apps
