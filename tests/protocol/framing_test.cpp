#include "protocol/framing.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/samples.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

constexpr FrameHeader message_header{0, FrameKind::message, 5, 6, 7};

/// A reader as it is after the handshake.
FrameReader authenticated_reader() {
  FrameReader reader;
  reader.authenticated();
  return reader;
}

std::vector<std::byte> header_bytes(const FrameHeader& header) {
  std::vector<std::byte> bytes(FrameHeader::size);
  encode_header(header, std::span<std::byte, FrameHeader::size>(bytes));
  return bytes;
}

std::string error_after(FrameReader reader, std::span<const std::byte> bytes) {
  reader.feed(bytes);
  const auto frame = reader.next();
  if (frame) return *frame ? "a frame" : "more is needed";
  return frame.error().text;
}

TEST(FrameHeader, HasTheLayoutOfTheDocument) {
  const auto bytes = header_bytes({0x01020304 & ~7U, FrameKind::message, 0x0a0b0c0d, 0x1122334455667788, 42});
  const std::array<unsigned char, 32> expected{'T',  'R',  'P',  '1',  0x00, 0x03, 0x02, 0x01, 6,    0,    0,
                                               0,    0x0d, 0x0c, 0x0b, 0x0a, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
                                               0x22, 0x11, 42,   0,    0,    0,    0,    0,    0,    0};
  EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), expected.size()), 0);
}

TEST(FrameHeader, ComesBackForEveryKind) {
  for (auto kind = static_cast<int>(FrameKind::hello); kind <= static_cast<int>(FrameKind::data); ++kind) {
    const auto frame_kind = static_cast<FrameKind>(kind);
    const bool payload = is_handshake(frame_kind) || frame_kind == FrameKind::message || frame_kind == FrameKind::data;
    const FrameHeader header{payload ? 64U : 0U, frame_kind, 1, 2, 3};
    const auto bytes = header_bytes(header);
    const auto back = decode_header(std::span<const std::byte, FrameHeader::size>(bytes), 64);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, header);
    EXPECT_NE(name_of(frame_kind), "unknown");
  }
}

TEST(FrameReader, GivesFramesFedByteByByte) {
  auto reader = authenticated_reader();
  const auto first = make_frame(message_header, samples::bytes(24).span());
  const auto second = make_frame({0, FrameKind::ping, 0, 0, 9});
  std::vector<std::byte> stream(first.span().begin(), first.span().end());
  stream.insert(stream.end(), second.span().begin(), second.span().end());
  std::vector<IncomingFrame> frames;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    reader.feed(std::span(&stream[i], 1));
    const auto frame = reader.next();
    ASSERT_TRUE(frame) << frame.error().text;
    ASSERT_EQ(frame->has_value(), i + 1 == first.size() || i + 1 == stream.size()) << "after byte " << i;
    if (*frame) frames.push_back(**frame);
  }
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].header, (FrameHeader{24, FrameKind::message, 5, 6, 7}));
  EXPECT_EQ(frames[0].payload, samples::bytes(24));
  EXPECT_EQ(frames[1].header, (FrameHeader{0, FrameKind::ping, 0, 0, 9}));
  EXPECT_TRUE(frames[1].payload.empty());
  EXPECT_EQ(reader.buffered(), 0U);
}

TEST(FrameReader, GivesFramesOfAllSizesCutInAnyWay) {
  std::mt19937_64 random(11);
  auto reader = authenticated_reader();
  std::vector<Bytes> payloads;
  std::vector<std::byte> stream;
  for (unsigned i = 0; i < 300; ++i) {
    const std::size_t size = 8 + (i % 37 == 0 ? random() % 300'000 : random() % 3'000) / 8 * 8;
    payloads.push_back(samples::bytes(size, i));
    const auto frame = make_frame(message_header, payloads.back().span());
    stream.insert(stream.end(), frame.span().begin(), frame.span().end());
  }
  std::vector<IncomingFrame> frames;
  for (std::size_t at = 0; at < stream.size();) {
    const auto room = reader.space();
    ASSERT_FALSE(room.empty());
    const auto part = std::min({room.size(), stream.size() - at, std::size_t{1} + random() % 70'000});
    std::memcpy(room.data(), stream.data() + at, part);
    reader.filled(part);
    at += part;
    for (;;) {
      auto frame = reader.next();
      ASSERT_TRUE(frame) << frame.error().text;
      if (!*frame) break;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>((**frame).payload.data()) % 8, 0U);
      frames.push_back(std::move(**frame));
    }
  }
  ASSERT_EQ(frames.size(), payloads.size());
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].payload, payloads[i]) << i;
}

