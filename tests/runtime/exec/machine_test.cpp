#include "runtime/exec/machine.hpp"

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// A system made of files.
class MachineTest : public testing::Test {
protected:
  MachineTest() : root_(fs::temp_directory_path() / fmt::format("troupe_machine_{}", ::getpid())) {}
  ~MachineTest() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }
  fs::path root_;
};

TEST_F(MachineTest, without_control_groups_all_memory_of_the_machine_is_available) {
  EXPECT_EQ(available_memory(root_), static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST_F(MachineTest, the_least_limit_of_a_group_and_those_above_it_counts_in_version_2) {
  write("proc/self/cgroup", "0::/user.slice/job/step");
  write("sys/fs/cgroup/user.slice/memory.max", "max");
  write("sys/fs/cgroup/user.slice/job/memory.max", "1000000");
  write("sys/fs/cgroup/user.slice/job/step/memory.max", "2000000");
  EXPECT_EQ(available_memory(root_), 1'000'000U);
}

TEST_F(MachineTest, the_memory_controller_counts_in_version_1) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/other\n4:memory:/job");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "3000000");
  EXPECT_EQ(available_memory(root_), 3'000'000U);
}

TEST_F(MachineTest, inside_a_container_the_limit_stands_at_the_top) {
  write("proc/self/cgroup", "0::/../../host/path");
  write("sys/fs/cgroup/memory.max", "4000000");
  EXPECT_EQ(available_memory(root_), 4'000'000U);
}

TEST_F(MachineTest, without_control_groups_those_cpus_count_that_the_process_is_bound_to) {
  cpu_set_t all;
  CPU_ZERO(&all);
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(available_cpus(root_), static_cast<unsigned>(CPU_COUNT(&all)));
  write("proc/self/cgroup", "0::/job");
  write("sys/fs/cgroup/job/cpu.max", "max 100000");
  EXPECT_EQ(available_cpus(root_), static_cast<unsigned>(CPU_COUNT(&all)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cpus(root_), 1U);
  EXPECT_EQ(::sched_setaffinity(0, sizeof all, &all), 0);
}

TEST_F(MachineTest, the_time_that_a_group_or_one_above_it_may_take_of_cpus_counts_in_version_2) {
  write("proc/self/cgroup", "0::/user.slice/job/step");
  write("sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000");
  write("sys/fs/cgroup/user.slice/job/step/cpu.max", "900000 100000");
  EXPECT_EQ(available_cpus(root_), 1U);
}

TEST_F(MachineTest, the_time_that_a_group_may_take_of_cpus_counts_in_version_1) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/other");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "80000");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(available_cpus(root_), 1U);
}

}  // namespace
}  // namespace troupe
