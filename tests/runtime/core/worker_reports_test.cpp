#include "tests/runtime/core/worker_dialogue.hpp"

/// What a worker says of itself in its heartbeats, beside its memory (worker_spill_test.cpp).
namespace troupe {
namespace {

using namespace std::chrono_literals;

TEST(worker_reports, beats_as_often_as_it_was_told) {
  WorkerConfig config;
  config.threads = 2;
  Dialogue d(config);
  d.turn(d.say(Compute().add(1).add(2).add(3))).executes({1, 2});
  d.now = d.now + 999ms;
  d.turn(WorkerTick{5, 6});
  d.now = d.now + 1ms;
  d.turn(WorkerTick{5, 6}).says(Heartbeat{0, 5, 2, 1, 0, 6, 0, 5, ~std::uint64_t{0}});
  d.turn(WorkerTick{5, 6});
}

TEST(worker_reports, tells_the_bandwidth_of_large_fetches_since_the_last_heartbeat) {
  Dialogue d;
  const auto fetch_one = [&](std::uint64_t fetch, std::uint32_t n, std::uint64_t nbytes, Duration took) {
    d.turn(d.say(AcquireReplicas{tasks({n}), {{4}}, {nbytes}})).fetches(fetch, 4, {n});
    d.now = d.now + took;
    d.turn(FetchDone{fetch, FetchOutcome::ok, tasks({n}), {nbytes}, {}}).says(ReplicasAdded{tasks({n}), {nbytes}});
  };
  const auto told = [&] {
    d.now = d.now + 1s;
    Turn turn = d.turn(WorkerTick{});
    const auto beat = std::get<Heartbeat>(turn.effects().to_scheduler.at(0));
    turn.says(beat);
    return beat.bandwidth;
  };
  fetch_one(1, 1, 3'000'000, 10ms);
  fetch_one(2, 2, 1'000'000, 10ms);
  fetch_one(3, 3, 999'999, 10s);  // not large enough to tell
  EXPECT_EQ(told(), 200'000'000u);
  EXPECT_EQ(told(), 0u);
}

}  // namespace
}  // namespace troupe
