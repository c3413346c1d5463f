#include "runtime/net/session_channel.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <chrono>

namespace troupe {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

Instant now() {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

FrameHeader header_of(FrameKind kind, const FrameStamp& stamp, std::size_t payload) {
  FrameHeader header;
  header.kind = kind;
  header.payload_bytes = static_cast<std::uint32_t>(payload);
  header.credit_messages = stamp.credit_messages;
  header.sequence = stamp.sequence;
  header.acknowledged = stamp.acknowledged;
  return header;
}

}  // namespace

class SessionChannel::Core final : public ConnectionUser, public std::enable_shared_from_this<SessionChannel::Core> {
public:
  Core(asio::io_context& io, const SessionConfig& config, SessionOwner& owner)
      : io_(io), timer_(io), session_(config, now()), owner_(&owner) {}

  void begin() { arm(); }

  Result<void> attach(std::shared_ptr<Connection> connection, const Established& established) {
    if (connection_) {
      connection_->release();
      connection_.reset();
      session_.connection_lost(now());
    }
    // The handshake says what the peer has, not how much it takes: what it has is a lower bound, and the first frame
    // of either end, right behind the handshake, says the rest.
    auto connected =
        session_.connect(established.peer_received, static_cast<std::uint32_t>(established.peer_received), now());
    if (!connected) return connected;
    connection_ = std::move(connection);
    peer_ = connection_->peer();
    connection_->start(*this, Reading::batches);
    write_control(FrameKind::acknowledge);
    pump();
    connection_->flush();
    return {};
  }

  void send(const EncodedFrame& frame) {
    if (!owner_) return;
    if (!session_.send(frame.bytes())) {
      overloaded_ = true;
      asio::post(io_, [self = shared_from_this()] {
        self->over({ErrorKind::overloaded, fmt::format("{}: too much waits for it to be acknowledged", self->peer_)});
      });
      return;
    }
    if (flush_posted_ || !connection_) return;
    flush_posted_ = true;
    asio::post(io_, [self = shared_from_this()] {
      self->flush_posted_ = false;
      self->flush();
    });
  }

  void flush() {
    if (!connection_ || overloaded_) return;
    pump();
    if (connection_) connection_->flush();
  }

  void bye() {
    owner_ = nullptr;
    if (connection_) {
      pump();
      write_control(FrameKind::bye);
      Connection::close_gently(connection_);
      connection_.reset();
    }
    timer_.cancel();
  }

  void abandon() {
    owner_ = nullptr;
    timer_.cancel();
    if (connection_) connection_->release();
    connection_.reset();
  }

  void cut(const Error& error) {
    if (!connection_) return;
    connection_->release();
    connection_.reset();
    session_.connection_lost(now());
    if (owner_) owner_->on_cut(error);
  }

  void on_frames(std::vector<IncomingFrame>& frames) override {
    const auto keep = shared_from_this();
    const auto at = now();
    payloads_.clear();
    bool answer = false;
    std::optional<Error> end;
    for (auto& frame : frames) {
      if (!take(frame, at, answer, end)) break;
    }
    if (!payloads_.empty() && owner_) {
      const auto count = static_cast<std::uint32_t>(payloads_.size());
      owner_->on_payloads(payloads_);
      session_.consumed(count);
      payloads_.clear();
    }
    if (end) return over(*end);
    if (!connection_) return;
    if (answer) write_control(FrameKind::pong);
    // New credit may let frames go, or an acknowledgement be due; the end of this turn sends both with what is said.
    if (!flush_posted_ && (answer || session_.backlog() > 0)) {
      flush();
    } else {
      pump();
    }
  }

  void on_closed(const Error& error) override { cut(error); }

