#include <functional>

#include "tests/runtime/core/worker_dialogue.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

WorkerConfig threads(std::uint32_t n) {
  WorkerConfig config;
  config.threads = n;
  return config;
}

// ---- executions ---------------------------------------------------------------------------------------------------

TEST(worker_state, executes_a_task_reports_it_and_keeps_its_value_until_it_is_freed) {
  Dialogue d;
  {
    Turn turn = d.turn(d.say(Compute().add(1)));
    EXPECT_EQ(turn.effects().execute.templates[0]->prefix, "t1");
    EXPECT_EQ(turn.effects().execute.arguments[0].text(), "arguments of t1");
    EXPECT_EQ(turn.effects().execute.input_offsets, (std::vector<std::uint32_t>{0, 0}));
    turn.executes({1});
  }
  d.turn(Done().finished(1, 1, 100).event).says(finished({1}, 1, 100));
  EXPECT_EQ(d.worker.counters().managed_bytes, 100u);
  EXPECT_EQ(d.worker.counters().stored, 1u);
  EXPECT_EQ(d.worker.counters().finished, 1u);
  d.turn(d.say(FreeKeys{tasks({1})})).drops({1});
  EXPECT_EQ(d.worker.key_count(), 0u);
  EXPECT_EQ(d.worker.counters().managed_bytes, 0u);
}

TEST(worker_state, gives_a_task_its_own_arguments_and_its_templates_if_it_has_none) {
  Dialogue d(threads(2));
  Compute compute;
  compute.add(1).add(2);
  compute.message.arguments = Bytes::copy("own");
  compute.message.argument_offsets = {0, 3, 3};
  compute.message.inline_wanted = {1, 0};
  Turn turn = d.turn(d.say(compute));
  EXPECT_EQ(turn.effects().execute.arguments[0].text(), "own");
  EXPECT_EQ(turn.effects().execute.arguments[1].text(), "arguments of t1");
  EXPECT_EQ(turn.effects().execute.inline_wanted, (std::vector<std::uint8_t>{1, 0}));
  turn.executes({1, 2});
}

TEST(worker_state, reports_an_error_and_forgets_the_task) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  const auto done = Done().erred(1).event;
  d.turn(done).says(TasksErred{tasks({1}), {{1}}, {done.errors[0]}});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, hands_over_one_unknown_task_a_slot_and_more_as_they_prove_short) {
  Dialogue d(threads(2));
  Compute compute;
  for (std::uint32_t n = 1; n <= 40; ++n) compute.add(n);
  d.turn(d.say(compute)).executes({1, 2});
  d.turn(Done().finished(1).event).executes({3, 4, 5}).says(finished({1}));
  d.turn(Done().finished(2).finished(3).event).executes({6, 7, 8, 9, 10, 11}).says(finished({2, 3}));
  EXPECT_EQ(d.worker.counters().ready, 40u - 11u + 6u);
  EXPECT_EQ(d.worker.counters().executing, 2u);
}

TEST(worker_state, hands_over_no_more_than_its_horizon_of_learnt_work) {
  Dialogue d(threads(1));
  Compute compute;
  for (std::uint32_t n = 1; n <= 40; ++n) compute.add(n);
  d.turn(d.say(compute)).executes({1});
  // 400 us each: two of them fit into 1 ms.
  d.turn(Done().finished(1, 1, 8, 400).event).executes({2, 3}).says(finished({1}, 1, 8, 400));
  d.turn(Done().finished(2, 1, 8, 400).event).executes({4}).says(finished({2}, 1, 8, 400));
  // 2 s: longer than the horizon, so one a slot.
  d.turn(Done().finished(3, 1, 8, 2'000'000).event).says(finished({3}, 1, 8, 2'000'000));
  d.turn(Done().finished(4, 1, 8, 2'000'000).event).executes({5}).says(finished({4}, 1, 8, 2'000'000));
}

