// Cost of the wire, nanoseconds a task, for the batches of the hot path.
#include <benchmark/benchmark.h>

#include "protocol/codec.hpp"
#include "tests/support/samples.hpp"

namespace troupe {
namespace {

void set_counters(benchmark::State& state, std::size_t bytes) {
  const auto tasks = state.iterations() * state.range(0);
  state.counters["ns_per_task"] =
      benchmark::Counter(static_cast<double>(tasks) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_task"] = static_cast<double>(bytes) / static_cast<double>(state.range(0));
}

template <class Variant>
void encode(benchmark::State& state, const Variant& message) {
  FrameEncoder encoder;
  std::size_t bytes = 0;
  for (auto _ : state) {
    auto frame = encoder.encode(message);
    bytes = frame->bytes().size();
    benchmark::DoNotOptimize(frame);
  }
  set_counters(state, bytes);
}

template <class Variant>
void decode_loop(benchmark::State& state, const Variant& message) {
  FrameEncoder encoder;
  const auto payload = encoder.encode(message)->payload();
  for (auto _ : state) {
    auto back = decode<Variant>(payload);
    benchmark::DoNotOptimize(back);
  }
  set_counters(state, payload.size());
}

template <class Variant, auto make>
void encode_of(benchmark::State& state) {
  encode(state, Variant(make(static_cast<std::uint32_t>(state.range(0)))));
}
template <class Variant, auto make>
void decode_of(benchmark::State& state) {
  decode_loop(state, Variant(make(static_cast<std::uint32_t>(state.range(0)))));
}

#define TROUPE_CODEC_BENCHMARK(variant, make)                                                                  \
  BENCHMARK(encode_of<variant, samples::make>)->Name("encode/" #make)->Arg(1)->Arg(64)->Arg(1000)->Arg(10000); \
  BENCHMARK(decode_of<variant, samples::make>)->Name("decode/" #make)->Arg(1)->Arg(64)->Arg(1000)->Arg(10000)

TROUPE_CODEC_BENCHMARK(ToWorker, compute_tasks);
TROUPE_CODEC_BENCHMARK(WorkerMessage, tasks_finished);
TROUPE_CODEC_BENCHMARK(ToClient, keys_ready);
TROUPE_CODEC_BENCHMARK(ClientMessage, submit_graph);
TROUPE_CODEC_BENCHMARK(ClientMessage, release_keys);

}  // namespace
}  // namespace troupe

BENCHMARK_MAIN();
