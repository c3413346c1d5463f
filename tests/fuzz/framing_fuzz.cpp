// A byte stream, cut at places the input chooses: frames are the same however the stream is cut, nothing is read
// outside, errors are for good.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "protocol/framing.hpp"

namespace {

using namespace troupe;

struct Seen {
  std::size_t frames = 0;
  std::uint64_t digest = 0;
  bool failed = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void note(Seen& seen, const IncomingFrame& frame) {
  ++seen.frames;
  TROUPE_ASSERT(frame.payload.size() == frame.header.payload_bytes, "payload and header agree");
  TROUPE_ASSERT(reinterpret_cast<std::uintptr_t>(frame.payload.data()) % 8 == 0, "payloads are aligned");
  for (const auto byte : frame.payload.span()) seen.digest = seen.digest * 31 + static_cast<std::uint64_t>(byte);
}

/// Byte 0 of a data frame's payload is taken as the size of the raw buffer that follows it.
Seen read(std::span<const std::byte> stream, std::size_t step, bool authenticated) {
  FrameReader reader;
  if (authenticated) reader.authenticated(1U << 20);
  Seen seen;
  std::size_t raw = 0;
  while (!stream.empty() && !seen.failed) {
    const auto room = reader.space();
    const auto part = std::min({room.size(), stream.size(), step});
    std::memcpy(room.data(), stream.data(), part);
    reader.filled(part);
    stream = stream.subspan(part);
    for (;;) {
      if (raw != 0) {
        std::byte buffer[256];
        raw -= reader.take(std::span(buffer, raw));
        if (raw != 0) break;
      }
      const auto frame = reader.next();
      seen.failed = !frame;
      if (!frame || !*frame) break;
      note(seen, **frame);
      if ((**frame).header.kind == FrameKind::data) raw = static_cast<std::size_t>((**frame).payload.data()[0]);
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto stream = std::as_bytes(std::span(data + 2, size - 2));
  const bool authenticated = (data[0] & 1) != 0;
  const auto cut = read(stream, std::size_t{1} + data[1], authenticated);
  const auto whole = read(stream, stream.size() + 1, authenticated);
  TROUPE_ASSERT(cut == whole, "frames do not depend on how the stream was cut");
  return 0;
}
