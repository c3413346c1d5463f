#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/core/scheduler_state.hpp"
#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(SchedulerPlacement, GivesASuspectWorkerNothingNew) {
  SchedulerDialogue d;
  const WorkerId quiet = d.join_worker();
  const ClientId client = d.join_client();
  d.pass(std::chrono::seconds(15));
  d.submit(client, graph({{}}));
  EXPECT_THAT(d.assigned(quiet), IsEmpty());
  d.say(WorkerSaid{quiet, Heartbeat{}});
  EXPECT_THAT(d.assigned(quiet), SizeIs(1));
}

TEST(SchedulerPlacement, ServesTwoEqualClientsEqually) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId one = d.join_client("one");
  const ClientId two = d.join_client("two");
  d.submit(one, graph(std::vector<std::vector<std::uint32_t>>(500)));
  d.submit(two, graph(std::vector<std::vector<std::uint32_t>>(500)));
  std::size_t done_one = 0;
  std::size_t done_two = 0;
  while (done_one + done_two < 400) {
    const auto tasks = d.assigned(worker);
    ASSERT_THAT(tasks, ::testing::Not(IsEmpty()));
    d.finish(worker, tasks, 8, 1000);
    done_one += d.ready(one).size();
    done_two += d.ready(two).size();
  }
  const double share = static_cast<double>(done_one) / static_cast<double>(done_one + done_two);
  EXPECT_NEAR(share, 0.5, 0.05);
}

TEST(SchedulerPlacement, RunsMoreUrgentTasksFirst) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  Annotations urgent;
  urgent.priority = 5;
  d.submit(client, graph({{}}, function("later")));
  d.submit(client, graph({{}}, function("sooner", urgent)));
  const WorkerId worker = d.join_worker();
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(2));
  EXPECT_EQ(d.scheduler.key_text(tasks[0].first), "sooner-2-0");
}

TEST(SchedulerPlacement, RunsWhatATaskSubmitsBeforeWhatIsOlderThanItsSubmission) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}, function("parent")));
  d.submit(client, graph({{}, {}}, function("other")));
  for (const TaskId parent : {TaskId::of(1, 0), TaskId::of(3, 0)}) {
    SubmitGraph message;
    message.submission = message.graph = ++d.submissions[client];
    message.parent = parent;
    message.chunk = graph({{}}, function("child"));
    d.say(ClientSaid{client, std::move(message)});
  }
  const WorkerId worker = d.join_worker();
  std::vector<std::string> order;
  for (int i = 0; i < 3; ++i) {
    const auto tasks = d.assigned(worker);
    for (const auto& [task, run] : tasks) order.push_back(d.scheduler.key_text(task));
    d.finish(worker, tasks);
  }
  EXPECT_THAT(order, ::testing::ElementsAre("child-3-0", "child-4-0", "parent-1-0", "other-2-0", "other-2-1"))
      << "a child of a child has its place";
}

TEST(SchedulerPlacement, HoldsBackReadyTasksBeyondWhatAWorkerCanDoSoon) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(1000)));
  auto tasks = d.assigned(worker);
  EXPECT_THAT(tasks, SizeIs(2)) << "ceil(1.1 * threads) while durations are unknown";
  d.finish(worker, tasks, 8, 100'000);
  EXPECT_THAT(d.assigned(worker), SizeIs(2)) << "long tasks: no more than the saturation";
  EXPECT_EQ(d.scheduler.counters().tasks[static_cast<std::size_t>(TaskState::queued)], 996u);
}

TEST(SchedulerPlacement, HandsOutMoreOnceTasksProveShort) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(1000)));
  d.finish(worker, d.assigned(worker), 8, 50);
  EXPECT_THAT(d.assigned(worker), SizeIs(100)) << "5 ms of 50 us tasks";
}

TEST(SchedulerPlacement, RestrictedTasksWaitForTheirWorkerAndSayWhy) {
  SchedulerDialogue d;
  const WorkerId plain = d.join_worker();
  const ClientId client = d.join_client();
  Annotations annotations;
  annotations.resources = {{"GPU", 1}};
  d.submit(client, graph({{}}, function("f", annotations)));
  EXPECT_THAT(d.assigned(plain), IsEmpty());
  EXPECT_EQ(d.scheduler.explain(TaskId::of(1, 0), d.now).first, "restrictions-unmet");
  RegisterWorker with_gpu;
  with_gpu.resources = {{"GPU", 2}};
  const WorkerId gpu = d.join_worker(1, with_gpu);
  EXPECT_THAT(d.assigned(gpu), SizeIs(1));
}

