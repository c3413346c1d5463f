#include <algorithm>
#include <map>

#include <gmock/gmock.h>

#include "tests/support/scheduler_dialogue.hpp"

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A dialogue about values that are there already: task i of one group, made where `restricted` says.
class ReplicasTest : public ::testing::Test {
protected:
  explicit ReplicasTest(SchedulerConfig config = {}) : d(config), client(d.join_client()) {}

  WorkerId worker(const std::string& name, std::uint64_t memory_limit = 0, std::uint32_t threads = 4) {
    RegisterWorker registration;
    registration.name = name;
    registration.memory_limit = memory_limit;
    return d.join_worker(threads, std::move(registration));
  }
  /// Values of `nbytes`, made by this worker.
  std::vector<ClientKey> values(const std::string& at, std::size_t count, std::uint64_t nbytes) {
    Annotations annotations;
    annotations.workers = {at};
    const auto submission =
        d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(count), function("make", annotations)));
    std::vector<ClientKey> keys;
    for (std::uint32_t i = 0; i < count; ++i) keys.push_back(ClientKey::of(submission, i));
    for (bool any = true; any;) {
      any = false;
      for (auto& [id, messages] : d.to_worker)
        if (const auto assigned = d.assigned(id); !assigned.empty()) {
          d.finish(id, assigned, nbytes);
          any = true;
        }
    }
    d.ready(client);
    return keys;
  }
  /// Copies that a worker was told to fetch: value and from where.
  std::vector<std::pair<TaskId, WorkerId>> acquires(WorkerId worker) {
    std::vector<std::pair<TaskId, WorkerId>> result;
    for (const auto& message : d.take<AcquireReplicas>(d.to_worker[worker]))
      for (std::size_t i = 0; i < message.tasks.size(); ++i) result.emplace_back(message.tasks[i], message.holders[i]);
    return result;
  }
  /// Values that it was told are nowhere to be had: it need not keep a copy that it has not got yet.
  std::vector<TaskId> let_be(WorkerId worker) {
    std::vector<TaskId> result;
    for (const auto& message : d.take<WhoHas>(d.to_worker[worker]))
      for (std::size_t i = 0; i < message.tasks.size(); ++i)
        if (!message.holders[i]) result.push_back(message.tasks[i]);
    return result;
  }
  void arrive(WorkerId at, TaskId task, std::uint64_t nbytes = 8) {
    d.say(WorkerSaid{at, ReplicasAdded{{task}, {nbytes}}});
  }
  static QueryReply plain_reply(RequestId request) {
    QueryReply reply;
    reply.request = request;
    return reply;
  }
  std::vector<QueryReply> replies() { return d.take<QueryReply>(d.to_client[client]); }

  SchedulerDialogue d;
  ClientId client;
};

TEST_F(ReplicasTest, replicates_along_a_tree_and_answers_when_all_copies_are_there) {
  std::vector<WorkerId> w;
  for (int i = 0; i < 5; ++i) w.push_back(worker("w" + std::to_string(i)));
  const auto keys = values("w0", 1, 100);
  d.say(ClientSaid{client, Replicate{{7}, keys, 0, 2, {}}});
  const TaskId value = TaskId::of(1, 0);
  EXPECT_THAT(acquires(w[1]), ElementsAre(std::pair(value, w[0])));
  EXPECT_THAT(acquires(w[2]), ElementsAre(std::pair(value, w[0])));
  d.expect_nothing_else();  // two at a time
  arrive(w[1], value);
  // The first holder goes on with a third copy, the new one with a fourth.
  EXPECT_THAT(acquires(w[3]), ElementsAre(std::pair(value, w[0])));
  EXPECT_THAT(acquires(w[4]), ElementsAre(std::pair(value, w[1])));
  arrive(w[2], value);
  arrive(w[4], value);
  EXPECT_THAT(replies(), IsEmpty());
  arrive(w[3], value);
  EXPECT_THAT(replies(), ElementsAre(plain_reply({7})));
  d.expect_nothing_else();
}

