#include <cmath>
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "protocol/access.hpp"
#include "tests/apps/troupe_program.hpp"

namespace troupe::apps {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

std::string text_at(const boost::json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

/// Real schedulers and workers.
class NodesTest : public TroupeProgramTest {
protected:
  /// `url` as a node says it: http://host:port
  static std::string get(const std::string& url, const std::string& page, const std::string& headers = "") {
    namespace asio = boost::asio;
    const auto colon = url.rfind(':');
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)))});
    asio::write(socket, asio::buffer("GET " + page + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers +
                                     "\r\n"));
    std::string answer;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    return answer;
  }
};

TEST_F(NodesTest, a_scheduler_and_two_workers_are_seen_and_stop_cleanly) {
  auto [scheduler, said] = start_scheduler();
  EXPECT_EQ(text_at(said, "schema"), "troupe/v1/ready");
  auto [first, first_said] = start_worker("alpha");
  auto [second, second_said] = start_worker("beta", {"--resources", "GPU=2 MEM=10e9"});

  const auto status = run({"status", "-o", "json"});
  ASSERT_EQ(status.status, 0) << status.err;
  const auto identity = boost::json::parse(status.out).as_object();
  EXPECT_EQ(identity.at("schema"), "troupe/v1/identity");
  ASSERT_EQ(identity.at("workers").as_array().size(), 2U);
  EXPECT_THAT(run({"status"}).out, HasSubstr("workers    2"));

  const auto list = run({"list", "workers"});
  EXPECT_THAT(list.out, HasSubstr("alpha"));
  EXPECT_THAT(list.out, HasSubstr("beta"));
  const auto workers = boost::json::parse(run({"list", "workers", "-o", "json"}).out).as_object();
  EXPECT_EQ(workers.at("schema"), "troupe/v1/identity") << "the rows are those of status";
  EXPECT_EQ(workers.at("workers").as_array().size(), 2U);
  EXPECT_EQ(run({"list", "clients"}).status, 0);
  EXPECT_EQ(boost::json::parse(run({"list", "tasks", "-o", "json"}).out).as_object().at("tasks").as_array().size(), 0U);
  EXPECT_EQ(run({"explain", "nothing-1-0"}).status, 3);
  EXPECT_EQ(run({"story", "nothing-1-0"}).status, 3);

  EXPECT_EQ(first.stop(), 0);
  EXPECT_EQ(second.stop(), 0);
  EXPECT_THAT(run({"status"}).out, HasSubstr("workers    0"));
  EXPECT_EQ(scheduler.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(access_file())) << "its keys are of no use any more";
}

TEST_F(NodesTest, pages_are_served_and_json_needs_the_token) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  const std::string http = text_at(said, "http");
  for (const char* page : {"/livez", "/readyz", "/health"})
    EXPECT_THAT(get(http, page), StartsWith("HTTP/1.1 200 ")) << page;
  EXPECT_THAT(get(http, "/metrics"), HasSubstr("\ntroupe_scheduler_workers_added_total 1\n"));
  EXPECT_THAT(get(http, "/json/identity.json"), StartsWith("HTTP/1.1 401 "));
  const auto access = AccessFile::read(access_file());
  ASSERT_TRUE(access);
  const std::string token = "Authorization: Bearer " + access->http_token.reveal_hex() + "\r\n";
  EXPECT_THAT(get(http, "/json/identity.json", token), HasSubstr("\"name\":\"alpha\""));
  EXPECT_THAT(get(http, "/json/counts.json", token), HasSubstr("\"workers\":1"));
  const std::string worker_http = text_at(worker_said, "http");
  EXPECT_THAT(get(worker_http, "/readyz?verbose"), HasSubstr("[+] registered"));
  EXPECT_THAT(get(worker_http, "/metrics"), HasSubstr("\ntroupe_worker_threads 1\n"));
}

