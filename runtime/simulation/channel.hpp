#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/core/session.hpp"
#include "runtime/simulation/clock.hpp"
#include "runtime/simulation/history.hpp"
#include "runtime/simulation/random.hpp"

namespace troupe::simulation {

class World;
class Channel;

/// A frame under way.
struct Wire {
  enum class Kind : std::uint8_t { message, acknowledge, ping, pong, bye };
  Kind kind{};
  FrameStamp stamp;
  Bytes frame;
};

/// What lies between nodes: delays, narrow and blocked paths, and the connections with the frames under way in them.
/// Inside a connection nothing overtakes; between connections anything may.
class Network {
public:
  Network(World& world, std::uint32_t nodes, Duration latency);

  /// When something that leaves now arrives.
  Instant arrival(std::uint32_t from, std::uint32_t to, std::size_t bytes);
  [[nodiscard]] bool blocked(std::uint32_t from, std::uint32_t to) const;
  [[nodiscard]] Instant blocked_until(std::uint32_t from, std::uint32_t to) const;
  void block(std::uint32_t from, std::uint32_t to, Duration time);
  void slow(std::uint32_t from, std::uint32_t to, Duration time, Duration latency, double bytes_per_us);
  /// Every path is as at the start; what was held back goes on.
  void heal();

  /// A connection of `opener` with the scheduler; end 0 is the opener's.
  std::uint64_t connect(std::uint32_t opener, ProcessId opener_process);
  /// When the scheduler's answer to it arrives; frames come after it.
  Instant welcome(std::uint64_t connection);
  void take_end(std::uint64_t connection, int end, Channel* channel);
  /// This end is closed; the other one is told after a while, unless the connection is dead.
  void release(std::uint64_t connection, int end);
  void transmit(std::uint64_t connection, int end, std::vector<Wire> frames);
  /// Reset by what lies between: both ends are told.
  void cut(std::uint64_t connection);
  /// Nothing comes through any more, and nobody is told.
  void go_silent(std::uint64_t connection);
  /// The next `frames` that arrive at either end come twice.
  void replay(std::uint64_t connection, std::uint32_t frames);
  /// The newest connection of a node that both ends have; 0 = none.
  [[nodiscard]] std::uint64_t connection_of(std::uint32_t node) const;

private:
  struct Path {
    Instant blocked_until;
    Instant slow_until;
    Duration latency{};
    double bytes_per_us{};
  };
  struct Connection {
    std::uint32_t node{};
    ProcessId process{};
    bool silent{};
    std::uint32_t replays{};
    std::array<Instant, 2> last_arrival{};  ///< at the end
    /// What is under way to the end, in order; empty: that the other one closed.
    std::array<std::deque<std::vector<Wire>>, 2> under_way{};
    std::array<Channel*, 2> ends{};
    std::array<bool, 2> taken{};
  };

  Path& path(std::uint32_t from, std::uint32_t to) { return paths_[from * nodes_ + to]; }
  [[nodiscard]] const Path& path(std::uint32_t from, std::uint32_t to) const { return paths_[from * nodes_ + to]; }
  [[nodiscard]] ProcessId process_of(const Connection& connection, int end) const;
  void put_under_way(std::uint64_t number, int end, std::size_t bytes, std::vector<Wire> frames);
  void plan_delivery(std::uint64_t number, int end, Instant when);
  void deliver(std::uint64_t number, int end);

  World& world_;
  std::uint32_t nodes_;
  Duration latency_;
  std::vector<Path> paths_;
  std::deque<Connection> connections_;  ///< by number - 1
};

/// Who a channel's messages are for.
class ChannelOwner {
public:
  virtual void on_payloads(std::vector<Bytes>& payloads) = 0;
  virtual void on_cut() = 0;
  /// Last call: bye, past its grace, or broken.
  virtual void on_over(bool graceful, const std::string& reason) = 0;

protected:
  ~ChannelOwner() = default;
};

/// One end of a conversation: the session machine and the connection it runs over now. Does what the channel over a
/// socket does.
class Channel {
public:
  Channel(World& world, ProcessId process, const SessionConfig& config, ChannelOwner& owner);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False: the two ends do not belong together.
  bool attach(std::uint64_t connection, int end, std::uint64_t peer_received);
  void send(Bytes frame);
  void bye();
  [[nodiscard]] bool connected() const { return connection_ != 0; }
  [[nodiscard]] std::uint64_t last_received() const { return session_.last_received(); }
  [[nodiscard]] std::size_t buffered() const { return session_.buffered(); }

  void on_frames(std::vector<Wire>& frames);
  void on_closed();

private:
  void cut();
  void pump(std::vector<Wire>& out);
  void flush();
  void write(Wire::Kind kind);
  void arm();
  void tick();
  void over(bool graceful, const std::string& reason);

  World& world_;
  ProcessId process_;
  Duration period_;
  Session session_;
  ChannelOwner* owner_;
  std::uint64_t connection_{};
  int end_{};
  bool flush_posted_{};
  bool overloaded_{};
  std::vector<OutgoingFrame> outgoing_;
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
};

}  // namespace troupe::simulation
