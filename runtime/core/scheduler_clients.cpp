#include <algorithm>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// What clients ask for, but for submissions (scheduler_intake.cpp).

namespace troupe {

void SchedulerState::on_message(ClientRecord&, RegisterClient&) {}

/// Large releases go in slices, so that heartbeats and small jobs are not stuck behind them.
void SchedulerState::on_message(ClientRecord& client, ReleaseKeys& message) {
  for (const KeyRange& keys : message.keys) releases_.push_back({client.id, keys, nullptr});
}

/// True if some are left.
bool SchedulerState::slice_releases() {
  std::uint32_t left = config_.slice;
  while (!releases_.empty() && left > 0) {
    PendingRelease& release = releases_.front();
    ClientRecord* client = find_client(release.client);
    if (client == nullptr) {
      releases_.pop_front();
      continue;
    }
    const std::uint32_t count = std::min(left, release.keys.count);
    if (release.cancel != nullptr) {
      for (std::uint32_t i = 0; i < count; ++i)
        if (const TaskRef task = find(*client, {release.keys.first.value + i});
            task && task->state != TaskState::forgotten)
          cancel(task, *client, *release.cancel);
    }
    const std::uint64_t slot = release.keys.first.submission() - client->first_submission;
    Group* group = slot < client->groups.size() ? find_group(client->groups[slot]) : nullptr;
    if (group != nullptr && release.cancel == nullptr) {
      std::size_t subscriber = 0;
      while (subscriber < group->subscribers.size() &&
             (group->subscribers[subscriber].client != client->id ||
              group->subscribers[subscriber].submission != release.keys.first.submission()))
        ++subscriber;
      const std::uint32_t first = release.keys.first.index();
      if (subscriber < group->subscribers.size())
        for (std::uint32_t i = first; i < first + count && i < group->tasks.size(); ++i)
          if (!TROUPE_MUTANT(the_last_key_of_a_release_is_kept) || count == 1 || i + 1 < first + count)
            drop_want(*group, subscriber, i);
    }
    left -= count;
    release.keys.first.value += count;
    release.keys.count -= count;
    if (release.keys.count == 0) releases_.pop_front();
  }
  return !releases_.empty();
}

void SchedulerState::drop_want(Group& group, std::size_t index, std::uint32_t task_index) {
  Subscriber& subscriber = group.subscribers[index];
  const TaskRef task{&group, task_index};
  if (index == 0) {
    if (!task.has(task_flag::wanted)) return;
    task.unset(task_flag::wanted);
  } else {
    if (!subscriber.wanted[task_index]) return;
    subscriber.wanted[task_index] = false;
  }
  --subscriber.wants;
  if (ClientRecord* client = find_client(subscriber.client)) --client->wants;
  if (TROUPE_MUTANT(a_dropped_want_is_not_reviewed)) return;
  if (task->waiters == 0 || task->state != TaskState::memory) review(task);
}

/// The client's submission number names nothing any more.
void SchedulerState::let_go(ClientRecord& client, std::uint64_t submission) {
  const std::uint64_t slot = submission - client.first_submission;
  if (slot >= client.groups.size()) return;
  client.groups[slot] = 0;
  // The last number stays, so that a repeat of it is known as one.
  while (client.groups.size() > 1 && client.groups.front() == 0) {
    client.groups.pop_front();
    ++client.first_submission;
  }
}

void SchedulerState::on_message(ClientRecord& client, CancelKeys& message) {
  const auto shared = std::make_shared<const CancelKeys>(std::move(message));
  for (const KeyRange& keys : shared->keys) releases_.push_back({client.id, keys, shared});
}

/// Cancels a task and all in play that depends on it, for this client; with `force`, for every client.
void SchedulerState::cancel(TaskRef first, ClientRecord& client, const CancelKeys& message) {
  std::vector<TaskRef> stack{first};
  TaskMap<bool> seen;
  while (!stack.empty()) {
    const TaskRef task = stack.back();
    stack.pop_back();
    if (seen[task.id()]) continue;
    seen[task.id()] = true;
    bool others = false;
    auto& subscribers = task.group->subscribers;
    for (std::size_t i = 0; i < subscribers.size(); ++i) {
      if (!(i == 0 ? task.has(task_flag::wanted) : subscribers[i].wanted[task.index])) continue;
      if (subscribers[i].client != client.id && !message.force) {
        others = true;
        continue;
      }
      if (ClientRecord* wanter = find_client(subscribers[i].client);
          wanter && !TROUPE_MUTANT(a_cancellation_is_not_told))
        tell_cancelled(*wanter, ClientKey::of(subscribers[i].submission, task.index), message.reason);
      drop_want(*task.group, i, task.index);
    }
    review(task);
    if (others) continue;
    for_each_dependent(task, [&](TaskRef dependent) {
      if (in_play(dependent->state)) stack.push_back(dependent);
    });
  }
}

/// Erred tasks, and the erred inputs behind them, start over with fresh counts.
void SchedulerState::on_message(ClientRecord& client, RetryKeys& message) {
  std::vector<TaskRef> stack;
  for (const KeyRange& keys : message.keys)
    for (std::uint32_t i = 0; i < keys.count; ++i)
      if (const TaskRef task = find(client, {keys.first.value + i}); task && task->state == TaskState::erred)
        stack.push_back(task);
  retry(std::move(stack));
}

void SchedulerState::retry(std::vector<TaskRef> stack) {
  std::vector<TaskRef> reset;
  while (!stack.empty()) {
    const TaskRef task = stack.back();
    stack.pop_back();
    if (task->state != TaskState::erred) continue;
    errors_.erase(task.id());
    task->crashes = 0;
    task->retries = 0;
    move_to(task, TaskState::released, "retry asked for");
    tell_pending(task);
    reset.push_back(task);
    if (!task.group->data)
      for_each_dependency(task, [&](TaskRef input) {
        if (input->state == TaskState::erred) stack.push_back(input);
      });
  }
  for (auto task = reset.rbegin(); task != reset.rend(); ++task) {
    if ((*task)->state != TaskState::released) continue;
    if (TROUPE_MUTANT(a_retry_starts_nothing)) continue;
    if (is_wanted(*task) || (*task)->waiters > 0) activate(*task, "retry asked for");
  }
  for (const TaskRef task : reset)
    if (in_play(task->state)) count_retry(RetryReason::asked);
}

/// An operator's order, for whomever the tasks are.
void SchedulerState::on_message(ClientRecord& client, ControlTasks& message) {
  QueryReply reply;
  reply.request = message.request;
  std::vector<TaskRef> tasks;
  for (const std::string& name : message.tasks) {
    const TaskRef task = find(find_task(name));
    if (!task || task->state == TaskState::forgotten) {
      reply.error = Error{ErrorKind::invalid, "no task is known as '" + name + "'"};
      return tell_client(client, std::move(reply));
    }
    tasks.push_back(task);
    reply.lines.push_back(key_text(task.id()));
  }
  if (message.control == TaskControl::retry) {
    retry(std::move(tasks));
  } else {
    CancelKeys order;
    order.force = true;
    order.reason = message.reason;
    for (const TaskRef task : tasks) cancel(task, client, order);
  }
  tell_client(client, std::move(reply));
}

void SchedulerState::on_message(ClientRecord& client, RunOnWorkers& message) {
  const RequestId request{++last_run_request_};
  PendingRun run{client.id, message.request, {}, 0};
  for (auto& [id, worker] : workers_) {
    if (!message.workers.empty() && !worker->is_named(message.workers)) continue;
    RunOutcome outcome;
    outcome.worker = address_of(*worker);
    run.outcomes.emplace_back(id, std::move(outcome));
    ++run.missing;
    tell_worker(*worker, RunFunction{request, message.function, message.arguments});
  }
  if (run.missing == 0) return tell_client(client, RunReply{message.request, {}});
  runs_[request] = std::move(run);
}

void SchedulerState::on_message(ClientRecord&, Shutdown&) {
  shutting_down_ = true;
  for (auto& [id, worker] : workers_) tell_worker(*worker, CloseWorker{false, "a client asked for a shutdown"});
  for (auto& [id, client] : clients_) tell_client(*client, Goodbye{"the scheduler was asked to shut down"});
  for (auto& [id, nanny] : nannies_)
    extra_.nannies.emplace_back(id, std::vector<ToNanny>{CloseNanny{"a client asked for a shutdown"}});
  extra_.shut_down = true;
}

void SchedulerState::on_message(ClientRecord& client, Goodbye& message) {
  const ClientId id = client.id;
  remove_client(id, message.reason);
  extra_.close.emplace_back(id, "");
}

void SchedulerState::remove_client(ClientId id, std::string_view) {
  ClientRecord* client = find_client(id);
  if (client == nullptr) return;
  if (client->in_flush_list) std::erase(flush_clients_, client);
  if (!client->outbox.empty()) {
    seal(*client);
    extra_.clients.emplace_back(id, std::move(client->outbox));
  }
  while (!client->held_graphs.empty()) release_held(*client, client->held_graphs.begin()->first);
  std::vector<Group*> orphans;
  for (const std::uint64_t number : client->groups) {
    Group* group = find_group(number);
    if (group == nullptr) continue;
    for (std::size_t s = 0; s < group->subscribers.size(); ++s) {
      if (group->subscribers[s].client != id) continue;
      for (std::uint32_t i = 0; i < group->tasks.size(); ++i) drop_want(*group, s, i);
    }
    if (group->owner == id) orphans.push_back(group);
  }
  const std::vector<ReadyQueue> ready = std::move(client->ready);
  client_by_id_[id.value] = nullptr;
  clients_.erase(id);
  --counters_.clients;
  ++counters_.clients_closed;
  std::erase_if(waiting_for_workers_, [&](const WaitingForWorkers& waiting) { return waiting.client == id; });
  // What other clients want of its tasks goes on, on their account.
  for (Group* group : orphans) owner_of(*group);
  for (const ReadyQueue& queue : ready)
    queue.for_each([&](TaskId entry) {
      const TaskRef task = find(entry);
      if (!task || (task->state != TaskState::queued && task->state != TaskState::no_worker)) return;
      ClientRecord* heir = owner_of(*task.group);
      if (heir == nullptr || TROUPE_MUTANT(heirs_get_no_queue)) return;
      const std::uint32_t index = task.task_template().restriction;
      if (heir->ready.size() <= index) heir->ready.resize(index + 1);
      heir->ready[index].push(priority_of(task), entry);
    });
}

/// The client a group's tasks are counted on. When the owner left, that is one who still wants some of it; else, since
/// somebody's tasks depend on it or it is on its way out, any. Null: there is no client at all.
ClientRecord* SchedulerState::owner_of(Group& group) {
  if (ClientRecord* owner = find_client(group.owner)) return owner;
  if (clients_.empty()) return nullptr;
  group.owner = clients_.begin()->first;
  for (const Subscriber& subscriber : group.subscribers)
    if (subscriber.wants > 0 && find_client(subscriber.client) != nullptr) group.owner = subscriber.client;
  return find_client(group.owner);
}

}  // namespace troupe
