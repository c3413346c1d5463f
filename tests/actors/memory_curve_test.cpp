#include "actors/memory_curve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::uint64_t mib = 1U << 20;
constexpr Instant begin{1'000'000'000'000};

TEST(MemoryCurve, has_nothing_to_tell_of_what_was_not_measured) {
  MemoryCurve curve;
  EXPECT_EQ(curve.text(begin), "");
  curve.add(mib, begin);
  curve.clear();
  EXPECT_EQ(curve.text(begin), "");
}

TEST(MemoryCurve, tells_the_last_minute_in_a_few_figures_with_the_largest_and_the_last) {
  MemoryCurve curve;
  for (int i = 0; i < 1000; ++i) curve.add(i == 900 ? 500 * mib : 10 * mib, begin + i * 100ms);
  curve.add(20 * mib, begin + 100s);
  const auto text = curve.text(begin + 100s);
  EXPECT_THAT(text, AllOf(StartsWith("memory of the process: 10.0 MiB "), HasSubstr("500.0 MiB 10.0 s before its end"),
                          EndsWith(", 20.0 MiB 0.0 s before its end\n")));
  EXPECT_LE(std::count(text.begin(), text.end(), ','), 10);
  EXPECT_THAT(text, Not(HasSubstr("100.0 s before")));
}

TEST(MemoryCurve, keeps_what_came_just_before_the_end) {
  MemoryCurve curve;
  for (int i = 0; i < 5; ++i) curve.add((i + 1) * mib, begin + i * 100ms);
  EXPECT_EQ(curve.text(begin + 500ms),
            "memory of the process: 1.0 MiB 0.5 s before its end, 5.0 MiB 0.1 s before its end\n");
}

}  // namespace
}  // namespace troupe
