#include "runtime/store/value.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace {

/// Counts what happens to its objects.
struct Counted {
  static inline int copies = 0;
  static inline int moves = 0;
  static inline int alive = 0;
  int number{};
  std::string text;

  Counted() { ++alive; }
  explicit Counted(int n) : number(n) { ++alive; }
  Counted(const Counted& other) : number(other.number), text(other.text) { ++copies, ++alive; }
  Counted(Counted&& other) noexcept : number(other.number), text(std::move(other.text)) { ++moves, ++alive; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
};

}  // namespace
TROUPE_FIELDS(Counted, number, text)

namespace troupe {
namespace {

TEST(Value, small_plain_objects_lie_in_the_value_itself) {
  const auto value = Value::make(1.5);
  const auto* object = reinterpret_cast<const std::byte*>(value.get<double>());
  EXPECT_GE(object, reinterpret_cast<const std::byte*>(&value));
  EXPECT_LT(object, reinterpret_cast<const std::byte*>(&value + 1));
  EXPECT_EQ(sizeof(Value), 24U);
  const Value copy = value;
  EXPECT_EQ(*copy.get<double>(), 1.5);
}

TEST(Value, copies_share_one_object_that_dies_with_the_last) {
  Counted::copies = 0;
  {
    auto value = Value::make(Counted(7));
    const auto copy = value;
    EXPECT_EQ(copy.get<Counted>(), value.get<Counted>());
    EXPECT_FALSE(value.unique());
    value.reset();
    EXPECT_TRUE(copy.unique());
    EXPECT_EQ(copy.get<Counted>()->number, 7);
  }
  EXPECT_EQ(Counted::copies, 0);
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Value, another_type_is_refused_with_both_names) {
  const auto value = Value::make(std::vector<double>{1});
  EXPECT_EQ(value.get<int>(), nullptr);
  const auto found = value.as<std::string>();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::invalid);
  EXPECT_EQ(found.error().text, "the value is vec<f64>, not string");
  EXPECT_EQ(Value{}.as<int>().error().text, "the value is nothing, not i32");
}

TEST(Value, frames_are_decoded_when_first_asked_for_and_once) {
  const auto original = Value::make(std::vector<std::string>{"a", "b"});
  const auto value = Value::from_encoded(original.encode());
  EXPECT_EQ(value.fingerprint(), original.fingerprint());
  EXPECT_EQ(value.get<std::vector<std::string>>(), nullptr);
  const auto found = value.as<std::vector<std::string>>();
  ASSERT_TRUE(found);
  EXPECT_EQ(**found, (std::vector<std::string>{"a", "b"}));
  const auto copy = value;
  EXPECT_EQ(*copy.as<std::vector<std::string>>(), *found);
  EXPECT_EQ(copy.get<std::vector<std::string>>(), *found);
  EXPECT_EQ(value.as<int>().error().text, "the value is vec<string>, not i32");
}

TEST(Value, frames_of_another_type_are_refused_undecoded) {
  const auto value = Value::from_encoded(Value::make(2.0).encode());
  EXPECT_EQ(value.as<std::string>().error().text, "the value is f64, not string");
}

TEST(Value, frames_that_are_broken_are_an_error_each_time) {
  auto encoded = Value::make(std::vector<std::string>{"a"}).encode();
  encoded.header = encoded.header.slice(0, encoded.header.size() - 1);
  const auto value = Value::from_encoded(encoded);
  for (int i = 0; i < 2; ++i) {
    const auto found = value.as<std::vector<std::string>>();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::failed);
    EXPECT_EQ(found.error().text, "not a valid vec<string>: the encoding ends too early");
  }
}