TEST_F(NodesTest, a_workers_memory_is_limited_and_shown_by_kind) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha", {"--memory-limit", "512MiB", "--memory-pause", "0.9"});
  const auto list = run({"list", "workers"});
  for (const char* column : {"MANAGED", "SPILLED", "OLD", "RECENT", "PROCESS", "512.0 MiB"})
    EXPECT_THAT(list.out, HasSubstr(column));
  EXPECT_THAT(run({"status"}).out, HasSubstr("memory "));
  const auto document = boost::json::parse(run({"list", "workers", "-o", "json"}).out).as_object();
  const auto& shown = document.at("workers").as_array().at(0).as_object();
  EXPECT_EQ(shown.at("memory_limit_bytes").to_number<std::uint64_t>(), 512U << 20);
  for (const char* field : {"managed_bytes", "spilled_bytes", "unmanaged_old_bytes", "unmanaged_recent_bytes"})
    EXPECT_TRUE(shown.contains(field)) << field;
  const std::string metrics = get(text_at(worker_said, "http"), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("\ntroupe_worker_memory_limit_bytes 536870912\n"));
  EXPECT_THAT(metrics, HasSubstr("troupe_worker_tasks{state=\"disk\"} 0\n"));

  const auto refused = run({"worker", "--no-nanny", "--memory-target", "0.9", "--memory-spill", "0.5"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("worker.memory.target (0.9) must not be above worker.memory.spill (0.5)"));
  const auto nowhere = run({"worker", "--no-nanny", "--local-directory", "/proc/nowhere"});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("--local-directory /proc/nowhere: "));
}

TEST_F(NodesTest, live_metrics_of_both_kinds_of_node_pass_promtool) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  write("text/a", "one two two");
  ASSERT_EQ(run({"demo", "wordcount", path("text")}).status, 0);
  for (const auto& url : {text_at(said, "http"), text_at(worker_said, "http")}) {
    const std::string answer = get(url, "/metrics");
    const auto file = write("metrics", answer.substr(answer.find("\r\n\r\n") + 4));
    auto check =
        ChildProcess::start({"/bin/sh", "-c", std::string(TROUPE_PROMTOOL) + " check metrics < " + file + " 2>&1"});
    ASSERT_TRUE(check);
    while (const auto line = check->read_line(seconds(30))) ADD_FAILURE() << *line;
    EXPECT_EQ(check->wait(seconds(30)), 0);
  }
}

TEST_F(NodesTest, word_counts_of_a_cluster_equal_those_of_the_shell) {
  auto [scheduler, said] = start_scheduler();
  auto [first, first_said] = start_worker("alpha");
  auto [second, second_said] = start_worker("beta");
  std::uint32_t state = 1;
  for (int file = 0; file < 40; ++file) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) {
      state = state * 1664525 + 1013904223;
      text += "etaoinshrdluETAOIN 0\n.\xff-"[(state >> 16) % 24];
    }
    write("tree/" + std::to_string(file % 3) + "/" + std::to_string(file), text);
  }
  const auto ended = run({"demo", "wordcount", "--top", "15", "--block-size", "50kB", "-o", "json", path("tree")});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto document = boost::json::parse(ended.out).as_object();
  EXPECT_EQ(document.at("files").to_number<int>(), 40);
  EXPECT_EQ(document.at("bytes").to_number<int>(), 800'000);
  std::string ours;
  for (const auto& row : document.at("top").as_array())
    ours += fmt::format("{} {}\n", row.at("count").to_number<std::uint64_t>(), std::string(row.at("word").as_string()));

  const std::string pipeline =
      "find '" + path("tree") +
      "' -type f | while read f; do LC_ALL=C tr -cs A-Za-z '\\n' < $f | tr A-Z a-z | grep .; done"
      " | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2,2 | head -15";
  auto shell = ChildProcess::start({"/bin/sh", "-c", pipeline + " | sed 's/^ *//'"});
  ASSERT_TRUE(shell);
  std::string theirs;
  while (const auto line = shell->read_line(seconds(60))) theirs += *line + "\n";
  EXPECT_EQ(ours, theirs);
}

