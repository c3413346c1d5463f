#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "tests/support/isolated_functions.hpp"
#include "troupe/troupe.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Fifo;
using ::testing::HasSubstr;

const TaskOptions isolated_task{.isolate = true};

/// Tasks in processes of their own, on workers that are threads of this one.
class IsolatedTasks : public ::testing::Test {
protected:
  IsolatedTasks() { fifo.emplace(fifo_path); }
  ~IsolatedTasks() override { ::unlink(fifo_path.c_str()); }
  /// The process that said so.
  int told_pid() { return std::stoi(fifo->read_line().value_or("1")); }

  std::string fifo_path = ::testing::TempDir() + "troupe-isolated-" + std::to_string(::getpid());
  std::optional<Fifo> fifo;
  LocalCluster cluster{{.workers = 2, .modules = {isolated_module}}};
  Client client{cluster};
};

template <class T>
TaskError error_of(const Future<T>& future) {
  try {
    (void)future.get(60s);
  } catch (const TaskFailed& failed) {
    return failed.error();
  }
  ADD_FAILURE() << "the task did not fail";
  return {};
}

TEST_F(IsolatedTasks, values_and_futures_go_in_and_values_come_out) {
  const auto here = client.submit<isolated::square>(2.0);
  const auto there = client.submit<isolated::square>(isolated_task, here);
  EXPECT_EQ(there.get(60s), 16.0);
  EXPECT_EQ(client.submit<isolated::square>(there).get(60s), 256.0);
  std::vector<double> large(300'000);
  std::iota(large.begin(), large.end(), 0.0);
  const auto doubled = client.submit<isolated::twice>(isolated_task, client.scatter(large));
  EXPECT_EQ(client.submit<isolated::twice>(doubled).get(60s).back(), 4 * large.back());
  const auto pids = client.map<isolated::square>(isolated_task, std::vector{1.0, 2.0, 3.0});
  EXPECT_EQ(client.gather(pids), (std::vector{1.0, 4.0, 9.0}));
  EXPECT_EQ(client.submit<isolated::process_id>().get(60s), ::getpid());
  EXPECT_NE(client.submit<isolated::process_id>(isolated_task).get(60s), ::getpid());
}

TEST_F(IsolatedTasks, a_crash_fails_its_task_alone_and_its_dependents_name_it) {
  const auto crashed = client.submit<isolated::die>(isolated_task, SIGSEGV);
  const auto after = client.submit<isolated::die>(isolated_task, crashed);
  const auto error = error_of(crashed);
  EXPECT_EQ(error.kind, TaskError::Kind::killed);
  EXPECT_THAT(error.message, AllOf(HasSubstr("signal 11"), HasSubstr("the end is near")));
  EXPECT_EQ(error.attempts, 1U) << "it killed no worker";
  EXPECT_EQ(error_of(after).root, error.root);
  EXPECT_EQ(client.submit<isolated::square>(3.0).get(60s), 9.0);
}

TEST_F(IsolatedTasks, a_crash_is_tried_again_as_often_as_was_asked) {
  const auto mark = fifo_path + ".mark";
  std::filesystem::remove(mark);
  EXPECT_EQ(client.submit<isolated::die_once>({.retries = 1, .isolate = true}, mark).get(60s), 7);
  std::filesystem::remove(mark);
}

TEST_F(IsolatedTasks, a_task_that_is_cancelled_is_killed_if_it_does_not_end) {
  const auto running = client.submit<isolated::stubborn>(isolated_task, fifo->path());
  const int pid = told_pid();
  client.cancel(running);
  EXPECT_TRUE(testing::ends(pid));
  EXPECT_THROW((void)running.get(60s), Cancelled);
  EXPECT_EQ(client.submit<isolated::square>(isolated_task, 3.0).get(60s), 9.0);
}

TEST_F(IsolatedTasks, a_task_that_nobody_wants_any_more_is_asked_to_end) {
  int pid = 0;
  {
    const auto running = client.submit<isolated::polite>(isolated_task, fifo->path());
    pid = told_pid();
  }
  EXPECT_EQ(fifo->read_line(), "polite");
  EXPECT_TRUE(testing::ends(pid));
}

TEST_F(IsolatedTasks, time_and_memory_have_an_end) {
  const auto late =
      client.submit<isolated::stubborn>({.timeout = 3s, .isolate = true}, fifo->path());  // it has to begin within
  const auto large =
      client.submit<isolated::take>({.isolate = true, .memory_limit = 100U << 20}, std::uint64_t{1} << 30);
  EXPECT_EQ(error_of(late).kind, TaskError::Kind::timeout);
  const auto error = error_of(large);
  EXPECT_EQ(error.kind, TaskError::Kind::too_large);
  EXPECT_THAT(error.message, HasSubstr("memory_limit allows 104857600"));
  EXPECT_TRUE(testing::ends(told_pid()));
}

TEST_F(IsolatedTasks, a_memory_limit_without_a_process_is_refused) {
  EXPECT_THROW((void)client.submit<isolated::square>({.memory_limit = 1}, 1.0), InvalidRequest);
}

TEST_F(IsolatedTasks, nodes_of_graphs_may_be_isolated) {
  Graph graph;
  const auto here = graph.add<isolated::square>(3.0);
  const auto there = graph.add<isolated::square>(isolated_task, here);
  EXPECT_EQ(client.submit_graph(std::move(graph), there).get(60s), 81.0);
}

TEST_F(IsolatedTasks, a_cluster_that_stops_leaves_no_process_behind) {
  const auto running = client.submit<isolated::stubborn>(isolated_task, fifo->path());
  const int pid = told_pid();
  cluster.stop();
  EXPECT_TRUE(testing::ends(pid));
}

TEST_F(IsolatedTasks, a_worker_process_that_is_killed_takes_its_tasks_processes_along) {
  LocalCluster processes{{.workers = 1, .processes = true, .modules = {isolated_module}}};
  Client other{processes};
  const auto running = other.submit<isolated::stubborn>(isolated_task, fifo->path());
  const int pid = told_pid();
  const int worker = processes.worker_pids().front();
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  EXPECT_TRUE(testing::ends(pid));
  // The next worker process runs it again, and is not held to blame.
  EXPECT_NE(told_pid(), pid);
  other.cancel(running);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {isolated_module});
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
