#include <gmock/gmock.h>

#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::vector<std::uint32_t>> many(std::size_t count) {
  return std::vector<std::vector<std::uint32_t>>(count);
}

class SchedulerAdaptive : public ::testing::Test {
protected:
  WorkerId worker(std::string name, std::uint64_t memory_limit = 0, std::uint32_t threads = 1) {
    RegisterWorker registration;
    registration.name = std::move(name);
    registration.memory_limit = memory_limit;
    return d.join_worker(threads, std::move(registration));
  }
  QueryReply ask(Query query) {
    query.request = {++last_request};
    d.say(ClientSaid{client, std::move(query)});
    auto replies = d.take<QueryReply>(d.to_client[client]);
    EXPECT_THAT(replies, SizeIs(1));
    return replies.empty() ? QueryReply{} : std::move(replies.front());
  }

  SchedulerDialogue d;
  ClientId client = d.join_client();
  std::uint64_t last_request{};
};

TEST_F(SchedulerAdaptive, WantsAsManyWorkersAsTheWorkTakesInTheTimeThatIsNamed) {
  EXPECT_EQ(d.scheduler.adaptive_target(1s), 0U);
  const auto w0 = worker("w0");
  d.submit(client, graph(many(101)));
  auto tasks = d.assigned(w0);
  d.finish(w0, {tasks[0]}, 8, 100'000);
  // 100 tasks of a tenth of a second each.
  EXPECT_EQ(d.scheduler.adaptive_target(1s), 10U);
  EXPECT_EQ(d.scheduler.adaptive_target(10s), 1U);
  EXPECT_EQ(d.scheduler.adaptive_target(1ms), 100U) << "more workers than tasks are of no use";
  Query query;
  query.kind = QueryKind::adaptive_target;
  query.after = 1000;
  EXPECT_EQ(ask(query).next, 10U);
}

TEST_F(SchedulerAdaptive, WantsAWorkerForWhateverThereIsToDo) {
  d.submit(client, graph(many(1)));
  EXPECT_EQ(d.scheduler.adaptive_target(1h), 1U);
}

TEST_F(SchedulerAdaptive, WantsTwiceTheWorkersWhenMemoryIsNearlyFull) {
  const auto w0 = worker("w0", 1000);
  d.submit(client, graph(many(1)));
  d.finish(w0, d.assigned(w0), 700);
  EXPECT_EQ(d.scheduler.adaptive_target(1h), 2U);
}

TEST_F(SchedulerAdaptive, NamesIdleWorkersThatHoldLeastWhileTheRestHasRoom) {
  const auto w0 = worker("w0", 1000);
  d.submit(client, graph(many(1)));
  d.finish(w0, d.assigned(w0), 400);
  worker("w1", 1000);
  worker("w2", 1000);
  EXPECT_THAT(d.scheduler.workers_to_close(1), ElementsAre("w1"));
  EXPECT_THAT(d.scheduler.workers_to_close(0), ElementsAre("w1", "w2")) << "somebody has to keep the value";
  Query query;
  query.kind = QueryKind::workers_to_close;
  query.count = 1;
  EXPECT_THAT(ask(query).lines, ElementsAre("w1"));
  // What w0 holds is more than half of what would be left.
  d.submit(client, graph(many(1)));
  for (const auto id : {w0, WorkerId{2}, WorkerId{3}})
    if (const auto tasks = d.assigned(id); !tasks.empty()) d.finish(id, tasks, 700);
  EXPECT_THAT(d.scheduler.workers_to_close(0), IsEmpty());
}

TEST_F(SchedulerAdaptive, ABusyWorkerIsNotNamed) {
  worker("w0");
  worker("w1");
  d.submit(client, graph(many(2)));
  EXPECT_THAT(d.scheduler.workers_to_close(0), IsEmpty());
}

// ---- pages ----------------------------------------------------------------------------------------------------------

TEST_F(SchedulerAdaptive, TellsAllOfEachTaskInPages) {
  const auto w0 = worker("w0");
  d.submit(client, graph({{}, {0}, {0, 1}}));
  const auto first = d.assigned(w0);
  d.finish(w0, {first[0]}, 80);
  d.fail(w0, TaskId::of(1, 1), {1});
  std::vector<TaskDetail> seen;
  std::uint64_t after = 0;
  do {
    Query query;
    query.kind = QueryKind::tasks;
    query.count = 2;
    query.after = after;
    const auto reply = ask(query);
    seen.insert(seen.end(), reply.details.begin(), reply.details.end());
    after = reply.next;
  } while (after != 0);
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(seen[0].summary.state, "memory");
  EXPECT_THAT(seen[0].holders, ElementsAre(w0));
  EXPECT_EQ(seen[0].summary.nbytes, 80U);
  EXPECT_THAT(seen[0].wanted_by, ElementsAre(client));
  EXPECT_EQ(seen[1].summary.state, "erred");
  EXPECT_EQ(seen[1].error, "boom");
  EXPECT_THAT(seen[2].dependencies, ElementsAre(TaskId::of(1, 0), TaskId::of(1, 1)));
  Query erred;
  erred.kind = QueryKind::tasks;
  erred.text = "memory";
  EXPECT_THAT(ask(erred).details, SizeIs(1));
}

TEST_F(SchedulerAdaptive, TellsTransitionsByNumberFromTheOldestThatIsLeft) {
  SchedulerConfig config;
  config.story_length = 4;
  SchedulerDialogue few(config);
  const ClientId asking = few.join_client();
  const WorkerId w0 = few.join_worker();
  few.submit(asking, graph(many(2)));
  few.finish(w0, few.assigned(w0));
  const auto total = few.scheduler.transitions();
  ASSERT_GT(total, 4U);
  Query query;
  query.kind = QueryKind::transitions;
  query.count = 3;
  few.say(ClientSaid{asking, query});
  auto replies = few.take<QueryReply>(few.to_client[asking]);
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_THAT(replies[0].transitions, SizeIs(3));
  EXPECT_EQ(replies[0].next, total - 1);
  query.after = replies[0].next;
  few.say(ClientSaid{asking, query});
  replies = few.take<QueryReply>(few.to_client[asking]);
  ASSERT_THAT(replies[0].transitions, SizeIs(1));
  EXPECT_EQ(replies[0].transitions[0].to, "memory");
  EXPECT_EQ(replies[0].transitions[0].worker, w0);
  EXPECT_EQ(replies[0].next, total);
}

}  // namespace
}  // namespace troupe::testing
