#include "apps/word_counts.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace troupe::demo {
namespace {

namespace fs = std::filesystem;
using Map = std::map<std::string, std::uint64_t>;

/// The definition, letter by letter.
Map reference(const std::string& text) {
  Map counts;
  std::string word;
  for (char c : text + ' ') {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (c >= 'a' && c <= 'z') {
      word += c;
    } else if (!word.empty()) {
      ++counts[word];
      word.clear();
    }
  }
  return counts;
}

Map as_map(const WordCounts& counts) {
  Map map;
  std::size_t at = 0;
  std::string last;
  for (std::size_t i = 0; i < counts.distinct(); at += counts.lengths[i++]) {
    std::string word = counts.text.substr(at, counts.lengths[i]);
    EXPECT_LT(last, word) << "words come in order, each once";
    last = word;
    map[word] = counts.counts[i];
  }
  EXPECT_EQ(at, counts.text.size());
  return map;
}

Map counted(const std::string& text) {
  WordCounter counter;
  std::string with_slack = text + std::string(WordCounter::slack, 'z');
  counter.add(with_slack.data(), text.size());
  return as_map(counter.take());
}

class TemporaryFolder {
public:
  TemporaryFolder() : path_(fs::temp_directory_path() / fmt::format("troupe_words_{}", ::getpid())) {
    fs::create_directories(path_);
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    const auto kind = random() % 40;
    const std::size_t length = kind == 0 ? random() % 200 : kind < 4 ? 14 + random() % 6 : 1 + random() % 7;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>((random() % 2 ? 'a' : 'A') + random() % 4);
    const auto gap = random() % 5;
    for (std::size_t i = 0; i < gap; ++i) text += static_cast<char>(random());
  }
  return text;
}

TEST(WordCounter, follows_the_definition_for_every_byte_and_length) {
  EXPECT_EQ(counted(""), Map{});
  EXPECT_EQ(counted("The cat, THE-dog. the"), (Map{{"the", 3}, {"cat", 1}, {"dog", 1}}));
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("ab") + static_cast<char>(c) + "cd";
    EXPECT_EQ(counted(text), reference(text)) << c;
  }
  for (std::size_t length = 1; length < 200; ++length) {
    const std::string text = std::string(length, 'Q') + " " + std::string(length, 'q') + "x";
    EXPECT_EQ(counted(text), reference(text)) << length;
  }
}

TEST(WordCounter, agrees_with_the_definition_on_random_bytes_of_all_sizes) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const std::string text = random_text(seed * 7, seed);
    EXPECT_EQ(counted(text), reference(text)) << seed;
  }
}

TEST(WordCounter, grows_for_many_different_words) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) {
    for (int digit = i; digit > 0; digit /= 26) text += static_cast<char>('a' + digit % 26);
    text += ' ';
  }
  EXPECT_EQ(counted(text), reference(text));
}

TEST(CountWords, a_part_boundary_at_any_offset_changes_nothing) {
  TemporaryFolder folder;
  const std::string text = "One  two\nThree supercalifragilisticexpialidocious\x80x " + std::string(40, 'm') + "!end";
  const std::string path = folder.write("sample", text);
  const Map expected = reference(text);
  for (std::uint64_t cut = 0; cut <= text.size(); ++cut) {
    const auto first = count_words({{path, 0, cut}});
    const auto second = count_words({{path, cut, text.size()}});
    EXPECT_EQ(first.bytes, cut);
    EXPECT_EQ(second.bytes, text.size() - cut);
    EXPECT_EQ(as_map(merge_counts(first, second)), expected) << "cut at " << cut;
  }
  for (std::uint64_t block = 1; block <= text.size(); ++block) {
    WordCounts sum;
    for (const auto& parts : plan_parts({{path, text.size()}}, block)) sum = merge_counts(sum, count_words(parts));
    EXPECT_EQ(as_map(sum), expected) << "blocks of " << block;
    EXPECT_EQ(sum.bytes, text.size());
  }
}

