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
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace troupe
