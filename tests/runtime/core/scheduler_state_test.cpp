#include "runtime/core/scheduler_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(SchedulerState, SendsAReadyTaskToAWorkerAndTellsTheClientWhenItIsDone) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  const auto submission = d.submit(client, graph({{}}));
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(tasks[0].second, RunId{1});
  EXPECT_EQ(d.scheduler.state_of(tasks[0].first), TaskState::processing);
  d.finish(worker, tasks);
  EXPECT_THAT(d.ready(client), ElementsAre(ClientKey::of(submission, 0)));
  d.release(client, ClientKey::of(submission, 0));
  EXPECT_THAT(d.freed(worker), ElementsAre(tasks[0].first));
  EXPECT_EQ(d.scheduler.state_of(tasks[0].first), TaskState::forgotten);
  d.expect_nothing_else();
}

TEST(SchedulerState, StartsATaskWhenItsLastInputArrives) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker(2);
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {}, {0, 1}}));
  const auto roots = d.assigned(worker);
  ASSERT_THAT(roots, SizeIs(2));
  d.finish(worker, {roots[0]});
  EXPECT_THAT(d.assigned(worker), IsEmpty());
  d.finish(worker, {roots[1]});
  const auto last = d.assigned(worker);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].first.index(), 2u);
}

TEST(SchedulerState, ChunksOfOneGraphFollowEachOtherWhereTheyBringNoRanks) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  const auto submit = [&](std::uint64_t submission, bool last) {
    SubmitGraph message;
    message.submission = submission;
    message.graph = 1;
    message.last = last;
    message.chunk = graph({{}, {}, {}});
    d.say(ClientSaid{client, std::move(message)});
  };
  submit(1, false);
  submit(2, true);
  const WorkerId worker = d.join_worker();
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) {
    for (const auto& [task, run] : tasks) order.emplace_back(task.group(), task.index());
    d.finish(worker, tasks);
  }
  ASSERT_THAT(order, SizeIs(6));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << "the second chunk is not to run among the first";
}

TEST(SchedulerState, FreesAnIntermediateValueWithItsLastReader) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  auto chunk = graph({{}, {0}});
  chunk->all_wanted = false;
  chunk->wanted = {1};
  d.submit(client, chunk);
  const auto root = d.assigned(worker);
  d.finish(worker, root);
  EXPECT_THAT(d.freed(worker), IsEmpty());
  d.finish(worker, d.assigned(worker));
  EXPECT_THAT(d.freed(worker), ElementsAre(root[0].first));
  EXPECT_EQ(d.scheduler.state_of(root[0].first), TaskState::released) << "kept: its dependent may need it again";
}

TEST(SchedulerState, DropsTasksThatNoWantedKeyNeeds) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker(4);
  const ClientId client = d.join_client();
  auto chunk = graph({{}, {}, {0}});
  chunk->all_wanted = false;
  chunk->wanted = {2};
  d.submit(client, chunk);
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(tasks[0].first.index(), 0u);
}

TEST(SchedulerState, RefusesALateCompletionOfAnEarlierRun) {
  SchedulerDialogue d;
  const WorkerId first = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  const auto old_run = d.assigned(first);
  d.say(WorkerLeft{first, false, "gone"});
  const WorkerId second = d.join_worker();
  d.settle();
  const auto new_run = d.assigned(second);
  ASSERT_THAT(new_run, SizeIs(1));
  EXPECT_GT(new_run[0].second, old_run[0].second);
  d.finish(second, {{new_run[0].first, old_run[0].second}});
  EXPECT_THAT(d.ready(client), IsEmpty());
  EXPECT_THAT(d.freed(second), IsEmpty()) << "it is to make the value again: freeing would cross that order";
  d.finish(second, new_run);
  EXPECT_THAT(d.ready(client), SizeIs(1));
}

TEST(SchedulerState, FailsDependentsInTheSameEventAndNamesTheRoot) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {0}, {1}}));
  const auto root = d.assigned(worker);
  d.fail(worker, root[0].first, root[0].second, "no such row");
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(3));
  for (const auto& [key, error] : errors) {
    EXPECT_EQ(error.message, "no such row");
    EXPECT_EQ(error.root, root[0].first);
    EXPECT_EQ(error.key, "f-1-0");
  }
  EXPECT_EQ(d.scheduler.explain(root[0].first, d.now).first, "erred");
}

