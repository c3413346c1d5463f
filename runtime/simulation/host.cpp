#include "runtime/simulation/host.hpp"

#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/packing.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

Host::Host(World& world, std::uint32_t node) : world_(world), node_(node) {}
Host::~Host() = default;

void Host::start() {
  process_ = world_.new_process(node_);
  dial();
  start_worker();
}

void Host::dial() {
  if (nanny_) world_.bury(std::move(nanny_));
  nanny_ = std::make_unique<Dialer>(world_, node_, process_, PeerRole::nanny, static_cast<DialerOwner&>(*this));
  greet();
}

void Host::greet() {
  nanny_->send(pack<NannyMessage>(world_, RegisterNanny{"h" + std::to_string(node_), node_}), true);
  if (worker_) nanny_->send(pack<NannyMessage>(world_, WorkerStarted{{worker_->incarnation()}}), false);
}

void Host::on_up(bool resumed) {
  if (std::exchange(ever_up_, true) && !resumed) greet();
}

/// What ran did not end the process: it is not reported.
void Host::on_messages(std::vector<Bytes>& payloads) {
  for (const Bytes& payload : payloads) {
    const auto message = unpack<ToNanny>(world_, payload);
    const auto* restart_it = std::get_if<RestartWorker>(&message);
    if (restart_it == nullptr || !worker_ || worker_->incarnation() != restart_it->incarnation.value) continue;
    WorkerDied died;
    died.incarnation = restart_it->incarnation;
    died.signal = 9;
    nanny_->send(pack<NannyMessage>(world_, std::move(died)), false);
    end_process();
    restart(world_.network_random().up_to(world_.options().unit / 20));
  }
}

/// A nanny that gave up tries again from the start, as its operator would.
void Host::on_closed(const Error&) {
  ever_up_ = false;
  world_.at(world_.now() + world_.options().unit / 4, process_, [this] { dial(); });
}

void Host::start_worker() {
  if (worker_ || stopped_) return;
  const auto incarnation = world_.next_incarnation();
  worker_ = std::make_unique<WorkerProcess>(world_, *this, world_.new_process(node_), incarnation);
  world_.add_worker(incarnation, *worker_);
  nanny_->send(pack<NannyMessage>(world_, WorkerStarted{{incarnation}}), false);
}

void Host::report(int signal, int code) {
  WorkerDied died;
  died.incarnation = {worker_->incarnation()};
  died.signal = signal;
  died.exit_code = code;
  for (const auto& [task, run] : worker_->running()) {
    died.running.push_back(task);
    died.runs.push_back(run);
    if (auto* facts = world_.ledger().find(task)) ++facts->deaths;
  }
  died.last_log = "last words";
  nanny_->send(pack<NannyMessage>(world_, std::move(died)), false);
}

bool Host::kill(int signal) {
  if (!worker_) return false;
  if (worker_->jobs() > 0) world_.cover().reached("a process dies at work");
  report(signal, 0);
  end_process();
  restart(world_.network_random().up_to(world_.options().unit / 20));
  return true;
}

void Host::ended(bool clean) {
  if (!worker_) return;
  if (!clean) report(0, 1);
  end_process();
  if (retiring_) {
    retiring_ = false;
    if (away_.count() > 0) restart(away_);
    return;
  }
  restart(world_.network_random().up_to(world_.options().unit / 20));
}

void Host::end_process() {
  world_.remove_worker(worker_->incarnation());
  world_.kill_process(worker_->process());
  world_.bury(std::move(worker_));
}

void Host::restart(Duration after) {
  world_.at(world_.now() + after, process_, [this] { start_worker(); });
}

bool Host::retire(Duration away) {
  if (!worker_ || retiring_) return false;
  retiring_ = true;
  away_ = away;
  worker_->leave();
  return true;
}

void Host::stop_for_good() {
  stopped_ = true;
  retiring_ = true;
  away_ = {};
  if (worker_) worker_->drain();
}

}  // namespace troupe::simulation
