#include <algorithm>
#include <chrono>

#include "runtime/simulation/history.hpp"
#include "runtime/simulation/random.hpp"

// What a seed draws: few nodes, a random half of the kinds of faults, and every limit small by chance, so that rare
// ways are gone often.

namespace troupe::simulation {
namespace {

using std::chrono::microseconds;

double up_to(Random& random, double most) { return most * unit(random()); }
Duration micros(std::uint64_t count) { return microseconds(static_cast<std::int64_t>(count)); }

Options draw_options(std::uint64_t seed, const SwarmLimits& limits) {
  Random random(mix(seed, 1));
  const auto on = [&] { return random() % 2 == 0; };
  const auto rarely = [&] { return random() % 4 == 0; };
  Options o;
  o.seed = seed;
  o.faults = static_cast<FaultSet>(random()) & limits.faults;
  if (random() % 16 == 0) o.faults = 0;
  o.workers = static_cast<std::uint32_t>(random.between(1, 5));
  o.clients = static_cast<std::uint32_t>(random.between(1, 3));
  if (limits.nodes > 0) {
    o.clients = std::clamp(limits.nodes / 4, 1U, 8U);
    o.workers = std::max(1U, limits.nodes - o.clients);
  }
  o.joiners = rarely() ? static_cast<std::uint32_t>(random.between(1, 2)) : 0;
  o.threads = static_cast<std::uint32_t>(random.between(1, 3));
  o.unit = micros(random.between(100'000, 1'000'000));
  o.chaos = Duration{static_cast<std::int64_t>(
      random.between(static_cast<std::uint64_t>(o.unit.count()) / 4, static_cast<std::uint64_t>(o.unit.count()) * 2))};
  o.latency = micros(random.between(20, 2000));
  o.run_time = micros(random.between(5, on() ? 100 : 5000));
  const auto has = [&](Fault fault) { return (o.faults & bit(fault)) != 0; };
  if (has(Fault::exception)) o.exception_rate = up_to(random, 0.3);
  if (has(Fault::poison)) o.poison_rate = up_to(random, 0.05);
  if (has(Fault::out_of_memory)) o.oom_rate = up_to(random, 0.05);
  if (has(Fault::endless)) o.endless_rate = up_to(random, 0.02);
  if (has(Fault::corrupt)) o.corrupt_rate = up_to(random, 0.2);
  if (has(Fault::disk_full)) o.disk_full_rate = up_to(random, 0.5);
  if (rarely()) o.busy_rate = up_to(random, 0.5);
  if (on()) o.inline_rate = unit(random());
  if (rarely()) o.secede_rate = up_to(random, 0.3);
  if (on()) o.look_rate = unit(random());
  if (on()) o.retries = static_cast<double>(random.between(1, 4));
  o.run_ahead = rarely();
  o.stealing = on();
  o.codec = random() % 10 == 0;
  o.restricted = rarely();
  o.named = rarely();
  if (on()) o.slice = static_cast<std::uint32_t>(random.between(1, 60));
  if (rarely()) o.window = static_cast<std::uint32_t>(random.between(1, 8));
  if (has(Fault::slow_reader)) o.buffer = random.between(1U << 12, 1U << 20);
  if (has(Fault::overload) && on()) o.max_tasks = random.between(20, 400);
  o.allowed_failures = static_cast<std::uint32_t>(random.between(1, 4));
  o.settled = rarely();
  // Small against some values, or against most of them.
  if (rarely()) o.memory = std::uint64_t{1} << random.between(13, 23);
  return o;
}

/// Acts of users: submissions, and what they do with them.
void draw_work(const History& history, Random& random, std::vector<Act>& acts) {
  const Options& o = history.options;
  const auto chaos = static_cast<std::uint64_t>(o.chaos.count());
  const bool small = random() % 2 == 0;
  for (std::uint32_t client = 0; client < o.clients; ++client) {
    const std::uint32_t node = history.first_client() + client;
    const auto add = [&](ActKind kind, std::uint64_t amount, std::uint32_t other = 0) {
      acts.push_back({Duration{static_cast<std::int64_t>(random.below(chaos))}, kind, node, other, amount, random()});
    };
    const auto graphs = random.between(1, 6);
    for (std::uint64_t i = 0; i < graphs; ++i)
      add(ActKind::submit, random.between(1, small ? 8 : 60), static_cast<std::uint32_t>(random() & 0xffff));
    if (random() % 3 == 0) add(ActKind::scatter, random.between(1, 5));
    for (const ActKind kind :
         {ActKind::release, ActKind::cancel, ActKind::retry, ActKind::query, ActKind::run_everywhere})
      if (random() % 3 == 0)
        for (auto times = random.between(1, 3); times > 0; --times) add(kind, random.between(1, 8));
    if (random() % 8 == 0) add(ActKind::leave, 0);
    if ((o.faults & bit(Fault::vanish)) != 0 && random() % 2 == 0) add(ActKind::vanish, 0);
    if ((o.faults & bit(Fault::overload)) != 0 && random() % 2 == 0) add(ActKind::overload, random.between(5, 30));
  }
  for (std::uint32_t host = 0; host < o.joiners; ++host)
    acts.push_back({Duration{static_cast<std::int64_t>(random.below(chaos))}, ActKind::join, 1 + o.workers + host});
}

/// What users ask for beside results: copies, moves, fewer workers. Nothing may get lost by it.
void draw_placement(const History& history, Random& random, std::vector<Act>& acts) {
  const Options& o = history.options;
  const auto add = [&](ActKind kind, std::uint64_t amount) {
    const auto at = random.below(static_cast<std::uint64_t>(o.chaos.count()));
    const auto node = static_cast<std::uint32_t>(history.first_client() + random.below(o.clients));
    acts.push_back({Duration{static_cast<std::int64_t>(at)}, kind, node, 0, amount, random()});
  };
  if (random() % 2 == 0)
    for (auto times = random.between(1, 4); times > 0; --times) add(ActKind::replicate, random.between(1, 8));
  if (random() % 4 == 0)
    for (auto times = random.between(1, 2); times > 0; --times) add(ActKind::rebalance, 0);
  if (random() % 4 == 0) add(ActKind::retire_workers, random.between(1, 2));
  // Work is thrown away by it.
  if (o.faults != 0 && random() % 6 == 0) add(ActKind::restart_workers, 0);
}

struct FaultyAct {
  Fault fault;
  ActKind kind;
};
constexpr FaultyAct faulty_acts[] = {
    {Fault::kill, ActKind::kill},
    {Fault::pause, ActKind::pause},
    {Fault::partition, ActKind::partition},
    {Fault::partition, ActKind::cut},
    {Fault::slow_link, ActKind::slow_link},
    {Fault::half_open, ActKind::half_open},
    {Fault::replay, ActKind::replay},
    {Fault::slow_reader, ActKind::slow_reader},
    {Fault::refuse, ActKind::refuse},
    {Fault::retire, ActKind::retire},
    {Fault::version, ActKind::wrong_version},
};

Act draw_fault(const History& history, Random& random, ActKind kind) {
  const Options& o = history.options;
  const auto unit_ns = static_cast<std::uint64_t>(o.unit.count());
  Act act;
  act.at = Duration{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(o.chaos.count())))};
  act.kind = kind;
  act.salt = random();
  // A host mostly; for what befalls links and processes, sometimes a client or the scheduler.
  act.node = static_cast<std::uint32_t>(1 + random.below(history.hosts()));
  const bool host_only = kind == ActKind::kill || kind == ActKind::retire;
  if (!host_only && random() % 3 == 0)
    act.node = static_cast<std::uint32_t>(history.first_client() + random.below(o.clients));
  if (kind == ActKind::pause && random() % 8 == 0) act.node = 0;
  act.other = random() % 2 == 0 ? 0 : static_cast<std::uint32_t>(random.below(history.nodes()));
  // Mostly short against the timeouts, sometimes longer than all of them.
  act.amount = random() % 4 == 0 ? random.between(unit_ns / 2, unit_ns * 2) : random.between(1000, unit_ns / 8);
  return act;
}

/// Links of several nodes stop one after the other and go on in another order.
void draw_swizzle(const History& history, Random& random, std::vector<Act>& acts) {
  const Options& o = history.options;
  const auto unit_ns = static_cast<std::uint64_t>(o.unit.count());
  const auto start = random.below(static_cast<std::uint64_t>(o.chaos.count()));
  for (std::uint32_t node = 1; node < history.nodes(); ++node) {
    if (random() % 2 == 0) continue;
    acts.push_back({Duration{static_cast<std::int64_t>(start + random.below(unit_ns / 8))}, ActKind::partition, node, 0,
                    random.between(unit_ns / 8, unit_ns / 2), random()});
  }
}

}  // namespace

History draw_history(std::uint64_t seed, const SwarmLimits& limits) {
  History history;
  history.options = draw_options(seed, limits);
  const Options& o = history.options;
  Random work(mix(seed, 2));
  draw_work(history, work, history.acts);
  Random placement(mix(seed, 4));
  draw_placement(history, placement, history.acts);
  Random bad_luck(mix(seed, 3));
  for (const auto& [fault, kind] : faulty_acts) {
    if ((o.faults & bit(fault)) == 0) continue;
    for (auto times = bad_luck.between(0, 4); times > 0; --times)
      history.acts.push_back(draw_fault(history, bad_luck, kind));
  }
  if ((o.faults & bit(Fault::partition)) != 0 && bad_luck() % 4 == 0) draw_swizzle(history, bad_luck, history.acts);
  std::stable_sort(history.acts.begin(), history.acts.end(), [](const Act& a, const Act& b) { return a.at < b.at; });
  return history;
}

}  // namespace troupe::simulation
