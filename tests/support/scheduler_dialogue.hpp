#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/core/scheduler_state.hpp"

namespace troupe::testing {

inline TaskTemplate function(std::string name, Annotations annotations = {}) {
  TaskTemplate task;
  task.prefix = name;
  task.function.name = std::move(name);
  task.annotations = std::move(annotations);
  return task;
}

/// A chunk by its edges: `inputs[i]` are the tasks that task i depends on, indices below i.
inline std::shared_ptr<GraphChunk> graph(const std::vector<std::vector<std::uint32_t>>& inputs,
                                         TaskTemplate task = function("f")) {
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = static_cast<std::uint32_t>(inputs.size());
  chunk->templates = {std::move(task)};
  chunk->dependency_offsets = {0};
  for (const auto& of_task : inputs) {
    chunk->dependencies.insert(chunk->dependencies.end(), of_task.begin(), of_task.end());
    chunk->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk->dependencies.size()));
  }
  return chunk;
}

/// Plays clients and workers to a SchedulerState: says things, and collects what each of them was told. Every step
/// ends with check_invariants().
class SchedulerDialogue {
public:
  explicit SchedulerDialogue(SchedulerConfig config = {}) : scheduler(config, Token{1, 2}, Epoch{7}, 42) {}

  ClientId join_client(std::string name = "client") {
    const ClientId id = scheduler.next_client();
    say(ClientJoined{id, {std::move(name)}});
    take<ClientRegistered>(to_client[id]);
    return id;
  }

  WorkerId join_worker(std::uint32_t threads = 1, RegisterWorker registration = {}) {
    const WorkerId id = scheduler.next_worker();
    registration.threads = threads;
    registration.incarnation = {1000u + id.value};
    if (registration.address.empty()) registration.address = "127.0.0.1:" + std::to_string(9000 + id.value);
    say(WorkerJoined{id, std::move(registration)});
    take<WorkerRegistered>(to_worker[id]);
    return id;
  }

  std::uint64_t submit(ClientId client, std::shared_ptr<const GraphChunk> chunk, Token token = {},
                       std::string name = {}) {
    SubmitGraph message;
    message.submission = ++submissions[client];
    message.graph = message.submission;
    message.token = token;
    message.name = std::move(name);
    message.chunk = std::move(chunk);
    const std::uint64_t submission = message.submission;
    say(ClientSaid{client, std::move(message)});
    return submission;
  }

  /// The client announces one value of 100 bytes. Returns its task, and the workers it is to go to.
  std::pair<TaskId, std::vector<WorkerId>> scatter(ClientId client, std::uint32_t replicas = 1) {
    ScatterKeys message;
    message.submission = ++submissions[client];
    message.nbytes = {100};
    message.replicas = replicas;
    say(ClientSaid{client, std::move(message)});
    ScatterTargets reply = take<ScatterTargets>(to_client[client]).at(0);
    return {TaskId::of(reply.group, 0), std::move(reply.targets)};
  }

  void say(SchedulerEvent event) {
    scheduler.handle(std::move(event), now);
    settle();
  }

  void settle() {
    for (bool more = true; more;) {
      SchedulerEffects effects;
      more = scheduler.place(now, effects);
      for (auto& [id, messages] : effects.clients)
        for (auto& message : messages) to_client[id].push_back(std::move(message));
      for (auto& [id, messages] : effects.workers)
        for (auto& message : messages) to_worker[id].push_back(std::move(message));
      for (auto& [id, messages] : effects.nannies)
        for (auto& message : messages) to_nanny[id].push_back(std::move(message));
      for (auto& close : effects.close) closed.push_back(std::move(close));
      shut_down = shut_down || effects.shut_down;
    }
    scheduler.check_invariants();
  }

  void pass(Duration time) {
    now = now + time;
    say(SchedulerTick{});
  }

  void finish(WorkerId worker, const std::vector<std::pair<TaskId, RunId>>& tasks, std::uint64_t nbytes = 8,
              std::uint32_t duration_us = 10) {
    TasksFinished message;
    for (const auto& [task, run] : tasks) {
      message.tasks.push_back(task);
      message.runs.push_back(run);
      message.nbytes.push_back(nbytes);
      message.duration_us.push_back(duration_us);
    }
    say(WorkerSaid{worker, std::move(message)});
  }

  void fail(WorkerId worker, TaskId task, RunId run, std::string text = "boom") {
    auto error = std::make_shared<TaskError>();
    error->message = std::move(text);
    TasksErred message{{task}, {run}, {error}};
    say(WorkerSaid{worker, std::move(message)});
  }

  /// Tasks (with their runs) that a worker was told to compute since the last call.
  std::vector<std::pair<TaskId, RunId>> assigned(WorkerId worker) {
    std::vector<std::pair<TaskId, RunId>> result;
    for (const auto& message : take<ComputeTasks>(to_worker[worker]))
      for (std::size_t i = 0; i < message.tasks.size(); ++i) result.emplace_back(message.tasks[i], message.runs[i]);
    return result;
  }

  std::vector<TaskId> freed(WorkerId worker) {
    std::vector<TaskId> result;
    for (const auto& message : take<FreeKeys>(to_worker[worker]))
      result.insert(result.end(), message.tasks.begin(), message.tasks.end());
    return result;
  }

  std::vector<ClientKey> ready(ClientId client) {
    std::vector<ClientKey> result;
    for (const auto& message : take<KeysReady>(to_client[client]))
      result.insert(result.end(), message.keys.begin(), message.keys.end());
    return result;
  }

  std::vector<std::pair<ClientKey, TaskError>> erred(ClientId client) {
    std::vector<std::pair<ClientKey, TaskError>> result;
    for (const auto& message : take<KeysErred>(to_client[client]))
      for (std::size_t i = 0; i < message.keys.size(); ++i) result.emplace_back(message.keys[i], *message.errors[i]);
    return result;
  }

  void release(ClientId client, ClientKey first, std::uint32_t count = 1) {
    say(ClientSaid{client, ReleaseKeys{{KeyRange{first, count}}}});
  }

  /// Removes and returns all messages of one kind.
  template <class M, class Variant>
  static std::vector<M> take(std::vector<Variant>& from) {
    std::vector<M> result;
    std::erase_if(from, [&](Variant& message) {
      auto* wanted = std::get_if<M>(&message);
      if (wanted != nullptr) result.push_back(std::move(*wanted));
      return wanted != nullptr;
    });
    return result;
  }

  /// Drops what every dialogue has (acceptances, introductions, definitions) and asserts that nothing else was sent.
  void expect_nothing_else() {
    for (auto& [id, messages] : to_client) {
      take<Accepted>(messages);
      take<WorkerAddresses>(messages);
      EXPECT_TRUE(messages.empty()) << "client " << id.value << " was told " << messages.size() << " more things";
      messages.clear();
    }
    for (auto& [id, messages] : to_worker) {
      take<WorkerAddresses>(messages);
      take<DefineTemplates>(messages);
      EXPECT_TRUE(messages.empty()) << "worker " << id.value << " was told " << messages.size() << " more things";
      messages.clear();
    }
  }

  SchedulerState scheduler;
  Instant now{std::int64_t{1'000'000'000}};
  std::map<ClientId, std::vector<ToClient>> to_client;
  std::map<WorkerId, std::vector<ToWorker>> to_worker;
  std::map<NannyId, std::vector<ToNanny>> to_nanny;
  std::vector<std::pair<PeerId, std::string>> closed;
  std::map<ClientId, std::uint64_t> submissions;
  bool shut_down{};
};

}  // namespace troupe::testing
