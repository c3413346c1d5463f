#include "runtime/store/shared_frames.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "runtime/store/container_codec.hpp"

namespace troupe {
namespace {

using Pair = std::pair<std::vector<double>, std::string>;

Pair pair_of(std::size_t size) { return {std::vector<double>(size, 2.5), std::string(size, 'a')}; }

TEST(SharedFrames, values_come_out_as_they_went_in_and_outlive_the_file) {
  std::vector<Value> read;
  {
    auto shared = SharedFrames::create();
    ASSERT_TRUE(shared) << shared.error().text;
    std::vector<std::uint64_t> places;
    for (const std::size_t size : {0, 3, 100'000}) {
      const auto place = shared->append(Value::make(pair_of(size)).encode());
      ASSERT_TRUE(place) << place.error().text;
      places.push_back(*place);
    }
    for (const auto place : places) {
      auto frames = shared->read(place);
      ASSERT_TRUE(frames) << frames.error().text;
      read.push_back(Value::from_encoded(std::move(*frames)));
    }
  }
  EXPECT_EQ(**read[0].as<Pair>(), pair_of(0));
  EXPECT_EQ(**read[1].as<Pair>(), pair_of(3));
  EXPECT_EQ(**read[2].as<Pair>(), pair_of(100'000));
}

TEST(SharedFrames, the_mark_is_nought_until_it_is_set) {
  auto shared = SharedFrames::create();
  ASSERT_TRUE(shared);
  EXPECT_EQ(*shared->mark(), 0U);
  ASSERT_TRUE(shared->set_mark(8192));
  EXPECT_EQ(*shared->mark(), 8192U);
}

TEST(SharedFrames, whatever_is_written_over_a_value_it_is_read_or_refused) {
  std::mt19937_64 random(7);
  const auto encoded = Value::make(pair_of(20'000)).encode();
  for (int round = 0; round < 2000; ++round) {
    auto shared = SharedFrames::create();
    ASSERT_TRUE(shared);
    const auto place = shared->append(encoded);
    ASSERT_TRUE(place);
    const std::uint64_t word = random() >> (random() % 64);
    const auto at = static_cast<off_t>(*place + random() % 64);
    ASSERT_EQ(::pwrite(shared->fd(), &word, sizeof word, at), static_cast<ssize_t>(sizeof word));
    auto frames = shared->read(*place);
    if (!frames) continue;
    Value value = Value::from_encoded(std::move(*frames));
    (void)value.as<Pair>();
  }
  auto shared = SharedFrames::create();
  EXPECT_FALSE(shared->read(0));
  EXPECT_FALSE(shared->read(1));
  EXPECT_FALSE(shared->read(1ULL << 40));
}

}  // namespace
}  // namespace troupe
