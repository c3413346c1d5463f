// Payloads as a broken or hostile peer would send them: each is refused with a text or read as some valid message.

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/allocated_bytes.hpp"
#include "tests/protocol/codec_cases.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

template <class Message>
Bytes payload_of(const Message& message) {
  FrameEncoder encoder;
  return Bytes::copy(encoder.encode(message)->payload().span());
}

/// Payload of 64-bit words.
Bytes words(std::initializer_list<std::uint64_t> values) {
  return Bytes::copy(std::as_bytes(std::span(values.begin(), values.size())));
}

std::string error_of(const Bytes& payload) {
  const auto message = decode<ToClient>(payload);
  return message ? "accepted" : message.error().text;
}

TEST(HostilePayload, CutOffAtEveryByteItIsRefused) {
  for_each_message([]<class Message>(const std::string& name, const Message& message) {
    const auto whole = payload_of(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto result = decode<Message>(Bytes::copy(whole.span().first(size)));
      ASSERT_FALSE(result) << name << " cut to " << size;
      ASSERT_EQ(result.error().kind, ErrorKind::invalid);
      ASSERT_FALSE(result.error().text.empty());
    }
  });
}

TEST(HostilePayload, WithAnyBitFlippedItDoesNoHarm) {
  for_each_message([]<class Message>(const std::string&, const Message& message) {
    const auto whole = payload_of(message);
    std::vector<std::byte> changed(whole.span().begin(), whole.span().end());
    for (std::size_t bit = 0; bit < changed.size() * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1U << bit % 8);
      changed[bit / 8] ^= mask;
      const auto result = decode<Message>(Bytes::copy(changed));
      if (result) {
        FrameEncoder encoder;  // whatever was read can be said again
        EXPECT_TRUE(encoder.encode(*result));
      }
      changed[bit / 8] ^= mask;
    }
  });
}

TEST(HostilePayload, OfRandomBytesItDoesNoHarm) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint64_t> noise(random() % 40);
    for (auto& word : noise) word = random() & (random() % 3 == 0 ? ~0ULL : 0xff0000000fULL);
    if (!noise.empty()) noise[0] = (noise.size() - 1) << 32;
    const auto payload = Bytes::copy(std::as_bytes(std::span(noise)));
    (void)decode<ClientMessage>(payload);
    (void)decode<ToWorker>(payload);
  }
}

TEST(HostilePayload, OfAnotherConversationItDoesNoHarm) {
  for_each_message([]<class Message>(const std::string&, const Message& message) {
    const auto payload = payload_of(message);
    (void)decode<ClientMessage>(payload);
    (void)decode<ToClient>(payload);
    (void)decode<WorkerMessage>(payload);
    (void)decode<ToWorker>(payload);
    (void)decode<NannyMessage>(payload);
    (void)decode<ToNanny>(payload);
    (void)decode<PeerMessage>(payload);
  });
}

TEST(HostilePayload, SegmentTablesThatDoNotAddUpAreRefused) {
  EXPECT_THAT(error_of({}), HasSubstr("payload of 0 bytes"));
  EXPECT_THAT(error_of(words({0})), HasSubstr("payload of 8 bytes"));
  EXPECT_THAT(error_of(Bytes::copy(std::string(23, '\0'))), HasSubstr("payload of 23 bytes"));
  EXPECT_THAT(error_of(words({2ULL << 32, 0})), HasSubstr("longer than the payload"));
  EXPECT_THAT(error_of(words({0xffffffffULL << 32, 0})), HasSubstr("longer than the payload"));
  EXPECT_THAT(error_of(words({1ULL << 32, 0, 0})), HasSubstr("segments of 16 bytes in a payload of 24"));
  EXPECT_THAT(error_of(words({0xffffffff, 0, 0})), HasSubstr("segments, the limit is 512"));
}

TEST(HostilePayload, ManySegmentsAreTakenUpToTheLimit) {
  const auto with_segments = [](std::uint32_t count) {
    std::vector<std::uint32_t> table((count + 2) / 2 * 2);
    table[0] = count - 1;
    table[1] = 1;  // the others are empty
    table.resize(table.size() + 2);
    return error_of(Bytes::copy(std::as_bytes(std::span(table))));
  };
  // A null root reads as the first verb with nothing in it.
  EXPECT_EQ(with_segments(WireLimits::segments - 1), "accepted");
  EXPECT_EQ(with_segments(WireLimits::segments), "accepted");
  EXPECT_EQ(with_segments(WireLimits::segments + 1), "513 segments, the limit is 512");
}

TEST(HostilePayload, AVerbOfTheFutureIsNamed) {
  // Root: a struct with one word of data, the verb, and one pointer.
  EXPECT_EQ(error_of(words({3ULL << 32, 1ULL << 48 | 1ULL << 32, 99, 0})), "ToClient: unknown verb 99");
}

TEST(HostilePayload, AListThatPointsOutsideIsRefused) {
  // verb 2 (KeysReady), which has four pointers; the first says 2^20 numbers follow.
  EXPECT_THAT(
      error_of(words({8ULL << 32, 1ULL << 48 | 1ULL << 32, 2, 4ULL << 48, (5ULL | 1ULL << 23) << 32 | 1, 0, 0, 0, 0})),
      HasSubstr("not a valid message"));
}

template <class Message>
std::size_t allocated_by_decoding(const Bytes& payload) {
  const auto before = allocated_bytes();
  (void)decode<Message>(payload);
  return allocated_bytes() - before;
}

TEST(HostilePayload, MemoryTakenIsASmallMultipleOfThePayload) {
  for_each_message([]<class Message>(const std::string& name, const Message& message) {
    const auto whole = payload_of(message);
    std::mt19937_64 random(3);
    std::vector<std::byte> changed(whole.span().begin(), whole.span().end());
    for (int round = 0; round < 2000; ++round) {
      const auto bit = random() % (changed.size() * 8);
      changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      const auto payload = Bytes::copy(changed);
      ASSERT_LE(allocated_by_decoding<Message>(payload), payload.size() * 10 + (16U << 10)) << name;
      if (random() % 4 == 0) changed.assign(whole.span().begin(), whole.span().end());
    }
  });
}

TEST(HostilePayload, AListOfAMillionEmptyStructsIsNotBelieved) {
  // verb 6 (WorkerAddresses) -> list of 2^20 structs of no size: an amplification attack.
  const auto payload =
      words({6ULL << 32, 1ULL << 48 | 1ULL << 32, 6, 1ULL << 48, 7ULL << 32 | 1, std::uint64_t{1U << 20} << 2, 0});
  EXPECT_NE(error_of(payload), "accepted");
  EXPECT_LE(allocated_by_decoding<ToClient>(payload), 16U << 10);
}

}  // namespace
}  // namespace troupe
