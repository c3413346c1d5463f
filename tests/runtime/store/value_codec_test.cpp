#include "runtime/store/container_codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>

namespace geo {

struct Point {
  double x{};
  double y{};
  friend bool operator==(const Point&, const Point&) = default;
};
struct Padded {
  std::int8_t kind{};
  std::int64_t value{};
  friend bool operator==(const Padded&, const Padded&) = default;
};
struct Swapped {
  std::int32_t first{};
  std::int32_t second{};
  friend bool operator==(const Swapped&, const Swapped&) = default;
};
struct Path {
  std::string name;
  std::vector<Point> points;
  std::optional<Padded> note;
  friend bool operator==(const Path&, const Path&) = default;
};
enum class Colour : std::uint8_t { red, green };

}  // namespace geo
TROUPE_FIELDS(geo::Point, x, y)
TROUPE_FIELDS(geo::Padded, kind, value)
TROUPE_FIELDS(geo::Swapped, second, first)
TROUPE_FIELDS(geo::Path, name, points, note)

namespace acme {
struct Image {
  std::string pixels;
  friend bool operator==(const Image&, const Image&) = default;
};
struct Unknown {};
}  // namespace acme
template <>
struct troupe::ValueCodec<acme::Image> {
  static constexpr std::string_view type_name = "acme.Image";
  static void encode(const acme::Image& image, Encoder& out) { encode_value(image.pixels, out); }
  static acme::Image decode(Decoder& in) { return {decode_value<std::string>(in)}; }
};

