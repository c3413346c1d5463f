#pragma once

#include <caf/send.hpp>
#include <string>
#include <utility>
#include <vector>

#include "actors/connect.hpp"
#include "actors/link_messages.hpp"
#include "actors/scheduler_actor.hpp"

namespace troupe {

/// A link inside a node: batches of structs go from mailbox to mailbox, never encoded. Owned by an actor, on the loop.
template <class Out>
class LocalLink final : public Link<Out> {
public:
  LocalLink(const SchedulerHandle& scheduler, Role role, const caf::actor& owner)
      : scheduler_(caf::actor_cast<caf::actor>(scheduler.shared().actor)),
        conversation_(scheduler.shared().numbers->fetch_add(1, std::memory_order_relaxed) + 1) {
    if (scheduler_) {
      caf::anon_send(scheduler_, PeerOpened{conversation_, role, owner});
    } else {
      caf::anon_send(owner, LinkClosed{{ErrorKind::disconnected, "the scheduler has ended"}});
    }
  }
  ~LocalLink() override { leave(false, "its owner has ended"); }

  void send(std::vector<Out> messages) override {
    if (scheduler_) caf::anon_send(scheduler_, FromPeer<Out>{conversation_, std::move(messages)});
  }
  void close(std::string reason) override {
    send({Out{Goodbye{reason}}});
    leave(true, reason);
  }
  /// Bounded by construction: both ends take turns on one loop.
  [[nodiscard]] std::size_t backlog() const override { return 0; }

private:
  void leave(bool graceful, const std::string& reason) {
    if (auto scheduler = std::exchange(scheduler_, {}))
      caf::anon_send(scheduler, PeerGone{conversation_, graceful, reason});
  }

  caf::actor scheduler_;
  Conversation conversation_;
};

}  // namespace troupe
