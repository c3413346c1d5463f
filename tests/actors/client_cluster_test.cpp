#include <algorithm>
#include <atomic>
#include <coroutine>
#include <csignal>
#include <filesystem>
#include <future>
#include <numeric>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/client_functions.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using namespace client_tests;

/// The public API against a real cluster of threads in this process.
class ClientClusterTest : public ::testing::Test {
protected:
  LocalCluster cluster{{.workers = 2, .modules = {client_tests_module}}};
  Client client{cluster};
};

TEST_F(ClientClusterTest, the_program_of_the_design_page_gives_fourteen) {
  auto squares = client.map<slow_square>(std::vector{1.0, 2.0, 3.0});
  auto sum = client.reduce<add>(squares);
  EXPECT_EQ(sum.get(), 14.0);
}

TEST_F(ClientClusterTest, submits_values_and_futures_alone_and_in_containers) {
  auto two = client.submit<add>(1, 1.0);
  auto four = client.submit<slow_square>(two);
  EXPECT_EQ(four.get(), 4.0);
  EXPECT_EQ(client.submit<total>(std::vector{two, four, two}).get(), 8.0);
  EXPECT_EQ(client.submit<named_total>(std::map<std::string, Future<double>>{{"a", two}, {"b", four}}).get(), 6.0);
  EXPECT_EQ(client.submit<of_optional>(std::optional(four)).get(), 4.0);
  EXPECT_EQ(client.submit<of_optional>(std::optional<Future<double>>()).get(), -1.0);
  EXPECT_EQ(client.submit<of_tuple>(std::tuple(two, std::string("abc"))).get(), 5.0);
  client.submit<nothing>().get();
}

TEST_F(ClientClusterTest, map_stops_at_the_shortest_range_and_takes_futures) {
  const auto firsts = client.map<slow_square>(std::vector{1.0, 2.0, 3.0});
  const auto sums = client.map<add>(firsts, std::vector{10.0, 20.0});
  EXPECT_THAT(client.gather(sums), ::testing::ElementsAre(11.0, 24.0));
  EXPECT_THAT(client.map<slow_square>(std::vector<double>{}), ::testing::IsEmpty());
}

TEST_F(ClientClusterTest, a_map_of_more_tasks_than_a_chunk_holds_comes_back_complete) {
  std::vector<double> numbers(50'000);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const auto squares = client.map<slow_square>(numbers);
  const auto values = client.gather(squares);
  ASSERT_EQ(values.size(), numbers.size());
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], numbers[i] * numbers[i]);
}