TEST(worker_state, runs_the_most_urgent_first_however_they_arrive) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(d.say(Compute().add(5).add(6).add(7)), d.say(Compute().add(3).add(2)), d.say(Compute().add(9, 1, {}, 1, -1)));
  std::vector<std::uint32_t> order;
  std::uint32_t running = 1;
  for (int i = 0; i < 6; ++i) {
    WorkerEffects out;
    d.worker.handle(Done().finished(running, 1, 8, 5000).event, {}, out);
    d.worker.settle({}, out);
    ASSERT_EQ(out.execute.tasks.size(), 1u);
    running = out.execute.tasks[0].index();
    order.push_back(running);
  }
  EXPECT_EQ(order, (std::vector<std::uint32_t>{9, 2, 3, 5, 6, 7}));
}

TEST(worker_state, sends_small_values_along_also_when_only_some_of_an_event_are_reported) {
  Dialogue d(threads(3));
  d.turn(d.say(Compute().add(1).add(2).add(3))).executes({1, 2, 3});
  d.turn(d.say(CancelCompute{tasks({2}), {{1}}})).retracts({2}).stops({2});
  auto done = Done().finished(1).finished(2).event;
  done.values = {{0, 2, 5}, Bytes::copy("aabbb")};
  auto second = Done().finished(3).event;
  second.values = {{0, 4}, Bytes::copy("cccc")};
  auto expected = finished({1, 3});
  expected.values = {{0, 2, 6}, Bytes::copy("aacccc")};
  d.turn(done, second).says(expected).drops({2});
}

TEST(worker_state, passes_the_values_of_a_whole_event_on_uncopied) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  auto done = Done().finished(1).event;
  done.values = {{0, 3}, Bytes::copy("abc")};
  auto expected = finished({1});
  expected.values = done.values;
  Turn turn = d.turn(done);
  EXPECT_EQ(std::get<TasksFinished>(turn.effects().to_scheduler[0]).values.bytes.data(), done.values.bytes.data());
  turn.says(expected);
}

TEST(worker_state, refuses_a_task_of_an_undefined_template_and_one_that_needs_what_it_does_not_have) {
  Dialogue d;
  Turn turn = d.turn(d.say(Compute().add(1, 1, {}, 99).add(2, 1, {}, 3)));
  ASSERT_EQ(turn.effects().to_scheduler.size(), 1u);
  const auto erred = std::get<TasksErred>(turn.effects().to_scheduler[0]);
  EXPECT_EQ(erred.tasks, tasks({1, 2}));
  EXPECT_EQ(erred.errors[0]->kind, TaskError::Kind::invalid);
  EXPECT_EQ(erred.errors[1]->kind, TaskError::Kind::no_worker);
  turn.says(erred);
}

TEST(worker_state, ends_when_a_message_does_not_fit_together) {
  Dialogue d;
  Compute compute;
  compute.add(1);
  compute.message.runs.clear();
  const std::string reason = "ComputeTasks whose vectors do not fit together";
  d.turn(d.say(compute)).says(Goodbye{reason}).closes(reason);
}

TEST(worker_state, forgets_a_template_when_its_last_task_has_ended) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(d.say(ForgetTemplates{{{1}}}));
  d.turn(Done().finished(1).event).says(finished({1}));
  TaskTemplate tmpl;
  tmpl.prefix = "again";
  d.turn(d.say(DefineTemplates{{{1}}, {tmpl}}));
  Turn turn = d.turn(d.say(Compute().add(2)));
  EXPECT_EQ(turn.effects().execute.templates[0]->prefix, "again");
  turn.executes({2});
}

// ---- resources ------------------------------------------------------------------------------------------------------

WorkerConfig gpus(std::uint32_t slots, double amount) {
  WorkerConfig config = threads(slots);
  config.resources = {{"GPU", amount}};
  return config;
}

TEST(worker_state, runs_no_more_tasks_at_once_than_it_has_of_a_resource) {
  Dialogue d(gpus(4, 2));
  d.turn(d.say(Compute().add(1, 1, {}, 3).add(2, 1, {}, 3).add(3, 1, {}, 3).add(4))).executes({1, 2, 4});
  d.turn(Done().finished(4).event).says(finished({4}));
  d.turn(Done().finished(1).event).executes({3}).says(finished({1}));
}

