#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "actors/worker_event_log.hpp"
#include "apps/config_values.hpp"
#include "apps/replay.hpp"
#include "protocol/message_names.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

/// Names of the alternatives of WorkerEvent, in their order.
constexpr std::array event_names{"scheduler said", "executions done", "seceded",        "fetch done",    "values put",
                                 "values served",  "time passed",     "values spilled", "values loaded", "values lost"};
static_assert(event_names.size() == std::variant_size_v<WorkerEvent>);

std::string line_of(const WorkerEvent& event) {
  std::string line = event_names[event.index()];
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.message; }) {
          line += fmt::format("  {}", message_name(e.message));
          if (const auto* compute = std::get_if<ComputeTasks>(&e.message))
            line += fmt::format(" of {}", compute->tasks.size());
        }
        if constexpr (requires { e.tasks; }) line += fmt::format("  of {}", e.tasks.size());
        if constexpr (requires { e.received; })
          line += fmt::format("  {} received, {} missing", e.received.size(), e.missing.size());
        if constexpr (requires { e.process_bytes; })
          if (e.process_bytes > 0) line += fmt::format("  the process takes {}", show_size(e.process_bytes));
      },
      event);
  return line;
}

/// "7-0", a name that ends so, or the number that log lines have.
TaskId task_of(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
  };
  const auto dash = text.rfind('-');
  if (dash == std::string_view::npos) {
    if (const auto value = number(text)) return {*value};
  } else {
    const auto before = text.substr(0, dash);
    const auto index = number(text.substr(dash + 1));
    const auto group = number(before.substr(before.rfind('-') + 1));  // without a dash: all of it
    if (index && group && *index <= TaskId::index_mask && *group <= TaskId::group_max)
      return TaskId::of(*group, static_cast<std::uint32_t>(*index));
  }
  throw CommandError(ExitCode::usage,
                     fmt::format("'{}' is no task: a worker knows them as GROUP-INDEX, as in 7-0", printable(text)));
}

std::string text_of(const KeyView& key) {
  std::string text = name_of(key.intent);
  if (key.run) text += fmt::format(" run {}", key.run.value);
  text += fmt::format(", {}, {}", name_of(key.activity), name_of(key.data));
  if (key.transfer != KeyTransfer::none)
    text += key.transfer == KeyTransfer::spilling ? ", on its way to disk" : ", on its way from disk";
  if (key.waiting_for > 0) text += fmt::format(", waits for {} inputs", key.waiting_for);
  if (key.queued) text += ", queued";
  if (key.staged) text += ", its inputs are brought into memory";
  if (key.needed > 0) text += fmt::format(", an input of {} tasks here", key.needed);
  if (key.pins > 0) text += fmt::format(", {} of which have or get a slot", key.pins);
  if (key.served > 0) text += fmt::format(", read by {} others", key.served);
  return text;
}

/// A worker machine that lives through a log again.
class Replay {
public:
  Replay(WorkerEventLogReader reader, TaskId watched) : reader_(std::move(reader)), watched_(watched) {}

