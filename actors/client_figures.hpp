#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "monitoring/histogram.hpp"

namespace troupe {

/// What a client did, for its metrics. Counted on its loop, but for questions; read on any thread.
struct ClientFigures {
  using Count = std::atomic<std::uint64_t>;

  Count connected{};  ///< 0 or 1
  Count reconnections{};
  Count submissions{};  ///< chunks of graphs; calls that went out together are one
  Count submitted_tasks{};
  Count finished{};
  Count erred{};
  Count cancelled{};
  Count lost{};
  Count received_values{};  ///< small ones, that came with the news, and those fetched from workers
  Count received_bytes{};
  Count failed_fetches{};  ///< a worker did not answer, or had not what it was asked for
  Count scattered_values{};
  Count scattered_bytes{};
  Count waiting_chunks{};  ///< submitted, and not on the wire yet

  /// On the loop: nobody else counts.
  static void add(Count& count, std::uint64_t more = 1) {
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  /// From a question to the scheduler to its answer.
  void answered(std::uint64_t microseconds) {
    std::lock_guard lock(mutex_);
    requests_.add(microseconds);
  }
  [[nodiscard]] monitoring::DurationHistogram requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }

private:
  mutable std::mutex mutex_;
  monitoring::DurationHistogram requests_;
};

}  // namespace troupe
