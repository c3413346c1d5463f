#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/handshake.hpp"
#include "runtime/core/session.hpp"
#include "runtime/net/connection.hpp"

namespace troupe {

/// Who a session's messages are for. Outlives the channel.
class SessionOwner {
public:
  /// Payloads of messages, each once and in order, at least one; they count as consumed when this returns.
  virtual void on_payloads(std::vector<Bytes>& payloads) = 0;
  /// The wire is gone; the session waits for another. The channel may be destroyed from inside.
  virtual void on_cut(const Error& error) = 0;
  /// The other end says goodbye; on_over() comes next.
  virtual void on_bye() {}
  /// The session is over: bye, past its grace, or the other end broke the rules. Last call; may destroy the channel.
  virtual void on_over(const Error& error) = 0;

protected:
  ~SessionOwner() = default;
};

/// A session and the connection it runs over now: stamps frames, answers pings, acknowledges, notices silence. Either
/// end has one. Owned by a link or by the scheduler's actor, on the loop.
class SessionChannel {
public:
  SessionChannel(boost::asio::io_context& io, const SessionConfig& config, SessionOwner& owner);
  /// The connection ends; nothing is said.
  ~SessionChannel();
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  /// A connection whose handshake named this session. What the peer has not got goes out again. An error: the two ends
  /// do not belong together; start another session.
  Result<void> attach(std::shared_ptr<Connection> connection, const Established& established);

  /// Queues a message. It goes out at flush(), or at the end of this turn of the loop, once there is wire and credit.
  void send(const EncodedFrame& frame);
  void flush();
  /// Says goodbye on the wire, if there is one, and ends. No more calls to the owner.
  void bye();
  /// Cuts the wire as if it had failed; the session goes on.
  void cut(const Error& error);

  [[nodiscard]] bool connected() const;
  [[nodiscard]] std::uint64_t last_received() const;
  /// See Session.
  [[nodiscard]] bool fits(std::uint64_t peer_last_received) const;
  [[nodiscard]] std::size_t backlog() const;
  [[nodiscard]] std::size_t buffered() const;
  [[nodiscard]] const std::string& peer() const;

private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace troupe
