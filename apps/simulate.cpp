#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/signals.hpp"
#include "runtime/simulation/simulate.hpp"

namespace troupe::apps {

namespace json = boost::json;
namespace sim = troupe::simulation;

namespace {

struct Flags {
  std::uint64_t seeds{1000};
  std::uint64_t first{1};
  std::uint32_t nodes{};
  std::vector<std::string> faults;
  std::string replay;
  std::string write;
  std::uint64_t shrink{3000};
  unsigned jobs{1};
};

struct Failure {
  std::uint64_t seed{};
  sim::History history;
  sim::Outcome outcome;
};

sim::SwarmLimits limits_of(const Flags& flags) {
  sim::SwarmLimits limits;
  limits.nodes = flags.nodes;
  if (flags.faults.empty()) return limits;
  limits.faults = 0;
  for (const std::string& name : flags.faults) {
    if (name == "none") continue;
    const auto fault = sim::find_fault(name);
    if (!fault) throw CommandError(ExitCode::usage, fmt::format("--faults: there is no kind '{}'; see --help", name));
    limits.faults |= sim::bit(*fault);
  }
  return limits;
}

/// Runs seeds on some threads until all are done, one fails, or somebody wants it to end.
class Run {
public:
  explicit Run(const Flags& flags)
      : flags_(flags), limits_(limits_of(flags)), next_(flags.first), end_(flags.first + flags.seeds) {}

  /// The number of the signal that ended it, or 0.
  int go(Signals& signals) {
    std::vector<std::thread> threads;
    std::atomic<unsigned> working{flags_.jobs};
    for (unsigned i = 0; i < flags_.jobs; ++i)
      threads.emplace_back([this, &signals, &working] {
        work();
        if (working.fetch_sub(1) == 1) signals.end();
      });
    int signal = -1;
    while ((signal = signals.wait(std::chrono::milliseconds(500))) == -1) show_progress();
    stop_ = true;
    for (auto& thread : threads) thread.join();
    if (stderr_is_terminal()) tell("\r\033[K");
    return signal;
  }

  [[nodiscard]] const sim::Tally& tally() const { return tally_; }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }

private:
  void work() {
    sim::Tally mine;
    while (!stop_) {
      const std::uint64_t seed = next_.fetch_add(1);
      if (seed >= end_) break;
      sim::History history = sim::draw_history(seed, limits_);
      sim::Outcome outcome = sim::run(history);
      mine.add(outcome);
      done_.fetch_add(1, std::memory_order_relaxed);
      if (!outcome.failed) continue;
      const std::lock_guard lock(mutex_);
      stop_ = true;
      if (!failure_ || seed < failure_->seed) failure_ = Failure{seed, std::move(history), std::move(outcome)};
    }
    const std::lock_guard lock(mutex_);
    tally_.add(mine);
  }

  void show_progress() const {
    if (!stderr_is_terminal()) return;
    std::fprintf(stderr, "\r%s", fmt::format("{} of {} histories", done_.load(), flags_.seeds).c_str());
    std::fflush(stderr);
  }

  const Flags& flags_;
  sim::SwarmLimits limits_;
  std::atomic<std::uint64_t> next_;
  std::uint64_t end_;
  std::atomic<std::uint64_t> done_{};
  std::atomic<bool> stop_{};
  std::mutex mutex_;
  sim::Tally tally_;
  std::optional<Failure> failure_;
};

std::string as_text(const sim::Tally& tally, double seconds) {
  std::string text = fmt::format(
      "{} histories, {} events in {:.1f} s ({:.0f} a second), {} tasks, {:.1f} simulated seconds, {} full recounts\n",
      tally.histories, tally.events, seconds, static_cast<double>(tally.events) / std::max(seconds, 1e-9), tally.tasks,
      std::chrono::duration<double>(tally.time).count(), tally.sweeps);
  Table table({"fault", "number", "times"});
  for (std::size_t i = 0; i < sim::fault_count; ++i) {
    const auto& info = sim::info(static_cast<sim::Fault>(i));
    table.add({std::string(info.name), std::string(info.number), std::to_string(tally.faults[i])});
  }
  return text + table.text();
}

json::object as_json(const sim::Tally& tally, double seconds) {
  json::object faults;
  for (std::size_t i = 0; i < sim::fault_count; ++i)
    faults[sim::info(static_cast<sim::Fault>(i)).name] = tally.faults[i];
  json::object points;
  for (const auto& [name, count] : tally.cover.points()) points[name] = count;
  return {{"schema", "troupe/v1/simulate"},
          {"histories", tally.histories},
          {"events", tally.events},
          {"seconds", seconds},
          {"events_per_second", static_cast<double>(tally.events) / std::max(seconds, 1e-9)},
          {"tasks", tally.tasks},
          {"simulated_seconds", std::chrono::duration<double>(tally.time).count()},
          {"recounts", tally.sweeps},
          {"faults", std::move(faults)},
          {"points", std::move(points)}};
}

/// Makes it small, writes it down, and says how it came about.
json::object report(const Failure& failure, const Flags& flags, bool json_wanted, Signals& signals) {
  std::optional<sim::Shrunk> shrunk;
  bool asked_to_stop = false;
  const auto stop = [&] {
    asked_to_stop = asked_to_stop || signals.wait(std::chrono::milliseconds(0)) > 0;
    return asked_to_stop;
  };
  if (flags.shrink > 0) shrunk = sim::shrink(failure.history, failure.outcome.property, flags.shrink, stop);
  const sim::History& history = shrunk ? shrunk->history : failure.history;
  const sim::Outcome outcome = shrunk ? shrunk->outcome : sim::run(history, {.told = true});
  const std::string file = flags.write.empty() ? fmt::format("troupe-history-{}.txt", failure.seed) : flags.write;
  std::ofstream out(file, std::ios::binary);
  out << sim::write(history);
  out.close();
  if (!out) throw CommandError(ExitCode::failed, fmt::format("cannot write the history to {}", file));
  if (!json_wanted) {
    print(fmt::format("seed {} violates {}: {}\n\n", failure.seed, failure.outcome.property,
                      printable(failure.outcome.text)));
    print(fmt::format("made small from {} acts to {} ({} histories tried); its story:\n\n{}\n",
                      failure.history.acts.size(), history.acts.size(), shrunk ? shrunk->tried : 0,
                      sim::excerpt(outcome, 60)));
    print(fmt::format("again: troupe simulate --replay {}\n", file));
  }
  return {{"seed", failure.seed},
          {"property", failure.outcome.property},
          {"text", failure.outcome.text},
          {"acts", failure.history.acts.size()},
          {"acts_left", history.acts.size()},
          {"history", file}};
}

ExitCode run_seeds(const Door& door, const Flags& flags) {
  Signals signals;
  const auto begin = std::chrono::steady_clock::now();
  Run run(flags);
  const int signal = run.go(signals);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!door.json()) print(as_text(run.tally(), seconds));
  json::object document = as_json(run.tally(), seconds);
  if (run.failure()) document["failure"] = report(*run.failure(), flags, door.json(), signals);
  if (door.json()) print(json::serialize(document) + "\n");
  if (run.failure()) return ExitCode::failed;
  return signal > 0 ? static_cast<ExitCode>(128 + signal) : ExitCode::done;
}

