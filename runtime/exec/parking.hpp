#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "runtime/exec/uneven_fence.hpp"

namespace troupe {

/// Where threads sleep that found no work. In two steps, so that no wake-up is lost: a thread enlists, looks for work
/// once more, and only then sleeps; who brings work publishes it first and looks for sleepers after. Both with
/// sequentially consistent accesses, so that one of the two sees the other.
class Parking {
public:
  /// One thread's bed.
  class Bed {
    friend class Parking;
    std::atomic<std::uint32_t> woken_{0};
  };

  void enlist(Bed& bed);
  /// After `enlist`: it found work after all. False: somebody had woken it up already.
  bool leave(Bed& bed);
  /// After `enlist`: sleeps until woken up.
  void sleep(Bed& bed);

  /// Wakes the one who lay down last. Costs one load when nobody sleeps.
  void wake_one() {
    if (sleepers_.load(std::memory_order_seq_cst) > 0) wake_last();
  }
  /// The same with no fence of its own: for who published work with a plain store, many times more often than others
  /// sleep, which then call UnevenFence::heavy between `enlist` and their last look.
  void wake_one_uneven() {
    UnevenFence::light();
    if (sleepers_.load(std::memory_order_relaxed) > 0) wake_last();
  }
  void wake_all();
  [[nodiscard]] std::uint32_t sleepers() const { return sleepers_.load(std::memory_order_relaxed); }

private:
  void wake_last();

  std::atomic<std::uint32_t> sleepers_{0};
  std::mutex mutex_;
  std::vector<Bed*> beds_;
};

}  // namespace troupe
