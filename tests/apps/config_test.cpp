#include "apps/config.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "apps/config_values.hpp"

namespace troupe::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
protected:
  ConfigTest() : folder_(fs::temp_directory_path() / fmt::format("troupe_config_{}", ::getpid())) {
    fs::create_directories(folder_ / "system");
    fs::create_directories(folder_ / "user");
  }
  ~ConfigTest() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  fs::path folder_;
};

TEST_F(ConfigTest, later_sources_win_over_earlier_ones) {
  ConfigSources sources;
  const auto ttl = [&] {
    const auto config = Config::load(sources);
    return config ? config->setting("scheduler.worker-ttl") : Setting{config.error().text, "error"};
  };
  EXPECT_EQ(ttl().text, "30s");
  EXPECT_EQ(ttl().source, "default");

  write("system/a.yaml", "scheduler:\n  worker-ttl: 1m\n");
  sources.directories = {folder_ / "system", folder_ / "user", folder_ / "missing"};
  EXPECT_EQ(ttl().text, "1m");
  write("system/b.yaml", "scheduler: {worker-ttl: 2m}\n");
  EXPECT_EQ(ttl().text, "2m");
  write("user/a.yaml", "# comment\n\nscheduler:\n  worker_ttl: 3m\n");
  EXPECT_EQ(ttl().text, "3m");
  EXPECT_EQ(ttl().source, (folder_ / "user/a.yaml").string() + ":4");

  sources.file = write("explicit.yaml", "scheduler.worker-ttl: 4m\n");
  EXPECT_EQ(ttl().text, "4m");
  sources.environment = {{"TROUPE__SCHEDULER__WORKER_TTL", "5m"}};
  EXPECT_EQ(ttl().text, "5m");
  EXPECT_EQ(ttl().source, "environment TROUPE__SCHEDULER__WORKER_TTL");
  sources.flags = {{"scheduler.worker-ttl", "6m"}};
  EXPECT_EQ(ttl().text, "6m");
}

TEST_F(ConfigTest, a_bad_value_is_told_with_file_line_key_value_and_what_is_allowed) {
  ConfigSources sources;
  sources.file = write("bad.yaml", "worker:\n  nthreads: 2\nscheduler:\n  worker-ttl: soon\n");
  const auto config = Config::load(sources);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().kind, ErrorKind::invalid);
  EXPECT_EQ(
      config.error().text,
      sources.file->string() + ":4: scheduler.worker-ttl: 'soon' is not a duration such as 500ms, 30s or '1h 30m'");
}

TEST_F(ConfigTest, an_unknown_key_warns_with_the_nearest_name) {
  ConfigSources sources;
  sources.file = write("typo.yaml", "scheduler:\n  worker-tll: 1m\n  nthreads: 3\n");
  sources.environment = {{"TROUPE__WROKER__NANNY", "false"}};
  const auto config = Config::load(sources);
  ASSERT_TRUE(config);
  ASSERT_EQ(config->warnings().size(), 3U);
  EXPECT_EQ(config->warnings()[0],
            sources.file->string() + ":2: unknown key 'scheduler.worker-tll'; did you mean 'scheduler.worker-ttl'?");
  EXPECT_THAT(config->warnings()[1], HasSubstr("did you mean 'worker.nthreads'?"));
  EXPECT_THAT(config->warnings()[2], HasSubstr("did you mean 'worker.nanny'?"));
}

TEST_F(ConfigTest, a_file_that_is_missing_or_no_yaml_is_an_error_with_its_line) {
  ConfigSources sources;
  sources.file = folder_ / "none.yaml";
  EXPECT_THAT(Config::load(sources).error().text, HasSubstr("none.yaml: the file cannot be read"));
  sources.file = write("broken.yaml", "a: b\nc: [1, 2\nd: }\n");
  EXPECT_THAT(Config::load(sources).error().text, HasSubstr("broken.yaml:"));
  sources.file = write("list.yaml", "- a\n");
  EXPECT_THAT(Config::load(sources).error().text, HasSubstr("a mapping of keys"));
  sources.file = write("empty.yaml", "# nothing\n");
  EXPECT_TRUE(Config::load(sources));
}

