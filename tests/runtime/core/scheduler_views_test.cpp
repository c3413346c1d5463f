#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/core/scheduler_state.hpp"
#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct Views : ::testing::Test {
  static std::size_t index(TaskState state) { return static_cast<std::size_t>(state); }
  std::vector<std::string> keys(const TaskFilter& filter, std::size_t most = 100) {
    std::vector<std::string> found;
    std::uint64_t from = 0;
    do {
      const TaskPage page = d.scheduler.tasks(filter, from, most, 3);
      for (const TaskView& task : page.tasks) found.push_back(task.key);
      from = page.next;
    } while (from != 0);
    return found;
  }

  SchedulerDialogue d;
  ClientId client = d.join_client();
};

TEST_F(Views, TheClusterIsShownAsItIs) {
  RegisterWorker registration;
  registration.name = "alpha";
  registration.http_address = "127.0.0.1:1";
  const WorkerId worker = d.join_worker(2, registration);
  d.submit(client, graph({{}, {}, {0, 1}}));
  d.finish(worker, {d.assigned(worker)[0]}, 100);
  const ClusterView view = d.scheduler.view(d.now);
  ASSERT_THAT(view.workers, SizeIs(1));
  EXPECT_EQ(view.workers[0].address.name, "alpha");
  EXPECT_EQ(view.workers[0].http_address, "127.0.0.1:1");
  EXPECT_EQ(view.workers[0].processing, 1U);
  EXPECT_EQ(view.workers[0].stored, 1U);
  ASSERT_THAT(view.prefixes, SizeIs(1));
  EXPECT_EQ(view.prefixes[0].name, "f");
  EXPECT_EQ(view.prefixes[0].tasks.states[index(TaskState::memory)], 1U);
  EXPECT_EQ(view.prefixes[0].tasks.states[index(TaskState::processing)], 1U);
  EXPECT_EQ(view.prefixes[0].tasks.states[index(TaskState::waiting)], 1U);
  EXPECT_EQ(view.prefixes[0].tasks.memory_bytes, 100U);
  EXPECT_EQ(view.counters.finished, 1U);
  ASSERT_THAT(view.clients, SizeIs(1));
  EXPECT_EQ(view.clients[0].wants, 3U);
}

TEST_F(Views, APrefixCountsTheTasksThereAre) {
  const WorkerId worker = d.join_worker(1);
  d.submit(client, graph({{}, {}}));
  d.submit(client, graph({{}}));
  d.finish(worker, d.assigned(worker), 100);
  const auto tally = [&] { return d.scheduler.view(d.now).prefixes.at(0).tasks; };
  const std::uint64_t finished = tally().states[index(TaskState::memory)];
  EXPECT_GE(finished, 1U);
  EXPECT_EQ(tally().memory_bytes, finished * 100);
  d.say(ClientLeft{client, "gone"});
  EXPECT_EQ(tally(), TaskTally{}) << "nobody wants any of them";
}

TEST_F(Views, ATaskIsFoundByItsNumbersAndByTheNameOfAUser) {
  d.submit(client, graph({{}, {}}));
  d.submit(client, graph({{}}), {}, "f-1-1");
  d.submit(client, graph({{}, {}}), {}, "day-5");
  const auto find = [&](std::string_view text) { return d.scheduler.find_task(text); };
  EXPECT_EQ(find("f-1-0"), TaskId::of(1, 0));
  EXPECT_EQ(find("1-0"), TaskId::of(1, 0));
  EXPECT_EQ(find(std::to_string(TaskId::of(3, 1).value)), TaskId::of(3, 1)) << "as log lines have it";
  EXPECT_EQ(find("f-1-1"), TaskId::of(1, 1)) << "a number comes before a name that looks like it";
  EXPECT_EQ(find("day-5-1"), TaskId::of(3, 1));
  EXPECT_EQ(find("day-5"), TaskId::of(3, 0));
  for (const char* unknown :
       {"", "-", "7", "day", "day-5-2", "f-1-2", "9-9", "f-1-", "1-99999999999", "99999999999999999999-1"})
    EXPECT_FALSE(find(unknown)) << unknown;
}

