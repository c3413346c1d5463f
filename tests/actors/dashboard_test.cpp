#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "tests/actors/client_functions.hpp"
#include "troupe/bag.hpp"
#include "troupe/report.hpp"

namespace troupe {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using namespace client_tests;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A real cluster, looked at over a real socket as the dashboard's pages do.
class DashboardTest : public ::testing::Test {
protected:
  struct Answer {
    unsigned status{};
    json::value body;
  };

  Answer ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    const std::string address = cluster.dashboard_address();
    const auto colon = address.rfind(':');
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket socket(context);
    socket.connect({boost::asio::ip::make_address(address.substr(0, colon)),
                    static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)))});
    boost::asio::write(socket, boost::asio::buffer(fmt::format(
                                   "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}Content-Type: "
                                   "application/json\r\nContent-Length: {}\r\n\r\n{}",
                                   method, target, address,
                                   token.empty() ? "" : "Authorization: Bearer " + token + "\r\n", body.size(), body)));
    std::string all;
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::dynamic_buffer(all), error);
    Answer answer{static_cast<unsigned>(std::stoul(all.substr(9, 3))), {}};
    answer.body = json::parse(all.substr(all.find("\r\n\r\n") + 4));
    return answer;
  }
  json::value get(const std::string& target) {
    const Answer answer = ask("GET", target);
    EXPECT_EQ(answer.status, 200U) << target << " " << json::serialize(answer.body);
    return answer.body;
  }
  /// Comes in as a browser would, by the link that is printed.
  void log_in(bool admin) {
    const std::string link = cluster.dashboard_link(admin);
    ASSERT_THAT(link, StartsWith("http://" + cluster.dashboard_address() + "/status#code="));
    const std::string code = link.substr(link.find("#code=") + 6);
    const Answer answer = ask("POST", "/api/v1/login", json::serialize(json::object{{"code", code}}));
    ASSERT_EQ(answer.status, 200U);
    token = std::string(answer.body.at("token").as_string());
  }

  LocalCluster cluster{{.workers = 2, .modules = {client_tests_module}, .dashboard_port = 0}};
  Client client{cluster};
  std::string token;
};

