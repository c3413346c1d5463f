#include "actors/loop_actor.hpp"

#include <caf/mailbox_element.hpp>
#include <utility>

namespace troupe {

LoopActor::LoopActor(caf::actor_config& config, Node& node, const char* kind)
    : caf::event_based_actor(config), counted_(node.add_mailbox(kind)) {}

void LoopActor::enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) {
  counted_->arrived.fetch_add(1, std::memory_order_relaxed);
  caf::event_based_actor::enqueue(std::move(message), unit);
}

/// A turn ends when the mailbox is empty.
caf::resumable::resume_result LoopActor::resume(caf::execution_unit* unit, std::size_t max_throughput) {
  const auto result = caf::event_based_actor::resume(unit, max_throughput);
  counted_->taken.store(counted_->arrived.load(std::memory_order_relaxed), std::memory_order_release);
  return result;
}

}  // namespace troupe