TEST(SchedulerState, ATaskSubmittedOnAnErredInputErrsAtOnce) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  const auto first = d.submit(client, graph({{}}));
  const auto root = d.assigned(worker);
  d.fail(worker, root[0].first, root[0].second);
  d.erred(client);
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = 1;
  chunk->templates = {function("g")};
  chunk->dependency_offsets = {0, 1};
  chunk->dependencies = {1};
  chunk->external = {ClientKey::of(first, 0)};
  d.submit(client, chunk);
  ASSERT_THAT(d.erred(client), SizeIs(1));
  d.expect_nothing_else();
}

TEST(SchedulerState, RetriesAsOftenAsAskedAndThenFails) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  Annotations annotations;
  annotations.retries = 2;
  d.submit(client, graph({{}}, function("f", annotations)));
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_THAT(d.erred(client), IsEmpty());
    const auto tasks = d.assigned(worker);
    ASSERT_THAT(tasks, SizeIs(1)) << attempt;
    d.fail(worker, tasks[0].first, tasks[0].second);
  }
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.attempts, 3u);
}

TEST(SchedulerState, RetryKeysStartsTheErredRootAgain) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  const auto submission = d.submit(client, graph({{}, {0}}));
  auto root = d.assigned(worker);
  d.fail(worker, root[0].first, root[0].second);
  d.erred(client);
  d.say(ClientSaid{client, RetryKeys{{KeyRange{ClientKey::of(submission, 1), 1}}}});
  root = d.assigned(worker);
  ASSERT_THAT(root, SizeIs(1));
  EXPECT_EQ(root[0].first.index(), 0u);
  d.finish(worker, root);
  d.finish(worker, d.assigned(worker));
  EXPECT_THAT(d.ready(client), UnorderedElementsAre(ClientKey::of(submission, 0), ClientKey::of(submission, 1)));
}

TEST(SchedulerState, RecomputesValuesLostWithAWorkerToAnyDepth) {
  SchedulerDialogue d;
  const WorkerId first = d.join_worker();
  const ClientId client = d.join_client();
  constexpr std::uint32_t depth = 50;
  std::vector<std::vector<std::uint32_t>> edges{{}};
  for (std::uint32_t i = 1; i < depth; ++i) edges.push_back({i - 1});
  auto chunk = graph(edges);
  chunk->all_wanted = false;
  chunk->wanted = {depth - 1};
  d.submit(client, chunk);
  for (std::uint32_t i = 0; i < depth; ++i) d.finish(first, d.assigned(first));
  EXPECT_THAT(d.ready(client), SizeIs(1));
  d.say(WorkerLeft{first, false, "gone"});
  EXPECT_THAT(d.take<KeysPending>(d.to_client[client]), SizeIs(1));
  const WorkerId second = d.join_worker();
  d.settle();
  for (std::uint32_t i = 0; i < depth; ++i) {
    const auto tasks = d.assigned(second);
    ASSERT_THAT(tasks, SizeIs(1)) << i;
    EXPECT_EQ(tasks[0].first.index(), i);
    d.finish(second, tasks);
  }
  EXPECT_THAT(d.ready(client), SizeIs(1));
}

TEST(SchedulerState, TakesBackADependentWhoseInputWasLostElsewhere) {
  SchedulerDialogue d;
  RegisterWorker only_a;
  only_a.name = "a";
  const WorkerId a = d.join_worker(1, only_a);
  const ClientId client = d.join_client();
  Annotations on_a;
  on_a.workers = {"a"};
  on_a.allow_other_workers = true;
  Annotations on_b;
  on_b.workers = {"b"};
  auto chunk = graph({{}, {0}}, function("first", on_a));
  chunk->templates.push_back(function("second", on_b));
  chunk->template_of = {0, 1};
  d.submit(client, chunk);
  d.finish(a, d.assigned(a));
  RegisterWorker only_b;
  only_b.name = "b";
  const WorkerId b = d.join_worker(1, only_b);
  const auto dependent = d.assigned(b);
  ASSERT_THAT(dependent, SizeIs(1));
  d.say(WorkerLeft{a, false, "gone"});
  const auto cancelled = d.take<CancelCompute>(d.to_worker[b]);
  ASSERT_THAT(cancelled, SizeIs(1));
  EXPECT_EQ(cancelled[0].tasks.front(), dependent[0].first);
  const auto again = d.assigned(b);
  ASSERT_THAT(again, SizeIs(1)) << "the input is computed again, on the only worker left";
  EXPECT_EQ(again[0].first.index(), 0u);
}

