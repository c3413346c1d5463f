#include "monitoring/report_page.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "monitoring/report.hpp"

namespace troupe::monitoring {
namespace {

namespace json = boost::json;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* hostile = "<script>alert(1)</script>\"'&";

ReportFacts some_facts() {
  ReportFacts facts;
  facts.cluster = json::parse(R"({"address":"127.0.0.1:8786","version":"1","cluster":"ab","threads":4,
    "workers":{"total":2,"lost":0,"paused":0},"tasks":{"no_worker":0},
    "totals":{"finished":10,"erred":1,"recomputed":0},"memory":{"managed_bytes":5,"spilled_bytes":0}})");
  facts.workers = json::object{{"workers", json::array{}}};
  for (const char* name : {"w1", hostile})
    facts.workers.at("workers").as_array().push_back({{"name", name},
                                                      {"host", hostile},
                                                      {"status", "running"},
                                                      {"threads", 2},
                                                      {"cpu", 0.5},
                                                      {"process_bytes", 1},
                                                      {"managed_bytes", 1},
                                                      {"spilled_bytes", 0},
                                                      {"received_bytes", 0},
                                                      {"sent_bytes", 0},
                                                      {"finished", 5}});
  facts.prefixes = json::object{{"prefixes", json::array{json::object{{"name", hostile},
                                                                      {"finished", 10},
                                                                      {"erred", 1},
                                                                      {"compute_s", 2.0},
                                                                      {"mean_duration_s", 0.2},
                                                                      {"output_bytes", 100}}}}};
  json::object columns;
  for (const char* name :
       {"cpu", "executing", "finished_per_s", "erred_per_s", "memory_process_bytes", "memory_managed_bytes",
        "memory_spilled_bytes", "received_bytes_per_s", "disk_write_bytes_per_s", "disk_read_bytes_per_s"})
    columns[name] = json::array{1.0, 2.0};
  facts.series = json::object{{"times_unix_ms", json::array{1000.0, 1500.0}}, {"series", std::move(columns)}};
  facts.stream = json::object{{"from_unix_ms", 1000.0},
                              {"to_unix_ms", 11'000.0},
                              {"total", 1},
                              {"covered", 1},
                              {"shown", 1},
                              {"lanes", json::array{json::object{}}},
                              {"prefixes", json::array{hostile}},
                              {"rects", json::object{{"lane", json::array{0}},
                                                     {"start_ms", json::array{5.0}},
                                                     {"duration_ms", json::array{8.0}},
                                                     {"prefix", json::array{0}},
                                                     {"count", json::array{1}},
                                                     {"erred", json::array{0}},
                                                     {"key", json::array{hostile}}}}};
  facts.exceptions = json::object{{"groups", json::array{json::object{{"prefix", hostile},
                                                                      {"kind", "exception"},
                                                                      {"type", hostile},
                                                                      {"message", hostile},
                                                                      {"count", 3},
                                                                      {"last_unix_ms", 1.0},
                                                                      {"workers", json::array{hostile}}}}}};
  facts.events =
      json::object{{"events", json::array{json::object{{"text", hostile}, {"level", "info"}, {"at_unix_ms", 1.0}}}}};
  facts.slowest = {{hostile, hostile, hostile, 1.0, 19000.0, true}};
  facts.critical = {
      {{hostile, hostile, hostile, 1.0, 2000.0, false}, {hostile, hostile, hostile, 2501.0, 500.0, false}}, 7};
  facts.profile = json::parse(R"({"samples":5,"stacks":[]})");
  facts.profile.at("stacks").as_array().push_back(
      {{"prefix", hostile}, {"frames", json::array{hostile, "inner"}}, {"samples", 5}});
  facts.runs = 11;
  facts.busy_s = 2;
  return facts;
}

TEST(ReportPage, loads_and_runs_nothing_whatever_names_there_are) {
  const std::string page = report_page(some_facts());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
  EXPECT_TRUE(page.ends_with("</body></html>\n"));
}

TEST(ReportPage, shows_the_critical_path_and_where_time_was_spent) {
  ReportFacts facts = some_facts();
  const std::string page = report_page(facts);
  EXPECT_THAT(page,
              HasSubstr("2 tasks, each of which needs the one before, took 3.0 s from the first to the last, 2.5 s"));
  EXPECT_THAT(page, HasSubstr("500.0 ms</td><td>500.0 ms</td></tr>"));
  EXPECT_THAT(page, HasSubstr("<title>inner, 5 times</title>"));
  for (const char* heading : {"Summary", "Advice", "Task stream", "Critical path", "Profile", "Slowest tasks",
                              "Workers", "Memory", "Transfers", "Failures"})
    EXPECT_THAT(page, HasSubstr(std::string("<h2>") + heading + "</h2>"));
  facts.critical.runs.clear();
  facts.profile = nullptr;
  EXPECT_THAT(report_page(facts), HasSubstr("No stack of a task was seen"));
}

TEST(ReportPage, gives_advice_that_follows_from_the_figures) {
  ReportFacts facts = some_facts();
  EXPECT_THAT(advice(facts), Contains(HasSubstr("Threads ran functions 5 % of this time")));
  EXPECT_THAT(advice(facts), Contains(HasSubstr("came from one worker")));
  EXPECT_THAT(advice(facts), Contains(HasSubstr("One task took 19.0 s")));
  facts.runs = 100'000;
  facts.busy_s = 1;
  EXPECT_THAT(advice(facts), Contains(HasSubstr("let each do more")));
  facts.cluster.at("totals").as_object()["recomputed"] = 7;
  EXPECT_THAT(advice(facts), Contains(HasSubstr("7 values were lost")));
}

TEST(ReportPage, says_what_failures_of_one_worker_are_due_to_by_their_kind) {
  ReportFacts facts = some_facts();
  const auto kind = [&](const char* name) {
    facts.exceptions.at("groups").at(0).as_object()["kind"] = name;
    return advice(facts);
  };
  EXPECT_THAT(kind("exception"), Contains(HasSubstr("the function threw them")));
  EXPECT_THAT(kind("exception"), Not(Contains(HasSubstr("machine"))));
  EXPECT_THAT(kind("killed"), Contains(HasSubstr("its process died")));
}

TEST(ReportPage, means_are_times_by_runs_and_not_what_was_learnt) {
  ReportFacts facts = some_facts();
  facts.prefixes.at("prefixes").at(0).as_object()["mean_duration_s"] = 77.0;
  EXPECT_THAT(report_page(facts), HasSubstr("<td>2.0 s</td><td>200.0 ms</td>"));
  EXPECT_THAT(report_page(facts), Not(HasSubstr("77")));
}

TEST(Report, is_of_one_stretch_of_time) {
  const ReportFacts facts = some_facts();
  std::vector<std::string> windows;
  const auto ask = [&](const std::string& target) -> Result<std::string> {
    if (const auto at = target.find("from="); at != std::string::npos)
      windows.push_back(target.substr(at, target.find("&", target.find("&to=") + 1) - at));
    const auto is = [&](std::string_view page) { return target.starts_with("/api/v1/" + std::string(page)); };
    if (is("cluster")) return json::serialize(facts.cluster);
    if (is("workers")) return json::serialize(facts.workers);
    if (is("prefixes")) return json::serialize(facts.prefixes);
    if (is("timeseries")) return json::serialize(facts.series);
    if (is("task-stream")) return json::serialize(facts.stream);
    if (is("exceptions")) return json::serialize(facts.exceptions);
    if (is("profile")) return json::serialize(facts.profile);
    if (is("graph")) return R"({"nodes":{"id":[],"prefix":[]},"prefixes":[],"edges":[]})";
    if (is("runs"))
      return R"({"runs":{"key":[]},"prefixes":[],"workers":{},"next_cursor":")" +
             std::string(target.find("cursor") == std::string::npos ? "7" : "") + "\"}";
    json::object events = facts.events.as_object();
    events["now_unix_ms"] = 100'000.4;
    return json::serialize(events);
  };
  ASSERT_TRUE(make_report(ask, {.last = std::chrono::seconds(10)}));
  ASSERT_EQ(windows.size(), 4U) << "task stream, runs twice, profile";
  EXPECT_THAT(windows, Each(windows.front()));
  EXPECT_THAT(windows.front(), HasSubstr("&to=100001"));
}

TEST(ReportPage, stays_below_five_megabytes_for_as_many_rectangles_as_it_asks_for) {
  ReportFacts facts = some_facts();
  auto& rects = facts.stream.at("rects").as_object();
  for (int i = 1; i < 10'000; ++i) {
    rects["lane"].as_array().push_back(0);
    rects["start_ms"].as_array().push_back(1.0 * i);
    rects["duration_ms"].as_array().push_back(1.0);
    rects["prefix"].as_array().push_back(0);
    rects["count"].as_array().push_back(1);
    rects["erred"].as_array().push_back(0);
    rects["key"].as_array().push_back(json::string(fmt::format("some_function_of_the_user-12-{}", i)));
  }
  EXPECT_LT(report_page(facts).size(), 5'000'000U);
}

}  // namespace
}  // namespace troupe::monitoring
