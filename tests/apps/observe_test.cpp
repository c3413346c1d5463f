#include <csignal>

#include "actors/inspection.hpp"
#include "monitoring/history_file.hpp"
#include "monitoring/http_client.hpp"
#include "tests/apps/fault_functions.hpp"
#include "tests/apps/troupe_program.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using testing::Fifo;
using ::testing::Not;

/// What operators see of standalone nodes: logs, stacks, profiles and dumps.
class ObserveTest : public TroupeProgramTest {
protected:
  ObserveTest() : fifo_(path("fifo")) {
    scheduler_.emplace(start_scheduler().first);
    worker_.emplace(start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE}).first);
    client_ = std::make_unique<Client>("", ClientOptions{.access_file = access_file()});
    client_->wait_for_workers(1);
  }

  Fifo fifo_;
  std::optional<ChildProcess> scheduler_;
  std::optional<ChildProcess> worker_;
  std::unique_ptr<Client> client_;
};

TEST_F(ObserveTest, logs_of_scheduler_workers_and_tasks_are_read_and_followed) {
  EXPECT_THAT(run({"logs"}).out, AllOf(HasSubstr("info"), HasSubstr("registered, 1 threads")));
  const auto first = client_->submit<faults::said>(std::string("the first word"));
  const auto second = [&] {
    const Span span("observed", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    return client_->submit<faults::said>({.key = "named"}, std::string("the second word"));
  }();
  EXPECT_EQ(client_->gather(std::vector{first, second}), (std::vector<std::uint64_t>{14, 15}));
  const auto worker = run({"logs", "worker/alpha"});
  EXPECT_THAT(worker.out, AllOf(HasSubstr("alpha"), HasSubstr("the first word"), HasSubstr("the second word")));
  const auto task = run({"logs", "task/named", "-o", "json"});
  ASSERT_EQ(task.status, 0) << task.err;
  const auto line = json::parse(task.out).as_object();
  EXPECT_EQ(line.at("schema"), "troupe/v1/log-line");
  EXPECT_EQ(line.at("node"), "alpha");
  EXPECT_EQ(line.at("event"), "task_said");
  EXPECT_EQ(line.at("role"), "worker");
  EXPECT_EQ(line.at("logger"), "worker");
  const auto number = std::to_string(line.at("task").to_number<std::uint64_t>());
  for (const auto& command : {std::vector<std::string>{"explain", number},
                              {"story", number},
                              {"describe", "task", number},
                              {"logs", "task/" + number}})
    EXPECT_EQ(run(command).status, 0) << ::testing::PrintToString(command);
  EXPECT_EQ(line.at("task").to_number<std::uint64_t>() >> 24, line.at("group").to_number<std::uint64_t>());
  EXPECT_THAT(std::string(line.at("msg").as_string()), HasSubstr("the second word"));
  EXPECT_EQ(line.at("span"), "observed");
  EXPECT_EQ(line.at("trace_id"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_GT(line.at("client").to_number<int>(), 0);
  EXPECT_THAT(read(path("alpha.err")),  // the worker's own log
              AllOf(HasSubstr(R"("event":"task_said")"), HasSubstr(R"("span":"observed")"),
                    HasSubstr(R"("trace_id":"0af7651916cd43dd8448eb211c80319c")"),
                    HasSubstr(fmt::format(R"("task":{},"group":)", line.at("task").to_number<std::uint64_t>()))));
  EXPECT_THAT(run({"logs", "worker/alpha", "-n", "1"}).out, Not(HasSubstr("the first word")));

  auto following = start("following", {"logs", "worker/alpha", "-f"});
  while (auto seen = following.read_line(30s))
    if (seen->find("the second word") != std::string::npos) break;
  EXPECT_EQ(client_->submit<faults::said>(std::string("a third")).get(30s), 7U);
  const auto next = following.read_line(30s);
  ASSERT_TRUE(next);
  EXPECT_THAT(*next, HasSubstr("a third"));

  EXPECT_EQ(run({"logs", "worker/nobody"}).status, 3);
  EXPECT_EQ(run({"logs", "task/nothing-99-0"}).status, 3);
  EXPECT_EQ(run({"logs", "elsewhere"}).status, 2);
}

TEST_F(ObserveTest, a_worker_that_has_logged_nothing_is_said_to_have) {
  const auto asked = run({"logs", "worker/alpha"});
  EXPECT_EQ(asked.status, 0);
  EXPECT_EQ(asked.out, "");
  EXPECT_THAT(asked.err, HasSubstr("worker/alpha has logged nothing yet"));
}

TEST_F(ObserveTest, what_an_isolated_task_writes_to_stderr_is_its_log) {
  const auto task = client_->submit<faults::last_words>({.key = "doomed", .isolate = true}, std::string("goodbye"));
  try {
    (void)task.get(60s);
    FAIL() << "it aborts";
  } catch (const TaskFailed& failed) {
    EXPECT_THAT(failed.what(), AllOf(HasSubstr("signal 6"), HasSubstr("goodbye")));
  }
  EXPECT_THAT(run({"logs", "task/doomed"}).out, HasSubstr("goodbye"));
  EXPECT_EQ(client_->submit<faults::doubled>(std::uint64_t{21}).get(30s), 42U);
}

TEST_F(ObserveTest, stacks_and_profiles_of_running_tasks_name_their_functions) {
  EXPECT_THAT(run({"stack"}).out, HasSubstr("alpha  runs nothing"));
  const auto held = client_->submit<faults::hold>(fifo_.path());
  ASSERT_EQ(fifo_.read_line(), "started");
  const auto stack = run({"stack"});
  EXPECT_EQ(stack.status, 0) << stack.err;
  EXPECT_THAT(stack.out,
              AllOf(HasSubstr("fault_functions::faults::hold"), HasSubstr("faults::hold"), HasSubstr("run 1")));
  const auto document = json::parse(run({"stack", "--worker", "alpha", "-o", "json"}).out).as_object();
  EXPECT_EQ(document.at("workers").as_object().at("alpha").as_array().size(), 1U);

  // All threads of the worker are busy: it answers all the same.
  const auto folded = run({"profile", "--duration", "200ms"});
  ASSERT_EQ(folded.status, 0) << folded.err;
  EXPECT_THAT(folded.out, AllOf(::testing::StartsWith("fault_functions::faults::hold;"), HasSubstr("nanosleep")));
  const auto last = folded.out.substr(folded.out.find_last_of(' ') + 1);
  EXPECT_GT(std::stoi(last), 0);
  const auto profile =
      json::parse(run({"profile", "--duration", "100ms", "--rate", "50", "-o", "json"}).out).as_object();
  EXPECT_EQ(profile.at("schema"), "troupe/v1/profile");
  EXPECT_FALSE(profile.at("workers").as_object().at("alpha").as_object().at("stacks").as_array().empty());
  EXPECT_EQ(run({"profile", "--duration", "100ms", "--function", "doubled"}).out, "");
  EXPECT_EQ(run({"profile", "--duration", "soon"}).status, 2);
  EXPECT_EQ(run({"profile", "--worker", "nobody"}).status, 3);
  client_->cancel(held);
  EXPECT_EQ(fifo_.read_line(), "stopped");
}

TEST_F(ObserveTest, a_dump_holds_the_state_of_all_and_is_inspected_without_a_cluster) {
  const auto done = client_->submit<faults::doubled>({.key = "done"}, std::uint64_t{4});
  EXPECT_EQ(done.get(30s), 8U);
  const auto held = client_->submit<faults::hold>({.key = "held"}, fifo_.path());
  ASSERT_EQ(fifo_.read_line(), "started");
  const auto after =
      client_->submit<faults::added>({.key = "after"}, done, client_->submit<faults::doubled>(std::uint64_t{1}));
  const auto file = path("dump.jsonl.zst");
  const auto dumped = run({"dump", "-o", file});
  ASSERT_EQ(dumped.status, 0) << dumped.err;
  EXPECT_EQ(read(file).substr(0, 4), "\x28\xb5\x2f\xfd") << "packed as its name says";
  client_->cancel(held);
  scheduler_.reset();
  worker_.reset();

  const auto summary = run({"dump", "inspect", file});
  ASSERT_EQ(summary.status, 0) << summary.err;
  EXPECT_EQ(summary.err, "");
  EXPECT_THAT(summary.out, AllOf(HasSubstr("workers    1"), HasSubstr("1 memory"), HasSubstr("processing")));
  EXPECT_THAT(run({"dump", "inspect", file, "--workers"}).out, HasSubstr("alpha"));
  EXPECT_THAT(run({"dump", "inspect", file, "--log"}).out, HasSubstr("registered"));
  EXPECT_THAT(run({"dump", "inspect", file, "--state", "memory"}).out,
              AllOf(HasSubstr("done"), Not(HasSubstr("held"))));
  const auto task = run({"dump", "inspect", file, "--task", "done"});
  EXPECT_THAT(task.out, AllOf(HasSubstr("processing -> memory"), HasSubstr("state         memory")));
  const auto inspected = json::parse(run({"dump", "inspect", file, "--task", "after", "-o", "json"}).out).as_object();
  EXPECT_EQ(inspected.at("whole"), true);
  EXPECT_EQ(inspected.at("records").as_array().at(0).as_object().at("dependencies").as_array().size(), 2U);
  EXPECT_EQ(run({"dump", "inspect", file, "--task", "nothing"}).status, 3);

  EXPECT_EQ(run({"dump", "inspect", write("other.jsonl", "{\"a\": 1}\n")}).status, 2);
  EXPECT_EQ(run({"dump", "inspect", path("missing.jsonl")}).status, 2);
}

TEST_F(ObserveTest, a_dump_that_is_cut_off_says_so_and_no_dump_holds_a_key) {
  const auto file = path("dump.jsonl");
  ASSERT_EQ(run({"dump", "-o", file}).status, 0);
  const auto text = read(file);
  const auto access = json::parse(read(access_file())).as_object();
  for (const char* key : {"worker_key", "client_key", "http_token"})
    EXPECT_THAT(text, Not(HasSubstr(std::string(access.at(key).as_string())))) << key;
  EXPECT_THAT(text, HasSubstr("scheduler.worker-ttl"));
  const auto cut = write("cut.jsonl", text.substr(0, text.rfind("{\"record\":\"end\"")));
  const auto inspected = run({"dump", "inspect", cut});
  EXPECT_EQ(inspected.status, 0);
  EXPECT_THAT(inspected.err, HasSubstr("cut off"));
}

TEST_F(ObserveTest, a_scheduler_that_is_killed_leaves_a_history_that_the_dashboard_shows) {
  const std::string histories = path(".local/state/troupe/history");
  const auto done = client_->submit<faults::doubled>({.key = "done"}, std::uint64_t{4});
  EXPECT_EQ(done.get(30s), 8U);
  const auto served = [&] {
    auto child = start("history", {"history", "serve", histories, "-o", "json"});
    const auto line = child.read_line(30s);
    return std::pair(std::move(child), line ? json::parse(*line).as_object() : json::object{});
  };
  // Written half a second later at the latest; it can be looked at while it is.
  for (const auto deadline = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < deadline;) {
    const auto [child, said] = served();
    const auto* runs = said.if_contains("runs");
    if (runs == nullptr || runs->as_string() == "0") continue;
    EXPECT_EQ(said.at("ending").as_string(), "running");
    break;
  }
  scheduler_->signal(SIGKILL);
  EXPECT_EQ(scheduler_->wait(30s), 128 + SIGKILL);

  const auto list = run({"history", "list", histories, "-o", "json"});
  ASSERT_EQ(list.status, 0) << list.err;
  const auto entry = json::parse(list.out).as_object().at("histories").as_array().at(0).as_object();
  EXPECT_EQ(entry.at("ending"), "killed");
  auto [child, said] = served();
  EXPECT_EQ(said.at("ending").as_string(), "killed");
  EXPECT_EQ(said.at("runs").as_string(), "1");
  const std::string http = std::string(said.at("http").as_string()).substr(7);
  const std::string link(said.at("dashboard").as_string());
  const auto ask = [&](const std::string& method, const std::string& target, const std::string& token,
                       const std::string& body = {}) {
    const auto reply = monitoring::ask_page({http, token, method, target, body});
    EXPECT_TRUE(reply) << reply.error().text;
    return *reply;
  };
  const auto code = json::serialize(json::object{{"code", link.substr(link.find("#code=") + 6)}});
  const std::string token(json::parse(ask("POST", "/api/v1/login", "", code).body).at("token").as_string());
  const auto get = [&](const std::string& target) { return json::parse(ask("GET", target, token).body); };
  const auto cluster = get("/api/v1/cluster");
  EXPECT_EQ(cluster.at("recorded").at("ending"), "killed");
  EXPECT_EQ(get("/api/v1/workers").at("workers").at(0).at("name"), "alpha");
  EXPECT_EQ(get("/api/v1/runs").at("shown"), 1);
  EXPECT_EQ(get("/api/v1/task-stream").at("total"), 1);
  EXPECT_FALSE(get("/api/v1/events").at("events").as_array().empty());
  EXPECT_EQ(get("/api/v1/logs").at("lines").at(0).at("event"), "worker_registered");
  EXPECT_EQ(ask("POST", "/api/v1/tasks/cancel", token, R"({"keys":["done"]})").status, 403U);
  EXPECT_EQ(child.stop(), 0);
  EXPECT_EQ(run({"history", "serve", path("nowhere")}).status, 3);
}

TEST_F(ObserveTest, a_scheduler_that_stops_says_so_in_its_history_and_none_writes_one_that_is_told_not_to) {
  const std::string histories = path(".local/state/troupe/history");
  scheduler_->stop();
  const auto list = run({"history", "list", histories});
  EXPECT_THAT(list.out, AllOf(HasSubstr("stopped"), HasSubstr("ENDING"))) << list.err;
  auto [other, said] = start_scheduler({"--no-history", "--history", path("none")});
  other.stop();
  EXPECT_FALSE(std::filesystem::exists(path("none")));
  auto [third, third_said] = start_scheduler({"--history", path("here")});
  third.stop();
  EXPECT_THAT(run({"history", "list", path("here")}).out, HasSubstr("stopped"));
  auto [bare, bare_said] = start_scheduler({"--no-dashboard", "--history", path("bare")});
  EXPECT_EQ(bare_said.at("http").as_string(), "");
  bare.stop();
  EXPECT_THAT(run({"history", "list", path("bare")}).out, HasSubstr("stopped")) << "it takes no dashboard";
  const auto failed = run({"scheduler", "--port", "0", "--dashboard-address", "0.0.0.0:0", "--history", path("never")});
  EXPECT_EQ(failed.status, 2) << failed.err;
  EXPECT_FALSE(std::filesystem::exists(path("never"))) << "there was nothing to look at";
}

TEST_F(ObserveTest, histories_of_programs_are_listed_and_the_one_seen_last_that_shows_something_is_served) {
  const std::string histories = path(".local/state/troupe/history");
  scheduler_->stop();
  {
    LocalCluster cluster({.dashboard = false, .history_directory = histories + "/local"});
    cluster.stop();
  }
  // One that ended before it was written, and one of another time.
  for (const auto& [name, text] : {std::pair("20300101T000000-00000001", std::string(monitoring::history_magic)),
                                   std::pair("20100101T000000-00000002", std::string("troupe history 2\n..."))}) {
    write(".local/state/troupe/history/" + std::string(name) + "/lock", "");
    write(".local/state/troupe/history/" + std::string(name) + "/000001.troupe", text);
  }
  const auto list = run({"history", "list", "-o", "json"});
  ASSERT_EQ(list.status, 0) << list.err;
  std::vector<std::string> seen;
  std::string local;
  const json::value document = json::parse(list.out);
  for (const auto& entry : document.at("histories").as_array()) {
    seen.push_back(fmt::format("{} {}", std::string(entry.at("ending").as_string()), entry.at("local").as_bool()));
    if (entry.at("local").as_bool()) local = std::string(entry.at("name").as_string());
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("of an older version false", "stopped false", "stopped true",
                                                    "killed false"));
  EXPECT_THAT(local, ::testing::StartsWith("local/2"));
  auto child = start("history", {"history", "serve", "-o", "json"});
  const auto line = child.read_line(30s);
  ASSERT_TRUE(line) << read(path("history.err"));
  EXPECT_EQ(json::parse(*line).at("directory").as_string(), histories + "/" + local);
  EXPECT_EQ(child.stop(), 0);
}

TEST_F(ObserveTest, what_there_is_is_listed_got_and_described) {
  const auto done = client_->submit<faults::doubled>({.key = "done"}, std::uint64_t{4});
  EXPECT_EQ(done.get(30s), 8U);
  const auto next = client_->submit<faults::added>({.key = "sum"}, done, done);
  EXPECT_EQ(next.get(30s), 16U);
  const auto deadline = std::chrono::steady_clock::now() + 30s;  // what was shown a moment ago is shown again
  while (run({"get", "worker", "alpha"}).status != 0 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_THAT(run({"get", "worker", "alpha"}).out, AllOf(HasSubstr("NAME"), HasSubstr("alpha"), HasSubstr("running")));
  const auto task = run({"get", "tasks", "done", "sum", "-o", "jsonl"});
  ASSERT_EQ(task.status, 0) << task.err;
  EXPECT_EQ(json::parse(task.out.substr(0, task.out.find('\n'))).at("schema"), "troupe/v1/task");
  EXPECT_EQ(std::count(task.out.begin(), task.out.end(), '\n'), 2);
  const auto described = json::parse(run({"describe", "task", "sum", "-o", "json"}).out);
  EXPECT_EQ(described.at("schema"), "troupe/v1/task");
  EXPECT_EQ(described.at("dependencies").at("total"), 2);
  EXPECT_THAT(run({"describe", "task", "sum"}).out,
              AllOf(HasSubstr("who_has"), HasSubstr("story"), HasSubstr("memory")));
  EXPECT_THAT(run({"describe", "worker", "alpha"}).out, AllOf(HasSubstr("process_bytes"), HasSubstr("alpha")));
  for (const char* kind : {"groups", "prefixes", "events"}) {
    const auto list = run({"list", kind, "-o", "json"});
    ASSERT_EQ(list.status, 0) << kind << list.err;
    EXPECT_EQ(std::string(json::parse(list.out).at("schema").as_string()), std::string("troupe/v1/") + kind);
    EXPECT_EQ(run({"list", kind}).status, 0);
  }
  EXPECT_THAT(run({"summary", "tasks"}).out, AllOf(HasSubstr("doubled"), HasSubstr("1 memory")));
  EXPECT_THAT(run({"memory"}).out, AllOf(HasSubstr("alpha"), HasSubstr("doubled"), HasSubstr("MANAGED")));
  EXPECT_EQ(json::parse(run({"memory", "-o", "json"}).out).at("prefixes").as_array().size(), 2U);
  EXPECT_THAT(run({"graph"}).out,
              AllOf(::testing::StartsWith("digraph troupe {"), HasSubstr("doubled (1)"), HasSubstr("->")));
  EXPECT_THAT(run({"graph", "--tasks"}).out, HasSubstr("\"sum\""));
  EXPECT_EQ(run({"get", "worker", "nobody"}).status, 3);
  EXPECT_EQ(run({"describe", "task", "nothing-99-0"}).status, 3);
  EXPECT_EQ(run({"get", "elephants"}).status, 2);
}

TEST_F(ObserveTest, what_ran_is_written_as_a_table_and_as_a_trace) {
  EXPECT_EQ(client_->submit<faults::doubled>({.key = "done"}, std::uint64_t{4}).get(30s), 8U);
  const auto table = run({"timeline", "--format", "csv"});
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out,
              ::testing::MatchesRegex("key,function,worker,thread,start_unix_ms,duration_ms,outcome,run\n"
                                      "[^,]*doubled-[^,]*,[^,]*doubled,alpha,0,[0-9.]+,[0-9.]+,finished,1\n"));
  ASSERT_EQ(run({"timeline", "--file", path("trace.json")}).status, 0);
  const auto trace = json::parse(read(path("trace.json")));
  const auto& events = trace.at("traceEvents").as_array();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].at("args").at("name"), "alpha");
  EXPECT_EQ(events[1].at("ph"), "X");
  EXPECT_GT(events[1].at("ts").to_number<double>(), 1e15) << "microseconds of the Unix clock";
  EXPECT_GE(events[1].at("dur").to_number<double>(), 0);
}

TEST_F(ObserveTest, events_are_shown_and_watched) {
  EXPECT_THAT(run({"events"}).out, AllOf(HasSubstr("registered"), HasSubstr("client 1")));
  auto watching = start("watching", {"events", "-w", "-o", "jsonl"});
  std::optional<std::string> line;
  while ((line = watching.read_line(30s)) && line->find("registered") == std::string::npos) {
  }
  ASSERT_TRUE(line);
  EXPECT_EQ(json::parse(*line).at("schema"), "troupe/v1/event");
  auto [late, said] = start_worker("late");
  while ((line = watching.read_line(30s)) && line->find("registered") == std::string::npos) {
  }
  EXPECT_TRUE(line);
  auto few = start("few", {"events", "-w", "--limit", "1"});
  ASSERT_TRUE(line = few.read_line(30s));
  EXPECT_EQ(*line, run({"events", "--limit", "1"}).out.substr(0, line->size())) << "the last one of those there were";
}

TEST_F(ObserveTest, a_story_has_the_time_of_day_and_the_time_since_its_beginning) {
  EXPECT_EQ(client_->submit<faults::doubled>({.key = "done"}, std::uint64_t{4}).get(30s), 8U);
  const auto keep = client_->submit<faults::doubled>({.key = "kept"}, std::uint64_t{4});
  EXPECT_EQ(keep.get(30s), 8U);
  const auto story = run({"story", "kept"});
  EXPECT_THAT(story.out, ::testing::MatchesRegex("(20..-..-..T..:..:......Z  .[0-9.]+ s  [a-z_]+ -> .*\n)+"));
  EXPECT_THAT(story.out, AllOf(HasSubstr("+0.000 s"), HasSubstr("processing -> memory"), HasSubstr("worker alpha")));
  const auto document = json::parse(run({"story", "kept", "-o", "json"}).out);
  EXPECT_GT(document.at("story").at(0).at("at_unix_ms").to_number<double>(), 1e12);
  EXPECT_FALSE(document.at("lines").as_array().empty());
}

TEST_F(ObserveTest, clients_are_rows_of_the_same_shape_however_they_are_asked_for) {
  const auto asked = [this](const char* how) {  // pages show what was there a moment ago
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    json::value document;
    do document = json::parse(run({how, "clients", "-o", "json"}).out);
    while (document.at("clients").as_array().empty() && std::chrono::steady_clock::now() < deadline);
    return document;
  };
  const auto listed = asked("list");
  const auto got = asked("get");
  const auto names = [](const json::value& document) {
    std::vector<std::string> found;
    for (const auto& member : document.at("clients").at(0).as_object()) found.emplace_back(member.key());
    for (const auto& member : document.as_object()) found.emplace_back(member.key());
    return found;
  };
  EXPECT_EQ(listed.at("schema"), "troupe/v1/clients");
  EXPECT_EQ(names(listed), names(got));
  EXPECT_THAT(run({"list", "clients"}).out, AllOf(HasSubstr("NAME"), HasSubstr("WANTS")));
}

TEST_F(ObserveTest, a_format_that_is_set_for_all_commands_is_taken_by_all) {
  environment_.emplace_back("TROUPE_OUTPUT", "jsonl");
  for (const char* kind : {"workers", "clients", "tasks", "groups"}) EXPECT_EQ(run({"list", kind}).status, 0) << kind;
  const auto status = run({"status"});
  EXPECT_EQ(status.status, 0) << status.err;
  EXPECT_EQ(json::parse(status.out).at("schema"), "troupe/v1/identity");
  EXPECT_THAT(run({"list", "clients"}).out, HasSubstr("troupe/v1/client\""));
}

TEST_F(ObserveTest, as_many_are_listed_as_are_asked_for) {
  std::vector<Future<std::uint64_t>> kept;
  for (std::uint64_t i = 0; i < 3; ++i)
    kept.push_back(client_->submit<faults::doubled>({.key = fmt::format("group-{}", i)}, i));
  (void)client_->gather(kept);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  auto some = run({"list", "groups", "--limit", "1"});
  while (some.err.empty() &&
         std::chrono::steady_clock::now() < deadline)  // how many there are was counted a moment ago
    some = run({"list", "groups", "--limit", "1"});
  EXPECT_EQ(std::count(some.out.begin(), some.out.end(), '\n'), 2) << some.out;
  EXPECT_THAT(some.err, HasSubstr("--limit N of `troupe list` shows more"));
}

TEST_F(ObserveTest, acts_are_done_when_they_are_meant) {
  const auto held = client_->submit<faults::hold>({.key = "held"}, fifo_.path());
  ASSERT_EQ(fifo_.read_line(), "started");
  EXPECT_EQ(run({"cancel", "held"}).status, 2) << "nobody said yes, and nobody can be asked";
  EXPECT_EQ(run({"cancel", "nothing-99-0", "--yes"}).status, 3);
  const auto cancelled = run({"cancel", "held", "--yes", "--reason", "enough"});
  ASSERT_EQ(cancelled.status, 0) << cancelled.err;
  EXPECT_EQ(cancelled.out, "held\n");
  EXPECT_THROW((void)held.get(30s), Cancelled);
  EXPECT_EQ(fifo_.read_line(), "stopped");
  EXPECT_EQ(run({"retry", "nothing-99-0"}).status, 3);
  EXPECT_EQ(run({"restart", "--yes"}).status, 2);
  EXPECT_EQ(run({"restart", "alpha", "--yes"}).status, 3) << "it has no nanny";
  auto [other, said] = start_worker("beta");
  EXPECT_EQ(run({"drain", "nobody", "--yes"}).status, 3);
  const auto drained = json::parse(run({"drain", "alpha", "--yes", "-o", "json"}).out);
  EXPECT_EQ(drained.at("names").at(0), "alpha");
  EXPECT_EQ(worker_->wait(30s), 0);
  EXPECT_THAT(run({"events"}).out, AllOf(HasSubstr("cancels held"), HasSubstr("drains alpha")));
}

TEST_F(ObserveTest, sums_of_a_span_are_listed_and_described) {
  {
    const Span outer("nightly");
    const Span inner("squares");
    EXPECT_EQ(client_->submit<faults::doubled>(std::uint64_t{2}).get(30s), 4U);
  }
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  std::string text;
  do {
    text = run({"describe", "span", "nightly"}).out;
  } while (text.find("faults::doubled") == std::string::npos && std::chrono::steady_clock::now() < deadline);
  EXPECT_THAT(text, AllOf(HasSubstr("faults::doubled"), HasSubstr("trace_id")));
  EXPECT_THAT(run({"list", "spans"}).out, AllOf(HasSubstr("SPAN"), HasSubstr("nightly/squares")));
  EXPECT_EQ(run({"describe", "span", "hourly"}).status, 3);
}

TEST_F(ObserveTest, a_worker_that_comes_later_has_what_was_uploaded_before) {
  auto [open, open_said] = start_worker("open", {"--allow-uploads"});
  ASSERT_TRUE(client_->upload_module(TROUPE_TEST_OTHER_BUILD, {"open"}).at("open"));
  auto [late, late_said] = start_worker("late", {"--allow-uploads"});
  const auto has = [&] {
    const auto summary = client_->scheduler_info();
    for (const auto& worker : summary->workers)
      if (worker.address.name == "late")
        for (const auto& module : worker.modules)
          if (module.name == "fault_functions") return true;
    return false;
  };
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!has() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(has()) << read(path("open.err")) << read(path("late.err"));
}

}  // namespace
}  // namespace troupe::apps
