#include "runtime/net/connection.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace troupe {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t pieces_per_write = 64;
constexpr std::size_t pieces_per_read = 64;
constexpr std::size_t much = 512U << 10;
constexpr int user_timeout_ms = 20'000;
constexpr auto gentle_close = std::chrono::seconds(1);

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

/// Reads and drops what still comes after a last word was sent, so that closing does not reset the connection under it.
/// Its timer keeps it alive.
class Linger final : public ConnectionUser, public std::enable_shared_from_this<Linger> {
public:
  explicit Linger(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)), timer_(connection_->executor()) {}

  void begin() {
    connection_->start(*this, Reading::dropped);
    timer_.expires_after(gentle_close);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->end();
    });
    connection_->flush();
  }
  void on_frames(std::vector<IncomingFrame>&) override {}
  void on_closed(const Error&) override { end(); }

private:
  void end() {
    timer_.cancel();
    connection_->release();
  }

  std::shared_ptr<Connection> connection_;
  asio::steady_timer timer_;
};

}  // namespace

void set_stream_options(asio::ip::tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int timeout = user_timeout_ms;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

Connection::Connection(Socket socket, ConnectionLimits limits) : socket_(std::move(socket)), limits_(limits) {
  set_stream_options(socket_);
  error_code error;
  socket_.non_blocking(true, error);
  const auto endpoint = socket_.remote_endpoint(error);
  peer_ = error ? "unknown" : HostPort{endpoint.address().to_string(), endpoint.port()}.text();
}

Connection::~Connection() = default;

void Connection::start(ConnectionUser& user, Reading reading) {
  user_ = &user;
  reading_ = reading;
  if (reading == Reading::exact) {
    exact_header_ = true;
    exact_missing_ = FrameHeader::size;
    if (reader_.buffered() != 0) {
      asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->fail_with(ErrorKind::invalid, "spoke before the handshake was through");
      });
    }
  }
  if (!delivering_ && !read_waiting_)
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->read_more(); });
}

void Connection::release() {
  user_ = nullptr;
  close();
}

void Connection::close() {
  if (!socket_.is_open()) return;
  user_ = nullptr;
  flush();
  error_code ignored;
  socket_.close(ignored);
  queue_.clear();
  queued_bytes_ = 0;
}

void Connection::close_gently(std::shared_ptr<Connection> connection) {
  if (connection->open()) std::make_shared<Linger>(connection)->begin();
}

void Connection::fail_with(ErrorKind kind, const std::string& text) {
  if (!socket_.is_open()) return;
  auto* user = std::exchange(user_, nullptr);
  error_code ignored;
  socket_.close(ignored);
  queue_.clear();
  queued_bytes_ = 0;
  if (user) user->on_closed({kind, fmt::format("{}: {}", peer_, text)});
}

// ---- reading ----------------------------------------------------------------------------------------------------

void Connection::wait_readable() {
  if (read_waiting_ || paused_ || !socket_.is_open()) return;
  read_waiting_ = true;
  if (reading_ == Reading::exact || reading_ == Reading::dropped) {
    await_much();
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
      self->read_waiting_ = false;
      if (!error) self->read_more();
    });
    return;
  }
  // Asio reads as soon as the socket is ready: one system call less than a wait, which arms epoll again each time.
  const auto space = reader_.space();
  socket_.async_read_some(asio::buffer(space.data(), space.size()),
                          [self = shared_from_this(), room = space.size()](const error_code& error, std::size_t got) {
                            self->read_waiting_ = false;
                            self->read_done(error, got, room);
                          });
}

/// While a large buffer comes, waking up for each segment costs more than copying it: it is waited until much is there.
/// The system wakes us earlier when the sender's window is full, or the connection ends.
void Connection::await_much() {
  std::size_t missing = 0;
  for (std::size_t i = raw_next_; i < raw_.size() && missing < much; ++i) missing += raw_[i].iov_len;
  const int low_water = missing < much ? 1 : static_cast<int>(much);
  if (low_water == low_water_) return;
  low_water_ = low_water;
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
}

