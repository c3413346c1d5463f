#include "runtime/core/session.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/core/mutant.hpp"

namespace troupe {

namespace {
constexpr std::size_t first_ring_size = 64;
}

Session::Session(const SessionConfig& config, Instant now)
    : config_(config), ring_(first_ring_size), granted_(0), last_sent_(now), last_heard_(now), cut_at_(now) {
  TROUPE_ASSERT(config.window_messages > 0 && config.window_messages < 1u << 31);
}

Result<void> Session::connect(std::uint64_t peer_last_received, std::uint32_t peer_credit, Instant now) {
  if (!fits(peer_last_received)) {
    return fail(ErrorKind::disconnected, "the other end says it received frame " + std::to_string(peer_last_received) +
                                             ", but this end keeps " + std::to_string(first_) + " to " +
                                             std::to_string(to_send_ - 1) + ": not the same session; start another");
  }
  drop_until(peer_last_received);
  if (!TROUPE_MUTANT(dask_5480_reconnection_sends_nothing_again)) to_send_ = first_;
  in_flight_bytes_ = 0;
  connected_ = true;
  suspect_ = false;
  last_heard_ = last_sent_ = now;
  hear({0, peer_last_received, peer_credit}, now);
  return {};
}

void Session::connection_lost(Instant now) {
  if (!connected_) return;
  connected_ = false;
  suspect_ = false;
  cut_at_ = now;
}

bool Session::send(Bytes frame) {
  if (buffered() == ring_.size()) grow();
  buffered_bytes_ += frame.size();
  slot(next_++) = std::move(frame);
  return buffered_bytes_ <= config_.buffer_bytes_limit;
}

void Session::collect(std::vector<OutgoingFrame>& out, Instant now) {
  if (!connected_) return;
  const auto before = out.size();
  while (to_send_ < next_ && to_send_ <= granted_) {
    const Bytes& frame = slot(to_send_);
    if (to_send_ != first_ && in_flight_bytes_ + frame.size() > config_.window_bytes) break;
    in_flight_bytes_ += frame.size();
    out.push_back({stamp_of(to_send_++, now), frame});
  }
  if (out.size() == before && acknowledge_due()) out.push_back({stamp_of(0, now), {}});
}

Session::Receipt Session::receive(const FrameStamp& stamp, std::size_t bytes, Instant now) {
  if (!hear(stamp, now)) return Receipt::broken;
  if (TROUPE_MUTANT(dask_5103_a_message_counts_twice) && stamp.sequence != 0 && stamp.sequence == received_)
    return Receipt::deliver;
  if (stamp.sequence <= received_) return stamp.sequence == 0 ? Receipt::broken : Receipt::duplicate;
  if (stamp.sequence != received_ + 1) return Receipt::broken;
  if (stamp.sequence > consumed_ + config_.window_messages) return Receipt::broken;
  if (consumed_ == told_) untold_since_ = now;
  received_ = stamp.sequence;
  untold_bytes_ += bytes;
  return Receipt::deliver;
}

bool Session::receive_control(const FrameStamp& stamp, Instant now) { return stamp.sequence == 0 && hear(stamp, now); }

void Session::consumed(std::uint32_t frames) {
  consumed_ += frames;
  TROUPE_ASSERT(consumed_ <= received_, "more frames consumed than delivered");
}

Session::Due Session::tick(Instant now) {
  Due due;
  if (!connected_) {
    due.expired = now - cut_at_ >= config_.grace && !TROUPE_MUTANT(a_session_never_ends);
    return due;
  }
  const Duration silence = now - last_heard_;
  suspect_ = silence >= config_.suspect_after;
  due.wire_lost = silence >= config_.lost_after && !TROUPE_MUTANT(silence_is_not_noticed);
  due.acknowledge = consumed_ != told_ && now - untold_since_ >= config_.acknowledge_after;
  due.ping = !due.acknowledge && now - last_sent_ >= config_.ping_after;
  return due;
}

FrameStamp Session::stamp(Instant now) { return stamp_of(0, now); }

FrameStamp Session::stamp_of(std::uint64_t sequence, Instant now) {
  told_ = consumed_;
  untold_bytes_ = 0;
  last_sent_ = now;
  return {sequence, consumed_, credit()};
}

bool Session::acknowledge_due() const {
  // Half a window at most, so that a sender never stands still while this end is only waiting for more to acknowledge.
  const auto messages = std::min(config_.acknowledge_messages, std::max(1u, config_.window_messages / 2));
  const auto bytes = std::min(config_.acknowledge_bytes, config_.window_bytes / 2);
  return consumed_ != told_ && (consumed_ - told_ >= messages || untold_bytes_ >= bytes);
}

bool Session::hear(const FrameStamp& stamp, Instant now) {
  last_heard_ = now;
  suspect_ = false;
  const auto more = static_cast<std::int32_t>(stamp.credit_messages - static_cast<std::uint32_t>(granted_));
  if (more > 0 && !(TROUPE_MUTANT(credit_is_not_taken) && granted_ > 0)) granted_ += static_cast<std::uint32_t>(more);
  if (stamp.acknowledged >= to_send_) return false;
  drop_until(stamp.acknowledged);
  return true;
}

/// The other end has these. What it has received may be ahead of what it acknowledges, after a reconnection.
void Session::drop_until(std::uint64_t sequence) {
  if (TROUPE_MUTANT(an_unacknowledged_frame_is_dropped) && sequence > 0 && sequence + 1 < to_send_) ++sequence;
  for (; first_ <= sequence; ++first_) {
    Bytes& frame = slot(first_);
    buffered_bytes_ -= frame.size();
    in_flight_bytes_ -= frame.size();
    frame = {};
  }
}

void Session::grow() {
  std::vector<Bytes> wider(ring_.size() * 2);
  for (auto sequence = first_; sequence < next_; ++sequence) {
    wider[sequence & (wider.size() - 1)] = std::move(slot(sequence));
  }
  ring_ = std::move(wider);
}

}  // namespace troupe
