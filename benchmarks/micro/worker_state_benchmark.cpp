#include <benchmark/benchmark.h>

#include "runtime/core/worker_state.hpp"

namespace troupe {
namespace {

/// From ComputeTasks to TasksFinished to FreeKeys: what the worker's machine itself costs a task. The pool is an
/// array that finishes all it is given at once. Building the incoming messages is not counted.
class Harness {
public:
  explicit Harness(std::uint32_t batch, std::uint32_t chain) : batch_(batch), chain_(chain) {
    WorkerConfig config;
    config.threads = 2;
    worker_ = std::make_unique<WorkerState>(config);
    TaskTemplate tmpl;
    tmpl.arguments = Bytes::copy("x");
    worker_->handle(SchedulerSaid{WorkerRegistered{{1}, {1}, 1000, {}}}, {}, out_);
    worker_->handle(SchedulerSaid{DefineTemplates{{{1}}, {tmpl}}}, {}, out_);
    run(next_batch());  // learns
  }

  WorkerEvent next_batch() {
    ComputeTasks compute;
    const auto first = next_;
    next_ += batch_;
    for (std::uint32_t i = 0; i < batch_; ++i) {
      compute.tasks.push_back(TaskId::of(1 + ((first + i) >> 24), (first + i) & TaskId::index_mask));
      compute.priorities.push_back({0, 0, static_cast<std::uint32_t>(first + i)});
      if (chain_ > 1) {
        compute.input_offsets.push_back(static_cast<std::uint32_t>(compute.inputs.size()));
        if (i % chain_ != 0) {
          compute.inputs.push_back(compute.tasks[i - 1]);
          compute.input_holders.push_back({});
          compute.input_nbytes.push_back(8);
        }
      }
    }
    if (chain_ > 1) compute.input_offsets.push_back(static_cast<std::uint32_t>(compute.inputs.size()));
    compute.runs.assign(batch_, {1});
    compute.templates.assign(batch_, {1});
    return SchedulerSaid{std::move(compute)};
  }

  void run(WorkerEvent event) {
    FreeKeys free;
    free.tasks = std::get<ComputeTasks>(std::get<SchedulerSaid>(event).message).tasks;
    step(std::move(event));
    while (!out_.execute.tasks.empty()) {
      ExecutionsDone done;
      done.tasks = out_.execute.tasks;
      done.runs = out_.execute.runs;
      done.outcomes.assign(done.tasks.size(), ExecutionOutcome::finished);
      done.nbytes.assign(done.tasks.size(), 8);
      done.duration_us.assign(done.tasks.size(), 1);
      step(std::move(done));
    }
    step(SchedulerSaid{std::move(free)});
    TROUPE_ASSERT(worker_->key_count() == 0);
  }

private:
  void step(WorkerEvent event) {
    out_.clear();
    worker_->handle(std::move(event), {}, out_);
    worker_->settle({}, out_);
  }

  std::uint32_t batch_;
  std::uint32_t chain_;
  std::uint64_t next_{1};
  std::unique_ptr<WorkerState> worker_;
  WorkerEffects out_;
};

void tasks_through_the_worker_machine(benchmark::State& state, std::uint32_t chain) {
  Harness harness(static_cast<std::uint32_t>(state.range(0)), chain);
  std::vector<WorkerEvent> ready;
  for (auto _ : state) {
    if (ready.empty()) {
      state.PauseTiming();
      for (int i = 0; i < 64; ++i) ready.push_back(harness.next_batch());
      state.ResumeTiming();
    }
    harness.run(std::move(ready.back()));
    ready.pop_back();
  }
  state.counters["per_task"] = benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(tasks_through_the_worker_machine, independent, 1)->Arg(1)->Arg(64)->Arg(1000)->Arg(20000);
BENCHMARK_CAPTURE(tasks_through_the_worker_machine, chains_of_10, 10)->Arg(1000);

}  // namespace
}  // namespace troupe

BENCHMARK_MAIN();