void Connection::read_done(const error_code& error, std::size_t got, std::size_t room) {
  if (!socket_.is_open()) return;
  if (error == asio::error::eof) return fail_with(ErrorKind::disconnected, closed_text());
  if (error) return fail_with(ErrorKind::disconnected, error.message());
  moved_ = true;
  if (reading_ == Reading::dropped) return read_more();
  reader_.filled(got);
  deliver();
  if (!user_) return;
  if (got == room) {
    read_more();
  } else {
    wait_readable();
  }
}

std::string Connection::closed_text() const {
  return reader_.buffered() == 0 && raw_next_ >= raw_.size() ? "closed by the other side"
                                                             : "closed by the other side in the middle of a frame";
}

void Connection::resume() {
  if (!paused_) return;
  paused_ = false;
  if (!delivering_ && !read_waiting_ && socket_.is_open())
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->read_more(); });
}

void Connection::read_more() {
  if (!user_ || read_waiting_) return;
  const auto self = shared_from_this();
  bool more = true;
  for (std::size_t round = 0; more && round < limits_.reads_per_turn && user_ && !paused_; ++round) {
    if (raw_next_ < raw_.size()) {
      more = read_raw();
    } else if (reading_ == Reading::exact) {
      more = read_exact();
    } else if (reading_ == Reading::dropped) {
      more = read_dropped();
    } else {
      more = read_some();
    }
  }
  if (user_) wait_readable();
}

bool Connection::failed_read(ssize_t got) {
  if (got > 0) {
    moved_ = true;
    return false;
  }
  if (got < 0 && would_block(errno)) return true;
  if (got < 0 && errno == EINTR) return true;  // level-triggered wait: it is read again
  if (got == 0) {
    fail_with(ErrorKind::disconnected, closed_text());
  } else {
    fail_with(ErrorKind::disconnected, std::strerror(errno));
  }
  return true;
}

bool Connection::read_some() {
  const auto space = reader_.space();
  const ssize_t got = ::recv(socket_.native_handle(), space.data(), space.size(), 0);
  if (failed_read(got)) return false;
  reader_.filled(static_cast<std::size_t>(got));
  deliver();
  return static_cast<std::size_t>(got) == space.size();
}

bool Connection::read_dropped() {
  std::array<std::byte, 16384> space;
  const ssize_t got = ::recv(socket_.native_handle(), space.data(), space.size(), 0);
  return !failed_read(got) && static_cast<std::size_t>(got) == space.size();
}

bool Connection::read_exact() {
  const auto space = reader_.space();
  const std::size_t wanted = std::min(space.size(), exact_missing_);
  const ssize_t got = ::recv(socket_.native_handle(), space.data(), wanted, 0);
  if (failed_read(got)) return false;
  const auto count = static_cast<std::size_t>(got);
  if (exact_header_) std::memcpy(header_.data() + FrameHeader::size - exact_missing_, space.data(), count);
  exact_missing_ -= count;
  reader_.filled(count);
  if (exact_missing_ == 0 && exact_header_) {
    // The reader checks it; only its length is looked at here, to ask for no byte of what follows the frame.
    std::uint32_t payload{};
    std::memcpy(&payload, header_.data() + sizeof(std::uint32_t), sizeof payload);
    exact_missing_ = payload;
    exact_header_ = false;
  }
  if (exact_missing_ == 0) {
    exact_header_ = true;
    exact_missing_ = FrameHeader::size;
  }
  deliver();
  return count == wanted;
}

void Connection::expect_raw(std::vector<std::span<std::byte>> spans) {
  TROUPE_ASSERT(reader_.buffered() == 0);
  raw_.clear();
  raw_next_ = 0;
  for (const auto& span : spans)
    if (!span.empty()) raw_.push_back({span.data(), span.size()});
  if (raw_.empty()) {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->user_) self->user_->on_raw();
    });
  }
}

