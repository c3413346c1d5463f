#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "protocol/access.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/opener.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/loop.hpp"

namespace troupe::testing {

using tcp = boost::asio::ip::tcp;

/// A loop and a cluster's keys.
class NetTest : public ::testing::Test {
protected:
  ListenOptions listen_options(std::vector<Role> roles = {Role::client, Role::worker, Role::nanny, Role::peer}) {
    ListenOptions options;
    options.handshake.cluster = access.cluster;
    options.handshake.epoch = access.epoch;
    options.handshake.keys = access.keys();
    options.handshake.roles = std::move(roles);
    return options;
  }
  OpenOptions open_options(const std::string& address, Role role = Role::client) {
    OpenOptions options;
    options.address = address;
    options.role = role;
    options.key_kind = role == Role::client ? KeyKind::client : KeyKind::worker;
    options.key = access.keys().of(options.key_kind);
    options.cluster = access.cluster;
    return options;
  }
  static std::uint16_t port_of(const std::string& address) { return parse_address(address)->port; }
  bool until(const std::function<bool()>& condition) { return run_until(io, condition); }

  boost::asio::io_context io;
  AccessFile access = AccessFile::generate();
};

/// Keeps what a connection says.
class Recorder final : public ConnectionUser {
public:
  void on_frames(std::vector<IncomingFrame>& batch) override {
    ++wake_ups;
    for (auto& frame : batch) frames.push_back(std::move(frame));
  }
  void on_closed(const Error& error) override { closed = error; }

  std::vector<IncomingFrame> frames;
  int wake_ups{};
  std::optional<Error> closed;
};

inline Bytes message_frame(std::uint64_t sequence, std::string_view text) {
  FrameHeader header;
  header.kind = FrameKind::message;
  header.sequence = sequence;
  return make_frame(header, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace troupe::testing