TEST(worker_state, keeps_a_resource_for_the_more_urgent_task_that_needs_more_of_it) {
  Dialogue d(gpus(4, 2));
  d.turn(d.say(Compute().add(1, 1, {}, 3))).executes({1});
  // Task 2 needs both, task 3 would fit but is less urgent; 4 needs none and passes by.
  d.turn(d.say(Compute().add(2, 1, {}, 4).add(3, 1, {}, 3).add(4))).executes({4});
  d.turn(Done().finished(1).event).executes({2}).says(finished({1}));
  d.turn(Done().finished(2).event).executes({3}).says(finished({2}));
}

// ---- inputs -------------------------------------------------------------------------------------------------------

TEST(worker_state, starts_the_next_link_of_a_chain_by_itself) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2, 1, {{1}}).add(3, 1, {{2}, {1}}))).executes({1});
  EXPECT_EQ(d.worker.counters().waiting, 2u);
  {
    Turn turn = d.turn(Done().finished(1).event);
    EXPECT_EQ(turn.effects().execute.inputs, tasks({1}));
    turn.executes({2}).says(finished({1}));
  }
  Turn turn = d.turn(Done().finished(2).event);
  EXPECT_EQ(turn.effects().execute.inputs, tasks({2, 1}));
  EXPECT_EQ(turn.effects().execute.input_offsets, (std::vector<std::uint32_t>{0, 2}));
  turn.executes({3}).says(finished({2}));
}

TEST(worker_state, asks_the_scheduler_when_the_input_it_would_make_itself_failed) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2, 1, {{1}}))).executes({1});
  const auto done = Done().erred(1).event;
  d.turn(done).says(TasksErred{tasks({1}), {{1}}, {done.errors[0]}}).says(InputsMissing{tasks({1}), {{0}}});
  d.turn(d.say(CancelCompute{tasks({2}), {{1}}}));
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, waits_for_a_retry_of_a_failed_input_on_this_worker) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2, 1, {{1}}))).executes({1});
  const auto done = Done().erred(1).event;
  d.turn(done).says(TasksErred{tasks({1}), {{1}}, {done.errors[0]}}).says(InputsMissing{tasks({1}), {{0}}});
  d.turn(d.say(Compute().add(1, 2))).executes({1}, 2);
  d.turn(Done().finished(1, 2).event).says(finished({1}, 2)).executes({2});
}

TEST(worker_state, says_that_it_does_not_have_an_input_the_scheduler_thinks_it_has) {
  Dialogue d;
  d.turn(d.say(Compute().add(2, 1, {{1, 0}}))).says(InputsMissing{tasks({1}), {{7}}});
  d.turn(d.say(WhoHas{tasks({1}), {{3}}})).fetches(1, 3, {1});
}

TEST(worker_state, fetches_inputs_runs_the_task_and_keeps_the_copies_until_they_are_freed) {
  Dialogue d;
  d.turn(d.say(Compute().add(3, 1, {{1, 4}, {2, 5}}))).fetches(1, 4, {1}).fetches(2, 5, {2});
  EXPECT_EQ(d.worker.counters().fetching, 2u);
  d.turn(fetched(2, {2})).says(ReplicasAdded{tasks({2}), {8}});
  d.turn(fetched(1, {1})).says(ReplicasAdded{tasks({1}), {8}}).executes({3});
  d.turn(Done().finished(3).event).says(finished({3}));
  EXPECT_EQ(d.worker.counters().stored, 3u);
  d.turn(d.say(FreeKeys{tasks({1, 2, 3})})).drops({1, 2, 3});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, a_freed_input_stays_until_the_tasks_that_need_it_have_ended) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(Done().finished(1).event, d.say(Compute().add(2, 1, {{1}}))).says(finished({1})).executes({2});
  d.turn(d.say(FreeKeys{tasks({1})}));
  d.turn(Done().finished(2).event).says(finished({2})).drops({1});
}

