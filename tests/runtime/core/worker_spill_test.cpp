#include "tests/runtime/core/worker_dialogue.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

/// 1000 bytes: values go to disk beyond 600, the process may take 700, and from 800 on nothing is started.
WorkerConfig tight(std::uint32_t threads = 1) {
  WorkerConfig config;
  config.threads = threads;
  config.memory.limit = 1000;
  config.memory.transfer = 0;
  config.spill_bytes_min = 2;
  return config;
}

ValuesPut put(std::initializer_list<std::uint32_t> numbers, std::uint64_t nbytes) {
  return {tasks(numbers), std::vector<std::uint64_t>(numbers.size(), nbytes)};
}
ReplicasAdded added(std::initializer_list<std::uint32_t> numbers, std::uint64_t nbytes) {
  return {tasks(numbers), std::vector<std::uint64_t>(numbers.size(), nbytes)};
}
ValuesSpilled spilled(std::initializer_list<std::uint32_t> numbers, SpillOutcome outcome = SpillOutcome::written) {
  return {tasks(numbers), std::vector<SpillOutcome>(numbers.size(), outcome)};
}
ValuesLoaded loaded(std::initializer_list<std::uint32_t> numbers, LoadOutcome outcome = LoadOutcome::loaded) {
  return {tasks(numbers), std::vector<LoadOutcome>(numbers.size(), outcome)};
}

TEST(worker_spill, writes_no_more_than_is_too_much_and_the_least_recently_used_first) {
  Dialogue d(tight());
  d.turn(put({1, 2}, 250)).says(added({1, 2}, 250));
  d.turn(put({3}, 250)).says(added({3}, 250)).spills({1});
  EXPECT_EQ(d.key(1).transfer, KeyTransfer::spilling);
  EXPECT_EQ(d.worker.counters().managed_bytes, 750u);
  d.turn(spilled({1}));
  EXPECT_EQ(d.key(1).data, KeyData::spilled);
  EXPECT_EQ(d.worker.counters().managed_bytes, 500u);
  EXPECT_EQ(d.worker.counters().spilled_bytes, 250u);
  // 2 is read by a task now, so that 3 is what was used longest ago.
  d.turn(d.say(Compute().add(4, 1, {{2}}))).executes({4});
  d.turn(Done().finished(4, 1, 250).event).says(finished({4}, 1, 250)).spills({3});
}

TEST(worker_spill, takes_what_no_task_here_needs_before_what_one_does) {
  Dialogue d(tight());
  d.turn(put({1, 2}, 250), d.say(Compute().add(5).add(6, 1, {{1}}))).says(added({1, 2}, 250)).executes({5});
  d.turn(put({3}, 250)).says(added({3}, 250)).spills({2});
  d.turn(put({4}, 290)).says(added({4}, 290)).spills({3}).says(WorkerStatusChanged{WorkerStatus::paused});
}

TEST(worker_spill, a_value_that_alone_is_too_much_goes_before_the_others) {
  Dialogue d(tight());
  d.turn(put({1}, 100)).says(added({1}, 100));
  d.turn(put({2}, 650)).says(added({2}, 650)).spills({2});
}

TEST(worker_spill, leaves_small_values_in_memory) {
  auto config = tight();
  config.spill_bytes_min = 300;
  Dialogue d(config);
  d.turn(put({1, 2, 3}, 250)).says(added({1, 2, 3}, 250));
}

TEST(worker_spill, reads_a_tasks_inputs_back_before_its_turn_and_hands_it_over_with_all_in_memory) {
  Dialogue d(tight());
  d.turn(put({1, 2}, 301)).says(added({1, 2}, 301)).spills({1});
  d.turn(spilled({1}));
  // 2 is needed too: it is kept while what is read takes its place.
  d.turn(d.say(Compute().add(5, 1, {{1}}))).loads({1}).spills({2});
  EXPECT_TRUE(d.key(5).staged);
  EXPECT_EQ(d.key(1).pins, 1u);
  d.turn(spilled({2}));
  d.turn(loaded({1})).executes({5});
  EXPECT_EQ(d.key(1).pins, 1u);
  d.turn(Done().finished(5, 1, 8).event).says(finished({5}));
  EXPECT_EQ(d.key(1).pins, 0u);
}

