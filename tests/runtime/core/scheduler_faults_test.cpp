#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scheduler_dialogue.hpp"

/// What becomes of tasks when workers die or leave, and when values are not where they should be.
namespace troupe::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct SchedulerFaults : ::testing::Test {
  /// A nanny says that the worker died while it ran these.
  void die(WorkerId worker, const std::vector<std::pair<TaskId, RunId>>& running) {
    WorkerDied death;
    death.incarnation = {1000u + worker.value};
    death.signal = 9;
    for (const auto& [task, run] : running) {
      death.running.push_back(task);
      death.runs.push_back(run);
    }
    d.say(NannySaid{nanny, death});
  }
  /// One task that reads a value of an earlier submission.
  std::shared_ptr<GraphChunk> reader(ClientKey input) {
    auto chunk = graph({{1}}, function("read"));
    chunk->external = {input};
    return chunk;
  }

  SchedulerDialogue d;
  ClientId client = d.join_client();
  NannyId nanny = d.scheduler.next_nanny();
};

TEST_F(SchedulerFaults, AWorkerThatLeavesIsNotHeldAgainstWhatItRan) {
  d.submit(client, graph({{}}));
  for (int i = 0; i < 5; ++i) {
    const WorkerId worker = d.join_worker();
    ASSERT_THAT(d.assigned(worker), SizeIs(1));
    d.say(WorkerLeft{worker, true, "retired"});
  }
  const WorkerId last = d.join_worker();
  d.finish(last, d.assigned(last));
  EXPECT_THAT(d.ready(client), SizeIs(1));
  EXPECT_EQ(d.scheduler.counters().prefixes.at("f").suspicious, 0u);
}

TEST_F(SchedulerFaults, RetriesAndDeathsOfWorkersAreCountedApart) {
  Annotations once_more;
  once_more.retries = 1;
  d.submit(client, graph({{}}, function("f", once_more)));
  for (int i = 0; i < 2; ++i) {
    const WorkerId worker = d.join_worker();
    const auto tasks = d.assigned(worker);
    ASSERT_THAT(tasks, SizeIs(1));
    die(worker, tasks);
  }
  const WorkerId worker = d.join_worker();
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(d.erred(client), IsEmpty());
    const auto tasks = d.assigned(worker);
    ASSERT_THAT(tasks, SizeIs(1));
    d.fail(worker, tasks[0].first, tasks[0].second);
  }
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.kind, TaskError::Kind::exception);
}

TEST_F(SchedulerFaults, AValueThatIsNotWhereItsOnlyHolderShouldBeIsMadeAgain) {
  RegisterWorker b_only;
  b_only.name = "b";
  const WorkerId a = d.join_worker();
  const auto made = d.submit(client, graph({{}}, function("make")));
  const auto tasks = d.assigned(a);
  d.finish(a, tasks);
  EXPECT_THAT(d.ready(client), SizeIs(1));
  const WorkerId b = d.join_worker(1, b_only);
  auto chunk = reader(ClientKey::of(made, 0));
  chunk->templates[0].annotations.workers = {"b"};
  d.submit(client, chunk);
  const auto reading = d.assigned(b);
  ASSERT_THAT(reading, SizeIs(1));
  d.say(WorkerSaid{b, InputsMissing{{tasks[0].first}, {a}}});
  EXPECT_THAT(d.take<KeysPending>(d.to_client[client]), SizeIs(1)) << "it was ready, and is not any more";
  EXPECT_THAT(d.take<CancelCompute>(d.to_worker[b]), SizeIs(1));
  std::vector<std::pair<TaskId, RunId>> again;
  for (const WorkerId worker : {a, b})
    for (const auto& task : d.assigned(worker)) {
      again.push_back(task);
      d.finish(worker, {task});
    }
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].first, tasks[0].first);
  EXPECT_GT(again[0].second, tasks[0].second);
  EXPECT_EQ(d.scheduler.counters().recomputed, 1u);
}

TEST_F(SchedulerFaults, WhatIsDoneAgainIsCountedByReason) {
  const auto count = [this](RetryReason reason) {
    return d.scheduler.counters().retries[static_cast<std::size_t>(reason)];
  };
  Annotations twice;
  twice.retries = 2;
  d.submit(client, graph({{}}, function("f", twice)));
  // With a worker that leaves, one that dies, and one that fails it in every way.
  const WorkerId leaving = d.join_worker();
  ASSERT_THAT(d.assigned(leaving), SizeIs(1));
  d.say(WorkerLeft{leaving, true, "retired"});
  EXPECT_EQ(count(RetryReason::worker_left), 1u);
  const WorkerId dying = d.join_worker();
  die(dying, d.assigned(dying));
  EXPECT_EQ(count(RetryReason::worker_lost), 1u);
  const WorkerId worker = d.join_worker();
  auto tasks = d.assigned(worker);
  d.fail(worker, tasks[0].first, tasks[0].second);
  EXPECT_EQ(count(RetryReason::error), 1u);
  tasks = d.assigned(worker);
  auto killed = std::make_shared<TaskError>();
  killed->kind = TaskError::Kind::killed;
  d.say(WorkerSaid{worker, TasksErred{{tasks[0].first}, {tasks[0].second}, {killed}}});
  EXPECT_EQ(count(RetryReason::killed), 1u);
  tasks = d.assigned(worker);
  d.fail(worker, tasks[0].first, tasks[0].second);
  EXPECT_THAT(d.erred(client), SizeIs(1)) << "no attempt is left";
  d.say(ClientSaid{client, RetryKeys{{KeyRange{ClientKey::of(1, 0), 1}}}});
  EXPECT_EQ(count(RetryReason::asked), 1u);
  tasks = d.assigned(worker);
  d.finish(worker, tasks);
  // Its value is read, and then lost.
  const WorkerId reading = d.join_worker();
  auto chunk = reader(ClientKey::of(1, 0));
  chunk->templates[0].annotations.workers = {"127.0.0.1:" + std::to_string(9000 + reading.value)};
  d.submit(client, chunk);
  ASSERT_THAT(d.assigned(reading), SizeIs(1));
  d.say(WorkerLeft{worker, false, "gone"});
  EXPECT_EQ(count(RetryReason::value_lost), 1u);
  EXPECT_EQ(count(RetryReason::input_lost), 1u);
  for (std::size_t i = 0; i < retry_reason_count; ++i)
    EXPECT_EQ(d.scheduler.counters().retries[i], 1u) << name_of(static_cast<RetryReason>(i));
}

