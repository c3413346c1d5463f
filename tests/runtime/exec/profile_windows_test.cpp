#include "runtime/exec/profile_windows.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <numeric>
#include <thread>

#include "runtime/exec/continuous_profiler.hpp"
#include "runtime/exec/pool.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t second = 1'000'000'000;

ProfileWindows::Stack stack_of(std::string prefix, std::initializer_list<std::uintptr_t> places) {
  ProfileWindows::Stack stack{std::move(prefix), {}};
  for (const auto place : places) stack.places.push_back(reinterpret_cast<const void*>(place));
  return stack;
}

std::uint64_t samples_of(const ProfileWindows& windows, std::int64_t from_ns, std::int64_t to_ns,
                         const std::string& prefix = {}) {
  std::uint64_t sum = 0;
  for (const auto& [stack, samples] : windows.stacks(from_ns, to_ns, prefix)) sum += samples;
  return sum;
}

TEST(ProfileWindows, counts_equal_stacks_as_one_by_window_and_prefix) {
  ProfileWindows windows(second);
  const auto a = windows.number_of(stack_of("load", {1, 2}));
  const auto b = windows.number_of(stack_of("sum", {1, 2}));
  EXPECT_EQ(windows.number_of(stack_of("load", {1, 2})), a);
  windows.add(a, 100 * second + 1);
  windows.add(a, 100 * second + 2);
  windows.add(b, 101 * second);
  const auto all = windows.windows({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].begin_ns, 100 * second);
  EXPECT_EQ(all[0].samples, 2U);
  EXPECT_EQ(all[1].samples, 1U);
  EXPECT_EQ(windows.windows("sum").size(), 1U);
  EXPECT_EQ(windows.stacks(0, 200 * second, "load").at(0).second, 2U);
  EXPECT_THAT(windows.stacks(101 * second, 102 * second, "load"), IsEmpty());
  EXPECT_EQ(samples_of(windows, 100 * second, 101 * second), 2U) << "a window begins in it, or ends in it";
  EXPECT_EQ(samples_of(windows, 100 * second, 101 * second + 1), 3U);
}

TEST(ProfileWindows, time_in_which_nothing_was_seen_takes_no_window) {
  ProfileWindows windows(second);
  const auto a = windows.number_of(stack_of("a", {1}));
  windows.add(a, 100 * second);
  windows.add(a, 900 * second);
  EXPECT_EQ(windows.windows({}).size(), 2U);
}

TEST(ProfileWindows, what_is_old_is_merged_and_then_forgotten) {
  ProfileWindows windows(second);
  const auto a = windows.number_of(stack_of("a", {1}));
  const auto b = windows.number_of(stack_of("b", {2}));
  constexpr std::int64_t seconds = 5000;
  for (std::int64_t i = 0; i < seconds; ++i) {
    windows.add(a, i * second);
    if (i % 2 == 0) windows.add(b, i * second + 1);
  }
  const auto all = windows.windows({});
  EXPECT_LE(all.size(), ProfileWindows::recent_max + ProfileWindows::older_max + 1);
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i].begin_ns, all[i - 1].begin_ns + all[i - 1].length_ns);
  EXPECT_EQ(all.front().length_ns, ProfileWindows::merged * second);
  EXPECT_EQ(all.back().length_ns, second);
  EXPECT_EQ(all[1].samples, 15U) << "ten seconds of one, and five looks at the other";
  EXPECT_GE(all.front().begin_ns, (seconds - 3600 - 20) * second) << "an hour is kept";
  EXPECT_LE(all.front().begin_ns, (seconds - 3500) * second);
  EXPECT_EQ(samples_of(windows, (seconds - 100) * second, seconds * second, "a"), 100U);
  EXPECT_EQ(samples_of(windows, 0, 1000 * second), 0U);
}

TEST(ProfileWindows, stacks_that_no_window_counts_any_more_make_room_for_others) {
  ProfileWindows windows(second);
  for (std::uintptr_t i = 0; i < ProfileWindows::stacks_max; ++i)
    windows.add(windows.number_of(stack_of("old", {i + 1})), second);
  EXPECT_EQ(windows.stack_count(), ProfileWindows::stacks_max);
  const auto kept = windows.number_of(stack_of("old", {7}));
  for (std::int64_t i = 0; i < 4000; ++i) windows.add(kept, (10 + i) * second);
  const auto before = windows.generation();
  const auto fresh = windows.number_of(stack_of("new", {99}));
  EXPECT_NE(windows.generation(), before) << "numbers are others now";
  EXPECT_EQ(windows.stack_count(), 2U);
  windows.add(fresh, 4010 * second);
  EXPECT_EQ(windows.stacks(4010 * second, 4011 * second, {}).at(0).first, stack_of("new", {99}));
  EXPECT_EQ(windows.stacks(4000 * second, 4001 * second, {}).at(0).first, stack_of("old", {7}));
}

