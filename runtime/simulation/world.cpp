#include "runtime/simulation/world.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/assertion_handler.hpp"
#include "runtime/simulation/client_node.hpp"
#include "runtime/simulation/scheduler_node.hpp"

namespace troupe::simulation {
namespace {

/// Far more than any history has: who goes on and on talks to himself.
constexpr std::uint64_t most_events = 5'000'000;

void throw_violation(const char* condition, const char* file, int line, std::string_view story) {
  // The first words of what is said name the invariant; where nothing is said, the condition does.
  std::string name(story.substr(0, story.find_first_of(";\n")));
  if (name.empty() || name.size() > 100) name = condition;
  throw Violation("invariant: " + name, fmt::format("{} ({}:{})\n{}", condition, file, line, story));
}

}  // namespace

World::World(const History& history, const RunMode& mode)
    : history_(history),
      mode_(mode),
      story_(mode.told),
      network_random_(mix(history.options.seed, 10)),
      execution_random_(mix(history.options.seed, 11)),
      workload_random_(mix(history.options.seed, 12)),
      sweep_random_(mix(history.options.seed, 13)),
      network_(*this, history.nodes(), history.options.latency),
      ledger_(*this) {}

World::~World() = default;

SessionConfig World::session_config(Duration grace) const {
  const Options& o = history_.options;
  SessionConfig config;
  config.window_messages = o.window;
  if (!healed_) config.buffer_bytes_limit = o.buffer;  // a small one is a fault, and may be too small for any burst
  config.acknowledge_after = o.unit / 10;
  config.ping_after = o.unit / 6;
  config.suspect_after = o.unit / 3;
  config.lost_after = o.unit;
  config.grace = grace;
  return config;
}

ProcessId World::new_process(std::uint32_t node) {
  processes_.push_back({node, true, {}, {}});
  return static_cast<ProcessId>(processes_.size() - 1);
}

bool World::chance_of(Fault fault, double rate) {
  if (healed_ || rate == 0 || !execution_random_.chance(rate)) return false;
  inject(fault);
  return true;
}

void World::violated(std::string_view property, const std::string& text, TaskId task) {
  throw Violation(std::string(property), task ? text + "; task " + describe(task) : text);
}

void World::check_refusal(const Error& error) {
  const auto has = [&](std::string_view part) { return error.text.find(part) != std::string::npos; };
  bool just = false;
  switch (error.kind) {
    case ErrorKind::overloaded: just = options().max_tasks < 1'000'000 || has("scatter: "); break;
    case ErrorKind::invalid: just = has("a dependency is not known") || has("is in use with another function"); break;
    case ErrorKind::disconnected: just = !peaceful(); break;
    case ErrorKind::failed:
    case ErrorKind::cancelled:
    case ErrorKind::unsupported: break;
  }
  if (!just) violated("P4", "a submission is refused without reason: " + error.text);
  cover().reached(error.kind == ErrorKind::overloaded ? "a submission is refused as too much"
                                                      : "a submission is refused");
}

std::string World::key_text(TaskId task) { return scheduler_->state().key_text(task); }

std::string World::describe(TaskId task) {
  SchedulerState& state = scheduler_->state();
  std::string text = fmt::format("{}, which is {}", state.key_text(task), troupe::name_of(state.state_of(task)));
  for (const auto& line : state.story(task)) text += "\n  " + line;
  for (const auto& line : state.explain(task, now()).second) text += "\n  " + line;
  for (const auto& [incarnation, worker] : workers_)
    if (const auto view = worker->state().key(task))
      text +=
          fmt::format("\n  on w{}: intent {}, activity {}, data {}, run {}, waits for {}, read by {}{}", incarnation,
                      static_cast<int>(view->intent), static_cast<int>(view->activity), static_cast<int>(view->data),
                      view->run.value, view->waiting_for, view->served, view->queued ? ", queued" : "");
  return text;
}

Outcome World::run() {
  set_assertion_handler(throw_violation);
  try {
    start();
    phases();
  } catch (const Violation& violation) {
    outcome_.failed = true;
    outcome_.property = violation.property();
    outcome_.text = violation.what();
    story_.tell(now(), [&] { return "VIOLATED " + outcome_.property + ": " + outcome_.text; });
  }
  set_assertion_handler(nullptr);
  outcome_.digest = story_.digest();
  outcome_.time = now() - Instant{std::int64_t{1'000'000'000}};
  outcome_.story.assign(story_.lines().begin(), story_.lines().end());
  return std::move(outcome_);
}

void World::start() {
  new_process(0);
  scheduler_ = std::make_unique<SchedulerNode>(*this);
  for (std::uint32_t node = 1; node <= history_.hosts(); ++node) {
    hosts_.push_back(std::make_unique<Host>(*this, node));
    if (node <= options().workers) hosts_.back()->start();
  }
  for (std::uint32_t i = 0; i < options().clients; ++i)
    clients_.push_back(std::make_unique<ClientNode>(*this, history_.first_client() + i));
}

void World::phases() {
  const Instant begin = now();
  for (const Act& each : history_.acts) {
    pass(begin + each.at - now());
    act(each);
  }
  if (now() < begin + options().chaos) pass(begin + options().chaos - now());
  heal();
  until("P2", [this] { return unanswered(); });
  until("P2", [this] { return unseen(); });
  until("views", [this] { return disagreement(); });
  sweep();
  for (auto& client : clients_) client->release_all();
  until("P6", [this] { return ghost(); });
  for (auto& client : clients_) client->leave();
  for (auto& host : hosts_) host->stop_for_good();
  until("P6", [this] { return straggler(); });
  sweep();
  ledger_.check_work();
  outcome_.tasks = scheduler_->state().counters().submitted_tasks;
}

void World::heal() {
  healed_ = true;
  healed_at_ = now();
  network_.heal();
  scheduler_->refuse_until({});
  for (ProcessId process = 0; process < processes_.size(); ++process) {
    processes_[process].paused_until = now();
    resume(process);
  }
}

void World::pause_until(ProcessId process, Instant until) {
  Instant& paused = processes_[process].paused_until;
  paused = std::max(paused, until);
  at(paused, nobody, [this, process] { resume(process); });
}

/// What was due meanwhile is done at once.
void World::resume(ProcessId process) {
  if (now() < processes_[process].paused_until) return;
  std::deque<Clock::Action> held = std::exchange(processes_[process].held, {});
  for (Clock::Action& action : held) perform(process, action);
}

void World::pass(Duration time) {
  const Instant end = now() + time;
  // Somebody always has something planned: the scheduler's tick.
  while (clock_.next() <= end) step();
  clock_.rest_until(end);
}

void World::step() {
  Clock::Due due = clock_.advance();
  perform(due.process, due.action);
}

void World::perform(ProcessId id, Clock::Action& action) {
  if (id != nobody) {
    Process& process = processes_[id];
    if (!process.alive) return;
    if (now() < process.paused_until) return process.held.push_back(std::move(action));
  }
  if (++outcome_.events > most_events) violated("I15", "there is no end of events");
  story_.note(static_cast<std::uint64_t>(now().nanoseconds), id);
  action();
  dying_.clear();
  if (mode_.sweep_always || sweep_random_.chance(options().sweep_rate)) sweep();
}

void World::sweep() {
  ++outcome_.sweeps;
  scheduler_->check_invariants();
  for (const auto& [incarnation, worker] : workers_) worker->check_invariants();
  for (const auto& client : clients_) client->check_invariants();
}

/// Passes time until nothing is missing, or longer than anything may take.
void World::until(const char* property, const std::function<std::string()>& missing) {
  const Options& o = options();
  const auto slow = [this] {
    return static_cast<std::int64_t>(outcome_.faults[static_cast<std::size_t>(Fault::endless)] +
                                     outcome_.faults[static_cast<std::size_t>(Fault::poison)]);
  };
  const Instant begin = now();
  const Duration work = o.run_time * 4 * static_cast<std::int64_t>(scheduler_->state().counters().submitted_tasks + 10);
  const std::int64_t slow_before = slow();
  // A task that kills its worker makes others run again that had ended there.
  const auto again = [this] { return static_cast<std::int64_t>(scheduler_->state().counters().recomputed); };
  const std::int64_t again_before = again();
  for (;;) {
    const std::string what = missing();
    if (what.empty()) return;
    const Duration patience =
        o.unit * 20 + work + o.unit * 3 * (8 + slow() - slow_before) + o.run_time * 4 * (again() - again_before);
    if (now() - begin > patience) throw Violation(property, what);
    pass(o.unit / 20);
  }
}

std::string World::unanswered() {
  for (const auto& client : clients_)
    if (auto what = client->unanswered(); !what.empty()) return what;
  return {};
}

std::string World::unseen() {
  for (const auto& client : clients_)
    if (!client->look_at_all())
      return fmt::format("client {} cannot have a value that it was told is ready", client->node());
  return unanswered();
}

/// The scheduler's view of a worker, when all is quiet, is the worker's own.
std::string World::disagreement() {
  const auto summary = scheduler_->state().summary(now());
  std::size_t known = 0;
  for (const WorkerSummary& seen : summary->workers) {
    const auto worker = std::find_if(workers_.begin(), workers_.end(), [&](const auto& entry) {
      return entry.second->address() == seen.address.address;
    });
    if (worker == workers_.end()) return fmt::format("{} is believed to be there", seen.address.address);
    WorkerProcess& own = *worker->second;
    ++known;
    if (seen.processing != 0) return fmt::format("{} is believed to run {} tasks", own.address(), seen.processing);
    if (own.jobs() != 0) return fmt::format("{} runs {} tasks", own.address(), own.jobs());
    if (seen.stored != own.values() || seen.managed_bytes + seen.spilled_bytes != own.value_bytes())
      return fmt::format("{} is believed to hold {} values of {} bytes, and holds {} of {}", own.address(), seen.stored,
                         seen.managed_bytes + seen.spilled_bytes, own.values(), own.value_bytes());
    if (auto what = own.misplaced(); !what.empty()) return fmt::format("{} {}", own.address(), what);
  }
  if (known != workers_.size()) return fmt::format("{} workers are there, {} are known", workers_.size(), known);
  return {};
}

std::string World::ghost() {
  const auto& counters = scheduler_->state().counters();
  for (std::size_t state = 0; state + 1 < task_state_count; ++state)
    if (counters.tasks[state] != 0)
      return fmt::format("the scheduler keeps {} tasks in state {}", counters.tasks[state],
                         troupe::name_of(TaskState(state)));
  if (counters.groups != 0) return fmt::format("the scheduler keeps {} groups", counters.groups);
  for (const auto& [incarnation, worker] : workers_)
    if (worker->values() != 0 || worker->state().key_count() != 0 || worker->jobs() != 0)
      return fmt::format("{} keeps {} values, {} keys, {} jobs{}", worker->address(), worker->values(),
                         worker->state().key_count(), worker->jobs(), key_on(*worker));
  return {};
}

/// The first key that a worker knows anything of.
std::string World::key_on(const WorkerProcess& worker) {
  const auto keys = worker.state().keys(1);
  return keys.empty() ? std::string() : "; task " + describe(keys.front().first);
}

std::string World::straggler() {
  const auto& counters = scheduler_->state().counters();
  if (counters.clients != 0) return fmt::format("the scheduler keeps {} clients", counters.clients);
  if (const auto known = scheduler_->state().summary(now())->workers.size(); known != 0)
    return fmt::format("the scheduler keeps {} workers", known);
  if (!workers_.empty()) return fmt::format("{} worker processes do not end", workers_.size());
  // Nannies go on; nobody else has a session.
  const auto nannies = static_cast<std::size_t>(
      std::count_if(hosts_.begin(), hosts_.end(), [](const auto& host) { return host->started(); }));
  if (scheduler_->conversations() > nannies)
    return fmt::format("the scheduler keeps {} sessions, for {} nannies", scheduler_->conversations(), nannies);
  return {};
}

}  // namespace troupe::simulation
