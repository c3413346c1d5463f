#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/error.hpp"
#include "runtime/simulation/channel.hpp"

namespace troupe::simulation {

enum class PeerRole : std::uint8_t { client, worker, nanny };

/// Who a link to the scheduler is of.
class DialerOwner {
public:
  virtual void on_messages(std::vector<Bytes>& payloads) = 0;
  /// There is a wire. Not resumed, and not the first: the scheduler forgot this peer.
  virtual void on_up(bool resumed) = 0;
  /// For good. May destroy the dialer, soon.
  virtual void on_closed(const Error& error) = 0;

protected:
  ~DialerOwner() = default;
};

/// The opener's side of a conversation with the scheduler: a session, and attempts to have a wire under it, as
/// actors/remote_link.hpp does it.
class Dialer final : private ChannelOwner {
public:
  Dialer(World& world, std::uint32_t node, ProcessId process, PeerRole role, DialerOwner& owner);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  /// `registers`: it is the first word of a peer.
  void send(Bytes frame, bool registers);
  void close(Bytes goodbye);
  [[nodiscard]] bool quiet() const { return channel_->buffered() == 0; }

  /// The answer of the scheduler to an attempt; 0: refused.
  void answered(std::uint64_t attempt, std::uint64_t connection, std::uint64_t conversation, bool resumed,
                std::uint64_t received);

private:
  void open();
  void failed();
  void renew();
  void on_payloads(std::vector<Bytes>& payloads) override;
  void on_cut() override;
  void on_over(bool graceful, const std::string& reason) override;
  void fail_with(std::string text);

  World& world_;
  std::uint32_t node_;
  ProcessId process_;
  PeerRole role_;
  DialerOwner& owner_;
  std::unique_ptr<Channel> channel_;
  std::uint64_t conversation_{};  ///< names the session; 0 = none yet
  std::uint64_t attempt_{};
  bool opening_{};
  bool ever_up_{};
  bool drop_until_registered_{};
  bool closed_{};
  Duration backoff_;
  Instant down_since_;
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
};

}  // namespace troupe::simulation