TEST_F(ConfigTest, values_are_read_as_their_type) {
  ConfigSources sources;
  sources.environment = {{"TROUPE__SCHEDULER__WORK_STEALING", "off"},
                         {"TROUPE__SCHEDULER__WORKER_SATURATION", "2.5"},
                         {"TROUPE__WORKER__MEMORY__LIMIT", "1.5GiB"},
                         {"TROUPE__SCHEDULER__IDLE_TIMEOUT", "1h 30m"}};
  const auto config = Config::load(sources);
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_FALSE(config->boolean("scheduler.work-stealing"));
  EXPECT_EQ(config->number("scheduler.worker-saturation"), 2.5);
  EXPECT_EQ(config->size("worker.memory.limit"), 1610612736U);
  EXPECT_EQ(config->duration("scheduler.idle-timeout"), seconds(5400));
  EXPECT_EQ(config->integer("scheduler.port"), 8786);
  EXPECT_EQ(config->duration("scheduler.no-workers-timeout"), std::nullopt);
  EXPECT_EQ(config->size("scheduler.bandwidth"), 1'000'000'000U);
}

TEST_F(ConfigTest, validate_lists_every_problem_of_a_file) {
  const auto file =
      write("many.yaml", "scheduler:\n  port: 70000\n  hots: x\nworker:\n  nanny: maybe\n  nthreads: 1.5\n");
  EXPECT_THAT(Config::validate(file),
              ElementsAre(HasSubstr(":2: scheduler.port: '70000' is not a whole number from 0 to 65535"),
                          HasSubstr(":3: unknown key 'scheduler.hots'; did you mean 'scheduler.host'?"),
                          HasSubstr(":5: worker.nanny: 'maybe' is not true or false"),
                          HasSubstr(":6: worker.nthreads: '1.5' is not a whole number from 1 to 4096, or auto")));
}

TEST(ConfigTable, every_default_is_a_value_of_its_option_and_no_key_comes_twice) {
  std::set<std::string_view> keys;
  for (const Option& option : option_table()) {
    EXPECT_EQ(check_value(option, option.fallback), std::nullopt) << option.key;
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_FALSE(option.doc.empty()) << option.key;
    EXPECT_EQ(find_option(option.key), &option);
  }
  EXPECT_EQ(variable_of(*find_option("scheduler.worker_ttl")), "TROUPE__SCHEDULER__WORKER_TTL");
}

TEST(ConfigValues, durations) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("1h 30m"), seconds(5400));
  EXPECT_EQ(parse_duration("1h30m"), seconds(5400));
  EXPECT_EQ(parse_duration(" 1.5 s "), milliseconds(1500));
  EXPECT_EQ(parse_duration("2 minutes"), seconds(120));
  EXPECT_EQ(parse_duration("0"), seconds(0));
  for (const char* wrong : {"", "5", "5 parsecs", "s", "-1s", "1h 30", "1e400s", "1e30d", "NaN", "1..5s"})
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
}

TEST(ConfigValues, sizes) {
  EXPECT_EQ(parse_size("2GiB"), 2147483648U);
  EXPECT_EQ(parse_size("50MB"), 50'000'000U);
  EXPECT_EQ(parse_size("1.5 kB"), 1500U);
  EXPECT_EQ(parse_size("10e9"), 10'000'000'000U);
  EXPECT_EQ(parse_size("7"), 7U);
  EXPECT_EQ(parse_size("2g"), 2'000'000'000U);
  for (const char* wrong : {"", "GB", "-1", "1 XB", "1 GB x", "1e30 GB", "0x10"})
    EXPECT_EQ(parse_size(wrong), std::nullopt) << wrong;
}

TEST(ConfigValues, distances_between_words) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
}

TEST(ConfigValues, text_of_others_cannot_steer_a_terminal) {
  EXPECT_EQ(printable("a\x1b[31m\n\x7fgr\xc3\xbc"), "a?[31m??gr\xc3\xbc");
}

}  // namespace
}  // namespace troupe::apps
