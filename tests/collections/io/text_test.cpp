#include <gmock/gmock.h>

#include <sys/resource.h>
#include <random>

#include "tests/collections/io/files.hpp"

namespace troupe::io {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// What the lines of a text are, said as simply as can be.
std::vector<std::string> split(std::string_view text, std::string_view delimiter) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto at = text.find(delimiter);
    lines.emplace_back(text.substr(0, at));
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + delimiter.size());
  }
  return lines;
}

class Text : public ::testing::Test {
protected:
  ScratchFiles files;
};

TEST_F(Text, lines_come_without_their_ends_and_a_last_one_needs_none) {
  EXPECT_THAT(lines_of({files.write("a", "one\ntwo\r\n\nlast")}), ElementsAre("one", "two", "", "last"));
  EXPECT_THAT(lines_of({files.write("b", "one\n")}), ElementsAre("one"));
  EXPECT_THAT(lines_of({files.write("c", "")}), IsEmpty());
  EXPECT_THAT(lines_of({files.write("d", "x\r\ny")}, {.delimiter = "\n"}), ElementsAre("x\r", "y"));
  EXPECT_THAT(lines_of({files.write("e", "a::b:::c")}, {.delimiter = "::"}), ElementsAre("a", "b", ":c"));
}

TEST_F(Text, a_line_belongs_to_the_block_in_which_it_begins) {
  const auto path = files.write("a", "one\ntwo\nthree\n");
  EXPECT_THAT(lines_of({path, 0, 4}), ElementsAre("one"));
  EXPECT_THAT(lines_of({path, 4, 1}), ElementsAre("two"));
  EXPECT_THAT(lines_of({path, 5, 3}), IsEmpty());
  EXPECT_THAT(lines_of({path, 5, 4}), ElementsAre("three"));
  EXPECT_THAT(lines_of({path, 14, 100}), IsEmpty());
}

TEST_F(Text, the_lines_of_all_blocks_are_those_of_the_file_each_once_in_order) {
  std::mt19937_64 random{20261};
  const auto draw = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  const std::vector<std::string> delimiters{"\n", "\r\n", "aa", "aba", "ab", "||", "aaaa", "\xC3\xA9"};
  for (int round = 0; round < 400; ++round) {
    const auto& delimiter = delimiters[draw(delimiters.size())];
    // Few letters, so that delimiters and their halves are everywhere.
    const std::vector<std::string> letters{"a", "b", "\n", "\r", "|", "\xC3\xA9", "\xC3\xA8", delimiter};
    std::string text;
    for (std::size_t n = draw(60); n > 0; --n) text += letters[draw(letters.size())];
    const std::string mark = draw(8) == 0 ? "\xEF\xBB\xBF" : "";
    const auto path = files.write("drawn.txt", mark + text);
    const TextFormat format{.delimiter = delimiter};
    const TextCut cut{.blocksize = 1 + draw(mark.size() + text.size() + 2)};
    SCOPED_TRACE(::testing::Message() << "round " << round << ", blocksize " << *cut.blocksize << ", delimiter "
                                      << ::testing::PrintToString(delimiter) << ", "
                                      << ::testing::PrintToString(mark + text));
    const auto plan = plan_text({path}, format, cut);
    ASSERT_EQ(lines_of(plan, format), split(text, delimiter));
    std::string all;
    for (const auto& partition : plan)
      for (const auto& block : partition) all += read_text(block, format);
    ASSERT_EQ(all, text);
  }
}