TEST_F(NodesTest, the_demo_runs_without_a_cluster_too) {
  write("text/a", "b a a");
  const auto ended = run({"demo", "wordcount", path("text")});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, StartsWith("COUNT  WORD\n    2  a\n    1  b\n"));
  write("empty/a", "");
  const auto nothing = run({"demo", "wordcount", path("empty")});
  EXPECT_EQ(nothing.status, 0) << nothing.err;
  EXPECT_THAT(nothing.out, HasSubstr("0 words, 0 distinct, in 1 files"));
}

TEST_F(NodesTest, bits_of_bytes_are_those_that_counting_gives) {
  std::string text;
  std::uint32_t state = 7;
  for (int i = 0; i < 50'000; ++i) {
    state = state * 1664525 + 1013904223;
    text += state >> 31 ? "ab" : "c";
  }
  write("tree/a", text.substr(0, 20'000));
  write("tree/b", text.substr(20'000));
  const auto bits = [&](std::size_t width) {
    std::map<std::string, double> counts;
    const auto places = text.size() - (width - 1);
    for (std::size_t i = 0; i < places; ++i) ++counts[text.substr(i, width)];
    double sum = 0;
    for (const auto& [part, count] : counts)
      sum -= count / static_cast<double>(places) * std::log2(count / static_cast<double>(places));
    return sum;
  };
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  const auto ended = run({"demo", "entropy", "--distance", "1", "--block-size", "10kB", "-o", "json", path("tree")});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto document = boost::json::parse(ended.out).as_object();
  EXPECT_NEAR(document.at("bits").as_double(), bits(1), 1e-9);
  EXPECT_NEAR(document.at("bits_left").as_array().at(0).as_double(), bits(2) - bits(1), 1e-9);
  EXPECT_GE(document.at("blocks").to_number<int>(), 7);
  write("empty/a", "");
  EXPECT_THAT(run({"demo", "entropy", path("empty")}).err, HasSubstr("too few"));
}

TEST_F(NodesTest, what_a_scheduler_decided_is_decided_again_from_its_event_log) {
  const std::string log = path("events");
  for (int i = 0; i < 20; ++i) write("text/" + std::to_string(i), "one two two three three three\n");
  std::int64_t finished = 0;
  {
    auto [scheduler, said] = start_scheduler({"--event-log", log});
    auto [first, first_said] = start_worker("alpha");
    auto [second, second_said] = start_worker("beta");
    const auto counted = run({"demo", "wordcount", path("text")});
    ASSERT_EQ(counted.status, 0) << counted.err;
    const auto status = run({"status", "-o", "json"});
    finished = boost::json::parse(status.out).as_object().at("finished").to_number<std::int64_t>();
    EXPECT_GT(finished, 0);
    first.signal(SIGKILL);
    EXPECT_EQ(second.stop(), 0);
    EXPECT_EQ(scheduler.stop(), 0);
  }
  const auto replayed = run({"replay", log, "--check", "-o", "json"});
  ASSERT_EQ(replayed.status, 0) << replayed.err;
  const auto document = boost::json::parse(replayed.out).as_object();
  EXPECT_EQ(document.at("finished").to_number<std::int64_t>(), finished);
  EXPECT_EQ(document.at("events").as_object().at("worker joined").to_number<int>(), 2);
  EXPECT_FALSE(document.contains("differs_at"));

  // Half way, somebody is at work.
  const auto records = document.at("records").to_number<std::uint64_t>();
  const auto events = run({"replay", log, "--events", "--until", std::to_string(records / 2)});
  EXPECT_THAT(events.out, HasSubstr("worker joined  worker 1"));
  EXPECT_EQ(run({"replay", log, "--story", "no-such-9-9"}).status, 3);

  const auto other = run({"replay", path("text/0")});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("no event log"));
}

TEST_F(NodesTest, what_a_worker_decided_is_decided_again_from_its_event_log) {
  for (int i = 0; i < 40; ++i) write("text/" + std::to_string(i), "one two two three three three\n");
  std::map<std::string, std::int64_t> finished;
  {
    auto [scheduler, said] = start_scheduler();
    auto [first, first_said] = start_worker("alpha", {"--event-log", path("events")});
    auto [second, second_said] = start_worker("beta", {"--nanny", "--event-log", path("events")});
    const auto counted = run({"demo", "wordcount", path("text")});
    ASSERT_EQ(counted.status, 0) << counted.err;
    const auto status = boost::json::parse(run({"status", "-o", "json"}).out).as_object();
    for (const auto& worker : status.at("workers").as_array())
      finished[text_at(worker.as_object(), "name")] = worker.as_object().at("finished").to_number<std::int64_t>();
    first.signal(SIGKILL);
    EXPECT_EQ(second.stop(), 0);
    EXPECT_EQ(scheduler.stop(), 0);
  }
  std::set<std::string> names;
  for (const auto& log : std::filesystem::directory_iterator(path("events"))) {
    const auto replayed = run({"replay", log.path(), "--check", "-o", "json"});
    ASSERT_EQ(replayed.status, 0) << replayed.err;
    const auto document = boost::json::parse(replayed.out).as_object();
    EXPECT_EQ(text_at(document, "schema"), "troupe/v1/worker-replay");
    const auto name = text_at(document, "name");
    names.insert(name);
    EXPECT_GE(document.at("finished").to_number<std::int64_t>(), finished[name]) << name << " was killed or not";
    EXPECT_FALSE(document.contains("differs_at"));
    const auto events = run({"replay", log.path(), "--events"});
    EXPECT_THAT(events.out, HasSubstr("made  " + name + " with 1 threads"));
    EXPECT_THAT(events.out, HasSubstr("scheduler said  ComputeTasks of "));
    const auto story = run({"replay", log.path(), "--story", "77-1"});
    EXPECT_EQ(story.status, 3);
    EXPECT_THAT(story.err, HasSubstr("knows nothing of '77-1'"));
    EXPECT_EQ(run({"replay", log.path(), "--story", "seven"}).status, 2);
  }
  EXPECT_EQ(names, (std::set<std::string>{"alpha", "beta"}));
  const auto refused = run({"worker", "--no-nanny", "--event-log", "/proc/nothing"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--event-log /proc/nothing: "));
}

TEST_F(NodesTest, a_second_scheduler_on_the_same_port_says_which_flag_helps) {
  auto [scheduler, said] = start_scheduler();
  const std::string address = text_at(said, "address");
  const auto second = run({"scheduler", "--port", address.substr(address.rfind(':') + 1), "--no-dashboard",
                           "--scheduler-file", path("other.json")});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("another port with --port (0 = any free one)\n")) << "said once";
  const std::string http = text_at(said, "http");
  const auto third =
      run({"scheduler", "--port", "0", "--dashboard-address", http.substr(7), "--scheduler-file", path("other.json")});
  EXPECT_EQ(third.status, 1);
  EXPECT_THAT(third.err, HasSubstr("--dashboard-address"));
  EXPECT_EQ(run({"status"}).status, 0) << "the first one was not harmed";
}

TEST_F(NodesTest, a_worker_whose_name_is_taken_ends_with_an_error) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  const auto second = run({"worker", "--no-nanny", "--nthreads", "1", "--name", "alpha"});
  EXPECT_EQ(second.status, 1) << "the next one may find the name free";
  EXPECT_THAT(second.err, HasSubstr("the name 'alpha' is taken"));
}

TEST_F(NodesTest, a_nanny_tries_again_until_the_name_of_its_worker_is_free) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  auto nanny = start("nanny", {"worker", "--nthreads", "1", "--name", "alpha", "-o", "json"});
  const auto wait_until = [](auto holds) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (!holds() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  };
  wait_until([&] { return read(path("nanny.err")).find("the name 'alpha' is taken") != std::string::npos; });
  EXPECT_THAT(read(path("nanny.err")), HasSubstr("the name 'alpha' is taken"));
  EXPECT_EQ(worker.stop(), 0);
  const auto line = nanny.read_line(seconds(30));
  EXPECT_TRUE(line) << "it did not get ready: " << read(path("nanny.err"));
  EXPECT_EQ(nanny.stop(), 0);
}

TEST_F(NodesTest, a_scheduler_that_is_gone_cannot_be_reached) {
  std::string copy;
  {
    auto [scheduler, said] = start_scheduler();
    copy = read(access_file());
    scheduler.signal(SIGKILL);
    EXPECT_EQ(scheduler.wait(seconds(10)), 128 + SIGKILL);
  }
  auto ended = run({"status", "--timeout", "300ms"});
  EXPECT_EQ(ended.status, 4) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("no answer from"));
  EXPECT_THAT(ended.err, HasSubstr("--timeout says how long to look"));
  ended = run({"status", "--timeout", "2100ms"});
  EXPECT_EQ(ended.status, 4) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("still looking for the scheduler at 127.0.0.1:"));
  const auto begun = std::chrono::steady_clock::now();
  ended = run({"status"});
  EXPECT_EQ(ended.status, 4) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("nobody listens at 127.0.0.1:"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20)) << "it has 30 where somebody may answer";
  ended = run({"report", "--file", path("report.html")});
  EXPECT_EQ(ended.status, 4) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("cannot be reached"));
  EXPECT_FALSE(std::filesystem::exists(path("report.html")));
}