TEST(SchedulerPlacement, FailsTasksWhoseModuleNoWorkerHas) {
  SchedulerDialogue d;
  RegisterWorker registration;
  registration.modules = {{"demo", 11, {"f"}}};
  d.join_worker(1, registration);
  const ClientId client = d.join_client();
  TaskTemplate task = function("f");
  task.function.kind = FunctionRef::Kind::module;
  task.function.module = "demo";
  task.function.build = 12;
  d.submit(client, graph({{}}, task));
  EXPECT_EQ(d.scheduler.explain(TaskId::of(1, 0), d.now).first, "module-missing");
  d.pass(std::chrono::seconds(5));
  EXPECT_THAT(d.erred(client), IsEmpty());
  d.pass(std::chrono::seconds(6));
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.kind, TaskError::Kind::no_worker);
  EXPECT_THAT(errors[0].second.message, HasSubstr("demo (another build)"));
}

TEST(SchedulerPlacement, StealsFromALoadedWorkerForAnIdleOne) {
  SchedulerDialogue d;
  const WorkerId loaded = d.join_worker();
  const ClientId client = d.join_client();
  Annotations only;
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(2)));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(5)));
  const auto tasks = d.assigned(loaded);
  ASSERT_THAT(tasks, SizeIs(5));
  const WorkerId idle = d.join_worker();
  d.pass(std::chrono::milliseconds(100));
  const auto requests = d.take<StealTasks>(d.to_worker[loaded]);
  ASSERT_THAT(requests, SizeIs(1));
  ASSERT_THAT(requests[0].tasks, SizeIs(2));
  d.say(WorkerSaid{loaded, StealReply{requests[0].tasks, requests[0].runs, {1, 0}}});
  const auto stolen = d.assigned(idle);
  ASSERT_THAT(stolen, SizeIs(1));
  EXPECT_EQ(stolen[0].first, requests[0].tasks[0]);
  EXPECT_GT(stolen[0].second, requests[0].runs[0]);
}

/// A worker whose only thread is held by what takes long, though nobody could know, and that has values of `nbytes`.
struct HeldWorker {
  explicit HeldWorker(std::uint64_t nbytes, const char* held) {
    d.submit(client, graph({{}}, function("read")));
    d.finish(holder, d.assigned(holder), 8, 10);
    d.submit(client, graph({{}}, function("other")));
    d.finish(holder, d.assigned(holder), 8, 10);
    const auto made = d.submit(client, graph({{}}, function("make")));
    d.finish(holder, d.assigned(holder), nbytes, 10);
    d.submit(client, graph({{}}, function(held)));
    running = d.assigned(holder);
    reader = graph({{1}}, function("read"));
    reader->external = {ClientKey::of(made, 0)};
  }
  SchedulerDialogue d;
  WorkerId holder{d.join_worker()};
  ClientId client{d.join_client()};
  std::vector<std::pair<TaskId, RunId>> running;
  std::shared_ptr<GraphChunk> reader;
};

TEST(SchedulerPlacement, PutsNothingBehindWhatTakesLongerThanWasThought) {
  for (const char* held : {"never seen", "other"}) {
    HeldWorker it(8, held);
    SchedulerDialogue& d = it.d;
    ASSERT_THAT(it.running, SizeIs(1));
    const WorkerId idle = d.join_worker();
    d.pass(std::chrono::milliseconds(20));
    d.submit(it.client, it.reader);
    EXPECT_THAT(d.assigned(it.holder), IsEmpty()) << held;
    EXPECT_THAT(d.assigned(idle), SizeIs(1)) << held;
  }
}

TEST(SchedulerPlacement, StealsWhatStandsBehindThatAndDoesNotGiveItBack) {
  for (const char* held : {"never seen", "other"}) {
    HeldWorker it(1'000'000, held);
    SchedulerDialogue& d = it.d;
    const WorkerId idle = d.join_worker();
    d.submit(it.client, it.reader);
    ASSERT_THAT(d.assigned(it.holder), SizeIs(1)) << held;
    std::size_t asked = 0;
    std::vector<std::pair<TaskId, RunId>> there;
    for (int second = 0; second < 5 && there.empty(); ++second) {
      d.pass(std::chrono::seconds(1));
      for (const auto& request : d.take<StealTasks>(d.to_worker[it.holder])) {
        ++asked;
        d.say(WorkerSaid{it.holder, StealReply{request.tasks, request.runs, {1}}});
      }
      there = d.assigned(idle);
    }
    EXPECT_THAT(there, SizeIs(1)) << held;
    EXPECT_EQ(asked, 1U) << held;
    EXPECT_THAT(d.assigned(it.holder), IsEmpty()) << held;
  }
}

