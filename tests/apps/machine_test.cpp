#include "apps/machine.hpp"

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace troupe::apps {
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

}  // namespace
}  // namespace troupe::apps
