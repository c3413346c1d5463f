#include "protocol/text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(Text, is_cut_between_characters) {
  EXPECT_EQ(cut_utf8("abc", 3), "abc");
  EXPECT_EQ(cut_utf8("abc", 2), "ab");
  EXPECT_EQ(cut_utf8("abc", 0), "");
  const std::string text = "a\u00e9\u20ac\U0001f600";  // of one, two, three and four bytes
  ASSERT_EQ(text.size(), 10U);
  const std::size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (std::size_t most = 0; most <= text.size(); ++most) EXPECT_EQ(cut_utf8(text, most).size(), whole[most]) << most;
}

TEST(Text, what_is_no_utf8_is_cut_anywhere) {
  const std::string text(10, '\x80');
  EXPECT_EQ(cut_utf8(text, 7).size(), 7U);
  EXPECT_EQ(cut_utf8(text, 2).size(), 2U);
  EXPECT_EQ(cut_utf8(text, 0).size(), 0U);
}

}  // namespace
}  // namespace troupe
