#include "runtime/exec/system_monitor.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "runtime/exec/nvml.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The library of the tests, loaded under the name that is looked for: whoever asks for that name has it, as long as this
/// lives.
class FakeNvml {
public:
  FakeNvml() : handle_(::dlopen(TROUPE_TEST_FAKE_NVML, RTLD_NOW | RTLD_LOCAL)) { EXPECT_NE(handle_, nullptr); }
  ~FakeNvml() { ::dlclose(handle_); }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;

private:
  void* handle_;
};

bool machine_has_nvml() {
  void* handle = ::dlopen("libnvidia-ml.so.1", RTLD_LAZY);
  if (handle != nullptr) ::dlclose(handle);
  return handle != nullptr;
}

constexpr std::uint64_t gigabyte = 1ULL << 30;

template <class Condition>
Surroundings last_with(const SystemMonitor& monitor, Condition condition) {
  for (;;) {
    if (auto seen = monitor.last(); condition(seen)) return seen;
    std::this_thread::yield();
  }
}

TEST(SystemMonitor, WhereThereIsNothingToLookAtThereIsNoThread) {
  if (machine_has_nvml()) GTEST_SKIP() << "this machine has NVIDIA's library";
  EXPECT_EQ(Nvml::load(), nullptr);
  EXPECT_EQ(SystemMonitor::start({}), nullptr);
}

TEST(SystemMonitor, TellsTheRoomOfTheFileSystemThatValuesGoTo) {
  const auto directory = std::filesystem::temp_directory_path();
  const auto monitor = SystemMonitor::start({.disk = directory, .own_process = true, .interval = 1ms});
  ASSERT_NE(monitor, nullptr);
  const auto seen = last_with(*monitor, [](const Surroundings& s) { return s.disk_total_bytes > 0; });
  const auto space = std::filesystem::space(directory);
  EXPECT_EQ(seen.disk_total_bytes, space.capacity);
  EXPECT_LE(seen.disk_free_bytes, space.capacity);
  EXPECT_GT(seen.disk_free_bytes, space.available / 2);
}

TEST(SystemMonitor, ADirectoryThatIsGoneHasNoRoomAndHarmsNobody) {
  const auto monitor = SystemMonitor::start({.disk = "/nonexistent/directory", .own_process = true, .interval = 1ms});
  ASSERT_NE(monitor, nullptr);
  EXPECT_EQ(monitor->last().disk_total_bytes, 0u);
}

TEST(SystemMonitor, TellsWhatTheDriverTellsOfEachProcessor) {
  const FakeNvml fake;
  const auto monitor = SystemMonitor::start({.disk = {}, .own_process = true, .interval = 1ms});
  ASSERT_NE(monitor, nullptr);
  const auto gpus = last_with(*monitor, [](const Surroundings& s) { return !s.gpus.empty(); }).gpus;
  EXPECT_THAT(gpus, ElementsAre(GpuFigures{"Fake One", 42, 4 * gigabyte, 16 * gigabyte, gigabyte},
                                GpuFigures{"Fake Two", -1, 0, 8 * gigabyte, 0}));
}

TEST(SystemMonitor, OfAProcessThatIsSharedNobodyIsSaidToUseTheMemory) {
  const FakeNvml fake;
  const auto monitor = SystemMonitor::start({.disk = {}, .own_process = false, .interval = 1ms});
  ASSERT_NE(monitor, nullptr);
  const auto gpus = last_with(*monitor, [](const Surroundings& s) { return !s.gpus.empty(); }).gpus;
  EXPECT_EQ(gpus.at(0).memory_own, 0u);
  EXPECT_EQ(gpus.at(0).memory_used, 4 * gigabyte);
}

TEST(SystemMonitor, ProcessorsThatAreHiddenFromTheProcessAreNotShown) {
  const FakeNvml fake;
  ::setenv("CUDA_VISIBLE_DEVICES", "1", 1);
  const auto nvml = Nvml::load();
  ASSERT_NE(nvml, nullptr);
  EXPECT_TRUE(nvml->open());
  EXPECT_THAT(nvml->read(true), SizeIs(1));
  EXPECT_EQ(nvml->read(true).at(0).name, "Fake Two");
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1);
  EXPECT_FALSE(Nvml::load()->open());
  ::unsetenv("CUDA_VISIBLE_DEVICES");
}

TEST(VisibleGpus, AreNamedByNumberOrByTheBeginningOfTheirName) {
  const std::vector<std::string> names{"GPU-11-22", "GPU-33-44", "GPU-55-66"};
  EXPECT_THAT(visible_gpus(nullptr, names), ElementsAre(0, 1, 2));
  EXPECT_THAT(visible_gpus("2, 0", names), ElementsAre(2, 0));
  EXPECT_THAT(visible_gpus("GPU-33,GPU-11-22", names), ElementsAre(1, 0));
  EXPECT_THAT(visible_gpus("", names), IsEmpty());
  EXPECT_THAT(visible_gpus("-1", names), IsEmpty());
  EXPECT_THAT(visible_gpus("1,7,0", names), ElementsAre(1)) << "up to the first that is none";
  EXPECT_THAT(visible_gpus("NoDevFiles", names), IsEmpty());
  EXPECT_THAT(visible_gpus("99999999999999999999", names), IsEmpty());
}

}  // namespace
}  // namespace troupe
