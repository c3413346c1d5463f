#include <map>
#include <string>

#include <boost/asio/read_until.hpp>

#include "tests/monitoring/api_fixture.hpp"

namespace troupe::monitoring {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(ApiTest, the_cluster_in_figures_equals_the_scheduler_s_own) {
  const json::object cluster = get("/api/v1/cluster").object();
  EXPECT_EQ(cluster.at("schema"), "troupe/v1/cluster");
  EXPECT_EQ(cluster.at("tasks").at("queued").to_number<int>(), 4);
  EXPECT_EQ(cluster.at("known").to_number<int>(), 28);
  EXPECT_EQ(cluster.at("threads").to_number<int>(), 4);
  EXPECT_EQ(cluster.at("executing").to_number<int>(), 2);
  EXPECT_EQ(cluster.at("totals").at("finished").to_number<int>(), 1000);
  EXPECT_EQ(cluster.at("memory").at("managed_bytes").to_number<int>(), 800);
  EXPECT_EQ(cluster.at("memory").at("spilled_bytes").to_number<int>(), 200);
  EXPECT_EQ(cluster.at("memory").at("unmanaged_recent_bytes").to_number<int>(), 200);
  EXPECT_EQ(cluster.at("epoch"), "18446744073709551615");
  EXPECT_EQ(cluster.at("version"), "1.2.3");
}

TEST_F(ApiTest, workers_say_how_many_of_them_are_shown) {
  const json::object workers = get("/api/v1/workers?limit=1").object();
  EXPECT_EQ(workers.at("total").to_number<int>(), 2);
  EXPECT_EQ(workers.at("shown").to_number<int>(), 1);
  EXPECT_EQ(workers.at("workers").at(0).at("name"), "w\"<script>1");
  EXPECT_EQ(get("/api/v1/workers/2").object().at("worker").at("name"), "w2");
  EXPECT_EQ(get("/api/v1/workers/3").status, 404U);
  EXPECT_EQ(get("/api/v1/workers/http:%2f%2f169.254.169.254").status, 404U);
}

TEST_F(ApiTest, workers_tell_of_their_machine_and_of_the_way_to_the_scheduler) {
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.workers[0].heartbeat.surroundings = {};
    source_->cluster.workers[1].heartbeat.surroundings.gpus = {{"H100", 42, 4, 16, 1}, {"old", -1, 0, 8, 0}};
    source_->cluster.counters.queue_age_s = 61;
    source_->cluster.counters.steals_rejected[static_cast<std::size_t>(KeptReason::started)] = 3;
    source_->cluster.counters.steals_rejected[static_cast<std::size_t>(KeptReason::worker_gone)] = 1;
  }
  (void)sources_.recorder->picture(std::chrono::milliseconds(0));
  const json::object workers = get("/api/v1/workers").object();
  const json::value& silent = workers.at("workers").at(0);
  EXPECT_TRUE(silent.at("heartbeat_rtt_s").is_null() && silent.at("clock_skew_s").is_null()) << "nothing is known yet";
  EXPECT_EQ(silent.at("gpus"), json::array{});
  EXPECT_EQ(silent.at("spill_disk_total_bytes").to_number<int>(), 0);
  const json::value& worker = workers.at("workers").at(1);
  EXPECT_DOUBLE_EQ(worker.at("heartbeat_rtt_s").to_number<double>(), 0.002);
  EXPECT_DOUBLE_EQ(worker.at("clock_skew_s").to_number<double>(), 0.005);
  EXPECT_EQ(worker.at("spill_disk_free_bytes").to_number<int>(), 250);
  EXPECT_EQ(worker.at("spill_disk_total_bytes").to_number<int>(), 1000);
  EXPECT_EQ(worker.at("gpus"), json::parse(R"([
      {"name": "H100", "utilization": 0.42, "memory_used": 4, "memory_total": 16, "memory_own": 1},
      {"name": "old", "utilization": null, "memory_used": 0, "memory_total": 8, "memory_own": 0}])"));
  EXPECT_EQ(get("/api/v1/cluster").object().at("queue_age_s").to_number<int>(), 61);
  const json::object stealing = get("/api/v1/stealing").object();
  EXPECT_EQ(stealing.at("rejected").to_number<int>(), 4);
  EXPECT_EQ(stealing.at("rejected_by_reason"),
            json::parse(R"({"started": 3, "finished": 0, "released": 0, "superseded": 0, "worker_gone": 1})"));
}

