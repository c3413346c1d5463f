#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/core/scheduler_state.hpp"
#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Each reason code of docs/when_something_is_wrong.md, made on purpose.
struct Explain : ::testing::Test {
  std::string code(TaskId task) { return d.scheduler.explain(task, d.now).first; }
  std::vector<std::string> lines(TaskId task) { return d.scheduler.explain(task, d.now).second; }
  static TaskId task(std::uint32_t index) { return TaskId::of(1, index); }

  SchedulerDialogue d;
  ClientId client = d.join_client();
};

TEST_F(Explain, ATaskThatNobodyKnows) { EXPECT_EQ(code(TaskId::of(77, 0)), "unknown"); }

TEST_F(Explain, WithoutWorkers) {
  d.submit(client, graph({{}}));
  EXPECT_EQ(code(task(0)), "no-workers");
}

TEST_F(Explain, WithoutItsModule) {
  d.join_worker();
  TaskTemplate wanted = function("f");
  wanted.function.kind = FunctionRef::Kind::module;
  wanted.function.module = "demo";
  d.submit(client, graph({{}}, wanted));
  EXPECT_EQ(code(task(0)), "module-missing");
  EXPECT_THAT(lines(task(0)), Contains(HasSubstr("'demo'")));
}

TEST_F(Explain, WithoutAWorkerThatFits) {
  d.join_worker();
  Annotations annotations;
  annotations.resources = {{"GPU", 1}};
  annotations.workers = {"alpha"};
  d.submit(client, graph({{}}, function("f", annotations)));
  EXPECT_EQ(code(task(0)), "restrictions-unmet");
  EXPECT_THAT(lines(task(0)), Contains(HasSubstr("alpha")));
  EXPECT_THAT(lines(task(0)), Contains(HasSubstr("GPU")));
}

TEST_F(Explain, WithInputsThatAreNotThere) {
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}, {}, {0, 1}}));
  d.finish(worker, {d.assigned(worker)[0]});
  EXPECT_EQ(code(task(2)), "waiting-for-inputs");
  EXPECT_THAT(lines(task(2)), Contains(HasSubstr("f-1-1 is processing")));
  EXPECT_EQ(code(task(0)), "in-memory");
}

TEST_F(Explain, WithAScatteredValueThatItsClientHasNotSent) {
  d.join_worker();
  EXPECT_EQ(code(d.scatter(client).first), "waiting-for-scatter");
}

TEST_F(Explain, WithEveryWorkerFull) {
  d.join_worker();
  d.submit(client, graph({{}, {}, {}, {}}));
  EXPECT_EQ(code(task(0)), "processing");
  EXPECT_EQ(code(task(3)), "workers-full");
}

TEST_F(Explain, WithEveryWorkerPaused) {
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}, {}, {}, {}}));
  d.say(WorkerSaid{worker, WorkerStatusChanged{WorkerStatus::paused}});
  EXPECT_EQ(code(task(3)), "workers-paused");
  EXPECT_EQ(code(task(0)), "worker-paused");
}

TEST_F(Explain, WithEveryWorkerSilent) {
  d.join_worker();
  d.submit(client, graph({{}, {}, {}, {}}));
  d.pass(seconds(15));
  EXPECT_EQ(code(task(3)), "workers-silent");
  EXPECT_EQ(code(task(0)), "worker-silent");
}

TEST_F(Explain, ThatRunsAndWaitsForTasksOfItsOwn) {
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}}));
  const auto tasks = d.assigned(worker);
  d.say(WorkerSaid{worker, TasksSeceded{{tasks[0].first}, {tasks[0].second}, {0}}});
  EXPECT_EQ(code(task(0)), "seceded");
}

TEST_F(Explain, AheadOfItsInput) {
  d.join_worker();
  Annotations ahead;
  ahead.run_ahead = true;
  d.submit(client, graph({{}, {0}}, function("link", ahead)));
  EXPECT_EQ(code(task(1)), "ahead-of-its-input");
}

TEST_F(Explain, AskedBackForAnIdleWorker) {
  const WorkerId loaded = d.join_worker();
  d.submit(client, graph({{}}));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  d.submit(client, graph({{}, {}, {}, {}}));
  ASSERT_THAT(d.assigned(loaded), SizeIs(4));
  d.join_worker();
  d.pass(seconds(1));
  const auto asked = d.take<StealTasks>(d.to_worker[loaded]);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(code(asked[0].tasks[0]), "being-stolen");
}

TEST_F(Explain, ThatFailed) {
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}}));
  const auto tasks = d.assigned(worker);
  d.fail(worker, tasks[0].first, tasks[0].second, "boom");
  EXPECT_EQ(code(task(0)), "erred");
  EXPECT_THAT(lines(task(0)), Contains(HasSubstr("boom")));
}

TEST_F(Explain, ThatHasNoValueAndIsKeptForOthers) {
  const WorkerId worker = d.join_worker();
  auto chunk = graph({{}, {0}});
  chunk->all_wanted = false;
  chunk->wanted = {1};
  d.submit(client, chunk);
  d.finish(worker, d.assigned(worker));
  d.finish(worker, d.assigned(worker));
  EXPECT_EQ(code(task(0)), "released");
}

}  // namespace
}  // namespace troupe::testing