TEST_F(DashboardTest, shows_what_ran_where_and_when) {
  log_in(false);
  std::vector<double> numbers(5000);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const auto squares = client.map<slow_square>(numbers);
  const auto sum = client.reduce<add>(squares);
  EXPECT_GT(sum.get(), 0);
  const auto info = client.scheduler_info();
  // What was shown a moment ago is shown again for a quarter of a second.
  json::value seen;
  do seen = get("/api/v1/cluster");
  while (seen.at("totals").at("finished").to_number<std::uint64_t>() < info->finished);
  EXPECT_EQ(seen.at("totals").at("finished").to_number<std::uint64_t>(), info->finished);
  EXPECT_EQ(seen.at("workers").at("total").to_number<int>(), 2);
  EXPECT_EQ(seen.at("history").at("recorded").to_number<std::uint64_t>(), info->finished);

  const json::value stream = get("/api/v1/task-stream?from=-60000");
  EXPECT_EQ(stream.at("total").to_number<std::uint64_t>(), info->finished);
  EXPECT_EQ(stream.at("covered").to_number<std::uint64_t>(), info->finished);
  std::uint64_t counted = 0;
  for (const json::value& count : stream.at("rects").at("count").as_array())
    counted += count.to_number<std::uint64_t>();
  EXPECT_EQ(counted, info->finished);

  bool found = false;
  const json::value prefixes = get("/api/v1/prefixes");
  for (const json::value& prefix : prefixes.at("prefixes").as_array())
    if (std::string(prefix.at("name").as_string()).ends_with("slow_square")) {
      found = true;
      EXPECT_EQ(prefix.at("finished").to_number<int>(), 5000);
      EXPECT_EQ(prefix.at("tasks").at("memory").to_number<int>(), 5000);
    }
  EXPECT_TRUE(found);
  EXPECT_EQ(get("/api/v1/workers").at("workers").as_array().size(), 2U);
  const json::value task = get("/api/v1/tasks/slow_square-1-7");
  EXPECT_EQ(task.at("why").at("code"), "in-memory");
  EXPECT_EQ(task.at("runs").as_array().size(), 1U);
  EXPECT_GT(get("/api/v1/groups").at("edges").as_array().size(), 0U);
  EXPECT_GT(get("/api/v1/graph?limit=100").at("shown").to_number<int>(), 0);
  EXPECT_THAT(json::serialize(get("/api/v1/events")), HasSubstr("registered"));
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST_F(DashboardTest, a_report_of_a_scope_has_its_hundred_thousand_tasks_in_five_megabytes_and_needs_no_network) {
  const auto file = std::filesystem::temp_directory_path() / fmt::format("troupe-report-{}.html", ::getpid());
  std::vector<Future<int>> chain;
  {
    const PerformanceReport report(cluster, file.string());
    std::vector<double> numbers(100'000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    const auto squares = client.map<slow_square>(numbers);
    EXPECT_EQ(client.gather(squares).size(), numbers.size());
    chain.push_back(client.submit<nap>(1));
    for (int i = 0; i < 3; ++i) chain.push_back(client.submit<nap>(chain.back()));
    EXPECT_EQ(chain.back().get(), 1);
  }
  const std::string page = text_of(file);
  std::filesystem::remove(file);
  const auto has = [&](const char* text) { return page.find(text) != std::string::npos; };
  ASSERT_TRUE(page.ends_with("</body></html>\n"));
  EXPECT_LE(page.size(), 5'000'000U);
  RecordProperty("bytes", std::to_string(page.size()));
  EXPECT_TRUE(has("<td>Runs of tasks in this time</td><td>100004</td>"));
  EXPECT_TRUE(has("<p>4 tasks, each of which needs the one before"));
  for (const char* foreign : {"http://", "https://", "<script", "src=", "@import", "url("})
    EXPECT_FALSE(has(foreign)) << foreign;
}

TEST_F(DashboardTest, a_report_that_cannot_be_written_is_thrown_by_write_alone) {
  { const PerformanceReport report(cluster, "/nowhere/report.html"); }
  PerformanceReport report(cluster, "/nowhere/report.html");
  EXPECT_THROW(report.write(), Failure);
  EXPECT_THROW(report.write(), InvalidRequest);
  LocalCluster blind({.workers = 0, .dashboard = false});
  EXPECT_THROW(PerformanceReport(blind, "report.html"), Failure);
}

TEST_F(DashboardTest, memory_over_a_scope_is_sampled_and_written_as_a_table) {
  const auto file = std::filesystem::temp_directory_path() / fmt::format("troupe-memory-{}.csv", ::getpid());
  const MemorySampler sampler(cluster);
  const auto block = client.submit<numbered_block>(std::int64_t{1'000'000}, std::int64_t{1});
  client.wait(std::vector{block});
  std::vector<MemorySample> samples;
  do samples = sampler.samples();
  while (samples.empty() || samples.back().managed_bytes < 8e6);  // it is seen by one of the next pictures
  sampler.write(file.string());
  const std::string table = text_of(file);
  std::filesystem::remove(file);
  EXPECT_THAT(table, StartsWith("unix_ms,process_bytes,managed_bytes,spilled_bytes\n"));
  EXPECT_GE(std::count(table.begin(), table.end(), '\n'), static_cast<std::ptrdiff_t>(samples.size()));
}

TEST_F(DashboardTest, shows_failures_by_what_they_have_in_common) {
  log_in(false);
  auto futures = client.map<refuse>(std::vector{1, 2, 3});
  for (auto& future : futures) EXPECT_THROW(future.get(), TaskFailed);
  const json::value document = get("/api/v1/exceptions");
  ASSERT_EQ(document.at("groups").as_array().size(), 1U) << json::serialize(document);
  EXPECT_EQ(document.at("groups").at(0).at("count").to_number<int>(), 3);
  EXPECT_THAT(json::serialize(document), HasSubstr("no room for"));
}

TEST_F(DashboardTest, an_admin_cancels_a_task_of_somebody_else_and_others_may_not) {
  auto endless = client.submit<nap>(3'600'000);
  const std::string body = R"({"keys":["nap-1-0"],"reason":"too long"})";
  log_in(false);
  EXPECT_EQ(ask("POST", "/api/v1/tasks/cancel", body).status, 403U);
  log_in(true);
  Answer answer;
  do answer = ask("POST", "/api/v1/tasks/cancel", body);
  while (answer.status == 404);  // it may not have arrived yet
  EXPECT_EQ(answer.status, 200U) << json::serialize(answer.body);
  try {
    endless.get();
    FAIL() << "it was cancelled";
  } catch (const Cancelled& cancelled) {
    EXPECT_THAT(cancelled.what(), HasSubstr("too long"));
  }
}

TEST_F(DashboardTest, an_admin_drains_a_worker) {
  log_in(true);
  json::array workers;
  do workers = get("/api/v1/workers").at("workers").as_array();
  while (workers.size() < 2);
  EXPECT_EQ(ask("POST", fmt::format("/api/v1/workers/{}/drain", workers.at(0).at("id").to_number<int>()), "{}").status,
            200U);
  while (client.scheduler_info()->workers.size() > 1) {
  }
  EXPECT_EQ(client.submit<add>(1, 2.0).get(), 3.0);
  std::string events;
  do events = json::serialize(get("/api/v1/events"));
  while (events.find("is drained") == std::string::npos);
  EXPECT_THAT(events, HasSubstr("an admin of the dashboard drains the worker"));
}

TEST_F(DashboardTest, an_admin_has_more_workers_and_fewer) {
  log_in(false);
  EXPECT_EQ(ask("POST", "/api/v1/scale", R"({"workers":4})").status, 403U);
  log_in(true);
  EXPECT_TRUE(get("/api/v1/cluster").at("scalable").as_bool());
  EXPECT_EQ(ask("POST", "/api/v1/scale", R"({"workers":4})").status, 200U);
  client.wait_for_workers(4, 30s);
  EXPECT_EQ(ask("POST", "/api/v1/scale", R"({"workers":1})").status, 200U);
  while (client.scheduler_info()->workers.size() > 1) {
  }
  EXPECT_EQ(client.submit<add>(1, 2.0).get(), 3.0);
  cluster.scale(3);
  client.wait_for_workers(3, 30s);
  std::set<std::string> names;
  const auto now = client.scheduler_info();
  for (const auto& worker : now->workers) names.insert(worker.address.name);
  EXPECT_EQ(names.size(), 3U) << "no name comes twice";
  std::string events;
  do events = json::serialize(get("/api/v1/events"));
  while (events.find("scales the cluster to 1 worker") == std::string::npos);
}

TEST_F(DashboardTest, wants_as_many_workers_as_what_there_is_to_do_takes_five_seconds) {
  log_in(false);
  const auto wanted = [&] { return get("/json/counts.json").at("desired_workers").to_number<int>(); };
  EXPECT_EQ(wanted(), 0) << "there is nothing to do, and nobody holds anything";
  // What is not known yet is taken to last half a second.
  auto naps = client.map<nap>(std::vector<int>(60, 1000));
  while (wanted() < 6) {
  }
  naps.clear();
  while (wanted() != 0) {
  }
}

TEST_F(DashboardTest, shows_where_tasks_spent_their_time_and_what_they_said) {
  log_in(false);
  auto napping = client.submit<nap_and_say>(3'600'000, "slept a little");
  json::value past;
  do past = get("/api/v1/profile/past?prefix=client_tests::nap_and_say");
  while (past.at("samples").to_number<int>() < 3);
  EXPECT_EQ(past.at("stacks").at(0).at("prefix"), "client_tests::nap_and_say");
  EXPECT_THAT(json::serialize(past.at("stacks")), HasSubstr("nanosleep"));
  double busy = 0;
  for (const auto& threads : past.at("activity").at("threads").as_array()) busy += threads.to_number<double>();
  EXPECT_GT(busy, 0);
  EXPECT_EQ(get("/api/v1/profile/past?prefix=add").at("samples"), 0);
  const json::value log = get("/api/v1/tasks/nap_and_say-1-0/logs");
  ASSERT_EQ(log.at("lines").as_array().size(), 1U) << json::serialize(log);
  EXPECT_THAT(std::string(log.at("lines").at(0).at("text").as_string()), HasSubstr("slept a little"));
  EXPECT_EQ(log.at("asked"), 1) << "only who runs it";
  client.cancel(napping);
}

TEST_F(DashboardTest, shows_what_time_went_to_and_what_moved_between_workers) {
  log_in(false);
  // Two blocks on each worker, all of which one task reads: two of them have to move, whichever runs it.
  std::vector<Future<std::vector<double>>> blocks;
  for (const char* worker : {"worker-0", "worker-1"})
    for (int i = 0; i < 2; ++i) {
      TaskOptions there;
      there.workers = {std::string(worker)};
      blocks.push_back(client.submit<numbered_block>(there, std::int64_t{200'000}, std::int64_t{i}));
    }
  client.wait(blocks);
  std::vector<Future<double>> totals;
  for (const auto& block : blocks) {
    TaskOptions first;
    first.workers = {"worker-0"};
    totals.push_back(client.submit<total>(first, block));
  }
  (void)client.gather(totals);
  json::value moved;
  do moved = get("/api/v1/bandwidth");
  while (moved.at("all").at("values").to_number<int>() < 2 ||
         json::serialize(moved).find("worker-1") == std::string::npos);
  ASSERT_EQ(moved.at("pairs").as_array().size(), 1U) << json::serialize(moved);
  const auto& pair = moved.at("pairs").at(0);
  const auto name = [&](const char* end) {
    return moved.at("workers").at(pair.at(end).to_number<std::size_t>()).at("name");
  };
  EXPECT_EQ(name("from"), "worker-1");
  EXPECT_EQ(name("to"), "worker-0");
  EXPECT_GE(pair.at("bytes").to_number<std::uint64_t>(), 2 * 200'000 * sizeof(double));
  EXPECT_EQ(moved.at("types").at(0).at("type"), "vec<f64>");
  json::value spent;
  std::uint64_t runs = 0;
  do {
    spent = get("/api/v1/time-spent?prefix=client_tests::numbered_block");
    runs = spent.at("total") == 0 ? 0 : spent.at("functions").at(0).at("runs").to_number<std::uint64_t>();
  } while (runs < 4);
  EXPECT_EQ(runs, 4U);
  EXPECT_GT(spent.at("activities").at("execute_s").to_number<double>(), 0);
  EXPECT_GT(spent.at("activities").at("transfer_s").to_number<double>(), 0);
}

TEST_F(DashboardTest, shows_what_became_of_a_span_and_what_its_time_went_to) {
  log_in(false);
  {
    const Span outer("nightly");
    const Span inner("squares");
    client.wait(client.map<slow_square>(std::vector<double>{1, 2, 3}));
  }
  {
    const Span recursive("recursive");
    EXPECT_EQ(client.submit<fibonacci>(std::uint64_t{6}).get(), 8U);
  }
  EXPECT_EQ(client.submit<slow_square>(4.0).get(), 16);
  json::value within;
  do {
    within = get("/api/v1/time-spent?span=nightly");
  } while (within.at("total") == 0 || within.at("functions").at(0).at("runs") != 3);
  json::value spans;
  do {
    spans = get("/api/v1/spans");
  } while (spans.at("total") != 3);
  for (const json::value& span : spans.at("spans").as_array()) {
    const int tasks = span.at("name") == "recursive" ? 25 : 3;  // with what its tasks submitted
    EXPECT_EQ(span.at("submitted"), tasks) << json::serialize(spans);
    EXPECT_EQ(span.at("finished"), tasks);
    EXPECT_GT(span.at("compute_s").to_number<double>(), 0);
  }
}

TEST_F(DashboardTest, shows_what_the_scheduler_itself_does) {
  log_in(false);
  json::value past;
  do {
    std::vector<double> numbers(20'000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    client.wait(client.map<slow_square>(numbers));
    past = get("/api/v1/profile/scheduler");
  } while (past.at("samples").to_number<int>() < 5 ||
           json::serialize(past.at("stacks")).find("SchedulerActor") == std::string::npos);
  EXPECT_EQ(past.at("stacks").at(0).at("prefix"), "event loop");
  EXPECT_THAT(json::serialize(past.at("stacks")), ::testing::Not(HasSubstr("epoll_wait")));
}

TEST_F(DashboardTest, shuffles_of_a_bag_have_a_line_for_each_of_their_stages) {
  using namespace terms;
  log_in(false);
  const ComputeOptions here{.scheduler = SchedulerKind::cluster, .client = &client};
  const auto numbers = bag::range(900, 9);
  // Three shuffles of the same partitions in one graph: in two stages, in one, and through files.
  const auto staged = numbers.groupby(_1 % 17, 9, Shuffle::tasks, 3);
  const auto whole = numbers.groupby(_1 % 5, 4, Shuffle::tasks);
  const auto filed = numbers.groupby(_1 % 7, 3, Shuffle::disk);
  std::vector<ExpressionRef> wanted;
  for (const auto* partitions : {&staged.partitions(), &whole.partitions(), &filed.partitions()})
    wanted.insert(wanted.end(), partitions->begin(), partitions->end());
  const auto kept = persist_expressions(wanted, here);
  EXPECT_EQ(compute_expressions(kept, here).size(), 9U + 4 + 3);
  const json::value page = get("/api/v1/shuffles");
  std::map<std::string, std::vector<std::tuple<int, int, int, int, int>>>
      lines;  // stage, stages, blocks, cuts, outputs
  for (const auto& row : page.at("shuffles").as_array()) {
    const auto number = [&](const char* of) { return row.at(of).to_number<int>(); };
    const auto known = [&](const char* of) {
      int sum = 0;
      for (const auto& state : row.at(of).as_object()) sum += state.value().to_number<int>();
      return sum;
    };
    lines[std::string(row.at("key").as_string())].emplace_back(number("stage"), number("stages"), number("blocks"),
                                                               known("inputs"), known("outputs"));
  }
  std::vector<std::vector<std::tuple<int, int, int, int, int>>> shuffles;
  for (const auto& [key, stages] : lines) {
    shuffles.push_back(stages);
    std::string written;  // it holds what the parts of the pipeline are called, with blanks and bars
    for (const unsigned char c : key) written += fmt::format("%{:02x}", c);
    EXPECT_EQ(ask("GET", "/api/v1/tasks/" + written).status, 200U) << key << " is a task";
  }
  using Stages = std::vector<std::tuple<int, int, int, int, int>>;
  EXPECT_THAT(shuffles, ::testing::UnorderedElementsAre(Stages{{1, 2, 3, 9, 9}, {2, 2, 3, 9, 9}},
                                                        Stages{{1, 1, 1, 9, 4}}, Stages{{1, 1, 1, 9, 3}}))
      << json::serialize(page);
}

TEST(Dashboard, scales_a_cluster_of_processes) {
  LocalCluster cluster({.workers = 1, .processes = true, .modules = {client_tests_module}, .dashboard_port = 0});
  Client client(cluster);
  cluster.scale(2);
  client.wait_for_workers(2, 30s);
  cluster.scale(1);
  while (client.scheduler_info()->workers.size() > 1) {
  }
  EXPECT_EQ(client.submit<add>(1, 2.0).get(), 3.0);
}

TEST(Dashboard, can_be_left_out) {
  LocalCluster cluster({.workers = 1, .modules = {client_tests_module}, .dashboard = false});
  EXPECT_EQ(cluster.dashboard_address(), "");
  EXPECT_EQ(cluster.dashboard_link(), "");
}

TEST(Dashboard, takes_another_port_when_its_own_is_taken) {
  LocalCluster first({.workers = 1, .modules = {client_tests_module}});
  LocalCluster second({.workers = 1, .modules = {client_tests_module}});
  EXPECT_NE(first.dashboard_address(), "");
  EXPECT_NE(second.dashboard_address(), "");
  EXPECT_NE(first.dashboard_address(), second.dashboard_address());
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {client_tests_module});
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
