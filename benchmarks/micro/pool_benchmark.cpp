// Cost of the pool alone, nanoseconds a job: acquired, filled, submitted in batches, run, drained.
#include <benchmark/benchmark.h>

#include <atomic>
#include <vector>

#include "runtime/exec/module.hpp"
#include "runtime/exec/pool.hpp"

namespace bench {
void nothing() {}
double square(double x) { return x * x; }
double add(double a, double b) { return a + b; }
}  // namespace bench
TROUPE_MODULE(pool_bench, bench::nothing, bench::square, bench::add)

namespace troupe {
namespace {

/// Sleeps until the pool says that there is something to drain, as an io thread would.
class Waker {
public:
  void notify() {
    calls_.fetch_add(1);
    calls_.notify_one();
  }
  void wait() {
    for (auto seen = taken_; (taken_ = calls_.load()) == seen;) calls_.wait(seen);
  }

private:
  std::atomic<std::uint32_t> calls_{0};
  std::uint32_t taken_{0};
};

template <class Fill>
void run_jobs(benchmark::State& state, const FunctionRef& ref, Fill&& fill) {
  const auto batch = static_cast<std::size_t>(state.range(1));
  const auto jobs_in_all = 100'000 / batch * batch;
  FunctionRegistry registry;
  (void)registry.add(pool_bench);
  const auto* function = *registry.find(ref);
  Waker waker;
  auto page = *RunningPage::create();
  PoolConfig config;
  config.threads = static_cast<unsigned>(state.range(0));
  config.notify = [&] { waker.notify(); };
  config.running = &page;
  Pool pool(std::move(config));
  std::vector<Job*> jobs;
  for (auto _ : state) {
    std::size_t submitted = 0;
    std::size_t done = 0;
    while (done < jobs_in_all) {
      // A worker keeps a few milliseconds of work ahead.
      while (submitted < jobs_in_all && submitted - done < 8 * batch) {
        jobs.clear();
        for (std::size_t i = 0; i < batch; ++i) {
          Job& job = pool.acquire();
          job.task = TaskId{++submitted};
          job.function = function;
          fill(job);
          jobs.push_back(&job);
        }
        pool.submit(jobs);
      }
      const auto drained = pool.drain([](Job& job) { benchmark::DoNotOptimize(job.result.get<double>()); });
      done += drained;
      if (drained == 0) waker.wait();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(jobs_in_all));
  state.counters["ns_per_job"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(jobs_in_all) * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void empty_jobs(benchmark::State& state) {
  run_jobs(state, function_ref<bench::nothing>(), [](Job&) {});
}
BENCHMARK(empty_jobs)->Args({1, 512})->Args({2, 64})->Args({2, 512})->Args({4, 512})->UseRealTime();

void jobs_with_a_literal_and_an_inline_result(benchmark::State& state) {
  ArgumentWriter writer;
  writer.call<bench::square>(3.0);
  const Bytes arguments = Bytes::copy(writer.bytes);
  run_jobs(state, function_ref<bench::square>(), [&](Job& job) {
    job.arguments = arguments;
    job.inline_wanted = true;
  });
}
BENCHMARK(jobs_with_a_literal_and_an_inline_result)->Args({2, 512})->UseRealTime();

void jobs_with_two_inputs(benchmark::State& state) {
  const std::byte tags[] = {std::byte{1}, std::byte{1}};
  const Bytes arguments = Bytes::copy(std::span(tags));
  const auto input = Value::make(1.0);
  run_jobs(state, function_ref<bench::add>(), [&](Job& job) {
    job.arguments = arguments;
    job.inputs.push_back(input);
    job.inputs.push_back(input);
  });
}
BENCHMARK(jobs_with_two_inputs)->Args({2, 512})->UseRealTime();

void inline_jobs(benchmark::State& state) {
  FunctionRegistry registry;
  (void)registry.add(pool_bench);
  Pool pool(PoolConfig{});
  const auto* function = *registry.find(function_ref<bench::nothing>());
  for (auto _ : state) {
    Job& job = pool.acquire();
    job.function = function;
    pool.run_inline(job);
    pool.release(job);
  }
}
BENCHMARK(inline_jobs);

}  // namespace
}  // namespace troupe

BENCHMARK_MAIN();
