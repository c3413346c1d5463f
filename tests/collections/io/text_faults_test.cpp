#include <gmock/gmock.h>

#include <functional>

#include "tests/collections/io/files.hpp"

namespace troupe::io {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TextFaults : public ::testing::Test {
protected:
  std::string plan_error(const std::vector<std::string>& patterns, const TextFormat& format = {},
                         const TextCut& cut = {}) {
    return error_of([&] { plan_text(patterns, format, cut); });
  }
  std::string read_error(const std::string& path, const TextFormat& format = {}) {
    return error_of([&] { lines_of({path}, format); });
  }
  ScratchFiles files;
};

TEST_F(TextFaults, what_cannot_be_planned_is_said_with_the_name) {
  const auto path = files.write("folder/a.txt", "x");
  const auto packed = files.write("a.gz", "x");
  EXPECT_EQ(plan_error({files.path("none.txt")}), files.path("none.txt") + ": no such file");
  EXPECT_EQ(plan_error({path, files.path("*.none")}), files.path("*.none") + ": no file matches");
  EXPECT_THAT(plan_error({files.path("folder")}),
              StartsWith(files.path("folder") + ": is a directory; name the files"));
  EXPECT_EQ(plan_error({}), "no file was named");
  EXPECT_THAT(plan_error({files.path("**")}), HasSubstr("name the folders"));
  EXPECT_THAT(plan_error({packed}, {}, {.blocksize = 10}),
              AllOf(StartsWith(packed + ": a gzip file cannot be cut"), HasSubstr("leave blocksize out")));
  EXPECT_THAT(plan_error({path}, {}, {.blocksize = 10, .files_per_partition = 2}), HasSubstr("exclude each other"));
  EXPECT_THAT(plan_error({path}, {}, {.files_per_partition = 2, .pack = true}), HasSubstr("exclude each other"));
  EXPECT_THAT(plan_error({path}, {.encoding = "utf-9"}), HasSubstr("no encoding 'UTF-9'"));
  EXPECT_THAT(plan_error({path}, {.encoding = "utf-7"}), HasSubstr("iconv -f UTF-7 -t utf-8"));
  EXPECT_THAT(plan_error({path}, {.encoding = "iso-2022-jp"}), HasSubstr("convert it first"));
  EXPECT_THAT(plan_error({path}, {.delimiter = "a", .encoding = "shift_jis"}), HasSubstr("parts of other characters"));
  EXPECT_THAT(plan_error({path}, {.delimiter = "€", .encoding = "latin-1"}),
              HasSubstr("characters that ISO-8859-1 has not"));
  EXPECT_THAT(plan_error({path}, {.delimiter = "\xFF"}), HasSubstr("delimiter is not UTF-8"));
  EXPECT_THAT(error_of([] { compression_named("rar"); }), HasSubstr("infer, none, gzip, bzip2, xz, zstd"));
  EXPECT_THAT(error_of([] { errors_named("lenient"); }), HasSubstr("strict, replace, ignore, skip"));
  EXPECT_THAT(read_error(files.path("gone")), HasSubstr(files.path("gone") + ": No such file"));
}

TEST_F(TextFaults, bytes_that_are_not_in_the_encoding_are_named_by_their_place) {
  const auto path = files.write("a",
                                "good\nb\xFF"
                                "d\n\xC3\nend");
  EXPECT_THAT(read_error(path), StartsWith(path + ": byte 6 of the file: not UTF-8: 0xff; name the encoding"));
  EXPECT_THAT(error_of([&] {
                lines_of({path, 8, 3});
              }),
              HasSubstr("byte 9 of the file: not UTF-8: 0xc3 and then the end"));
  EXPECT_THAT(read_error(path, {.encoding = "ascii"}), HasSubstr("byte 6 of the file: not ASCII: 0xff"));
  EXPECT_THAT(read_error(files.write("w", "a\0\n\0b\0\0\xD8x\0"s), {.encoding = "utf-16le"}),
              HasSubstr("byte 6 of the file: not UTF-16LE: 0x00d8"));
  EXPECT_THAT(read_error(files.write("odd", "a\0b"s), {.encoding = "utf-16le"}), HasSubstr("byte 2 of the file"));
  const auto packed = files.packed("a.gz", "good\nb\xFF", "gzip -c");
  EXPECT_THAT(read_error(packed),
              AllOf(StartsWith(packed + ": byte "), HasSubstr(" of the file, byte 6 of its text: not")));
}

TEST_F(TextFaults, wrong_bytes_are_replaced_ignored_or_skipped_and_counted) {
  const auto path = files.write("a",
                                "good\nb\xFF"
                                "d\n\xC3\nend");
  ReadCounts counts;
  EXPECT_THAT(lines_of({path}, {.errors = Errors::replace}, &counts), ElementsAre("good",
                                                                                  "b\xEF\xBF\xBD"
                                                                                  "d",
                                                                                  "\xEF\xBF\xBD", "end"));
  EXPECT_EQ(counts, (ReadCounts{.lines = 4, .bad_bytes = 2}));
  EXPECT_THAT(lines_of({path}, {.errors = Errors::ignore}, &counts), ElementsAre("good", "bd", "", "end"));
  EXPECT_EQ(counts, (ReadCounts{.lines = 4, .bad_bytes = 2}));
  EXPECT_THAT(lines_of({path}, {.errors = Errors::skip}, &counts), ElementsAre("good", "end"));
  EXPECT_EQ(counts, (ReadCounts{.lines = 2, .bad_records = 2}));
  EXPECT_EQ(read_text({path}, {.errors = Errors::skip}), "good\nend");
}

TEST_F(TextFaults, a_line_that_never_ends_is_refused_before_memory_is_full) {
  const auto path = files.write("a", "x\n" + std::string(3 << 20, 'y'));
  EXPECT_THAT(read_error(path, {.line_bytes_max = 1 << 20}),
              StartsWith(path + ": byte 2 of the file: a line of more than 1048576 bytes; name its delimiter"));
}

TEST_F(TextFaults, what_is_not_compressed_as_its_name_says_is_an_error) {
  for (const auto* name : {"a.gz", "a.bz2", "a.xz", "a.zst"}) {
    const auto path = files.write(name, "plain text, not packed at all\n");
    EXPECT_THAT(read_error(path), AllOf(StartsWith(path + ": byte "), HasSubstr("name another compression"))) << name;
    EXPECT_THAT(lines_of({path}, {.compression = Compression::none}), ElementsAre("plain text, not packed at all"));
  }
  const auto rest = files.write("b.gz", content_of(files.packed("c.gz", "x\n", "gzip -c")) + "trailing");
  EXPECT_THAT(read_error(rest), HasSubstr("corrupt gzip data"));
}

}  // namespace
}  // namespace troupe::io