  void run(const ReplayFlags& flags) {
    while (flags.until == 0 || reader_.records() < flags.until) {
      auto record = reader_.next();
      if (!record) throw CommandError(ExitCode::failed, record.error().text);
      if (!*record) return;
      if (first_.nanoseconds == 0) first_ = (*record)->now;
      last_ = (*record)->now;
      std::string line = "settled";
      if (auto* made = std::get_if<MachineMade>(&(*record)->what)) {
        line = fmt::format("made  {} with {} threads", printable(made->name), made->config.threads);
        if (flags.events) tell_event(line);
        name_ = made->name;
        state_.emplace(std::move(made->config));
        effects_.clear();
      } else if (auto* event = std::get_if<WorkerEvent>(&(*record)->what)) {
        ++events_[event->index()];
        line = line_of(*event);
        if (flags.events) tell_event(line);
        state_->handle(std::move(*event), last_, effects_);
      } else {
        settle(std::get<Settled>((*record)->what), flags.check);
      }
      watch(line);
    }
  }

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(last_ - first_).count(); }
  [[nodiscard]] const WorkerEventLogReader& reader() const { return reader_; }
  [[nodiscard]] WorkerState& state() { return *state_; }
  [[nodiscard]] bool began() const { return state_.has_value(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  [[nodiscard]] const std::array<std::uint64_t, event_names.size()>& events() const { return events_; }
  [[nodiscard]] const std::string& story() const { return story_; }
  [[nodiscard]] std::optional<KeyView> seen() const { return seen_; }
  /// The first record where it decided otherwise than the worker that wrote the log.
  [[nodiscard]] std::optional<std::uint64_t> differs() const { return differs_; }

private:
  void tell_event(const std::string& line) {
    print(fmt::format("{:>10} {:>12.6f} s  {}\n", reader_.records(), seconds(), line));
  }

  void settle(const Settled& settled, bool check) {
    state_->settle(last_, effects_);
    if (check) state_->check_invariants();
    ++turns_;
    if (digest_of(effects_) != settled.digest && !differs_) differs_ = reader_.records();
    effects_.clear();
  }

  /// Writes down what became of the task, where something did.
  void watch(const std::string& line) {
    if (!watched_) return;
    const auto now = state_->key(watched_);
    if (now == seen_) return;
    story_ += fmt::format("{:>12.6f} s  {}  ({})\n", seconds(), now ? text_of(*now) : "not known", line);
    seen_ = now;
  }

  WorkerEventLogReader reader_;
  TaskId watched_;
  std::optional<WorkerState> state_;
  std::string name_;
  WorkerEffects effects_;
  Instant first_;
  Instant last_;
  std::array<std::uint64_t, event_names.size()> events_{};
  std::uint64_t turns_{};
  std::string story_;
  std::optional<KeyView> seen_;
  std::optional<std::uint64_t> differs_;
};

json::object as_json(Replay& replay) {
  json::object events;
  for (std::size_t i = 0; i < event_names.size(); ++i) events[event_names[i]] = replay.events()[i];
  json::object document{{"schema", "troupe/v1/worker-replay"},  {"name", replay.name()},
                        {"records", replay.reader().records()}, {"seconds", replay.seconds()},
                        {"cut_off", replay.reader().cut_off()}, {"turns", replay.turns()},
                        {"events", std::move(events)}};
  if (replay.began()) {
    const WorkerCounters& now = replay.state().counters();
    document["status"] = name_of(replay.state().status());
    document["finished"] = now.finished;
    document["erred"] = now.erred;
    document["keys"] = replay.state().key_count();
  }
  if (replay.differs()) document["differs_at"] = *replay.differs();
  return document;
}

std::string as_text(Replay& replay) {
  std::string out =
      fmt::format("{} records over {:.3f} s, {} turns{}\n", replay.reader().records(), replay.seconds(), replay.turns(),
                  replay.reader().cut_off() ? "; the log ends in the middle of a record, as after a crash" : "");
  for (std::size_t i = 0; i < event_names.size(); ++i)
    if (replay.events()[i] > 0) out += fmt::format("  {:<15} {:>12}\n", event_names[i], replay.events()[i]);
  if (!replay.began()) return out;
  const WorkerCounters& now = replay.state().counters();
  return out + fmt::format("at the end: worker {} {}, {} tasks finished, {} erred, {} keys known\n",
                           printable(replay.name()), name_of(replay.state().status()), now.finished, now.erred,
                           replay.state().key_count());
}

}  // namespace

ExitCode replay_worker(const Door& door, const ReplayFlags& flags) {
  auto reader = WorkerEventLogReader::open(flags.file);
  if (!reader) throw CommandError(ExitCode::usage, reader.error().text);
  const std::string& key = flags.story.empty() ? flags.explain : flags.story;
  const TaskId task = key.empty() ? TaskId{} : task_of(key);
  Replay replay(std::move(*reader), task);
  replay.run(flags);
  if (!task) {
    print(door.json() ? json::serialize(as_json(replay)) + "\n" : as_text(replay));
  } else if (replay.story().empty() || (flags.story.empty() && !replay.seen())) {
    throw CommandError(ExitCode::not_found,
                       fmt::format("the worker knows nothing of '{}' after record {}: it never had it, or is done with "
                                   "it; choose another moment with --until",
                                   printable(key), replay.reader().records()));
  } else {
    if (!flags.story.empty()) print(replay.story());
    if (!flags.explain.empty() && replay.seen()) print(text_of(*replay.seen()) + "\n");
  }
  return verdict(replay.differs(), "worker");
}

}  // namespace troupe::apps
