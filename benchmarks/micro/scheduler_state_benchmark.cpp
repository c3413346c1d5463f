// Cost of the scheduler machine alone, nanoseconds a task, with workers that finish at once: submission, placement,
// completion, notification and release of every task. `--benchmark_filter` picks a shape.
#include <benchmark/benchmark.h>

#include <memory>

#include "runtime/core/scheduler_state.hpp"

namespace troupe {
namespace {

struct Cluster {
  SchedulerState scheduler{SchedulerConfig{}, Token{1, 2}, Epoch{1}, 7};
  SchedulerEffects effects;
  Instant now{1};
  ClientId client = scheduler.next_client();
  std::uint64_t submission = 0;

  explicit Cluster(int workers) {
    scheduler.handle(ClientJoined{client, {"bench"}}, now);
    for (int i = 0; i < workers; ++i) {
      RegisterWorker registration;
      registration.address = "127.0.0.1:" + std::to_string(1000 + i);
      registration.threads = 1;
      scheduler.handle(WorkerJoined{scheduler.next_worker(), registration}, now);
    }
  }

  void submit(std::shared_ptr<const GraphChunk> chunk) {
    SubmitGraph message;
    message.submission = ++submission;
    message.graph = submission;
    message.chunk = std::move(chunk);
    scheduler.handle(ClientSaid{client, std::move(message)}, now);
  }

  /// Plays workers and client until nothing happens any more.
  std::uint64_t run() {
    std::uint64_t ready = 0;
    for (;;) {
      now = now + std::chrono::microseconds(10);
      effects.clear();
      const bool more = scheduler.place(now, effects);
      if (effects.workers.empty() && effects.clients.empty() && !more) return ready;
      for (auto& [worker, messages] : effects.workers)
        for (ToWorker& message : messages)
          if (auto* compute = std::get_if<ComputeTasks>(&message)) {
            TasksFinished done;
            done.nbytes.resize(compute->tasks.size(), 8);
            done.duration_us.resize(compute->tasks.size(), 1);
            done.tasks = std::move(compute->tasks);
            done.runs = std::move(compute->runs);
            scheduler.handle(WorkerSaid{worker, std::move(done)}, now);
          }
      for (auto& [id, messages] : effects.clients)
        for (ToClient& message : messages)
          if (auto* keys = std::get_if<KeysReady>(&message)) {
            ready += keys->keys.size();
            ReleaseKeys release;
            for (const ClientKey key : keys->keys)
              if (!release.keys.empty() && release.keys.back().first.value + release.keys.back().count == key.value)
                ++release.keys.back().count;
              else
                release.keys.push_back({key, 1});
            scheduler.handle(ClientSaid{client, std::move(release)}, now);
          }
    }
  }
};

TaskTemplate noop() {
  TaskTemplate task;
  task.prefix = task.function.name = "noop";
  return task;
}

void independent(benchmark::State& state) {
  const auto tasks = static_cast<std::uint32_t>(state.range(0));
  constexpr std::uint32_t chunk_size = 32'768;
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = std::min(tasks, chunk_size);
  chunk->templates = {noop()};
  for (auto _ : state) {
    Cluster cluster(static_cast<int>(state.range(1)));
    for (std::uint32_t i = 0; i < tasks; i += chunk->size) cluster.submit(chunk);
    benchmark::DoNotOptimize(cluster.run());
  }
  state.counters["s_per_task"] = benchmark::Counter(
      static_cast<double>(tasks), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(independent)->Args({10'000, 2})->Args({100'000, 2})->Args({1'000'000, 2})->Args({1'000'000, 16});

/// A binary reduction; only the root is wanted.
void tree(benchmark::State& state) {
  const auto leaves = static_cast<std::uint32_t>(state.range(0));
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = 2 * leaves - 1;
  chunk->templates = {noop()};
  chunk->all_wanted = false;
  chunk->wanted = {chunk->size - 1};
  chunk->dependency_offsets.assign(leaves + 1, 0);
  for (std::uint32_t i = leaves, next = 0; i < chunk->size; ++i) {
    chunk->dependencies.push_back(next++);
    chunk->dependencies.push_back(next++);
    chunk->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk->dependencies.size()));
  }
  for (auto _ : state) {
    Cluster cluster(2);
    cluster.submit(chunk);
    benchmark::DoNotOptimize(cluster.run());
  }
  state.counters["s_per_task"] = benchmark::Counter(
      static_cast<double>(chunk->size), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(tree)->Arg(1 << 12)->Arg(1 << 16)->Arg(1 << 19);

}  // namespace
}  // namespace troupe
BENCHMARK_MAIN();
