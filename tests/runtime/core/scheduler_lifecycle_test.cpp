#include <gmock/gmock.h>

#include "tests/support/scheduler_dialogue.hpp"

// Workers that leave, and workers that are started again.

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LifecycleTest : public ::testing::Test {
protected:
  WorkerId worker(const std::string& name, std::uint32_t threads = 1) {
    RegisterWorker registration;
    registration.name = name;
    registration.nannied = true;
    return d.join_worker(threads, std::move(registration));
  }
  /// A value that only this worker holds, and its client wants.
  TaskId value_on(const std::string& name, WorkerId at) {
    Annotations annotations;
    annotations.workers = {name};
    annotations.allow_other_workers = true;
    d.submit(client, graph({{}}, function("make", annotations)));
    const auto given = d.assigned(at);
    EXPECT_THAT(given, SizeIs(1));
    d.finish(at, given);
    return given.at(0).first;
  }
  NannyId nanny(Incarnation incarnation) {
    const NannyId id = d.scheduler.next_nanny();
    d.say(NannyJoined{id, {"machine", 1}});
    d.say(NannySaid{id, WorkerStarted{incarnation}});
    d.take<NannyRegistered>(d.to_nanny[id]);
    return id;
  }
  static Incarnation incarnation_of(WorkerId id) { return {1000u + id.value}; }
  std::vector<QueryReply> replies() { return d.take<QueryReply>(d.to_client[client]); }
  void restart(std::vector<std::string> workers) {
    d.say(ClientSaid{client, RestartWorkers{{5}, std::move(workers), 10'000}});
  }

  SchedulerDialogue d;
  ClientId client{d.join_client()};
};

TEST_F(LifecycleTest, a_worker_that_leaves_is_told_to_close_once_its_values_are_elsewhere) {
  const auto w0 = worker("w0");
  const auto value = value_on("w0", w0);
  const auto w1 = worker("w1");
  d.say(WorkerSaid{w0, Leaving{"signal 15"}});
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty());
  const auto asked = d.take<AcquireReplicas>(d.to_worker[w1]);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0].tasks, ElementsAre(value));
  d.submit(client, graph({{}}));
  EXPECT_THAT(d.assigned(w0), IsEmpty()) << "it gets nothing new";
  d.say(WorkerSaid{w1, ReplicasAdded{{value}, {8}}});
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "signal 15"}));
  d.say(WorkerSaid{w0, Goodbye{"signal 15"}});
  EXPECT_EQ(d.scheduler.counters().recomputed, 0u);
  EXPECT_EQ(d.scheduler.counters().workers_drained, 1u);
}

TEST_F(LifecycleTest, a_worker_that_leaves_when_nobody_can_take_its_values_closes_all_the_same) {
  const auto w0 = worker("w0");
  value_on("w0", w0);
  d.say(WorkerSaid{w0, Leaving{"signal 2"}});
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "signal 2"}));
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty()) << "said once";
  d.say(WorkerSaid{w0, Goodbye{"signal 2"}});
  EXPECT_THAT(d.assigned(worker("w1")), SizeIs(1)) << "and it is made again elsewhere";
}

TEST_F(LifecycleTest, a_worker_that_leaves_while_it_is_retired_is_not_forgotten) {
  const auto w0 = worker("w0");
  value_on("w0", w0);
  const auto w1 = worker("w1");
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  d.say(WorkerSaid{w0, Leaving{"signal 2"}});
  d.say(WorkerLeft{w1, false, "gone"});  // nobody is left to take the value
  d.pass(100ms);
  const auto told = replies();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].error->text, HasSubstr("no other worker"));
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "signal 2"}));
}

TEST_F(LifecycleTest, a_link_placed_ahead_of_its_input_waits_for_it_when_its_worker_leaves) {
  const auto w0 = worker("w0");
  Annotations annotations;
  annotations.run_ahead = true;
  d.submit(client, graph({{}, {0}, {1}}, function("link", annotations)));
  const auto given = d.assigned(w0);
  ASSERT_THAT(given, SizeIs(3)) << "the whole chain";
  const auto w1 = worker("w1");
  d.say(WorkerSaid{w0, Leaving{"signal 15"}});
  const auto asked = d.take<StealTasks>(d.to_worker[w0]);
  ASSERT_THAT(asked, SizeIs(1));
  StealReply answer{asked[0].tasks, asked[0].runs, {}};
  for (const TaskId task : asked[0].tasks) answer.released.push_back(task == given[0].first ? 0 : 1);
  d.say(WorkerSaid{w0, answer});
  EXPECT_THAT(d.assigned(w1), IsEmpty());
  d.finish(w0, {given[0]});
  EXPECT_THAT(d.assigned(w1), ::testing::Not(IsEmpty()));
}

