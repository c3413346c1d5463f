#include "actors/nanny.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <thread>

#include "actors/scheduler_node.hpp"
#include "actors/worker_node.hpp"
#include "runtime/exec/child_process.hpp"
#include "runtime/exec/running_page.hpp"
#include "tests/actors/test_client.hpp"

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;

class NannyTest : public ::testing::Test {
protected:
  NannyTest() {
    SchedulerOptions options;
    options.port = 0;
    options.access = access;
    auto started = start_scheduler(node, options);
    EXPECT_TRUE(started) << started.error().text;
    scheduler.emplace(*started);
    access.scheduler_address = scheduler->address();
  }
  Result<NannyHandle> start(std::vector<std::string> command, std::uint64_t memory_max = 0) {
    NannyOptions options;
    options.memory_max = memory_max;
    options.memory_interval = 5ms;
    options.command = std::move(command);
    options.access = access;
    options.restart_min = 5ms;
    options.drain_patience = 5s;
    options.on_output = [this](std::string_view text) {
      const std::lock_guard lock(mutex);
      output += text;
      changed.notify_all();
    };
    return start_nanny(node, options);
  }
  bool wait_output(std::string_view text) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, [&] { return output.find(text) != std::string::npos; });
  }

  AccessFile access = AccessFile::generate();
  Node node;
  std::optional<SchedulerHandle> scheduler;
  std::mutex mutex;
  std::condition_variable changed;
  std::string output;
};

TEST_F(NannyTest, AProgramThatCannotBeRunIsAnErrorThatNamesIt) {
  auto nanny = start({"/nonexistent/troupe"});
  ASSERT_FALSE(nanny);
  EXPECT_THAT(nanny.error().text, ::testing::HasSubstr("/nonexistent/troupe"));
}

TEST_F(NannyTest, AWorkerProcessThatEndsWellEndsItsNanny) {
  auto nanny = start({"/bin/sh", "-c", "echo fine >&2; exit 0"});
  ASSERT_TRUE(nanny) << nanny.error().text;
  EXPECT_TRUE(nanny->wait_for(10s));
  EXPECT_TRUE(nanny->wait());
  EXPECT_EQ(nanny->restarts(), 0U);
  EXPECT_TRUE(wait_output("fine"));
}

TEST_F(NannyTest, AWorkerProcessThatCannotDoWhatItWasToldToEndsItsNannyWhichSaysWhy) {
  auto nanny = start({"/bin/sh", "-c", "echo --what is no option >&2; exit 2"});
  ASSERT_TRUE(nanny) << nanny.error().text;
  const auto ended = nanny->wait();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().text, ::testing::HasSubstr("--what is no option"));
  EXPECT_EQ(nanny->restarts(), 0U);
}

TEST_F(NannyTest, AWorkerProcessThatDiesIsStartedAgainAndStopsOnSigterm) {
  auto nanny = start({"/bin/sh", "-c", "echo born >&2; trap 'exit 0' TERM; while :; do sleep 0.05; done"});
  ASSERT_TRUE(nanny) << nanny.error().text;
  for (std::uint32_t life = 1; life <= 3; ++life) {
    ASSERT_TRUE(wait_output("born"));
    const int pid = nanny->worker_pid();
    ASSERT_GT(pid, 0);
    {
      const std::lock_guard lock(mutex);
      output.clear();
    }
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_output("born"));
    EXPECT_EQ(nanny->restarts(), life);
    EXPECT_NE(nanny->worker_pid(), pid);
  }
  nanny->stop();
  EXPECT_TRUE(nanny->wait_for(10s));
  EXPECT_EQ(nanny->worker_pid(), 0);
}