TEST_F(ReplicasTest, answers_at_once_when_there_is_nothing_to_copy_and_when_a_value_is_gone) {
  worker("w0");
  const auto w1 = worker("w1");
  const auto keys = values("w0", 1, 100);
  d.say(ClientSaid{client, Replicate{{7}, keys, 1, 2, {}}});
  EXPECT_EQ(replies().size(), 1u);
  d.say(ClientSaid{client, Replicate{{8}, keys, 2, 2, {}}});
  EXPECT_EQ(acquires(w1).size(), 1u);
  d.release(client, keys[0]);
  d.pass(100ms);
  EXPECT_EQ(replies().size(), 1u);
  EXPECT_THAT(let_be(w1), ElementsAre(TaskId::of(1, 0)));
  arrive(w1, TaskId::of(1, 0));
  EXPECT_THAT(d.freed(w1), ElementsAre(TaskId::of(1, 0)));
}

TEST_F(ReplicasTest, drops_copies_that_nobody_needs_but_not_those_asked_for_nor_where_a_task_reads) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto w2 = worker("w2");
  const auto keys = values("w0", 2, 100);
  const TaskId first = TaskId::of(1, 0);
  const TaskId second = TaskId::of(1, 1);
  for (const auto w : {w1, w2})
    for (const auto value : {first, second}) arrive(w, value);
  d.say(ClientSaid{client, Replicate{{7}, {keys[1]}, 2, 2, {}}});
  replies();
  d.pass(900ms);  // two seconds since the beginning are not over
  d.expect_nothing_else();
  d.pass(100ms);
  std::size_t dropped_first = 0;
  std::size_t dropped_second = 0;
  for (const auto w : {w0, w1, w2})
    for (const TaskId task : d.freed(w)) ++(task == first ? dropped_first : dropped_second);
  EXPECT_EQ(dropped_first, 2u);
  EXPECT_EQ(dropped_second, 1u);
  d.expect_nothing_else();
  EXPECT_EQ(d.scheduler.counters().replicas_dropped, 3u);
}

TEST_F(ReplicasTest, a_copy_that_does_not_come_is_given_up_by_its_size_and_sooner_where_nothing_is_fetched) {
  worker("w0");
  const auto paused = worker("w1");
  const auto keys = values("w0", 1, 100);
  d.say(ClientSaid{client, Replicate{{7}, {keys[0]}, 2, 2, {"w1"}}});
  EXPECT_EQ(acquires(paused).size(), 1u);
  d.say(WorkerSaid{paused, WorkerStatusChanged{WorkerStatus::paused}});
  d.pass(9s);
  EXPECT_THAT(let_be(paused), IsEmpty());
  d.say(WorkerSaid{paused, Heartbeat{}});
  d.pass(2s);
  EXPECT_THAT(let_be(paused), ElementsAre(TaskId::of(1, 0))) << "the wish is taken back";
  EXPECT_THAT(d.freed(paused), IsEmpty()) << "its word that it has the value may be under way";
  // It comes after all: it counts, or is freed, but is never believed to be what it is not.
  arrive(paused, TaskId::of(1, 0), 100);

  const auto able = worker("w2");
  d.say(ClientSaid{client, Replicate{{8}, {keys[0]}, 3, 2, {"w2"}}});
  EXPECT_EQ(acquires(able).size(), 1u);
  for (int second = 0; second < 29; ++second) {
    d.pass(1s);
    for (const auto id : {WorkerId{1}, paused, able}) d.say(WorkerSaid{id, Heartbeat{}});
  }
  EXPECT_THAT(let_be(able), IsEmpty());
  d.pass(2s);
  EXPECT_THAT(let_be(able), ElementsAre(TaskId::of(1, 0)));
}

