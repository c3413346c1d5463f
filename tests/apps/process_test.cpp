#include "apps/process.hpp"

#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace troupe::apps {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ChildProcess shell(const std::string& script, const ChildOptions& options = {}) {
  auto child = ChildProcess::start({"/bin/sh", "-c", script}, options);
  EXPECT_TRUE(child) << (child ? "" : child.error().text);
  return std::move(*child);
}

TEST(ChildProcess, gives_its_lines_and_its_exit_status) {
  auto child = shell("echo one; printf 'two\\nrest'; exit 7");
  EXPECT_EQ(child.read_line(seconds(10)), "one");
  EXPECT_EQ(child.read_line(seconds(10)), "two");
  EXPECT_EQ(child.read_line(seconds(10)), std::nullopt);
  EXPECT_EQ(child.wait(seconds(10)), 7);
  EXPECT_EQ(child.wait(seconds(10)), 7) << "asked again, it says the same";
}

TEST(ChildProcess, dies_of_a_signal_as_a_shell_shows_it) {
  auto child = shell("echo up; exec tail -f /dev/null");
  EXPECT_EQ(child.read_line(seconds(10)), "up");
  EXPECT_EQ(child.wait(milliseconds(1)), std::nullopt);
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(seconds(10)), 128 + SIGTERM);
}

TEST(ChildProcess, is_killed_when_it_does_not_stop_when_asked) {
  auto child = shell("trap '' TERM; echo up; while :; do tail -f /dev/null; done");
  EXPECT_EQ(child.read_line(seconds(10)), "up");
  EXPECT_EQ(child.stop(milliseconds(50)), 128 + SIGKILL);
}

TEST(ChildProcess, gets_variables_beside_ours_and_no_blocked_signals) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  auto child = shell("echo \"$TROUPE_TEST_VARIABLE\"; grep SigBlk /proc/self/status",
                     {.environment = {{"TROUPE_TEST_VARIABLE", "a b"}}});
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  EXPECT_EQ(child.read_line(seconds(10)), "a b");
  EXPECT_EQ(child.read_line(seconds(10)), "SigBlk:\t0000000000000000");
}

TEST(ChildProcess, gets_no_open_file_of_ours) {
  const int ours = ::dup2(STDERR_FILENO, 77);
  ASSERT_EQ(ours, 77);
  auto child = shell("ls /proc/$$/fd | grep -cx 77");
  EXPECT_EQ(child.read_line(seconds(10)), "0");
  ::close(ours);
}

TEST(ChildProcess, a_program_that_is_not_there_is_an_error) {
  const auto child = ChildProcess::start({"/nowhere/program"});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().text, "/nowhere/program: No such file or directory");
}

TEST(Usage, of_a_process_counts_its_time_and_memory) {
  const auto before = cpu_time(::getpid());
  volatile std::uint64_t sum = 0;
  while (cpu_time(::getpid()) - before < milliseconds(20)) sum = sum + 1;
  EXPECT_GE(cpu_time(::getpid()), before + milliseconds(20));
  const auto memory = resident_memory(::getpid());
  EXPECT_GT(memory.now, 1'000'000U);
  EXPECT_GE(memory.peak, memory.now / 2);
  auto child = shell("exit 0");
  EXPECT_EQ(child.wait(seconds(10)), 0);
  EXPECT_EQ(cpu_time(child.pid()).count(), 0) << "it is gone";
}

}  // namespace
}  // namespace troupe::apps
