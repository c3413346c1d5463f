#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/client_functions.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using namespace client_tests;
namespace fs = std::filesystem;

constexpr std::uint64_t mebibyte = 1U << 20;
constexpr std::int64_t block_doubles = 131'072;  // 1 MiB

/// A directory for the workers' files, which has to be empty in the end.
class MemoryTest : public ::testing::Test {
protected:
  ~MemoryTest() override { EXPECT_TRUE(spill_files().empty()) << "files were left behind"; }

  LocalClusterOptions options(unsigned workers, std::uint64_t memory_limit) {
    return {.workers = workers,
            .modules = {client_tests_module},
            .memory_limit = memory_limit,
            .local_directory = scratch_.path().string(),
            .log = [this](std::string_view line) {
              const std::lock_guard lock(mutex_);
              log_ += line;
              log_ += '\n';
            }};
  }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  [[nodiscard]] std::vector<fs::path> spill_files() const {
    std::vector<fs::path> result;
    std::error_code gone;  // files come and go
    for (auto it = fs::recursive_directory_iterator(scratch_.path(), gone);
         !gone && it != fs::recursive_directory_iterator(); it.increment(gone))
      if (it->path().extension() == ".spill") result.push_back(it->path());
    return result;
  }

  troupe::testing::TemporaryFolder scratch_;
  std::mutex mutex_;
  std::string log_;
};

std::uint64_t spilled_bytes(Client& client) {
  std::uint64_t sum = 0;
  const auto summary = client.scheduler_info();
  for (const auto& worker : summary->workers) sum += worker.spilled_bytes;
  return sum;
}

template <class Condition>
void wait_until(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(5ms);  // what the test waits for, not how long
}

TEST_F(MemoryTest, a_job_whose_live_data_is_four_times_the_memory_finishes_in_threads) {
  LocalCluster cluster(options(2, 16 * mebibyte));
  Client client(cluster);
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(128, block_doubles), counted(128));
  client.wait(blocks, 100s);
  EXPECT_FALSE(spill_files().empty());
  wait_until([&] { return spilled_bytes(client) > 0; });
  // Each is read once more, in another order than that in which they were made.
  auto turned = blocks;
  std::rotate(turned.begin(), turned.begin() + 50, turned.end());
  const auto sums = client.gather(client.map<total>(turned));
  for (std::size_t i = 0; i < sums.size(); ++i)
    ASSERT_EQ(sums[i], static_cast<double>((i + 50) % 128) * block_doubles) << i;
  // And by the client, straight from disk.
  EXPECT_EQ(blocks[0].get()[0], 0.0);
  EXPECT_EQ(blocks[127].get()[block_doubles - 1], 127.0);
}

TEST_F(MemoryTest, a_job_whose_live_data_is_four_times_the_memory_finishes_in_processes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer alone takes more memory than these workers may";
#endif
  auto wanted = options(2, 128 * mebibyte);
  wanted.processes = true;
  LocalCluster cluster(wanted);
  const auto pids = cluster.worker_pids();
  Client client(cluster);
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(256, 4 * block_doubles), counted(256));
  client.wait(blocks, 100s);
  EXPECT_FALSE(spill_files().empty());
  const auto sums = client.gather(client.map<total>(blocks));
  for (std::size_t i = 0; i < sums.size(); ++i) ASSERT_EQ(sums[i], static_cast<double>(i) * 4 * block_doubles) << i;
  EXPECT_EQ(blocks[3].get()[0], 3.0);
  EXPECT_EQ(cluster.worker_pids(), pids) << "a worker took too much memory and was killed";
}

TEST_F(MemoryTest, files_go_with_the_values_in_them) {
  LocalCluster cluster(options(1, 8 * mebibyte));
  Client client(cluster);
  {
    const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(32, block_doubles), counted(32));
    client.wait(blocks, 60s);
    EXPECT_FALSE(spill_files().empty());
  }
  wait_until([&] { return spill_files().empty(); });
}

TEST_F(MemoryTest, damaged_files_are_noticed_and_their_values_made_again) {
  LocalCluster cluster(options(2, 8 * mebibyte));
  Client client(cluster);
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(64, block_doubles), counted(64));
  client.wait(blocks, 60s);
  std::size_t damaged = 0;
  for (const auto& file : spill_files()) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(70);
    damaged += bytes.put('\x55').good() ? 1 : 0;
  }
  EXPECT_GT(damaged, 0U);
  const auto sums = client.gather(client.map<total>(blocks));
  for (std::size_t i = 0; i < sums.size(); ++i) ASSERT_EQ(sums[i], static_cast<double>(i) * block_doubles) << i;
  EXPECT_THAT(log(), ::testing::HasSubstr("is lost: "));
  EXPECT_THAT(log(), ::testing::HasSubstr("damaged: "));
}