TEST_F(ReplicasTest, a_copy_stays_where_a_task_is_about_to_read_it) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto keys = values("w0", 1, 100);
  auto chunk = graph({{}}, function("read", [] {
                       Annotations annotations;
                       annotations.workers = {"w1"};
                       return annotations;
                     }()));
  chunk->external = {keys[0]};
  chunk->dependencies = {1};
  chunk->dependency_offsets = {0, 1};
  d.submit(client, chunk);
  ASSERT_EQ(d.assigned(w1).size(), 1u);
  arrive(w1, TaskId::of(1, 0));
  d.pass(2s);
  EXPECT_THAT(d.freed(w1), IsEmpty());
  EXPECT_THAT(d.freed(w0), ElementsAre(TaskId::of(1, 0)));
}

TEST_F(ReplicasTest, rebalances_the_oldest_values_of_a_full_worker_onto_empty_ones) {
  const auto w0 = worker("w0", 1000);
  const auto w1 = worker("w1", 1000);
  values("w0", 8, 100);
  d.say(ClientSaid{client, Rebalance{{7}, {}, {}}});
  const auto moves = acquires(w1);
  ASSERT_EQ(moves.size(), 4u);
  for (const auto& [task, from] : moves) EXPECT_EQ(from, w0);
  for (const auto& [task, from] : moves) arrive(w1, task, 100);
  EXPECT_EQ(d.freed(w0).size(), 4u);
  EXPECT_EQ(replies().size(), 1u);
  d.say(ClientSaid{client, Rebalance{{8}, {}, {}}});
  EXPECT_EQ(replies().size(), 1u);
  d.expect_nothing_else();  // it is even now
}

TEST_F(ReplicasTest, rebalances_only_what_it_is_asked_to_and_leaves_workers_that_have_room) {
  const auto w0 = worker("w0", 1000);
  const auto w1 = worker("w1", 1000);
  const auto keys = values("w0", 8, 100);
  d.say(ClientSaid{client, Rebalance{{7}, {keys[5]}, {}}});
  EXPECT_THAT(acquires(w1), ElementsAre(std::pair(TaskId::of(1, 5), w0)));
  arrive(w1, TaskId::of(1, 5), 100);
  d.freed(w0);
  replies();
  // Less than 30 % of its limit in use: nobody is helped by moving that.
  const auto other = worker("other", 100'000);
  d.say(ClientSaid{client, Rebalance{{8}, {}, {"w1", "other"}}});
  EXPECT_THAT(acquires(other), IsEmpty());
  EXPECT_EQ(replies().size(), 1u);
}

TEST_F(ReplicasTest, retires_a_worker_once_its_values_are_elsewhere_and_its_tasks_done) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  values("w0", 2, 100);
  const auto submission = d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(12)));
  (void)submission;
  const auto running = d.assigned(w0);
  ASSERT_FALSE(running.empty());
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  const auto asked = d.take<StealTasks>(d.to_worker[w0]);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].tasks.size(), running.size());
  EXPECT_THAT(acquires(w1), UnorderedElementsAre(std::pair(TaskId::of(1, 0), w0), std::pair(TaskId::of(1, 1), w0)));
  // One runs already, the others are given up and start elsewhere.
  StealReply answer;
  for (std::size_t i = 0; i < running.size(); ++i) {
    answer.tasks.push_back(running[i].first);
    answer.runs.push_back(running[i].second);
    answer.released.push_back(i == 0 ? 0 : 1);
  }
  d.say(WorkerSaid{w0, answer});
  EXPECT_THAT(d.assigned(w0), IsEmpty());
  arrive(w1, TaskId::of(1, 0));
  arrive(w1, TaskId::of(1, 1));
  d.finish(w0, {running[0]}, 50);
  d.pass(100ms);
  EXPECT_THAT(acquires(w1), ElementsAre(std::pair(running[0].first, w0)));
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty());
  arrive(w1, running[0].first);
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "retired"}));
  EXPECT_THAT(replies(), IsEmpty());
  d.say(WorkerSaid{w0, Goodbye{"retired"}});
  const auto told = replies();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].lines, ElementsAre("w0"));
  EXPECT_EQ(d.scheduler.counters().recomputed, 0u);
}

