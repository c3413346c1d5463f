// The first byte names the conversation, the rest is a payload. What is understood can be said and understood again.

#include <cstdint>

#include "protocol/codec.hpp"

namespace {

using namespace troupe;

template <class Message>
void round_trip(const Bytes& payload) {
  const auto message = decode<Message>(payload);
  if (!message) {
    TROUPE_ASSERT(!message.error().text.empty(), "an error says what is wrong");
    return;
  }
  FrameEncoder encoder;
  const auto frame = encoder.encode(*message);
  TROUPE_ASSERT(frame.has_value(), "what was understood can be said");
  const auto again = decode<Message>(frame->payload());
  TROUPE_ASSERT(again.has_value() && *again == *message, "and means the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto payload = Bytes::copy(std::as_bytes(std::span(data + 1, size - 1)));
  switch (data[0] % 7) {
    case 0: round_trip<ClientMessage>(payload); break;
    case 1: round_trip<ToClient>(payload); break;
    case 2: round_trip<WorkerMessage>(payload); break;
    case 3: round_trip<ToWorker>(payload); break;
    case 4: round_trip<NannyMessage>(payload); break;
    case 5: round_trip<ToNanny>(payload); break;
    case 6: round_trip<PeerMessage>(payload); break;
  }
  return 0;
}
