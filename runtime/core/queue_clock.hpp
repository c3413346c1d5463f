#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "protocol/time.hpp"

namespace troupe {

/// Since when tasks wait for a worker: how many of them began in each span of about a second. Each task keeps its own
/// span, so that to begin and to end waiting is a step in an array, and the longest wait is known without a look at any.
/// Takes four bytes for each second between the first that waits and now.
class QueueClock {
public:
  static constexpr unsigned span_bits = 30;  ///< of nanoseconds: 1.07 seconds

  /// A task begins to wait; the span it has to keep.
  std::uint32_t begin(Instant now) {
    auto span = static_cast<std::uint32_t>(now.nanoseconds >> span_bits);
    if (waiting_.empty()) first_ = span;
    if (span < first_) span = first_;  // clocks of this machine do not run backwards
    while (span - first_ >= waiting_.size()) waiting_.push_back(0);
    ++waiting_[span - first_];
    ++count_;
    return span;
  }
  /// Precondition: begin() gave this span to one that waits.
  void end(std::uint32_t span) {
    --waiting_[span - first_];
    --count_;
    while (!waiting_.empty() && waiting_.front() == 0) {
      waiting_.pop_front();
      ++first_;
    }
  }
  /// How long the first of those that wait does so, at least; 0 if none does.
  [[nodiscard]] Duration longest_wait(Instant now) const {
    if (waiting_.empty()) return {};
    const Duration since_end = now - Instant{(std::int64_t{first_} + 1) << span_bits};
    return since_end.count() > 0 ? since_end : Duration{};
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint32_t count_in(std::uint32_t span) const {
    return span >= first_ && span - first_ < waiting_.size() ? waiting_[span - first_] : 0;
  }

private:
  std::uint32_t first_{};
  std::deque<std::uint32_t> waiting_;  ///< by span from first_ on; the first is not 0
  std::uint64_t count_{};
};

}  // namespace troupe