TEST(FrameReader, PayloadsAreSlicesOfTheBlockThatWasReadInto) {
  auto reader = authenticated_reader();
  const auto frame = make_frame(message_header, samples::bytes(80).span());
  const auto room = reader.space();
  std::memcpy(room.data(), frame.data(), frame.size());
  std::memcpy(room.data() + frame.size(), frame.data(), frame.size());
  reader.filled(2 * frame.size());
  const auto first = reader.next();
  const auto second = reader.next();
  EXPECT_EQ((**first).payload.data(), room.data() + FrameHeader::size);
  EXPECT_EQ((**second).payload.data(), room.data() + frame.size() + FrameHeader::size);
}

TEST(FrameReader, MemoryGivenOutIsNeverWrittenAgain) {
  auto reader = authenticated_reader();
  std::vector<Bytes> given;
  for (unsigned i = 0; i < 500; ++i) {
    reader.feed(make_frame(message_header, samples::bytes(1000, i).span()).span());
    given.push_back((**reader.next()).payload);
  }
  for (unsigned i = 0; i < 500; ++i) ASSERT_EQ(given[i], samples::bytes(1000, i)) << i;
}

TEST(FrameReader, ALargeFrameHasMemoryOfItsOwnAndNoMore) {
  auto reader = authenticated_reader();
  const std::uint32_t size = 10U << 20;
  reader.feed(header_bytes({size, FrameKind::message, 0, 1, 0}));
  ASSERT_FALSE(*reader.next());
  EXPECT_EQ(reader.space().size(), size);
}

// ---- limits ----------------------------------------------------------------------------------------------------

TEST(FrameReader, LimitsPayloadsBeforeAuthentication) {
  const auto error_for = [](std::uint32_t size) {
    return error_after({}, header_bytes({size, FrameKind::hello, 0, 0, 0}));
  };
  EXPECT_EQ(error_for(FrameLimits::before_authentication - 8), "more is needed");
  EXPECT_EQ(error_for(FrameLimits::before_authentication), "more is needed");
  EXPECT_EQ(error_for(FrameLimits::before_authentication + 8),
            "hello frame with 65512 bytes of payload, the limit is 65504");
}

TEST(FrameReader, LimitsPayloadsAfterAuthentication) {
  const auto error_for = [](std::uint32_t size) {
    return error_after(authenticated_reader(), header_bytes({size, FrameKind::message, 0, 0, 0}));
  };
  EXPECT_EQ(error_for(FrameLimits::after_authentication - 8), "more is needed");
  EXPECT_EQ(error_for(FrameLimits::after_authentication), "more is needed");
  EXPECT_EQ(error_for(FrameLimits::after_authentication + 8),
            "message frame with 67108872 bytes of payload, the limit is 67108864");
}

TEST(FrameReader, TheLimitOfTheCallerHolds) {
  FrameReader reader;
  reader.authenticated(1024);
  EXPECT_THAT(error_after(reader, header_bytes({1032, FrameKind::message, 0, 0, 0})), HasSubstr("the limit is 1024"));
}

TEST(FrameReader, AllocatesAtMost64KiBOnTheWordOfAStranger) {
  FrameReader reader;
  EXPECT_LE(reader.space().size(), 64U << 10);
  reader.feed(header_bytes({FrameLimits::before_authentication, FrameKind::hello, 0, 0, 0}));
  ASSERT_FALSE(*reader.next());
  EXPECT_LE(reader.space().size() + FrameHeader::size, 64U << 10);
}

TEST(FrameReader, OtherKindsThanTheHandshakeWaitForAuthentication) {
  const auto hello = header_bytes({8, FrameKind::hello, 0, 0, 0});
  const auto message = header_bytes({8, FrameKind::message, 0, 1, 0});
  EXPECT_EQ(error_after({}, hello), "more is needed");
  EXPECT_EQ(error_after({}, message), "message frame before authentication");
  EXPECT_EQ(error_after({}, header_bytes({8, FrameKind::data, 0, 0, 0})), "data frame before authentication");
  EXPECT_EQ(error_after(authenticated_reader(), hello), "hello frame after authentication");
}