TEST(Value, many_threads_decode_the_same_frames_once) {
  for (int round = 0; round < 50; ++round) {
    const auto value = Value::from_encoded(Value::make(std::string(10'000, 'x')).encode());
    std::atomic<const std::string*> first{nullptr};
    std::atomic<int> same{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, copy = value] {
        const auto* found = *copy.as<std::string>();
        const std::string* expected = nullptr;
        if (first.compare_exchange_strong(expected, found) || expected == found) ++same;
        (void)copy.encode();
      });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(same, 4);
  }
}

TEST(Value, out_of_band_buffers_keep_the_object_alive) {
  EncodedValue encoded;
  const double* data = nullptr;
  {
    const auto value = Value::make(std::vector<double>(10'000, 2.5));
    data = value.get<std::vector<double>>()->data();
    encoded = value.encode();
  }
  ASSERT_EQ(encoded.buffers.size(), 1U);
  EXPECT_EQ(encoded.buffers[0].data(), reinterpret_cast<const std::byte*>(data));
  EXPECT_EQ(data[9'999], 2.5);
  EXPECT_EQ(encoded.nbytes(), encoded.header.size() + 80'000);
}

TEST(Value, a_buffer_crosses_with_no_copy_by_the_counter) {
  std::byte* fill = nullptr;
  auto buffer = Buffer::allocate(1 << 20, &fill);
  std::memset(fill, 1, 1 << 20);
  const auto value = Value::make(buffer);
  const auto before = copied_bytes();
  const auto there = Value::from_encoded(value.encode());
  EXPECT_EQ((*there.as<Buffer>())->data(), buffer.data());
  EXPECT_EQ(copied_bytes(), before);
  (void)Value::from_encoded(Value::make(std::string(5000, 'x')).encode()).as<std::string>();
  EXPECT_EQ(copied_bytes(), before + 5000);
}

TEST(Value, the_last_reader_takes_the_object_and_others_a_copy) {
  auto value = Value::make(Counted(1));
  auto other = value;
  Counted::copies = 0;
  EXPECT_EQ(value.take<Counted>()->number, 1);
  EXPECT_EQ(Counted::copies, 1);
  EXPECT_FALSE(value);
  Counted::copies = 0;
  EXPECT_EQ(other.take<Counted>()->number, 1);
  EXPECT_EQ(Counted::copies, 0);
  EXPECT_FALSE(other);
  EXPECT_EQ(Counted::alive, 0);

  auto text = Value::make(std::string("kept"));
  EXPECT_FALSE(text.take<int>());
  EXPECT_EQ(*text.get<std::string>(), "kept");
}

TEST(Value, the_last_reader_of_frames_takes_the_decoded_object) {
  auto value = Value::from_encoded(Value::make(std::vector<double>(1000, 1.0)).encode());
  const auto* data = (*value.as<std::vector<double>>())->data();
  EXPECT_EQ(value.take<std::vector<double>>()->data(), data);
}

TEST(Value, the_inline_form_is_a_fingerprint_and_an_encoding) {
  std::vector<std::byte> out{std::byte{9}};
  ASSERT_TRUE(encode_inline(Value::make(0.5), 1024, out));
  ASSERT_EQ(out.size(), 17U);
  const auto bytes = Bytes::copy(std::span(out).subspan(1));
  EXPECT_EQ(*decode_inline_as<double>(bytes), 0.5);
  EXPECT_EQ(decode_inline_as<int>(bytes).error().text, "the value is f64, not i32");
  const auto value = decode_inline(bytes);
  ASSERT_TRUE(value);
  EXPECT_EQ(**value->as<double>(), 0.5);
  EXPECT_FALSE(decode_inline(bytes.slice(0, 8)));
  EXPECT_FALSE(decode_inline_as<double>(bytes.slice(0, 8)));
  EXPECT_FALSE(decode_inline_as<double>(bytes.slice(0, 12)));
}

TEST(Value, an_inline_form_over_the_limit_leaves_no_trace) {
  std::vector<std::byte> out{std::byte{9}};
  EXPECT_FALSE(encode_inline(Value::make(std::string(1022, 'a')), 1023, out));
  EXPECT_FALSE(encode_inline(Value::make(std::vector<std::string>(1000, "abc")), 1023, out));
  EXPECT_FALSE(encode_inline(Value::make(std::string(1 << 20, 'a')), 1023, out));
  EXPECT_FALSE(encode_inline(Value{}, 1023, out));
  EXPECT_EQ(out.size(), 1U);
  EXPECT_TRUE(encode_inline(Value::make(std::string(1021, 'a')), 1023, out));
  const auto frames = Value::from_encoded(Value::make(std::string(100, 'a')).encode());
  EXPECT_TRUE(encode_inline(frames, 1023, out));
  EXPECT_FALSE(encode_inline(frames, 50, out));
  EXPECT_TRUE(frames.as<std::string>());
  EXPECT_TRUE(encode_inline(frames, 1023, out));
}

TEST(Value, nbytes_counts_what_the_object_owns) {
  EXPECT_EQ(Value::make(1.0).nbytes(), 8U);
  EXPECT_EQ(Value::make(std::vector<double>(1000)).nbytes(), 8'000U + sizeof(std::vector<double>));
  EXPECT_GE(Value::make(std::map<std::string, std::string>{{"k", std::string(1000, 'v')}}).nbytes(), 1000U);
}

}  // namespace
}  // namespace troupe