TEST_F(ApiTest, prefixes_with_work_come_first_and_say_how_long_it_will_take) {
  const json::object prefixes = get("/api/v1/prefixes").object();
  const json::array& rows = prefixes.at("prefixes").as_array();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].at("name"), "sum");
  EXPECT_DOUBLE_EQ(rows[0].at("eta_s").to_number<double>(), 2.0) << "8 tasks of a second on 4 threads";
  EXPECT_EQ(rows[0].at("memory_bytes").to_number<int>(), 77);
  EXPECT_EQ(rows[1].at("name"), "load");
}

TEST_F(ApiTest, tasks_come_in_pages) {
  for (std::uint32_t i = 0; i < 5; ++i)
    source_->rows.push_back({TaskId::of(1, i), fmt::format("sum-1-{}", i), 1, TaskState::queued, {}, "", 0, 0, 0});
  const json::object first = get("/api/v1/tasks?state=queued&limit=3").object();
  EXPECT_EQ(first.at("shown").to_number<int>(), 3);
  EXPECT_EQ(first.at("tasks").at(2).at("key"), "sum-1-2");
  EXPECT_EQ(first.at("tasks").at(0).at("prefix"), "sum");
  const std::string cursor(first.at("next_cursor").as_string());
  const json::object second = get("/api/v1/tasks?state=queued&limit=3&cursor=" + cursor).object();
  EXPECT_EQ(second.at("shown").to_number<int>(), 2);
  EXPECT_EQ(second.at("next_cursor"), "");
}

TEST_F(ApiTest, a_task_tells_why_it_waits_and_what_became_of_it) {
  TaskFacts detail;
  detail.task = {TaskId::of(1, 2), "my/key", 0, TaskState::erred, {}, "", 0, 0, 3};
  detail.why_code = "erred";
  detail.why = {"it failed"};
  detail.error = std::make_shared<TaskError>(
      TaskError{TaskError::Kind::exception, "std::runtime_error", "boom", "f", "my/key", {}, "w2", 3});
  detail.story = {{1, TaskState::waiting, TaskState::queued, "last input arrived", 1, ""}};
  source_->known = detail;
  TaskRun run;
  run.task = TaskId::of(1, 2);
  run.worker = {2};
  run.duration_us = 1500;
  run.erred = 1;
  source_->past.add(run);
  const json::object task = get("/api/v1/tasks/my%2Fkey").object();
  EXPECT_EQ(task.at("why").at("code"), "erred");
  EXPECT_EQ(task.at("error").at("message"), "boom");
  EXPECT_EQ(task.at("story").at(0).at("cause"), "last input arrived");
  EXPECT_EQ(task.at("runs").at(0).at("outcome"), "erred");
  EXPECT_DOUBLE_EQ(task.at("runs").at(0).at("duration_ms").to_number<double>(), 1.5);
  EXPECT_EQ(get("/api/v1/tasks/other").status, 404U);
}

