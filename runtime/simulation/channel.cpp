#include "runtime/simulation/channel.hpp"

#include <utility>

#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

Channel::Channel(World& world, ProcessId process, const SessionConfig& config, ChannelOwner& owner)
    : world_(world),
      process_(process),
      period_(config.acknowledge_after),
      session_(config, world.now()),
      owner_(&owner) {
  arm();
}

Channel::~Channel() {
  *alive_ = false;
  if (connection_ != 0) world_.network().release(connection_, end_);
}

bool Channel::attach(std::uint64_t connection, int end, std::uint64_t peer_received) {
  if (connection_ != 0) {
    world_.network().release(connection_, end_);
    connection_ = 0;
    session_.connection_lost(world_.now());
  }
  if (!session_.connect(peer_received, static_cast<std::uint32_t>(peer_received), world_.now())) return false;
  connection_ = connection;
  end_ = end;
  world_.network().take_end(connection, end, this);
  write(Wire::Kind::acknowledge);
  flush();
  return true;
}

void Channel::send(Bytes frame) {
  if (owner_ == nullptr) return;
  if (!session_.send(std::move(frame))) {
    overloaded_ = true;
    world_.cover().reached("a session is overloaded");
    world_.at(world_.now(), process_, [this, alive = alive_] {
      if (*alive) over(false, "too much waits for it to be acknowledged");
    });
    return;
  }
  if (flush_posted_ || connection_ == 0) return;
  flush_posted_ = true;
  world_.at(world_.now(), process_, [this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    flush();
  });
}

void Channel::bye() {
  owner_ = nullptr;
  if (connection_ == 0) return;
  std::vector<Wire> out;
  pump(out);
  out.push_back({Wire::Kind::bye, session_.stamp(world_.now()), {}});
  world_.network().transmit(connection_, end_, std::move(out));
  world_.network().release(connection_, end_);
  connection_ = 0;
}

void Channel::cut() {
  if (connection_ == 0) return;
  world_.network().release(connection_, end_);
  connection_ = 0;
  session_.connection_lost(world_.now());
  if (owner_ != nullptr) owner_->on_cut();
}

void Channel::on_closed() { cut(); }

void Channel::on_frames(std::vector<Wire>& frames) {
  const auto alive = alive_;
  std::vector<Bytes> payloads;
  bool answer = false;
  bool bye = false;
  std::string broken;
  for (Wire& wire : frames) {
    if (wire.kind == Wire::Kind::message) {
      const auto receipt = session_.receive(wire.stamp, wire.frame.size(), world_.now());
      if (receipt == Session::Receipt::deliver) payloads.push_back(std::move(wire.frame));
      if (receipt == Session::Receipt::duplicate) world_.cover().reached("a frame came twice and was dropped");
      if (receipt == Session::Receipt::broken) broken = "a message does not follow";
    } else if (wire.kind == Wire::Kind::bye) {
      bye = true;
    } else {
      answer = answer || wire.kind == Wire::Kind::ping;
      if (!session_.receive_control(wire.stamp, world_.now())) broken = "acknowledges what was not sent";
    }
    if (bye || !broken.empty()) break;
  }
  if (!payloads.empty() && owner_ != nullptr) {
    const auto count = static_cast<std::uint32_t>(payloads.size());
    owner_->on_payloads(payloads);
    if (!*alive) return;
    session_.consumed(count);
  }
  // The simulated wire does not corrupt: a broken sequence is a bug of the session.
  if (!broken.empty()) world_.violated("session", broken);
  if (bye) return over(true, "said goodbye");
  if (connection_ == 0) return;
  if (answer) write(Wire::Kind::pong);
  flush();
}

void Channel::pump(std::vector<Wire>& out) {
  outgoing_.clear();
  session_.collect(outgoing_, world_.now());
  for (OutgoingFrame& frame : outgoing_)
    out.push_back(
        {frame.frame.empty() ? Wire::Kind::acknowledge : Wire::Kind::message, frame.stamp, std::move(frame.frame)});
}

void Channel::flush() {
  if (connection_ == 0 || overloaded_) return;
  std::vector<Wire> out;
  pump(out);
  if (!out.empty()) world_.network().transmit(connection_, end_, std::move(out));
}

void Channel::write(Wire::Kind kind) {
  std::vector<Wire> out;
  out.push_back({kind, session_.stamp(world_.now()), {}});
  world_.network().transmit(connection_, end_, std::move(out));
}

void Channel::arm() {
  world_.at(world_.now() + period_, process_, [this, alive = alive_] {
    if (*alive && owner_ != nullptr) tick();
  });
}

void Channel::tick() {
  const auto due = session_.tick(world_.now());
  if (due.expired) return over(false, "did not come back in time");
  arm();
  if (due.wire_lost) {
    world_.cover().reached("a silent connection is given up");
    return cut();
  }
  if (connection_ == 0) return;
  if (due.acknowledge) write(Wire::Kind::acknowledge);
  if (due.ping) write(Wire::Kind::ping);
  flush();
}

void Channel::over(bool graceful, const std::string& reason) {
  ChannelOwner* owner = std::exchange(owner_, nullptr);
  if (connection_ != 0) world_.network().release(connection_, end_);
  connection_ = 0;
  if (owner != nullptr) owner->on_over(graceful, reason);
}

}  // namespace troupe::simulation
