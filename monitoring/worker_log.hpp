#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/query_messages.hpp"

namespace troupe::monitoring {

/// A line of a worker in a process of its own, as its heartbeat brought it.
struct WorkerLine {
  std::uint64_t seq{};  ///< of all of them, from 1
  WorkerId worker;
  LogLine line;
};

/// The last lines that workers told the scheduler of. Any thread.
class WorkerLog {
public:
  static constexpr std::size_t lines_max = 10'000;

  void add(WorkerId worker, std::vector<LogLine> lines) {
    const std::lock_guard lock(mutex_);
    for (LogLine& line : lines) {
      if (lines_.size() == lines_max) lines_.pop_front();
      lines_.push_back({++last_, worker, std::move(line)});
    }
  }

  /// Those with a number above `after`, the oldest `most` of them.
  [[nodiscard]] std::vector<WorkerLine> since(std::uint64_t after, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    std::vector<WorkerLine> found;
    const std::uint64_t first = last_ - lines_.size() + 1;
    for (std::size_t i = after < first ? 0 : after - first + 1; i < lines_.size() && found.size() < most; ++i)
      found.push_back(lines_[i]);
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::deque<WorkerLine> lines_;
  std::uint64_t last_{};
};

}  // namespace troupe::monitoring