TEST_F(ReplicasTest, a_copy_on_its_way_ends_with_its_value_though_that_is_made_again_at_once) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto keys = values("w0", 1, 100);
  const TaskId value = TaskId::of(1, 0);
  d.say(ClientSaid{client, Replicate{{7}, keys, 2, 2, {}}});
  EXPECT_THAT(acquires(w1), ElementsAre(std::pair(value, w0)));
  // It is not where it was believed to be: it is made again, and whoever was to take a copy is told to let it be.
  d.say(WorkerSaid{w1, InputsMissing{{value}, {w0}}});
  EXPECT_THAT(replies(), ElementsAre(plain_reply({7})));
  EXPECT_THAT(d.freed(w0), ElementsAre(value));
  EXPECT_THAT(let_be(w1), ElementsAre(value));
  const auto again = d.assigned(w0);
  ASSERT_EQ(again.size(), 1u);
  d.finish(w0, again, 100);
  d.pass(100ms);
  EXPECT_THAT(acquires(w1), IsEmpty());
}

TEST_F(ReplicasTest, who_misses_a_value_that_is_being_made_again_keeps_no_copy_of_it) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto w2 = worker("w2");
  const auto keys = values("w0", 1, 100);
  const TaskId value = TaskId::of(1, 0);
  d.say(ClientSaid{client, Replicate{{7}, keys, 0, 2, {}}});
  EXPECT_THAT(acquires(w1), ElementsAre(std::pair(value, w0)));
  EXPECT_THAT(acquires(w2), ElementsAre(std::pair(value, w0)));
  d.say(WorkerLeft{w0, false, "killed"});
  EXPECT_EQ(replies().size(), 1u);
  EXPECT_THAT(d.freed(w1), IsEmpty());  // it may say any moment that it has it
  EXPECT_THAT(d.freed(w2), IsEmpty());
  d.say(WorkerSaid{w1, InputsMissing{{value}, {w0}}});
  EXPECT_THAT(let_be(w1), ElementsAre(value));
  EXPECT_THAT(d.freed(w1), IsEmpty()) << "it may have got one meanwhile, and be about to say so";
  arrive(w2, value);  // nothing is known of this one any more
  EXPECT_THAT(d.freed(w2), ElementsAre(value));
}

TEST_F(ReplicasTest, what_a_retiring_worker_was_given_ahead_of_an_input_waits_for_that_input_elsewhere) {
  const auto w0 = worker("w0", 0, 1);
  Annotations ahead;
  ahead.run_ahead = true;
  d.submit(client, graph({{}, {0}}, function("f", ahead)));
  const auto chain = d.assigned(w0);
  ASSERT_EQ(chain.size(), 2u);
  const auto w1 = worker("w1", 0, 1);
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  ASSERT_EQ(d.take<StealTasks>(d.to_worker[w0]).size(), 1u);
  d.say(WorkerSaid{w0, StealReply{{chain[1].first}, {chain[1].second}, {1}}});
  EXPECT_EQ(d.scheduler.state_of(chain[1].first), TaskState::waiting);
  EXPECT_THAT(d.assigned(w1), IsEmpty());
  d.finish(w0, {chain[0]});
  EXPECT_THAT(d.assigned(w1), ElementsAre(std::pair(chain[1].first, RunId{2})));
}

TEST_F(ReplicasTest, does_not_retire_the_only_worker_with_values) {
  const auto w0 = worker("w0");
  values("w0", 2, 100);
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  const auto told = replies();
  ASSERT_EQ(told.size(), 1u);
  ASSERT_TRUE(told[0].error);
  EXPECT_THAT(told[0].error->text, HasSubstr("no other worker"));
  d.submit(client, graph({{}}));
  EXPECT_EQ(d.assigned(w0).size(), 1u);  // it works on
}