  Session& session() { return session_; }
  const std::string& peer() const { return peer_; }

private:
  /// False: stop here, `end` says why.
  bool take(IncomingFrame& frame, Instant at, bool& answer, std::optional<Error>& end) {
    const FrameStamp stamp{frame.header.sequence, frame.header.acknowledged, frame.header.credit_messages};
    switch (frame.header.kind) {
      case FrameKind::message: {
        const auto receipt = session_.receive(stamp, FrameHeader::size + frame.payload.size(), at);
        if (receipt == Session::Receipt::duplicate) return true;
        if (receipt == Session::Receipt::deliver) {
          payloads_.push_back(std::move(frame.payload));
          return true;
        }
        end = Error{ErrorKind::invalid, fmt::format("{}: message {} does not follow", peer_, stamp.sequence)};
        return false;
      }
      case FrameKind::ping: answer = true; [[fallthrough]];
      case FrameKind::pong:
      case FrameKind::acknowledge:
        if (session_.receive_control(stamp, at)) return true;
        end = Error{ErrorKind::invalid, fmt::format("{}: acknowledges what was not sent", peer_)};
        return false;
      case FrameKind::bye:
        bye_ = true;
        end = Error{ErrorKind::disconnected, fmt::format("{} said goodbye", peer_)};
        return false;
      case FrameKind::hello:
      case FrameKind::challenge:
      case FrameKind::proof:
      case FrameKind::welcome:
      case FrameKind::refuse:
      case FrameKind::data: break;
    }
    end = Error{ErrorKind::invalid, fmt::format("{}: a {} frame in a session", peer_, name_of(frame.header.kind))};
    return false;
  }

  /// Moves what may go out to the connection's queue.
  void pump() {
    if (!connection_) return;
    outgoing_.clear();
    session_.collect(outgoing_, now());
    for (auto& out : outgoing_) {
      if (out.frame.empty()) {
        connection_->send(make_frame(header_of(FrameKind::acknowledge, out.stamp, 0)));
        continue;
      }
      // The frame is this session's alone, and no write of it is under way: a connection that had it is closed.
      auto* head = const_cast<std::byte*>(out.frame.data());
      encode_header(header_of(FrameKind::message, out.stamp, out.frame.size() - FrameHeader::size),
                    std::span<std::byte, FrameHeader::size>(head, FrameHeader::size));
      connection_->send(std::move(out.frame));
    }
    outgoing_.clear();
  }

  void write_control(FrameKind kind) { connection_->send(make_frame(header_of(kind, session_.stamp(now()), 0))); }

  void arm() {
    timer_.expires_after(session_.tick_interval());
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->owner_) self->tick();
    });
  }

  void tick() {
    const auto due = session_.tick(now());
    if (due.expired) return over({ErrorKind::disconnected, fmt::format("{}: did not come back in time", peer_)});
    arm();
    if (due.wire_lost) return cut({ErrorKind::disconnected, fmt::format("{}: silent for too long", peer_)});
    if (!connection_) return;
    if (due.acknowledge) write_control(FrameKind::acknowledge);
    if (due.ping) write_control(FrameKind::ping);
    flush();
  }

  void over(const Error& error) {
    const auto keep = shared_from_this();
    auto* owner = owner_;
    abandon();
    if (owner && bye_) owner->on_bye();
    if (owner) owner->on_over(error);
  }

  asio::io_context& io_;
  asio::steady_timer timer_;
  Session session_;
  SessionOwner* owner_;
  std::shared_ptr<Connection> connection_;
  std::string peer_{"a peer not connected yet"};
  std::vector<OutgoingFrame> outgoing_;
  std::vector<Bytes> payloads_;
  bool flush_posted_{};
  bool overloaded_{};
  bool bye_{};
};

SessionChannel::SessionChannel(asio::io_context& io, const SessionConfig& config, SessionOwner& owner)
    : core_(std::make_shared<Core>(io, config, owner)) {
  core_->begin();
}

SessionChannel::~SessionChannel() { core_->abandon(); }
Result<void> SessionChannel::attach(std::shared_ptr<Connection> connection, const Established& established) {
  return core_->attach(std::move(connection), established);
}
void SessionChannel::send(const EncodedFrame& frame) { core_->send(frame); }
void SessionChannel::flush() { core_->flush(); }
void SessionChannel::bye() { core_->bye(); }
void SessionChannel::cut(const Error& error) { core_->cut(error); }
bool SessionChannel::connected() const { return core_->session().connected(); }
std::uint64_t SessionChannel::last_received() const { return core_->session().last_received(); }
bool SessionChannel::fits(std::uint64_t peer_last_received) const { return core_->session().fits(peer_last_received); }
std::size_t SessionChannel::backlog() const { return core_->session().backlog(); }
std::size_t SessionChannel::buffered() const { return core_->session().buffered(); }
const std::string& SessionChannel::peer() const { return core_->peer(); }

}  // namespace troupe
