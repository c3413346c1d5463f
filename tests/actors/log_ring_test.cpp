#include "actors/log_ring.hpp"

#include <string>

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(LogRing, all_text_of_its_lines_counts) {
  LogRing ring;
  const std::string name(64 << 10, 'n');
  for (int i = 0; i < 100; ++i) ring.add(1, {{}, {}, {name, {}}, "said"}, "x");
  EXPECT_EQ(ring.page(0, 1000).lines.size(), LogRing::bytes_max / (name.size() + 5))
      << "a name is longer than its text";
}

TEST(LogRing, a_long_line_is_cut_between_characters) {
  LogRing ring;
  std::string text(LogRing::line_bytes_max - 1, 'x');
  ring.add(1, {}, text + "\u20ac");
  EXPECT_EQ(ring.page(0, 1).lines.at(0).text, text);
}

}  // namespace
}  // namespace troupe
