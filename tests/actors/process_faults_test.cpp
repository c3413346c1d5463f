#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.hpp"
#include "troupe/troupe.hpp"

namespace fault_tests {

inline std::uint64_t leaf(std::uint64_t x) { return x; }
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a + b; }
inline int abort_now(int) { std::abort(); }
inline int fault_now(int signal) {
  ::raise(signal);
  return signal;
}
inline int pid() { return ::getpid(); }
/// Appears in the file system when it starts, and ends when `gate` is there.
inline int wait_for_file(const std::string& started, const std::string& gate) {
  std::ofstream{started + "." + std::to_string(::getpid())};
  while (!std::filesystem::exists(gate) && !troupe::this_task::stop_requested())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return ::getpid();
}

}  // namespace fault_tests

TROUPE_MODULE(fault_tests_module, fault_tests::leaf, fault_tests::add, fault_tests::abort_now, fault_tests::fault_now,
              fault_tests::pid, fault_tests::wait_for_file);

/// Listed by nobody who works here.
namespace elsewhere {
inline int unknown(int x) { return x; }
}  // namespace elsewhere
TROUPE_MODULE(elsewhere_module, elsewhere::unknown);

namespace troupe {
namespace {

using namespace std::chrono_literals;
using namespace fault_tests;

/// A cluster of real worker processes, and real signals.
class ProcessFaults : public ::testing::Test {
protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.path(name); }

  /// The process that runs wait_for_file(), once it does.
  [[nodiscard]] int runner_of(const std::string& started) const {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(started + ".")) return std::stoi(name.substr(started.size() + 1));
      }
      std::this_thread::yield();
    }
    ADD_FAILURE() << "the task did not start";
    return 0;
  }

  troupe::testing::TemporaryFolder folder_;
};

TEST_F(ProcessFaults, a_worker_killed_in_the_middle_of_a_tree_changes_no_result) {
  LocalCluster cluster({.workers = 3, .processes = true, .modules = {fault_tests_module}});
  Client client(cluster);
  auto leaves = [&] {
    std::vector<std::uint64_t> numbers(30'000);
    std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
    return client.map<leaf>(numbers);
  }();
  // Half of the leaves have values when their worker dies.
  client.wait(std::vector(leaves.begin(), leaves.begin() + 15'000));
  auto total = client.reduce<add>(leaves);
  ASSERT_EQ(::kill(cluster.worker_pids().front(), SIGKILL), 0);
  EXPECT_EQ(total.get(60s), std::uint64_t{30'000} * 29'999 / 2);
}

TEST_F(ProcessFaults, a_task_that_kills_its_workers_fails_after_three_and_the_rest_goes_on) {
  LocalCluster cluster({.workers = 2, .processes = true, .modules = {fault_tests_module}});
  Client client(cluster);
  auto poison = client.submit<abort_now>(1);
  auto fault = client.submit<fault_now>(SIGSEGV);
  auto others = client.map<leaf>(std::vector<std::uint64_t>(2'000, 7));
  for (const auto* future : {&poison, &fault}) {
    try {
      (void)future->get(90s);
      FAIL() << "a task that kills its worker cannot finish";
    } catch (const TaskFailed& failed) {
      EXPECT_EQ(failed.error().kind, TaskError::Kind::killed) << failed.what();
      EXPECT_THAT(failed.error().function, ::testing::HasSubstr("_now"));
      EXPECT_THAT(failed.what(), ::testing::HasSubstr("memory of the process: ")) << "what its nanny saw";
    }
  }
  for (const auto value : client.gather(others)) ASSERT_EQ(value, 7U);
  EXPECT_EQ(client.submit<add>(std::uint64_t{1}, std::uint64_t{2}).get(60s), 3U) << "workers were replaced";
}

TEST_F(ProcessFaults, a_function_that_no_worker_knows_waits_for_one_and_says_so) {
  LocalCluster cluster({.workers = 1, .processes = true, .modules = {fault_tests_module}});
  Client client(cluster);
  auto lost = client.submit<elsewhere::unknown>(1);
  EXPECT_EQ(client.submit<add>(std::uint64_t{1}, std::uint64_t{2}).get(30s), 3U) << "others are not harmed";
  EXPECT_EQ(lost.status(), FutureStatus::pending);
  const auto explanation = client.explain(lost);
  EXPECT_EQ(explanation.code, "module-missing");
  EXPECT_THAT(explanation.lines,
              ::testing::Contains(::testing::HasSubstr("no worker has this build of the module 'elsewhere_module'")));
}

TEST_F(ProcessFaults, work_of_a_stopped_worker_is_done_elsewhere_and_when_it_goes_on_it_is_not_believed) {
  LocalCluster cluster({.workers = 2, .processes = true, .modules = {fault_tests_module}});
  Client client(cluster);
  auto held = client.submit<wait_for_file>(path("started"), path("gate"));
  const int stopped = runner_of("started");
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  std::ofstream{path("gate")};  // whoever runs it next ends at once
  const auto start = std::chrono::steady_clock::now();
  const int runner = held.get(60s);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_NE(runner, stopped);
  EXPECT_LT(took, 35s) << "a stopped worker is noticed in time";
  ASSERT_EQ(::kill(stopped, SIGCONT), 0);
  EXPECT_EQ(held.get(10s), runner) << "what the stopped one says of it comes too late";
  const auto values = client.gather(client.map<leaf>(std::vector<std::uint64_t>(1'000, 5)));
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), std::uint64_t{0}), 5'000U);
}

TEST_F(ProcessFaults, a_client_that_is_killed_leaves_the_cluster_to_the_others) {
  LocalCluster cluster(
      {.workers = 1, .modules = {fault_tests_module}, .listen = true, .access_file = path("access.json")});
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const pid_t other = ::fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    ::execl(program.c_str(), program.c_str(), "--submit-and-hang", path("access.json").c_str(), path("told").c_str(),
            nullptr);
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!std::filesystem::exists(path("told")) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ASSERT_TRUE(std::filesystem::exists(path("told")));
  ASSERT_EQ(::kill(other, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  Client client(cluster);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(client.submit<add>(std::uint64_t{20}, std::uint64_t{3}).get(20s), 23U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

/// What the killed client was: it submits, tells so, and waits to be killed.
int submit_and_hang(const char* access_file, const char* told) {
  Client client("", {.access_file = access_file});
  auto futures = client.map<leaf>(std::vector<std::uint64_t>(1'000, 1));
  client.wait(futures);
  std::ofstream{told};
  for (;;) ::pause();
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {fault_tests_module});
  if (argc == 4 && std::string(argv[1]) == "--submit-and-hang") return troupe::submit_and_hang(argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
