#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "actors/event_log.hpp"
#include "actors/worker_event_log.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/replay.hpp"
#include "protocol/message_names.hpp"
#include "runtime/core/scheduler_state.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

/// Names of the alternatives of SchedulerEvent, in their order.
constexpr std::array event_names{"client joined", "client left", "client said",   "worker joined",
                                 "worker left",   "worker said", "nanny joined",  "nanny left",
                                 "nanny said",    "time passed", "peer reachable"};
static_assert(event_names.size() == std::variant_size_v<SchedulerEvent>);

std::string line_of(const SchedulerEvent& event) {
  std::string line = event_names[event.index()];
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.client; }) line += fmt::format("  client {}", e.client.value);
        if constexpr (requires { e.worker; }) line += fmt::format("  worker {}", e.worker.value);
        if constexpr (requires { e.nanny; }) line += fmt::format("  nanny {}", e.nanny.value);
        if constexpr (requires { e.reason; }) line += "  " + printable(e.reason);
        if constexpr (std::is_same_v<std::decay_t<decltype(e)>, ClientSaid>)
          line += fmt::format("  {}", message_name(e.message));
        if constexpr (std::is_same_v<std::decay_t<decltype(e)>, WorkerSaid>)
          if (const auto* done = std::get_if<TasksFinished>(&e.message))
            line += fmt::format("  TasksFinished of {}", done->tasks.size());
      },
      event);
  return line;
}

/// A scheduler machine that lives through a log again.
class Replay {
public:
  explicit Replay(EventLogReader reader)
      : reader_(std::move(reader)),
        state_(reader_.header().config, reader_.header().cluster, reader_.header().epoch, reader_.header().seed) {}

  void run(const ReplayFlags& flags) {
    while (flags.until == 0 || reader_.records() < flags.until) {
      auto record = reader_.next();
      if (!record) throw CommandError(ExitCode::failed, record.error().text);
      if (!*record) return;
      if (first_.nanoseconds == 0) first_ = (*record)->now;
      last_ = (*record)->now;
      if (auto* event = std::get_if<SchedulerEvent>(&(*record)->what)) {
        ++events_[event->index()];
        if (flags.events) print(fmt::format("{:>10} {:>12.6f} s  {}\n", reader_.records(), seconds(), line_of(*event)));
        state_.handle(std::move(*event), last_);
        continue;
      }
      effects_.clear();
      (void)state_.place(last_, effects_);
      if (flags.check) state_.check_invariants();
      ++placements_;
      if (digest_of(effects_) != std::get<Placed>((*record)->what).digest && !differs_) differs_ = reader_.records();
    }
  }

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(last_ - first_).count(); }
  [[nodiscard]] const EventLogReader& reader() const { return reader_; }
  [[nodiscard]] SchedulerState& state() { return state_; }
  [[nodiscard]] Instant now() const { return last_; }
  [[nodiscard]] std::uint64_t placements() const { return placements_; }
  [[nodiscard]] const std::array<std::uint64_t, event_names.size()>& events() const { return events_; }
  /// The first record where it decided otherwise than the scheduler that wrote the log.
  [[nodiscard]] std::optional<std::uint64_t> differs() const { return differs_; }

private:
  EventLogReader reader_;
  SchedulerState state_;
  SchedulerEffects effects_;
  Instant first_;
  Instant last_;
  std::array<std::uint64_t, event_names.size()> events_{};
  std::uint64_t placements_{};
  std::optional<std::uint64_t> differs_;
};

json::object as_json(Replay& replay) {
  json::object events;
  for (std::size_t i = 0; i < event_names.size(); ++i) events[event_names[i]] = replay.events()[i];
  const auto summary = replay.state().summary(replay.now());
  json::object tasks;
  for (std::size_t state = 0; state < summary->tasks_by_state.size(); ++state)
    tasks[name_of(static_cast<TaskState>(state))] = summary->tasks_by_state[state];
  json::object document{{"schema", "troupe/v1/replay"},
                        {"records", replay.reader().records()},
                        {"seconds", replay.seconds()},
                        {"cut_off", replay.reader().cut_off()},
                        {"placements", replay.placements()},
                        {"events", std::move(events)},
                        {"tasks", std::move(tasks)},
                        {"workers", summary->workers.size()},
                        {"clients", summary->clients},
                        {"finished", summary->finished},
                        {"erred", summary->erred}};
  if (replay.differs()) document["differs_at"] = *replay.differs();
  return document;
}