TEST(SchedulerState, FailsATaskAfterThreeOfItsWorkersDiedAndBlamesNoOther) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  const NannyId nanny = d.scheduler.next_nanny();
  d.say(NannyJoined{nanny, {"host", 1}});
  d.submit(client, graph({{}, {}}));
  for (int death = 1; death <= 3; ++death) {
    const WorkerId worker = d.join_worker(1);
    const auto tasks = d.assigned(worker);
    ASSERT_THAT(tasks, SizeIs(2)) << "one runs, one waits behind it";
    WorkerDied report;
    report.incarnation = {1000u + worker.value};
    report.signal = 11;
    report.running = {tasks[0].first};
    report.runs = {tasks[0].second};
    d.say(NannySaid{nanny, report});
    EXPECT_THAT(d.erred(client), SizeIs(death == 3 ? 1 : 0));
  }
  const WorkerId healthy = d.join_worker(1);
  const auto rest = d.assigned(healthy);
  ASSERT_THAT(rest, SizeIs(1));
  d.finish(healthy, rest);
  EXPECT_THAT(d.ready(client), SizeIs(1));
}

TEST(SchedulerState, BlamesTheMostUrgentTasksWhereNoNannySawWhatRan) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {}}));
  for (int death = 1; death <= 3; ++death) {
    const WorkerId worker = d.join_worker(1);
    ASSERT_THAT(d.assigned(worker), SizeIs(2)) << "one runs, one waits behind it";
    d.say(WorkerLeft{worker, false, "connection reset"});
    const auto erred = d.erred(client);
    ASSERT_THAT(erred, SizeIs(death == 3 ? 1 : 0));
    for (const auto& [key, error] : erred) EXPECT_THAT(error.message, ::testing::HasSubstr("connection reset"));
  }
  const WorkerId healthy = d.join_worker(1);
  const auto rest = d.assigned(healthy);
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].first, TaskId::of(1, 1));
}

TEST(SchedulerState, AWorkerThatIsToldToEndIsNoDeath) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  for (int i = 0; i < 4; ++i) {
    RegisterWorker registration;
    registration.nannied = true;
    const WorkerId worker = d.join_worker(1, registration);
    ASSERT_THAT(d.assigned(worker), SizeIs(1));
    d.say(WorkerLeft{worker, false, "its nanny has not said why yet"});
  }
  EXPECT_THAT(d.erred(client), IsEmpty()) << "with a nanny only its word counts";
}

TEST(SchedulerState, ModulesThatWereUploadedReachWorkersThatComeLater) {
  SchedulerDialogue d;
  RegisterWorker open;
  open.allow_uploads = true;
  const WorkerId first = d.join_worker(1, open);
  d.join_worker(1, open);
  d.say(WorkerSaid{first, ModulesAdded{{{"arith", 11, {"add"}}, {"text", 12, {}}}}});
  d.expect_nothing_else();
  const WorkerId closed = d.join_worker(1);
  EXPECT_THAT(d.take<ShareModules>(d.to_worker[first]), IsEmpty()) << "it takes no uploads";
  open.modules = {{"text", 12, {}}};
  const WorkerId late = d.join_worker(1, open);
  const auto shared = d.take<ShareModules>(d.to_worker[first]);
  ASSERT_THAT(shared, SizeIs(1));
  EXPECT_EQ(shared[0].to, "127.0.0.1:" + std::to_string(9000 + late.value));
  EXPECT_EQ(shared[0].names, std::vector<std::string>{"arith"}) << "the other one is there";
  EXPECT_EQ(shared[0].builds, std::vector<std::uint64_t>{11});
  // The one who had it first is gone: another passes it on.
  d.say(WorkerSaid{late, ModulesAdded{{{"arith", 11, {"add"}}}}});
  d.say(WorkerLeft{first, true, "done"});
  open.modules.clear();
  d.join_worker(1, open);
  EXPECT_THAT(d.take<ShareModules>(d.to_worker[late]), SizeIs(1));
  EXPECT_TRUE(d.to_worker[closed].empty());
}