TEST_F(ApiTest, groups_and_graph_are_drawn_from_chunks) {
  auto first = std::make_shared<GraphChunk>();
  first->size = 2;
  first->templates.resize(1);
  auto second = std::make_shared<GraphChunk>();
  second->size = 2;
  second->templates.resize(1);
  second->dependency_offsets = {0, 2, 3};
  second->dependencies = {2, 3, 0};  // two of the first group; one of its own
  second->external.resize(2);
  GroupView one{1, "", false, first, {}, {TaskTally{}}, {0}, {1, {4}, {"nightly", {1, 2}}}};
  one.counts[0].states[static_cast<std::size_t>(TaskState::memory)] = 2;
  GroupView two{2, "named", false, second, {TaskId::of(1, 0), TaskId::of(1, 1)}, {TaskTally{}}, {1}, {}};
  two.counts[0].states[static_cast<std::size_t>(TaskState::waiting)] = 2;
  source_->group_list = {one, two};
  source_->graph_list = {{one, {TaskState::memory, TaskState::memory}, {{1}, {2}}},
                         {two, {TaskState::waiting, TaskState::waiting}, {{}, {}}}};
  const json::object groups = get("/api/v1/groups").object();
  EXPECT_EQ(groups.at("shown").to_number<int>(), 2);
  EXPECT_EQ(groups.at("edges"), json::parse("[[0,1]]"));
  EXPECT_EQ(groups.at("nodes").at(1).at("name"), "named");
  EXPECT_EQ(groups.at("nodes").at(0).at("span"), "nightly");
  EXPECT_EQ(groups.at("nodes").at(0).at("trace_id"), "00000000000000010000000000000002");
  EXPECT_EQ(groups.at("nodes").at(0).at("client_id"), 4);
  EXPECT_EQ(groups.at("nodes").at(1).at("trace_id"), "");
  EXPECT_EQ(groups.at("nodes").at(1).at("depth").to_number<int>(), 1);
  EXPECT_EQ(groups.at("nodes").at(0).at("tasks").at("memory").to_number<int>(), 2);
  const json::object graph = get("/api/v1/graph").object();
  EXPECT_EQ(graph.at("shown").to_number<int>(), 4);
  EXPECT_EQ(graph.at("total").to_number<int>(), 28);
  EXPECT_EQ(graph.at("edges"), json::parse("[[0,2],[1,2],[2,3]]"));
  EXPECT_EQ(graph.at("nodes").at("key"), json::parse(R"(["load-1-0","load-1-1","named-0","named-1"])"));
  EXPECT_EQ(graph.at("nodes").at("depth"), json::parse("[0,0,1,2]"));
}

TEST_F(ApiTest, the_task_stream_says_what_it_shows_of_how_much) {
  const Instant now = steady_now();
  for (std::uint32_t i = 0; i < 100; ++i) {
    TaskRun run;
    run.task = TaskId::of(1, i);
    run.worker = {1};
    run.start_ns = now.nanoseconds - 10'000'000'000 + i * 1000;
    run.duration_us = 1;
    source_->past.add(run);
  }
  const json::object stream = get("/api/v1/task-stream?from=-30000&width=100").object();
  EXPECT_EQ(stream.at("total").to_number<int>(), 100);
  EXPECT_EQ(stream.at("covered").to_number<int>(), 100);
  EXPECT_LE(stream.at("shown").to_number<int>(), 2);
  EXPECT_EQ(stream.at("lanes").at(0).at("worker"), "w\"<script>1");
  for (const char* column : {"lane", "start_ms", "duration_ms", "busy_ms", "prefix", "count", "erred", "key"})
    EXPECT_EQ(stream.at("rects").at(column).as_array().size(), stream.at("shown").to_number<std::size_t>()) << column;
  EXPECT_EQ(get("/api/v1/task-stream?from=5&to=4").status, 400U);
}

TEST_F(ApiTest, failures_are_grouped_by_what_they_have_in_common) {
  for (int i = 0; i < 3; ++i) {
    const auto error = std::make_shared<TaskError>(TaskError{TaskError::Kind::exception,
                                                             "std::runtime_error",
                                                             fmt::format("row {} is bad", 17 * i),
                                                             "parse",
                                                             "",
                                                             {},
                                                             fmt::format("w{}", i % 2),
                                                             1});
    source_->past.add(
        FailedTask{steady_now(), TaskId::of(1, static_cast<std::uint32_t>(i)), fmt::format("k{}", i), 0, error});
  }
  source_->past.add(
      FailedTask{steady_now(), TaskId::of(2, 0), "other", 1,
                 std::make_shared<TaskError>(TaskError{TaskError::Kind::timeout, "", "too long", "", "", {}, "", 1})});
  const json::object document = get("/api/v1/exceptions").object();
  ASSERT_EQ(document.at("shown").to_number<int>(), 2);
  const json::value& rows = document.at("groups").at(1);
  EXPECT_EQ(rows.at("count").to_number<int>(), 3);
  EXPECT_EQ(rows.at("workers"), json::parse(R"(["w0","w1"])"));
  EXPECT_EQ(rows.at("message"), "row 34 is bad");
}