std::string as_text(Replay& replay) {
  std::string out = fmt::format(
      "{} records over {:.3f} s, {} placements{}\n", replay.reader().records(), replay.seconds(), replay.placements(),
      replay.reader().cut_off() ? "; the log ends in the middle of a record, as after a crash" : "");
  for (std::size_t i = 0; i < event_names.size(); ++i)
    if (replay.events()[i] > 0) out += fmt::format("  {:<14} {:>12}\n", event_names[i], replay.events()[i]);
  const auto summary = replay.state().summary(replay.now());
  out += fmt::format("at the end: {} workers, {} clients, {} tasks finished, {} erred", summary->workers.size(),
                     summary->clients, summary->finished, summary->erred);
  for (std::size_t state = 0; state < summary->tasks_by_state.size(); ++state)
    if (summary->tasks_by_state[state] > 0)
      out += fmt::format(", {} {}", summary->tasks_by_state[state], name_of(static_cast<TaskState>(state)));
  return out + "\n";
}

ExitCode run(const Door& door, const ReplayFlags& flags) {
  if (is_worker_event_log(flags.file)) return replay_worker(door, flags);
  auto reader = EventLogReader::open(flags.file);
  if (!reader) throw CommandError(ExitCode::usage, reader.error().text);
  Replay replay(std::move(*reader));
  replay.run(flags);
  const std::string& key = flags.story.empty() ? flags.explain : flags.story;
  if (key.empty()) {
    print(door.json() ? json::serialize(as_json(replay)) + "\n" : as_text(replay));
  } else {
    const TaskId task = replay.state().find_task(key);
    if (!task)
      throw CommandError(ExitCode::not_found,
                         fmt::format("no task is known as '{}' after record {}: it was not submitted by then, or is "
                                     "forgotten; choose another moment with --until",
                                     printable(key), replay.reader().records()));
    if (!flags.story.empty())
      for (const auto& line : replay.state().story(task)) print(printable(line) + "\n");
    if (!flags.explain.empty()) {
      const auto [code, lines] = replay.state().explain(task, replay.now());
      for (const auto& line : lines) print(printable(line) + "\n");
      print(fmt::format("reason code: {}\n", code));
    }
  }
  return verdict(replay.differs(), "scheduler");
}

}  // namespace

ExitCode verdict(std::optional<std::uint64_t> differs, std::string_view who) {
  if (!differs) return ExitCode::done;
  tell(
      fmt::format("from record {} on this troupe decides otherwise than the {} that wrote the log, as another version "
                  "would",
                  *differs, who));
  return ExitCode::failed;
}

void add_replay(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand(
      "replay",
      "Let a scheduler's or a worker's decisions be made again, from the log that `troupe scheduler --event-log` or\n"
      "`troupe worker --event-log` wrote.");
  auto flags = std::make_shared<ReplayFlags>();
  command->add_option("FILE", flags->file, "the event log")->required();
  command->add_option("--until", flags->until, "stop after this many records")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command->add_option("--story", flags->story, "then show what happened to this task")->type_name("KEY");
  command->add_option("--explain", flags->explain, "then say why this task is where it is")->type_name("KEY");
  command->add_flag("--events", flags->events, "print each event, with its record and time");
  command->add_flag("--check", flags->check, "check all invariants after every turn; aborts at the first broken");
  door.add_output_option(*command);
  command->footer(
      "Nothing is sent to anybody. The same log gives the same decisions; where it does not, the exit code is 1.\n\n"
      "Examples:\n  troupe scheduler --event-log /tmp/events\n  troupe replay /tmp/events\n"
      "  troupe replay /tmp/events --until 1000 --explain add-7-0\n"
      "  troupe worker --event-log /tmp/workers\n  troupe replay /tmp/workers/worker-4711.events --story 7-0\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