TEST_F(NannyTest, AWorkerProcessThatTakesTooMuchMemoryIsKilledAndStartedAgain) {
  // The first life grows, the second one sees the mark that it left.
  const auto mark = ::testing::TempDir() + "troupe-nanny-grown-" + std::to_string(::getpid());
  std::filesystem::remove(mark);
  auto nanny = start({"/bin/sh", "-c",
                      "trap 'exit 0' TERM; if [ -e " + mark + " ]; then echo modest >&2; else touch " + mark +
                          "; x=$(head -c 50000000 /dev/zero | tr '\\0' a); fi; while :; do sleep 0.05; done"},
                     20'000'000);
  ASSERT_TRUE(nanny) << nanny.error().text;
  EXPECT_TRUE(wait_output("modest"));
  EXPECT_EQ(nanny->restarts(), 1U);
  nanny->stop();
  EXPECT_TRUE(nanny->wait_for(10s));
  std::filesystem::remove(mark);
}

TEST_F(NannyTest, AWorkerProcessThatAsksForItIsStartedAgainAtOnce) {
  auto nanny = start({"/bin/sh", "-c", "echo born >&2; exit 75"});
  ASSERT_TRUE(nanny) << nanny.error().text;
  while (nanny->restarts() < 20) std::this_thread::yield();  // far apart, did they count as deaths
  nanny->stop();
  EXPECT_TRUE(nanny->wait_for(10s));
}

TEST_F(NannyTest, TheSchedulersEndEndsNannyAndWorkerProcess) {
  auto nanny = start({"/bin/sh", "-c", "echo born >&2; trap 'exit 0' TERM; while :; do sleep 0.05; done"});
  ASSERT_TRUE(nanny);
  ASSERT_TRUE(wait_output("born"));
  // Its session is there once the scheduler has answered somebody else who came later.
  ConnectOptions connect;
  connect.access = access;
  TestClient client(node, connect);
  ASSERT_TRUE(client.log.wait([&] { return client.log.ups == 1; }));
  scheduler->stop("closing time");
  EXPECT_TRUE(nanny->wait_for(10s));
}

TEST(ChildProcessTest, AChildGetsItsPageAndVariablesAndNoOtherDescriptor) {
  const int kept = ::open("/dev/null", 0);
  const int lost = ::open("/dev/null", 0);
  auto child =
      start_child({"/bin/sh", "-c", "ls /proc/self/fd >&2; echo $TROUPE_TEST >&2"}, {"TROUPE_TEST=seen"}, kept);
  ASSERT_TRUE(child) << child.error().text;
  std::string text;
  std::array<char, 256> space;
  for (;;) {
    const auto got = ::read(child->errors, space.data(), space.size());
    if (got == 0) break;
    if (got > 0) text.append(space.data(), static_cast<std::size_t>(got));
    if (got < 0) std::this_thread::yield();
  }
  EXPECT_THAT(text, ::testing::HasSubstr("seen"));
  EXPECT_THAT(text, ::testing::HasSubstr(std::to_string(kept) + "\n"));
  std::istringstream lines(text);
  std::string line;
  bool found_lost = false;
  while (std::getline(lines, line)) found_lost |= line == std::to_string(lost) && lost > 4;
  EXPECT_FALSE(found_lost);
  ::close(kept);
  ::close(lost);
  ::close(child->pidfd);
  ::close(child->errors);
}

TEST(AdoptNannyTest, AWorkerTakesOverWhatItsNannyLeft) {
  auto page = RunningPage::create();
  ASSERT_TRUE(page);
  ::setenv("TROUPE_RUNNING_FD", std::to_string(page->fd()).c_str(), 1);
  ::setenv("TROUPE_INCARNATION", "12345", 1);
  WorkerOptions options;
  adopt_nanny(options);
  EXPECT_TRUE(options.nannied);
  EXPECT_EQ(options.running_fd, page->fd());
  EXPECT_EQ(options.incarnation.value, 12345U);
  EXPECT_EQ(::getenv("TROUPE_INCARNATION"), nullptr);
  WorkerOptions alone;
  adopt_nanny(alone);
  EXPECT_FALSE(alone.nannied);
}

}  // namespace
}  // namespace troupe::testing