TEST_F(ApiTest, parameters_that_are_not_as_they_must_be_are_named_and_nothing_of_them_is_sent_back) {
  for (const char* target :
       {"/api/v1/tasks?state=evil", "/api/v1/tasks?limit=0", "/api/v1/tasks?limit=1001", "/api/v1/tasks?limit=evil",
        "/api/v1/tasks?evil=1", "/api/v1/tasks?cursor=-1", "/api/v1/tasks?limit=1&limit=2", "/api/v1/cluster?x=evil",
        "/api/v1/task-stream?workers=1,evil", "/api/v1/task-stream?from=evil", "/api/v1/stream?topics=evil",
        "/api/v1/stream?interval_ms=1", "/api/v1/workers?limit=%zz", "/api/v1/graph?limit=99999999999999999999"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 400U) << target;
    EXPECT_EQ(answer.object().at("schema"), "troupe/v1/error");
    EXPECT_THAT(answer.body, Not(HasSubstr("evil"))) << target;
  }
}

TEST_F(ApiTest, who_may_only_read_cannot_act_and_an_admin_leaves_a_line) {
  const std::string token = reader();
  EXPECT_EQ(get("/api/v1/session", token).object().at("scope"), "read");
  EXPECT_EQ(get("/api/v1/session").object().at("scope"), "admin");
  const std::string body = R"({"keys":["sum-1-0"],"reason":"wrong"})";
  for (const char* target : {"/api/v1/tasks/cancel", "/api/v1/tasks/retry", "/api/v1/workers/2/drain",
                             "/api/v1/workers/2/restart", "/api/v1/login-codes"})
    EXPECT_EQ(post(target, body, token).status, 403U) << target;
  EXPECT_TRUE(source_->acts.empty());
  EXPECT_EQ(post("/api/v1/tasks/cancel", body).status, 200U);
  EXPECT_EQ(post("/api/v1/tasks/retry", R"({"keys":["a"]})").status, 200U);
  EXPECT_EQ(post("/api/v1/workers/2/drain", "{}").status, 200U);
  EXPECT_EQ(post("/api/v1/workers/2/restart", "{}").status, 200U);
  EXPECT_EQ(post("/api/v1/workers/1/restart", "{}").status, 409U) << "it has no nanny";
  EXPECT_EQ(post("/api/v1/workers/9/drain", "{}").status, 404U);
  EXPECT_EQ(post("/api/v1/tasks/cancel", R"({"keys":["unknown"]})").status, 404U);
  EXPECT_THAT(source_->acts,
              testing::ElementsAre("cancel sum-1-0 wrong", "retry a cancelled in the dashboard", "retire w2",
                                   "restart w2", "cancel unknown cancelled in the dashboard"));
  const json::object events = get("/api/v1/events").object();
  EXPECT_THAT(json::serialize(events),
              HasSubstr("an admin of the dashboard cancels 1 tasks, the first is sum-1-0: wrong"));
  EXPECT_THAT(get("/api/v1/logs").body, HasSubstr("drains the worker w2"));
}

TEST_F(ApiTest, bodies_that_are_not_as_they_must_be_are_refused) {
  for (const char* body :
       {"", "[]", "{", R"({"keys":[]})", R"({"keys":["a",1]})", R"({"keys":"a"})", R"({"keys":[""]})",
        R"({"keys":["a"],"evil":1})", R"({"keys":["a"],"reason":5})", "[[[[[[[[[[[[]]]]]]]]]]]]"})
    EXPECT_EQ(post("/api/v1/tasks/cancel", body).status, 400U) << body;
  EXPECT_EQ(post("/api/v1/tasks/cancel", R"({"keys":["a"]})", admin, "Content-Type: text/plain\r\n").status, 415U);
  EXPECT_EQ(post("/api/v1/tasks/cancel", R"({"keys":["a"]})", admin, "").status, 415U);
  EXPECT_TRUE(source_->acts.empty());
}