TEST(SchedulerState, RedoesTheWorkOfASilentWorkerAndDoesNotBelieveItAgain) {
  SchedulerDialogue d;
  const WorkerId silent = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  const auto old_run = d.assigned(silent);
  d.pass(std::chrono::seconds(11));
  const WorkerId other = d.join_worker();
  d.pass(std::chrono::seconds(15));
  d.say(WorkerSaid{other, Heartbeat{}});
  EXPECT_THAT(d.assigned(other), IsEmpty()) << "silent for 26 s is not lost yet";
  d.pass(std::chrono::seconds(5));
  ASSERT_THAT(d.closed, SizeIs(1));
  EXPECT_EQ(std::get<WorkerId>(d.closed[0].first), silent);
  const auto new_run = d.assigned(other);
  ASSERT_THAT(new_run, SizeIs(1));
  d.finish(silent, old_run);
  EXPECT_THAT(d.ready(client), IsEmpty());
}

TEST(SchedulerState, NamesAnotherHolderWhenAnInputIsNotWhereItWasSaidToBe) {
  SchedulerDialogue d;
  const WorkerId a = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  const auto tasks = d.assigned(a);
  d.finish(a, tasks);
  const WorkerId b = d.join_worker();
  d.say(WorkerSaid{b, ReplicasAdded{{tasks[0].first}, {8}}});
  const WorkerId c = d.join_worker();
  d.say(WorkerSaid{c, InputsMissing{{tasks[0].first}, {a}}});
  const auto replies = d.take<WhoHas>(d.to_worker[c]);
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_THAT(replies[0].holders, ElementsAre(b));
}

TEST(SchedulerState, AWorkerRunsAChainAheadAndReportsIt) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  Annotations ahead;
  ahead.run_ahead = true;
  std::vector<std::vector<std::uint32_t>> edges{{}};
  for (std::uint32_t i = 1; i < 300; ++i) edges.push_back({i - 1});
  auto chunk = graph(edges, function("link", ahead));
  chunk->all_wanted = false;
  chunk->wanted = {299};
  d.submit(client, chunk);
  std::vector<std::pair<TaskId, RunId>> tasks = d.assigned(worker);
  EXPECT_THAT(tasks, SizeIs(65));
  for (std::uint32_t done = 0; done < 300;) {
    ASSERT_LT(done, tasks.size()) << "the chain ran dry";
    d.finish(worker, {tasks[done++]});
    for (const auto& more : d.assigned(worker)) tasks.push_back(more);
  }
  EXPECT_THAT(d.ready(client), SizeIs(1));
}

TEST(SchedulerState, ALinkThatFailsTakesTheRestOfTheChainAlong) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  Annotations ahead;
  ahead.run_ahead = true;
  d.submit(client, graph({{}, {0}, {1}, {2}}, function("link", ahead)));
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(4));
  d.finish(worker, {tasks[0]});
  d.fail(worker, tasks[1].first, tasks[1].second);
  EXPECT_THAT(d.erred(client), SizeIs(3));
  std::size_t cancelled = 0;
  for (const auto& message : d.take<CancelCompute>(d.to_worker[worker])) cancelled += message.tasks.size();
  EXPECT_EQ(cancelled, 2u);
}

/// The worker had the link's input from an earlier run, so the link may end before the input is made anew.
TEST(SchedulerState, ALinkThatFailsBeforeItsInputIsThereIsRetriedOnceItIs) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  Annotations ahead;
  ahead.run_ahead = true;
  ahead.retries = 1;
  d.submit(client, graph({{}, {0}, {1}}, function("link", ahead)));
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(3));
  d.fail(worker, tasks[1].first, tasks[1].second);
  EXPECT_EQ(d.scheduler.state_of(tasks[1].first), TaskState::waiting);
  EXPECT_EQ(d.scheduler.state_of(tasks[2].first), TaskState::waiting);
  EXPECT_THAT(d.assigned(worker), IsEmpty());
  std::vector<TaskId> cancelled;
  for (const auto& message : d.take<CancelCompute>(d.to_worker[worker]))
    cancelled.insert(cancelled.end(), message.tasks.begin(), message.tasks.end());
  EXPECT_THAT(cancelled, UnorderedElementsAre(tasks[1].first, tasks[2].first));
  d.finish(worker, {tasks[0]});
  const auto again = d.assigned(worker);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0], std::pair(tasks[1].first, RunId{2}));
  d.finish(worker, again);
  EXPECT_THAT(d.ready(client), SizeIs(3));
  EXPECT_THAT(d.erred(client), IsEmpty());
}

