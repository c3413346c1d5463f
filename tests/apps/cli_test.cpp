#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apps/troupe_program.hpp"

namespace troupe::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Commands that need no cluster.
class CliTest : public TroupeProgramTest {};

TEST_F(CliTest, version_is_shown_for_people_and_for_programs) {
  EXPECT_THAT(run({"version"}).out, HasSubstr("protocol 1.0\n"));
  EXPECT_EQ(run({"--version"}).status, 0);
  const auto ended = run({"version", "-o", "json"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "");
  const auto document = boost::json::parse(ended.out).as_object();
  EXPECT_EQ(document.at("schema"), "troupe/v1/version");
  EXPECT_EQ(document.at("protocol"), "1.0");
}

TEST_F(CliTest, every_command_has_help_with_an_example_and_the_exit_codes) {
  EXPECT_THAT(run({"--help"}).out, HasSubstr("Exit codes: 0 done"));
  const std::vector<std::vector<std::string>> commands{{"scheduler"},       {"worker"},   {"local"},
                                                       {"status"},          {"list"},     {"explain"},
                                                       {"story"},           {"bench"},    {"demo", "wordcount"},
                                                       {"demo", "entropy"}, {"simulate"}, {"version"},
                                                       {"metrics"},         {"summary"},  {"demo"},
                                                       {"config"}};
  for (auto command : commands) {
    command.emplace_back("--help");
    const auto ended = run(command);
    EXPECT_EQ(ended.status, 0) << command.front();
    EXPECT_THAT(ended.out, HasSubstr("Example")) << command.front();
    EXPECT_THAT(ended.out, HasSubstr("Exit codes: 0 done")) << command.front();
    EXPECT_EQ(ended.err, "") << command.front();
  }
}

TEST_F(CliTest, what_is_not_understood_is_a_usage_error_on_stderr) {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"fly"},
                                                    {"status", "--nonsense"},
                                                    {"list"},
                                                    {"list", "dogs"},
                                                    {"bench", "nothing"},
                                                    {"status", "-o", "xml"},
                                                    {"scheduler", "--port", "70000"},
                                                    {"scheduler", "--idle-timeout", "soon"},
                                                    {"worker", "--nthreads", "0"},
                                                    {"config", "validate"},
                                                    {"demo", "wordcount"},
                                                    {"simulate", "--seeds", "0"},
                                                    {"simulate", "--faults", "rain"},
                                                    {"simulate", "--replay", "/nowhere"}};
  for (const auto& command : wrong) {
    const auto ended = run(command);
    EXPECT_EQ(ended.status, 2) << testing::PrintToString(command) << ended.err;
    EXPECT_EQ(ended.out, "") << testing::PrintToString(command);
    EXPECT_NE(ended.err, "") << testing::PrintToString(command);
  }
}

TEST_F(CliTest, a_word_that_is_no_command_is_named_with_the_one_that_was_meant) {
  EXPECT_THAT(run({"statsu"}).err, HasSubstr("there is no command 'statsu': did you mean 'status'?"));
  EXPECT_THAT(run({"qqqqqqq"}).err, HasSubstr("there is no command 'qqqqqqq'. `troupe --help` lists them"));
  const auto list = run({"list", "task"});
  EXPECT_THAT(list.err, HasSubstr("there is no command 'task': did you mean 'tasks'? There are workers"));
  EXPECT_EQ(list.status, 2);
}

TEST_F(CliTest, help_has_the_defaults_there_are) {
  EXPECT_THAT(run({"status", "--help"}).out, HasSubstr("(default 30s"));
}

TEST_F(CliTest, simulations_say_what_was_tried_and_replay_what_was_written) {
  const auto ended = run({"simulate", "--seeds", "20", "--seed", "5", "-o", "json"});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto document = boost::json::parse(ended.out).as_object();
  EXPECT_EQ(document.at("schema"), "troupe/v1/simulate");
  EXPECT_EQ(document.at("histories"), 20);
  EXPECT_GT(document.at("events").to_number<int>(), 1000);
  EXPECT_GT(document.at("faults").as_object().at("exception").to_number<int>(), 0);
  EXPECT_THAT(run({"simulate", "--seeds", "2", "--faults", "F1,pause"}).out, HasSubstr("2 histories, "));

  const auto file = write("history.txt", "troupe history 1\noption workers 2\nact 1000000 submit 3 8 5 42\n");
  const auto told = run({"simulate", "--replay", file});
  EXPECT_EQ(told.status, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("client 3 is told: n3-p1-4 is ready"));
  EXPECT_THAT(told.out, HasSubstr("digest "));
  EXPECT_EQ(run({"simulate", "--replay", file}).out, told.out);
  const auto broken = run({"simulate", "--replay", write("broken.txt", "troupe history 1\noption workers 0\n")});
  EXPECT_EQ(broken.status, 2);
  EXPECT_THAT(broken.err, HasSubstr("1 to 1000 workers"));
}

