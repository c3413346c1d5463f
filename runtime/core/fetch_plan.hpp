#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/time.hpp"
#include "runtime/core/worker_tables.hpp"

namespace troupe {

struct FetchLimits {
  std::uint32_t max_concurrent{50};
  std::uint64_t fetch_bytes{50'000'000};             ///< of one request; its first key always goes
  std::uint64_t in_flight_bytes{~std::uint64_t{0}};  ///< of all together; one request always goes
  Duration busy_retry{std::chrono::milliseconds{150}};
};

/// Which peer is asked next, and for what: keys wait here by peer, most urgent first, one request in flight a peer.
/// Part of WorkerState, which owns the keys; here they are slot numbers, and an entry counts only while the owner
/// says that it is not stale. Always true: in_flight_bytes() is the sum over flights().
class FetchPlan {
public:
  struct Flight {
    std::uint64_t fetch{};
    WorkerId peer;
    std::vector<std::uint32_t> slots;
    std::uint64_t bytes{};
    Instant since;
  };

  explicit FetchPlan(const FetchLimits& limits) : limits_(limits) {}

  void set_address(WorkerId peer, std::string address);
  [[nodiscard]] bool reachable(WorkerId peer) const;
  [[nodiscard]] const std::string& address(WorkerId peer) const { return peers_.at(peer).address; }

  /// Precondition: the peer is reachable.
  void enqueue(WorkerId peer, const UrgencyQueue::Entry& entry);
  [[nodiscard]] bool idle() const { return waiting_.empty(); }

  /// Starts the most urgent request that limits allow now; null if none. `is_stale(entry)` says that a key is no
  /// longer to be had from there, `nbytes_of(slot)` how much it is thought to be.
  template <class IsStale, class BytesOf>
  const Flight* start(Instant now, IsStale&& is_stale, BytesOf&& nbytes_of);

  /// Ends a request. The peer is left alone for a while if it is `unwell`: busy, or not to be reached.
  Flight finish(std::uint64_t fetch, bool unwell, Instant now);
  /// Gives up on a peer: visits what waits for it. It may come back, unless it is gone.
  template <class Visit>
  void strike(WorkerId peer, bool gone, Visit&& visit);

  [[nodiscard]] const std::vector<Flight>& flights() const { return flights_; }
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  /// Entries that wait, stale ones too.
  template <class Visit>
  void for_each_waiting(Visit&& visit) const {
    for (const auto& [peer, state] : peers_) {
      state.queue.for_each([&](const UrgencyQueue::Entry& entry) { visit(peer, entry); });
    }
  }

private:
  struct Peer {
    std::string address;  ///< empty: gone, kept for its flight only
    UrgencyQueue queue;
    Instant not_before;
    bool in_flight{};
    bool waiting{};  ///< listed in waiting_
  };

  FetchLimits limits_;
  std::map<WorkerId, Peer> peers_;
  std::vector<WorkerId> waiting_;  ///< peers whose queue may not be empty
  std::vector<Flight> flights_;
  std::uint64_t in_flight_bytes_{};
  std::uint64_t last_fetch_{};
};

template <class IsStale, class BytesOf>
const FetchPlan::Flight* FetchPlan::start(Instant now, IsStale&& is_stale, BytesOf&& nbytes_of) {
  if (flights_.size() >= limits_.max_concurrent) return nullptr;
  Peer* best = nullptr;
  WorkerId best_id;
  for (std::size_t i = 0; i < waiting_.size();) {
    const WorkerId id = waiting_[i];
    Peer& peer = peers_.at(id);
    const auto* head = peer.queue.first(is_stale);
    if (head == nullptr) {
      peer.waiting = false;
      waiting_[i] = waiting_.back();
      waiting_.pop_back();
      continue;
    }
    ++i;
    if (peer.in_flight || now < peer.not_before) continue;
    if (best == nullptr || head->priority < best->queue.front().priority ||
        (head->priority == best->queue.front().priority && id < best_id)) {
      best = &peer;
      best_id = id;
    }
  }
  if (best == nullptr) return nullptr;

  const auto room = in_flight_bytes_ < limits_.in_flight_bytes ? limits_.in_flight_bytes - in_flight_bytes_ : 0;
  Flight flight;
  while (const auto* head = best->queue.first(is_stale)) {
    const auto bytes = flight.bytes + nbytes_of(head->slot);
    const bool too_much =
        flight.slots.empty() ? in_flight_bytes_ > 0 && bytes > room : bytes > std::min(limits_.fetch_bytes, room);
    if (too_much) break;
    flight.bytes = bytes;
    flight.slots.push_back(head->slot);
    best->queue.pop();
  }
  if (flight.slots.empty()) return nullptr;
  flight.fetch = ++last_fetch_;
  flight.peer = best_id;
  flight.since = now;
  best->in_flight = true;
  in_flight_bytes_ += flight.bytes;
  return &flights_.emplace_back(std::move(flight));
}

template <class Visit>
void FetchPlan::strike(WorkerId id, bool gone, Visit&& visit) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  UrgencyQueue queue;
  std::swap(queue, peer.queue);
  if (gone) peer.address.clear();
  for (; !queue.empty(); queue.pop()) visit(queue.front());
  if (gone && !peer.in_flight) {
    if (peer.waiting) std::erase(waiting_, id);
    peers_.erase(found);
  }
}

}  // namespace troupe
