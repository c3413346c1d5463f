#include "apps/logging.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/json.hpp>

namespace troupe::apps {
namespace {

using testing::HasSubstr;

class LogTest : public testing::Test {
protected:
  LogTest() : file_(std::filesystem::temp_directory_path() / fmt::format("troupe_log_{}", ::getpid())) {}
  ~LogTest() override { std::filesystem::remove(file_); }
  std::string written() {
    std::stringstream out;
    out << std::ifstream(file_).rdbuf();
    return out.str();
  }
  LogOptions options(LogFormat format) {
    return {.level = Level::info,
            .format = format,
            .colour = false,
            .file = file_.string(),
            .node = "n1",
            .role = "worker"};
  }
  std::filesystem::path file_;
};

TEST_F(LogTest, a_json_line_has_all_fields_and_stays_one_line) {
  auto log = Log::open(options(LogFormat::json));
  ASSERT_TRUE(log);
  (*log)->write(Level::warning, "net", "peer_lost", "gone \"for\"\n good \x1b[31m");
  const std::string text = written();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const auto line = boost::json::parse(text).as_object();
  EXPECT_TRUE(std::regex_match(std::string(line.at("ts").as_string()),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
  EXPECT_EQ(line.at("level"), "warning");
  EXPECT_EQ(line.at("logger"), "net");
  EXPECT_EQ(line.at("event"), "peer_lost");
  EXPECT_EQ(line.at("msg"), "gone \"for\"\n good \x1b[31m");
  EXPECT_EQ(line.at("node"), "n1");
  EXPECT_EQ(line.at("role"), "worker");
  EXPECT_EQ(line.at("pid").to_number<int>(), ::getpid());
  EXPECT_EQ(line.at("tid").to_number<int>(), ::gettid());
}

TEST_F(LogTest, a_json_line_says_what_it_is_about_and_only_that) {
  auto log = Log::open(options(LogFormat::json));
  ASSERT_TRUE(log);
  LogContext about{TaskId::of(3, 5), {7}, {"nightly", {0x0af7651916cd43dd, 0x8448eb211c80319c}}};
  (*log)->write(Level::info, "worker", "runtime", "said", about);
  (*log)->write(Level::info, "worker", "runtime", "of nobody");
  std::istringstream lines(written());
  std::string text;
  ASSERT_TRUE(std::getline(lines, text));
  const auto line = boost::json::parse(text).as_object();
  EXPECT_EQ(line.at("task").to_number<std::uint64_t>(), TaskId::of(3, 5).value);
  EXPECT_EQ(line.at("group").to_number<int>(), 3);
  EXPECT_EQ(line.at("client").to_number<int>(), 7);
  EXPECT_EQ(line.at("span"), "nightly");
  EXPECT_EQ(line.at("trace_id"), "0af7651916cd43dd8448eb211c80319c");
  ASSERT_TRUE(std::getline(lines, text));
  for (const char* field : {"task", "group", "client", "span", "trace_id"})
    EXPECT_FALSE(boost::json::parse(text).as_object().contains(field)) << field;
}

TEST_F(LogTest, a_node_may_get_its_name_later) {
  auto log = Log::open(options(LogFormat::json));
  ASSERT_TRUE(log);
  (*log)->name_node("127.0.0.1:4711");
  (*log)->write(Level::info, "worker", "runtime", "said");
  EXPECT_EQ(boost::json::parse(written()).as_object().at("node"), "127.0.0.1:4711");
}

TEST_F(LogTest, a_human_line_is_plain_and_printable) {
  auto log = Log::open(options(LogFormat::human));
  ASSERT_TRUE(log);
  (*log)->write(Level::error, "net", "x", "bad \x1b[31m\nthing");
  EXPECT_THAT(written(), HasSubstr("error    net  bad ?[31m?thing\n"));
}

TEST_F(LogTest, lines_below_the_level_are_not_written) {
  auto log = Log::open(options(LogFormat::json));
  ASSERT_TRUE(log);
  (*log)->write(Level::debug, "net", "x", "unseen");
  EXPECT_EQ(written(), "");
}

TEST_F(LogTest, a_full_disk_loses_lines_and_nothing_else) {
  LogOptions full = options(LogFormat::json);
  full.file = "/dev/full";
  auto log = Log::open(full);
  ASSERT_TRUE(log);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) (*log)->write(Level::info, "net", "x", "lost");
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ((*log)->lost(), 3U);
  EXPECT_THAT(told, HasSubstr("a log line could not be written (No space left on device)"));
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1);
}

TEST_F(LogTest, a_file_that_cannot_be_opened_is_named) {
  LogOptions nowhere = options(LogFormat::json);
  nowhere.file = "/nowhere/log";
  const auto log = Log::open(nowhere);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().text, HasSubstr("--log-file /nowhere/log: No such file or directory"));
}

TEST(LogLevel, is_read_from_its_name) {
  EXPECT_EQ(*level_from("warn"), Level::warning);
  EXPECT_FALSE(level_from("loud"));
}

}  // namespace
}  // namespace troupe::apps
