#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/host.hpp"
#include "runtime/simulation/packing.hpp"
#include "runtime/simulation/world.hpp"

// A worker's machine and link; its pool is in executor.cpp, its values are in worker_values.cpp.

namespace troupe::simulation {

namespace {

WorkerConfig config_of(const Options& o, std::uint32_t threads, std::uint32_t node) {
  WorkerConfig config;
  config.threads = threads;
  config.memory.limit = o.memory;
  config.memory.spill_retry = o.unit / 20;
  config.memory.recent_to_old = o.unit;
  config.spill_bytes_min = 1;
  config.busy_retry = o.unit / 20;
  if (o.window < 1024) {  // small limits go together
    config.max_concurrent_fetches = o.window;
    config.fetch_bytes_limit = 2000;
  }
  if (o.restricted) config.resources = {{"gpu", static_cast<double>(1 + node % 2)}};
  return config;
}

}  // namespace

WorkerProcess::WorkerProcess(World& world, Host& host, ProcessId process, std::uint64_t incarnation)
    : world_(world),
      host_(host),
      process_(process),
      incarnation_(incarnation),
      address_(world.options().settled ? "h" + std::to_string(host.node()) + ":7000"
                                       : "w" + std::to_string(incarnation)),
      threads_(1 + static_cast<std::uint32_t>(mix(incarnation, world.options().seed) % world.options().threads)) {
  state_ = std::make_unique<WorkerState>(config_of(world.options(), threads_, host.node()));
  dialer_ = std::make_unique<Dialer>(world, host.node(), process, PeerRole::worker, static_cast<DialerOwner&>(*this));
  register_worker();
  arm_tick();
}

WorkerProcess::~WorkerProcess() = default;

void WorkerProcess::register_worker() {
  const Options& o = world_.options();
  RegisterWorker registration;
  if (o.named) registration.name = "worker-" + std::to_string(host_.node());
  registration.incarnation = {incarnation_};
  registration.address = address();
  registration.host = "h" + std::to_string(host_.node());
  registration.threads = threads_;
  registration.nannied = true;
  registration.memory_limit = world_.options().memory;
  // Odd machines have two of them: what asks for two has somewhere to go where there are two machines.
  if (o.restricted) registration.resources = {{"gpu", static_cast<double>(1 + host_.node() % 2)}};
  dialer_->send(pack<WorkerMessage>(world_, std::move(registration)), true);
}

void WorkerProcess::arm_tick() {
  world_.at(world_.now() + state_->tick_interval(), process_, [this] {
    if (over_) return;
    handle(WorkerTick{memory_bytes() + 1000, 1, {}, {}, world_.now().nanoseconds});
    arm_tick();
  });
}

void WorkerProcess::on_messages(std::vector<Bytes>& payloads) {
  for (const Bytes& payload : payloads) {
    auto message = unpack<ToWorker>(world_, payload);
    if (const auto* seen = std::get_if<HeartbeatSeen>(&message); seen != nullptr && seen->sent_ns > seen->unix_ns)
      world_.violated("views", address() + " hears of a heartbeat that it has not sent yet");
    handle(SchedulerSaid{std::move(message)});
  }
}

void WorkerProcess::on_up(bool resumed) {
  if (!std::exchange(ever_up_, true) || resumed) return;
  // The scheduler forgot this worker: what it was told is void, and what it holds is not believed any more.
  world_.cover().reached("a worker registers anew");
  ++generation_;
  for (const auto& [task, count] : serving_) served_before_[task] += count;
  serving_.clear();
  store_.clear();
  disk_.clear();
  unreadable_.clear();
  damaged_.clear();
  waiting_.clear();
  effects_.clear();
  ended_at_once_ = {};
  spent_ = {};
  state_ = std::make_unique<WorkerState>(config_of(world_.options(), threads_, host_.node()));
  register_worker();
  if (leaving_) leave();
}

void WorkerProcess::on_closed(const Error& error) { exit(error.text); }

void WorkerProcess::exit(const std::string& reason) {
  if (std::exchange(over_, true)) return;
  world_.story().tell(world_.now(), [&] { return fmt::format("{} ends: {}", address(), reason); });
  world_.at(world_.now(), process_, [this] { host_.ended(true); });
}

void WorkerProcess::drain() { handle(SchedulerSaid{CloseWorker{true, "asked to leave"}}); }

void WorkerProcess::leave() {
  leaving_ = true;
  dialer_->send(pack<WorkerMessage>(world_, Leaving{"asked to leave"}), false);
}

void WorkerProcess::handle(WorkerEvent event) {
  if (over_) return;
  world_.story().note(incarnation_, event.index());
  state_->handle(std::move(event), world_.now(), effects_);
  stir();
}

void WorkerProcess::stir() {
  if (turn_posted_ || over_) return;
  turn_posted_ = true;
  const bool at_once = world_.network_random()() % 2 == 0;
  world_.at(world_.now() + (at_once ? Duration{0} : world_.network_random().up_to(std::chrono::microseconds(20))),
            process_, [this] {
              turn_posted_ = false;
              if (!over_) turn();
            });
}

/// Settles the machine and performs what it says, until nothing more follows.
void WorkerProcess::turn() {
  do {
    state_->settle(world_.now(), effects_);
    WorkerEffects performing = std::exchange(effects_, {});
    perform(performing);
    if (over_) return;
    if (!ended_at_once_.tasks.empty())
      state_->handle(std::exchange(ended_at_once_, {}), world_.now(), effects_);
    else
      return;
  } while (true);
}

void WorkerProcess::perform(WorkerEffects& effects) {
  drop(effects.drop);
  if (!effects.retract.empty()) retract(effects.retract);
  if (!effects.execute.tasks.empty()) execute(effects.execute);
  for (const Fetch& one : effects.fetch) fetch(one);
  for (const TaskId task : effects.spill) spill(task);
  for (const TaskId task : effects.load) load(task);
  for (const RunFunction& request : effects.run) {
    const std::uint64_t generation = generation_;
    world_.at(world_.now() + world_.execution_random().up_to(world_.options().run_time), process_,
              [this, generation, number = request.request] {
                if (!over_ && generation == generation_)
                  dialer_->send(pack<WorkerMessage>(world_, FunctionRan{number, {}, {}}), false);
              });
  }
  for (WorkerMessage& message : effects.to_scheduler) {
    world_.story().note(message.index());
    if (const auto* finished = std::get_if<TasksFinished>(&message))
      for (const TaskId task : finished->tasks)
        if (const auto key = state_->key(task)) world_.cover().key(*key);
    if (const auto* added = std::get_if<ReplicasAdded>(&message))
      for (const TaskId task : added->tasks)
        if (find(task) == nullptr && !damaged_.contains(task))
          world_.violated("views", address() + " says that it has a value, and has not", task);
    const bool beat = std::holds_alternative<Heartbeat>(message);
    dialer_->send(pack(world_, std::move(message)), false);
    if (beat && spent_ != TimeSpent{}) dialer_->send(pack<WorkerMessage>(world_, std::exchange(spent_, {})), false);
  }
  if (effects.close) {
    // It has said goodbye itself, unless it was never taken in.
    world_.story().tell(world_.now(), [&] { return fmt::format("{} closes: {}", address(), effects.close_reason); });
    exit(effects.close_reason);
  }
}

}  // namespace troupe::simulation
