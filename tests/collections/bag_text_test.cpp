#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "collections/bag/text_counts.hpp"
#include "collections/bag/text_runs.hpp"
#include "troupe/bag.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using Counted = std::vector<std::pair<std::string, std::uint64_t>>;
using Map = std::map<std::string, std::uint64_t>;

/// The definitions, byte by byte.
template <class Class>
std::vector<std::string> runs_of(const std::string& text) {
  std::vector<std::string> runs;
  bool inside = false;
  for (const char c : text) {
    if (Class::has(c) && !inside) runs.emplace_back();
    inside = Class::has(c);
    if (inside) runs.back() += c;
  }
  return runs;
}
Map words_of(const std::string& text) {
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
Counted counts_of(const std::vector<std::string>& texts) {
  Counted counts;
  std::map<std::string, std::size_t> places;
  for (const auto& text : texts) {
    const auto [place, is_new] = places.emplace(text, counts.size());
    if (is_new) counts.emplace_back(text, 0);
    ++counts[place->second].second;
  }
  return counts;
}

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    const auto kind = random() % 40;
    const std::size_t length = kind == 0 ? random() % 200 : kind < 4 ? 13 + random() % 6 : 1 + random() % 7;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>((random() % 2 != 0 ? 'a' : 'A') + random() % 4);
    for (auto gap = random() % 5; gap > 0; --gap) text += static_cast<char>(random() % 4 == 0 ? '\n' : random());
  }
  return text;
}

template <class Class>
void expect_runs(const std::string& text) {
  std::vector<std::string> found;
  bag_detail::for_each_run<Class>(text, [&](std::string_view run) { found.emplace_back(run); });
  ASSERT_EQ(found, runs_of<Class>(text));
}

TEST(TextRuns, FollowTheDefinitionForEachByteAndLength) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("ab") + static_cast<char>(c) + "cd";
    expect_runs<bag_detail::NotSpace>(text);
    expect_runs<bag_detail::LowerLetters>(text);
  }
  for (std::size_t length = 0; length < 200; ++length)
    for (const auto* before : {"", " ", "  "}) {
      expect_runs<bag_detail::NotSpace>(before + std::string(length, 'q'));
      expect_runs<bag_detail::NotSpace>(before + std::string(length, 'q') + " x ");
      expect_runs<bag_detail::LowerLetters>(before + std::string(length, 'q') + "-x");
    }
  for (unsigned seed = 0; seed < 300; ++seed) {
    expect_runs<bag_detail::NotSpace>(random_text(seed * 7, seed));
    expect_runs<bag_detail::LowerLetters>(random_text(seed * 7, seed));
  }
}

TEST(TextCounts, TellTextsApartByAllTheirBytesAndTheirLengthAndKeepTheOrder) {
  std::vector<std::string> texts;
  for (std::size_t size = 0; size < 40; ++size)
    for (const char c : {'\0', 'a', '\xff'}) {
      texts.emplace_back(size, c);
      if (size == 0) continue;
      texts.push_back(texts.back());
      texts.back().back() = 'z';
      texts.push_back(texts.back());
    }
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i)
    texts.push_back(std::to_string(random() % 30'000) + std::string(random() % 14, '-'));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  bag_detail::TextCounts counts;
  counts.add(views);
  const auto expected = counts_of(texts);
  auto counted = counts.take();
  EXPECT_EQ(counted, expected);
  EXPECT_TRUE(counts.take().empty());

  counts.add(counted);
  counts.add(counted);
  for (auto& [text, count] : counted) count *= 2;
  EXPECT_EQ(counts.take(), counted);
}

TEST(TextCounts, ReadNoMemoryBehindATextThatIsNotThere) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto* const pages =
      static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(pages), MAP_FAILED);
  ASSERT_EQ(::mprotect(pages + page, page, PROT_NONE), 0);
  bag_detail::TextCounts counts;
  Counted expected;
  for (std::size_t size = 0; size < 20; ++size) {
    std::memset(pages + page - size, 'x', size);
    const std::string_view text(pages + page - size, size);
    counts.add({&text, 1});
    expected.emplace_back(text, 1);
  }
  EXPECT_EQ(counts.take(), expected);
  ::munmap(pages, 2 * page);
}

/// Files in a folder that goes with the test.
class Words : public testing::Test {
protected:
  Words() { fs::create_directories(folder_); }
  ~Words() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static Map counted(const std::vector<std::string>& files, std::uint64_t block) {
    const auto lines = bag::read_text(files, {.encoding = "bytes"}, {.blocksize = block, .pack = true});
    const auto counts = lines.str().words().frequencies().compute({.scheduler = SchedulerKind::sync});
    return {counts.begin(), counts.end()};
  }

private:
  fs::path folder_ = fs::temp_directory_path() / ("bag_text_test_" + std::to_string(::getpid()));
};

TEST_F(Words, AreRunsOfLettersWhereverBlocksEnd) {
  const auto text = "One  two\nThree supercalifragilisticexpialidocious\x80x\n" + std::string(40, 'm') + "!end\r\nTWO";
  const auto file = write("small", text);
  for (std::uint64_t block = 1; block <= text.size(); ++block)
    EXPECT_EQ(counted({file}, block), words_of(text)) << block;
  const auto large = random_text(1'000'000, 7);
  EXPECT_EQ(counted({write("large", large)}, 100'000), words_of(large));
}

TEST_F(Words, OfEachFileAreByThemselves) {
  EXPECT_EQ(counted({write("a", "foo"), write("b", "bar foo")}, 1'000), (Map{{"bar", 1}, {"foo", 2}}));
}

TEST_F(Words, AndPiecesAreTheSameOfLinesAndOfManyLinesTogether) {
  const auto text = random_text(300'000, 5);
  const auto lines = bag::read_text({write("text", text)}, {.encoding = "bytes"}).persist();
  const auto together = bag::read_text({write("text", text)}, {.encoding = "bytes"});
  EXPECT_EQ(lines.str().split().flatten().compute(), together.str().split().flatten().compute());
  EXPECT_EQ(lines.str().words().compute(), together.str().words().compute());
  EXPECT_EQ(lines.str().split("a").flatten().compute(), together.str().split("a").flatten().compute());
}

TEST_F(Words, AreNotLookedForAnyFurtherThanAsked) {
  const auto file = write("text", "a b c\nd e f\n");
  EXPECT_THAT(bag::read_text({file}).str().words().take(2), testing::ElementsAre("a", "b"));
  EXPECT_THAT(bag::read_text({file}).str().split().flatten().take(4), testing::ElementsAre("a", "b", "c", "d"));
}

}  // namespace
}  // namespace troupe