TEST_F(Views, RunsAreRememberedWithWorkerThreadAndStart) {
  d.scheduler.keep_history(1000);
  const WorkerId worker = d.join_worker(2);
  d.submit(client, graph({{}, {}}));
  d.now = d.now + std::chrono::seconds(5);
  const auto runs = d.assigned(worker);
  TasksFinished message{{runs[0].first}, {runs[0].second}, {8}, {1'000'000}, {}, {500'000}, {3}};
  d.say(WorkerSaid{worker, std::move(message)});
  auto error = std::make_shared<TaskError>();
  TasksErred erred{{runs[1].first}, {runs[1].second}, {error}, {2000}, {0}, {1}};
  d.say(WorkerSaid{worker, std::move(erred)});
  const auto snapshot = d.scheduler.history().snapshot();
  ASSERT_EQ(snapshot.records, 2U);
  const TaskRun& first = snapshot.blocks[0]->runs[0];
  EXPECT_EQ(first.task, runs[0].first);
  EXPECT_EQ(first.start_ns, d.now.nanoseconds - 1'500'000'000);
  EXPECT_EQ(first.duration_us, 1'000'000U);
  EXPECT_EQ(first.thread, 3U);
  EXPECT_EQ(first.worker, worker);
  EXPECT_FALSE(first.erred);
  EXPECT_TRUE(snapshot.blocks[0]->runs[1].erred);
  ASSERT_THAT(d.scheduler.history().failures(), SizeIs(1));
  EXPECT_EQ(d.scheduler.history().failures()[0].key, "f-1-1");
}

TEST_F(Views, NothingIsRememberedUnlessAskedFor) {
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}}));
  const auto runs = d.assigned(worker);
  d.fail(worker, runs[0].first, runs[0].second);
  EXPECT_EQ(d.scheduler.history().recorded(), 0U);
  EXPECT_THAT(d.scheduler.history().failures(), SizeIs(0));
}

TEST_F(Views, AFailureIsRememberedOnceHoweverManyItTakesAlong) {
  d.scheduler.keep_history(1000);
  const WorkerId worker = d.join_worker();
  d.submit(client, graph({{}, {0}, {1}}));
  const auto runs = d.assigned(worker);
  d.fail(worker, runs[0].first, runs[0].second);
  ASSERT_THAT(d.scheduler.history().failures(), SizeIs(1));
  EXPECT_EQ(d.scheduler.history().failures()[0].error->message, "boom");
}

TEST_F(Views, TasksAreFoundByStatePrefixGroupTextAndWorkerInSlices) {
  const WorkerId worker = d.join_worker(1);
  d.submit(client, graph({{}, {0}, {0}, {0}}, function("load")));
  d.submit(client, graph({{}}, function("sum")), {}, "mine");
  EXPECT_THAT(keys({}), ElementsAre("load-1-0", "load-1-1", "load-1-2", "load-1-3", "mine"));
  EXPECT_THAT(keys({}, 2), ElementsAre("load-1-0", "load-1-1", "load-1-2", "load-1-3", "mine"));
  TaskFilter waiting;
  waiting.state = TaskState::waiting;
  EXPECT_THAT(keys(waiting), ElementsAre("load-1-1", "load-1-2", "load-1-3"));
  TaskFilter sums;
  sums.prefix = "sum";
  EXPECT_THAT(keys(sums), ElementsAre("mine"));
  TaskFilter second;
  second.group = 2;
  EXPECT_THAT(keys(second), ElementsAre("mine"));
  TaskFilter text;
  text.text = "1-2";
  EXPECT_THAT(keys(text), ElementsAre("load-1-2"));
  TaskFilter of_worker;
  of_worker.worker = worker;
  of_worker.state = TaskState::processing;
  EXPECT_THAT(keys(of_worker), ElementsAre("load-1-0", "mine"));
}