TEST(worker_spill, reads_for_the_next_task_while_the_slot_is_taken) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 210)).says(added({1, 2, 3}, 210)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5).add(6, 1, {{1, 0, 210}}).add(7, 1, {{1, 0, 210}})))
      .executes({5})
      .loads({1})
      .spills({2});
  EXPECT_TRUE(d.key(6).staged);
  EXPECT_TRUE(d.key(7).queued);
  d.turn(loaded({1}), spilled({2}));
  d.turn(Done().finished(5, 1, 8, 10'000).event).says(finished({5}, 1, 8, 10'000)).executes({6});
}

TEST(worker_spill, stages_only_as_much_as_leaves_room_to_move) {
  Dialogue d(tight());
  d.turn(put({1}, 350)).says(added({1}, 350));
  d.turn(put({2}, 350)).says(added({2}, 350)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5).add(6, 1, {{1}}))).executes({5});  // 350 is more than half of 600
  d.turn(Done().finished(5).event).says(finished({5})).loads({1}).spills({2});
}

TEST(worker_spill, a_task_whose_inputs_alone_fill_memory_runs_when_nothing_else_does) {
  Dialogue d(tight());
  d.turn(put({1}, 500)).says(added({1}, 500));
  d.turn(put({2}, 500)).says(added({2}, 500)).says(WorkerStatusChanged{WorkerStatus::paused}).spills({1});
  d.turn(spilled({1})).says(WorkerStatusChanged{WorkerStatus::running});
  d.turn(d.say(Compute().add(5, 1, {{1}, {2}}))).loads({1});
  d.turn(loaded({1})).says(WorkerStatusChanged{WorkerStatus::paused}).executes({5});
  d.turn(Done().finished(5, 1, 1).event).says(finished({5}, 1, 1)).spills({1});
}

TEST(worker_spill, a_staged_task_can_be_stolen_and_cancelled) {
  Dialogue d(tight(2));
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5, 1, {{1}}).add(6, 1, {{1}}))).loads({1}).spills({2});
  d.turn(d.say(StealTasks{tasks({5}), {{1}}}), d.say(CancelCompute{tasks({6}), {{1}}}))
      .says(steal_reply(5, StealRefusal::none));
  EXPECT_EQ(d.key(1).pins, 0u);
  d.turn(loaded({1}), spilled({2}));
}

TEST(worker_spill, what_is_dropped_on_its_way_is_dropped_once) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(d.say(FreeKeys{tasks({1})})).drops({1});
  EXPECT_TRUE(d.knows(1));  // until the write has ended
  d.turn(spilled({1}, SpillOutcome::obsolete));
  EXPECT_FALSE(d.knows(1));
  // And from disk, while it is read.
  d.turn(put({4}, 205)).says(added({4}, 205)).spills({2});
  d.turn(spilled({2}));
  d.turn(d.say(Compute().add(5, 1, {{2}}))).loads({2}).spills({3});
  d.turn(d.say(CancelCompute{tasks({5}), {{1}}}), d.say(FreeKeys{tasks({2})})).drops({2});
  d.turn(loaded({2}, LoadOutcome::obsolete), spilled({3}));
  EXPECT_FALSE(d.knows(2));
}

TEST(worker_spill, a_value_served_from_disk_is_not_dropped) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(ValuesServed{tasks({1}), true}, d.say(FreeKeys{tasks({1})}));
  d.turn(ValuesServed{tasks({1}), false}).drops({1});
}

TEST(worker_spill, stops_when_the_disk_refuses_and_tries_again_later) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}, SpillOutcome::refused));
  EXPECT_EQ(d.key(1).data, KeyData::memory);
  d.turn(put({4}, 205)).says(added({4}, 205)).says(WorkerStatusChanged{WorkerStatus::paused});
  d.now = d.now + 9s;
  d.turn(WorkerTick{}).says(Heartbeat{820, 0, 0, 0, 0, 0, 0, 0, 0});
  d.now = d.now + 1s;
  d.turn(WorkerTick{}).says(Heartbeat{820, 0, 0, 0, 0, 0, 0, 0, 0}).spills({2, 3});
}

