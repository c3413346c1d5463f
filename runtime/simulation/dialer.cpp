#include "runtime/simulation/dialer.hpp"

#include <algorithm>
#include <utility>

#include "runtime/simulation/scheduler_node.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

Dialer::Dialer(World& world, std::uint32_t node, ProcessId process, PeerRole role, DialerOwner& owner)
    : world_(world),
      node_(node),
      process_(process),
      role_(role),
      owner_(owner),
      backoff_(world.options().unit / 100),
      down_since_(world.now()) {
  renew();
  open();
}

Dialer::~Dialer() { *alive_ = false; }

void Dialer::renew() {
  if (channel_) world_.bury(std::move(channel_));
  channel_ = std::make_unique<Channel>(world_, process_, world_.session_config(world_.options().unit * 2),
                                       static_cast<ChannelOwner&>(*this));
}

void Dialer::send(Bytes frame, bool registers) {
  if (closed_ || (drop_until_registered_ && !registers)) return;
  drop_until_registered_ = false;
  channel_->send(std::move(frame));
}

void Dialer::close(Bytes goodbye) {
  if (closed_) return;
  channel_->send(std::move(goodbye));
  closed_ = true;
  channel_->bye();
  opening_ = false;
}

void Dialer::open() {
  opening_ = true;
  const auto attempt = ++attempt_;
  const auto received = conversation_ != 0 ? channel_->last_received() : 0;
  const auto connection = world_.network().connect(node_, process_);
  world_.at(world_.network().arrival(node_, 0, 200), World::scheduler_process,
            [this, &world = world_, alive = alive_, attempt, received, connection, conversation = conversation_,
             node = node_, process = process_, role = role_] {
              if (!world.alive(process)) return;
              const Instant back = world.network().welcome(connection);
              const auto welcome = world.scheduler().accept(node, role, conversation, received, connection);
              world.at(back, process, [this, &world, alive, attempt, connection, welcome] {
                if (!*alive) {
                  if (welcome.conversation != 0) world.network().release(connection, 0);
                  return;
                }
                answered(attempt, connection, welcome.conversation, welcome.resumed, welcome.received);
              });
            });
  world_.at(world_.now() + world_.options().unit / 3, process_, [this, alive = alive_, attempt] {
    if (*alive && opening_ && attempt == attempt_) failed();
  });
}

void Dialer::answered(std::uint64_t attempt, std::uint64_t connection, std::uint64_t conversation, bool resumed,
                      std::uint64_t received) {
  if (attempt != attempt_ || !opening_ || closed_) {
    if (conversation != 0) world_.network().release(connection, 0);
    return;
  }
  if (conversation == 0) return failed();
  opening_ = false;
  resumed = resumed && conversation_ != 0;
  if (ever_up_ && !resumed) {
    renew();
    drop_until_registered_ = true;
  }
  conversation_ = conversation;
  if (!channel_->attach(connection, 0, received)) {
    conversation_ = 0;
    world_.network().release(connection, 0);
    return failed();
  }
  backoff_ = world_.options().unit / 100;
  if (ever_up_) world_.cover().reached(resumed ? "a session is resumed" : "a session begins anew");
  ever_up_ = true;
  owner_.on_up(resumed);
}

void Dialer::failed() {
  if (closed_) return;
  opening_ = false;
  if (world_.now() - down_since_ >= world_.options().unit * 2) return fail_with("cannot reach the scheduler");
  const Duration pause = backoff_ / 2 + world_.network_random().up_to(backoff_);
  backoff_ = std::min(backoff_ * 2, world_.options().unit / 4);
  world_.at(world_.now() + pause, process_, [this, alive = alive_] {
    if (*alive && !closed_ && !opening_ && !channel_->connected()) open();
  });
}

void Dialer::fail_with(std::string text) {
  if (closed_) return;
  closed_ = true;
  opening_ = false;
  channel_->bye();
  owner_.on_closed({ErrorKind::disconnected, std::move(text)});
}

void Dialer::on_payloads(std::vector<Bytes>& payloads) { owner_.on_messages(payloads); }

void Dialer::on_cut() {
  if (closed_) return;
  down_since_ = world_.now();
  failed();
}

void Dialer::on_over(bool, const std::string& reason) { fail_with(reason); }

}  // namespace troupe::simulation