TEST_F(ApiTest, a_login_code_lets_in_once) {
  const std::string body = json::serialize(json::object{{"code", logins_->make_code(Scope::admin)}});
  const Answer in = post("/api/v1/login", body, "");
  ASSERT_EQ(in.status, 200U);
  EXPECT_EQ(get("/api/v1/cluster", std::string(in.object().at("token").as_string())).status, 200U);
  EXPECT_EQ(post("/api/v1/login", body, "").status, 401U);
  for (unsigned i = 1; i < Logins::failures_max; ++i) post("/api/v1/login", R"({"code":"x"})", "");
  EXPECT_EQ(post("/api/v1/login", R"({"code":"x"})", "").status, 429U);
}

/// Reads a stream line by line.
class StreamReader {
public:
  StreamReader(std::uint16_t port, const std::string& target) : socket_(context_) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
    boost::asio::write(socket_,
                       boost::asio::buffer(fmt::format(
                           "GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin-token\r\n\r\n", target)));
    const auto end = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(buffer_), "\r\n\r\n");
    head = buffer_.substr(0, end);
    buffer_.erase(0, end);
  }
  json::object next() {
    while (text_.find('\n') == std::string::npos) read_chunk();
    const auto end = text_.find('\n');
    const json::object line = json::parse(text_.substr(0, end)).as_object();
    text_.erase(0, end + 1);
    return line;
  }
  bool at_end() {
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(buffer_), error);
    return error == boost::asio::error::eof;
  }
  std::string head;

private:
  void read_chunk() {
    const auto end = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(buffer_), "\r\n");
    const std::size_t size = std::stoul(buffer_.substr(0, end), nullptr, 16);
    buffer_.erase(0, end);
    if (buffer_.size() < size + 2)
      boost::asio::read(socket_, boost::asio::dynamic_buffer(buffer_),
                        boost::asio::transfer_exactly(size + 2 - buffer_.size()));
    text_ += buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
  }
  boost::asio::io_context context_;
  tcp::socket socket_;
  std::string buffer_;
  std::string text_;
};

TEST_F(ApiTest, a_stream_says_hello_then_each_topic_then_what_has_changed) {
  events_->add(EventLevel::info, "worker", {1}, "first");
  StreamReader stream(server_->port(), "/api/v1/stream?topics=summary,events&interval_ms=100");
  EXPECT_THAT(stream.head, HasSubstr("application/x-ndjson"));
  EXPECT_THAT(stream.head, HasSubstr("Content-Security-Policy"));
  const json::object hello = stream.next();
  EXPECT_EQ(hello.at("topic"), "hello");
  EXPECT_EQ(hello.at("data").at("topics"), json::parse(R"(["summary","events"])"));
  const json::object summary = stream.next();
  EXPECT_EQ(summary.at("topic"), "summary");
  EXPECT_EQ(summary.at("data").at("totals").at("finished").to_number<int>(), 1000);
  EXPECT_EQ(stream.next().at("data").at("events").at(0).at("text"), "first");
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.counters.finished = 2000;
  }
  events_->add(EventLevel::warning, "client", {}, "second");
  bool new_figures = false;
  std::string new_event;
  std::uint64_t seq = 2;
  while (!new_figures || new_event.empty()) {
    const json::object line = stream.next();
    EXPECT_EQ(line.at("seq").to_number<std::uint64_t>(), ++seq);
    if (line.at("topic") == "summary")
      new_figures = new_figures || line.at("data").at("totals").at("finished").to_number<int>() == 2000;
    else if (line.at("topic") == "events")
      new_event = std::string(line.at("data").at("events").at(0).at("text").as_string());
  }
  EXPECT_EQ(new_event, "second");
}

