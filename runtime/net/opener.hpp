#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/handshake.hpp"
#include "protocol/time.hpp"
#include "runtime/net/connection.hpp"

namespace troupe {

struct OpenOptions {
  std::string address;  ///< host:port, or tcp://host:port
  Role role{Role::client};
  KeyKind key_kind{KeyKind::client};
  Secret key;
  Token cluster;
  Token session;             ///< to resume; zero: a new one
  std::uint64_t received{};  ///< of that session
  std::uint64_t features{};
  Duration deadline{std::chrono::seconds(5)};  ///< for connecting and the handshake
};

/// A connection whose handshake is through: start() it before the callback returns.
struct Opened {
  std::shared_ptr<Connection> connection;
  Established established;
};

/// One attempt to connect. Lives on the loop; destroying it cancels, without a callback. The callback comes once, never
/// from inside the constructor. Errors of kind `disconnected` or `overloaded` are worth another attempt.
class Opening {
public:
  using Done = std::function<void(Result<Opened>)>;

  Opening(boost::asio::io_context& io, OpenOptions options, Done done);
  ~Opening();
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace troupe