TEST(worker_spill, a_damaged_value_that_is_needed_here_is_asked_for_elsewhere) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5, 1, {{1}}))).loads({1}).spills({2});
  d.turn(loaded({1}, LoadOutcome::lost)).says(InputsMissing{tasks({1}), {{7}}});
  EXPECT_EQ(d.key(5).waiting_for, 1u);
  EXPECT_FALSE(d.key(5).staged);
  d.turn(d.say(WhoHas{tasks({1}), {{4}}})).fetches(1, 4, {1});
  d.turn(fetched(1, {1}), spilled({2})).says(ReplicasAdded{tasks({1}), {8}}).executes({5});
}

TEST(worker_spill, a_damaged_value_that_a_peer_asked_for_is_given_up) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(ValuesLost{tasks({1})}).says(ReplicasRemoved{tasks({1})});
  EXPECT_FALSE(d.knows(1));
}

TEST(worker_spill, a_damaged_value_that_a_peer_asks_for_while_a_task_here_has_it_read_is_asked_for_elsewhere) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5, 1, {{1}}))).loads({1}).spills({2});
  d.turn(ValuesLost{tasks({1})});
  d.turn(loaded({1}, LoadOutcome::obsolete)).says(InputsMissing{tasks({1}), {{7}}});
  d.turn(d.say(WhoHas{tasks({1}), {{4}}})).fetches(1, 4, {1});
  d.turn(fetched(1, {1}), spilled({2})).says(ReplicasAdded{tasks({1}), {8}}).executes({5});
}

TEST(worker_spill, a_process_that_takes_too_much_writes_until_it_is_below_the_target) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3, 4, 5}, 100)).says(added({1, 2, 3, 4, 5}, 100));
  d.turn(WorkerTick{690});
  d.turn(WorkerTick{750}).spills({1, 2});  // to 600
  d.turn(WorkerTick{750});                 // they are on their way
  d.turn(spilled({1, 2}));
  d.turn(WorkerTick{650}).spills({3});  // below 700 by now, but it goes on
  d.turn(spilled({3}));
  d.turn(WorkerTick{600});
  d.turn(WorkerTick{690});
}

TEST(worker_spill, pauses_by_the_memory_of_the_process_and_starts_and_fetches_nothing_until_it_is_less) {
  Dialogue d(tight());
  d.turn(WorkerTick{801}, d.say(Compute().add(1).add(2, 1, {{3, 4}}))).says(WorkerStatusChanged{WorkerStatus::paused});
  EXPECT_EQ(d.worker.counters().paused, 1u);
  d.turn(WorkerTick{760});
  d.turn(WorkerTick{750}).says(WorkerStatusChanged{WorkerStatus::running}).executes({1}).fetches(1, 4, {3});
}

TEST(worker_spill, a_pause_lets_go_of_what_was_staged) {
  Dialogue d(tight());
  d.turn(put({1, 2, 3}, 205)).says(added({1, 2, 3}, 205)).spills({1});
  d.turn(spilled({1}));
  d.turn(d.say(Compute().add(5).add(6, 1, {{1}}))).executes({5}).loads({1}).spills({2});
  d.turn(spilled({2}));
  d.turn(WorkerTick{801}).says(WorkerStatusChanged{WorkerStatus::paused}).spills({3});
  EXPECT_TRUE(d.key(6).queued);
  d.turn(loaded({1}), spilled({3}));
  d.turn(WorkerTick{801}).spills({1});
}

TEST(worker_spill, tells_old_unmanaged_memory_from_new) {
  auto config = tight();
  config.memory.limit = 1'000'000;
  Dialogue d(config);
  d.turn(put({1}, 1000)).says(added({1}, 1000));
  d.turn(WorkerTick{51'000});
  EXPECT_EQ(d.worker.counters().unmanaged_old_bytes, 50'000u);
  d.now = d.now + 10s;
  d.turn(WorkerTick{91'000}).says(Heartbeat{1000, 91'000, 0, 0, 0, 0, 0, 50'000, 709'000});
  d.now = d.now + 25s;
  d.turn(WorkerTick{91'000}).says(Heartbeat{1000, 91'000, 0, 0, 0, 0, 0, 90'000, 709'000});
}

TEST(worker_spill, keeps_everything_in_memory_without_a_limit) {
  Dialogue d;
  d.turn(put({1}, 1ULL << 60)).says(added({1}, 1ULL << 60));
  d.turn(WorkerTick{1ULL << 60});
  EXPECT_EQ(d.worker.status(), WorkerStatus::running);
}

}  // namespace
}  // namespace troupe
