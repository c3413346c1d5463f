#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/core/scheduler_state.hpp"
#include "tests/support/scheduler_dialogue.hpp"

/// What clients ask of a scheduler: graphs, shared keys, scattered values, cancelling, and leaving.
namespace troupe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(SchedulerClients, ClientsThatAskForTheSameKeyShareOneRun) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker(2);
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  const auto first = d.submit(one, graph({{}}), Token{5, 5});
  const auto second = d.submit(two, graph({{}}), Token{5, 5});
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(1));
  d.finish(worker, tasks);
  EXPECT_THAT(d.ready(one), ElementsAre(ClientKey::of(first, 0)));
  EXPECT_THAT(d.ready(two), ElementsAre(ClientKey::of(second, 0)));
  d.release(one, ClientKey::of(first, 0));
  EXPECT_THAT(d.freed(worker), IsEmpty());
  d.release(two, ClientKey::of(second, 0));
  EXPECT_THAT(d.freed(worker), SizeIs(1));
}

TEST(SchedulerClients, RefusesAKeyThatIsInUseWithAnotherDefinition) {
  SchedulerDialogue d;
  d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}), Token{5, 5}, "my-key");
  d.take<Accepted>(d.to_client[client]);
  d.submit(client, graph({{}}, function("other")), Token{5, 5}, "my-key");
  const auto answers = d.take<Accepted>(d.to_client[client]);
  ASSERT_THAT(answers, SizeIs(1));
  ASSERT_TRUE(answers[0].error);
  EXPECT_EQ(answers[0].error->kind, ErrorKind::invalid);
  EXPECT_THAT(answers[0].error->text, HasSubstr("my-key"));
}

TEST(SchedulerClients, RefusesADependencyThatIsNotKnown) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  auto chunk = graph({{1}});
  chunk->external = {ClientKey::of(99, 0)};
  d.submit(client, chunk);
  const auto answers = d.take<Accepted>(d.to_client[client]);
  ASSERT_THAT(answers, SizeIs(1));
  ASSERT_TRUE(answers[0].error);
  EXPECT_THAT(answers[0].error->text, HasSubstr("submission 99"));
}

TEST(SchedulerClients, CancelEndsAKeyAndAllThatDependsOnIt) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  const auto submission = d.submit(client, graph({{}, {0}, {1}}));
  const auto root = d.assigned(worker);
  d.say(ClientSaid{client, CancelKeys{{KeyRange{ClientKey::of(submission, 0), 1}}, false, "changed my mind"}});
  std::uint32_t cancelled = 0;
  for (const auto& message : d.take<KeysCancelled>(d.to_client[client])) {
    EXPECT_EQ(message.reason, "changed my mind");
    for (const auto& keys : message.keys) cancelled += keys.count;
  }
  EXPECT_EQ(cancelled, 3u);
  EXPECT_THAT(d.take<CancelCompute>(d.to_worker[worker]), SizeIs(1));
  EXPECT_EQ(d.scheduler.state_of(root[0].first), TaskState::forgotten);
  d.finish(worker, root);
  EXPECT_THAT(d.take<CancelCompute>(d.to_worker[worker]), SizeIs(1)) << "what it made after all goes";
  d.expect_nothing_else();
}

TEST(SchedulerClients, CancelByOneClientLeavesTheOtherItsResult) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  const auto first = d.submit(one, graph({{}}), Token{5, 5});
  d.submit(two, graph({{}}), Token{5, 5});
  d.say(ClientSaid{one, CancelKeys{{KeyRange{ClientKey::of(first, 0), 1}}, false, ""}});
  d.finish(worker, d.assigned(worker));
  EXPECT_THAT(d.ready(one), IsEmpty());
  EXPECT_THAT(d.ready(two), SizeIs(1));
}

TEST(SchedulerClients, DropsTheWorkOfAClientThatLeft) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(100)));
  d.say(ClientLeft{client, "laptop closed"});
  EXPECT_THAT(d.take<CancelCompute>(d.to_worker[worker]), ::testing::Not(IsEmpty()));
  const auto& counters = d.scheduler.counters();
  for (std::size_t state = 0; state + 1 < task_state_count; ++state) EXPECT_EQ(counters.tasks[state], 0u) << state;
  EXPECT_EQ(counters.groups, 0u);
}

TEST(SchedulerClients, WhatAnotherClientWantsSurvivesTheOneWhoSubmittedIt) {
  SchedulerDialogue d;
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  d.submit(one, graph({{}}), Token{5, 5});
  d.submit(two, graph({{}}), Token{5, 5});
  d.say(ClientLeft{one, ""});
  const WorkerId worker = d.join_worker();
  d.settle();
  d.finish(worker, d.assigned(worker));
  EXPECT_THAT(d.ready(two), SizeIs(1));
}

