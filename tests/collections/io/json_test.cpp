#include "collections/io/json.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <functional>
#include <random>

#include "collections/io/json_struct.hpp"
#include "collections/io/text_output.hpp"
#include "tests/collections/io/files.hpp"

namespace shop {

struct Item {
  std::string name{};
  double price{};
  std::uint8_t count{};
  friend bool operator==(const Item&, const Item&) = default;
};

struct Order {
  std::int64_t id{};
  std::optional<std::string> note{};
  std::vector<Item> items{};
  std::map<std::string, bool> tags{};
  friend bool operator==(const Order&, const Order&) = default;
};

}  // namespace shop
TROUPE_FIELDS(shop::Item, name, price, count);
TROUPE_FIELDS(shop::Order, id, note, items, tags);

namespace troupe::io {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<Json> values_of(const TextBlock& block, const TextFormat& format = {}, ReadCounts* counts = nullptr) {
  std::vector<Json> values;
  const auto counted = read_json_lines(block, format, [&](Json value) { values.push_back(std::move(value)); });
  if (counts != nullptr) *counts = counted;
  return values;
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

class JsonLines : public ::testing::Test {
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

TEST_F(JsonLines, lines_are_read_as_described_structs_and_written_from_them) {
  const shop::Order order{.id = 7, .note = {}, .items = {{"tea", 2.5, 3}, {"salt", 1, 1}}, .tags = {{"a", true}}};
  const auto line = json_line(to_json(order));
  EXPECT_EQ(
      line,
      R"({"id":7,"note":null,"items":[{"name":"tea","price":2.5E0,"count":3},{"name":"salt","price":1E0,"count":1}],"tags":{"a":true}})");
  const auto path = files.write("a", line + "\n{\"id\": 8, \"items\": [], \"tags\": {}, \"unknown\": 1}\n");
  std::vector<shop::Order> orders;
  const auto keep = [&](shop::Order read) { orders.push_back(std::move(read)); };
  read_json_lines_as<shop::Order>({path}, {}, keep);
  EXPECT_THAT(orders, ElementsAre(order, shop::Order{.id = 8, .note = {}, .items = {}, .tags = {}}));

  const std::string first = "{\"id\": 8, \"items\": [";
  const auto wrong =
      files.write("b", line + "\n" + first + "{\"name\": \"x\", \"price\": 1, \"count\": 300}], \"tags\": {}}\n[]\n" +
                           first + "], \"tags\": 1}\n" + first + "]}\n");
  const auto after = [&](std::size_t offset) {
    return error_of([&] { read_json_lines_as<shop::Order>({wrong, offset}, {}, keep); });
  };
  const auto text = content_of(wrong);
  EXPECT_THAT(after(0), StartsWith(wrong + ": byte " + std::to_string(line.size() + 1) +
                                   " of the file: .items[0].count: is no whole number of 8 bits; mend the line"));
  EXPECT_THAT(after(text.find("\n[]") + 1), HasSubstr("is no object"));
  EXPECT_THAT(after(text.find("\n[]") + 2), HasSubstr(".tags: is no object"));
  EXPECT_THAT(after(text.rfind(first)), HasSubstr("has no tags"));
  orders.clear();
  EXPECT_EQ(read_json_lines_as<shop::Order>({wrong}, {.errors = Errors::skip}, keep),
            (ReadCounts{.lines = 1, .bad_records = 4}));
  EXPECT_THAT(orders, ElementsAre(order));
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
