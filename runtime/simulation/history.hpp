#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/time.hpp"
#include "runtime/simulation/faults.hpp"

namespace troupe::simulation {

/// What holds for a whole history. Drawn from the seed; every rate and limit may be zero, or tiny, by chance.
struct Options {
  std::uint64_t seed{1};
  std::uint32_t workers{2};
  std::uint32_t joiners{};  ///< hosts beyond the first workers that join later
  std::uint32_t clients{1};
  std::uint32_t threads{2};  ///< most of a worker
  FaultSet faults{};
  Duration unit{std::chrono::milliseconds(500)};   ///< time to live of a silent worker; all timeouts are shares of it
  Duration chaos{std::chrono::milliseconds(500)};  ///< length of the phase with faults
  Duration latency{std::chrono::microseconds(200)};
  Duration run_time{std::chrono::milliseconds(1)};  ///< most of a usual run
  double exception_rate{};                          ///< share of runs, as all rates that follow
  double poison_rate{};                             ///< of tasks
  double oom_rate{};
  double endless_rate{};
  double corrupt_rate{};    ///< of values that are read, by a peer or from disk
  double disk_full_rate{};  ///< of writes to disk
  double busy_rate{};       ///< of requests for values
  double inline_rate{};     ///< of results that travel along
  double secede_rate{};
  double look_rate{};  ///< of keys told ready that a client fetches at once
  double retries{};    ///< most that a task asks for
  bool run_ahead{};
  bool stealing{};
  bool codec{};       ///< all messages go through their encoding
  bool restricted{};  ///< some tasks may run on some workers only
  bool named{};       ///< a worker keeps its name from one life to the next
  bool settled{};     ///< and its address
  std::uint32_t slice{16'384};
  std::uint32_t window{1024};        ///< messages a session sends ahead
  std::uint64_t buffer{256U << 20};  ///< bytes a session keeps
  std::uint64_t max_tasks{100'000'000};
  std::uint64_t memory{};  ///< bytes a worker may use; 0 = any
  std::uint32_t allowed_failures{3};
  double sweep_rate{0.05};  ///< of events after which everything is recounted
};

/// One thing that is done to the cluster from outside: by a user, an operator, or bad luck.
enum class ActKind : std::uint8_t {
  submit,
  scatter,
  release,
  cancel,
  retry,
  query,
  run_everywhere,
  leave,
  vanish,
  kill,
  pause,
  retire,
  join,
  cut,
  partition,
  slow_link,
  half_open,
  replay,
  slow_reader,
  refuse,
  overload,
  wrong_version,
  replicate,
  rebalance,
  retire_workers,
  restart_workers,
};
inline constexpr std::size_t act_kind_count = 26;
std::string_view name_of(ActKind kind);

/// `node` and `other` are numbers of nodes: 0 is the scheduler, then come hosts of workers, then clients. What the
/// others mean stands beside each kind in acts.cpp.
struct Act {
  Duration at{};
  ActKind kind{};
  std::uint32_t node{};
  std::uint32_t other{};
  std::uint64_t amount{};
  std::uint64_t salt{};
  friend bool operator==(const Act&, const Act&) = default;
};

/// All that a run depends on.
struct History {
  Options options;
  std::vector<Act> acts;  ///< ascending in time
  [[nodiscard]] std::uint32_t hosts() const { return options.workers + options.joiners; }
  [[nodiscard]] std::uint32_t nodes() const { return 1 + hosts() + options.clients; }
  [[nodiscard]] std::uint32_t first_client() const { return 1 + hosts(); }
};

struct SwarmLimits {
  std::uint32_t nodes{};  ///< workers and clients together; 0 = as drawn
  FaultSet faults{all_faults};
};

/// The history of a seed.
History draw_history(std::uint64_t seed, const SwarmLimits& limits = {});

/// As text that people can read and change; read_history(write(h)) is h.
std::string write(const History& history);
Result<History> read_history(std::string_view text);

/// Calls visit(name, field) for each option.
template <class O, class Visit>
void for_each_option(O& o, Visit visit) {
  visit("seed", o.seed);
  visit("workers", o.workers);
  visit("joiners", o.joiners);
  visit("clients", o.clients);
  visit("threads", o.threads);
  visit("faults", o.faults);
  visit("unit", o.unit);
  visit("chaos", o.chaos);
  visit("latency", o.latency);
  visit("run-time", o.run_time);
  visit("exception-rate", o.exception_rate);
  visit("poison-rate", o.poison_rate);
  visit("oom-rate", o.oom_rate);
  visit("endless-rate", o.endless_rate);
  visit("corrupt-rate", o.corrupt_rate);
  visit("disk-full-rate", o.disk_full_rate);
  visit("busy-rate", o.busy_rate);
  visit("inline-rate", o.inline_rate);
  visit("secede-rate", o.secede_rate);
  visit("look-rate", o.look_rate);
  visit("retries", o.retries);
  visit("run-ahead", o.run_ahead);
  visit("stealing", o.stealing);
  visit("codec", o.codec);
  visit("restricted", o.restricted);
  visit("named", o.named);
  visit("settled", o.settled);
  visit("slice", o.slice);
  visit("window", o.window);
  visit("buffer", o.buffer);
  visit("max-tasks", o.max_tasks);
  visit("memory", o.memory);
  visit("allowed-failures", o.allowed_failures);
  visit("sweep-rate", o.sweep_rate);
}

}  // namespace troupe::simulation
