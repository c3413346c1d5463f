#pragma once

#include <type_traits>

#include "runtime/core/scheduler_state.hpp"

/// Bodies of SchedulerState's small and templated members; for its own source files only.
namespace troupe {

inline Group* SchedulerState::find_group(std::uint64_t number) const {
  const std::uint64_t index = number - first_group_;
  return index < groups_.size() ? groups_[index].get() : nullptr;
}

inline TaskRef SchedulerState::find(TaskId id) const {
  Group* group = find_group(id.group());
  if (group == nullptr || id.index() >= group->tasks.size()) return {};
  return {group, id.index()};
}

inline WorkerRecord* SchedulerState::find_worker(WorkerId id) const {
  return id.value < worker_by_id_.size() ? worker_by_id_[id.value] : nullptr;
}

/// To be called by whatever changes what a worker holds or whether it may be given more.
inline void SchedulerState::load_changed(WorkerRecord& worker) {
  if (worker.load_changed) return;
  worker.load_changed = true;
  changed_loads_.push_back(&worker);
}

inline ClientRecord* SchedulerState::find_client(ClientId id) const {
  return id.value < client_by_id_.size() ? client_by_id_[id.value] : nullptr;
}

inline TaskRef SchedulerState::find(const ClientRecord& client, ClientKey key) const {
  const std::uint64_t index = key.submission() - client.first_submission;
  if (index >= client.groups.size() || client.groups[index] == 0) return {};
  return find(TaskId::of(client.groups[index], key.index()));
}

inline Priority SchedulerState::priority_of(TaskRef task) const {
  return {-task.task_template().task.annotations.priority, task.group->generation,
          task.group->first_rank + task.group->chunk->rank_of(task.index)};
}

/// Calls visit(TaskRef) for each edge to a dependency.
template <class Visit>
void SchedulerState::for_each_dependency(TaskRef task, Visit visit) const {
  const GraphChunk& chunk = *task.group->chunk;
  const std::uint32_t end = chunk.dependencies_end(task.index);
  for (std::uint32_t edge = chunk.dependencies_begin(task.index); edge < end; ++edge) {
    const std::uint32_t dependency = chunk.dependencies[edge];
    visit(dependency < chunk.size ? TaskRef{task.group, dependency}
                                  : find(task.group->external[dependency - chunk.size]));
  }
}

/// Calls visit(TaskRef) for each edge from a dependent that is not forgotten. Edges must not change meanwhile.
template <class Visit>
void SchedulerState::for_each_dependent(TaskRef task, Visit visit) const {
  Group& group = *task.group;
  for (std::uint32_t edge = task->first_dependent; edge != 0; edge = group.edge_next[edge - 1]) {
    const TaskRef dependent{&group, group.edge_owner[edge - 1]};
    if (dependent->state != TaskState::forgotten) visit(dependent);
  }
  if (!task.has(task_flag::external)) return;
  for (std::uint32_t edge = external_dependents_.find(task.id())->head; edge != 0;) {
    const ExternalEdge entry = external_edges_[edge - 1];
    if (const TaskRef dependent = find(entry.dependent); dependent && dependent->state != TaskState::forgotten)
      visit(dependent);
    edge = entry.next;
  }
}

/// Calls visit(ClientRecord&, ClientKey) for each client that wants the task.
template <class Visit>
void SchedulerState::for_each_wanter(TaskRef task, Visit visit) const {
  const auto& subscribers = task.group->subscribers;
  for (std::size_t i = 0; i < subscribers.size(); ++i) {
    const bool wants = i == 0 ? task.has(task_flag::wanted) : subscribers[i].wanted[task.index];
    if (!wants) continue;
    if (ClientRecord* client = find_client(subscribers[i].client))
      visit(*client, ClientKey::of(subscribers[i].submission, task.index));
  }
}

/// The message of kind M that stands last in the worker's outbox, begun if another kind stands there.
template <class M>
M& SchedulerState::last(WorkerRecord& worker) {
  if (!worker.in_flush_list) {
    worker.in_flush_list = true;
    flush_workers_.push_back(&worker);
  }
  if (!worker.outbox.empty())
    if (auto* message = std::get_if<M>(&worker.outbox.back())) return *message;
  seal(worker);
  worker.outbox.emplace_back(M{});
  return std::get<M>(worker.outbox.back());
}

template <class M>
M& SchedulerState::last(ClientRecord& client) {
  if (!client.in_flush_list) {
    client.in_flush_list = true;
    flush_clients_.push_back(&client);
  }
  // An answer to one question is not added to the answer to another.
  constexpr bool answer = std::is_same_v<M, Accepted> || std::is_same_v<M, ScatterTargets>;
  if (!answer && !client.outbox.empty())
    if (auto* message = std::get_if<M>(&client.outbox.back())) return *message;
  seal(client);
  client.outbox.emplace_back(M{});
  return std::get<M>(client.outbox.back());
}

}  // namespace troupe
