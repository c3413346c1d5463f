#include "runtime/core/fetch_plan.hpp"

#include <algorithm>
#include <utility>

#include "runtime/core/mutant.hpp"

namespace troupe {

void FetchPlan::set_address(WorkerId peer, std::string address) {
  if (TROUPE_MUTANT(dask_6356_a_worker_is_known_by_its_address) &&
      std::any_of(peers_.begin(), peers_.end(), [&](const auto& known) { return known.second.address == address; }))
    return;
  peers_[peer].address = std::move(address);
}

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
  at->second.in_flight = TROUPE_MUTANT(a_peer_is_asked_once);
  if (unwell) at->second.not_before = now + limits_.busy_retry;
  if (at->second.address.empty()) {
    if (at->second.waiting) std::erase(waiting_, flight.peer);
    peers_.erase(at);
  }
  return flight;
}

}  // namespace troupe
