#pragma once

#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "protocol/access.hpp"
#include "protocol/codec.hpp"
#include "protocol/framing.hpp"
#include "protocol/handshake.hpp"

namespace troupe::testing {

/// A peer that says on the wire what a test likes, with no machine that keeps it to the rules. Blocking; every wait
/// ends after 20 s at the latest.
class RawPeer {
public:
  /// `address`: host:port on loopback, with tcp:// or without.
  explicit RawPeer(std::string_view address) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).data())));
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~RawPeer() { ::close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  /// False: the other side has closed.
  bool send(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send(std::string_view text) { return send(std::as_bytes(std::span(text))); }
  /// Nothing more will be said.
  void end() { ::shutdown(socket_, SHUT_WR); }

  /// The next frame; nothing if the stream ends, makes no sense, or stays silent.
  std::optional<IncomingFrame> read() {
    for (;;) {
      auto frame = reader_.next();
      if (!frame) return {};
      if (*frame) return std::move(**frame);
      const auto space = reader_.space();
      const auto got = ::recv(socket_, space.data(), space.size(), 0);
      if (got <= 0) return {};
      reader_.filled(static_cast<std::size_t>(got));
    }
  }
  /// Reads on until the other side has closed; false if it does not.
  bool is_closed() {
    char space[4096];
    for (;;) {
      const auto got = ::recv(socket_, space, sizeof space, 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
      if (got < 0) return false;
    }
  }

  /// As one with this access file would, or almost.
  Result<Established> shake_hands(Hello hello, const AccessFile& access) {
    hello.nonce = draw_nonce(system_random);
    ClientHandshake handshake(hello, hello.key == KeyKind::client ? access.client_key : access.worker_key);
    send(handshake.start().span());
    for (;;) {
      const auto frame = read();
      if (!frame) return fail(ErrorKind::disconnected, "closed in the middle of the handshake");
      auto step = handshake.receive(*frame);
      if (!step) return tl::unexpected(std::move(step.error()));
      if (step->send) send(step->send->span());
      if (!step->established) continue;
      reader_.authenticated();
      return *step->established;
    }
  }
  static Hello hello(Role role, KeyKind key, const AccessFile& access) {
    Hello hello;
    hello.role = role;
    hello.key = key;
    hello.cluster = access.cluster;
    return hello;
  }

  /// The next message of a session.
  template <class Message>
  bool say(const Message& message) {
    auto frame = encoder_.encode(message);
    if (!frame) return false;
    FrameHeader header;
    header.sequence = ++sequence_;
    header.credit_messages = 1000;
    frame->write_header(header);
    return send(frame->bytes().span());
  }
  /// A request on a data connection.
  bool ask(const PeerMessage& message) {
    auto frame = encoder_.encode(message);
    if (!frame) return false;
    FrameHeader header;
    header.kind = FrameKind::data;
    frame->write_header(header);
    return send(frame->bytes().span());
  }
  /// The next message of this type, others left out.
  template <class Variant, class Message>
  std::optional<Message> hear() {
    while (auto frame = read()) {
      if (frame->header.kind != FrameKind::message && frame->header.kind != FrameKind::data) continue;
      auto message = decode<Variant>(frame->payload);
      if (!message) return {};
      if (auto* wanted = std::get_if<Message>(&*message)) return std::move(*wanted);
    }
    return {};
  }

private:
  int socket_;
  bool connected_{};
  FrameReader reader_;
  FrameEncoder encoder_;
  std::uint64_t sequence_{};
};

}  // namespace troupe::testing