TEST_F(Text, lines_larger_than_a_piece_and_pieces_full_of_lines_are_read_alike) {
  std::mt19937_64 random{7};
  std::string text;
  for (int i = 0; i < 30; ++i) text += std::string(random() % 200'000, static_cast<char>('a' + i % 26)) + "\n";
  for (int i = 0; i < 200'000; ++i) text += std::to_string(random() % 100'000) + "\n";
  const auto path = files.write("large.txt", text);
  for (const std::uint64_t blocksize : {0, 100'000, 1'000'003})
    for (const auto* delimiter : {"\n", "9\n"})
      EXPECT_EQ(
          lines_of(plan_text({path}, {.delimiter = delimiter}, {.blocksize = blocksize}), {.delimiter = delimiter}),
          split(text, delimiter));
}

TEST_F(Text, wide_encodings_are_cut_at_characters_only) {
  // U+0A00 and U+000A: the bytes 00 0A are the delimiter only where a character begins.
  const std::string little = "\xFF\xFE" + "a\0\n\0\0\x0A"s + "\x0A\x0A" + "b\0\n\0"s;
  const std::string big = "\xFE\xFF" + "\0a\0\n\x0A\0"s + "\x0A\x0A" + "\0b\0\n"s;
  const std::vector<std::string> lines{"a",
                                       "\xE0\xA8\x80\xE0\xA8\x8A"
                                       "b"};
  for (std::uint64_t blocksize = 1; blocksize < 20; ++blocksize) {
    const TextCut cut{.blocksize = blocksize};
    EXPECT_EQ(lines_of(plan_text({files.write("l", little)}, {}, cut), {.encoding = "utf-16"}), lines);
    EXPECT_EQ(lines_of(plan_text({files.write("b", big)}, {}, cut), {.encoding = "UTF16"}), lines);
    EXPECT_EQ(lines_of(plan_text({files.write("n", little.substr(2))}, {}, cut), {.encoding = "utf-16-le"}), lines);
    EXPECT_EQ(lines_of(plan_text({files.write("n", big.substr(2))}, {}, cut), {.encoding = "utf_16be"}), lines);
  }
  EXPECT_EQ(read_text({files.write("r", "\xFF\xFEx\0\r\0\n\0y\0"s)}, {.encoding = "utf-16"}), "x\r\ny");
}

TEST_F(Text, other_encodings_become_utf8) {
  EXPECT_THAT(lines_of({files.write("a", "caf\xE9\nplain\n")}, {.encoding = "latin-1"}), ElementsAre("café", "plain"));
  EXPECT_THAT(lines_of({files.write("b", "\x80\n")}, {.encoding = "cp1252"}), ElementsAre("€"));
  EXPECT_THAT(lines_of({files.write("c", "\x93\xFA\x96{\nx")}, {.encoding = "shift_jis"}), ElementsAre("日本", "x"));
}

TEST_F(Text, as_bytes_nothing_is_wrong_and_all_stays_as_it_is) {
  const std::vector<std::string> lines{"\xFF\xFE\0 x"s, "caf\xE9", "", "\xEF\xBB\xBF"};
  const auto path = files.write("a", lines[0] + "\n" + lines[1] + "\r\n\n" + lines[3]);
  for (std::uint64_t blocksize = 1; blocksize < 20; ++blocksize)
    EXPECT_EQ(lines_of(plan_text({path}, {.encoding = "bytes"}, {.blocksize = blocksize}), {.encoding = "bytes"}),
              lines);
}

TEST_F(Text, a_partition_may_be_several_files) {
  for (const auto* name : {"3.txt", "1.txt", "2.txt"}) files.write(name, name + "\n"s);
  files.write("large.log", std::string(1000, 'x'));
  const auto all = files.path("*.txt");
  EXPECT_THAT(find_files({all}), ElementsAre(files.path("1.txt"), files.path("2.txt"), files.path("3.txt")));
  EXPECT_THAT(find_files({files.path("2.txt"), all}),
              ElementsAre(files.path("2.txt"), files.path("1.txt"), files.path("3.txt")));
  EXPECT_EQ(plan_text({all}).size(), 3U);
  const auto pairs = plan_text({all}, {}, {.files_per_partition = 2});
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].size(), 2U);
  EXPECT_THAT(lines_of(pairs), ElementsAre("1.txt", "2.txt", "3.txt"));
  const auto packed = plan_text({all, files.path("*.log")}, {}, {.blocksize = 500, .pack = true});
  ASSERT_EQ(packed.size(), 3U);
  EXPECT_EQ(packed[0].size(), 3U);
  EXPECT_EQ(packed[1], (TextPartition{{files.path("large.log"), 0, 500}}));
}

struct Tool {
  const char* suffix;
  const char* command;
};
class PackedText : public ::testing::TestWithParam<Tool> {
protected:
  ScratchFiles files;
};
INSTANTIATE_TEST_SUITE_P(By, PackedText,
                         ::testing::Values(Tool{".gz", "gzip -c"}, Tool{".bz2", "bzip2 -c"}, Tool{".xz", "xz -c"},
                                           Tool{".zst", "zstd -q -c"}),
                         [](const auto& tool) { return std::string(tool.param.suffix + 1); });

std::string numbers(int count) {
  std::string text;
  std::mt19937_64 random{1};
  for (int i = 0; i < count; ++i) text += std::to_string(random()) + " " + std::to_string(i) + "\n";
  return text;
}

TEST_P(PackedText, what_the_tool_packed_is_read_whole) {
  const auto text = numbers(15'000);
  const auto path = files.packed("a"s + GetParam().suffix, text, GetParam().command);
  EXPECT_EQ(read_text({path}), text);
  EXPECT_EQ(lines_of(plan_text({path})), split(text, "\n"));
  EXPECT_THAT(lines_of({files.packed("empty"s + GetParam().suffix, "", GetParam().command)}), IsEmpty());
  const auto renamed = files.write("renamed", content_of(path));
  EXPECT_EQ(read_text({renamed}, {.compression = resolved(Compression::infer, path)}), text);
}

TEST_F(Text, a_large_packed_file_is_read_in_little_memory) {
  const auto path = files.packed("a.gz", "", "yes 'a line of thirty letters or so' | head -c 200000000 | gzip -1 -c");
  const auto resident = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = resident();
  std::uint64_t bytes = 0;
  read_lines({path}, {}, [&](std::string_view line) { bytes += line.size() + 1; });
  EXPECT_EQ(bytes, 200'000'000U + 1);  // the last line has no end
  EXPECT_LT(resident() - before, 16 * 1024) << "KiB";
}

TEST_P(PackedText, several_packed_files_behind_each_other_are_one) {
  const auto one = content_of(files.packed("1"s + GetParam().suffix, "one\ntw", GetParam().command));
  const auto none = content_of(files.packed("2"s + GetParam().suffix, "", GetParam().command));
  const auto two = content_of(files.packed("3"s + GetParam().suffix, "o\n" + numbers(10'000), GetParam().command));
  EXPECT_EQ(read_text({files.write("all"s + GetParam().suffix, one + none + two)}), "one\ntwo\n" + numbers(10'000));
}

TEST_P(PackedText, a_truncated_file_is_an_error_that_says_where) {
  const auto whole = content_of(files.packed("a"s + GetParam().suffix, numbers(3000), GetParam().command));
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 3) {
    const auto path = files.write("cut"s + GetParam().suffix, whole.substr(0, size));
    try {
      read_text({path});
      ADD_FAILURE() << size << " of " << whole.size() << " bytes were taken for all";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path + ": byte " + std::to_string(size) + " of the file, byte "));
      EXPECT_EQ(error.file_offset(), size);
      EXPECT_TRUE(error.text_offset());
    }
  }
}

TEST_P(PackedText, a_corrupt_file_is_an_error_that_says_where) {
  std::mt19937_64 random{5};
  std::string text;
  while (text.size() < 200'000) text += static_cast<char>(' ' + random() % 64);
  const auto whole = content_of(files.packed("a"s + GetParam().suffix, text, GetParam().command));
  auto harmed = whole;
  const auto place = whole.size() * 2 / 3;
  for (std::size_t i = 0; i < 16; ++i) harmed[place + i] = static_cast<char>(~harmed[place + i]);
  try {
    read_text({files.write("harmed"s + GetParam().suffix, harmed)});
    ADD_FAILURE() << "it was taken for whole";
  } catch (const FileError& error) {
    // A checksum at the end is all that some of them have; others know which block.
    EXPECT_GE(*error.file_offset() + (std::size_t{32} << 10), place);
    EXPECT_LE(*error.file_offset(), whole.size());
  }
}

TEST_P(PackedText, a_flipped_bit_is_an_error_or_changes_nothing) {
  const auto text = numbers(500);
  const auto whole = content_of(files.packed("a"s + GetParam().suffix, text, GetParam().command));
  std::mt19937_64 random{3};
  int noticed = 0;
  for (int i = 0; i < 300; ++i) {
    auto harmed = whole;
    harmed[random() % harmed.size()] ^= static_cast<char>(1U << random() % 8);
    try {
      const auto got = read_text({files.write("harmed"s + GetParam().suffix, harmed)}, {.encoding = "latin-1"});
      EXPECT_TRUE(got == text) << "round " << i;
    } catch (const FileError& error) {
      EXPECT_TRUE(error.file_offset());
      ++noticed;
    }
  }
  EXPECT_GT(noticed, 200);
}

TEST_P(PackedText, errors_skip_keeps_the_whole_lines_before_the_break) {
  const auto text = numbers(60'000);
  const auto whole = content_of(files.packed("a"s + GetParam().suffix, text, GetParam().command));
  ReadCounts counts;
  const auto lines =
      lines_of({files.write("cut"s + GetParam().suffix, whole.substr(0, whole.size() / 2 + whole.size() / 4))},
               {.errors = Errors::skip}, &counts);
  auto expected = split(text, "\n");
  ASSERT_GT(lines.size(), 100U);
  ASSERT_LT(lines.size(), expected.size());
  expected.resize(lines.size());
  EXPECT_EQ(lines, expected);
  EXPECT_EQ(counts, (ReadCounts{.lines = lines.size(), .bad_files = 1}));
}

}  // namespace
}  // namespace troupe::io
