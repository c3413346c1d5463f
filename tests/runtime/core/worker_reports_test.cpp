#include "tests/runtime/core/worker_dialogue.hpp"

/// What a worker says of itself in its heartbeats, beside its memory (worker_spill_test.cpp), and of copies.
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

TEST(worker_reports, keeps_a_value_that_it_told_as_a_copy_when_the_run_that_made_it_is_refused) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(Done().finished(1).event).says(finished({1}));
  // Asked for as a copy of another run's value, before the scheduler heard of this one.
  d.turn(d.say(AcquireReplicas{tasks({1}), {{4}}, {8}})).says(ReplicasAdded{tasks({1}), {8}});
  d.turn(d.say(CancelCompute{tasks({1}), {{1}}}));
  d.turn(d.say(AcquireReplicas{tasks({1}), {{5}}, {8}}));  // that is known, or about to be
  d.turn(d.say(FreeKeys{tasks({1})})).drops({1});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_reports, lets_a_copy_be_that_is_nowhere_to_be_had_but_not_one_that_it_has_got_meanwhile) {
  Dialogue d;
  d.turn(d.say(AcquireReplicas{tasks({1, 2}), {{4}, {4}}, {8, 8}})).fetches(1, 4, {1, 2});
  d.turn(fetched(1, {}, {1, 2})).says(InputsMissing{tasks({1, 2}), {{4}, {4}}});
  d.turn(d.say(AcquireReplicas{tasks({1}), {{5}}, {8}})).fetches(2, 5, {1});
  d.turn(fetched(2, {1})).says(ReplicasAdded{tasks({1}), {8}});
  // The answer, of a time when there was none: it crosses that report, which counts.
  d.turn(d.say(WhoHas{tasks({1, 2}), {{0}, {0}}}));
  EXPECT_EQ(d.key(1).intent, KeyIntent::replica);
  EXPECT_EQ(d.worker.key_count(), 1u);
  // One that is on its way is dropped as it comes, without a word.
  d.turn(d.say(AcquireReplicas{tasks({3}), {{4}}, {8}})).fetches(3, 4, {3});
  d.turn(d.say(WhoHas{tasks({3}), {{0}}}));
  d.turn(fetched(3, {3})).drops({3});
  EXPECT_EQ(d.worker.key_count(), 1u);
}

}  // namespace
}  // namespace troupe