TEST(SchedulerPlacement, AWorkerThatMayGiveNothingDoesNotKeepOthersFromGiving) {
  SchedulerDialogue d;
  const WorkerId loaded = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(2)));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  RegisterWorker named;
  named.name = "stuck";
  const WorkerId stuck = d.join_worker(1, named);
  TaskTemplate bound = function("bound");
  bound.annotations.workers = {"stuck"};
  d.submit(client, graph({{}, {}}, bound));
  ASSERT_THAT(d.assigned(stuck), SizeIs(2)) << "one runs, one waits, and both may run nowhere else";
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(5)));
  auto running = d.assigned(loaded);
  ASSERT_THAT(running, SizeIs(::testing::Ge(3U)));
  running.resize(1);
  d.pass(std::chrono::seconds(1));
  d.finish(loaded, running, 8, 1000);  // it goes on, the other one does not
  d.join_worker();
  d.pass(std::chrono::milliseconds(100));
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[stuck]), IsEmpty());
  EXPECT_THAT(d.take<StealTasks>(d.to_worker[loaded]), SizeIs(1));
  d.scheduler.check_invariants();
}

std::uint64_t kept(SchedulerDialogue& d, KeptReason reason) {
  return d.scheduler.counters().steals_rejected[static_cast<std::size_t>(reason)];
}

TEST(SchedulerPlacement, StealsThatComeToNothingAreCountedByReason) {
  SchedulerDialogue d;
  const WorkerId loaded = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(2)));
  d.finish(loaded, d.assigned(loaded), 8, 1000);
  const auto submission = d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(5)));
  const WorkerId idle = d.join_worker();
  const auto asked = [&] {
    d.pass(std::chrono::milliseconds(100));
    const auto requests = d.take<StealTasks>(d.to_worker[loaded]);
    return requests.empty() ? StealTasks{} : requests[0];
  };
  const StealTasks all = asked();
  ASSERT_THAT(all.tasks, SizeIs(2));
  // One was made before the question came, one had begun.
  d.finish(loaded, {{all.tasks[0], all.runs[0]}}, 8, 1000);
  d.say(WorkerSaid{loaded, StealReply{all.tasks, all.runs, {0, 0}, {StealRefusal::finished, StealRefusal::started}}});
  EXPECT_EQ(kept(d, KeptReason::finished), 1u);
  EXPECT_EQ(kept(d, KeptReason::started), 1u);
  // A worker that does not say why: what the scheduler knows of the task is what there is to say.
  const StealTasks more = asked();
  ASSERT_THAT(more.tasks, SizeIs(2));
  d.release(client, ClientKey::of(submission, more.tasks[0].index()));
  d.say(WorkerSaid{loaded, StealReply{more.tasks, more.runs, {0, 0}}});
  EXPECT_EQ(kept(d, KeptReason::released), 1u);
  EXPECT_EQ(kept(d, KeptReason::started), 2u);
  // And one that is gone says nothing.
  const StealTasks last = asked();
  ASSERT_THAT(last.tasks, Not(IsEmpty()));
  d.say(WorkerLeft{loaded, false, "gone"});
  EXPECT_EQ(kept(d, KeptReason::worker_gone), last.tasks.size());
  const SchedulerCounters& counters = d.scheduler.counters();
  EXPECT_EQ(counters.steal_requests, counters.steals_confirmed + steals_rejected(counters));
  EXPECT_THAT(d.assigned(idle), Not(IsEmpty()));
}

