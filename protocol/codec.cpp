#include "protocol/codec.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <capnp/message.h>
#include <kj/exception.h>

#include "protocol/codec_detail.hpp"

namespace troupe {
namespace {

using capnp::word;

constexpr std::size_t segment_table_bytes = 8;  // of a message in one segment
constexpr std::size_t front_bytes = FrameHeader::size + segment_table_bytes;

/// Builds into memory of the encoder; only if that is too small after all, into further pieces of the heap.
class BlockBuilder final : public capnp::MessageBuilder {
public:
  explicit BlockBuilder(std::span<word> first) : first_(first) {}
  BlockBuilder(const BlockBuilder&) = delete;
  BlockBuilder& operator=(const BlockBuilder&) = delete;

  kj::ArrayPtr<word> allocateSegment(unsigned minimum) override {
    if (!std::exchange(first_given_, true) && first_.size() >= minimum) return {first_.data(), first_.size()};
    // Each piece as large as all before it: there are never many.
    const std::size_t size = std::max<std::size_t>({minimum, further_words_, first_.size(), 512});
    further_words_ += size;
    pieces_.push_back(std::make_unique<std::uint64_t[]>(size));
    return {reinterpret_cast<word*>(pieces_.back().get()), size};
  }

private:
  std::span<word> first_;
  bool first_given_{};
  std::size_t further_words_{};
  std::vector<std::unique_ptr<std::uint64_t[]>> pieces_;
};

void store(std::byte* at, std::size_t value) {
  const auto number = static_cast<std::uint32_t>(value);
  std::memcpy(at, &number, sizeof number);
}

/// The same payload in a piece of memory of its own.
EncodedFrame join(kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  const std::size_t table = (4 + 4 * segments.size() + 7) / 8 * 8;
  std::size_t size = FrameHeader::size + table;
  for (const auto& segment : segments) size += segment.size() * sizeof(word);
  std::byte* memory = nullptr;
  Bytes bytes = Bytes::allocate(size, &memory);
  std::memset(memory, 0, FrameHeader::size + table);
  auto* at = memory + FrameHeader::size;
  store(at, segments.size() - 1);
  for (std::size_t i = 0; i < segments.size(); ++i) store(at + 4 + 4 * i, segments[i].size());
  at += table;
  for (const auto& segment : segments) {
    std::memcpy(at, segment.begin(), segment.size() * sizeof(word));
    at += segment.size() * sizeof(word);
  }
  return {std::move(bytes), memory};
}

template <class Message>
Error too_large(const Message& message, std::size_t size) {
  return {ErrorKind::overloaded, fmt::format("message {} of about {} bytes: the limit is {}; send it in smaller parts",
                                             message.index(), size, WireLimits::payload_bytes)};
}

}  // namespace

void EncodedFrame::write_header(FrameHeader header) const {
  header.payload_bytes = static_cast<std::uint32_t>(payload_bytes());
  encode_header(header, std::span<std::byte, FrameHeader::size>(header_, FrameHeader::size));
}

template <class Wire, class Message>
Result<EncodedFrame> FrameEncoder::encode_as(const Message& message) {
  const std::size_t expected = front_bytes + (codec::expected_bytes(message) + 7) / 8 * 8;
  if (expected - front_bytes > WireLimits::payload_bytes) return tl::unexpected(too_large(message, expected));
  if (block_.size() - used_ < expected) {
    const std::size_t size = std::max(block_bytes, expected);
    block_ = Bytes::allocate(size, &memory_);
    std::memset(memory_, 0, size);
    used_ = 0;
  }
  auto* const frame = memory_ + used_;
  try {
    BlockBuilder builder({reinterpret_cast<word*>(frame + front_bytes), (block_.size() - used_ - front_bytes) / 8});
    codec::write(builder.initRoot<Wire>(), message);
    const auto segments = builder.getSegmentsForOutput();
    const bool in_place = segments.size() == 1 && segments[0].begin() == reinterpret_cast<word*>(frame + front_bytes);
    EncodedFrame result;
    if (in_place) {
      const std::size_t size = front_bytes + segments[0].size() * sizeof(word);
      store(frame + FrameHeader::size + 4, segments[0].size());
      result = {block_.slice(used_, size), frame};
      used_ += size;
    } else {
      result = join(segments);
      block_ = {};  // its rest is not clear any more
      used_ = 0;
    }
    if (result.payload_bytes() > WireLimits::payload_bytes)
      return tl::unexpected(too_large(message, result.payload_bytes()));
    return result;
  } catch (const codec::Malformed& malformed) {
    block_ = {};
    used_ = 0;
    return fail(ErrorKind::invalid, malformed.text);
  }
}

Result<EncodedFrame> FrameEncoder::encode(const ClientMessage& m) { return encode_as<wire::ClientMessage>(m); }
Result<EncodedFrame> FrameEncoder::encode(const ToClient& m) { return encode_as<wire::ToClient>(m); }
Result<EncodedFrame> FrameEncoder::encode(const WorkerMessage& m) { return encode_as<wire::WorkerMessage>(m); }
Result<EncodedFrame> FrameEncoder::encode(const ToWorker& m) { return encode_as<wire::ToWorker>(m); }
Result<EncodedFrame> FrameEncoder::encode(const NannyMessage& m) { return encode_as<wire::NannyMessage>(m); }
Result<EncodedFrame> FrameEncoder::encode(const ToNanny& m) { return encode_as<wire::ToNanny>(m); }
Result<EncodedFrame> FrameEncoder::encode(const PeerMessage& m) { return encode_as<wire::PeerMessage>(m); }

namespace {

/// The segments of a payload, checked: their sizes add up to it.
class Segments {
public:
  explicit Segments(std::span<const std::byte> payload) {
    if (payload.size() < 16 || payload.size() % 8 != 0) codec::refuse("payload of {} bytes", payload.size());
    const std::size_t count = std::size_t{load(payload, 0)} + 1;
    if (count > WireLimits::segments) codec::refuse("{} segments, the limit is {}", count, WireLimits::segments);
    std::size_t at = (4 + 4 * count + 7) / 8 * 8;
    if (count > 1) many_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (4 + 4 * i + 4 > payload.size()) codec::refuse("the segment table is cut off");
      const std::size_t size = std::size_t{load(payload, 4 + 4 * i)} * sizeof(word);
      if (at > payload.size() || size > payload.size() - at) codec::refuse("segment {} is longer than the payload", i);
      const kj::ArrayPtr<const word> segment(reinterpret_cast<const word*>(payload.data() + at), size / sizeof(word));
      if (count > 1) many_.push_back(segment);
      one_ = segment;
      at += size;
    }
    if (at != payload.size()) codec::refuse("segments of {} bytes in a payload of {}", at, payload.size());
  }

