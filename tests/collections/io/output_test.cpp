#include "collections/io/output.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <csignal>
#include <functional>
#include <random>

#include "collections/io/text_output.hpp"
#include "tests/collections/io/files.hpp"

namespace troupe::io {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Output : public ::testing::Test {
protected:
  WriteCounts write(const std::string& path, const std::vector<std::string>& lines, const OutputFormat& format = {}) {
    LineWriter writer(path, format);
    for (const auto& line : lines) writer.write(line);
    return writer.finish();
  }
  std::string written(const std::vector<std::string>& lines, const OutputFormat& format = {}) {
    write(files.path("written"), lines, format);
    return content_of(files.path("written"));
  }
  std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
    return names;
  }
  ScratchFiles files;
};

TEST_F(Output, a_star_becomes_the_number_of_the_partition) {
  EXPECT_THAT(output_paths("a/x-*.txt.gz", 3), ElementsAre("a/x-0.txt.gz", "a/x-1.txt.gz", "a/x-2.txt.gz"));
  EXPECT_EQ(output_paths("*", 11).front(), "00");
  EXPECT_EQ(output_paths("*", 11).back(), "10");
  EXPECT_THAT(output_paths("folder", 2), ElementsAre("folder/0.part", "folder/1.part"));
  EXPECT_THAT(output_paths("x*", 2, [](std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }),
              ElementsAre("xa", "xb"));
  EXPECT_THAT(output_paths("x*", 0), IsEmpty());
  EXPECT_THAT(error_of([] { output_paths("*-*", 2); }), HasSubstr("more than one `*`"));
  EXPECT_THAT(error_of([] { output_paths("a*/b", 2); }), HasSubstr("behind the last `/`"));
  EXPECT_THAT(error_of([] { output_paths("*", 2, [](std::size_t) { return "same"s; }); }), HasSubstr("two partitions"));
}

TEST_F(Output, lines_are_written_with_their_ends) {
  EXPECT_EQ(written({"one", "", "two"}), "one\n\ntwo\n");
  EXPECT_EQ(written({"one", "two"}, {.last_line_end = false}), "one\ntwo");
  EXPECT_EQ(written({"one", "two"}, {.line_end = "\r\n"}), "one\r\ntwo\r\n");
  EXPECT_EQ(written({}), "");
  EXPECT_EQ(written({"café"}, {.encoding = "latin-1"}), "caf\xE9\n");
  EXPECT_EQ(written({"\xFF caf\xE9"}, {.encoding = "bytes"}), "\xFF caf\xE9\n");
  EXPECT_EQ(written({"a"}, {.encoding = "utf-16"}), "\xFF\xFE" + "a\0\n\0"s);
  EXPECT_EQ(written({"a"}, {.encoding = "utf-16be"}), "\0a\0\n"s);
}

TEST_F(Output, what_is_written_is_read_back_by_us_and_by_the_tools) {
  std::mt19937_64 random{5};
  std::vector<std::string> lines;
  for (int i = 0; i < 6'000; ++i) lines.push_back(std::to_string(random()) + " é " + std::string(random() % 50, 'x'));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  for (const std::string name : {"deep/er/a.txt", "a.gz", "a.bz2", "a.xz", "a.zst"}) {
    for (const auto* encoding : {"utf-8", "latin-1", "utf-16"}) {
      const auto path = files.path(name);
      EXPECT_EQ(write(path, lines, {.encoding = encoding}), (WriteCounts{.lines = lines.size()}));
      EXPECT_TRUE(lines_of({path}, {.encoding = encoding}) == lines) << name << " " << encoding;
    }
    write(files.path(name), lines);
    const auto plain = files.path("unpacked");
    const auto tool = name.ends_with("gz")    ? "gzip"
                      : name.ends_with("bz2") ? "bzip2"
                      : name.ends_with("xz")  ? "xz"
                                              : "zstd -q";
    if (name.ends_with("txt")) continue;
    ASSERT_EQ(std::system((tool + " -dc '"s + files.path(name) + "' > '" + plain + "'").c_str()), 0);
    EXPECT_TRUE(content_of(plain) == text) << name;
  }
  EXPECT_THAT(names_in(files.path("deep/er")), ElementsAre("a.txt"));
}

TEST_F(Output, a_file_has_its_name_only_when_it_is_whole) {
  const auto path = files.write("out/a.txt", "before");
  {
    LineWriter writer(path, {});
    writer.write(std::string(1 << 20, 'x'));
    EXPECT_EQ(content_of(path), "before");
  }
  EXPECT_EQ(content_of(path), "before");
  EXPECT_THAT(names_in(files.path("out")), ElementsAre("a.txt"));
  write(path, {"after"});
  EXPECT_EQ(content_of(path), "after\n");
}

TEST_F(Output, characters_that_the_encoding_has_not_go_by_the_errors_asked_for) {
  const std::vector<std::string> lines{"good", "a€b", "\xFF", "end"};
  const auto path = files.path("out/a.txt");
  EXPECT_THAT(error_of([&] { write(path, lines, {.encoding = "latin-1"}); }),
              StartsWith(path + ": line 2, byte 1: '€' is not in ISO-8859-1; write another encoding"));
  EXPECT_THAT(error_of([&] { write(path, lines); }), StartsWith(path + ": line 3, byte 0: not UTF-8"));
  EXPECT_THAT(names_in(files.path("out")), IsEmpty());
  EXPECT_EQ(written(lines, {.encoding = "latin-1", .errors = Errors::replace}), "good\na?b\n?\nend\n");
  EXPECT_EQ(written(lines, {.encoding = "latin-1", .errors = Errors::ignore}), "good\nab\n\nend\n");
  EXPECT_EQ(written(lines, {.encoding = "latin-1", .errors = Errors::skip}), "good\nend\n");
  EXPECT_EQ(write(path, lines, {.encoding = "ascii", .errors = Errors::replace}),
            (WriteCounts{.lines = 4, .bad_characters = 2}));
  EXPECT_EQ(write(path, lines, {.errors = Errors::skip}), (WriteCounts{.lines = 3, .bad_lines = 1}));
}

TEST_F(Output, what_cannot_be_written_is_named) {
  const auto file = files.write("file", "x");
  EXPECT_THAT(error_of([&] { write(file + "/a/b", {}); }),
              AllOf(StartsWith(file + "/a/b: cannot make the directory"), HasSubstr("Not a directory")));
  EXPECT_THAT(error_of([&] { write("/proc/none/a", {}); }), StartsWith("/proc/none/a: cannot make the directory"));
  EXPECT_THAT(error_of([&] { write("/proc/a", {}); }), StartsWith("/proc/a: cannot be written"));
  std::filesystem::create_directories(files.path("folder"));
  EXPECT_THAT(error_of([&] { write(files.path("folder"), {}); }),
              HasSubstr("cannot be given its name: Is a directory"));
  EXPECT_THAT(error_of([&] { write(files.path("a/"), {}); }), HasSubstr("is not the name of a file"));
}

TEST_F(Output, a_full_disk_is_an_error_that_leaves_nothing) {
  std::filesystem::create_directories(files.path("out"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto error = error_of([&] { write(files.path("out/a.txt"), {std::string(3 << 20, 'x')}); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, StartsWith(files.path("out/a.txt") +
                                ": could not be written after 1048576 bytes: File too large; make room"));
  EXPECT_THAT(names_in(files.path("out")), IsEmpty());
}

}  // namespace
}  // namespace troupe::io