TEST(worker_state, one_fetch_a_peer_takes_many_keys_by_urgency_up_to_its_limit) {
  WorkerConfig config;
  config.fetch_bytes_limit = 100;
  Dialogue d(config);
  d.turn(d.say(Compute().add(10, 1, {{1, 4, 60}}).add(11, 1, {{2, 4, 60}}).add(12, 1, {{3, 4, 40}})))
      .fetches(1, 4, {1});
  // More urgent than all that waits.
  d.turn(d.say(Compute().add(5, 1, {{4, 4, 10}})));
  d.turn(fetched(1, {1})).fetches(2, 4, {4, 2}).says(ReplicasAdded{tasks({1}), {8}}).executes({10});
}

TEST(worker_state, raises_the_urgency_of_a_waiting_fetch_with_the_task_that_needs_it) {
  Dialogue d;
  d.turn(d.say(AcquireReplicas{tasks({1}), {{4}}, {8}})).fetches(1, 4, {1});
  d.turn(d.say(AcquireReplicas{tasks({2, 3}), {{4}, {4}}, {50'000'000, 50'000'000}}));
  d.turn(d.say(Compute().add(9, 1, {{3, 4, 50'000'000}})));
  d.turn(fetched(1, {1})).says(ReplicasAdded{tasks({1}), {8}}).fetches(2, 4, {3});
}

TEST(worker_state, fetches_no_more_at_once_than_its_limits_in_number_and_bytes) {
  WorkerConfig config;
  config.max_concurrent_fetches = 2;
  config.memory.limit = 1000;  // 100 in flight
  Dialogue d(config);
  d.turn(d.say(Compute().add(10, 1, {{1, 1, 80}, {2, 2, 30}, {3, 3, 20}, {4, 4, 1}}))).fetches(1, 1, {1});
  d.turn(fetched(1, {1})).says(ReplicasAdded{tasks({1}), {8}}).fetches(2, 2, {2}).fetches(3, 3, {3});
  d.turn(fetched(3, {3})).says(ReplicasAdded{tasks({3}), {8}}).fetches(4, 4, {4});
}

TEST(worker_state, asks_again_for_what_a_peer_held_back) {
  Dialogue d;
  d.turn(d.say(Compute().add(3, 1, {{1, 4}, {2, 4}}))).fetches(1, 4, {1, 2});
  d.turn(fetched(1, {1})).says(ReplicasAdded{tasks({1}), {8}}).fetches(2, 4, {2});
}

TEST(worker_state, leaves_a_busy_peer_alone_for_a_while_and_goes_on_with_others) {
  Dialogue d;
  d.turn(d.say(Compute().add(3, 1, {{1, 4}}))).fetches(1, 4, {1});
  d.turn(FetchDone{1, FetchOutcome::busy, {}, {}, {}});
  d.turn(d.say(Compute().add(4, 1, {{2, 5}}))).fetches(2, 5, {2});
  d.now = d.now + 149ms;
  d.turn(WorkerTick{});
  d.now = d.now + 1ms;
  d.turn(WorkerTick{}).fetches(3, 4, {1});
}

TEST(worker_state, tells_what_a_peer_does_not_have_and_fetches_it_where_the_scheduler_says) {
  Dialogue d;
  d.turn(d.say(Compute().add(3, 1, {{1, 4}}))).fetches(1, 4, {1});
  d.turn(fetched(1, {}, {1})).says(InputsMissing{tasks({1}), {{4}}});
  d.turn(d.say(WhoHas{tasks({1}), {{0}}}));
  d.turn(d.say(WhoHas{tasks({1}), {{2}}})).fetches(2, 2, {1});
  d.turn(fetched(2, {1})).says(ReplicasAdded{tasks({1}), {8}}).executes({3});
}

