#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/secret.hpp"

/// Messages with every field filled in, for tests of whatever messages pass through.
namespace troupe::samples {

/// `size` bytes that differ from their neighbours.
inline Bytes bytes(std::size_t size, unsigned seed = 1) {
  std::vector<std::byte> result(size);
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<std::byte>(i * 7 + seed);
  return Bytes::own(std::move(result));
}

/// The same bytes each time it is made with the same seed.
inline RandomSource random(std::uint64_t seed) {
  return [engine = std::mt19937_64(seed)](std::span<std::byte> into) mutable {
    for (auto& byte : into) byte = static_cast<std::byte>(engine());
  };
}

inline InlineValues inline_values() { return {{0, 12, 12, 40}, bytes(40)}; }
inline FunctionRef function() { return {FunctionRef::Kind::payload, "module", 77, "name", bytes(300)}; }
inline Error error() { return {ErrorKind::overloaded, "too much; send less"}; }
inline std::vector<ResourceAmount> resources() { return {{"gpu", 2.0}, {"licence", 0.5}}; }
inline std::vector<ModuleInfo> modules() { return {{"arith", 11, {"add", "mul"}}, {"text", 12, {}}}; }
inline WorkerAddress address(std::uint32_t n = 3) {
  return {{n}, "worker-" + std::to_string(n), "127.0.0.1:4000", "host-a"};
}
inline TaskError task_error() {
  return {TaskError::Kind::killed,
          "std::runtime_error",
          "division by zero",
          "arith::div",
          "div-1-2",
          TaskId::of(9, 8),
          "worker-3",
          4};
}
inline TaskTemplate task_template() {
  Annotations annotations;
  annotations.priority = -5;
  annotations.retries = 3;
  annotations.pure = true;
  annotations.run_ahead = true;
  annotations.allow_other_workers = true;
  annotations.workers = {"worker-3", "host-a"};
  annotations.resources = resources();
  annotations.timeout_ms = 90'000;
  annotations.isolate = true;
  annotations.memory_limit = 1ULL << 30;
  return {function(), "prefix", bytes(20), annotations};
}
inline std::shared_ptr<const GraphChunk> chunk() {
  GraphChunk chunk;
  chunk.size = 4;
  chunk.templates = {task_template(), TaskTemplate{{}, "plain", {}, {}}};
  chunk.template_of = {0, 1, 1, 0};
  chunk.rank = {3, 2, 1, 0};
  chunk.dependency_offsets = {0, 0, 1, 3, 4};
  chunk.dependencies = {0, 0, 1, 4};
  chunk.external = {ClientKey::of(1, 5)};
  chunk.argument_offsets = {0, 8, 8, 24, 32};
  chunk.arguments = bytes(32);
  chunk.all_wanted = false;
  chunk.wanted = {1, 3};
  return std::make_shared<const GraphChunk>(std::move(chunk));
}
inline std::vector<KeyRange> key_ranges() { return {{ClientKey::of(1, 2), 30}, {ClientKey::of(4, 0), 1}}; }
inline std::vector<TaskId> tasks() { return {TaskId::of(1, 0), TaskId::of(1, 1), TaskId::of(1U << 20, 77)}; }
inline std::vector<RunId> runs() { return {{1}, {2}, {0xffffffff}}; }
inline std::vector<WorkerId> workers() { return {{1}, {0}, {900}}; }
inline std::vector<ClientKey> keys() { return {ClientKey::of(1, 0), ClientKey::of(2, 5), ClientKey::of(3, 6)}; }
inline std::vector<std::uint64_t> sizes() { return {8, 1ULL << 40, 0}; }
inline std::vector<std::shared_ptr<const TaskError>> task_errors() {
  auto shared = std::make_shared<const TaskError>(task_error());
  return {shared, std::make_shared<const TaskError>(TaskError{TaskError::Kind::lost, {}, "gone", {}, {}, {}, {}, 1}),
          shared};
}
inline std::shared_ptr<const SchedulerSummary> scheduler_summary() {
  WorkerSummary worker{address(), 4711, 8,  WorkerStatus::paused, 1ULL << 34, 1ULL << 30, 1ULL << 31, 20, 7,
                       12345678,  99,   -1, resources(),          modules(),  1ULL << 35, 1ULL << 20};
  return std::make_shared<const SchedulerSummary>(SchedulerSummary{
      {5, 6}, {7}, "127.0.0.1:8786", "0.1.0", {worker, WorkerSummary{}}, 2, {1, 2, 3, 4, 5, 6, 7}, 1000, 3});
}
inline TaskDetail task_detail() {
  return {{TaskId::of(1, 2), "inc-1-2", "erred", "worker-3", 80, 2, 5},
          "inc",
          {-1, 2, 3},
          tasks(),
          4,
          5,
          6,
          {{1}, {2}},
          workers(),
          "division by zero"};
}
inline std::vector<DataItem> data_items() {
  return {{TaskId::of(1, 2), 1, 0, 0xfeed, 1ULL << 33, bytes(24), {1ULL << 33, 5, 0}},
          {TaskId::of(1, 3), 0, 1, 0, 0, {}, {}}};
}

inline SpanContext span() { return {"nightly/load", {0x0af7651916cd43dd, 0x8448eb211c80319c}}; }

inline std::vector<ClientMessage> client_messages() {
  return {
      RegisterClient{"notebook"},
      SubmitGraph{3, 2, false, {1, 2}, "my-key", chunk(), {0, 2}, TaskId::of(6, 7), span()},
      ReleaseKeys{key_ranges()},
      CancelKeys{key_ranges(), true, "changed my mind"},
      RetryKeys{{{ClientKey::of(1, 1), 1}, {ClientKey::of(1, 3), 1}}},
      ScatterKeys{4, {3, 4}, sizes(), 2, {"worker-3"}},
      Query{{17}, QueryKind::list_tasks, keys(), 50, "erred", TaskId::of(1, 1).value},
      RunOnWorkers{{18}, function(), bytes(9), {"worker-3", "worker-4"}},
      Shutdown{},
      Goodbye{"done"},
      Replicate{{19}, keys(), 3, 4, {"worker-3"}},
      Rebalance{{20}, keys(), {"worker-3", "worker-4"}},
      RetireWorkers{{21}, {"worker-3"}, 2},
      RestartWorkers{{22}, {"worker-3"}, 4000},
      ControlTasks{{23}, TaskControl::retry, {"inc-1-2", "my-key"}, "by hand"},
  };
}

inline std::vector<ToClient> to_client_messages() {
  return {
      ClientRegistered{{4}, {99}},
      Accepted{3, 12, error()},
      KeysReady{keys(), workers(), sizes(), inline_values()},
      KeysErred{keys(), task_errors()},
      KeysCancelled{key_ranges(), "by another client"},
      KeysPending{key_ranges()},
      WorkerAddresses{{address(1), address(2)}},
      ScatterTargets{4, 13, {0, 2, 3}, workers(), error()},
      QueryReply{{17},
                 error(),
                 scheduler_summary(),
                 {{address(1), address(2)}, {}},
                 {{TaskId::of(1, 2), "inc-1-2", "processing", "worker-3", 80, 2, 5}, {}},
                 {"first line", "", "third"},
                 "waiting-for-dependencies",
                 {task_detail(), {}},
                 {{TaskId::of(1, 2), 123'456, "waiting", "queued", "inputs are there", {3}, {1}}, {}},
                 {{17, 1'700'000'000'000'000, 2, "something odd", {TaskId::of(1, 2), {4}, span()}}, {}},
                 1ULL << 40,
                 {{"inc", 125.5, 3.25, 1000, 20}, {}},
                 12},
      RunReply{{18}, {{address(1), bytes(16), nullptr}, {address(2), {}, std::make_shared<TaskError>(task_error())}}},
      Goodbye{"the scheduler ends"},
  };
}

inline std::vector<WorkerMessage> worker_messages() {
  return {
      RegisterWorker{"worker-3",
                     {0xabcdef},
                     "127.0.0.1:4000",
                     "host-a",
                     "127.0.0.1:4001",
                     4711,
                     8,
                     1ULL << 34,
                     true,
                     resources(),
                     modules(),
                     true},
      TasksFinished{tasks(), runs(), sizes(), {1, 2, 3'000'000}, inline_values(), {4, 5, 6}, {0, 1, 65535}},
      TasksErred{tasks(), runs(), task_errors(), {1, 2, 3}, {4, 5, 6}, {7, 8, 9}},
      ReplicasAdded{tasks(), sizes()},
      ReplicasRemoved{tasks()},
      InputsMissing{tasks(), workers()},
      StealReply{tasks(), runs(), {1, 0, 0}, {StealRefusal::none, StealRefusal::started, StealRefusal::absent}},
      TasksSeceded{tasks(), runs(), {0, 1, 0}},
      Heartbeat{1,
                2,
                3,
                4,
                5,
                6,
                7,
                8,
                9,
                10,
                {11, 12, 13, 14, 15, 16, 17, 18, 19},
                {20, 21, 22, -23, {{"a graphics processor", 24, 25, 26, 27}, {"", -1, 0, 28, 0}}},
                29,
                {{1, 2, 0, "quiet", {{}, {}, {}, "said"}}}},
      WorkerStatusChanged{WorkerStatus::closing},
      ModulesAdded{modules()},
      FunctionRan{{19}, bytes(12), std::make_shared<const TaskError>(task_error())},
      Goodbye{"closed"},
      Leaving{"its lifetime is over"},
      TimeSpent{{{"load", 1, 2, 3, 4}, {"sum", 5, 6, 7, 8, "nightly"}},
                {{{9}, {10, 11, 12}}},
                {{"vec<f64>", {13, 14, 15}}, {"string", {16, 17, 18}}},
                19,
                20,
                21},
  };
}

inline std::vector<ToWorker> to_worker_messages() {
  ComputeTasks compute;
  compute.tasks = tasks();
  compute.runs = runs();
  compute.templates = {{1}, {2}, {1}};
  compute.priorities = {{-3, 1, 2}, {0, 0xffffffff, 5}, {2147483647, 3, 4}};
  compute.inline_wanted = {1, 0, 1};
  compute.argument_offsets = {0, 100, 100, 400};
  compute.arguments = bytes(400);
  compute.input_offsets = {0, 0, 2, 3};
  compute.inputs = {TaskId::of(1, 9), TaskId::of(2, 9), TaskId::of(3, 9)};
  compute.input_holders = workers();
  compute.input_nbytes = sizes();
  compute.origins = {{7, {4}, span()}, {8, {5}, {}}};
  return {
      WorkerRegistered{{3}, {99}, 500, error()},
      DefineTemplates{{{1}, {2}}, {task_template(), {}}},
      ForgetTemplates{{{1}, {2}}},
      compute,
      FreeKeys{tasks()},
      CancelCompute{tasks(), runs()},
      StealTasks{tasks(), runs()},
      AcquireReplicas{tasks(), workers(), sizes()},
      WhoHas{tasks(), workers()},
      WorkerAddresses{{address(1)}},
      WorkersLost{workers()},
      RunFunction{{19}, function(), bytes(3)},
      CloseWorker{true, "scaled down"},
      ShareModules{"127.0.0.1:4000", {"arith", "text"}, {11, 12}},
      HeartbeatSeen{30, 1'700'000'000'000'000'000},
  };
}

inline std::vector<NannyMessage> nanny_messages() {
  return {RegisterNanny{"host-a", 4710}, WorkerDied{{0xabcdef}, 11, -1, tasks(), runs(), "segmentation fault\n"},
          Goodbye{"bye"}, WorkerStarted{{0xabcdf0}}};
}

inline std::vector<ToNanny> to_nanny_messages() {
  return {NannyRegistered{{2}, {99}}, CloseNanny{"shutdown"}, RestartWorker{{0xabcdef}, "asked"}};
}

inline std::vector<PeerMessage> peer_messages() {
  return {
      GetData{{21}, tasks(), 1ULL << 26},
      DataReply{{21}, DataStatus::busy, data_items()},
      PutData{{22}, data_items()},
      PutReply{{22}, error()},
      PutModule{{23}, "arith", std::string(64, 'a'), 1ULL << 20},
      DataReceived{{21}},
  };
}

/// A batch as the hot path knows it: `count` tasks with two inputs each.
inline ComputeTasks compute_tasks(std::uint32_t count) {
  ComputeTasks m;
  m.input_offsets = {0};
  for (std::uint32_t i = 0; i < count; ++i) {
    m.tasks.push_back(TaskId::of(5, i));
    m.runs.push_back({i + 1});
    m.templates.push_back({1});
    m.priorities.push_back({0, 5, i});
    for (std::uint32_t j = 0; j < 2; ++j) {
      m.inputs.push_back(TaskId::of(4, 2 * i + j));
      m.input_holders.push_back({j});
      m.input_nbytes.push_back(8);
    }
    m.input_offsets.push_back(2 * (i + 1));
  }
  return m;
}

/// `count` finished tasks, each with a value of 16 bytes.
inline TasksFinished tasks_finished(std::uint32_t count) {
  TasksFinished m;
  m.values.offsets = {0};
  for (std::uint32_t i = 0; i < count; ++i) {
    m.tasks.push_back(TaskId::of(5, i));
    m.runs.push_back({i + 1});
    m.nbytes.push_back(8);
    m.duration_us.push_back(i);
    m.values.offsets.push_back(16 * (i + 1));
  }
  m.values.bytes = bytes(std::size_t{16} * count);
  return m;
}

inline KeysReady keys_ready(std::uint32_t count) {
  auto finished = tasks_finished(count);
  KeysReady m;
  for (std::uint32_t i = 0; i < count; ++i) {
    m.keys.push_back(ClientKey::of(2, i));
    m.workers.push_back({1 + i % 7});
  }
  m.nbytes = std::move(finished.nbytes);
  m.values = std::move(finished.values);
  return m;
}

/// `count` tasks in one chunk, each but the first two with the two before it as dependencies.
inline SubmitGraph submit_graph(std::uint32_t count) {
  GraphChunk chunk;
  chunk.size = count;
  chunk.templates.resize(1);
  chunk.templates[0].function.name = "add";
  chunk.dependency_offsets = {0};
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i >= 2) chunk.dependencies.insert(chunk.dependencies.end(), {i - 2, i - 1});
    chunk.dependency_offsets.push_back(static_cast<std::uint32_t>(chunk.dependencies.size()));
  }
  SubmitGraph m;
  m.submission = m.graph = 1;
  m.token = {1, 2};
  m.chunk = std::make_shared<const GraphChunk>(std::move(chunk));
  return m;
}

inline ReleaseKeys release_keys(std::uint32_t count) {
  ReleaseKeys m;
  for (std::uint32_t i = 0; i < count; ++i) m.keys.push_back({ClientKey::of(2, 2 * i), 1});
  return m;
}

}  // namespace troupe::samples
