#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "protocol/time.hpp"

namespace troupe::simulation {

/// A process in the simulated cluster. What is to happen in it waits while it stands still and is void when it is dead.
using ProcessId = std::uint32_t;

/// Virtual time and what is to happen in it: earliest first, of equal times the one planned first.
class Clock {
public:
  using Action = std::function<void()>;
  struct Due {
    ProcessId process{};
    Action action;
  };

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] bool idle() const { return heap_.empty(); }
  /// Of the next event; precondition: not idle.
  [[nodiscard]] Instant next() const { return heap_.front().at; }

  void at(Instant when, ProcessId process, Action action) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(actions_.size());
      actions_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    actions_[slot] = {process, std::move(action)};
    heap_.push_back({std::max(when, now_), planned_++, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// Time moves on to the next event. Precondition: not idle.
  Due advance() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.at;
    Due due = std::move(actions_[entry.slot]);
    free_.push_back(entry.slot);
    return due;
  }

  /// Time passes without an event. Precondition: none is due before.
  void rest_until(Instant when) { now_ = std::max(now_, when); }

private:
  struct Entry {
    Instant at;
    std::uint64_t order{};
    std::uint32_t slot{};
  };
  static bool later(const Entry& a, const Entry& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }

  Instant now_{std::int64_t{1'000'000'000}};
  std::uint64_t planned_{};
  std::vector<Entry> heap_;
  std::vector<Due> actions_;  ///< by slot
  std::vector<std::uint32_t> free_;
};

}  // namespace troupe::simulation