TEST_F(SchedulerFaults, ALateCompletionDoesNotFreeACopyThatItsWorkerGotSince) {
  const WorkerId a = d.join_worker();
  const auto made = d.submit(client, graph({{}}, function("make")));
  d.finish(a, d.assigned(a));
  RegisterWorker named;
  named.name = "b";
  const WorkerId b = d.join_worker(1, named);
  named.name = "c";
  const WorkerId c = d.join_worker(1, named);
  d.say(PeerReachable{c, false});
  auto chunk = reader(ClientKey::of(made, 0));
  chunk->templates[0].annotations.workers = {"b", "c"};
  const auto read = d.submit(client, chunk);
  const auto first = d.assigned(b);
  ASSERT_THAT(first, SizeIs(1));
  // Its input is lost as it ends, and all is done again by another one.
  d.say(PeerReachable{c, true});
  d.say(PeerReachable{b, false});
  d.say(WorkerLeft{a, false, "gone"});
  ASSERT_THAT(d.take<CancelCompute>(d.to_worker[b]), SizeIs(1));
  d.finish(c, d.assigned(c));
  d.finish(c, d.assigned(c));
  // What the first one made is refused; what it has fetched since, and is about to report, stays.
  d.finish(b, first);
  EXPECT_THAT(d.freed(b), IsEmpty());
  const auto refused = d.take<CancelCompute>(d.to_worker[b]);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0].runs, ElementsAre(first[0].second));
  d.say(WorkerSaid{b, ReplicasAdded{{first[0].first}, {8}}});
  d.release(client, ClientKey::of(read, 0));
  EXPECT_THAT(d.freed(b), ElementsAre(first[0].first));
  EXPECT_THAT(d.freed(c), ElementsAre(first[0].first));
}

TEST_F(SchedulerFaults, WhatNeedsALostScatteredValueFailsWithIt) {
  const WorkerId holder = d.join_worker();
  const TaskId value = d.scatter(client).first;
  d.say(WorkerSaid{holder, ReplicasAdded{{value}, {100}}});
  d.submit(client, reader(ClientKey::of(1, 0)));
  d.say(WorkerLeft{holder, false, "gone"});
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(2));
  for (const auto& [key, error] : errors) {
    EXPECT_EQ(error.kind, TaskError::Kind::lost);
    EXPECT_EQ(error.root, value);
  }
}

TEST_F(SchedulerFaults, AValueWithAnotherCopyOutlivesItsWorker) {
  const WorkerId a = d.join_worker();
  const WorkerId b = d.join_worker();
  d.submit(client, graph({{}}));
  const auto on_a = d.assigned(a);
  const WorkerId maker = on_a.empty() ? b : a;
  const WorkerId other = on_a.empty() ? a : b;
  const auto tasks = on_a.empty() ? d.assigned(b) : on_a;
  d.finish(maker, tasks);
  d.say(WorkerSaid{other, ReplicasAdded{{tasks[0].first}, {8}}});
  d.say(WorkerLeft{maker, false, "gone"});
  EXPECT_EQ(d.scheduler.state_of(tasks[0].first), TaskState::memory);
  EXPECT_THAT(d.take<KeysPending>(d.to_client[client]), IsEmpty());
  EXPECT_EQ(d.scheduler.counters().recomputed, 0u);
}

TEST_F(SchedulerFaults, AWorkerComesBackUnderItsNameAsAnotherOne) {
  RegisterWorker named;
  named.name = "w";
  const WorkerId first = d.join_worker(1, named);
  d.submit(client, graph({{}}));
  const auto old_run = d.assigned(first);
  d.say(WorkerLeft{first, false, "gone"});
  const WorkerId second = d.join_worker(1, named);
  EXPECT_NE(first, second);
  const auto new_run = d.assigned(second);
  ASSERT_THAT(new_run, SizeIs(1));
  d.finish(first, old_run);  // the earlier life is not listened to
  EXPECT_THAT(d.ready(client), IsEmpty());
  d.finish(second, new_run);
  EXPECT_THAT(d.ready(client), SizeIs(1));
}

}  // namespace
}  // namespace troupe::testing