TEST_F(NodesTest, keys_of_another_cluster_are_refused) {
  auto [scheduler, said] = start_scheduler();
  AccessFile wrong = AccessFile::generate();
  const auto right = AccessFile::read(access_file());
  ASSERT_TRUE(right);
  wrong.scheduler_address = right->scheduler_address;
  wrong.cluster = right->cluster;
  ASSERT_TRUE(wrong.write(path("wrong.json")));
  const auto ended = run({"status", "--scheduler-file", path("wrong.json"), "--timeout", "5s"});
  EXPECT_EQ(ended.status, 5) << ended.err;
}

TEST_F(NodesTest, a_worker_whose_scheduler_is_gone_ends_after_its_death_timeout) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha", {"--death-timeout", "300ms"});
  scheduler.signal(SIGKILL);
  EXPECT_EQ(worker.wait(seconds(20)), 4) << read(path("alpha.err"));
}

TEST_F(NodesTest, an_idle_scheduler_ends_by_itself_when_told_to) {
  auto [scheduler, said] = start_scheduler({"--idle-timeout", "200ms"});
  EXPECT_EQ(scheduler.wait(seconds(20)), 0);
}

TEST_F(NodesTest, log_lines_are_json_when_nobody_watches_and_a_full_disk_does_not_stop_a_node) {
  auto [scheduler, said] = start_scheduler({"--log-file", "/dev/full", "--pid-file", path("pid")});
  EXPECT_EQ(read(path("pid")), std::to_string(scheduler.pid()) + "\n");
  EXPECT_EQ(run({"status"}).status, 0);
  EXPECT_EQ(scheduler.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(path("pid")));
  auto [second, second_said] = start_scheduler();
  EXPECT_EQ(second.stop(), 0);
  std::istringstream lines(read(path("scheduler.err")));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto fields = boost::json::parse(line).as_object();
    for (const char* name : {"ts", "level", "logger", "msg", "node", "role", "pid", "event"})
      EXPECT_TRUE(fields.contains(name)) << name;
  }
  EXPECT_GT(count, 0);
}

