#include "runtime/core/fetch_plan.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

void FetchPlan::set_address(WorkerId peer, std::string address) { peers_[peer].address = std::move(address); }

bool FetchPlan::reachable(WorkerId peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && !found->second.address.empty();
}

void FetchPlan::enqueue(WorkerId id, const UrgencyQueue::Entry& entry) {
  Peer& peer = peers_.at(id);
  peer.queue.push(entry);
  if (!peer.waiting) {
    peer.waiting = true;
    waiting_.push_back(id);
  }
}

FetchPlan::Flight FetchPlan::finish(std::uint64_t fetch, bool unwell, Instant now) {
  const auto found = std::find_if(flights_.begin(), flights_.end(), [&](const Flight& f) { return f.fetch == fetch; });
  TROUPE_ASSERT(found != flights_.end(), "a fetch ended that was not in flight");
  Flight flight = std::move(*found);
  flights_.erase(found);
  in_flight_bytes_ -= flight.bytes;
  const auto at = peers_.find(flight.peer);
  at->second.in_flight = false;
  if (unwell) at->second.not_before = now + limits_.busy_retry;
  if (at->second.address.empty()) {
    if (at->second.waiting) std::erase(waiting_, flight.peer);
    peers_.erase(at);
  }
  return flight;
}

}  // namespace troupe