TEST(SchedulerPlacement, TheLongestWaitForAWorkerIsKnown) {
  using namespace std::chrono_literals;
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  const auto age = [&] { return d.scheduler.counters().queue_age_s; };
  const auto first = d.submit(client, graph({{}}));
  d.pass(60s);
  EXPECT_NEAR(static_cast<double>(age()), 59, 1) << "nobody may run it";
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(4)));
  d.pass(60s);
  EXPECT_NEAR(static_cast<double>(age()), 119, 1) << "the first counts";
  d.release(client, ClientKey::of(first, 0));
  EXPECT_NEAR(static_cast<double>(age()), 59, 1) << "it is gone, those after it wait";
  const WorkerId worker = d.join_worker();
  d.pass(10s);
  EXPECT_NEAR(static_cast<double>(age()), 69, 1) << "queued they wait as before: two of them have no room";
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) d.finish(worker, tasks);
  d.pass(4s);
  EXPECT_EQ(age(), 0u);
  d.submit(client, graph({{}, {0}}));
  d.pass(4s);
  EXPECT_EQ(age(), 0u) << "what waits for an input, or is with a worker, is not queued";
}

TEST(SchedulerPlacement, RunsWhatWasSubmittedFirstBeforeWhatCameLater) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  const auto first = d.submit(client, graph({{}, {}, {}}));
  d.submit(client, graph({{}, {}, {}}));
  const WorkerId worker = d.join_worker();
  std::vector<std::uint64_t> order;
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) {
    for (const auto& [task, run] : tasks) order.push_back(task.group());
    d.finish(worker, tasks);
  }
  EXPECT_THAT(order, ::testing::ElementsAre(first, first, first, first + 1, first + 1, first + 1));
}

TEST(SchedulerPlacement, RunsTasksOfOneGraphInTheOrderOfTheirRanks) {
  SchedulerDialogue d;
  const ClientId client = d.join_client();
  auto chunk = graph({{}, {}, {}, {}});
  chunk->rank = {3, 1, 0, 2};
  d.submit(client, chunk);
  const WorkerId worker = d.join_worker();
  std::vector<std::uint32_t> order;
  for (auto tasks = d.assigned(worker); !tasks.empty(); tasks = d.assigned(worker)) {
    for (const auto& [task, run] : tasks) order.push_back(task.index());
    d.finish(worker, tasks);
  }
  EXPECT_THAT(order, ::testing::ElementsAre(2, 1, 3, 0));
}

TEST(SchedulerPlacement, LearnsHalfOfADurationFromTheLastReport) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {0}, {1}}));
  std::vector<double> learnt;
  for (const std::uint32_t took : {1000u, 3000u, 4000u}) {
    d.finish(worker, d.assigned(worker), 8, took);
    learnt.push_back(d.scheduler.counters().prefixes.at("f").duration_us);
  }
  EXPECT_THAT(learnt, ::testing::ElementsAre(1000, 2000, 3000));
}

TEST(SchedulerPlacement, PutsATaskWhereItsInputIsWhenThatTakesLongToMove) {
  SchedulerDialogue d;
  const WorkerId holder = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}, function("other")));
  d.finish(holder, d.assigned(holder), 8, 10'000);
  const auto made = d.submit(client, graph({{}}, function("make")));
  d.finish(holder, d.assigned(holder), 500'000'000, 10'000);  // half a second away, as the bandwidth is thought
  d.submit(client, graph({{}}, function("other")));           // so that it has something to do
  const WorkerId idle = d.join_worker();
  auto reader = graph({{1}}, function("read"));
  reader->external = {ClientKey::of(made, 0)};
  ASSERT_THAT(d.assigned(holder), SizeIs(1));
  d.submit(client, reader);
  EXPECT_THAT(d.assigned(holder), SizeIs(1));
  EXPECT_THAT(d.assigned(idle), IsEmpty());
}

TEST(SchedulerPlacement, PutsATaskElsewhereWhenWaitingForTheHolderTakesLonger) {
  SchedulerDialogue d;
  const WorkerId holder = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}, function("other")));
  d.finish(holder, d.assigned(holder), 8, 10'000);
  const auto made = d.submit(client, graph({{}}, function("make")));
  d.finish(holder, d.assigned(holder), 1000, 10'000);
  d.submit(client, graph({{}}, function("other")));
  const WorkerId idle = d.join_worker();
  auto reader = graph({{1}}, function("read"));
  reader->external = {ClientKey::of(made, 0)};
  ASSERT_THAT(d.assigned(holder), SizeIs(1));
  d.submit(client, reader);
  EXPECT_THAT(d.assigned(idle), SizeIs(1));
}

TEST(SchedulerPlacement, ATaskGoesWhereItsInputsFitAndFailsIfThatIsNowhere) {
  SchedulerDialogue d;
  RegisterWorker limited;
  limited.memory_limit = 1000;
  const WorkerId small = d.join_worker(1, limited);
  const ClientId client = d.join_client();
  const auto made = d.submit(client, graph({{}, {}}, function("make")));
  d.finish(small, d.assigned(small), 600);
  (void)d.ready(client);
  const auto read = [&](std::vector<std::uint32_t> inputs) {
    auto chunk = graph({std::move(inputs)}, function("read"));
    chunk->external = {ClientKey::of(made, 0), ClientKey::of(made, 1)};
    return d.submit(client, chunk);
  };
  read({1, 1});  // the same value twice is there once
  EXPECT_THAT(d.assigned(small), SizeIs(1));
  read({1, 2});
  EXPECT_THAT(d.assigned(small), IsEmpty());
  const auto errors = d.erred(client);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].second.kind, TaskError::Kind::too_large);
  EXPECT_THAT(errors[0].second.message, HasSubstr("take 1200 bytes"));
  EXPECT_THAT(errors[0].second.message, HasSubstr("more than 1000 (worker.memory.limit)"));
  limited.memory_limit = 1200;
  const WorkerId large = d.join_worker(1, limited);
  read({1, 2});
  EXPECT_THAT(d.assigned(small), IsEmpty());
  EXPECT_THAT(d.assigned(large), SizeIs(1));
}