TEST_F(NodesTest, files_that_cannot_be_written_are_named_with_their_option) {
  auto [scheduler, said] = start_scheduler();
  const auto file = write("file", "");
  // Not even root may write there.
  std::vector<std::string> places{file + "/below", "/proc/nothing", path("none/below")};
  if (::geteuid() != 0) {
    std::filesystem::create_directory(path("closed"));
    ASSERT_EQ(::chmod(path("closed").c_str(), 0500), 0);
    places.push_back(path("closed/file"));
  }
  const std::vector<std::vector<std::string>> nodes{
      {"scheduler", "--port", "0", "--dashboard-address", ":0"}, {"worker", "--no-nanny"}, {"worker", "--nanny"}};
  for (const auto& place : places)
    for (const auto& node : nodes)
      for (const char* option : {"--log-file", "--pid-file", "--local-directory", "--event-log"}) {
        const bool folder =
            option == std::string_view("--local-directory") || option == std::string_view("--event-log");
        if (folder && (node.front() == "scheduler" || place == path("none/below"))) continue;  // made with those above
        auto command = node;
        command.insert(command.end(), {option, place});
        if (node.front() == "scheduler") command.insert(command.end(), {"--scheduler-file", path("other.json")});
        const auto ended = run(command);
        EXPECT_EQ(ended.status, 2) << testing::PrintToString(command) << ended.err;
        EXPECT_EQ(ended.out, "") << "it never was ready";
        EXPECT_THAT(ended.err, HasSubstr(std::string(option) + " " + place + ": "));
      }
  for (const auto& place : {file + "/below/access.json", std::string("/proc/nothing/access.json")}) {
    const auto ended = run({"scheduler", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", place});
    EXPECT_EQ(ended.status, 1) << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr(place));
  }
  EXPECT_EQ(run({"status"}).status, 0) << "the first one was not harmed";
}

TEST_F(NodesTest, a_full_disk_costs_log_lines_and_no_work) {
  auto [scheduler, said] = start_scheduler({"--log-file", "/dev/full"});
  auto [worker, worker_said] = start_worker("alpha", {"--log-file", "/dev/full"});
  write("text/a", "one two two");
  EXPECT_EQ(run({"demo", "wordcount", path("text"), "--scheduler", text_at(said, "address")}).status, 0);
  const auto full = run({"worker", "--no-nanny", "--pid-file", "/dev/full"});
  EXPECT_EQ(full.status, 2);
  EXPECT_THAT(full.err, HasSubstr("--pid-file /dev/full: No space left on device"));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_EQ(scheduler.stop(), 0);
  for (const char* log : {"scheduler.err", "alpha.err"})
    EXPECT_THAT(read(path(log)), HasSubstr("a log line could not be written (No space left on device)"));
}

TEST_F(NodesTest, a_worker_whose_ports_are_in_use_says_which_flag_helps) {
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha");
  const auto port = [](const std::string& address) { return address.substr(address.rfind(':') + 1); };
  for (const auto& [flag, taken] : {std::pair{"--worker-port", port(text_at(worker_said, "address"))},
                                    std::pair{"--http-port", port(text_at(worker_said, "http"))}}) {
    const auto second = run({"worker", "--no-nanny", flag, taken});
    EXPECT_EQ(second.status, 1) << second.err;
    EXPECT_THAT(second.err, AllOf(HasSubstr(flag), HasSubstr("in use"), testing::Not(HasSubstr(" --port"))));
  }
  EXPECT_THAT(run({"status"}).out, HasSubstr("workers    1"));
}

TEST_F(NodesTest, several_workers_take_the_ports_from_the_one_that_is_named) {
  auto [scheduler, said] = start_scheduler();
  // Two for each that were free a moment ago; other programs may take one, so others are tried.
  const auto free_pair = [] {
    namespace asio = boost::asio;
    asio::io_context context;
    for (;;) {
      asio::ip::tcp::acceptor first(context, {asio::ip::address_v4::loopback(), 0});
      const auto port = first.local_endpoint().port();
      asio::ip::tcp::acceptor second(context, asio::ip::tcp::v4());
      boost::system::error_code error;
      second.bind({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port + 1)}, error);
      if (!error && port < 65534) return port;
    }
  };
  const int data = free_pair();
  const int http = free_pair();
  auto nanny = start("nanny", {"worker", "--nthreads", "1", "--nworkers", "2", "--worker-port", std::to_string(data),
                               "--http-port", std::to_string(http), "-o", "json"});
  std::set<std::string> addresses;
  for (int i = 0; i < 2; ++i) {
    const auto line = nanny.read_line(seconds(30));
    ASSERT_TRUE(line) << read(path("nanny.err"));
    const auto worker = boost::json::parse(*line).as_object();
    addresses.insert(text_at(worker, "address"));
    addresses.insert(text_at(worker, "http"));
  }
  EXPECT_EQ(addresses, (std::set<std::string>{
                           fmt::format("http://127.0.0.1:{}", http), fmt::format("http://127.0.0.1:{}", http + 1),
                           fmt::format("tcp://127.0.0.1:{}", data), fmt::format("tcp://127.0.0.1:{}", data + 1)}));
  EXPECT_EQ(nanny.stop(), 0);
}