TEST_F(LifecycleTest, a_copy_that_was_wanted_where_the_value_is_then_made_keeps_nobody_from_leaving) {
  const auto w0 = worker("w0");
  const auto value = value_on("w0", w0);
  const auto w1 = worker("w1");
  d.say(WorkerSaid{w0, Leaving{"signal 15"}});
  ASSERT_THAT(d.take<AcquireReplicas>(d.to_worker[w1]), SizeIs(1));
  d.say(WorkerSaid{w1, InputsMissing{{value}, {w0}}});  // it could not be read there
  const auto given = d.assigned(w1);
  ASSERT_THAT(given, SizeIs(1));
  d.finish(w1, given);
  const auto w2 = worker("w2");
  d.say(WorkerSaid{w1, Leaving{"signal 15"}});
  d.pass(100ms);
  EXPECT_THAT(d.take<AcquireReplicas>(d.to_worker[w2]), SizeIs(1));
}

TEST_F(LifecycleTest, a_restart_cancels_all_and_is_answered_when_each_new_process_has_registered) {
  const auto w0 = worker("w0");
  const auto own = nanny(incarnation_of(w0));
  const auto other = d.join_client("other");
  value_on("w0", w0);
  const auto submission = d.submit(other, graph({{}}));
  ASSERT_THAT(d.assigned(w0), SizeIs(1));
  restart({});
  const auto asked = d.take<RestartWorker>(d.to_nanny[own]);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].incarnation, incarnation_of(w0));
  const auto cancelled = d.take<KeysCancelled>(d.to_client[other]);
  ASSERT_THAT(cancelled, SizeIs(1));
  EXPECT_THAT(cancelled[0].keys, ElementsAre(KeyRange{ClientKey::of(submission, 0), 1}));
  EXPECT_THAT(d.take<KeysCancelled>(d.to_client[client]), SizeIs(1));
  d.say(NannySaid{own, WorkerDied{incarnation_of(w0), 9, 0, {}, {}, ""}});
  EXPECT_THAT(replies(), IsEmpty());
  d.say(NannySaid{own, WorkerStarted{{1000u + w0.value + 1}}});
  EXPECT_THAT(replies(), IsEmpty());
  const auto again = worker("w0");
  ASSERT_EQ(again.value, w0.value + 1);
  const auto told = replies();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].error);
  EXPECT_THAT(told[0].lines, ElementsAre("w0"));
  d.submit(client, graph({{}}));
  EXPECT_THAT(d.assigned(again), SizeIs(1));
}

TEST_F(LifecycleTest, a_worker_told_to_restart_may_leave_at_once) {
  const auto w0 = worker("w0");
  const auto own = nanny(incarnation_of(w0));
  value_on("w0", w0);
  const auto w1 = worker("w1");
  restart({"w0"});
  EXPECT_THAT(d.take<RestartWorker>(d.to_nanny[own]), SizeIs(1));
  d.say(WorkerSaid{w0, Leaving{"signal 15"}});
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), SizeIs(1)) << "its values are given up";
  d.say(WorkerSaid{w0, Goodbye{"signal 15"}});
  EXPECT_THAT(d.assigned(w1), SizeIs(1)) << "and made again elsewhere";
}

TEST_F(LifecycleTest, a_restart_names_workers_without_a_nanny_and_those_that_do_not_come_back) {
  const auto w0 = worker("w0");
  nanny(incarnation_of(w0));
  const auto w1 = d.join_worker();
  restart({"w0", "127.0.0.1:" + std::to_string(9000 + w1.value)});
  auto told = replies();
  ASSERT_THAT(told, SizeIs(1));
  ASSERT_TRUE(told[0].error);
  EXPECT_THAT(told[0].error->text, HasSubstr("no nanny"));
  EXPECT_TRUE(d.to_nanny.begin()->second.empty()) << "none is restarted then";

  restart({"w0"});
  d.pass(5s);
  EXPECT_THAT(replies(), IsEmpty());
  d.pass(6s);
  told = replies();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].error->text, HasSubstr("'w0'"));
  d.say(WorkerSaid{w0, Heartbeat{}});
  d.say(WorkerLeft{w1, false, "gone"});
  d.submit(client, graph({{}}));
  EXPECT_THAT(d.assigned(w0), SizeIs(1)) << "it goes on, since nobody ended it";
}

}  // namespace
}  // namespace troupe::testing