TEST(SchedulerPlacement, LearnsTheBandwidthAndPutsTasksAccordingly) {
  SchedulerDialogue d;
  const WorkerId holder = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}, function("other")));
  d.finish(holder, d.assigned(holder), 8, 10'000);
  const auto made = d.submit(client, graph({{}}, function("make")));
  d.finish(holder, d.assigned(holder), 1'000'000, 10'000);
  d.submit(client, graph({{}}, function("other")));
  ASSERT_THAT(d.assigned(holder), SizeIs(1));
  const WorkerId idle = d.join_worker();
  EXPECT_EQ(d.scheduler.counters().bandwidth, 1e9);
  Heartbeat beat;
  beat.bandwidth = 1'000'000;
  d.say(WorkerSaid{idle, beat});
  EXPECT_NEAR(d.scheduler.counters().bandwidth, 0.9e9, 1e6);
  for (int i = 0; i < 100; ++i) d.say(WorkerSaid{idle, beat});
  d.say(WorkerSaid{idle, Heartbeat{}});  // nothing large was fetched
  EXPECT_NEAR(d.scheduler.counters().bandwidth, 1e6, 1e5);
  auto reader = graph({{1}}, function("read"));
  reader->external = {ClientKey::of(made, 0)};
  d.submit(client, reader);
  EXPECT_THAT(d.assigned(idle), IsEmpty()) << "a second to move, against ten milliseconds to wait";
  EXPECT_THAT(d.assigned(holder), SizeIs(1));
}

TEST(SchedulerPlacement, PutsNeighboursInTheOrderOnTheSameWorker) {
  SchedulerDialogue d;
  const WorkerId one = d.join_worker();
  const WorkerId two = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}}));
  for (const WorkerId worker : {one, two}) d.finish(worker, d.assigned(worker), 8, 50);
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(100)));
  std::size_t breaks = 0;
  for (const WorkerId worker : {one, two}) {
    const auto tasks = d.assigned(worker);
    EXPECT_THAT(tasks, SizeIs(50));
    for (std::size_t i = 1; i < tasks.size(); ++i) breaks += tasks[i].first.index() != tasks[i - 1].first.index() + 1;
  }
  EXPECT_LE(breaks, 15u) << "runs of neighbours, shorter and shorter: a quarter of what is left, each";
}

TEST(SchedulerPlacement, ATaskThatSecededTakesNoSlotAndDoesNotCountAsWork) {
  SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(10)));
  const auto tasks = d.assigned(worker);
  ASSERT_THAT(tasks, SizeIs(2));
  d.say(WorkerSaid{worker, TasksSeceded{{tasks[0].first}, {tasks[0].second}, {0}}});
  EXPECT_THAT(d.assigned(worker), SizeIs(1));
  d.say(WorkerSaid{worker, TasksSeceded{{tasks[0].first}, {tasks[0].second}, {1}}});
  EXPECT_THAT(d.assigned(worker), IsEmpty()) << "it counts again: three for one thread";
}