bool Connection::read_raw() {
  msghdr message{};
  message.msg_iov = raw_.data() + raw_next_;
  message.msg_iovlen = std::min(raw_.size() - raw_next_, pieces_per_read);
  const ssize_t got = ::recvmsg(socket_.native_handle(), &message, 0);
  if (failed_read(got)) return false;
  for (auto rest = static_cast<std::size_t>(got); rest > 0;) {
    auto& piece = raw_[raw_next_];
    const std::size_t part = std::min(rest, piece.iov_len);
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + part;
    piece.iov_len -= part;
    rest -= part;
    if (piece.iov_len == 0) ++raw_next_;
  }
  if (raw_next_ == raw_.size()) {
    raw_.clear();
    raw_next_ = 0;
    user_->on_raw();
  }
  return true;
}

void Connection::deliver() {
  delivering_ = true;
  while (user_ && reading_ != Reading::dropped) {
    const std::size_t most = reading_ == Reading::batches ? limits_.frames_per_turn : 1;
    batch_.clear();
    std::optional<Error> error;
    while (batch_.size() < most) {
      auto frame = reader_.next();
      if (!frame) {
        error = std::move(frame.error());
        break;
      }
      if (!*frame) break;
      batch_.push_back(std::move(**frame));
    }
    const bool full = batch_.size() == most;
    if (!batch_.empty()) user_->on_frames(batch_);
    if (error && reading_ != Reading::dropped) {
      fail_with(error->kind, error->text);
      break;
    }
    if (!full || raw_next_ < raw_.size()) break;
  }
  batch_.clear();
  delivering_ = false;
}

// ---- writing ----------------------------------------------------------------------------------------------------

void Connection::send(Bytes bytes) {
  if (!socket_.is_open() || bytes.empty()) return;
  if (queued_bytes_ > limits_.write_queue_bytes) {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->fail_with(ErrorKind::overloaded, fmt::format("the other side does not read: over {} bytes wait for it",
                                                         self->limits_.write_queue_bytes));
    });
    return;
  }
  queued_bytes_ += bytes.size();
  queue_.push_back(std::move(bytes));
  post_flush();
}

void Connection::post_flush() {
  if (flush_posted_ || write_waiting_) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void Connection::flush() {
  if (write_waiting_ || !socket_.is_open()) return;
  while (!queue_.empty()) {
    std::array<iovec, pieces_per_write> pieces;
    std::size_t count = 0;
    for (auto piece = queue_.begin(); piece != queue_.end() && count < pieces.size(); ++piece, ++count) {
      const std::size_t skip = count == 0 ? front_offset_ : 0;
      pieces[count] = {const_cast<std::byte*>(piece->data()) + skip, piece->size() - skip};
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (would_block(errno)) return wait_writable();
      // The reading side says it, in its turn and once.
      const std::string text = std::strerror(errno);
      asio::post(socket_.get_executor(),
                 [self = shared_from_this(), text] { self->fail_with(ErrorKind::disconnected, text); });
      queue_.clear();
      queued_bytes_ = front_offset_ = 0;
      return;
    }
    moved_ = true;
    queued_bytes_ -= static_cast<std::size_t>(sent);
    front_offset_ += static_cast<std::size_t>(sent);
    while (!queue_.empty() && front_offset_ >= queue_.front().size()) {
      front_offset_ -= queue_.front().size();
      queue_.pop_front();
    }
  }
}

void Connection::wait_writable() {
  write_waiting_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    self->write_waiting_ = false;
    if (error) return;
    self->flush();
    if (!self->write_waiting_ && self->user_) self->user_->on_written();
  });
}

// ---- addresses --------------------------------------------------------------------------------------------------

std::string HostPort::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<HostPort> parse_address(std::string_view text) {
  const auto whole = text;
  const auto wrong = [&](std::string_view why) {
    return fail(ErrorKind::invalid, fmt::format("address \"{}\": {}; write host:port or tcp://host:port", whole, why));
  };
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    if (text.substr(0, scheme) != "tcp") return wrong("unknown scheme");
    text.remove_prefix(scheme + 3);
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("no port");
  HostPort result;
  result.host = text.substr(0, colon);
  if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']')
    result.host = result.host.substr(1, result.host.size() - 2);
  if (result.host.empty()) return wrong("no host");
  const auto digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return wrong("the port is no number up to 65535");
  return result;
}

}  // namespace troupe
