#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace troupe::testing {

/// A bad network between two ends of our protocol: passes connections on to a port of this machine, and does to them
/// what it is told. Knows frames, so that it can cut or repeat exactly one. Has a thread of its own; used from any.
///
/// What it is told holds for all connections, present and future, until it is told otherwise.
class FrameProxy {
public:
  enum class End { source, target };  ///< who connects to us; whom we connect to
  struct Counts {
    std::uint64_t connections{};
    std::uint64_t open{};        ///< connections now
    std::uint64_t frames{};      ///< passed on whole
    std::uint64_t duplicated{};  ///< frames that went out twice
    std::uint64_t torn{};        ///< connections cut in the middle of a frame
    std::uint64_t resets{};
    std::uint64_t half_opened{};
  };

  explicit FrameProxy(std::uint16_t target = 0);
  ~FrameProxy();
  FrameProxy(const FrameProxy&) = delete;
  FrameProxy& operator=(const FrameProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  /// Of later connections.
  void set_target(std::uint16_t port);

  void delay(std::chrono::milliseconds each_way);
  void limit(std::uint64_t bytes_per_second);  ///< each way; 0 = none
  /// While it is on nothing passes, not even the end of a connection.
  void black_hole(bool on);
  /// Ends all connections as a host does that has forgotten them.
  void reset();
  /// One end is told that the connections are gone; the other hears nothing ever again.
  void half_open(End gone);
  /// The next message of any connection passes twice.
  void duplicate_frame();
  /// The next message of any connection passes half, then the connection is reset.
  void tear_frame();
  /// No delay, no limit, no black hole, nothing to come.
  void heal();
  [[nodiscard]] Counts counts() const;

private:
  struct Core;
  void tell(std::function<void(Core&)> act) const;
  std::unique_ptr<Core> core_;
};

}  // namespace troupe::testing
