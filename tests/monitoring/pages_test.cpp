#include "monitoring/pages.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "runtime/core/probe.hpp"

namespace troupe::monitoring {
namespace {

SchedulerSummary some_summary() {
  SchedulerSummary summary;
  summary.cluster = {1, 2};
  summary.address = "tcp://127.0.0.1:8786";
  summary.version = "0.1.0";
  summary.clients = 2;
  summary.tasks_by_state = {1, 2, 3, 4, 5, 6, 7};
  summary.workers.resize(2);
  summary.workers[0].address = {WorkerId{1}, "w\"1", "127.0.0.1:1", "box"};
  summary.workers[0].threads = 2;
  summary.workers[0].processing = 5;
  summary.workers[0].managed_bytes = 100;
  summary.workers[0].resources = {{"GPU", 2}};
  summary.workers[1].address = {WorkerId{2}, "w2", "127.0.0.1:2", "box"};
  summary.workers[1].threads = 1;
  return summary;
}

const Route& route(const std::vector<Route>& routes, std::string_view path) {
  return *std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.path == path; });
}

TEST(Pages, identity_is_json_with_a_schema_and_every_worker) {
  const auto document = boost::json::parse(identity_json(some_summary())).as_object();
  EXPECT_EQ(document.at("schema"), "troupe/v1/identity");
  EXPECT_EQ(document.at("tasks").at("memory").to_number<int>(), 6);
  ASSERT_EQ(document.at("workers").as_array().size(), 2U);
  EXPECT_EQ(document.at("workers").at(0).at("name"), "w\"1");
  EXPECT_EQ(document.at("workers").at(0).at("resources").at("GPU").to_number<double>(), 2.0);
  EXPECT_EQ(document.at("workers").at(1).at("status"), "running");
}

TEST(Pages, counts_have_the_sixteen_names_of_dask) {
  SchedulerCounters counters;
  counters.workers_idle = 1;
  counters.workers_saturated = 2;  // by the scheduler's own rule, whatever the summary looks like
  const auto document = boost::json::parse(counts_json(some_summary(), counters, 9)).as_object();
  for (const char* name : {"bytes", "clients", "cores", "erred", "hosts", "idle", "memory", "processing", "released",
                           "saturated", "tasks", "unrunnable", "waiting", "waiting_data", "workers", "desired_workers"})
    EXPECT_TRUE(document.contains(name)) << name;
  EXPECT_EQ(document.at("cores").to_number<int>(), 3);
  EXPECT_EQ(document.at("hosts").to_number<int>(), 1);
  EXPECT_EQ(document.at("idle").to_number<int>(), 1);
  EXPECT_EQ(document.at("saturated").to_number<int>(), 2);
  EXPECT_EQ(document.at("desired_workers").to_number<int>(), 9);
  EXPECT_EQ(document.at("tasks").to_number<int>(), 28);
  EXPECT_EQ(document.at("unrunnable").to_number<int>(), 3);
}

TEST(Pages, readyz_says_503_until_every_check_passes_and_which_one_fails) {
  bool listening = false;
  PageSources sources;
  sources.ready = [&] { return std::vector<ReadyCheck>{{"listening", listening}, {"not draining", true}}; };
  const auto routes = node_routes(sources);
  EXPECT_EQ(route(routes, "/livez").serve({}).status, 200U);
  auto response = route(routes, "/readyz").serve({.path = "/readyz", .query = "verbose"});
  EXPECT_EQ(response.status, 503U);
  EXPECT_EQ(response.body, "[-] listening\n[+] not draining\nnot ready\n");
  listening = true;
  response = route(routes, "/readyz").serve({});
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.body, "ok\n");
}

TEST(Pages, only_json_pages_need_a_token_on_loopback_and_a_worker_has_none) {
  PageSources sources;
  sources.metrics = std::make_shared<Metrics>(BuildInfo{});
  sources.summary = [] { return std::make_shared<const SchedulerSummary>(some_summary()); };
  for (const Route& r : node_routes(sources))
    EXPECT_EQ(r.access == Access::token, r.path.starts_with("/json/")) << r.path;
  sources.summary = nullptr;
  for (const Route& r : node_routes(sources)) EXPECT_FALSE(r.path.starts_with("/json/")) << r.path;
}

TEST(Pages, a_summary_that_is_not_there_yet_gives_503) {
  PageSources sources;
  sources.summary = [] { return std::shared_ptr<const SchedulerSummary>(); };
  EXPECT_EQ(route(node_routes(sources), "/json/counts.json").serve({}).status, 503U);
}

}  // namespace
}  // namespace troupe::monitoring
