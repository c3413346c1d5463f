#include <algorithm>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// Worker processes that are to be started again.

namespace troupe {

void SchedulerState::on_message(ClientRecord& client, RestartWorkers& message) {
  Restart restart{client.id, message.request, {}, {}, now_ + std::chrono::milliseconds(message.patience_ms)};
  std::string alone;
  std::vector<WorkerRecord*> chosen;
  for (auto& [id, worker] : workers_) {
    if (!message.workers.empty() && !worker->is_named(message.workers)) continue;
    const Incarnation incarnation = worker->registration.incarnation;
    const auto nanny = std::find_if(nannies_.begin(), nannies_.end(),
                                    [&](const auto& each) { return each.second.worker == incarnation; });
    if (nanny != nannies_.end()) {
      restart.awaited.push_back({nanny->first, incarnation, worker->registration.name});
      chosen.push_back(worker.get());
    } else if (!message.workers.empty()) {
      alone += (alone.empty() ? "'" : ", '") + worker->registration.name + "'";
    }
  }
  if (!alone.empty()) {
    QueryReply reply;
    reply.request = message.request;
    reply.error = Error{ErrorKind::invalid, "restart_workers: " + alone +
                                                " would not be started again, as no nanny watches over it; retire it, "
                                                "or start it without --no-nanny"};
    return tell_client(client, std::move(reply));
  }
  if (message.workers.empty()) cancel_everything("the workers were restarted");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    WorkerRecord& worker = *chosen[i];
    worker.restarting = true;
    worker.retiring = true;
    load_changed(worker);
    extra_.nannies.emplace_back(restart.awaited[i].nanny, std::vector<ToNanny>{RestartWorker{
                                                              restart.awaited[i].old, "a client asked for a restart"}});
  }
  refresh_classes();
  restarts_.push_back(std::move(restart));
  advance_restarts();
}

/// All keys of all clients, bit by bit, as if each of them had asked.
void SchedulerState::cancel_everything(const std::string& reason) {
  for (auto& [id, client] : clients_) {
    auto all = std::make_shared<CancelKeys>();
    all->force = true;
    all->reason = reason;
    for (std::size_t slot = 0; slot < client->groups.size(); ++slot) {
      const Group* group = find_group(client->groups[slot]);
      if (group == nullptr) continue;
      const auto size = static_cast<std::uint32_t>(group->tasks.size());
      releases_.push_back({id, {ClientKey::of(client->first_submission + slot, 0), size}, all});
    }
  }
}

/// Counts those who are back; says so when all are, or when patience is over.
void SchedulerState::advance_restarts() {
  std::erase_if(restarts_, [this](Restart& restart) {
    std::string missing;
    std::erase_if(restart.awaited, [&](const Restart::Awaited& awaited) {
      const auto nanny = nannies_.find(awaited.nanny);
      if (nanny != nannies_.end() && nanny->second.worker != awaited.old)
        for (const auto& [id, worker] : workers_) {
          if (worker->registration.incarnation != nanny->second.worker) continue;
          restart.back.push_back(worker->registration.name);
          return true;
        }
      missing += (missing.empty() ? "'" : ", '") + awaited.name + "'";
      return false;
    });
    if (!missing.empty() && now_ < restart.deadline) return false;
    for (auto& [id, worker] : workers_)  // one whose nanny has gone, or does nothing, goes on
      if (std::any_of(restart.awaited.begin(), restart.awaited.end(),
                      [&](const auto& awaited) { return awaited.old == worker->registration.incarnation; })) {
        worker->restarting = worker->retiring = false;
        load_changed(*worker);
        refresh_classes();
      }
    QueryReply reply;
    reply.request = restart.request;
    reply.lines = std::move(restart.back);
    if (!missing.empty())
      reply.error = Error{ErrorKind::failed, "restart: not back in time: " + missing +
                                                 "; their nannies go on trying, see the logs of these workers"};
    if (ClientRecord* client = find_client(restart.client)) tell_client(*client, std::move(reply));
    return true;
  });
}

}  // namespace troupe