TEST_F(ClientClusterTest, reduce_keeps_the_order_of_its_values) {
  std::vector<std::string> letters;
  for (char c = 'a'; c <= 'z'; ++c) letters.emplace_back(1, c);
  const auto parts = client.map<join>(letters, std::vector<std::string>(26, ""));
  EXPECT_EQ(client.reduce<join>(parts).get(), "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(client.reduce<join>(std::vector{parts[4]}).get(), "e");
  EXPECT_THROW(client.reduce<join>(std::vector<Future<std::string>>{}), InvalidRequest);
}

TEST_F(ClientClusterTest, a_failed_task_says_what_where_and_why_and_so_do_those_that_need_it) {
  auto failed = client.submit<refuse>({.retries = 2}, 7);
  try {
    (void)failed.get();
    FAIL() << "it did not throw";
  } catch (const TaskFailed& error) {
    EXPECT_EQ(error.error().message, "no room for 7");
    EXPECT_EQ(error.error().type, "std::out_of_range");
    EXPECT_THAT(error.error().function, ::testing::HasSubstr("refuse"));
    EXPECT_THAT(error.error().worker, ::testing::HasSubstr("worker-"));
    EXPECT_FALSE(error.error().key.empty());
    EXPECT_EQ(error.error().attempts, 3U);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no room for 7"));
  }
  EXPECT_EQ(failed.status(), FutureStatus::erred);
  auto dependent = client.submit<add>(failed, 1.0);
  ASSERT_NE(dependent.exception(), nullptr);
  EXPECT_EQ(dependent.exception()->message, "no room for 7");
  client.retry(failed);
  EXPECT_THROW((void)failed.get(), TaskFailed);
}

TEST_F(ClientClusterTest, large_values_are_fetched_from_their_worker) {
  auto large = client.submit<block>(std::int64_t{1'000'000});
  EXPECT_EQ(large.get().size(), 1'000'000U);
  EXPECT_EQ(large.get_shared(), large.get_shared()) << "fetched once, shared";
  const auto many = client.map<block>(std::vector<std::int64_t>(20, 5'000));
  for (const auto& value : client.gather(many)) EXPECT_EQ(value.size(), 5'000U);
}

TEST_F(ClientClusterTest, scattered_values_are_arguments_like_any_other) {
  auto values = client.scatter(std::vector{1.0, 2.0, 3.5});
  EXPECT_EQ(client.submit<total>(values).get(), 6.5);
  EXPECT_EQ(values.get(), (std::vector{1.0, 2.0, 3.5}));
  auto each = client.scatter_each(std::vector{1.0, 2.0, 3.0}, {.broadcast = true});
  EXPECT_EQ(client.reduce<add>(each).get(), 6.0);
}

TEST_F(ClientClusterTest, an_identical_pure_call_has_the_same_key_and_runs_once) {
  const TaskOptions pure{.pure = true};
  auto first = client.submit<slow_square>(pure, 3.0);
  auto second = client.submit<slow_square>(pure, 3.0);
  EXPECT_EQ(first.key(), second.key());
  EXPECT_EQ(first, second);
  EXPECT_NE(client.submit<slow_square>(pure, 4.0).key(), first.key());
  Client other(cluster);
  auto third = other.submit<slow_square>(pure, 3.0);
  EXPECT_EQ(third.key(), first.key());
  EXPECT_EQ(third.get(), 9.0);
}

TEST_F(ClientClusterTest, a_named_call_with_another_definition_is_refused) {
  auto first = client.submit<slow_square>({.key = "the one"}, 3.0);
  EXPECT_EQ(first.get(), 9.0);
  auto same = client.submit<slow_square>({.key = "the one"}, 3.0);
  EXPECT_EQ(same.get(), 9.0);
  auto other = client.submit<slow_square>({.key = "the one"}, 4.0);
  EXPECT_THROW((void)other.get(), TaskFailed);
}

TEST_F(ClientClusterTest, cancelled_futures_say_so) {
  auto busy = client.map<nap>(std::vector{300, 300});
  auto queued = client.submit<nap>(1);
  client.cancel(queued, false, "not needed");
  try {
    (void)queued.get(20s);
    FAIL() << "it was not cancelled";
  } catch (const Cancelled& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("not needed"));
  }
  EXPECT_EQ(queued.status(), FutureStatus::cancelled);
  (void)client.gather(busy);
}

TEST_F(ClientClusterTest, what_runs_for_nobody_any_more_is_asked_to_stop) {
  troupe::testing::Fifo fifo(
      (std::filesystem::temp_directory_path() / ("troupe-stop-" + std::to_string(::getpid()))).string());
  auto cancelled = client.submit<hold>(fifo.path());
  ASSERT_EQ(fifo.read_line(), "started");
  client.cancel(cancelled);
  EXPECT_EQ(fifo.read_line(), "stopped");
  EXPECT_THROW((void)cancelled.get(20s), Cancelled);
  {
    auto released = client.submit<hold>(fifo.path());
    ASSERT_EQ(fifo.read_line(), "started");
  }
  EXPECT_EQ(fifo.read_line(), "stopped");
  auto shared = client.submit<hold>({.key = "of two"}, fifo.path());
  Client other(cluster);
  auto also = other.submit<hold>({.key = "of two"}, fifo.path());
  ASSERT_EQ(fifo.read_line(), "started");
  (void)other.explain(also);  // its wish has been heard
  client.cancel(shared);
  EXPECT_THROW((void)shared.get(20s), Cancelled);
  EXPECT_EQ(other.explain(also).code, "processing") << "another client wants it";
  EXPECT_EQ(fifo.read_line(0ms), std::nullopt);
  other.cancel(also);
  EXPECT_EQ(fifo.read_line(), "stopped");
  std::filesystem::remove(fifo.path());
}

TEST_F(ClientClusterTest, get_and_wait_with_a_timeout_throw_and_the_task_goes_on) {
  auto slow = client.submit<nap>(200);
  EXPECT_THROW((void)slow.get(5ms), TimeoutError);
  EXPECT_THROW((void)client.wait(std::vector{slow}, 5ms), TimeoutError);
  EXPECT_EQ(slow.get(), 200);
}

TEST_F(ClientClusterTest, wait_for_the_first_leaves_the_others) {
  auto quick = client.submit<nap>(1);
  auto slow = client.submit<nap>(400);
  const auto result = client.wait(std::vector{slow, quick}, ReturnWhen::first_completed);
  EXPECT_THAT(result.done, ::testing::Contains(quick));
  EXPECT_THAT(result.not_done, ::testing::Contains(slow));
  EXPECT_EQ(client.wait(std::vector{slow, quick}).done.size(), 2U);
}

TEST_F(ClientClusterTest, as_completed_gives_each_once_and_takes_more_on_the_way) {
  auto futures = client.map<slow_square>(std::vector{1.0, 2.0, 3.0});
  auto completed = client.as_completed(futures);
  std::vector<double> values;
  bool added = false;
  for (const auto& future : completed) {
    values.push_back(future.get());
    if (!std::exchange(added, true)) completed.add(client.submit<slow_square>(10.0));
  }
  std::sort(values.begin(), values.end());
  EXPECT_THAT(values, ::testing::ElementsAre(1.0, 4.0, 9.0, 100.0));
}

TEST_F(ClientClusterTest, then_runs_with_the_value_and_on_the_executor_given) {
  auto doubled = client.submit<slow_square>(3.0).then([](const Future<double>& future) { return future.get() * 2; });
  EXPECT_EQ(doubled.get(), 18.0);
  std::promise<std::thread::id> where;
  client.submit<block>(std::int64_t{100'000})
      .then([](const Future<std::vector<double>>& future) { return future.get().size(); },
            [&](std::function<void()> work) {
              work();
              where.set_value(std::this_thread::get_id());
            });
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
  auto failed = client.submit<refuse>(1).then([](const Future<int>& future) { return future.get(); });
  EXPECT_THROW(failed.get(), TaskFailed);
}

/// The least that a coroutine needs to be started and forgotten.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached sum_of_squares(Client& client, std::promise<double>& result) {
  const double nine = co_await client.submit<slow_square>(3.0);
  const double sixteen = co_await client.submit<slow_square>(4.0);
  try {
    (void)co_await client.submit<refuse>(3);
  } catch (const TaskFailed&) {
    result.set_value(nine + sixteen);
  }
}

TEST_F(ClientClusterTest, a_coroutine_awaits_futures) {
  std::promise<double> result;
  sum_of_squares(client, result);
  EXPECT_EQ(result.get_future().get(), 25.0);
}

TEST_F(ClientClusterTest, tasks_submit_tasks_and_wait_for_them_without_deadlock) {
  EXPECT_EQ(client.submit<fibonacci>(std::uint64_t{9}).get(60s), 34U);
}

TEST_F(ClientClusterTest, many_threads_submit_at_the_same_time) {
  std::vector<std::thread> threads;
  std::atomic<double> sum = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::vector<Future<double>> mine;
      for (int i = 0; i < 2'000; ++i)
        mine.push_back(client.submit<add>(static_cast<double>(t), static_cast<double>(i)));
      double part = 0;
      for (const double value : client.gather(mine)) part += value;
      sum = sum + part;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum, 4 * 1'999'000.0 + 2'000.0 * 6);
}

TEST_F(ClientClusterTest, a_graph_of_several_chunks_gives_what_is_wanted) {
  Graph graph;
  std::vector<GraphNode<double>> row;
  for (int i = 0; i < 40'000; ++i) row.push_back(graph.add<slow_square>(1.0));
  while (row.size() > 1) {
    std::vector<GraphNode<double>> above;
    for (std::size_t i = 0; i + 1 < row.size(); i += 2) above.push_back(graph.add<add>(row[i], row[i + 1]));
    if (row.size() % 2 == 1) above.push_back(row.back());
    row = above;
  }
  EXPECT_EQ(client.submit_graph(std::move(graph), row.front()).get(60s), 40'000.0);
}

TEST_F(ClientClusterTest, a_cycle_and_a_missing_dependency_are_named) {
  const std::vector<std::byte> two{std::byte{1}, std::byte{1}};
  Graph cyclic;
  const auto sum = cyclic.function<add>();
  cyclic.add(sum, std::vector<std::uint32_t>{1, 1}, two);
  cyclic.add(sum, std::vector<std::uint32_t>{0, 0}, two);
  try {
    (void)client.submit_graph(std::move(cyclic), std::span<const std::uint32_t>{});
    FAIL() << "a cycle was taken";
  } catch (const InvalidRequest& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("cycle of 2 tasks: client_tests::add[0] needs client_tests::add[1]"));
  }
  Graph incomplete;
  incomplete.add(incomplete.function<add>(), std::vector<std::uint32_t>{0, 9}, two);
  try {
    (void)client.submit_graph(std::move(incomplete), std::span<const std::uint32_t>{});
    FAIL() << "a missing dependency was taken";
  } catch (const InvalidRequest& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("needs task 9, which is missing"));
  }
}

TEST_F(ClientClusterTest, what_is_refused_leaves_nothing_behind_for_what_is_submitted_next) {
  const std::string large(std::size_t{33} << 20, 'x');
  EXPECT_THROW((void)client.submit<join>(large, large), InvalidRequest);
  const auto sum = client.submit<add>(1.0, 2.0);
  EXPECT_THAT(sum.key(), ::testing::StartsWith("client_tests::add-"));
  const auto joined = client.submit<join>(std::string("a"), std::string("b"));
  EXPECT_THAT(joined.key(), ::testing::StartsWith("client_tests::join-"));
  EXPECT_EQ(sum.get(), 3);
  EXPECT_EQ(joined.get(), "ab");
}

TEST_F(ClientClusterTest, futures_of_another_client_and_empty_ones_are_refused) {
  Client other(cluster);
  auto foreign = other.submit<slow_square>(2.0);
  EXPECT_THROW(client.submit<slow_square>(foreign), InvalidRequest);
  EXPECT_THROW(client.submit<slow_square>(Future<double>()), InvalidRequest);
  EXPECT_THROW((void)client.gather(std::vector{foreign}), InvalidRequest);
  EXPECT_THROW(client.submit<slow_square>(GraphNode<double>{}), InvalidRequest);
}

TEST_F(ClientClusterTest, tells_about_the_cluster_and_about_tasks) {
  const auto info = client.scheduler_info();
  ASSERT_EQ(info->workers.size(), 2U);
  auto large = client.submit<block>(std::int64_t{10'000});
  client.wait(std::vector{large});
  const auto holders = client.who_has(std::vector{large});
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_EQ(holders[0].size(), 1U);
  EXPECT_FALSE(client.explain(large).lines.empty());
  EXPECT_FALSE(client.story(large).empty());
  const auto pids = client.run_on_workers<process_id>();
  ASSERT_EQ(pids.size(), 2U);
  for (const auto& [name, pid] : pids) EXPECT_EQ(pid.value(), ::getpid()) << name;
  EXPECT_EQ(client.run_on_workers<refuse>(1).begin()->second.error().message, "no room for 1");
  EXPECT_THROW(client.wait_for_workers(3, 50ms), TimeoutError);
}

TEST_F(ClientClusterTest, progress_counts_and_draws) {
  auto futures = client.map<slow_square>(std::vector{1.0, 2.0, 3.0});
  auto failed = client.map<refuse>(std::vector{1});
  std::ostringstream out;
  EXPECT_EQ(client.show_progress(futures, out).finished, 3U);
  EXPECT_THAT(out.str(), ::testing::ContainsRegex("slow_square.*100% 3/3"));
  client.wait(failed);
  EXPECT_EQ(client.progress(failed).erred, 1U);

  // Calls that go out together keep their own names.
  const std::vector<Future<double>> mixed{client.submit<slow_square>(1.0), client.submit<add>(1.0, 2.0),
                                          client.submit<slow_square>(2.0)};
  std::ostringstream lines;
  EXPECT_EQ(client.show_progress(mixed, lines).finished, 3U);
  EXPECT_THAT(lines.str(), ::testing::AllOf(::testing::ContainsRegex("slow_square.*100% 2/2"),
                                            ::testing::ContainsRegex("add.*100% 1/1")));
  EXPECT_THAT(mixed[1].key(), ::testing::StartsWith("client_tests::add-"));
  EXPECT_THAT(client.submit<add>({.prefix = "sums"}, 1.0, 2.0).key(), ::testing::StartsWith("sums-"));
  EXPECT_THROW(client.submit<add>({.prefix = std::string(201, 'x')}, 1.0, 2.0), InvalidRequest);
}

TEST_F(ClientClusterTest, released_futures_are_forgotten_by_the_scheduler) {
  {
    auto futures = client.map<slow_square>(std::vector<double>(1'000, 2.0));
    (void)client.gather(futures);
  }
  for (int i = 0; i < 1'000; ++i) {  // each question is a turn of the loop
    const auto info = client.scheduler_info();
    if (std::accumulate(info->tasks_by_state.begin(), info->tasks_by_state.end(), std::uint64_t{0}) == 0) return;
    std::this_thread::yield();
  }
  FAIL() << "the scheduler still knows tasks";
}

TEST_F(ClientClusterTest, futures_outlive_their_client_and_say_what_they_know) {
  Future<double> known;
  Future<int> unknown;
  {
    Client other(cluster);
    known = other.submit<slow_square>(5.0);
    EXPECT_EQ(known.get(), 25.0);
    unknown = other.submit<nap>(100);
  }
  EXPECT_EQ(known.get(), 25.0);
  EXPECT_EQ(unknown.status(), FutureStatus::lost);
  EXPECT_THROW((void)unknown.get(), Disconnected);
}

TEST(ClientLife, a_closed_client_refuses_work) {
  LocalCluster cluster({.modules = {client_tests_module}});
  Client client(cluster);
  client.close();
  EXPECT_THROW(client.submit<slow_square>(1.0), Disconnected);
  EXPECT_THROW(client.map<slow_square>(std::vector{1.0}), Disconnected);
  EXPECT_THROW((void)client.scheduler_info(), Disconnected);
}

TEST(ClientLife, a_cluster_that_ends_loses_what_is_pending) {
  auto cluster = std::make_unique<LocalCluster>(LocalClusterOptions{.modules = {client_tests_module}});
  auto client = std::make_unique<Client>(*cluster);
  auto slow = client->submit<nap>(5'000);
  cluster->stop();
  EXPECT_THROW((void)slow.get(20s), Disconnected);
  client.reset();
}

TEST(ClientLife, a_cluster_is_stopped_from_a_callback_without_blocking_it) {
  auto cluster = std::make_unique<LocalCluster>(LocalClusterOptions{.workers = 2, .modules = {client_tests_module}});
  Client client(*cluster);
  std::promise<void> posted;
  std::promise<void> stopped;
  client.submit<add>(1, 2.0).then([&](const Future<double>&) {
    cluster->async_stop([&] { stopped.set_value(); },
                        [&](const std::function<void()>& work) {
                          posted.set_value();
                          work();
                        });
  });
  ASSERT_EQ(stopped.get_future().wait_for(30s), std::future_status::ready);
  EXPECT_EQ(posted.get_future().wait_for(0s), std::future_status::ready);
  cluster->stop();
  client.close();
}

TEST(ClientLife, a_cluster_told_to_stop_may_be_destroyed_before_it_has) {
  std::atomic<bool> stopped{false};
  {
    LocalCluster cluster({.workers = 1, .modules = {client_tests_module}});
    cluster.async_stop([&] { stopped = true; });
  }
  EXPECT_TRUE(stopped);
}

TEST(ClientLife, connects_over_tcp_by_access_file) {
  const auto path = ::testing::TempDir() + "troupe-client-access.json";
  LocalCluster cluster({.workers = 1, .modules = {client_tests_module}, .listen = true, .access_file = path});
  Client client(path);
  EXPECT_EQ(client.submit<slow_square>(7.0).get(20s), 49.0);
  EXPECT_EQ(client.submit<block>(std::int64_t{300'000}).get(20s).size(), 300'000U);
  auto scattered = client.scatter(std::vector<double>(100'000, 0.5));
  EXPECT_EQ(client.submit<total>(scattered).get(20s), 50'000.0);
  Client by_address("tcp://" + cluster.address(), {.access_file = path});
  EXPECT_EQ(by_address.submit<slow_square>(2.0).get(20s), 4.0);
}

TEST(ClientLife, says_when_nobody_answers) {
  const auto path = ::testing::TempDir() + "troupe-client-nobody.json";
  std::string address;
  {
    LocalCluster cluster({.workers = 0, .listen = true, .access_file = path});
    address = cluster.address();
    std::filesystem::copy_file(path, path + ".kept", std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::permissions(path + ".kept",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_THROW(Client(path + ".kept", {.timeout = 300ms}), Disconnected);
  EXPECT_THROW(Client("/does/not/exist.json"), InvalidRequest);
}

TEST(LocalClusterProcesses, runs_tasks_in_processes_of_their_own_and_leaves_none_behind) {
  std::vector<int> pids;
  {
    LocalCluster cluster({.workers = 2, .processes = true, .modules = {client_tests_module}});
    Client client(cluster);
    pids = cluster.worker_pids();
    ASSERT_EQ(pids.size(), 2U);
    EXPECT_NE(client.submit<process_id>().get(), ::getpid());
    const auto squares = client.map<slow_square>(std::vector<double>(1'000, 3.0));
    EXPECT_EQ(client.reduce<add>(squares).get(), 9'000.0);
    EXPECT_EQ(client.submit<block>(std::int64_t{200'000}).get().size(), 200'000U);
    EXPECT_EQ(client.submit<fibonacci>(std::uint64_t{6}).get(60s), 8U);
  }
  for (const int pid : pids) EXPECT_EQ(::kill(pid, 0), -1) << "worker process " << pid << " is still there";
}

TEST(LocalClusterProcesses, a_killed_worker_process_is_replaced_and_the_work_goes_on) {
  LocalCluster cluster({.workers = 2, .processes = true, .modules = {client_tests_module}});
  Client client(cluster);
  auto naps = client.map<nap>(std::vector<int>(40, 20));
  ::kill(cluster.worker_pids().front(), SIGKILL);
  for (const int value : client.gather(naps)) EXPECT_EQ(value, 20);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {client_tests_module});
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