TEST(CountWords, a_word_longer_than_what_is_read_at_a_time_is_one_word) {
  TemporaryFolder folder;
  const std::string text = "a " + std::string(700'000, 'W') + " b";
  const std::string path = folder.write("long", text);
  EXPECT_EQ(as_map(count_words({{path, 0, text.size()}})), reference(text));
  WordCounts sum;
  for (const auto& parts : plan_parts({{path, text.size()}}, 100'000)) sum = merge_counts(sum, count_words(parts));
  EXPECT_EQ(as_map(sum), reference(text));
}

TEST(CountWords, reads_large_files_in_pieces_and_keeps_words_that_pieces_cut) {
  TemporaryFolder folder;
  const std::string text = random_text(1'000'000, 7);
  const std::string path = folder.write("large", text);
  EXPECT_EQ(as_map(count_words({{path, 0, text.size()}})), reference(text));
}

TEST(CountWords, each_file_is_taken_by_itself) {
  TemporaryFolder folder;
  const auto a = folder.write("a", "foo");
  const auto b = folder.write("b", "bar");
  EXPECT_EQ(as_map(count_words({{a, 0, 3}, {b, 0, 3}})), (Map{{"foo", 1}, {"bar", 1}}));
}

TEST(CountWords, a_file_that_cannot_be_read_is_named) {
  try {
    count_words({{"/nowhere/at/all", 0, 10}});
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "/nowhere/at/all: No such file or directory");
  }
}

TEST(CountWords, a_file_that_shrank_since_it_was_listed_is_read_to_its_end) {
  TemporaryFolder folder;
  const auto path = folder.write("short", "one two");
  const auto counts = count_words({{path, 0, 1000}});
  EXPECT_EQ(as_map(counts), (Map{{"one", 1}, {"two", 1}}));
  EXPECT_EQ(counts.bytes, 7U);
  EXPECT_EQ(count_words({{path, 500, 1000}}).bytes, 0U);
}

TEST(CountWords, equals_the_shell_pipeline) {
  TemporaryFolder folder;
  const auto path = folder.write("text", random_text(200'000, 11));
  std::FILE* pipe = ::popen(
      fmt::format("LC_ALL=C tr -cs A-Za-z '\\n' < '{}' | tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c", path).c_str(),
      "r");
  ASSERT_NE(pipe, nullptr);
  Map expected;
  std::uint64_t count = 0;
  std::array<char, 4096> word{};
  while (std::fscanf(pipe, "%lu %4095s", &count, word.data()) == 2) expected[word.data()] = count;
  ::pclose(pipe);
  EXPECT_EQ(as_map(count_words({{path, 0, fs::file_size(path)}})), expected);
}

TEST(MergeCounts, adds_up_and_does_not_care_for_order) {
  const auto of = [](const std::string& text) {
    WordCounter counter;
    const std::string with_slack = text + std::string(WordCounter::slack, ' ');
    counter.add(with_slack.data(), text.size());
    return counter.take();
  };
  const auto a = of("x y y abcdefghijklmnop abcdefghijklmnopq");
  const auto b = of("y z abcdefghijklmnopq abcdefghijklmnopa");
  EXPECT_EQ(
      as_map(merge_counts(a, b)),
      (Map{{"x", 1}, {"y", 3}, {"z", 1}, {"abcdefghijklmnop", 1}, {"abcdefghijklmnopa", 1}, {"abcdefghijklmnopq", 2}}));
  EXPECT_EQ(merge_counts(a, b), merge_counts(b, a));
  EXPECT_EQ(merge_counts(a, WordCounts{}), a);
}

TEST(MostFrequent, breaks_ties_by_the_order_of_the_words) {
  WordCounter counter;
  const std::string text = "b a c c d d a b e" + std::string(WordCounter::slack, ' ');
  counter.add(text.data(), text.size());
  const auto counts = counter.take();
  using Top = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(most_frequent(counts, 3), (Top{{"a", 2}, {"b", 2}, {"c", 2}}));
  EXPECT_EQ(most_frequent(counts, 100).size(), 5U);
  EXPECT_EQ(most_frequent(counts, 100).back().first, "e");
}

TEST(PlanParts, cuts_large_files_and_groups_small_ones_without_loss) {
  const auto tasks = plan_parts({{"a", 10}, {"b", 250}, {"c", 60}, {"d", 50}, {"e", 0}}, 100);
  using Parts = std::vector<FilePart>;
  ASSERT_EQ(tasks.size(), 5U);
  EXPECT_EQ(tasks[0], (Parts{{"b", 0, 100}}));
  EXPECT_EQ(tasks[1], (Parts{{"b", 100, 200}}));
  EXPECT_EQ(tasks[2], (Parts{{"b", 200, 250}}));
  EXPECT_EQ(tasks[3], (Parts{{"a", 0, 10}, {"c", 0, 60}}));
  EXPECT_EQ(tasks[4], (Parts{{"d", 0, 50}, {"e", 0, 0}}));
  EXPECT_TRUE(plan_parts({}, 100).empty());
}

}  // namespace
}  // namespace troupe::demo