TEST_F(NodesTest, a_nanny_starts_a_worker_again_that_was_killed) {
  auto [scheduler, said] = start_scheduler();
  auto nanny = start("nanny", {"worker", "--nthreads", "1", "--nworkers", "2", "--name", "w", "-o", "json"});
  const auto pids = [&] {
    std::set<int> found;
    const auto list = run({"list", "workers", "-o", "json"});
    const auto document = boost::json::parse(list.out);
    for (const auto& worker : document.as_object().at("workers").as_array())
      found.insert(worker.at("pid").to_number<int>());
    return found;
  };
  const auto wait_until = [&](auto holds) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    auto now = pids();
    while (!holds(now) && std::chrono::steady_clock::now() < deadline) now = pids();
    return now;
  };
  const auto before = wait_until([](const auto& now) { return now.size() == 2; });
  ASSERT_EQ(before.size(), 2U) << read(path("nanny.err"));
  const int victim = *before.begin();
  ASSERT_EQ(::kill(victim, SIGKILL), 0);
  const auto after = wait_until([&](const auto& now) { return now.size() == 2 && !now.contains(victim); });
  EXPECT_EQ(after.size(), 2U);
  EXPECT_FALSE(after.contains(victim));
  EXPECT_EQ(nanny.stop(), 0);
  EXPECT_EQ(pids().size(), 0U);
}

TEST_F(NodesTest, a_worker_whose_lifetime_is_over_is_started_again_and_one_without_restart_ends) {
  auto [scheduler, said] = start_scheduler();
  auto [mortal, mortal_said] = start_worker("mortal", {"--lifetime", "1s", "--lifetime-stagger", "500ms"});
  EXPECT_EQ(mortal.wait(seconds(60)).value_or(-1), 0);
  auto [again, again_said] = start_worker("again", {"--nanny", "--lifetime", "1s", "--lifetime-restart"});
  std::set<std::string> lives;  // each has a port of its own
  while (lives.size() < 3) {
    const auto workers = boost::json::parse(run({"list", "workers", "-o", "json"}).out).as_object();
    for (const auto& each : workers.at("workers").as_array()) lives.insert(text_at(each.as_object(), "address"));
  }
  EXPECT_EQ(again.stop(), 0);
  EXPECT_EQ(run({"worker", "--no-nanny", "--lifetime", "1s", "--lifetime-restart"}).status, 2);
}

}  // namespace
}  // namespace troupe::apps
