#include <algorithm>

#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What is to be sent, collected by peer and in order until place() hands it out.

namespace troupe {

/// Closes the message that stands last: what was gathered beside it becomes its blob.
void SchedulerState::seal(WorkerRecord& worker) {
  if (worker.arguments.empty() || worker.outbox.empty()) return;
  if (auto* message = std::get_if<ComputeTasks>(&worker.outbox.back())) {
    message->arguments = Bytes::own(std::move(worker.arguments));
    worker.arguments = {};
  }
}

void SchedulerState::seal(ClientRecord& client) {
  if (client.outbox.empty()) return;
  if (auto* message = std::get_if<KeysReady>(&client.outbox.back()); message != nullptr && !client.values.empty()) {
    message->values.bytes = Bytes::own(std::move(client.values));
    client.values = {};
  }
}

void SchedulerState::tell_worker(WorkerRecord& worker, ToWorker message) {
  if (!worker.in_flush_list) {
    worker.in_flush_list = true;
    flush_workers_.push_back(&worker);
  }
  seal(worker);
  worker.outbox.push_back(std::move(message));
}

void SchedulerState::tell_client(ClientRecord& client, ToClient message) {
  if (!client.in_flush_list) {
    client.in_flush_list = true;
    flush_clients_.push_back(&client);
  }
  seal(client);
  client.outbox.push_back(std::move(message));
}

void SchedulerState::free_on(WorkerId id, TaskId task) {
  if (WorkerRecord* worker = find_worker(id)) last<FreeKeys>(*worker).tasks.push_back(task);
}

WorkerAddress SchedulerState::address_of(const WorkerRecord& worker) const {
  return {worker.id, worker.registration.name, worker.registration.address, worker.registration.host};
}

void SchedulerState::introduce(WorkerRecord& to, WorkerId id) {
  if (id.value < to.knows_worker.size() && to.knows_worker[id.value]) return;
  const WorkerRecord* worker = find_worker(id);
  if (worker == nullptr) return;
  if (to.knows_worker.size() <= id.value) to.knows_worker.resize(id.value + 1);
  to.knows_worker[id.value] = true;
  // Before the message being gathered, which is about to name it.
  auto place = to.outbox.end();
  if (!to.outbox.empty() && std::holds_alternative<ComputeTasks>(to.outbox.back())) --place;
  if (!to.in_flush_list) {
    to.in_flush_list = true;
    flush_workers_.push_back(&to);
  }
  to.outbox.insert(place, WorkerAddresses{{address_of(*worker)}});
}

void SchedulerState::introduce(ClientRecord& to, WorkerId id) {
  if (id.value < to.knows_worker.size() && to.knows_worker[id.value]) return;
  const WorkerRecord* worker = find_worker(id);
  if (worker == nullptr) return;
  if (to.knows_worker.size() <= id.value) to.knows_worker.resize(id.value + 1);
  to.knows_worker[id.value] = true;
  last<WorkerAddresses>(to).workers.push_back(address_of(*worker));
}

void SchedulerState::tell_ready(TaskRef task, const Bytes& value) {
  for_each_wanter(task, [&](ClientRecord& client, ClientKey key) { tell_ready(client, key, task, value); });
}

void SchedulerState::tell_ready(ClientRecord& client, ClientKey key, TaskRef task, const Bytes& value) {
  introduce(client, task->worker);
  auto& message = last<KeysReady>(client);
  message.keys.push_back(key);
  message.workers.push_back(task->worker);
  message.nbytes.push_back(task->nbytes);
  if (!value.empty()) {
    if (message.values.offsets.empty()) message.values.offsets.assign(message.keys.size(), 0);
    client.values.insert(client.values.end(), value.data(), value.data() + value.size());
  }
  if (!message.values.offsets.empty())
    message.values.offsets.push_back(static_cast<std::uint32_t>(client.values.size()));
}

void SchedulerState::tell_erred(TaskRef task, const std::shared_ptr<const TaskError>& error) {
  for_each_wanter(task, [&](ClientRecord& client, ClientKey key) {
    auto& message = last<KeysErred>(client);
    message.keys.push_back(key);
    message.errors.push_back(error);
  });
}

void SchedulerState::tell_pending(TaskRef task) {
  for_each_wanter(task, [&](ClientRecord& client, ClientKey key) {
    auto& ranges = last<KeysPending>(client).keys;
    if (!ranges.empty() && ranges.back().first.value + ranges.back().count == key.value)
      ++ranges.back().count;
    else
      ranges.push_back({key, 1});
  });
}

void SchedulerState::tell_cancelled(ClientRecord& client, ClientKey key, const std::string& reason) {
  if (auto& open = last<KeysCancelled>(client); !open.keys.empty() && open.reason != reason)
    tell_client(client, KeysCancelled{});
  auto& message = last<KeysCancelled>(client);
  message.reason = reason;
  if (!message.keys.empty() && message.keys.back().first.value + message.keys.back().count == key.value)
    ++message.keys.back().count;
  else
    message.keys.push_back({key, 1});
}

void SchedulerState::flush(SchedulerEffects& out) {
  for (WorkerRecord* worker : flush_workers_) {
    seal(*worker);
    worker->in_flush_list = false;
    out.workers.emplace_back(worker->id, std::move(worker->outbox));
    worker->outbox.clear();
  }
  flush_workers_.clear();
  for (ClientRecord* client : flush_clients_) {
    seal(*client);
    client->in_flush_list = false;
    out.clients.emplace_back(client->id, std::move(client->outbox));
    client->outbox.clear();
  }
  flush_clients_.clear();
  for (auto& farewell : extra_.workers) out.workers.push_back(std::move(farewell));
  for (auto& farewell : extra_.clients) out.clients.push_back(std::move(farewell));
  for (auto& message : extra_.nannies) out.nannies.push_back(std::move(message));
  for (auto& close : extra_.close) out.close.push_back(std::move(close));
  out.shut_down = out.shut_down || extra_.shut_down;
  extra_.clear();
}

}  // namespace troupe