TEST(SchedulerClients, TwoWhoSubmitTheSameGraphEachGetWhatTheyWantOfIt) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker(4);
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  const auto wants = [](std::uint32_t task) {
    auto chunk = graph({{}, {}, {0, 1}});
    chunk->all_wanted = false;
    chunk->wanted = task == 2 ? std::vector<std::uint32_t>{2} : std::vector<std::uint32_t>{task, 2};
    return chunk;
  };
  d.submit(one, wants(2), Token{9, 9});
  d.submit(two, wants(1), Token{9, 9});
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) d.finish(worker, tasks);
  EXPECT_THAT(d.ready(one), ElementsAre(ClientKey::of(1, 2)));
  EXPECT_THAT(d.ready(two), ElementsAre(ClientKey::of(1, 1), ClientKey::of(1, 2)));
}

TEST(SchedulerClients, WhoComesLateIsToldOnceOfWhatFailsBecauseItIsWantedAgain) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  auto ends = graph({{}, {0}, {1}});
  ends->all_wanted = false;
  ends->wanted = {0, 2};
  d.submit(one, ends, Token{9, 9});
  TaskId last;
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) {
    last = tasks.back().first;
    d.finish(worker, tasks);
  }
  // The last value is elsewhere too; the first is made again there, and fails. The one between is known, and not needed.
  const WorkerId other = d.join_worker();
  d.say(WorkerSaid{other, ReplicasAdded{{last}, {8}}});
  d.say(WorkerLeft{worker, false, "killed"});
  const auto again = d.assigned(other);
  ASSERT_THAT(again, SizeIs(1));
  d.fail(other, again[0].first, again[0].second);
  const auto second = d.submit(two, graph({{}, {0}, {1}}), Token{9, 9});
  EXPECT_THAT(d.ready(two), ElementsAre(ClientKey::of(second, 2)));
  const auto erred = d.erred(two);
  ASSERT_THAT(erred, SizeIs(2));
  EXPECT_EQ(erred[0].first, ClientKey::of(second, 0));
  EXPECT_EQ(erred[1].first, ClientKey::of(second, 1));
}

TEST(SchedulerClients, ScatteredValuesAreToldReadyOnceTheirWorkerHasThem) {
  SchedulerDialogue d;
  const WorkerId a = d.join_worker();
  const WorkerId b = d.join_worker();
  const ClientId client = d.join_client();
  const auto [task, targets] = d.scatter(client, 2);
  EXPECT_THAT(targets, UnorderedElementsAre(a, b));
  d.say(WorkerSaid{a, ReplicasAdded{{task}, {100}}});
  EXPECT_THAT(d.ready(client), ElementsAre(ClientKey::of(1, 0)));
  d.say(WorkerSaid{b, ReplicasAdded{{task}, {100}}});
  d.say(WorkerLeft{a, false, "gone"});
  EXPECT_EQ(d.scheduler.state_of(task), TaskState::memory);
  d.say(WorkerLeft{b, false, "gone"});
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.kind, TaskError::Kind::lost);
}

TEST(SchedulerClients, AScatteredValueIsLostWhenAllWorkersItWasToGoToAreGoneBeforeItCame) {
  SchedulerDialogue d;
  const WorkerId a = d.join_worker();
  const WorkerId b = d.join_worker();
  const ClientId client = d.join_client();
  const TaskId task = d.scatter(client, 2).first;
  const WorkerId c = d.join_worker();
  d.say(WorkerLeft{a, false, "gone"});
  EXPECT_EQ(d.scheduler.state_of(task), TaskState::waiting) << "the other copy may come yet";
  d.say(WorkerLeft{b, false, "gone"});
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.kind, TaskError::Kind::lost);
  EXPECT_EQ(errors[0].second.root, task);
  // It was put to a process that has registered anew since: too late.
  d.say(WorkerSaid{c, ReplicasAdded{{task}, {100}}});
  EXPECT_THAT(d.freed(c), ElementsAre(task));
}

TEST(SchedulerClients, HeldTasksStayUntilTheirGraphIsComplete) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  SubmitGraph first;
  first.submission = 1;
  first.graph = 1;
  first.last = false;
  auto chunk = graph({{}});
  chunk->all_wanted = false;
  first.chunk = chunk;
  first.held = {0};
  d.say(ClientSaid{client, first});
  const auto root = d.assigned(worker);
  d.finish(worker, root);
  EXPECT_EQ(d.scheduler.state_of(root[0].first), TaskState::memory);
  SubmitGraph second;
  second.submission = 2;
  second.graph = 1;
  auto rest = graph({{1}});
  rest->external = {ClientKey::of(1, 0)};
  second.chunk = rest;
  d.say(ClientSaid{client, second});
  d.finish(worker, d.assigned(worker));
  EXPECT_THAT(d.ready(client), ElementsAre(ClientKey::of(2, 0)));
  EXPECT_THAT(d.freed(worker), ElementsAre(root[0].first));
}

TEST(SchedulerClients, AnswersEachSubmissionOfOneTurn) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  for (std::uint64_t submission = 1; submission <= 2; ++submission) {
    SubmitGraph message;
    message.submission = message.graph = submission;
    message.chunk = graph({{}});
    d.scheduler.handle(ClientSaid{client, std::move(message)}, d.now);
  }
  d.settle();
  const auto answers = d.take<Accepted>(d.to_client[client]);
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].submission, 1u);
  EXPECT_EQ(answers[1].submission, 2u);
}

}  // namespace
}  // namespace troupe::testing
