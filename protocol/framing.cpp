#include "protocol/framing.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little, "the header is copied as it lies in memory");

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T load(const std::byte* at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool has_payload(FrameKind kind) { return is_handshake(kind) || kind == FrameKind::message || kind == FrameKind::data; }

std::string printable(std::span<const std::byte> bytes) {
  std::string text;
  for (const auto byte : bytes) {
    const auto c = static_cast<char>(byte);
    text += c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned>(byte));
  }
  return text;
}

constexpr std::size_t aligned(std::size_t size) { return (size + 7) / 8 * 8; }

}  // namespace

std::string_view name_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::hello: return "hello";
    case FrameKind::challenge: return "challenge";
    case FrameKind::proof: return "proof";
    case FrameKind::welcome: return "welcome";
    case FrameKind::refuse: return "refuse";
    case FrameKind::message: return "message";
    case FrameKind::acknowledge: return "acknowledge";
    case FrameKind::ping: return "ping";
    case FrameKind::pong: return "pong";
    case FrameKind::bye: return "bye";
    case FrameKind::data: return "data";
  }
  return "unknown";
}

void encode_header(const FrameHeader& header, std::span<std::byte, FrameHeader::size> into) {
  store(&into[0], FrameHeader::magic);
  store(&into[4], header.payload_bytes);
  store(&into[8], static_cast<std::uint32_t>(header.kind));  // flags and reserved are zero
  store(&into[12], header.credit_messages);
  store(&into[16], header.sequence);
  store(&into[24], header.acknowledged);
}

Result<FrameHeader> decode_header(std::span<const std::byte, FrameHeader::size> from, std::uint32_t payload_bytes_max) {
  if (load<std::uint32_t>(&from[0]) != FrameHeader::magic)
    return fail(ErrorKind::invalid,
                fmt::format("not a Troupe frame: it starts with '{}', not with 'TRP1'", printable(from.first<4>())));
  const auto kind = load<std::uint8_t>(&from[8]);
  if (kind < static_cast<std::uint8_t>(FrameKind::hello) || kind > static_cast<std::uint8_t>(FrameKind::data))
    return fail(ErrorKind::invalid, fmt::format("frame of unknown kind {}", kind));
  if (load<std::uint8_t>(&from[9]) != 0 || load<std::uint16_t>(&from[10]) != 0)
    return fail(ErrorKind::invalid, fmt::format("frame with reserved bits set: flags {:#x}, reserved {:#x}",
                                                load<std::uint8_t>(&from[9]), load<std::uint16_t>(&from[10])));
  const FrameHeader header{load<std::uint32_t>(&from[4]), static_cast<FrameKind>(kind), load<std::uint32_t>(&from[12]),
                           load<std::uint64_t>(&from[16]), load<std::uint64_t>(&from[24])};
  if (header.payload_bytes > payload_bytes_max)
    return fail(ErrorKind::invalid, fmt::format("{} frame with {} bytes of payload, the limit is {}",
                                                name_of(header.kind), header.payload_bytes, payload_bytes_max));
  if (header.payload_bytes % 8 != 0)
    return fail(ErrorKind::invalid, fmt::format("{} frame with {} bytes of payload, not a multiple of 8",
                                                name_of(header.kind), header.payload_bytes));
  if (has_payload(header.kind) != (header.payload_bytes != 0))
    return fail(ErrorKind::invalid,
                fmt::format("{} frame with {} bytes of payload", name_of(header.kind), header.payload_bytes));
  return header;
}

Bytes make_frame(FrameHeader header, std::span<const std::byte> payload) {
  header.payload_bytes = static_cast<std::uint32_t>(aligned(payload.size()));
  std::byte* memory = nullptr;
  Bytes frame = Bytes::allocate(FrameHeader::size + header.payload_bytes, &memory);
  encode_header(header, std::span<std::byte, FrameHeader::size>(memory, FrameHeader::size));
  std::memset(memory + FrameHeader::size, 0, header.payload_bytes);
  if (!payload.empty()) std::memcpy(memory + FrameHeader::size, payload.data(), payload.size());
  return frame;
}

void FrameReader::authenticated(std::uint32_t payload_bytes_max) {
  authenticated_ = true;
  payload_bytes_max_ = payload_bytes_max;
}

std::size_t FrameReader::block_size() const { return authenticated_ ? block_bytes : block_bytes_before_authentication; }

void FrameReader::replace_block(std::size_t size) {
  std::byte* memory = nullptr;
  Bytes block = Bytes::allocate(size, &memory);
  const auto kept = buffered();
  if (kept != 0) std::memcpy(memory, memory_ + begin_, kept);
  block_ = std::move(block);
  memory_ = memory;
  begin_ = 0;
  end_ = kept;
  shared_ = false;
}

std::span<std::byte> FrameReader::space() {
  if (buffered() == 0 && !shared_) begin_ = end_ = 0;
  const bool fits = wanted_ != 0 && begin_ + wanted_ <= block_.size();
  const std::size_t enough = block_size() / 4;
  if (!fits && (wanted_ != 0 || block_.size() - end_ < enough))
    replace_block(std::max({block_size(), wanted_, wanted_ == 0 ? buffered() + enough : 0}));
  return {memory_ + end_, block_.size() - end_};
}

void FrameReader::filled(std::size_t count) {
  TROUPE_ASSERT(count <= block_.size() - end_, "more bytes than there was space for");
  end_ += count;
}

void FrameReader::feed(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto room = space();
    const auto part = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), part);
    filled(part);
    bytes = bytes.subspan(part);
  }
}

Result<FrameHeader> FrameReader::read_header() const {
  auto header = decode_header(std::span<const std::byte, FrameHeader::size>(memory_ + begin_, FrameHeader::size),
                              payload_bytes_max_);
  if (header && is_handshake(header->kind) == authenticated_)
    return fail(ErrorKind::invalid,
                fmt::format("{} frame {} authentication", name_of(header->kind), authenticated_ ? "after" : "before"));
  return header;
}

Result<std::optional<IncomingFrame>> FrameReader::next() {
  if (error_) return tl::unexpected(*error_);
  if (wanted_ == 0) {
    if (buffered() < FrameHeader::size) return std::nullopt;
    // Raw buffers of odd sizes went before.
    if (begin_ % 8 != 0) replace_block(std::max(block_size(), buffered()));
    const auto header = read_header();
    if (!header) {
      error_ = header.error();
      return tl::unexpected(*error_);
    }
    header_ = *header;
    wanted_ = FrameHeader::size + header_.payload_bytes;
  }
  if (buffered() < wanted_) return std::nullopt;
  IncomingFrame frame{header_, {}};
  if (header_.payload_bytes != 0) {
    frame.payload = block_.slice(begin_ + FrameHeader::size, header_.payload_bytes);
    shared_ = true;
  }
  begin_ += wanted_;
  wanted_ = 0;
  return frame;
}

std::size_t FrameReader::take(std::span<std::byte> into) {
  TROUPE_ASSERT(wanted_ == 0, "raw bytes are taken between frames");
  const auto part = std::min(into.size(), buffered());
  if (part != 0) std::memcpy(into.data(), memory_ + begin_, part);
  begin_ += part;
  if (begin_ == end_) begin_ = end_ = std::min(aligned(end_), block_.size());
  return part;
}

}  // namespace troupe