namespace troupe {
namespace {

struct Frames {
  std::vector<std::byte> header;
  std::vector<Bytes> buffers;
};

/// Buffers may refer to `value`, which must live as long.
template <class T>
Frames frames_of(const T& value) {
  Frames frames;
  Encoder out(frames.header, frames.buffers, &value,
              [](const void*) { return std::shared_ptr<const void>(std::make_shared<int>(0)); });
  encode_value(value, out);
  return frames;
}

template <class T>
T value_of(std::span<const std::byte> header, std::span<const Bytes> buffers = {}) {
  Decoder in(header, buffers);
  T value = decode_value<T>(in);
  in.finish();
  return value;
}

/// There and back with buffers apart and in line; cut anywhere, or with any byte changed, it may fail but not crash.
template <class T>
void comes_back(const T& value) {
  SCOPED_TRACE(std::string(type_name<T>()));
  const auto apart = frames_of(value);
  EXPECT_EQ(value_of<T>(apart.header, apart.buffers), value);
  EXPECT_GE(apart.header.size(), detail::min_size<T>());

  std::vector<std::byte> header;
  Encoder out(header);
  encode_value(value, out);
  EXPECT_EQ(value_of<T>(header), value);
  EXPECT_GE(deep_size(value), sizeof(T));

  const std::size_t step = 1 + header.size() / 500;
  for (std::size_t size = 0; size < header.size(); size += step) {
    const std::vector<std::byte> cut(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW((void)value_of<T>(cut), DecodeError) << size;
  }
  auto longer = header;
  longer.push_back(std::byte{0});
  EXPECT_THROW((void)value_of<T>(longer), DecodeError);
  for (std::size_t at = 0; at < header.size(); at += step)
    for (const int flip : {0x01, 0x80, 0xff}) {
      auto changed = header;
      changed[at] ^= static_cast<std::byte>(flip);
      try {
        (void)value_of<T>(changed);
      } catch (const DecodeError&) {
      }
    }
}

TEST(ValueCodec, scalars_come_back) {
  comes_back(true);
  comes_back('x');
  comes_back(std::numeric_limits<std::int8_t>::min());
  comes_back(std::numeric_limits<std::uint64_t>::max());
  comes_back(std::numeric_limits<double>::lowest());
  comes_back(-0.5F);
  comes_back(geo::Colour::green);
  comes_back(Unit{});
  comes_back(std::complex<double>(1, -2));
}

TEST(ValueCodec, containers_come_back_empty_and_filled) {
  comes_back(std::string{});
  comes_back(std::string("zero \0 inside", 13));
  comes_back(std::vector<double>{});
  comes_back(std::vector<double>{1, 2, 3});
  comes_back(std::vector<std::string>{"", "a", std::string(300, 'b')});
  comes_back(std::vector<bool>{});
  comes_back(std::vector<bool>{true, false, true, true, false, false, false, true, true});
  comes_back(std::deque<std::string>{"x", "y"});
  comes_back(std::array<int, 0>{});
  comes_back(std::array<std::int16_t, 3>{1, 2, 3});
  comes_back(std::array<std::string, 2>{"l", "r"});
  comes_back(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  comes_back(std::unordered_map<int, std::string>{{1, "one"}, {2, "two"}});
  comes_back(std::set<std::string>{"p", "q"});
  comes_back(std::unordered_set<std::int64_t>{5, 6, 7});
  comes_back(std::pair<int, std::string>{1, "x"});
  comes_back(std::tuple<>{});
  comes_back(std::tuple<int, double, std::string>{1, 2.0, "three"});
  comes_back(std::optional<std::string>{});
  comes_back(std::optional<std::string>{"here"});
  comes_back(std::variant<int, std::string>{std::string("second")});
  comes_back(std::vector<std::map<std::string, std::optional<std::pair<int, std::vector<std::string>>>>>{
      {{"k", std::pair{1, std::vector<std::string>{"deep"}}}, {"none", std::nullopt}}, {}});
}

TEST(ValueCodec, structs_come_back_by_their_fields) {
  comes_back(geo::Point{1, 2});
  comes_back(geo::Padded{-1, 1LL << 40});
  comes_back(geo::Swapped{1, 2});
  comes_back(geo::Path{"home", {{0, 0}, {1, 1}}, geo::Padded{1, 2}});
  comes_back(acme::Image{"....."});
  static_assert(detail::is_plain<geo::Point>);
  static_assert(!detail::is_plain<geo::Padded>, "padding would leak");
  static_assert(!detail::is_plain<geo::Swapped>, "listed in another order than it lies in memory");
  static_assert(!detail::is_plain<bool>, "not every pattern of bits is one");
}

TEST(ValueCodec, types_without_a_codec_are_known_to_the_compiler) {
  static_assert(Encodable<std::vector<geo::Path>>);
  static_assert(!Encodable<acme::Unknown>);
  static_assert(!Encodable<int*>);
  static_assert(!Encodable<long double>);
}

TEST(ValueCodec, large_contiguous_data_leaves_the_header_and_is_not_joined) {
  std::vector<double> numbers(100'000);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const auto frames = frames_of(numbers);
  ASSERT_EQ(frames.buffers.size(), 1U);
  EXPECT_EQ(frames.buffers[0].data(), reinterpret_cast<const std::byte*>(numbers.data()));
  EXPECT_LE(frames.header.size(), 10U);
  comes_back(numbers);
  comes_back(std::pair<std::string, std::vector<geo::Point>>{std::string(5000, 'a'), std::vector<geo::Point>(1000)});

  const std::vector<double> below(511);
  EXPECT_TRUE(frames_of(below).buffers.empty());
}

TEST(ValueCodec, a_buffer_is_adopted_and_a_vector_is_copied_once_and_counted) {
  std::byte* fill = nullptr;
  const auto buffer = Buffer::allocate(1 << 20, &fill);
  std::memset(fill, 7, 1 << 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(fill) % 64, 0U);
  const auto frames = frames_of(buffer);
  ASSERT_EQ(frames.buffers.size(), 1U);
  Decoder in(frames.header, frames.buffers);
  const auto back = decode_value<Buffer>(in);
  EXPECT_EQ(back.data(), buffer.data());
  EXPECT_EQ(in.copied(), 0U);

  const std::vector<std::uint8_t> numbers(1 << 20, 7);
  const auto vector_frames = frames_of(numbers);
  Decoder again(vector_frames.header, vector_frames.buffers);
  EXPECT_EQ(decode_value<std::vector<std::uint8_t>>(again), numbers);
  EXPECT_EQ(again.copied(), std::uint64_t{1} << 20);
  comes_back(buffer.slice(0, 100));
  comes_back(Buffer{});
}

TEST(ValueCodec, a_buffer_at_an_odd_address_is_copied_to_an_even_one) {
  const Bytes memory = detail::copy_bytes(std::vector<std::byte>(9000));
  const Buffer odd(memory.slice(1, 8999));
  const auto frames = frames_of(odd);
  Decoder in(frames.header, frames.buffers);
  const auto back = decode_value<Buffer>(in);
  EXPECT_EQ(back, odd);
  EXPECT_EQ(in.copied(), 8999U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(back.data()) % 64, 0U);
}

TEST(ValueCodec, a_block_keeps_its_shape_and_refuses_a_wrong_one) {
  double* fill = nullptr;
  const auto block = Block<double>::allocate({3, 4}, &fill);
  std::iota(fill, fill + 12, 0.0);
  comes_back(block);
  EXPECT_EQ(block[11], 11.0);

  std::vector<std::byte> header;
  Encoder out(header);
  encode_value(std::vector<std::int64_t>{3, 5}, out);
  encode_value(block.buffer(), out);
  EXPECT_THROW((void)value_of<Block<double>>(header), DecodeError);
  header.clear();
  encode_value(std::vector<std::int64_t>{INT64_MAX, INT64_MAX}, out);
  encode_value(block.buffer(), out);
  EXPECT_THROW((void)value_of<Block<double>>(header), DecodeError);
}

TEST(ValueCodec, a_count_that_lies_allocates_nothing_large) {
  std::vector<std::byte> header;
  Encoder out(header);
  out.count(std::uint64_t{1} << 60);
  EXPECT_THROW((void)value_of<std::vector<std::string>>(header), DecodeError);
  EXPECT_THROW((void)value_of<std::vector<bool>>(header), DecodeError);
  EXPECT_THROW((void)value_of<std::string>(header), DecodeError);
  EXPECT_THROW((void)(value_of<std::map<int, int>>(header)), DecodeError);
}

TEST(ValueCodec, buffers_that_are_missing_too_many_or_of_another_size_are_refused) {
  const std::vector<double> numbers(1000);
  const auto frames = frames_of(numbers);
  EXPECT_THROW((void)value_of<std::vector<double>>(frames.header), DecodeError);
  const std::vector<Bytes> two{frames.buffers[0], frames.buffers[0]};
  EXPECT_THROW((void)value_of<std::vector<double>>(frames.header, two), DecodeError);
  const std::vector<Bytes> shorter{frames.buffers[0].slice(0, 7992)};
  EXPECT_THROW((void)value_of<std::vector<double>>(frames.header, shorter), DecodeError);
}

TEST(ValueCodec, random_bytes_never_crash) {
  std::mt19937_64 random(17);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> header(random() % 40);
    for (auto& byte : header) byte = static_cast<std::byte>(random() % 8 == 0 ? random() : random() % 4);
    try {
      (void)value_of<std::vector<geo::Path>>(header);
    } catch (const DecodeError&) {
    }
    try {
      (void)(value_of<std::map<std::string, std::variant<std::vector<bool>, Block<float>, std::string>>>(header));
    } catch (const DecodeError&) {
    }
  }
}

TEST(ValueCodec, fingerprints_depend_on_the_canonical_name_alone) {
  // Kept numbers: a change here breaks every stored value and every running cluster.
  EXPECT_EQ(type_name<std::vector<double>>(), "vec<f64>");
  EXPECT_EQ(type_fingerprint<std::vector<double>>(), 0xec52f9a8b646de51ULL);
  EXPECT_EQ(type_fingerprint<double>(), 0xdd744c18ff7ea1abULL);
  EXPECT_EQ(type_fingerprint<std::string>(), 0x704be0d8faaffc58ULL);
  EXPECT_EQ((type_name<std::map<std::string, std::tuple<bool, std::array<geo::Colour, 12>>>>()),
            "map<string,tuple<bool,array<enum<u8>,12>>>");
  EXPECT_EQ(type_name<geo::Padded>(), "geo::Padded{kind:i8,value:i64}");
  EXPECT_EQ(type_fingerprint<long>(), type_fingerprint<long long>());
  EXPECT_NE(type_fingerprint<char>(), type_fingerprint<signed char>());
}

}  // namespace
}  // namespace troupe