TEST(worker_state, strikes_off_a_peer_that_cannot_be_reached_with_all_that_waits_for_it) {
  WorkerConfig config;
  config.fetch_bytes_limit = 1;
  Dialogue d(config);
  d.turn(d.say(Compute().add(3, 1, {{1, 4}, {2, 4}}))).fetches(1, 4, {1});
  d.turn(FetchDone{1, FetchOutcome::lost, {}, {}, {}}).says(InputsMissing{tasks({1, 2}), {{4}, {4}}});
  // The scheduler thinks it is well: it is asked again, but not at once.
  d.turn(d.say(WhoHas{tasks({1, 2}), {{4}, {5}}})).fetches(2, 5, {2});
  d.now = d.now + 150ms;
  d.turn(WorkerTick{}).fetches(3, 4, {1});
}

TEST(worker_state, asks_nothing_more_of_a_worker_that_is_lost) {
  WorkerConfig config;
  config.fetch_bytes_limit = 1;
  Dialogue d(config);
  d.turn(d.say(Compute().add(3, 1, {{1, 4}, {2, 4}}))).fetches(1, 4, {1});
  d.turn(d.say(WorkersLost{{{4}}})).says(InputsMissing{tasks({2}), {{4}}});
  d.turn(FetchDone{1, FetchOutcome::lost, {}, {}, {}}).says(InputsMissing{tasks({1}), {{4}}});
  d.turn(d.say(WhoHas{tasks({1}), {{4}}})).says(InputsMissing{tasks({1}), {{4}}});
}

TEST(worker_state, drops_what_arrives_when_nobody_wants_it_any_more) {
  Dialogue d;
  d.turn(d.say(Compute().add(3, 1, {{1, 4}}))).fetches(1, 4, {1});
  d.turn(d.say(CancelCompute{tasks({3}), {{1}}}));
  EXPECT_EQ(d.key(1).activity, KeyActivity::fetching);
  d.turn(fetched(1, {1})).drops({1});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, acquires_replicas_and_says_so_once) {
  Dialogue d;
  d.turn(d.say(AcquireReplicas{tasks({1}), {{4}}, {8}})).fetches(1, 4, {1});
  d.turn(fetched(1, {1})).says(ReplicasAdded{tasks({1}), {8}});
  d.turn(d.say(AcquireReplicas{tasks({1}), {{5}}, {8}}));
  d.turn(d.say(FreeKeys{tasks({1})})).drops({1});
}

// ---- cancel, steal, late ends --------------------------------------------------------------------------------------

TEST(worker_state, cancels_what_has_not_started_and_drops_the_value_of_what_runs) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2).add(3, 1, {{2}}))).executes({1});
  d.turn(d.say(CancelCompute{tasks({1, 2, 3}), {{1}, {1}, {1}}}))
      .retracts({1})
      .stops({1})
      .says(InputsMissing{tasks({2}), {{0}}});
  d.turn(Done().finished(1).event).drops({1});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, never_reports_a_late_end_under_a_new_run) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(d.say(CancelCompute{tasks({1}), {{1}}})).retracts({1}).stops({1});
  d.turn(d.say(Compute().add(1, 2)));
  d.turn(Done().finished(1).event).drops({1}).executes({1}, 2);
  d.turn(Done().erred(1, 2).event).says(TasksErred{tasks({1}), {{2}}, {Done().erred(1).event.errors[0]}});
}

TEST(worker_state, a_new_run_replaces_the_old_one_without_a_cancel) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2))).executes({1});
  d.turn(d.say(Compute().add(1, 2).add(2, 2))).retracts({1}).stops({1});
  d.turn(Done().retracted(1).event).executes({1}, 2);
}

TEST(worker_state, drops_a_value_whose_run_is_cancelled_after_it_finished) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(Done().finished(1).event).says(finished({1}));
  d.turn(d.say(CancelCompute{tasks({1}), {{2}}}));
  d.turn(d.say(CancelCompute{tasks({1}), {{1}}})).drops({1});
}