TEST_F(MemoryTest, a_scattered_value_whose_only_copy_is_damaged_is_told_as_lost) {
  LocalCluster cluster(options(1, 8 * mebibyte));
  Client client(cluster);
  const auto value = client.scatter(std::vector<double>(block_doubles, 1.0));
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(32, block_doubles), counted(32));
  client.wait(blocks, 60s);
  for (const auto& file : spill_files()) std::ofstream(file, std::ios::trunc) << "short";
  const auto sum = client.submit<total>(value);
  ASSERT_NE(sum.exception(), nullptr);
  EXPECT_EQ(sum.exception()->kind, TaskError::Kind::lost);
}

TEST_F(MemoryTest, replicates_a_value_to_each_worker_and_keeps_it_there) {
  LocalCluster cluster(options(3, 0));
  Client client(cluster);
  const auto one = client.submit<block>(std::int64_t{1000});
  client.wait(std::vector{one});
  client.replicate(one);
  EXPECT_EQ(client.who_has(std::vector{one})[0].size(), 3U);
  const auto two = client.map<block>(std::vector<std::int64_t>(5, 1000));
  client.wait(two);
  client.replicate(two, {.copies = 2});
  for (const auto& holders : client.who_has(two)) EXPECT_EQ(holders.size(), 2U);
  const auto everywhere = client.scatter(std::vector<double>(10), {.broadcast = true});
  wait_until([&] { return client.who_has(std::vector{everywhere})[0].size() == 3; });
  EXPECT_THROW(client.replicate(one, {.branching = 0}), InvalidRequest);
}

TEST_F(MemoryTest, retires_a_worker_without_losing_or_repeating_anything) {
  LocalCluster cluster(options(3, 0));
  Client client(cluster);
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(60, 1000), counted(60));
  client.wait(blocks);
  EXPECT_EQ(client.retire_workers({"worker-1"}), std::vector<std::string>{"worker-1"});
  const auto summary = client.scheduler_info();
  EXPECT_EQ(summary->workers.size(), 2U);
  EXPECT_EQ(summary->finished, 60U);
  for (const auto& holders : client.who_has(blocks)) {
    ASSERT_FALSE(holders.empty());
    for (const auto& holder : holders) EXPECT_NE(holder.name, "worker-1");
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) ASSERT_EQ(blocks[i].get()[0], static_cast<double>(i));
  EXPECT_EQ(client.scheduler_info()->finished, 60U) << "something was computed again";
  EXPECT_EQ(client.retire_workers(1).size(), 1U);
  try {
    client.retire_workers(1);
    FAIL() << "the last worker with values was retired";
  } catch (const Failure& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no other worker"));
  }
  EXPECT_EQ(client.submit<slow_square>(3.0).get(), 9.0);
}

TEST_F(MemoryTest, restarts_worker_processes_with_nothing_left_and_the_named_ones_with_nothing_lost) {
  auto started = options(2, 0);
  started.processes = true;
  LocalCluster cluster(started);
  Client client(cluster);
  const auto before = cluster.worker_pids();
  const auto blocks = client.map<numbered_block>(std::vector<std::int64_t>(20, 1000), counted(20));
  client.wait(blocks);
  EXPECT_EQ(client.restart_workers({"worker-1"}), std::vector<std::string>{"worker-1"});
  EXPECT_EQ(cluster.worker_pids()[0], before[0]);
  EXPECT_NE(cluster.worker_pids()[1], before[1]);
  for (std::size_t i = 0; i < blocks.size(); ++i) ASSERT_EQ(blocks[i].get(60s)[0], static_cast<double>(i));
  EXPECT_GT(client.scheduler_info()->finished, 20U) << "what only the restarted one held was computed again";

  EXPECT_EQ(client.restart().size(), 2U);
  EXPECT_NE(cluster.worker_pids()[0], before[0]);
  for (const auto& block : blocks) {
    client.wait(std::vector{block}, 60s);
    EXPECT_EQ(block.status(), FutureStatus::cancelled);
  }
  EXPECT_EQ(client.submit<slow_square>(3.0).get(60s), 9.0);
}

TEST_F(MemoryTest, rebalances_what_lies_on_one_worker) {
  LocalCluster cluster(options(2, 0));
  Client client(cluster);
  const auto blocks = client.map<block>({.workers = {"worker-0"}}, std::vector<std::int64_t>(20, block_doubles));
  client.wait(blocks);
  client.rebalance();
  std::map<std::string, int> held;
  for (const auto& holders : client.who_has(blocks)) {
    ASSERT_EQ(holders.size(), 1U);
    ++held[holders[0].name];
  }
  EXPECT_NEAR(held["worker-0"], 10, 1);
  EXPECT_NEAR(held["worker-1"], 10, 1);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {client_tests_module});
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
