#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <caf/event_based_actor.hpp>

#include "actors/node.hpp"

namespace troupe {

/// Messages that came to an actor, and those of them that it has dealt with, as of the end of its last turn. Written by
/// whoever sends and by the loop, read on any thread, also while the loop is stuck.
struct Mailbox {
  std::atomic<std::uint64_t> arrived{};
  std::atomic<std::uint64_t> taken{};

  /// May be too small for a moment, by what comes as the actor ends its turn.
  [[nodiscard]] std::uint64_t waiting() const {
    const auto known = taken.load(std::memory_order_acquire);
    return arrived.load(std::memory_order_relaxed) - known;
  }
};

/// An actor of ours: one on the node's loop that others can see the mailbox of. A message costs an increment more.
class LoopActor : public caf::event_based_actor {
public:
  /// `kind` is a literal: what it is counted as.
  LoopActor(caf::actor_config& config, Node& node, const char* kind);

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override;
  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t max_throughput) override;

private:
  std::shared_ptr<Mailbox> counted_;
};

}  // namespace troupe