TEST_F(ApiTest, a_stream_with_nothing_to_tell_gives_signs_of_life_and_a_last_word) {
  StreamReader stream(server_->port(), "/api/v1/stream?topics=events&interval_ms=100");
  EXPECT_EQ(stream.next().at("topic"), "hello");
  EXPECT_EQ(stream.next().at("topic"), "events");
  EXPECT_EQ(stream.next().at("topic"), "heartbeat");
  server_->stop();
  EXPECT_EQ(stream.next().at("topic"), "goodbye");
  EXPECT_TRUE(stream.at_end());
}

TEST_F(ApiTest, ten_viewers_share_the_pictures_that_are_taken) {
  std::vector<std::unique_ptr<StreamReader>> streams;
  for (int i = 0; i < 10; ++i)
    streams.push_back(
        std::make_unique<StreamReader>(server_->port(), "/api/v1/stream?topics=summary&interval_ms=1000"));
  unsigned before = 0;
  {
    const std::lock_guard lock(source_->mutex);
    before = source_->views;
  }
  unsigned lines = 0;
  for (auto& stream : streams)
    for (int i = 0; i < 4; ++i, ++lines) (void)stream->next();
  const std::lock_guard lock(source_->mutex);
  EXPECT_EQ(lines, 40U);
  EXPECT_LT(source_->views - before, 20U) << "two a second by themselves, and no more for ten than for one";
}

TEST_F(ApiTest, a_scheduler_that_has_ended_is_unavailable_not_empty) {
  {
    const std::lock_guard lock(source_->mutex);
    source_->ended = true;
  }
  (void)sources_.recorder->picture(std::chrono::milliseconds(0));
  for (const char* target : {"/api/v1/cluster", "/api/v1/workers", "/api/v1/prefixes", "/api/v1/session"})
    EXPECT_EQ(get(target).status, 503U) << target;
}

TEST_F(ApiTest, every_path_of_the_contract_is_served_and_no_other) {
  const json::object contract = get("/api/v1/openapi.json", "").object();
  std::set<std::string> promised;
  for (const auto& [path, operations] : contract.at("paths").as_object())
    for (const auto& operation : operations.as_object())
      promised.insert(std::string(operation.key()) + " " + std::string(path));
  std::set<std::string> served{"get /api/v1/openapi.json"};
  for (const Route& route : api_routes(sources_)) served.insert((route.post ? "post " : "get ") + route.path);
  EXPECT_EQ(promised, served);
}

/// Verbs by paths by Host by Origin by token: what is let in is listed, all else is refused, and nothing is done.
TEST_F(ApiTest, only_the_right_combinations_of_verb_host_origin_and_token_pass) {
  const std::string port = std::to_string(server_->port());
  const std::string read = reader();
  const std::map<std::string, bool> hosts{{"localhost:" + port, true}, {"127.0.0.1:" + port, true},
                                          {"evil.example", false},     {"127.0.0.1.evil:" + port, false},
                                          {"localhost.evil", false},   {"169.254.169.254", false}};
  const std::vector<std::string> origins{
      "", "http://{host}", "http://evil.example", "null", "http://localhost:1", "file://", "http://{host}.evil"};
  const std::map<std::string, Scope> tokens{
      {"", Scope::none}, {"wrong", Scope::none}, {read, Scope::read}, {admin, Scope::admin}};
  struct Path {
    const char* target;
    const char* verb;
    Scope needed;
  };
  const std::vector<Path> paths{{"/api/v1/cluster", "GET", Scope::read},
                                {"/api/v1/tasks/cancel", "POST", Scope::admin},
                                {"/sitemap.json", "GET", Scope::none}};
  unsigned cases = 0;
  unsigned passed = 0;
  for (const Path& path : paths)
    for (const char* verb : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"})
      for (const auto& [host, host_good] : hosts)
        for (const std::string& pattern : origins)
          for (const auto& [token, scope] : tokens) {
            std::string origin = pattern;
            if (const auto at = origin.find("{host}"); at != std::string::npos) origin.replace(at, 6, host);
            const std::string body = R"({"keys":["k"]})";
            const Answer answer = send(
                fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}{}Content-Type: application/json\r\n"
                            "Content-Length: {}\r\n\r\n{}",
                            verb, path.target, host, token.empty() ? "" : "Authorization: Bearer " + token + "\r\n",
                            origin.empty() ? "" : "Origin: " + origin + "\r\n", body.size(), body));
            const bool right_verb =
                std::string(verb) == path.verb || (std::string(verb) == "HEAD" && std::string(path.verb) == "GET");
            const bool right_origin = pattern.empty() || pattern == "http://{host}";
            const bool pass = right_verb && host_good && right_origin && scope >= path.needed;
            EXPECT_EQ(answer.status == 200, pass) << verb << " " << path.target << " Host " << host << " Origin "
                                                  << origin << " token " << token << ": " << answer.status;
            EXPECT_THAT(answer.head, Not(HasSubstr("Access-Control"))) << verb;
            ++cases;
            passed += pass ? 1 : 0;
          }
  EXPECT_GE(cases, 500U);
  EXPECT_EQ(source_->acts.size(), 4U) << "one POST by an admin, for two hosts with two origins each";
  EXPECT_EQ(passed, 2U * 2U * (2U * 2U + 1U + 2U * 4U));
}

