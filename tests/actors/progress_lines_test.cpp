#include "actors/progress_lines.hpp"

#include <iostream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ProgressLines::ByPrefix counts(std::size_t pending, std::size_t finished, std::size_t erred = 0) {
  Progress sum;
  sum.pending = pending;
  sum.finished = finished;
  sum.erred = erred;
  Progress load;
  load.finished = 4;
  return {{"load", load}, {"sum", sum}};
}

TEST(ProgressLines, a_terminal_has_a_line_for_each_prefix_with_rate_range_of_time_left_and_failures) {
  std::ostringstream out;
  const ProgressLines::Clock::time_point begin{};
  ProgressLines lines(out, begin, true);
  lines.show(counts(100, 0), begin);
  EXPECT_THAT(out.str(),
              AllOf(HasSubstr("load"), HasSubstr("100% 4/4"), HasSubstr("  0% 0/100"), Not(HasSubstr("/s"))));
  // Two a second at first, eight lately: of 50 that are left.
  lines.show(counts(90, 10), begin + 5s);
  out.str({});
  lines.show(counts(50, 48, 2), begin + 10s);
  EXPECT_THAT(out.str(), AllOf(testing::StartsWith("\x1b[2A"), HasSubstr("50% 50/100"), HasSubstr("8.0/s"),
                               HasSubstr("6 s - 10 s left"), HasSubstr("2 failed")));
  out.str({});
  lines.end(counts(0, 98, 2), begin + 12s);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("100% 100/100"), Not(HasSubstr("left"))));
}

TEST(ProgressLines, the_time_left_is_told_from_learnt_durations_before_any_has_ended) {
  std::ostringstream out;
  const ProgressLines::Clock::time_point begin{};
  ProgressLines lines(out, begin, true);
  lines.show(counts(100, 0), begin);
  EXPECT_THAT(out.str(), Not(HasSubstr("left")));
  // A second each, give or take 0.1, four at a time: 25 s, and twice the spread of a hundred of them, which is 1 s, to
  // both sides; at last if eight seconds of others' work go before.
  lines.learn({{"sum", 1e6, 1e5, 500, 100}, {"fit", 2e6, 0, 10, 4}, {"new", 0, 0, 0, 50}}, 4);
  out.str({});
  lines.show(counts(100, 0), begin + 1s);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("24 s - 28 s left"), Not(HasSubstr("/s"))));
}

TEST(ProgressLines, a_burst_does_not_promise_more_than_durations_allow_and_a_stop_has_an_end) {
  std::ostringstream out;
  const ProgressLines::Clock::time_point begin{};
  ProgressLines lines(out, begin, true);
  lines.learn({{"sum", 1e6, 0, 500, 60}}, 4);
  lines.show(counts(100, 0), begin);
  out.str({});
  lines.show(counts(60, 40), begin + 1s);  // 40 a second: would be 2 s
  EXPECT_THAT(out.str(), HasSubstr("40.0/s  15 s left"));
  for (int i = 2; i < 8; ++i) {
    out.str({});
    lines.show(counts(60, 40), begin + i * 1s);  // and then nothing for a while
  }
  EXPECT_THAT(out.str(), AllOf(HasSubstr("0.0/s  15 s left"), Not(HasSubstr("?"))));
}

TEST(ProgressLines, what_is_no_terminal_gets_the_end_alone) {
  std::ostringstream out;
  const ProgressLines::Clock::time_point begin{};
  ProgressLines lines(out, begin, false);
  lines.show(counts(100, 0), begin);
  EXPECT_EQ(out.str(), "");
  lines.end(counts(0, 100), begin + 1s);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("100% 100/100"), Not(HasSubstr("\x1b"))));
}

TEST(ProgressLines, nothing_is_written_to_a_standard_stream_that_is_piped) {
  testing::internal::CaptureStdout();
  const auto now = ProgressLines::Clock::now();
  ProgressLines lines(std::cout, now);
  lines.show(counts(100, 0), now);
  lines.end(counts(0, 100), now);
  EXPECT_FALSE(lines.visible());
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace troupe
