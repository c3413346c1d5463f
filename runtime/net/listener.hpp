#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "protocol/handshake.hpp"
#include "protocol/time.hpp"
#include "runtime/net/connection.hpp"

namespace troupe {

struct ListenerLimits {
  std::size_t pending_handshakes{256};
  Duration handshake_deadline{std::chrono::seconds(5)};
  Duration log_pause{std::chrono::minutes(1)};  ///< between two lines about the same peer
  std::size_t logged_peers{1024};
};

struct ListenOptions {
  std::string host{"127.0.0.1"};
  std::uint16_t port{};             ///< 0: any free one
  bool insecure{};                  ///< allows other interfaces than loopback without TLS
  std::string port_flag{"--port"};  ///< named in errors, as the user would write them
  std::string insecure_flag{"--insecure"};
  ServerHandshake::Settings handshake;
  ListenerLimits limits;
};

struct ListenerCounters {
  std::uint64_t accepted{};  ///< TCP connections
  std::uint64_t authenticated{};
  std::uint64_t refused{};     ///< wrong key, cluster, role or version
  std::uint64_t garbage{};     ///< not our protocol, or cut or silent in the middle of the handshake
  std::uint64_t over_limit{};  ///< too many handshakes, or no file descriptor left
};

/// A peer that proved who it is and waits for its session. Answer with welcome() or refuse(), on the loop, once.
class AuthenticatedPeer {
public:
  AuthenticatedPeer(std::shared_ptr<Connection> connection, ServerHandshake handshake, Hello hello)
      : connection_(std::move(connection)), handshake_(std::move(handshake)), hello_(std::move(hello)) {}

  [[nodiscard]] const Hello& hello() const { return hello_; }
  [[nodiscard]] const std::shared_ptr<Connection>& connection() const { return connection_; }

  /// Queues the welcome; the connection is to be start()ed by its new user before this call's handler returns.
  Established welcome(Token session, bool resumed, std::uint64_t received);
  void refuse(RefuseReason reason, std::string_view text);

private:
  std::shared_ptr<Connection> connection_;
  ServerHandshake handshake_;
  Hello hello_;
};

/// Accepts connections and lets in who can prove to belong here; everybody else is told so, counted and closed. Owned
/// by an actor or a data server, on the loop. Always true: at most `pending_handshakes` strangers are connected, none
/// for longer than `handshake_deadline`.
class Listener {
public:
  using OnPeer = std::function<void(AuthenticatedPeer)>;
  using OnLog = std::function<void(std::string_view)>;

  /// Binds at once; errors name the address and the flag to change.
  static Result<std::unique_ptr<Listener>> open(boost::asio::io_context& io, ListenOptions options, OnPeer on_peer,
                                                OnLog on_log = {});
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// host:port as bound.
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] const ListenerCounters& counters() const;

private:
  class Core;
  explicit Listener(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace troupe
