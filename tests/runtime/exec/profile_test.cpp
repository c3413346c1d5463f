#include "runtime/exec/profile.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "runtime/exec/pool.hpp"
#include "runtime/exec/sampler.hpp"
#include "runtime/exec/symbols.hpp"

namespace profiled {

std::atomic<bool> stop{false};
std::atomic<int> spinning{0};

/// Not inlined, and not the last thing that the caller does: it is to be seen in stacks.
__attribute__((noinline)) void spin_here() {
  ++spinning;
  while (!stop.load(std::memory_order_relaxed)) {
  }
  --spinning;
}
__attribute__((noinline)) int spin() {
  spin_here();
  return spinning.load();
}

template <class A, class B>
__attribute__((noinline)) int of_many(A a, B b) {
  return static_cast<int>(a) + static_cast<int>(b) + spinning.load();
}

}  // namespace profiled

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;

void spin_thunk(CallFrame& frame) noexcept { frame.result = Value::make(profiled::spin()); }

const ResolvedFunction spinning{"profiled::spin", "i32()", &spin_thunk};

/// A pool with so many threads that spin until the end of the test.
class Profiled {
public:
  explicit Profiled(int tasks) : pool_(three_threads()) {
    profiled::stop = false;
    for (int i = 0; i < tasks; ++i) {
      Job& job = pool_.acquire();
      job.task = TaskId::of(5, static_cast<std::uint32_t>(i));
      job.run = RunId{1};
      job.function = &spinning;
      pool_.submit(job);
    }
    while (profiled::spinning.load() < tasks) std::this_thread::yield();
  }
  ~Profiled() { profiled::stop = true; }
  Pool& pool() { return pool_; }

private:
  static PoolConfig three_threads() {
    PoolConfig config;
    config.threads = 3;
    return config;
  }
  Pool pool_;
};

TEST(Profile, shows_where_each_running_task_is) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer puts signals off, and answers them elsewhere";
#endif
  Profiled profiled(2);
  const auto stacks = running_stacks(profiled.pool());
  ASSERT_TRUE(stacks) << stacks.error().text;
  ASSERT_EQ(stacks->size(), 2U) << "the third thread runs nothing";
  for (const auto& stack : *stacks) {
    EXPECT_EQ(stack.function, "profiled::spin");
    EXPECT_EQ(TaskId{stack.task}.group(), 5U);
    EXPECT_EQ(stack.run, 1U);
    ASSERT_GE(stack.frames.size(), 2U) << ::testing::PrintToString(stack.frames);
    EXPECT_EQ(stack.frames.back(), "profiled::spin_here") << ::testing::PrintToString(stack.frames);
    EXPECT_EQ(stack.frames[stack.frames.size() - 2], "profiled::spin");
  }
  EXPECT_NE((*stacks)[0].task, (*stacks)[1].task);
}

TEST(Profile, finds_the_function_that_a_task_spends_its_time_in) {
  Profiled profiled(1);
  const std::atomic<bool> never{false};
  const auto profile = take_profile(profiled.pool(), {.duration = 200ms, .interval = 5ms}, never);
  ASSERT_TRUE(profile) << profile.error().text;
  EXPECT_GE(profile->duration_us, 200'000U);
  EXPECT_GT(profile->looks, 0U);
  ASSERT_FALSE(profile->stacks.empty());
  EXPECT_EQ(profile->stacks.front().function, "profiled::spin");
  EXPECT_THAT(profile->stacks.front().frames, Contains("profiled::spin_here"));
  std::uint64_t samples = 0;
  for (const auto& stack : profile->stacks) samples += stack.samples;
  EXPECT_LE(samples, profile->looks) << "one thread is seen once a look";
  const auto other = take_profile(profiled.pool(), {.duration = 20ms, .interval = 5ms, .function = "another"}, never);
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->stacks.empty());
}

TEST(Profile, ends_early_when_it_is_told_to) {
  Profiled profiled(1);
  const std::atomic<bool> stopped{true};
  const auto profile = take_profile(profiled.pool(), {.duration = 1h, .interval = 5ms}, stopped);
  ASSERT_TRUE(profile);
  EXPECT_LT(profile->duration_us, 60'000'000U);
}

TEST(Sampler, leaves_a_program_alone_that_handles_the_signal_itself) {
  struct sigaction own {};
  struct sigaction before {};
  own.sa_handler = [](int) {};
  ::sigaction(SIGURG, &own, &before);
  const auto sampler = Sampler::open();
  ASSERT_FALSE(sampler);
  EXPECT_THAT(sampler.error().text, ::testing::HasSubstr("SIGURG"));
  ::sigaction(SIGURG, &before, nullptr);
  { EXPECT_TRUE(Sampler::open()); }
  struct sigaction after {};
  ::sigaction(SIGURG, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL) << "nothing stays behind";
}

TEST(Symbols, a_function_is_named_as_in_the_source_and_what_is_none_by_its_place) {
  Symbols symbols;
  EXPECT_EQ(symbols.name_of(reinterpret_cast<const void*>(&profiled::spin)), "profiled::spin");
  EXPECT_EQ(symbols.name_of(reinterpret_cast<const void*>(&profiled::of_many<int, char>)),
            "profiled::of_many<int, char>");
  EXPECT_EQ(symbols.name_of(nullptr), "0x0");
}

}  // namespace
}  // namespace troupe