  [[nodiscard]] kj::ArrayPtr<const kj::ArrayPtr<const word>> list() const {
    if (many_.empty()) return {&one_, 1};
    return {many_.data(), many_.size()};
  }

private:
  static std::uint32_t load(std::span<const std::byte> payload, std::size_t offset) {
    std::uint32_t value = 0;
    std::memcpy(&value, payload.data() + offset, sizeof value);
    return value;
  }

  kj::ArrayPtr<const word> one_;
  std::vector<kj::ArrayPtr<const word>> many_;
};

/// A peer's nonsense is no reason to walk our stack.
class NoStackTraces final : public kj::ExceptionCallback {
public:
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

template <class Wire, class Message>
Result<Message> decode_as(const Bytes& given) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(given.data()) % alignof(word) == 0;
  const Bytes payload = aligned ? given : Bytes::copy(given.span());
  try {
    const Segments segments(payload.span());
    const capnp::ReaderOptions options{.traversalLimitInWords = payload.size() / sizeof(word) * 2 + 1024,
                                       .nestingLimit = WireLimits::nesting};
    capnp::SegmentArrayMessageReader reader(segments.list(), options);
    codec::Input in(payload);
    return codec::read(in, reader.getRoot<Wire>());
  } catch (const codec::Malformed& malformed) {
    return fail(ErrorKind::invalid, malformed.text);
  } catch (const kj::Exception& exception) {
    return fail(ErrorKind::invalid, fmt::format("not a valid message: {}", exception.getDescription().cStr()));
  }
}

template <class Wire, class Message>
Result<Message> decode_quietly(const Bytes& payload) {
  const NoStackTraces quiet;
  return decode_as<Wire, Message>(payload);
}

}  // namespace

template <>
Result<ClientMessage> decode<ClientMessage>(const Bytes& payload) {
  return decode_quietly<wire::ClientMessage, ClientMessage>(payload);
}
template <>
Result<ToClient> decode<ToClient>(const Bytes& payload) {
  return decode_quietly<wire::ToClient, ToClient>(payload);
}
template <>
Result<WorkerMessage> decode<WorkerMessage>(const Bytes& payload) {
  return decode_quietly<wire::WorkerMessage, WorkerMessage>(payload);
}
template <>
Result<ToWorker> decode<ToWorker>(const Bytes& payload) {
  return decode_quietly<wire::ToWorker, ToWorker>(payload);
}
template <>
Result<NannyMessage> decode<NannyMessage>(const Bytes& payload) {
  return decode_quietly<wire::NannyMessage, NannyMessage>(payload);
}
template <>
Result<ToNanny> decode<ToNanny>(const Bytes& payload) {
  return decode_quietly<wire::ToNanny, ToNanny>(payload);
}
template <>
Result<PeerMessage> decode<PeerMessage>(const Bytes& payload) {
  return decode_quietly<wire::PeerMessage, PeerMessage>(payload);
}

}  // namespace troupe