TEST_F(ApiTest, traversals_and_strange_paths_lead_nowhere) {
  const std::vector<std::string> pieces{"..",  "%2e%2e",     "%2e%2e%2f",    "....//",   "%00",       "\\..\\",
                                        "%5c", "etc/passwd", "%c0%ae%c0%ae", "<script>", "assets/..", "."};
  unsigned cases = 0;
  for (const char* base : {"/", "/assets/", "/info/", "/api/v1/", "/api/v1/tasks/", "/api/v1/workers/", "/individual-"})
    for (const std::string& a : pieces)
      for (const std::string& b : pieces) {
        const Answer answer = get(base + a + "/" + b);
        EXPECT_TRUE(answer.status == 404 || answer.status == 400 ||
                    (answer.status == 200 && std::string(base) == "/info/"))
            << base << a << "/" << b << " " << answer.status;
        EXPECT_THAT(answer.body, Not(HasSubstr("root:")));
        ++cases;
      }
  EXPECT_GE(cases, 500U);
}

TEST_F(ApiTest, every_plot_that_is_listed_and_every_page_is_served_to_everybody) {
  const json::object plots = get("/individual-plots.json", "").object();
  EXPECT_EQ(plots.at("Task Stream"), "/individual-task-stream");
  for (const auto& plot : plots) {
    const Answer page = get(std::string(plot.value().as_string()), "");
    EXPECT_EQ(page.status, 200U) << plot.value();
    EXPECT_THAT(page.head, HasSubstr("text/html"));
  }
  const std::string everything = get("/sitemap.json", "").body;
  for (const char* path :
       {"/status", "/workers", "/tasks", "/system", "/profile", "/graph", "/groups", "/shuffle", "/stealing",
        "/exceptions", "/events", "/logs", "/login", "/profile-server", "/time", "/bandwidth", "/gpu"}) {
    EXPECT_EQ(get(path, "").status, 200U) << path;
    EXPECT_THAT(everything, HasSubstr(path));
  }
  for (const char* path : {"/api/v1/cluster", "/api/v1/tasks/{key}", "/api/v1/scale", "/info/*", "/sitemap.json"})
    EXPECT_THAT(everything, HasSubstr(path));
  EXPECT_EQ(get("/info/task/sum-1-0", "").status, 200U);
  EXPECT_THAT(get("/", "").head, HasSubstr("Location: status"));
}

TEST_F(ApiTest, a_file_that_has_not_changed_is_not_sent_again) {
  const Answer first = get("/api/v1/openapi.json", "");
  const auto at = first.head.find("ETag: ");
  ASSERT_NE(at, std::string::npos) << first.head;
  const std::string etag = first.head.substr(at + 6, first.head.find("\r\n", at) - at - 6);
  EXPECT_EQ(get("/api/v1/openapi.json", "", "If-None-Match: " + etag + "\r\n").status, 304U);
  EXPECT_THAT(get("/api/v1/openapi.json", "", "Accept-Encoding: gzip\r\n").head, HasSubstr("Content-Encoding: gzip"));
}

}  // namespace
}  // namespace troupe::monitoring