TEST_F(Views, ATaskIsShownWithItsNeighboursHoldersAndStory) {
  RegisterWorker registration;
  registration.name = "alpha";
  const WorkerId worker = d.join_worker(1, registration);
  d.submit(client, graph({{}, {0}, {1}}), {}, "named");
  d.finish(worker, {d.assigned(worker)[0]});
  const auto detail = d.scheduler.detail(d.scheduler.find_task("named-1"), d.now);
  ASSERT_TRUE(detail);
  EXPECT_EQ(detail->task.key, "named-1");
  EXPECT_EQ(detail->why_code, "processing");
  ASSERT_THAT(detail->dependencies.tasks, SizeIs(1));
  EXPECT_EQ(detail->dependencies.tasks[0].key, "named-0");
  EXPECT_EQ(detail->dependents.total, 1U);
  EXPECT_EQ(detail->wanters.at(0).second, "client");
  EXPECT_FALSE(detail->story.empty());
  const auto input = d.scheduler.detail(d.scheduler.find_task("named-0"), d.now);
  ASSERT_THAT(input->holders, SizeIs(1));
  EXPECT_EQ(input->holders[0].second, "alpha");
  EXPECT_FALSE(d.scheduler.detail(TaskId::of(9, 9), d.now));
}

TEST_F(Views, TheLatestGroupsAndTheirTasks) {
  d.submit(client, graph({{}, {}}));
  d.submit(client, graph({{}, {}, {}}));
  ASSERT_THAT(d.scheduler.latest_groups(1), SizeIs(1));
  EXPECT_EQ(d.scheduler.latest_groups(1)[0].number, 2U);
  const auto tasks = d.scheduler.latest_tasks(4, 0);
  ASSERT_THAT(tasks, SizeIs(2));
  EXPECT_EQ(tasks[0].group.number, 1U);
  EXPECT_THAT(tasks[0].states, SizeIs(1)) << "as many as are left";
  EXPECT_THAT(tasks[1].states, SizeIs(3));
  EXPECT_THAT(d.scheduler.latest_tasks(10, 1), SizeIs(1));
}

TEST_F(Views, AWorkerIsToldOnceWhoseTheTasksOfAGroupAre) {
  const WorkerId worker = d.join_worker(1);
  const auto origins = [&] {
    std::vector<TaskOrigin> told;
    for (const auto& message : d.take<ComputeTasks>(d.to_worker[worker]))
      told.insert(told.end(), message.origins.begin(), message.origins.end());
    return told;
  };
  SubmitGraph message;
  message.submission = message.graph = ++d.submissions[client];
  message.chunk = graph({{}, {}, {}});
  message.span = {"nightly", {1, 2}};
  d.say(ClientSaid{client, message});
  EXPECT_THAT(origins(), ElementsAre(TaskOrigin{1, client, {"nightly", {1, 2}}}));
  d.finish(worker, {{TaskId::of(1, 0), {1}}});
  EXPECT_THAT(origins(), ElementsAre()) << "it knows";

  // What a task submits is in its span; with a span of its own, in that.
  for (const SpanContext& own : {SpanContext{}, SpanContext{"other", {3, 4}}}) {
    message.submission = message.graph = ++d.submissions[client];
    message.chunk = graph({{}});
    message.parent = TaskId::of(1, 1);
    message.span = own;
    d.say(ClientSaid{client, message});
  }
  const auto groups = d.scheduler.latest_groups(10);
  ASSERT_THAT(groups, SizeIs(3));
  EXPECT_EQ(groups[1].origin, (TaskOrigin{2, client, {"nightly", {1, 2}}}));
  EXPECT_EQ(groups[2].origin, (TaskOrigin{3, client, {"other", {3, 4}}}));
  EXPECT_EQ(d.scheduler.detail(TaskId::of(2, 0), d.now)->origin, groups[1].origin);
}

