#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"

namespace troupe {

/// What a frame is for. The numbers are on the wire.
enum class FrameKind : std::uint8_t {
  hello = 1,    ///< handshake: who I am
  challenge,    ///< handshake: prove it; here is my proof
  proof,        ///< handshake: my proof
  welcome,      ///< handshake: the session
  refuse,       ///< handshake: no, and why
  message,      ///< one Cap'n Proto message of the conversation; has a sequence number
  acknowledge,  ///< only the header's credit and acknowledgement; no payload
  ping,         ///< no payload; answered by pong
  pong,         ///< no payload
  bye,          ///< the session ends on purpose; no payload
  data,         ///< one PeerMessage; the raw buffers it announces follow the frame
};

std::string_view name_of(FrameKind kind);
[[nodiscard]] constexpr bool is_handshake(FrameKind kind) { return kind <= FrameKind::refuse; }

/// The 32 bytes in front of every payload on every connection, little-endian:
///   0 u32 magic "TRP1" | 4 u32 payload_bytes, a multiple of 8 | 8 u8 kind | 9 u8 flags (0) | 10 u16 reserved (0)
///   12 u32 credit_messages | 16 u64 sequence | 24 u64 acknowledged
struct FrameHeader {
  static constexpr std::size_t size = 32;
  static constexpr std::uint32_t magic = 0x31505254;  ///< the characters T R P 1

  std::uint32_t payload_bytes{};
  FrameKind kind{FrameKind::message};
  std::uint32_t credit_messages{};  ///< messages the sender of this frame is ready to take in all, modulo 2^32
  std::uint64_t sequence{};         ///< of this message, from 1; 0 for kinds that are not resumed
  std::uint64_t acknowledged{};     ///< highest sequence received from the other side
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// Payloads larger than these end the connection.
struct FrameLimits {
  static constexpr std::uint32_t before_authentication = (64U << 10) - FrameHeader::size;  ///< 64 KiB a frame
  static constexpr std::uint32_t after_authentication = 64U << 20;
};

void encode_header(const FrameHeader& header, std::span<std::byte, FrameHeader::size> into);
/// Refuses bad magic, unknown kinds, set reserved bits, odd sizes, payloads over `payload_bytes_max`.
Result<FrameHeader> decode_header(std::span<const std::byte, FrameHeader::size> from, std::uint32_t payload_bytes_max);
/// A frame of its own memory; the payload is padded with zeros to a multiple of 8, payload_bytes is set.
Bytes make_frame(FrameHeader header, std::span<const std::byte> payload = {});

struct IncomingFrame {
  FrameHeader header;
  Bytes payload;  ///< 8-byte aligned; shares a receive block with its neighbours unless it is large
};

/// Cuts a byte stream into frames; knows no socket. Owned by one connection, on its thread.
///
/// The caller reads from the socket into `space()`, says how much came by `filled()`, then takes frames by `next()`
/// until it gives none. Payloads are slices of the block they were received in: no copy. A frame too large for a block
/// gets memory of its own, only after its length passed the limit. Memory given out is never written again.
///
/// After a data frame the stream goes on with raw buffers, not with a frame: before `next()` is called again the
/// caller empties `take()` into the buffers' final memory and reads what is still missing from the socket itself.
class FrameReader {
public:
  static constexpr std::size_t block_bytes = 64U << 10;
  static constexpr std::size_t block_bytes_before_authentication = 4U << 10;

  /// Starts with the limits, and only the kinds, of an unauthenticated peer.
  FrameReader() = default;

  /// From the next frame on: the larger limit, and no handshake kinds any more.
  void authenticated(std::uint32_t payload_bytes_max = FrameLimits::after_authentication);

  /// Where the next bytes of the stream go; at least one byte.
  [[nodiscard]] std::span<std::byte> space();
  /// The first `count` bytes of the last `space()` are filled.
  void filled(std::size_t count);
  /// The same by copying, for bytes that are in memory already.
  void feed(std::span<const std::byte> bytes);

  /// The next complete frame; empty if more bytes are needed. After an error it gives the same error for good.
  Result<std::optional<IncomingFrame>> next();

  /// Raw bytes after a data frame that were received with it: moves up to into.size() of them out, says how many.
  std::size_t take(std::span<std::byte> into);
  /// Bytes received and not yet given out.
  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }

private:
  void replace_block(std::size_t size);
  [[nodiscard]] std::size_t block_size() const;
  [[nodiscard]] Result<FrameHeader> read_header() const;

  Bytes block_;
  std::byte* memory_{};   ///< of block_, writable from end_ on
  bool shared_{};         ///< a payload of block_ was given out
  std::size_t begin_{};   ///< first byte not yet given out
  std::size_t end_{};     ///< first byte not yet received
  FrameHeader header_;    ///< of the frame under way, if wanted_ != 0
  std::size_t wanted_{};  ///< size of the frame under way, header included; 0 = not known yet
  std::uint32_t payload_bytes_max_{FrameLimits::before_authentication};
  bool authenticated_{};
  std::optional<Error> error_;
};

}  // namespace troupe
