#include "monitoring/worker_log.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace troupe::monitoring {
namespace {

LogLine line(std::string text) { return {0, 0, 1, std::move(text), {}}; }

TEST(WorkerLog, takes_the_last_ten_lines_of_a_message_and_five_hundred_bytes_of_each) {
  WorkerLog log;
  std::vector<LogLine> lines;
  for (int i = 0; i < 12; ++i) lines.push_back(line(std::to_string(i) + std::string(64 << 10, 'x')));
  lines.back().text.assign(499, 'y').append("\u20ac");
  log.add({1}, lines);
  const auto kept = log.since(0, 100);
  ASSERT_EQ(kept.size(), 10U);
  EXPECT_EQ(kept[0].seq, 1U);
  EXPECT_EQ(kept[0].line.text, "2" + std::string(499, 'x'));
  EXPECT_EQ(kept[9].line.text, std::string(499, 'y')) << "no character is cut in two";
}

TEST(WorkerLog, lets_the_oldest_go_when_all_are_too_many_bytes) {
  WorkerLog log;
  LogLine one = line("words");
  one.about.span.name = std::string(60'000, 's');
  one.about.event = std::string(40'000, 'e');
  for (int i = 0; i < 100; ++i) log.add({1}, {one});
  const auto kept = log.since(0, 1000);
  EXPECT_EQ(kept.size(), WorkerLog::bytes_max / 100'005);
  EXPECT_EQ(kept.back().seq, 100U);
  EXPECT_EQ(log.since(99, 10).size(), 1U);
  for (int i = 0; i < 20'000; ++i) log.add({1}, {line("x")});
  EXPECT_EQ(log.since(0, 20'000).size(), WorkerLog::lines_max);
}

}  // namespace
}  // namespace troupe::monitoring
