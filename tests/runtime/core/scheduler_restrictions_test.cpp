#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scheduler_dialogue.hpp"

/// Which workers may run a task, by what it asks for; and that stealing keeps to it.
namespace troupe::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct SchedulerRestrictions : ::testing::Test {
  WorkerId worker(std::string name, std::vector<ResourceAmount> resources = {}) {
    RegisterWorker registration;
    registration.name = std::move(name);
    registration.resources = std::move(resources);
    return d.join_worker(1, std::move(registration));
  }
  void submit(std::size_t tasks, Annotations annotations = {}) {
    d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(tasks), function("f", std::move(annotations))));
  }
  static Annotations on(std::vector<std::string> workers, bool allow_others = false) {
    Annotations annotations;
    annotations.workers = std::move(workers);
    annotations.allow_other_workers = allow_others;
    return annotations;
  }
  static Annotations needs(double gpus) {
    Annotations annotations;
    annotations.resources = {{"GPU", gpus}};
    return annotations;
  }

  SchedulerDialogue d;
  ClientId client = d.join_client();
};

TEST_F(SchedulerRestrictions, AWorkerIsMeantByNameByAddressOrByHost) {
  const WorkerId plain = worker("plain");
  const WorkerId named = worker("alpha");
  RegisterWorker elsewhere;
  elsewhere.address = "10.0.0.2:9000";
  const WorkerId addressed = d.join_worker(1, elsewhere);
  RegisterWorker hosted;
  hosted.host = "rack-3";
  const WorkerId at_host = d.join_worker(1, hosted);
  submit(1, on({"alpha"}));
  submit(1, on({"10.0.0.2:9000"}));
  submit(1, on({"rack-3"}));
  EXPECT_THAT(d.assigned(named), SizeIs(1));
  EXPECT_THAT(d.assigned(addressed), SizeIs(1));
  EXPECT_THAT(d.assigned(at_host), SizeIs(1));
  EXPECT_THAT(d.assigned(plain), IsEmpty());
}

TEST_F(SchedulerRestrictions, APreferenceIsGivenUpWhileNoPreferredWorkerIsThere) {
  const WorkerId other = worker("other");
  submit(1, on({"alpha"}, true));
  d.finish(other, d.assigned(other));
  const WorkerId alpha = worker("alpha");
  submit(1, on({"alpha"}, true));
  EXPECT_THAT(d.assigned(other), IsEmpty());
  d.finish(alpha, d.assigned(alpha));
  EXPECT_THAT(d.ready(client), SizeIs(2));
  d.release(client, ClientKey::of(2, 0));
  d.say(WorkerLeft{alpha, true, "done"});
  submit(1, on({"alpha"}, true));
  EXPECT_THAT(d.assigned(other), SizeIs(1));
}

TEST_F(SchedulerRestrictions, AWorkerHasToOfferAsMuchOfAResourceAsOneTaskNeeds) {
  const WorkerId two = worker("two", {{"GPU", 2}});
  submit(1, needs(3));
  EXPECT_THAT(d.assigned(two), IsEmpty());
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 0)), TaskState::no_worker);
  submit(1, needs(2));
  EXPECT_THAT(d.assigned(two), SizeIs(1));
  const WorkerId four = worker("four", {{"GPU", 4}});
  EXPECT_THAT(d.assigned(four), SizeIs(1));
}

TEST_F(SchedulerRestrictions, WhatNobodyMayRunWaitsForeverUnlessATimeoutIsSet) {
  worker("plain");
  submit(1, needs(1));
  for (int i = 0; i < 100; ++i) {
    d.pass(1s);
    for (const auto& [id, messages] : d.to_worker) d.say(WorkerSaid{id, Heartbeat{}});
  }
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 0)), TaskState::no_worker);
  EXPECT_THAT(d.erred(client), IsEmpty());
}

TEST(SchedulerNoWorkersTimeout, FailsWhatNobodyMayRunAndSaysWhy) {
  SchedulerConfig config;
  config.no_workers_timeout = 5s;
  SchedulerDialogue d(config);
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {0}}));  // there is no worker at all
  d.pass(4s);
  EXPECT_THAT(d.erred(client), IsEmpty());
  d.pass(1s);
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(2)) << "the task, and the one that needs it";
  for (const auto& [key, error] : errors) {
    EXPECT_EQ(error.kind, TaskError::Kind::no_worker);
    EXPECT_THAT(error.message, HasSubstr("no worker satisfies"));
  }
}

TEST_F(SchedulerRestrictions, OnlyWhatTheIdleWorkerMayRunIsStolen) {
  const WorkerId loaded = worker("loaded", {{"GPU", 8}});
  submit(1, needs(1));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  submit(5, needs(1));
  ASSERT_THAT(d.assigned(loaded), SizeIs(5));
  worker("without");
  d.pass(100ms);
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[loaded]), IsEmpty());
  worker("with", {{"GPU", 1}});
  d.pass(100ms);
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[loaded]), SizeIs(1));
}

TEST_F(SchedulerRestrictions, WhatCostsMoreToMoveThanToRunIsNotStolen) {
  const WorkerId loaded = worker("loaded");
  auto chunk = graph({{}, {0}, {0}, {0}, {0}, {0}}, function("make"));
  chunk->templates.push_back(function("read"));
  chunk->template_of = {0, 1, 1, 1, 1, 1};
  d.submit(client, graph({{}}, function("read")));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  d.submit(client, chunk);
  d.finish(loaded, d.assigned(loaded), 100'000'000, 1000);  // a tenth of a second away, as the bandwidth is thought
  ASSERT_THAT(d.assigned(loaded), SizeIs(5));
  worker("idle");
  d.pass(100ms);
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[loaded]), IsEmpty());
}

TEST_F(SchedulerRestrictions, WhatHasSecededIsNotStolen) {
  const WorkerId loaded = worker("loaded");
  submit(1);
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  submit(4);
  const auto tasks = d.assigned(loaded);
  ASSERT_THAT(tasks, SizeIs(4));
  TasksSeceded seceded;
  for (const auto& [task, run] : tasks) {
    seceded.tasks.push_back(task);
    seceded.runs.push_back(run);
    seceded.rejoined.push_back(0);
  }
  d.say(WorkerSaid{loaded, seceded});
  worker("idle");
  d.pass(100ms);
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[loaded]), IsEmpty());
}

}  // namespace
}  // namespace troupe::testing