TEST(worker_state, gives_up_what_has_not_started_when_it_is_stolen) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2).add(3, 1, {{9, 4}}))).executes({1}).fetches(1, 4, {9});
  d.turn(d.say(StealTasks{tasks({2, 3, 8}), {{1}, {1}, {1}}}))
      .says(StealReply{tasks({2, 3, 8}),
                       {{1}, {1}, {1}},
                       {1, 1, 0},
                       {StealRefusal::none, StealRefusal::none, StealRefusal::absent}});
  d.turn(fetched(1, {9})).drops({9});
}

TEST(worker_state, asks_the_pool_before_it_answers_for_a_stolen_task_that_was_handed_over) {
  Dialogue d(threads(2));
  d.turn(d.say(Compute().add(1).add(2))).executes({1, 2});
  d.turn(d.say(StealTasks{tasks({1, 2}), {{1}, {1}}})).retracts({1, 2});
  d.turn(Done().retracted(1).event).says(steal_reply(1, StealRefusal::none));
  d.turn(Done().finished(2).event).says(finished({2})).says(steal_reply(2, StealRefusal::started));
  EXPECT_EQ(d.worker.key_count(), 1u);
}

TEST(worker_state, puts_back_what_the_pool_returns_unasked) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(Done().retracted(1).event).executes({1});
}

// ---- secede, serving, memory, life ----------------------------------------------------------------------------------

TEST(worker_state, a_seceded_task_makes_room_for_another_and_takes_its_slot_back_when_it_returns) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2).add(3))).executes({1});
  d.turn(ExecutionSeceded{task(1), {1}, false}).says(TasksSeceded{tasks({1}), {{1}}, {0}}).executes({2});
  EXPECT_EQ(d.worker.counters().seceded, 1u);
  d.turn(d.say(StealTasks{tasks({1}), {{1}}})).says(steal_reply(1, StealRefusal::started));
  d.turn(ExecutionSeceded{task(1), {1}, true}).says(TasksSeceded{tasks({1}), {{1}}, {1}});
  d.turn(Done().finished(2, 1, 8, 5000).event).says(finished({2}, 1, 8, 5000));
  d.turn(Done().finished(1, 1, 8, 5000).event).says(finished({1}, 1, 8, 5000)).executes({3});
}

TEST(worker_state, does_not_drop_a_value_while_it_is_served) {
  Dialogue d;
  d.turn(ValuesPut{tasks({1}), {8}}).says(ReplicasAdded{tasks({1}), {8}});
  d.turn(ValuesServed{tasks({1}), true}, ValuesServed{tasks({1}), true});
  d.turn(d.say(FreeKeys{tasks({1})}));
  EXPECT_EQ(d.worker.counters().transfers_outgoing, 2u);
  d.turn(ValuesServed{tasks({1}), false});
  d.turn(ValuesServed{tasks({1}), false}).drops({1});
  EXPECT_EQ(d.worker.counters().sent_bytes, 16u);
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, counts_readers_of_a_value_that_was_dropped_before_it_heard_of_them) {
  Dialogue d;
  d.turn(ValuesServed{tasks({1}), true});
  d.turn(ValuesServed{tasks({1}), false});
  EXPECT_EQ(d.worker.key_count(), 0u);
}

TEST(worker_state, does_not_drop_a_value_that_was_freed_and_put_again_in_one_turn) {
  Dialogue d;
  d.turn(ValuesPut{tasks({1}), {8}}).says(ReplicasAdded{tasks({1}), {8}});
  d.turn(d.say(FreeKeys{tasks({1})}), ValuesPut{tasks({1}), {9}}).says(ReplicasAdded{tasks({1}), {9}});
  EXPECT_EQ(d.worker.counters().managed_bytes, 9u);
}

TEST(worker_state, starts_nothing_while_its_memory_is_full) {
  WorkerConfig config;
  config.memory.limit = 1000;
  Dialogue d(config);
  d.turn(ValuesPut{tasks({1, 2}), {700, 101}}, d.say(Compute().add(3).add(4, 1, {{5, 4}})))
      .says(ReplicasAdded{tasks({1, 2}), {700, 101}})
      .says(WorkerStatusChanged{WorkerStatus::paused});
  d.turn(d.say(FreeKeys{tasks({2})}))
      .drops({2})
      .says(WorkerStatusChanged{WorkerStatus::running})
      .executes({3})
      .fetches(1, 4, {5});
}

