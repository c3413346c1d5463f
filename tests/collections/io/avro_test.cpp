#include "collections/io/avro.hpp"

#include <avro.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <functional>
#include <random>

#include "tests/collections/io/files.hpp"

namespace troupe::io {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* rich_schema = R"({"type": "record", "name": "Item", "namespace": "shop", "fields": [
  {"name": "id", "type": "long"}, {"name": "n", "type": "int"}, {"name": "ok", "type": "boolean"},
  {"name": "price", "type": "double"}, {"name": "weight", "type": "float"}, {"name": "name", "type": "string"},
  {"name": "raw", "type": "bytes"}, {"name": "code", "type": {"type": "fixed", "name": "Code", "size": 3}},
  {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["red", "green"]}},
  {"name": "tags", "type": {"type": "array", "items": "string"}},
  {"name": "more", "type": {"type": "map", "values": ["null", "long", "double", "string"]}},
  {"name": "next", "type": ["null", "Item"]}]})";

Json drawn_item(std::mt19937_64& random, int depth = 0) {
  const auto number = [&](std::uint64_t below) { return static_cast<std::int64_t>(random() % below); };
  boost::json::array tags;
  for (auto n = number(4); n > 0; --n) tags.push_back(boost::json::string(std::string(random() % 20, 't') + "é"));
  boost::json::object more;
  const std::vector<Json> any{nullptr, number(1000) - 500, 0.5, "text"};
  for (auto n = number(4); n > 0; --n) more["k" + std::to_string(n)] = any[random() % any.size()];
  return {{"id", static_cast<std::int64_t>(random())},
          {"n", number(1 << 20) - (1 << 19)},
          {"ok", number(2) == 1},
          {"price", static_cast<double>(number(1000)) / 7},
          {"weight", static_cast<double>(number(1000)) / 8},
          {"name", std::string(random() % 30, 'n') + "\n€"s},
          {"raw", std::string("\0\x7F", 2) + "\xC2\x80\xC3\xBF"},
          {"code",
           "a\xC3\xBF"
           "c"},
          {"colour", number(2) == 1 ? "red" : "green"},
          {"tags", tags},
          {"more", more},
          {"next", depth < 3 && number(2) == 1 ? drawn_item(random, depth + 1) : Json(nullptr)}};
}

std::vector<Json> drawn_items(std::size_t count) {
  std::mt19937_64 random{17};
  std::vector<Json> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back(drawn_item(random));
  return items;
}

std::vector<Json> values_of(const TextBlock& block, Errors errors = Errors::strict, ReadCounts* counts = nullptr) {
  AvroReader reader(block, errors);
  std::vector<Json> values;
  for (Json value; reader.next(value);) values.push_back(std::move(value));
  if (counts != nullptr) *counts = reader.counts();
  return values;
}

class Avro : public ::testing::Test {
protected:
  std::string write(const std::string& name, const std::vector<Json>& values, const AvroFormat& format) {
    AvroWriter writer(files.path(name), format);
    for (const auto& value : values) writer.write(value);
    counts = writer.finish();
    return files.path(name);
  }
  WriteCounts counts;
  ScratchFiles files;
};

const std::vector<AvroCodec> all_codecs{AvroCodec::null,      AvroCodec::deflate, AvroCodec::snappy,
                                        AvroCodec::zstandard, AvroCodec::bzip2,   AvroCodec::xz};

TEST_F(Avro, values_and_schema_come_back_from_every_codec_and_blocks_of_any_size) {
  const auto items = drawn_items(400);
  for (const auto codec : all_codecs) {
    SCOPED_TRACE(name_of(codec));
    const auto path =
        write("out/a.avro", items,
              {.schema = rich_schema, .codec = codec, .block_bytes = 2000, .metadata = {{"who", "\xFF us"}}});
    EXPECT_EQ(counts, (WriteCounts{.lines = items.size()}));
    EXPECT_TRUE(values_of({path}) == items);
    EXPECT_EQ(AvroReader({path}).schema(), rich_schema);
    EXPECT_EQ(AvroReader({path}).metadata(), (std::map<std::string, std::string>{{"who", "\xFF us"}}));
    for (const std::uint64_t blocksize : {64, 999, 5000}) {
      std::vector<Json> all;
      for (const auto& partition : plan_avro({path}, {.blocksize = blocksize}))
        for (const auto& block : partition)
          for (auto& value : values_of(block)) all.push_back(std::move(value));
      EXPECT_TRUE(all == items) << blocksize;
    }
  }
}

