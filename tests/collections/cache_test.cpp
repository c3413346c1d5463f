#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "troupe/delayed.hpp"

namespace cache_tests {

inline std::atomic<int> calls{0};
inline int twice(int x) {
  ++calls;
  return 2 * x;
}
inline int sum(int a, int b) {
  ++calls;
  return a + b;
}
inline std::string slow_text(int size) {
  ++calls;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  while (std::chrono::steady_clock::now() < until) {
  }
  return std::string(static_cast<std::size_t>(size), 'a');
}
inline std::string quick_text(int size) {
  ++calls;
  return std::string(static_cast<std::size_t>(size), 'b');
}

inline int refuse(int) { throw std::runtime_error("no"); }

}  // namespace cache_tests

TROUPE_MODULE(cache_tests_module, cache_tests::twice, cache_tests::sum, cache_tests::slow_text, cache_tests::quick_text,
              cache_tests::refuse);

namespace troupe {
namespace {

using namespace cache_tests;

const TaskOptions pure{.pure = true};

class CacheTest : public ::testing::TestWithParam<SchedulerKind> {
protected:
  CacheTest() { calls = 0; }
  ComputeOptions with(Cache& cache) { return {.scheduler = GetParam(), .cache = &cache}; }
};

TEST_P(CacheTest, a_pure_call_is_made_once_however_often_it_is_written) {
  Cache cache(1 << 20);
  for (int i = 0; i < 3; ++i) {
    const auto base = delayed<twice>(pure, 20);
    EXPECT_EQ(delayed<sum>(pure, base, delayed<twice>(pure, 1)).compute(with(cache)), 42);
  }
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(delayed<sum>(pure, delayed<twice>(pure, 20), 1).compute(with(cache)), 41);
  EXPECT_EQ(calls, 4) << "a part that is known is used";
  const auto counts = cache.counts();
  EXPECT_EQ(counts.misses, 4U);
  EXPECT_EQ(counts.hits, 3U) << "what stands behind a known value is not asked for";
  EXPECT_EQ(counts.values, 4U);
  cache.clear();
  EXPECT_EQ(delayed<twice>(pure, 20).compute(with(cache)), 40);
  EXPECT_EQ(calls, 5);
}

TEST_P(CacheTest, what_is_not_pure_is_made_each_time_and_so_is_what_depends_on_it) {
  Cache cache(1 << 20);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(delayed<sum>(pure, delayed<twice>(20), delayed<twice>(pure, 1)).compute(with(cache)), 42);
  EXPECT_EQ(calls, 5);
}

TEST_P(CacheTest, values_are_told_apart_by_who_they_are) {
  Cache cache(1 << 20);
  const auto one = delayed(1);
  EXPECT_EQ(delayed<twice>(pure, one).compute(with(cache)), 2);
  EXPECT_EQ(delayed<twice>(pure, one).compute(with(cache)), 2);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(delayed<twice>(pure, delayed(3)).compute(with(cache)), 6);
  EXPECT_EQ(calls, 2);
}

TEST_P(CacheTest, what_took_long_for_its_size_stays_and_what_is_too_large_never_comes_in) {
  Cache cache(100'000);
  ComputeScope scope(with(cache));
  (void)delayed<quick_text>(pure, 50'000).compute();
  (void)delayed<slow_text>(pure, 60'000).compute();
  (void)delayed<quick_text>(pure, 50'000).compute();
  (void)delayed<quick_text>(pure, 200'000).compute();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(cache.counts().evicted, 1U);
  EXPECT_EQ(cache.counts().values, 1U);
  EXPECT_EQ(delayed<slow_text>(pure, 60'000).compute().size(), 60'000U);
  EXPECT_EQ(calls, 4);
}

TEST_P(CacheTest, a_failure_is_named_as_without_a_cache) {
  Cache cache(1 << 20);
  (void)delayed<sum>(pure, delayed<twice>(pure, 20), 1).compute(with(cache));
  const auto broken = delayed<refuse>({.key = "broken"}, delayed<sum>(pure, delayed<twice>(pure, 20), 1));
  try {
    (void)delayed<twice>({.key = "after"}, broken).compute(with(cache));
    FAIL() << "it throws";
  } catch (const TaskFailed& failed) {
    EXPECT_EQ(failed.error().key, "broken");
    EXPECT_THAT(failed.what(), ::testing::HasSubstr("needed by after"));
  }
}

INSTANTIATE_TEST_SUITE_P(Schedulers, CacheTest, ::testing::Values(SchedulerKind::sync, SchedulerKind::threads),
                         [](const auto& each) { return std::string(name_of(each.param)); });

}  // namespace
}  // namespace troupe
