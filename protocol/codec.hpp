#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/framing.hpp"
#include "protocol/messages.hpp"

/// Between the structs of messages.hpp and frames. Cap'n Proto is known here and nowhere else.
namespace troupe {

/// Named limits of what a decoder takes; lists are bounded by the frame they come in.
struct WireLimits {
  static constexpr std::size_t name_bytes = 1U << 10;   ///< names, addresses, types, keys
  static constexpr std::size_t text_bytes = 64U << 10;  ///< reasons, messages, lines
  static constexpr std::size_t segments = 512;          ///< of one Cap'n Proto message
  static constexpr int nesting = 64;
  static constexpr std::size_t slice_bytes = 256;  ///< smaller Bytes are copied out of the frame
  static constexpr std::size_t slice_pins = 4;     ///< and those that would pin a frame over this times larger
  static constexpr std::size_t payload_bytes = FrameLimits::after_authentication;
};

/// One encoded message with room for its header in front, in one piece of memory.
///
/// The bytes are a slice of a block shared with neighbours, kept as long as any of them. The header is written (again)
/// each time the frame is about to be sent; never while a write of it is under way.
class EncodedFrame {
public:
  EncodedFrame() = default;
  EncodedFrame(Bytes bytes, std::byte* header) : bytes_(std::move(bytes)), header_(header) {}

  /// Sets header.payload_bytes itself.
  void write_header(FrameHeader header) const;
  /// Header and payload, to be written to the socket after write_header().
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] Bytes payload() const { return bytes_.slice(FrameHeader::size, payload_bytes()); }
  [[nodiscard]] std::size_t payload_bytes() const { return bytes_.size() - FrameHeader::size; }

private:
  Bytes bytes_;
  std::byte* header_{};
};

/// Turns messages into frames (values are encoded in runtime/store). One for each connection or session, on its thread:
/// it owns the block that the next frames are built in, so that a frame costs no allocation of its own and is never
/// copied. Texts for people over WireLimits::text_bytes are cut; names over name_bytes are an error.
class FrameEncoder {
public:
  static constexpr std::size_t block_bytes = 32U << 10;

  FrameEncoder() = default;

  /// Fails only if a limit of WireLimits is passed: `overloaded` for the whole, `invalid` for a name. Says which.
  Result<EncodedFrame> encode(const ClientMessage& message);
  Result<EncodedFrame> encode(const ToClient& message);
  Result<EncodedFrame> encode(const WorkerMessage& message);
  Result<EncodedFrame> encode(const ToWorker& message);
  Result<EncodedFrame> encode(const NannyMessage& message);
  Result<EncodedFrame> encode(const ToNanny& message);
  Result<EncodedFrame> encode(const PeerMessage& message);

private:
  template <class Wire, class Message>
  Result<EncodedFrame> encode_as(const Message& message);

  Bytes block_;
  std::byte* memory_{};
  std::size_t used_{};  ///< of block_; what follows is zero
};

/// Reads one message out of a frame's payload. Everything is checked against the promises in messages.hpp: parallel
/// vectors, offsets, enumerators, graphs, lengths. Never crashes, and never takes memory for more than a small multiple
/// of the payload. Large Bytes fields are slices of the payload.
///
/// For the seven variants: ClientMessage, ToClient, WorkerMessage, ToWorker, NannyMessage, ToNanny, PeerMessage.
template <class Message>
Result<Message> decode(const Bytes& payload) = delete;
template <>
Result<ClientMessage> decode<ClientMessage>(const Bytes& payload);
template <>
Result<ToClient> decode<ToClient>(const Bytes& payload);
template <>
Result<WorkerMessage> decode<WorkerMessage>(const Bytes& payload);
template <>
Result<ToWorker> decode<ToWorker>(const Bytes& payload);
template <>
Result<NannyMessage> decode<NannyMessage>(const Bytes& payload);
template <>
Result<ToNanny> decode<ToNanny>(const Bytes& payload);
template <>
Result<PeerMessage> decode<PeerMessage>(const Bytes& payload);

}  // namespace troupe
