#include "runtime/exec/parking.hpp"

#include <algorithm>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace

void Parking::enlist(Bed& bed) {
  bed.woken_.store(0, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  beds_.push_back(&bed);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
}

bool Parking::leave(Bed& bed) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(beds_.begin(), beds_.end(), &bed);
  if (found == beds_.end()) return false;
  beds_.erase(found);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Parking::sleep(Bed& bed) {
  while (bed.woken_.load(std::memory_order_acquire) == 0) futex_wait(bed.woken_, 0);
}

void Parking::wake_last() {
  Bed* bed = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (beds_.empty()) return;
    bed = beds_.back();
    beds_.pop_back();
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
    bed->woken_.store(1, std::memory_order_release);
  }
  futex_wake(bed->woken_);
}

void Parking::wake_all() {
  while (sleepers_.load(std::memory_order_seq_cst) > 0) wake_last();
}

}  // namespace troupe
