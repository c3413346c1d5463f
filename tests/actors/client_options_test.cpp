#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/client_functions.hpp"
#include "tests/support/temporary_folder.hpp"

namespace option_tests {

/// Says so when it runs; of a fifo.
inline int say(const std::string& fifo, const std::string& line) {
  troupe::testing::Fifo::tell(fifo, line);
  return 0;
}

}  // namespace option_tests

TROUPE_MODULE(option_tests_module, option_tests::say);

namespace troupe {
namespace {

using namespace std::chrono_literals;
using namespace option_tests;
using namespace client_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What may be said about a call, by a client of a real cluster.
class ClientOptionsTest : public ::testing::Test {
protected:
  static std::vector<std::string> holders(Client& client, const Future<double>& future) {
    std::vector<std::string> names;
    const auto all = client.who_has(std::vector{future});
    for (const auto& worker : all.front()) names.push_back(worker.name);
    return names;
  }

  troupe::testing::TemporaryFolder folder_;
};

TEST_F(ClientOptionsTest, what_has_a_higher_priority_runs_first_however_late_it_comes) {
  LocalCluster cluster({.workers = 1, .modules = {client_tests_module, option_tests_module}, .dashboard = false});
  Client client(cluster);
  testing::Fifo fifo(folder_.path("fifo"));
  auto held = client.submit<hold>(fifo.path());
  ASSERT_EQ(fifo.read_line(), "started");
  constexpr int low = 8;
  std::vector<Future<int>> all;
  for (int i = 0; i < low; ++i) all.push_back(client.submit<say>({.priority = -1}, fifo.path(), std::string("low")));
  all.push_back(client.submit<say>(fifo.path(), std::string("plain")));
  all.push_back(client.submit<say>({.priority = 1}, fifo.path(), std::string("high")));
  (void)client.explain(all.back());  // the scheduler has all of them
  client.cancel(held);
  ASSERT_EQ(fifo.read_line(), "stopped");
  std::vector<std::string> order;
  for (std::size_t i = 0; i < all.size(); ++i) order.push_back(fifo.read_line().value_or("nothing"));
  const auto place = [&](const char* what) { return std::find(order.begin(), order.end(), what) - order.begin(); };
  EXPECT_LT(place("high"), place("plain")) << ::testing::PrintToString(order);
  EXPECT_LT(place("plain"), low / 2) << "the worker had no more than it may hold ahead: "
                                     << ::testing::PrintToString(order);
}

TEST_F(ClientOptionsTest, a_call_runs_on_the_workers_that_are_named_and_elsewhere_only_if_that_is_allowed) {
  LocalCluster cluster({.workers = 3, .modules = {client_tests_module, option_tests_module}, .dashboard = false});
  Client client(cluster);
  for (int i = 0; i < 8; ++i) {
    auto there = client.submit<slow_square>({.workers = {"worker-1"}}, double(i));
    EXPECT_EQ(there.get(20s), double(i) * i);
    EXPECT_THAT(holders(client, there), ElementsAre("worker-1"));
  }
  auto nowhere = client.submit<slow_square>({.workers = {"nobody"}}, 2.0);
  EXPECT_EQ(client.explain(nowhere).code, "restrictions-unmet");
  EXPECT_EQ(client.submit<slow_square>({.workers = {"nobody"}, .allow_other_workers = true}, 2.0).get(20s), 4.0);
  EXPECT_FALSE(nowhere.done());
}

TEST_F(ClientOptionsTest, calls_share_what_a_worker_offers_of_a_resource) {
  LocalCluster cluster({.workers = 1,
                        .threads_per_worker = 4,
                        .modules = {client_tests_module, option_tests_module},
                        .resources = {{"GPU", 1}},
                        .dashboard = false});
  Client client(cluster);
  testing::Fifo fifo(folder_.path("fifo"));
  auto held = client.submit<hold>({.resources = {{"GPU", 1}}}, fifo.path());
  ASSERT_EQ(fifo.read_line(), "started");
  auto next = client.submit<say>({.resources = {{"GPU", 1}}}, fifo.path(), std::string("with the resource"));
  auto free = client.submit<say>(fifo.path(), std::string("without"));
  EXPECT_EQ(free.get(20s), 0);
  EXPECT_EQ(fifo.read_line(), "without") << "it came later, and there are four threads";
  EXPECT_FALSE(next.done());
  client.cancel(held);
  EXPECT_EQ(fifo.read_line(), "stopped");
  EXPECT_EQ(fifo.read_line(), "with the resource");
  auto too_much = client.submit<say>({.resources = {{"GPU", 2}}}, fifo.path(), std::string("never"));
  const auto why = client.explain(too_much);
  EXPECT_EQ(why.code, "restrictions-unmet");
  EXPECT_THAT(why.lines, ::testing::Contains(HasSubstr("GPU")));
}

TEST_F(ClientOptionsTest, a_call_that_takes_longer_than_its_timeout_is_asked_to_stop_and_fails) {
  LocalCluster cluster({.workers = 1, .modules = {client_tests_module, option_tests_module}, .dashboard = false});
  Client client(cluster);
  testing::Fifo fifo(folder_.path("fifo"));
  auto late = client.submit<hold>({.timeout = 200ms}, fifo.path());
  EXPECT_EQ(fifo.read_line(), "started");
  EXPECT_EQ(fifo.read_line(), "stopped");
  const auto error = late.exception();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, TaskError::Kind::timeout);
  EXPECT_THAT(error->message, HasSubstr("200 ms"));
  EXPECT_EQ(client.submit<slow_square>({.timeout = 20s}, 3.0).get(20s), 9.0);
}

TEST_F(ClientOptionsTest, a_call_is_known_by_the_name_it_is_given) {
  LocalCluster cluster({.workers = 1, .modules = {client_tests_module, option_tests_module}, .dashboard = false});
  Client client(cluster);
  auto named = client.submit<slow_square>({.key = "the-answer"}, 2.0);
  EXPECT_EQ(named.get(20s), 4.0);
  EXPECT_EQ(client.ask({{}, QueryKind::explain, {}, 0, "the-answer", 0}).code, "in-memory");
  Client other(cluster);
  EXPECT_EQ(other.submit<slow_square>({.key = "the-answer"}, 2.0).get(20s), 4.0) << "the same task";
  EXPECT_EQ(client.scheduler_info()->finished, 1U);
}

}  // namespace
}  // namespace troupe