TEST(ProfileWindows, where_all_stacks_count_the_next_are_told_by_their_prefix_alone) {
  ProfileWindows windows(second);
  for (std::uintptr_t i = 0; i < 2 * ProfileWindows::stacks_max; ++i)
    windows.add(windows.number_of(stack_of("deep", {i + 1, i + 2})), second + static_cast<std::int64_t>(i));
  EXPECT_LE(windows.stack_count(), ProfileWindows::stacks_max + 1);
  EXPECT_EQ(samples_of(windows, 0, 2 * second), 2 * ProfileWindows::stacks_max) << "none is lost";
  EXPECT_THAT(windows.stacks(0, 2 * second, "deep"),
              Contains(::testing::Pair(stack_of("deep", {}), ProfileWindows::stacks_max)));
}

// ---- the thread that looks ---------------------------------------------------------------------------------------

std::atomic<bool> over{false};
std::atomic<int> at_work{0};

__attribute__((noinline)) void burn_here() {
  ++at_work;
  while (!over.load(std::memory_order_relaxed)) {
  }
  --at_work;
}
__attribute__((noinline)) void sleep_here() {
  ++at_work;
  while (!over.load(std::memory_order_relaxed)) std::this_thread::sleep_for(50ms);
  --at_work;
}

const ResolvedFunction burning{"m::burn", "i32()", [](CallFrame& frame) noexcept {
                                 burn_here();
                                 frame.result = Value::make(1);
                               }};
const ResolvedFunction sleeping{"m::sleep", "i32()", [](CallFrame& frame) noexcept {
                                  sleep_here();
                                  frame.result = Value::make(1);
                                }};

class Working {
public:
  Working() : pool_(two_threads()) { over = false; }
  ~Working() { over = true; }
  void run(const ResolvedFunction& function, std::string prefix) {
    const int before = at_work.load();
    Job& job = pool_.acquire();
    job.task = TaskId::of(5, static_cast<std::uint32_t>(before));
    job.run = RunId{1};
    job.function = &function;
    if (!prefix.empty()) {
      TaskTemplate tmpl;
      tmpl.prefix = std::move(prefix);
      job.tmpl = std::make_shared<const TaskTemplate>(std::move(tmpl));
    }
    pool_.submit(job);
    while (at_work.load() == before) std::this_thread::yield();
  }
  Pool& pool() { return pool_; }

private:
  static PoolConfig two_threads() {
    PoolConfig config;
    config.threads = 2;
    return config;
  }
  Pool pool_;
};

/// Asks until so much was seen of a prefix.
ProfilePast seen_often(ContinuousProfiler& profiler, const std::string& prefix, std::uint64_t least) {
  for (;;) {
    ProfilePastRequest request;
    request.prefix = prefix;
    ProfilePast past = profiler.past(request);
    std::uint64_t samples = 0;
    for (const auto& stack : past.stacks) samples += stack.samples;
    if (samples >= least) return past;
    std::this_thread::yield();
  }
}

TEST(ContinuousProfiler, sees_what_runs_by_prefix_whether_it_computes_or_waits) {
  Working working;
  auto profiler = ContinuousProfiler::start(working.pool(), {.interval = 2ms, .cycle = 100ms});
  ASSERT_TRUE(profiler) << profiler.error().text;
  working.run(burning, "");
  working.run(sleeping, "nap-of-mine");
  const auto burnt = seen_often(**profiler, "burn", 20);
  EXPECT_EQ(burnt.interval_us, 2000U);
  EXPECT_EQ(burnt.cycle_us, 100'000U);
  ASSERT_FALSE(burnt.windows.empty());
  ASSERT_EQ(burnt.stacks.size(), 1U) << "however far the function was, it is the same one";
  EXPECT_EQ(burnt.stacks[0].prefix, "burn") << "without a prefix, the function's name";
  EXPECT_THAT(burnt.stacks[0].frames.back(), ::testing::HasSubstr("burn_here"));
  const auto slept = seen_often(**profiler, "nap-of-mine", 20);
  EXPECT_THAT(slept.stacks[0].frames, Contains(::testing::HasSubstr("sleep_here")));
}

TEST(ContinuousProfiler, tells_of_the_past_that_is_asked_for) {
  Working working;
  auto profiler = ContinuousProfiler::start(working.pool(), {.interval = 2ms, .cycle = 100ms});
  ASSERT_TRUE(profiler);
  working.run(burning, "");
  seen_often(**profiler, "burn", 5);
  EXPECT_THAT((*profiler)->past({10'000'000'000, 9'000'000'000, {}}).stacks, IsEmpty())
      << "that long ago there was nothing";
  EXPECT_FALSE((*profiler)->past({10'000'000'000, 9'000'000'000, {}}).windows.empty()) << "but all windows are told";
  EXPECT_THAT((*profiler)->past({10'000'000, 0, "another"}).stacks, IsEmpty());
  EXPECT_FALSE((*profiler)->past({UINT64_MAX, 0, "burn"}).stacks.empty());
}

TEST(ContinuousProfiler, is_refused_where_the_program_handles_the_signal) {
  Working working;
  struct sigaction own {};
  struct sigaction before {};
  own.sa_handler = [](int) {};
  ::sigaction(SIGURG, &own, &before);
  EXPECT_FALSE(ContinuousProfiler::start(working.pool(), {}));
  ::sigaction(SIGURG, &before, nullptr);
}

}  // namespace
}  // namespace troupe
