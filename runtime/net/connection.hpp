#pragma once

#include <sys/uio.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/framing.hpp"

namespace troupe {

struct ConnectionLimits {
  std::size_t write_queue_bytes{64U << 20};  ///< that wait to be sent; one send more always may
  std::size_t frames_per_turn{4096};         ///< delivered in one batch before other connections get their turn
  std::size_t reads_per_turn{8};             ///< likewise, reads of a full block
};

/// Who uses a connection. Outlives it, or calls release().
class ConnectionUser {
public:
  /// Frames that arrived in one wake-up, at least one; may be moved from. In single steps exactly one.
  virtual void on_frames(std::vector<IncomingFrame>& frames) = 0;
  /// What expect_raw() asked for is there.
  virtual void on_raw() {}
  /// All that was queued is written. Called only after a write had to wait.
  virtual void on_written() {}
  /// It ended, by the other side or by an error of the stream; not called after close(). Last call.
  virtual void on_closed(const Error& error) = 0;

protected:
  ~ConnectionUser() = default;
};

/// How frames are taken from the stream.
enum class Reading : std::uint8_t {
  steps,    ///< one frame at a time, so that its user may change the limits before the next (handshake)
  batches,  ///< all that came (control connections)
  exact,    ///< one frame at a time and no byte more, so that what follows goes straight to its final memory (data)
  dropped,  ///< read and thrown away, so that the other side may finish what it says and hear our last word
};

/// A TCP stream of frames, both ways. Lives on the loop and is touched there only; kept by shared_ptr, as operations
/// under way hold it. Always true: one read and at most one wait for writing are under way; frames go out in the order
/// of send(); what is queued is written at flush(), or at the end of this turn of the loop, in one gathered write.
class Connection : public std::enable_shared_from_this<Connection> {
public:
  using Socket = boost::asio::ip::tcp::socket;

  Connection(Socket socket, ConnectionLimits limits = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to read. `user` gets all calls from now on; may be called again to hand the connection on.
  void start(ConnectionUser& user, Reading reading);
  /// Nobody uses it until somebody calls start(); if nobody does, it ends with its last reference.
  void hand_over() { user_ = nullptr; }
  /// No more calls to the user; the same as close() without saying anything.
  void release();

  /// The peer is known: larger frames, other kinds.
  void authenticated() { reader_.authenticated(); }

  /// Queues a whole frame (or raw bytes that follow one).
  void send(Bytes bytes);
  /// Writes what is queued now, as far as the kernel takes it.
  void flush();
  [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }

  /// After a data frame: the next bytes of the stream go into these spans, then comes on_raw(). Call from on_frames(),
  /// in `exact` reading. The memory must stay until then, or until the connection is closed.
  void expect_raw(std::vector<std::span<std::byte>> spans);
  /// Stops reading until resume(): the peer is to wait.
  void pause() { paused_ = true; }
  void resume();

  /// Writes what is queued as far as it goes at once, and ends.
  void close();
  /// Ends once all is written and the other side has read it, or after a second.
  static void close_gently(std::shared_ptr<Connection> connection);

  /// For data connections: what they send is held by their owner anyway, and bounded by it.
  void unbound_writes() { limits_.write_queue_bytes = SIZE_MAX; }

  /// Whether a byte went in or out since this was asked last.
  [[nodiscard]] bool moved() { return std::exchange(moved_, false); }
  [[nodiscard]] bool open() const { return socket_.is_open(); }
  /// host:port of the other end.
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return socket_.get_executor(); }

private:
  void read_more();
  void wait_readable();
  void await_much();
  void read_done(const boost::system::error_code& error, std::size_t got, std::size_t room);
  [[nodiscard]] std::string closed_text() const;
  bool read_some();  ///< false: nothing more now, or closed
  bool read_raw();
  bool read_exact();
  bool read_dropped();
  void deliver();
  void fail_with(ErrorKind kind, const std::string& text);
  bool failed_read(ssize_t got);
  void wait_writable();
  void post_flush();

  Socket socket_;
  ConnectionLimits limits_;
  ConnectionUser* user_{};
  Reading reading_{Reading::steps};
  FrameReader reader_;
  std::vector<IncomingFrame> batch_;
  std::vector<iovec> raw_;  ///< still to be filled, from raw_next_ on
  int low_water_{1};        ///< bytes that have to be there before it is read
  std::size_t raw_next_{};
  std::size_t exact_missing_{};  ///< bytes of the header, or of the payload, still to come
  bool exact_header_{true};
  std::array<std::byte, FrameHeader::size> header_{};
  bool read_waiting_{};
  bool moved_{};
  bool paused_{};
  bool delivering_{};

  std::deque<Bytes> queue_;
  std::size_t front_offset_{};  ///< bytes of queue_.front() already written
  std::size_t queued_bytes_{};
  bool flush_posted_{};
  bool write_waiting_{};
  std::string peer_;
};

/// TCP_NODELAY, keep-alive, and 20 s until unacknowledged data ends the connection.
void set_stream_options(boost::asio::ip::tcp::socket& socket);

/// Splits "host:port", "tcp://host:port" or "[v6]:port".
struct HostPort {
  std::string host;
  std::uint16_t port{};
  [[nodiscard]] std::string text() const;
};
Result<HostPort> parse_address(std::string_view text);

}  // namespace troupe