TEST_F(ReplicasTest, places_nothing_on_a_paused_worker_and_takes_back_what_it_has_not_started) {
  const auto w0 = worker("w0", 1000, 1);
  d.submit(client, graph({{}}));
  const auto given = d.assigned(w0);
  ASSERT_EQ(given.size(), 1u);
  d.say(WorkerSaid{w0, WorkerStatusChanged{WorkerStatus::paused}});
  d.submit(client, graph({{}}));
  EXPECT_THAT(d.assigned(w0), IsEmpty());
  const auto w1 = worker("w1", 1000, 2);
  d.pass(100ms);
  EXPECT_EQ(d.assigned(w1).size(), 1u);
  d.pass(100ms);
  const auto asked = d.take<StealTasks>(d.to_worker[w0]);
  ASSERT_EQ(asked.size(), 1u);
  d.say(WorkerSaid{w0, StealReply{asked[0].tasks, asked[0].runs, {1}}});
  EXPECT_EQ(d.assigned(w1).size(), 1u);
}

TEST_F(ReplicasTest, gives_ahead_only_what_the_memory_of_a_worker_has_room_for) {
  const auto w0 = worker("w0", 1000, 1);
  values("w0", 4, 400);  // so that outputs are known to be large
  Heartbeat beat;
  beat.free_bytes = 300;
  d.say(WorkerSaid{w0, beat});
  d.submit(client, graph(std::vector<std::vector<std::uint32_t>>(8)));
  EXPECT_EQ(d.assigned(w0).size(), 1u);
  beat.free_bytes = 100'000;
  d.say(WorkerSaid{w0, beat});
  EXPECT_GT(d.assigned(w0).size(), 0u);
}

TEST_F(ReplicasTest, does_not_end_a_worker_before_a_value_that_is_scattered_to_it_is_elsewhere) {
  const auto w0 = worker("w0");
  const auto [task, targets] = d.scatter(client);
  ASSERT_THAT(targets, ElementsAre(w0));
  const auto w1 = worker("w1");
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty()) << "it is on its way";
  arrive(w0, task, 100);
  d.pass(100ms);
  EXPECT_THAT(acquires(w1), ElementsAre(std::pair(task, w0)));
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty());
  arrive(w1, task, 100);
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "retired"}));
}

TEST_F(ReplicasTest, a_value_that_is_moved_to_a_worker_that_retires_meanwhile_stays_where_it_was) {
  const auto w0 = worker("w0", 1000);
  const auto w1 = worker("w1", 1000);
  const auto w2 = worker("w2", 1000);
  values("w0", 8, 100);
  d.say(ClientSaid{client, Rebalance{{7}, {}, {"w0", "w1"}}});
  const auto moved = acquires(w1);
  ASSERT_THAT(moved, ::testing::SizeIs(::testing::Ge(1U)));
  d.say(ClientSaid{client, RetireWorkers{{8}, {"w1"}, 0}});
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w1]), ElementsAre(CloseWorker{true, "retired"}))
      << "it holds nothing yet";
  for (const auto& [task, from] : moved) arrive(w1, task, 100);
  EXPECT_THAT(d.freed(w0), IsEmpty());
  d.say(WorkerSaid{w1, Goodbye{"retired"}});
  EXPECT_EQ(d.scheduler.counters().recomputed, 0U);
  EXPECT_THAT(acquires(w2), IsEmpty());
}

TEST_F(ReplicasTest, the_copy_that_was_made_for_a_worker_to_retire_is_the_one_that_stays) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  values("w0", 1, 100);
  values("w1", 1, 5000);  // the fuller one, and soon paused
  d.say(ClientSaid{client, RetireWorkers{{7}, {"w0"}, 0}});
  ASSERT_THAT(acquires(w1), ElementsAre(std::pair(TaskId::of(1, 0), w0)));
  arrive(w1, TaskId::of(1, 0), 100);
  d.say(WorkerSaid{w1, WorkerStatusChanged{WorkerStatus::paused}});
  d.pass(2s);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), ElementsAre(CloseWorker{true, "retired"}));
  EXPECT_THAT(d.freed(w1), IsEmpty()) << "it would be gone with the other";
}

