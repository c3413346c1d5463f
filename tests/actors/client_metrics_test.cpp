#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/http_client.hpp"
#include "tests/actors/client_functions.hpp"
#include "troupe/metrics.hpp"

namespace troupe {
namespace {

using namespace client_tests;
using ::testing::HasSubstr;

monitoring::HttpReply page(const ClientMetrics& metrics, const std::string& target) {
  monitoring::HttpQuestion question;
  question.address = metrics.address();
  question.target = target;
  const auto reply = monitoring::ask_page(question);
  return reply ? *reply : monitoring::HttpReply{0, reply.error().text};
}

TEST(ClientMetricsTest, tell_what_was_submitted_what_came_of_it_and_what_came_back) {
  LocalCluster cluster{{.workers = 2, .modules = {client_tests_module}, .dashboard = false}};
  Client client{cluster};
  const ClientMetrics metrics(client);
  EXPECT_THAT(metrics.text(), HasSubstr("troupe_client_connected 1\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("troupe_client_tasks_submitted_total 0\n"));

  const auto squares = client.map<slow_square>(std::vector<double>(100, 2.0));
  EXPECT_EQ(client.gather(squares).size(), 100U);
  EXPECT_THROW((void)client.submit<refuse>(1).get(), TaskFailed);
  const auto large = client.submit<block>(std::int64_t{100'000});
  EXPECT_EQ(large.get().size(), 100'000U);
  const auto given = client.scatter(std::vector<double>(1000, 1.0));
  EXPECT_EQ(client.submit<total>(given).get(), 1000.0);
  (void)client.scheduler_info();

  const std::string text = metrics.text();
  for (const char* line :
       {"troupe_client_tasks_submitted_total 103\n", "troupe_client_futures_done_total{state=\"finished\"} 103\n",
        "troupe_client_futures_done_total{state=\"erred\"} 1\n", "troupe_client_values_received_total 102\n",
        "troupe_client_values_scattered_total 1\n", "troupe_client_request_duration_seconds_count 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_EQ(metrics.address(), "");
}

TEST(ClientMetricsTest, are_served_and_outlive_the_client) {
  LocalCluster cluster{{.workers = 1, .modules = {client_tests_module}, .dashboard = false}};
  auto client = std::make_unique<Client>(cluster);
  const ClientMetrics metrics(*client, {.port = 0});
  EXPECT_EQ(client->submit<slow_square>(3.0).get(), 9.0);
  (void)client->scheduler_info();  // so that the turn is over in which the value came
  EXPECT_THAT(page(metrics, "/metrics").body, HasSubstr("troupe_client_tasks_submitted_total 1\n"));
  EXPECT_THAT(page(metrics, "/metrics").body, HasSubstr("process_resident_memory_bytes"));
  EXPECT_EQ(page(metrics, "/readyz").status, 200U);
  EXPECT_EQ(page(metrics, "/livez").status, 200U);

  client.reset();
  EXPECT_THAT(page(metrics, "/metrics").body, HasSubstr("troupe_client_connected 0\n"));
  EXPECT_EQ(page(metrics, "/readyz").status, 503U);
}

TEST(ClientMetricsTest, a_port_that_is_taken_is_refused_by_name) {
  LocalCluster cluster{{.workers = 1, .modules = {client_tests_module}, .dashboard = false}};
  Client client{cluster};
  const ClientMetrics first(client, {.port = 0});
  const auto port = static_cast<std::uint16_t>(std::stoi(first.address().substr(first.address().rfind(':') + 1)));
  try {
    const ClientMetrics second(client, {.port = port});
    FAIL() << "two on one port";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("ClientMetricsOptions::port"));
  }
  EXPECT_THROW(ClientMetrics(client, {.host = "0.0.0.0"}), Failure);
}

}  // namespace
}  // namespace troupe