TEST(SchedulerState, AWorkerWhoseNameIsTakenIsRefused) {
  SchedulerDialogue d;
  RegisterWorker registration;
  registration.name = "w";
  d.join_worker(1, registration);
  const WorkerId second = d.scheduler.next_worker();
  registration.threads = 1;
  d.say(WorkerJoined{second, registration});
  const auto answers = d.take<WorkerRegistered>(d.to_worker[second]);
  ASSERT_THAT(answers, SizeIs(1));
  ASSERT_TRUE(answers[0].error);
  EXPECT_THAT(answers[0].error->text, HasSubstr("taken"));
  EXPECT_THAT(d.closed, SizeIs(1));
}

TEST(SchedulerState, RunsAFunctionOnEveryWorkerAndCountsOneThatLeavesAsFailed) {
  SchedulerDialogue d;
  const WorkerId a = d.join_worker();
  const WorkerId b = d.join_worker();
  const ClientId client = d.join_client();
  d.say(ClientSaid{client, RunOnWorkers{RequestId{9}, {}, {}, {}}});
  const auto request = d.take<RunFunction>(d.to_worker[a]).at(0).request;
  d.say(WorkerSaid{a, FunctionRan{request, Bytes::copy("ok"), nullptr}});
  EXPECT_THAT(d.take<RunReply>(d.to_client[client]), IsEmpty());
  d.say(WorkerLeft{b, false, "gone"});
  const auto replies = d.take<RunReply>(d.to_client[client]);
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].request, RequestId{9});
  ASSERT_THAT(replies[0].outcomes, SizeIs(2));
  EXPECT_EQ(replies[0].outcomes[0].value.text(), "ok");
  ASSERT_NE(replies[0].outcomes[1].error, nullptr);
}

TEST(SchedulerState, TellsTheStoryOfATask) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  const auto tasks = d.assigned(worker);
  d.finish(worker, tasks);
  const auto story = d.scheduler.story(d.scheduler.find_task("f-1-0"));
  ASSERT_THAT(story, SizeIs(4));
  EXPECT_THAT(story[3], HasSubstr("processing -> memory  (finished)"));
}

TEST(SchedulerState, TheStoryKeepsAsManyTransitionsAsItWasTold) {
  SchedulerConfig config;
  config.story_length = 4;
  SchedulerDialogue d(config);
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  for (int i = 0; i < 2; ++i) {
    d.submit(client, graph({{}}));
    d.finish(worker, d.assigned(worker));
  }
  EXPECT_THAT(d.scheduler.story(TaskId::of(1, 0)), ElementsAre(HasSubstr("the log keeps the last 4 transitions")));
  EXPECT_THAT(d.scheduler.story(TaskId::of(2, 0)), SizeIs(4));
}

TEST(SchedulerState, CountsTasksByStateAndFunction) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  auto chunk = graph({{}, {0}}, function("make"));
  chunk->templates.push_back(function("read"));
  chunk->template_of = {0, 1};
  const auto submission = d.submit(client, chunk);
  const auto count = [&](TaskState state) { return d.scheduler.counters().tasks[static_cast<std::size_t>(state)]; };
  EXPECT_EQ(count(TaskState::processing), 1u);
  EXPECT_EQ(count(TaskState::waiting), 1u);
  EXPECT_EQ(d.scheduler.counters().groups, 1u);
  d.finish(worker, d.assigned(worker), 300, 70);
  const auto read = d.assigned(worker);
  d.fail(worker, read[0].first, read[0].second);
  EXPECT_EQ(count(TaskState::memory), 1u);
  EXPECT_EQ(count(TaskState::erred), 1u);
  const PrefixCounters& make = d.scheduler.counters().prefixes.at("make");
  EXPECT_EQ(make.finished, 1u);
  EXPECT_EQ(make.compute_us, 70u);
  EXPECT_EQ(make.output_bytes, 300u);
  EXPECT_EQ(d.scheduler.counters().prefixes.at("read").erred, 1u);
  d.release(client, ClientKey::of(submission, 0), 2);
  EXPECT_EQ(count(TaskState::forgotten), 2u);
  EXPECT_EQ(d.scheduler.counters().groups, 0u) << "a group goes with its last task";
}

}  // namespace
}  // namespace troupe::testing