TEST(worker_state, says_why_it_keeps_what_is_to_be_stolen) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(Done().finished(1).event).says(finished({1}));
  d.turn(d.say(StealTasks{tasks({1}), {{1}}})).says(steal_reply(1, StealRefusal::finished));
  d.turn(d.say(StealTasks{tasks({1}), {{2}}})).says(steal_reply(1, StealRefusal::absent, 2));
  d.turn(d.say(FreeKeys{tasks({1})})).drops({1});
  d.turn(d.say(StealTasks{tasks({1}), {{1}}})).says(steal_reply(1, StealRefusal::absent));
}

TEST(worker_state, runs_functions_outside_the_task_system) {
  Dialogue d;
  d.turn(d.say(RunFunction{{1}, {}, {}})).runs(1);
}

TEST(worker_state, drains_before_it_says_goodbye) {
  Dialogue d;
  d.turn(d.say(Compute().add(1).add(2).add(3, 1, {{1}}))).executes({1});
  d.turn(d.say(CloseWorker{true, "scale down"})).retracts({1}).says(WorkerStatusChanged{WorkerStatus::closing});
  d.turn(d.say(Compute().add(4)));
  d.turn(Done().finished(1).event).says(finished({1})).says(Goodbye{"scale down"}).closes("scale down");
  d.turn(d.say(Compute().add(5)));
}

TEST(worker_state, closes_at_once_when_asked_to_and_when_it_is_refused) {
  Dialogue d;
  d.turn(d.say(Compute().add(1))).executes({1});
  d.turn(d.say(CloseWorker{false, "stop"})).says(Goodbye{"stop"}).closes("stop");
  WorkerState refused{WorkerConfig{}};
  WorkerEffects out;
  refused.handle(Dialogue::say(WorkerRegistered{{}, {}, 0, Error{ErrorKind::invalid, "no"}}), {}, out);
  refused.settle({}, out);
  EXPECT_EQ(out.refused, (Error{ErrorKind::invalid, "no"}));
  Turn(std::move(out)).closes("no");
}

// ---- all cells ------------------------------------------------------------------------------------------------------

/// Key 1 in one cell of intent x activity x data, and what ends what is in the air and frees all.
struct Cell {
  KeyIntent intent;
  KeyActivity activity;
  KeyData data;
  std::function<std::vector<WorkerEvent>(Dialogue&)> events;  ///< one turn each
};

std::vector<Cell> all_cells() {
  using enum KeyIntent;
  using enum KeyActivity;
  using enum KeyData;
  using Events = std::vector<WorkerEvent>;
  const auto say = [](auto message) { return Dialogue::say(std::move(message)); };
  const WorkerEvent put = ValuesPut{tasks({1}), {8}};
  const WorkerEvent free = say(FreeKeys{tasks({1})});
  const WorkerEvent serve = ValuesServed{tasks({1}), true};
  const WorkerEvent acquire = say(AcquireReplicas{tasks({1}), {{4}}, {8}});
  const WorkerEvent run1 = say(Compute().add(1));
  const WorkerEvent run2 = say(Compute().add(1, 2));
  const WorkerEvent cancel1 = say(CancelCompute{tasks({1}), {{1}}});
  const WorkerEvent occupy = say(Compute().add(50, 1, {}, 2, -5));  // takes the only slot
  const WorkerEvent unknown = say(Compute().add(60, 1, {{1, 9}}));  // needs key 1 from a peer nobody knows
  const auto cell = [](KeyIntent i, KeyActivity a, KeyData d, Events events) {
    return Cell{i, a, d, [events](Dialogue&) { return events; }};
  };
  return {
      cell(none, idle, absent, {unknown}),
      cell(none, idle, memory, {put, serve, free}),
      cell(none, fetching, absent, {acquire, free}),
      cell(none, fetching, memory, {acquire, put, serve, free}),
      cell(none, executing, absent, {run1, cancel1}),
      cell(none, executing, memory, {run1, put, serve, free}),
      cell(compute, idle, absent, {occupy, run1}),
      cell(compute, idle, memory, {occupy, put, serve, run1}),
      cell(compute, fetching, absent, {acquire, run1}),
      cell(compute, fetching, memory, {acquire, put, serve, run1}),
      cell(compute, executing, absent, {run1}),
      cell(compute, executing, memory, {put, serve, run1}),
      cell(replica, idle, absent, {say(AcquireReplicas{tasks({1}), {{9}}, {8}})}),
      cell(replica, idle, memory, {put}),
      cell(replica, fetching, absent, {acquire}),
      cell(replica, fetching, memory, {acquire, put}),
      cell(replica, executing, absent, {run1, cancel1, acquire}),
      cell(replica, executing, memory, {run1, cancel1, put}),
  };
}