TEST_F(Views, DurationsAreLearntWithTheirSpreadAndToldWithWhatIsLeft) {
  const WorkerId worker = d.join_worker(3);
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(6)));
  const auto durations = [&] {
    d.say(ClientSaid{client, Query{{1}, QueryKind::durations, {}, 0, {}, 0}});
    return d.take<QueryReply>(d.to_client[client]).at(0);
  };
  EXPECT_THAT(durations().durations, ElementsAre(PrefixDuration{"f", 0, 0, 0, 6}));
  EXPECT_EQ(durations().slots, 3U);
  TasksFinished message;
  for (const auto& [task, run] : d.assigned(worker)) {
    if (message.tasks.size() == 3) break;
    message.tasks.push_back(task);
    message.runs.push_back(run);
    message.nbytes.push_back(8);
    message.duration_us.push_back(100 * static_cast<std::uint32_t>(message.tasks.size()));
  }
  ASSERT_THAT(message.tasks, SizeIs(3));
  d.say(WorkerSaid{worker, message});
  const auto learnt = durations().durations.at(0);
  EXPECT_DOUBLE_EQ(learnt.mean_us, 200);
  EXPECT_NEAR(learnt.deviation_us, 81.65, 0.01) << "of 100, 200 and 300";
  EXPECT_EQ(learnt.finished, 3U);
  EXPECT_EQ(learnt.left, 3U);

  // Later ones count as much as all before: 200 and 400 are half way around 300, and 100 from it.
  d.finish(worker, {{TaskId::of(1, 3), {1}}}, 8, 400);
  const auto later = durations().durations.at(0);
  EXPECT_DOUBLE_EQ(later.mean_us, 300);
  EXPECT_NEAR(later.deviation_us, std::sqrt(0.5 * 81.65 * 81.65 + 100 * 100), 0.01);
}

TEST_F(Views, AnOperatorCancelsTasksOfOthersByTheirNames) {
  const WorkerId worker = d.join_worker();
  const ClientId other = d.join_client("operator");
  d.submit(client, graph({{}, {0}}));
  d.assigned(worker);
  d.say(ClientSaid{other, ControlTasks{{5}, TaskControl::cancel, {"f-1-0"}, "by hand"}});
  EXPECT_THAT(d.take<KeysCancelled>(d.to_client[client]), SizeIs(::testing::Ge(1)));
  const auto replies = d.take<QueryReply>(d.to_client[other]);
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_FALSE(replies[0].error);
  EXPECT_THAT(replies[0].lines, ElementsAre("f-1-0"));
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 0)), TaskState::forgotten);
}

TEST_F(Views, AnOperatorTriesFailedTasksAgain) {
  const WorkerId worker = d.join_worker();
  const ClientId other = d.join_client("operator");
  d.submit(client, graph({{}, {0}}));
  const auto runs = d.assigned(worker);
  d.fail(worker, runs[0].first, runs[0].second);
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 1)), TaskState::erred);
  d.say(ClientSaid{other, ControlTasks{{5}, TaskControl::retry, {"f-1-1"}, ""}});
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 0)), TaskState::processing);
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 1)), TaskState::waiting);
}

TEST_F(Views, AnOrderThatNamesAnUnknownTaskDoesNothing) {
  d.submit(client, graph({{}}));
  d.say(ClientSaid{client, ControlTasks{{5}, TaskControl::cancel, {"f-1-0", "f-9-9"}, ""}});
  const auto replies = d.take<QueryReply>(d.to_client[client]);
  ASSERT_THAT(replies, SizeIs(1));
  ASSERT_TRUE(replies[0].error);
  EXPECT_EQ(replies[0].error->kind, ErrorKind::invalid);
  EXPECT_EQ(d.scheduler.state_of(TaskId::of(1, 0)), TaskState::no_worker);
}

}  // namespace
}  // namespace troupe::testing