TEST_F(ReplicasTest, copies_go_first_from_a_paused_worker_then_from_the_fullest) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto w2 = worker("w2");
  values("w0", 1, 100);
  values("w2", 1, 5000);  // the fullest, but not paused
  for (const auto w : {w1, w2}) arrive(w, TaskId::of(1, 0), 100);
  d.say(WorkerSaid{w1, WorkerStatusChanged{WorkerStatus::paused}});
  d.say(ClientSaid{client, Replicate{{7}, {ClientKey::of(1, 0)}, 2, 2, {}}});
  replies();
  d.pass(2s);
  EXPECT_THAT(d.freed(w1), ElementsAre(TaskId::of(1, 0)));
  EXPECT_THAT(d.freed(w0), IsEmpty());
  EXPECT_THAT(d.freed(w2), IsEmpty());
}

TEST_F(ReplicasTest, retires_those_that_hold_least_when_only_a_number_is_said) {
  const auto w0 = worker("w0");
  const auto w1 = worker("w1");
  const auto w2 = worker("w2");
  values("w0", 1, 500);
  values("w1", 1, 100);
  d.say(ClientSaid{client, RetireWorkers{{7}, {}, 2}});
  d.pass(100ms);
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w2]), ElementsAre(CloseWorker{true, "retired"}));
  EXPECT_THAT(acquires(w0), ElementsAre(std::pair(TaskId::of(2, 0), w1)));
  EXPECT_THAT(d.take<CloseWorker>(d.to_worker[w0]), IsEmpty());
}

/// Five holders of one value, and a worker that may not hold it but reads it.
struct SourcesTest : ReplicasTest {
  WorkerId on(const std::string& host, const std::string& name) {
    RegisterWorker registration;
    registration.name = name;
    registration.host = host;
    return d.join_worker(1, registration);
  }
  SourcesTest() {
    for (int i = 0; i < 5; ++i) holders.push_back(on("h" + std::to_string(i), "w" + std::to_string(i)));
    keys = values("w0", 1, 100);
    for (int i = 1; i < 5; ++i) arrive(holders[static_cast<std::size_t>(i)], TaskId::of(1, 0), 100);
  }
  /// Where the reader is told to fetch the value.
  WorkerId source(WorkerId reader, const std::string& name) {
    auto chunk = graph({{1}}, function("read"));
    chunk->templates[0].annotations.workers = {name};
    chunk->external = keys;
    d.submit(client, chunk);
    const auto messages = d.take<ComputeTasks>(d.to_worker[reader]);
    EXPECT_EQ(messages.size(), 1u);
    const WorkerId holder = messages.at(0).input_holders.at(0);
    d.finish(reader, {{messages[0].tasks[0], messages[0].runs[0]}});
    return holder;
  }

  std::vector<WorkerId> holders;
  std::vector<ClientKey> keys;
};

TEST_F(SourcesTest, an_input_is_fetched_from_a_holder_on_the_same_host) {
  const WorkerId reader = on("h3", "reader");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(source(reader, "reader"), holders[3]);
}

TEST_F(SourcesTest, an_input_is_not_fetched_from_a_holder_that_is_silent_while_there_is_another) {
  const WorkerId reader = on("h3", "reader");
  for (const int i : {0, 2, 3, 4}) d.say(PeerReachable{holders[static_cast<std::size_t>(i)], false});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(source(reader, "reader"), holders[1]);
  d.say(PeerReachable{holders[1], false});
  EXPECT_EQ(source(reader, "reader"), holders[3]) << "of those that are silent, too, the one that is near";
}

TEST_F(SourcesTest, fetches_of_one_value_are_spread_over_its_holders) {
  const WorkerId reader = on("elsewhere", "reader");
  std::map<WorkerId, int> asked;
  for (int i = 0; i < 100; ++i) ++asked[source(reader, "reader")];
  for (const WorkerId holder : holders) EXPECT_GT(asked[holder], 5);
}

}  // namespace
}  // namespace troupe::testing