TEST_F(CliTest, names_of_metrics_that_are_not_known_are_refused) {
  environment_.emplace_back("TROUPE__METRICS__COMPAT", "prom");
  const auto ended = run({"scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("metrics.compat is 'prom'; there are 'none' and 'dask'"));
}

TEST_F(CliTest, a_fixed_graph_is_measured_as_its_file_has_it) {
  const auto file = write("fan.json", R"({"name":"fan","bytes":100,"inputs":[[],[0],[0],[1,2]]})");
  const auto ended =
      run({"bench", "graph", "--file", file, "--workers", "1", "--repeat", "1", "--watched", "-o", "json"});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const auto document = boost::json::parse(ended.out).as_object();
  EXPECT_EQ(document.at("tasks"), 4);
  EXPECT_EQ(document.at("watched"), true);
  const auto metg = run({"bench", "graph", "--file", file, "--workers", "1", "--metg", "--repeat", "1", "-o", "json"});
  ASSERT_EQ(metg.status, 0) << metg.err;
  EXPECT_GT(boost::json::parse(metg.out).at("metg_us").to_number<double>(), 1.0);
  const auto refused = [&](const std::string& text) {
    const auto answer = run({"bench", "graph", "--file", write("wrong.json", text)});
    EXPECT_EQ(answer.status, 2) << text << answer.err;
    return answer.err;
  };
  EXPECT_THAT(refused(R"({"name":"x","bytes":1,"inputs":[[],[2]]})"), HasSubstr("wrong.json: task 1: needs 2"));
  EXPECT_THAT(refused(R"({"name":"x","bytes":1,"inputs":[[],["a"]]})"), HasSubstr("task 1"));
  EXPECT_THAT(refused(R"({"name":"x","bytes":1,"inputs":[]})"), HasSubstr("without tasks"));
  EXPECT_THAT(refused("{"), HasSubstr("not a graph"));
  EXPECT_EQ(run({"bench", "graph", "--file", path("missing.json")}).status, 3);
  EXPECT_EQ(run({"bench", "graph"}).status, 2);
  EXPECT_EQ(run({"bench", "empty", "--metg"}).status, 2);
}

TEST_F(CliTest, configuration_comes_from_files_then_variables_and_names_its_source) {
  EXPECT_EQ(run({"config", "get", "scheduler.worker-ttl"}).out, "30s\n");
  write("config/troupe/a.yaml", "scheduler:\n  worker-ttl: 1m\n");
  EXPECT_EQ(run({"config", "get", "scheduler.worker-ttl"}).out, "1m\n");
  const auto file = write("explicit.yaml", "scheduler:\n  worker-ttl: 2m\n");
  EXPECT_EQ(run({"config", "get", "scheduler.worker-ttl", "--config", file}).out, "2m\n");
  environment_.emplace_back("TROUPE__SCHEDULER__WORKER_TTL", "3m");
  EXPECT_EQ(run({"config", "get", "scheduler.worker-ttl", "--config", file}).out, "3m\n");
  EXPECT_THAT(run({"config", "explain", "scheduler.worker-ttl"}).out,
              HasSubstr("environment TROUPE__SCHEDULER__WORKER_TTL"));
  const auto document =
      boost::json::parse(run({"config", "get", "scheduler.worker-ttl", "-o", "json"}).out).as_object();
  EXPECT_EQ(document.at("value"), "3m");
  EXPECT_EQ(document.at("schema"), "troupe/v1/config-option");
  EXPECT_THAT(run({"config", "list"}).out, HasSubstr("scheduler.worker-ttl"));
}

TEST_F(CliTest, wrong_configuration_is_told_where_it_stands) {
  const auto file = write("bad.yaml", "scheduler:\n  wroker-ttl: 1m\n  port: many\n");
  const auto validated = run({"config", "validate", file});
  EXPECT_EQ(validated.status, 2);
  EXPECT_THAT(validated.err,
              HasSubstr(file + ":2: unknown key 'scheduler.wroker-ttl'; did you mean 'scheduler.worker-ttl'?"));
  EXPECT_THAT(validated.err, HasSubstr(file + ":3: scheduler.port: 'many' is not a whole number"));
  const auto used = run({"scheduler", "--config", file});
  EXPECT_EQ(used.status, 2);
  EXPECT_THAT(used.err, HasSubstr(file + ":3: scheduler.port"));
  const auto unknown = run({"config", "get", "scheduler.prot"});
  EXPECT_EQ(unknown.status, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'scheduler.port'?"));
}

TEST_F(CliTest, without_an_access_file_a_client_says_what_is_missing) {
  const auto ended = run({"status"});
  EXPECT_EQ(ended.status, 5);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr(access_file()));
}

TEST_F(CliTest, an_access_file_that_others_can_read_is_refused) {
  write("access.json", "{}");
  ASSERT_EQ(::chmod(access_file().c_str(), 0644), 0);
  const auto ended = run({"status"});
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, HasSubstr(access_file()));
}

TEST_F(CliTest, an_open_interface_is_refused_and_the_flag_is_named) {
  const auto scheduler = run({"scheduler", "--port", "0", "--host", "0.0.0.0", "--dashboard-address", ":0"});
  EXPECT_NE(scheduler.status, 0);
  EXPECT_THAT(scheduler.err, HasSubstr("--insecure"));
  const auto dashboard = run({"scheduler", "--port", "0", "--dashboard-address", "0.0.0.0:0"});
  EXPECT_EQ(dashboard.status, 2);
  EXPECT_THAT(dashboard.err, HasSubstr("--dashboard-address: 0.0.0.0 is not a loopback address"));
}

TEST_F(CliTest, words_of_a_path_that_is_not_there_are_not_counted) {
  const auto ended = run({"demo", "wordcount", path("nothing")});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("nothing: no such file or directory"));
}

TEST_F(CliTest, a_worker_with_wrong_resources_or_module_says_so) {
  const auto resources = run({"worker", "--no-nanny", "--death-timeout", "100ms", "--resources", "GPU"});
  EXPECT_NE(resources.status, 0);
  const auto none = run({"worker", "--no-nanny", "--death-timeout", "100ms"});
  EXPECT_EQ(none.status, 5);
  EXPECT_THAT(none.err, HasSubstr("there is no access file"));
}

}  // namespace
}  // namespace troupe::apps
