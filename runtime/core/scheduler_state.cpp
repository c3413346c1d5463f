#include "runtime/core/scheduler_state.hpp"

#include <algorithm>
#include <utility>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"

namespace troupe {

SchedulerState::SchedulerState(SchedulerConfig config, Token cluster, Epoch epoch, std::uint64_t seed)
    : config_(config), cluster_(cluster), epoch_(epoch), random_(static_cast<std::minstd_rand::result_type>(seed)) {
  story_.resize(config_.story_length);
  counters_.bandwidth = config_.bandwidth;
}

SchedulerState::~SchedulerState() = default;

void SchedulerState::set_identity(std::string address, std::string version) {
  address_ = std::move(address);
  version_ = std::move(version);
}

void SchedulerState::handle(SchedulerEvent&& event, Instant now) {
  now_ = now;
  std::visit([this](auto& fact) { on(fact); }, event);
}

bool SchedulerState::place(Instant now, SchedulerEffects& out) {
  now_ = now;
  const bool releases_left = slice_releases();
  const bool reviews_left = !run_reviews(std::size_t{4} * config_.slice);
  free_dead_groups();
  place_ready();
  steal();
  flush(out);
  return releases_left || reviews_left;
}

void SchedulerState::on(ClientJoined& event) {
  auto record = std::make_unique<ClientRecord>();
  record->id = event.client;
  record->name = std::move(event.registration.name);
  record->served_us = served_floor_us_;
  if (client_by_id_.size() <= event.client.value) client_by_id_.resize(event.client.value + 1);
  client_by_id_[event.client.value] = record.get();
  last<ClientRegistered>(*record) = ClientRegistered{event.client, epoch_};
  clients_[event.client] = std::move(record);
  ++counters_.clients_opened;
  ++counters_.clients;
}

void SchedulerState::on(ClientLeft& event) { remove_client(event.client, event.reason); }

void SchedulerState::on(ClientSaid& event) {
  ClientRecord* client = find_client(event.client);
  if (client == nullptr) return;
  std::visit([&](auto& message) { on_message(*client, message); }, event.message);
}

void SchedulerState::on(WorkerJoined& event) {
  RegisterWorker& registration = event.registration;
  if (registration.name.empty()) registration.name = registration.address;
  std::optional<Error> refused;
  if (shutting_down_) refused = Error{ErrorKind::disconnected, "the scheduler is shutting down"};
  if (registration.threads == 0) refused = Error{ErrorKind::invalid, "a worker needs at least one thread"};
  if (const auto taken = worker_by_name_.find(registration.name); taken != worker_by_name_.end())
    refused =
        Error{ErrorKind::failed, "the name '" + registration.name + "' is taken by the worker at " +
                                     find_worker(taken->second)->registration.address + "; choose another with --name"};
  if (refused) {
    extra_.workers.emplace_back(event.worker,
                                std::vector<ToWorker>{WorkerRegistered{event.worker, epoch_, 0, refused}});
    extra_.close.emplace_back(event.worker, refused->text);
    return;
  }
  auto record = std::make_unique<WorkerRecord>();
  record->id = event.worker;
  record->registration = std::move(registration);
  record->joined = now_;
  record->last_seen = now_;
  if (worker_by_id_.size() <= event.worker.value) worker_by_id_.resize(event.worker.value + 1);
  worker_by_id_[event.worker.value] = record.get();
  tell_worker(*record, WorkerRegistered{event.worker, epoch_, config_.heartbeat_ms, {}});
  worker_by_name_[record->registration.name] = event.worker;
  WorkerRecord& worker = *record;
  workers_[event.worker] = std::move(record);
  ++counters_.workers_added;
  admit(worker);
  if (!uploaded_.empty()) share_modules(worker);
  answer_waiting_for_workers();
  if (!restarts_.empty()) advance_restarts();
}

void SchedulerState::on(WorkerLeft& event) { remove_worker(event.worker, event.graceful, event.reason); }

void SchedulerState::on(WorkerSaid& event) {
  WorkerRecord* worker = find_worker(event.worker);
  if (worker == nullptr) return;
  worker->last_seen = now_;
  if (std::exchange(worker->suspect, false)) load_changed(*worker);
  std::visit([&](auto& message) { on_message(*worker, message); }, event.message);
}

void SchedulerState::on(NannyJoined& event) {
  nannies_[event.nanny] = {std::move(event.registration), {}};
  extra_.nannies.emplace_back(event.nanny, std::vector<ToNanny>{NannyRegistered{event.nanny, epoch_}});
}

void SchedulerState::on(NannyLeft& event) {
  nannies_.erase(event.nanny);
  if (!restarts_.empty()) advance_restarts();
}

void SchedulerState::on(NannySaid& event) {
  if (const auto* started = std::get_if<WorkerStarted>(&event.message)) {
    if (const auto nanny = nannies_.find(event.nanny); nanny != nannies_.end())
      nanny->second.worker = started->incarnation;
    if (!restarts_.empty()) advance_restarts();
    return;
  }
  const auto* death = std::get_if<WorkerDied>(&event.message);
  if (death == nullptr) return;
  std::string how = death->signal != 0 ? "killed by signal " + std::to_string(death->signal)
                                       : "gone with exit code " + std::to_string(death->exit_code);
  if (!death->last_log.empty()) how += ". Its last lines: " + death->last_log;
  for (std::size_t i = 0; i < death->running.size(); ++i)
    blame(death->running[i], i < death->runs.size() ? death->runs[i] : RunId{}, death->incarnation, how);
  for (const auto& [id, worker] : workers_) {
    if (worker->registration.incarnation != death->incarnation) continue;
    const std::string end = death->signal != 0 ? "killed by signal " + std::to_string(death->signal)
                                               : "exited with code " + std::to_string(death->exit_code);
    worker->registration.nannied = true;  // whatever it said: what it ran is known
    const WorkerId lost = id;
    remove_worker(lost, false, end);
    extra_.close.emplace_back(lost, "the worker process " + end);
    return;
  }
}

void SchedulerState::on(SchedulerTick&) {
  std::vector<WorkerId> lost;
  for (auto& [id, worker] : workers_) {
    const Duration silent = now_ - worker->last_seen;
    if (silent >= config_.worker_ttl) lost.push_back(id);
    const bool suspect = silent >= config_.suspect_after;
    if (std::exchange(worker->suspect, suspect) != suspect) load_changed(*worker);
  }
  for (const WorkerId id : lost) {
    remove_worker(id, false, "silent for longer than scheduler.worker-ttl");
    extra_.close.emplace_back(
        id, "the worker was silent for longer than scheduler.worker-ttl; it is not believed any more");
  }
  fail_unplaceable();
  if (!transfers_.empty()) review_transfers();
  if (!retirements_.empty()) advance_retirements();
  if (!restarts_.empty()) advance_restarts();
  reduce_replicas();
}

void SchedulerState::on(PeerReachable& event) {
  if (const auto* id = std::get_if<WorkerId>(&event.peer))
    if (WorkerRecord* worker = find_worker(*id)) {
      worker->reachable = event.reachable && !TROUPE_MUTANT(a_worker_that_is_back_gets_nothing);
      load_changed(*worker);
    }
}

}  // namespace troupe