TEST(worker_state, can_be_in_each_cell_of_intent_activity_and_data_and_gets_out_of_it) {
  const auto cells = all_cells();
  ASSERT_EQ(cells.size(), 3u * 3u * 2u);
  for (const Cell& cell : cells) {
    SCOPED_TRACE("intent " + std::to_string(int(cell.intent)) + " activity " + std::to_string(int(cell.activity)) +
                 " data " + std::to_string(int(cell.data)));
    for (const bool serve_ends_first : {false, true}) {
      Dialogue d;
      bool served = false;
      std::vector<std::pair<TaskId, RunId>> running;
      std::vector<std::uint64_t> flights;
      std::uint64_t value_of_one = 0;  // 0: not in the store
      const auto play = [&](WorkerEvent event) {
        if (const auto* s = std::get_if<ValuesServed>(&event)) served = s->begin;
        if (std::holds_alternative<ValuesPut>(event)) value_of_one = 1;
        WorkerEffects out;
        d.worker.handle(std::move(event), d.now, out);
        d.worker.settle(d.now, out);
        d.worker.check_invariants();
        for (const TaskId dropped : out.drop) {
          if (dropped == task(1)) value_of_one = 0;
        }
        for (std::size_t i = 0; i < out.execute.tasks.size(); ++i) {
          running.emplace_back(out.execute.tasks[i], out.execute.runs[i]);
        }
        for (const auto& fetch : out.fetch) flights.push_back(fetch.fetch);
      };
      for (auto& event : cell.events(d)) play(event);
      const KeyView view = d.key(1);
      EXPECT_EQ(view.intent, cell.intent);
      EXPECT_EQ(view.activity, cell.activity);
      EXPECT_EQ(view.data, cell.data);
      EXPECT_EQ(value_of_one != 0, cell.data == KeyData::memory) << "the store and the machine agree";

      if (serve_ends_first && served) play(ValuesServed{tasks({1}), false});
      while (!running.empty() || !flights.empty()) {
        if (!flights.empty()) {
          value_of_one = 1;
          play(fetched(std::exchange(flights, {}).front(), {1}));
          continue;
        }
        const auto [ended, run] = running.back();
        running.pop_back();
        if (ended == task(1)) value_of_one = 1;
        play(Done().finished(ended.index(), run.value).event);
      }
      if (served) play(ValuesServed{tasks({1}), false});
      const bool kept =
          cell.intent == KeyIntent::compute || (cell.intent == KeyIntent::replica && d.key(1).data == KeyData::memory);
      EXPECT_EQ(value_of_one != 0, kept);
      EXPECT_TRUE(cell.intent != KeyIntent::compute || d.key(1).intent == KeyIntent::replica);
      play(d.say(CancelCompute{tasks({60}), {{1}}}));
      play(d.say(FreeKeys{tasks({1, 50})}));
      EXPECT_EQ(d.worker.key_count(), 0u);
      EXPECT_EQ(value_of_one, 0u);
    }
  }
}

}  // namespace
}  // namespace troupe