TEST_F(Avro, schemas_need_not_be_records) {
  EXPECT_THAT(values_of({write("a", {1, -1, 9'000'000'000}, {.schema = R"("long")"})}),
              ElementsAre(1, -1, 9'000'000'000));
  EXPECT_THAT(values_of({write("b", {nullptr, nullptr}, {.schema = R"("null")"})}), ElementsAre(nullptr, nullptr));
  EXPECT_THAT(values_of({write("c", {}, {.schema = R"("string")"})}), ElementsAre());
  // A whole number stays one where the union has both.
  EXPECT_THAT(values_of({write("d", {2, 2.5, "x"}, {.schema = R"(["double", "long", "string"])"})}),
              ElementsAre(2, 2.5, "x"));
}

/// What the Avro library itself writes of longs.
std::string written_by_the_library(const std::string& path, const char* codec, int count) {
  avro_schema_t schema = ::avro_schema_long();
  avro_file_writer_t writer = nullptr;
  if (::avro_file_writer_create_with_codec(path.c_str(), schema, &writer, codec, 0) != 0)
    throw std::runtime_error(::avro_strerror());
  avro_value_iface_t* type = ::avro_generic_class_from_schema(schema);
  avro_value_t value;
  ::avro_generic_value_new(type, &value);
  for (int i = 0; i < count; ++i) {
    avro_value_set_long(&value, std::int64_t{i} * i - 5);
    if (::avro_file_writer_append_value(writer, &value) != 0) throw std::runtime_error(::avro_strerror());
  }
  ::avro_value_decref(&value);
  avro_value_iface_decref(type);
  ::avro_file_writer_close(writer);
  ::avro_schema_decref(schema);
  return path;
}

TEST_F(Avro, files_go_from_the_library_to_us_and_back) {
  std::vector<Json> expected;
  for (int i = 0; i < 20'000; ++i) expected.emplace_back(std::int64_t{i} * i - 5);
  for (const auto* codec : {"null", "deflate", "snappy"}) {
    EXPECT_TRUE(values_of({written_by_the_library(files.path("theirs"), codec, 20'000)}) == expected) << codec;
    const auto ours = write("ours", expected, {.schema = R"("long")", .codec = avro_codec_named(codec)});
    avro_file_reader_t reader = nullptr;
    ASSERT_EQ(::avro_file_reader(ours.c_str(), &reader), 0) << ::avro_strerror();
    avro_schema_t schema = ::avro_file_reader_get_writer_schema(reader);
    avro_value_iface_t* type = ::avro_generic_class_from_schema(schema);
    avro_value_t value;
    ::avro_generic_value_new(type, &value);
    std::vector<Json> read;
    while (::avro_file_reader_read_value(reader, &value) == 0) {
      std::int64_t number = 0;
      avro_value_get_long(&value, &number);
      read.emplace_back(number);
    }
    EXPECT_TRUE(read == expected) << codec;
    ::avro_value_decref(&value);
    avro_value_iface_decref(type);
    ::avro_schema_decref(schema);
    ::avro_file_reader_close(reader);
  }
}

TEST_F(Avro, what_does_not_fit_the_schema_is_named_or_skipped) {
  const auto path = files.path("a");
  const auto refused = [&](const char* schema, const Json& value) {
    return error_of([&] { write("a", {value}, {.schema = schema}); });
  };
  EXPECT_THAT(refused("{", 1), StartsWith(path + ": no Avro schema: "));
  EXPECT_THAT(refused(R"("int")", 3'000'000'000), StartsWith(path + ": value 1: 3000000000 is no int; mend it"));
  EXPECT_THAT(refused(R"({"type": "array", "items": "long"})", {1, "x"}), HasSubstr("value 1: [1]: \"x\" is no long"));
  EXPECT_THAT(refused(R"({"type": "map", "values": ["null", "long"]})", {{"k", 1.5}}),
              HasSubstr("value 1: .k: 1.5E0 is no null or long"));
  EXPECT_THAT(refused(R"({"type": "fixed", "name": "F", "size": 2})", "abc"), HasSubstr("3 bytes for F, which has 2"));
  EXPECT_THAT(refused(R"("bytes")", "€"), HasSubstr("beyond U+00FF"));
  EXPECT_THAT(refused(R"({"type": "enum", "name": "E", "symbols": ["a"]})", "b"), HasSubstr("\"b\" is no E"));
  const char* record =
      R"({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": ["null", "long"]}]})";
  EXPECT_THAT(refused(record, {{"b", 1}}), HasSubstr("R has no a"));
  EXPECT_THAT(refused(record, {{"a", 1}, {"c", 1}}), HasSubstr("c is not in the schema of R"));
  EXPECT_THAT(values_of({write("a", {{{"a", 1}}}, {.schema = record})}), ElementsAre(Json{{"a", 1}, {"b", nullptr}}));
  EXPECT_THAT(values_of({write("a", {1, "x", 2}, {.schema = R"("long")", .errors = Errors::skip})}), ElementsAre(1, 2));
  EXPECT_EQ(counts, (WriteCounts{.lines = 2, .bad_lines = 1}));
  EXPECT_THAT(error_of([&] {
                write("a", {}, {.schema = R"("long")", .metadata = {{"avro.codec", "x"}}});
              }),
              HasSubstr("the format's own"));
}

TEST_F(Avro, what_is_no_avro_file_is_said_with_its_name) {
  const auto path = files.write("a.avro", "Obk\1 and so on");
  EXPECT_THAT(error_of([&] { values_of({path}); }),
              StartsWith(path + ": byte 0 of the file: no Avro header: it does not begin"));
  ReadCounts read;
  EXPECT_TRUE(values_of({path}, Errors::skip, &read).empty());
  EXPECT_EQ(read, (ReadCounts{.bad_files = 1}));
  auto odd = content_of(write("b.avro", {1}, {.schema = R"("long")"}));
  odd.replace(odd.find("deflate"), 7, "deflats");
  EXPECT_THAT(error_of([&] { values_of({files.write("b.avro", odd)}); }),
              HasSubstr("no Avro codec 'deflats'; there are null, deflate"));
  EXPECT_THAT(error_of([&] { values_of({files.path("none")}); }), HasSubstr("No such file"));
}

TEST_F(Avro, truncated_and_harmed_files_are_errors_and_skip_goes_on_behind_the_harm) {
  const auto items = drawn_items(60);
  std::mt19937_64 random{23};
  for (const auto codec : all_codecs) {
    const auto whole = content_of(write("a", items, {.schema = rich_schema, .codec = codec, .block_bytes = 1500}));
    const auto data_at = whole.size() * 2 / 3;  // behind the header, inside of some block
    for (int i = 0; i < 80; ++i) {
      auto harmed = whole;
      if (i % 3 == 0)
        harmed.resize(random() % whole.size());
      else
        for (auto n = 1 + random() % 3; n > 0; --n)
          harmed[random() % whole.size()] ^= static_cast<char>(1U << random() % 8);
      const auto path = files.write("harmed", harmed);
      // It may still be read, where nothing checks: but it says where, or ends.
      EXPECT_THAT(error_of([&] { values_of({path}); }), ::testing::AnyOf("no error", StartsWith(path + ": ")));
      values_of({path}, Errors::skip);
      values_of({path, harmed.size() / 2}, Errors::skip);
    }
    const auto cut = files.write("cut", whole.substr(0, data_at));
    EXPECT_THAT(error_of([&] { values_of({cut}); }), AllOf(StartsWith(cut + ": byte "), HasSubstr("truncated")));
    auto one = whole;
    one[data_at] ^= 0x55;
    one[data_at + 1] ^= 0x55;
    ReadCounts read;
    const auto rest = values_of({files.write("one", one)}, Errors::skip, &read);
    EXPECT_GT(rest.size(), items.size() / 2) << name_of(codec);
    EXPECT_EQ(rest.size(), read.lines);
    EXPECT_TRUE(rest.front() == items.front() && rest.back() == items.back()) << name_of(codec);
    const bool checked = codec != AvroCodec::null && codec != AvroCodec::deflate;
    EXPECT_TRUE(!checked || read.bad_records > 0) << name_of(codec);
  }
}

TEST_F(Avro, a_letter_changed_in_packed_data_is_noticed_by_its_checksum) {
  for (const auto codec : {AvroCodec::snappy, AvroCodec::bzip2, AvroCodec::xz, AvroCodec::zstandard}) {
    auto file = content_of(write("a", {"abcdefghijklm"}, {.schema = R"("string")", .codec = codec}));
    const auto letter = file.rfind("fgh");
    if (letter == std::string::npos) continue;  // packed so that it cannot be seen
    file[letter] ^= 1;
    const auto error = error_of([&] { values_of({files.write("a", file)}); });
    EXPECT_THAT(error, AllOf(HasSubstr("corrupt " + std::string(name_of(codec))), HasSubstr("checksum"))) << error;
  }
}

TEST_F(Avro, claims_of_harmed_bytes_are_not_believed) {
  const auto of = [&](const char* schema, const std::string& block, const std::string& head) {
    auto file = content_of(write("a", {}, {.schema = schema, .codec = AvroCodec::null}));
    file += head + block + file.substr(file.size() - 16);
    return error_of([&] { values_of({files.write("a", file)}); });
  };
  const std::string many = "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01";  // 2^63 - 1
  EXPECT_THAT(of(R"("null")", "", many + "\0"s), HasSubstr("too many values"));
  EXPECT_THAT(of(R"({"type": "array", "items": "null"})", many + "\0"s, "\2\x16"),
              HasSubstr("more items than there is room for"));
  EXPECT_THAT(of(R"("string")", many, "\2\x14"), HasSubstr("more bytes than there are"));
  EXPECT_THAT(of(R"({"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]})",
                 std::string(100'000, '\2'), "\2\xC0\x9A\x0C"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(of(R"("long")", "", "\2" + many), HasSubstr("no block begins here"));
  EXPECT_THAT(of(R"("long")", "\2\2", "\2\4"), HasSubstr("left over"));
}

}  // namespace
}  // namespace troupe::io