ExitCode run_replay(const Door& door, const Flags& flags) {
  std::ifstream in(flags.replay, std::ios::binary);
  if (!in) throw CommandError(ExitCode::usage, fmt::format("--replay: cannot read {}", flags.replay));
  std::ostringstream text;
  text << in.rdbuf();
  const auto history = sim::read_history(text.str());
  if (!history) throw CommandError(ExitCode::usage, fmt::format("{}: {}", flags.replay, history.error().text));
  const sim::Outcome outcome = sim::run(*history, {.told = true});
  if (door.json()) {
    json::array story;
    for (const std::string& line : outcome.story) story.emplace_back(printable(line));
    print(json::serialize(json::object{{"schema", "troupe/v1/simulate-replay"},
                                       {"failed", outcome.failed},
                                       {"property", outcome.property},
                                       {"text", outcome.text},
                                       {"events", outcome.events},
                                       {"digest", fmt::format("{:016x}", outcome.digest)},
                                       {"story", std::move(story)}}) +
          "\n");
  } else {
    for (const std::string& line : outcome.story) print(line + "\n");
    print(fmt::format("{}{} events, digest {:016x}\n", outcome.failed ? "violated " + outcome.property + "; " : "",
                      outcome.events, outcome.digest));
  }
  return outcome.failed ? ExitCode::failed : ExitCode::done;
}

}  // namespace

void add_simulate(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand(
      "simulate", "Try whole clusters in one thread, by seed, with faults: is every answer right, and nothing lost?");
  auto flags = std::make_shared<Flags>();
  command->add_option("--seeds", flags->seeds, "how many histories (default 1000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  command->add_option("--seed", flags->first, "the first seed (default 1)");
  command->add_option("--nodes", flags->nodes, "workers and clients of each cluster (default: drawn from the seed)")
      ->check(CLI::Range(2U, 500U));
  command->add_option("--faults", flags->faults, "only these kinds, with commas between; none: no faults")
      ->delimiter(',');
  command->add_option("--replay", flags->replay, "run the history in this file, and tell its story");
  command->add_option("--write", flags->write, "where to write a failing history (default troupe-history-SEED.txt)");
  command->add_option("--shrink", flags->shrink, "histories to try for a smaller one that fails (default 3000)");
  command->add_option("--jobs", flags->jobs, "threads (default 1)")->check(CLI::Range(1U, 256U));
  door.add_output_option(*command);
  std::string kinds = "Kinds of faults:\n";
  for (std::size_t i = 0; i < sim::fault_count; ++i) {
    const auto& info = sim::info(static_cast<sim::Fault>(i));
    kinds += fmt::format("  {:<4} {:<12} {}\n", info.number, info.name, info.doc);
  }
  command->footer(kinds +
                  "\nExamples:\n  troupe simulate --seeds 2000\n  troupe simulate --seed 42 --seeds 1\n"
                  "  troupe simulate --faults kill,F3 --nodes 8\n"
                  "  troupe simulate --replay troupe-history-42.txt\n\n"
                  "A seed that violates a property ends with 1; Ctrl-C prints what was tried so far.\n" +
                  std::string(exit_codes_help));
  command->callback([&door, flags] {
    door.run = [&door, flags] { return flags->replay.empty() ? run_seeds(door, *flags) : run_replay(door, *flags); };
  });
}

}  // namespace troupe::apps