// ---- garbage ---------------------------------------------------------------------------------------------------

TEST(FrameReader, RefusesWhatIsNotOurs) {
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(error_after({}, std::as_bytes(std::span(request))),
            "not a Troupe frame: it starts with 'GET ', not with 'TRP1'");
  const std::string tls("\x16\x03\x01\x02 and so on, longer than a header", 36);
  EXPECT_THAT(error_after({}, std::as_bytes(std::span(tls))), HasSubstr("'\\x16\\x03\\x01\\x02'"));
}

TEST(FrameReader, RefusesReservedBitsOddSizesAndUnknownKinds) {
  const auto changed = [](std::size_t offset, unsigned value) {
    auto bytes = header_bytes({8, FrameKind::message, 0, 1, 0});
    bytes[offset] = static_cast<std::byte>(value);
    return error_after(authenticated_reader(), bytes);
  };
  EXPECT_THAT(changed(9, 1), HasSubstr("reserved bits set: flags 0x1"));
  EXPECT_THAT(changed(10, 1), HasSubstr("reserved 0x1"));
  EXPECT_THAT(changed(11, 0x80), HasSubstr("reserved 0x8000"));
  EXPECT_THAT(changed(4, 12), HasSubstr("12 bytes of payload, not a multiple of 8"));
  EXPECT_THAT(changed(4, 0), HasSubstr("message frame with 0 bytes of payload"));
  EXPECT_THAT(changed(8, 0), HasSubstr("unknown kind 0"));
  EXPECT_THAT(changed(8, 12), HasSubstr("unknown kind 12"));
  EXPECT_THAT(changed(8, static_cast<unsigned>(FrameKind::ping)), HasSubstr("ping frame with 8 bytes"));
}

TEST(FrameReader, AnErrorIsForGood) {
  auto reader = authenticated_reader();
  reader.feed(std::vector<std::byte>(32));
  const auto first = reader.next();
  ASSERT_FALSE(first);
  reader.feed(make_frame({0, FrameKind::ping, 0, 0, 0}).span());
  const auto second = reader.next();
  ASSERT_FALSE(second);
  EXPECT_EQ(first.error(), second.error());
}

// ---- raw buffers after data frames -----------------------------------------------------------------------------

TEST(FrameReader, HandsOutRawBytesAfterADataFrameAndGoesOn) {
  auto reader = authenticated_reader();
  const auto data = make_frame({0, FrameKind::data, 0, 0, 0}, samples::bytes(16).span());
  const auto raw = samples::bytes(13, 99);
  const auto after = make_frame(message_header, samples::bytes(40, 3).span());
  for (const auto& part : {data, raw, after}) reader.feed(part.span());

  ASSERT_EQ((**reader.next()).payload, samples::bytes(16));
  std::vector<std::byte> buffer(5);
  EXPECT_EQ(reader.take(buffer), 5U);
  EXPECT_EQ(Bytes::copy(buffer), raw.slice(0, 5));
  buffer.resize(8);
  EXPECT_EQ(reader.take(buffer), 8U);
  EXPECT_EQ(Bytes::copy(buffer), raw.slice(5, 8));

  const auto frame = reader.next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((**frame).payload, samples::bytes(40, 3));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((**frame).payload.data()) % 8, 0U);
}

TEST(FrameReader, HandsOutOnlyWhatItHas) {
  auto reader = authenticated_reader();
  reader.feed(make_frame({0, FrameKind::data, 0, 0, 0}, samples::bytes(16).span()).span());
  reader.feed(samples::bytes(3).span());
  ASSERT_TRUE(*reader.next());
  std::vector<std::byte> buffer(1000);
  EXPECT_EQ(reader.take(buffer), 3U);
  EXPECT_EQ(reader.take(buffer), 0U);
  // The caller has read the other 997 from the socket; the stream goes on with a frame.
  reader.feed(make_frame(message_header, samples::bytes(8).span()).span());
  ASSERT_TRUE(*reader.next());
}

}  // namespace
}  // namespace troupe
