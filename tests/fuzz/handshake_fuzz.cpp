// An attacker on the wire between an opener and a listener who knows no key: from the input he takes whom to send a
// frame to, and which: one of his own, or one he heard, changed or not. Nobody may ever come to believe him.

#include <cstdint>
#include <vector>

#include "protocol/handshake.hpp"
#include "tests/support/samples.hpp"

namespace {

using namespace troupe;

/// Reads numbers off the input; zeros when it is used up.
class Choices {
public:
  Choices(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  Bytes bytes(std::size_t size) {
    std::vector<std::byte> result;
    while (result.size() < size) result.push_back(static_cast<std::byte>(byte()));
    return Bytes::own(std::move(result));
  }

private:
  std::span<const std::uint8_t> rest_;
};

IncomingFrame parse(const Bytes& frame) {
  const auto header = decode_header(std::span<const std::byte, FrameHeader::size>(frame.data(), FrameHeader::size),
                                    FrameLimits::before_authentication);
  TROUPE_ASSERT(header.has_value(), "both sides make valid frames");
  return {*header, frame.slice(FrameHeader::size, header->payload_bytes)};
}

/// One dialogue that the attacker did not touch would end well; here each frame passes through his hands.
void play(Choices choices) {
  const Token cluster{1, 2};
  Keys keys;
  keys.worker = Secret::draw(samples::random(1));
  keys.client = Secret::draw(samples::random(2));
  Hello hello;
  hello.cluster = cluster;
  hello.nonce = draw_nonce(samples::random(3));
  hello.features = 7;
  ClientHandshake opener(hello, keys.client);
  ServerHandshake listener({cluster, {9}, 3, keys, {Role::client, Role::worker}, protocol_version},
                           draw_nonce(samples::random(4)));
  std::vector<IncomingFrame> heard{parse(opener.start())};
  std::size_t passed = 0;  // frames handed on in order and unchanged
  for (int turn = 0; turn < 12 && !choices.empty(); ++turn) {
    const auto choice = choices.byte();
    IncomingFrame frame = heard[choice / 16 % heard.size()];
    bool same = choice / 16 % heard.size() == passed && (passed % 2 == 0) == ((choice & 1) == 0);
    if ((choice & 2) != 0) {
      std::vector<std::byte> changed(frame.payload.span().begin(), frame.payload.span().end());
      const auto offset = choices.byte();
      const auto mask = choices.byte();
      if (!changed.empty()) changed[offset % changed.size()] ^= static_cast<std::byte>(mask);
      same = same && mask == 0;
      frame.payload = Bytes::own(std::move(changed));
    }
    if ((choice & 4) != 0) {
      frame.header.kind = static_cast<FrameKind>(1 + choices.byte() % 5);
      frame.payload = choices.bytes(std::size_t{choices.byte()} * 8);
      same = false;
    }
    if (same) ++passed;
    if ((choice & 1) == 0) {
      auto step = listener.receive(frame);
      TROUPE_ASSERT(!step.authenticated || passed >= 3, "a listener believes only the one who knows the key");
      if (step.authenticated) step.send = listener.welcome({5, 6}, false, 0).send;
      if (step.send) heard.push_back(parse(*step.send));
    } else {
      const auto step = opener.receive(frame);
      TROUPE_ASSERT(!step || !step->established || passed >= 4, "an opener believes only the one who knows the key");
      if (step && step->send) heard.push_back(parse(*step->send));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  play(Choices(data, size));
  return 0;
}
