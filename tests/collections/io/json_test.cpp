#include "collections/io/json.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <functional>
#include <random>

#include "collections/io/text_output.hpp"
#include "tests/collections/io/files.hpp"

namespace troupe::io {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<Json> values_of(const TextBlock& block, const TextFormat& format = {}, ReadCounts* counts = nullptr) {
  std::vector<Json> values;
  const auto counted = read_json_lines(block, format, [&](Json value) { values.push_back(std::move(value)); });
  if (counts != nullptr) *counts = counted;
  return values;
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

/// A value of any shape, by chance.
Json drawn(std::mt19937_64& random, int depth) {
  switch (random() % (depth > 3 ? 6 : 8)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: return static_cast<std::int64_t>(random());
    case 3: return random() | std::uint64_t{1} << 63U;
    case 4: return static_cast<double>(random() % 1'000'000) / 1024.0;
    case 5: return boost::json::string(std::string(random() % 30, 'x') + "é\n\"\\\x01");
    case 6: {
      boost::json::array array;
      for (auto n = random() % 5; n > 0; --n) array.push_back(drawn(random, depth + 1));
      return array;
    }
    default: {
      boost::json::object object;
      for (auto n = random() % 5; n > 0; --n) object["k" + std::to_string(random() % 9)] = drawn(random, depth + 1);
      return object;
    }
  }
}

class JsonLines : public testing::Test {
protected:
  ScratchFiles files;
};

TEST_F(JsonLines, each_line_is_a_value_and_empty_ones_are_none) {
  const auto path = files.write("a.jsonl", "{\"a\": [1, 2.5, \"x\"]}\n\n  \nnull\r\n18446744073709551615");
  ReadCounts counts;
  EXPECT_THAT(values_of({path}, {}, &counts),
              ElementsAre(boost::json::parse(R"({"a": [1, 2.5, "x"]})"), Json(nullptr), Json(18446744073709551615U)));
  EXPECT_EQ(counts, (ReadCounts{.lines = 3}));
}

TEST_F(JsonLines, values_written_are_read_back_from_blocks_of_any_size) {
  std::mt19937_64 random{11};
  std::vector<Json> values;
  for (int i = 0; i < 500; ++i) values.push_back(drawn(random, 0));
  for (const auto* name : {"a.jsonl", "a.jsonl.gz"}) {
    LineWriter writer(files.path(name), {});
    for (const auto& value : values) writer.write(json_line(value));
    writer.finish();
    TextCut cut;
    if (resolved(Compression::infer, name) == Compression::none) cut.blocksize = 700;
    const auto plan = plan_text({files.path(name)}, {}, cut);
    EXPECT_GT(plan.size(), cut.blocksize ? 10U : 0U);
    std::vector<Json> read;
    for (const auto& partition : plan)
      for (const auto& block : partition)
        for (auto& value : values_of(block)) read.push_back(std::move(value));
    EXPECT_TRUE(read == values) << name;
  }
}

TEST_F(JsonLines, a_malformed_line_is_named_by_its_byte_or_skipped_and_counted) {
  const auto text = "{\"a\": 1}\n{\"a\": x}\n[1] 2\n{\"b\":\ntrue\n"s;
  const auto path = files.write("a.jsonl", text);
  EXPECT_THAT(error_of([&] { values_of({path}); }),
              StartsWith(path + ": byte 15 of the file: malformed JSON: syntax error"));
  EXPECT_THAT(error_of([&] {
                values_of({path, 18, 1});
              }),
              StartsWith(path + ": byte 22 of the file: malformed JSON: extra data"));
  EXPECT_THAT(error_of([&] {
                values_of({path, 24, 1});
              }),
              StartsWith(path + ": byte 29 of the file: malformed JSON: incomplete"));
  EXPECT_THAT(error_of([&] { values_of({path}, {.errors = Errors::replace}); }), HasSubstr("choose errors=skip"));
  const auto packed = files.packed("a.gz", text, "gzip -c");
  EXPECT_THAT(error_of([&] { values_of({packed}); }), HasSubstr("byte 15 of its text: malformed JSON"));
  ReadCounts counts;
  EXPECT_EQ(values_of({path}, {.errors = Errors::skip}, &counts).size(), 2U);
  EXPECT_EQ(counts, (ReadCounts{.lines = 2, .bad_records = 3}));
  EXPECT_THAT(error_of([&] { values_of({files.write("deep", std::string(100'000, '['))}); }), HasSubstr("too deep"));
}

TEST_F(JsonLines, numbers_that_json_has_not_are_refused) {
  EXPECT_THAT(error_of([] { json_line({1, std::numeric_limits<double>::quiet_NaN()}); }), HasSubstr("JSON cannot say"));
  EXPECT_EQ(json_line({1, 2}), "[1,2]");
}

TEST(JsonCodec, values_travel_and_harmed_bytes_are_noticed) {
  std::mt19937_64 random{13};
  for (int i = 0; i < 300; ++i) {
    const auto value = drawn(random, 0);
    std::vector<std::byte> bytes;
    Encoder out(bytes);
    encode_value(value, out);
    Decoder in(bytes);
    ASSERT_EQ(decode_value<Json>(in), value);
    EXPECT_GE(deep_size(value), sizeof(Json));
    for (int harm = 0; harm < 20; ++harm) {
      auto harmed = bytes;
      harmed[random() % harmed.size()] ^= static_cast<std::byte>(1U << random() % 8);
      harmed.resize(1 + random() % harmed.size());
      Decoder again(harmed);
      try {
        decode_value<Json>(again);
      } catch (const DecodeError&) {
      }
    }
  }
}

}  // namespace
}  // namespace troupe::io
