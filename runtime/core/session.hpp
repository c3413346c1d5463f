#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

namespace troupe {

struct SessionConfig {
  std::uint32_t window_messages{1024};           ///< frames the other end may send ahead of what we have consumed
  std::uint64_t window_bytes{64u << 20};         ///< bytes we send ahead of its acknowledgement; one frame always may
  std::uint64_t buffer_bytes_limit{256u << 20};  ///< frames kept here, sent or not; over it the session is overloaded
  std::uint32_t acknowledge_messages{64};        ///< consumed frames that wait for an acknowledgement, at most
  std::uint64_t acknowledge_bytes{256u << 10};
  Duration acknowledge_after{std::chrono::milliseconds{100}};  ///< idle time before an acknowledgement goes by itself
  Duration ping_after{std::chrono::seconds{1}};                ///< silence of ours before a ping
  Duration suspect_after{std::chrono::seconds{10}};            ///< silence of theirs
  Duration lost_after{std::chrono::seconds{30}};               ///< silence of theirs before the wire is given up
  Duration grace{std::chrono::seconds{60}};                    ///< time without a wire before the session is over
};

/// What the sender writes into a frame's header in the moment it goes out. `sequence` is 0 for frames outside the
/// sequence (acknowledge, ping, pong, handshake); the other two are true of every frame.
struct FrameStamp {
  std::uint64_t sequence{};         ///< from 1, by one
  std::uint64_t acknowledged{};     ///< all up to here are consumed
  std::uint32_t credit_messages{};  ///< the receiver may send up to this sequence (mod 2^32)
  friend bool operator==(const FrameStamp&, const FrameStamp&) = default;
};

/// A frame for the wire. An empty `frame` stands for an acknowledge frame without payload.
struct OutgoingFrame {
  FrameStamp stamp;
  Bytes frame;  ///< as handed to Session::send, head-room included
};

/// One end of a conversation that outlives the connections it runs over: each frame sent is consumed once and in
/// order, however often the wire is cut. Pure; owned by the io thread's link or connection, touched only there.
///
/// Frames come as one buffer each, head-room for the header in front; the session never looks into them, the shell
/// stamps the header in place. A frame therefore belongs to one session. After each turn of the event loop the shell
/// calls collect() and writes what it gets; every tick_interval() it calls tick() and does what is due.
///
/// Always true: the buffer holds exactly the frames the other end has not acknowledged; nothing goes out that it gave
/// no credit for; what receive() lets through is the sequence 1, 2, 3, ...
class Session {
public:
  enum class Receipt : std::uint8_t {
    deliver,    ///< hand it to the owner, and call consumed() when the owner is done with it
    duplicate,  ///< had it already: drop it
    broken,     ///< gap, or more than was granted, or an acknowledgement of the future: end the session
  };

  /// What time asks for. More than one may be due.
  struct Due {
    bool ping{};         ///< send a ping frame, stamped with stamp()
    bool acknowledge{};  ///< send an acknowledge frame, stamped with stamp()
    bool wire_lost{};    ///< the other end is silent for lost_after: close the connection and call connection_lost()
    bool expired{};      ///< no wire for `grace`: the session is over
  };

  Session(const SessionConfig& config, Instant now);

  /// The handshake of a connection is through; the first one too. Both numbers are what the other end's handshake
  /// said of its own session: last_received() and credit(). Frames it has not got go out again with collect().
  /// An error means that the two ends do not belong together.
  Result<void> connect(std::uint64_t peer_last_received, std::uint32_t peer_credit, Instant now);
  /// Whether an end that has received this much can be the other end of this session.
  [[nodiscard]] bool fits(std::uint64_t peer_last_received) const {
    return peer_last_received + 1 >= first_ && peer_last_received < to_send_;
  }
  /// The wire is cut: nothing of what was sent and not acknowledged is known to have arrived.
  void connection_lost(Instant now);
  [[nodiscard]] bool connected() const { return connected_; }

  /// Takes a frame over. False: more than buffer_bytes_limit wait, the other end does not keep up; end the session.
  bool send(Bytes frame);
  /// Appends what may go out now, in order: frames there is credit for, or else an acknowledge frame if one is due.
  void collect(std::vector<OutgoingFrame>& out, Instant now);

  /// A message frame arrived.
  Receipt receive(const FrameStamp& stamp, std::size_t bytes, Instant now);
  /// A frame outside the sequence (acknowledge, ping, pong) arrived. False: broken, as in receive().
  bool receive_control(const FrameStamp& stamp, Instant now);
  /// The owner is done with this many delivered frames: they are acknowledged, and as many more may come.
  void consumed(std::uint32_t frames = 1);

  /// To be called every tick_interval() or so.
  Due tick(Instant now);
  [[nodiscard]] Duration tick_interval() const { return config_.acknowledge_after; }

  /// For frames outside the sequence. Whoever asks will send it: what it acknowledges is not acknowledged again.
  FrameStamp stamp(Instant now);

  [[nodiscard]] std::uint64_t last_received() const { return received_; }
  [[nodiscard]] std::uint32_t credit() const { return static_cast<std::uint32_t>(consumed_ + config_.window_messages); }
  /// Connected, but silent for suspect_after when tick() last looked.
  [[nodiscard]] bool suspect() const { return suspect_; }
  /// Frames that wait for credit or for a wire.
  [[nodiscard]] std::size_t backlog() const { return static_cast<std::size_t>(next_ - to_send_); }
  /// Frames kept until acknowledged, the backlog included.
  [[nodiscard]] std::size_t buffered() const { return static_cast<std::size_t>(next_ - first_); }
  [[nodiscard]] std::uint64_t buffered_bytes() const { return buffered_bytes_; }
  [[nodiscard]] Instant last_heard() const { return last_heard_; }

private:
  [[nodiscard]] Bytes& slot(std::uint64_t sequence) { return ring_[sequence & (ring_.size() - 1)]; }
  void grow();
  void drop_until(std::uint64_t sequence);
  bool hear(const FrameStamp& stamp, Instant now);
  [[nodiscard]] bool acknowledge_due() const;
  FrameStamp stamp_of(std::uint64_t sequence, Instant now);

  SessionConfig config_;
  std::vector<Bytes> ring_;          ///< by sequence modulo its size, a power of two
  std::uint64_t first_{1};           ///< oldest frame not acknowledged
  std::uint64_t to_send_{1};         ///< first frame not on the wire
  std::uint64_t next_{1};            ///< sequence of the next frame handed over
  std::uint64_t granted_;            ///< we may send up to this sequence
  std::uint64_t buffered_bytes_{};   ///< of [first_, next_)
  std::uint64_t in_flight_bytes_{};  ///< of [first_, to_send_)

  std::uint64_t received_{};      ///< last frame delivered
  std::uint64_t consumed_{};      ///< last frame the owner is done with
  std::uint64_t told_{};          ///< last acknowledgement that went out
  std::uint64_t untold_bytes_{};  ///< received since then

  bool connected_{};
  bool suspect_{};
  Instant last_sent_;
  Instant last_heard_;
  Instant cut_at_;
  Instant untold_since_;
};

}  // namespace troupe
