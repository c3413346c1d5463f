#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/recorded_cluster.hpp"
#include "tests/actors/client_functions.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using namespace client_tests;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What clusters inside a program leave behind.
class LocalHistoryTest : public ::testing::Test {
protected:
  [[nodiscard]] std::vector<fs::path> histories(const std::string& below = {}) const {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder_.path() / below, none)) found.push_back(entry.path());
    return found;
  }
  static std::vector<std::string> texts(const std::vector<LogLine>& lines) {
    std::vector<std::string> found;
    for (const auto& line : lines) found.push_back(line.text);
    return found;
  }

  troupe::testing::TemporaryFolder folder_;
};

TEST_F(LocalHistoryTest, a_cluster_without_dashboard_is_written_down_to_its_end) {
  {
    LocalCluster cluster({.workers = 2,
                          .modules = {client_tests_module},
                          .dashboard = false,
                          .history_directory = folder_.path().string()});
    EXPECT_EQ(cluster.dashboard_address(), "");
    Client client(cluster);
    auto said = client.submit<nap_and_say>({.key = "said"}, 0, std::string("some words"));
    EXPECT_EQ(said.get(), 1);
    (void)client.gather(client.map<slow_square>(std::vector<double>(1'000, 2.0)));
    cluster.stop();
  }
  ASSERT_THAT(histories(), SizeIs(1));
  const auto read = monitoring::RecordedCluster::read(histories()[0]);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ((*read)->recorded().ending, "stopped");
  EXPECT_EQ((*read)->recorded().reason, "the local cluster stops");
  EXPECT_EQ((*read)->runs(), 1'001U);
  const auto api = (*read)->sources();
  EXPECT_EQ(api.recorder->picture(0ms)->view.workers.size(), 2U);
  EXPECT_THAT(texts(api.log(0, 1000).lines), ::testing::Contains(HasSubstr("some words")));
}

TEST_F(LocalHistoryTest, what_workers_in_processes_logged_is_in_it) {
  LocalCluster cluster({.workers = 1,
                        .processes = true,
                        .modules = {client_tests_module},
                        .dashboard = false,
                        .history_directory = folder_.path().string()});
  Client client(cluster);
  auto said = client.submit<nap_and_say>({.key = "said"}, 0, std::string("far away"));
  EXPECT_EQ(said.get(), 1);
  // A heartbeat brings it; it can be read while it is written.
  std::vector<std::string> lines;
  for (const auto deadline = std::chrono::steady_clock::now() + 30s;
       lines.empty() && std::chrono::steady_clock::now() < deadline;) {
    ASSERT_THAT(histories(), SizeIs(1));
    const auto read = monitoring::RecordedCluster::read(histories()[0]);
    if (!read) continue;
    const auto page = (*read)->sources().ask.log("worker-0", 0, 100);
    ASSERT_TRUE(page);
    for (const auto& line : page->lines)
      if (line.text.find("far away") != std::string::npos) lines.push_back(line.text);
  }
  EXPECT_THAT(lines, SizeIs(1));
}

TEST_F(LocalHistoryTest, it_is_left_out_where_a_program_or_its_environment_says_so) {
  { LocalCluster cluster({.dashboard = false, .history = false, .history_directory = folder_.path().string()}); }
  ::setenv("TROUPE__HISTORY__ENABLED", "false", 1);
  ::setenv("TROUPE__HISTORY__DIRECTORY", folder_.path().c_str(), 1);
  { LocalCluster cluster({.dashboard = false}); }
  EXPECT_THAT(histories(), IsEmpty());
  {
    LocalCluster cluster({.dashboard = false, .history = true});
    cluster.stop();
  }
  EXPECT_THAT(histories("local"), SizeIs(1)) << "the program decides, and the environment says where";
  ::setenv("TROUPE__HISTORY__ENABLED", "No", 1);
  { LocalCluster cluster({.dashboard = false}); }
  EXPECT_THAT(histories("local"), SizeIs(1)) << "as a scheduler reads it";
  ::setenv("TROUPE__HISTORY__ENABLED", " On ", 1);
  {
    LocalCluster cluster({.dashboard = false});
    cluster.stop();
  }
  EXPECT_THAT(histories("local"), SizeIs(2));
  ::setenv("TROUPE__HISTORY__ENABLED", "perhaps", 1);
  EXPECT_THROW(LocalCluster({.dashboard = false}), InvalidRequest);
  ::unsetenv("TROUPE__HISTORY__ENABLED");
  ::unsetenv("TROUPE__HISTORY__DIRECTORY");
}

TEST_F(LocalHistoryTest, histories_of_schedulers_make_no_room_for_those_of_programs) {
  const fs::path scheduler = folder_.path() / "20200101T000000-0badcafe";
  fs::create_directory(scheduler);
  for (const char* name : {"lock", "000001.troupe"}) std::ofstream(scheduler / name) << "x";
  fs::resize_file(scheduler / "000001.troupe", std::uintmax_t{2} << 30);  // sparse
  const fs::path old = folder_.path() / "local" / "20200101T000000-0badcafe";
  fs::create_directories(old);
  fs::permissions(old.parent_path(), fs::perms::owner_all);
  for (const char* name : {"lock", "000001.troupe"}) std::ofstream(old / name) << "x";
  fs::resize_file(old / "000001.troupe", 1 << 20);
  ::setenv("TROUPE__HISTORY__DIRECTORY", folder_.path().c_str(), 1);
  const auto run = [] {
    LocalCluster cluster({.dashboard = false});
    cluster.stop();
  };
  run();
  EXPECT_TRUE(fs::exists(scheduler));
  EXPECT_TRUE(fs::exists(old)) << "1 GiB holds both";
  ::setenv("TROUPE__HISTORY__LIMIT", "1MB", 1);
  run();
  EXPECT_TRUE(fs::exists(scheduler));
  EXPECT_FALSE(fs::exists(old));
  ::setenv("TROUPE__HISTORY__LIMIT", "much", 1);
  EXPECT_THROW(run(), InvalidRequest);
  ::unsetenv("TROUPE__HISTORY__LIMIT");
  ::unsetenv("TROUPE__HISTORY__DIRECTORY");
}

TEST_F(LocalHistoryTest, a_directory_that_cannot_be_written_costs_one_warning_and_no_work) {
  std::mutex mutex;
  std::vector<std::string> told;
  {
    LocalCluster cluster({.modules = {client_tests_module},
                          .dashboard = false,
                          .history_directory = "/proc/nowhere",
                          .log = [&](std::string_view text) {
                            const std::lock_guard lock(mutex);
                            if (text.find("history") != std::string_view::npos) told.emplace_back(text);
                          }});
    Client client(cluster);
    EXPECT_EQ(client.submit<add>(1.0, 2.0).get(), 3.0);
    cluster.stop();
  }
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0], AllOf(HasSubstr("no history is written"), HasSubstr("/proc/nowhere")));
}

}  // namespace
}  // namespace troupe