TEST(SchedulerPlacement, CountsIdleSaturatedPausedRetiringAndSilentWorkers) {
  SchedulerDialogue d;
  const WorkerId full = d.join_worker();
  const ClientId client = d.join_client();
  d.submit(client, graph({{}, {}}));
  ASSERT_THAT(d.assigned(full), SizeIs(2));
  const WorkerId paused = d.join_worker();
  d.say(WorkerSaid{paused, WorkerStatusChanged{WorkerStatus::paused}});
  const WorkerId silent = d.join_worker();
  d.say(PeerReachable{silent, false});
  const auto& counters = d.scheduler.counters();
  EXPECT_EQ(counters.workers_saturated, 1u);
  EXPECT_EQ(counters.workers_idle, 2u) << "those that have nothing to do, whyever";
  EXPECT_EQ(counters.workers_running, 1u);
  EXPECT_EQ(counters.workers_paused, 1u);
  EXPECT_EQ(counters.workers_suspect, 1u);
}

/// Forty workers with one thread each, which have learnt that a task takes 10 ms, so that each holds two.
struct ManyWorkers : ::testing::Test {
  void SetUp() override {
    client = d.join_client();
    for (int i = 0; i < 40; ++i) workers.push_back(d.join_worker());
    d.submit(client, graph({{}}));
    for (const WorkerId worker : workers)
      if (const auto tasks = d.assigned(worker); !tasks.empty()) d.finish(worker, tasks, 8, 10'000);
    (void)d.ready(client);
  }

  /// How many tasks each worker was given since the last call.
  std::vector<std::size_t> given() {
    std::vector<std::size_t> counts;
    for (const WorkerId worker : workers) {
      held[worker] = d.assigned(worker);
      counts.push_back(held[worker].size());
    }
    return counts;
  }

  SchedulerDialogue d;
  ClientId client;
  std::vector<WorkerId> workers;
  std::map<WorkerId, std::vector<std::pair<TaskId, RunId>>> held;
};

TEST_F(ManyWorkers, EachGetsOneTaskBeforeAnyGetsTwo) {
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(40)));
  EXPECT_THAT(given(), ::testing::Each(1));
}

TEST_F(ManyWorkers, WhoIsDoneFirstGetsTheNext) {
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(40)));
  (void)given();
  d.finish(workers[17], held[workers[17]], 8, 10'000);
  d.submit(client, graph({{}}));
  auto expected = std::vector<std::size_t>(40, 0);
  expected[17] = 1;
  EXPECT_EQ(given(), expected);
}

TEST_F(ManyWorkers, WhoseMemoryHasFilledUpGetsNothingAheadOfTime) {
  RegisterWorker limited;
  limited.memory_limit = 1'000;
  limited.name = "limited";
  workers.push_back(d.join_worker(1, limited));
  const auto heartbeat = [&](std::uint64_t free_bytes) {
    Heartbeat beat;
    beat.free_bytes = free_bytes;
    d.say(WorkerSaid{workers.back(), beat});
  };
  heartbeat(10'000);
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(41)));
  EXPECT_THAT(given(), ::testing::Each(1));
  const auto first = held[workers.back()];
  d.finish(workers.back(), first, 600, 10'000);
  d.submit(client, graph({{}}));
  ASSERT_EQ(given().back(), 1U);
  heartbeat(400);                                // what runs will fill it
  d.finish(workers.back(), first, 600, 10'000);  // told before: it says nothing of what its tasks take
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(40)));
  std::vector<std::size_t> expected(41, 1);
  expected.back() = 0;
  EXPECT_EQ(given(), expected);
}

TEST_F(ManyWorkers, WhoLeftOrIsPausedGetsNothingAndWhoCameGetsItsShare) {
  d.say(WorkerLeft{workers[3], false, "killed"});
  d.say(WorkerSaid{workers[5], WorkerStatusChanged{WorkerStatus::paused}});
  d.say(PeerReachable{workers[7], false});
  workers.push_back(d.join_worker());
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(38)));
  auto expected = std::vector<std::size_t>(41, 1);
  expected[3] = expected[5] = expected[7] = 0;
  EXPECT_EQ(given(), expected);
  d.say(WorkerSaid{workers[5], WorkerStatusChanged{WorkerStatus::running}});
  d.say(PeerReachable{workers[7], true});
  d.submit(client, graph({{}, {}}));
  expected.assign(41, 0);
  expected[5] = expected[7] = 1;
  EXPECT_EQ(given(), expected);
}

}  // namespace
}  // namespace troupe::testing
