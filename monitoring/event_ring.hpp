#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/text.hpp"

namespace troupe::monitoring {

enum class EventLevel : std::uint8_t { debug, info, warning, error };

constexpr const char* name_of(EventLevel level) {
  switch (level) {
    case EventLevel::debug: return "debug";
    case EventLevel::info: return "info";
    case EventLevel::warning: return "warning";
    case EventLevel::error: return "error";
  }
  return "info";
}

struct Event {
  std::uint64_t seq{};  ///< from 1 on
  double at_unix_ms{};
  std::string topic;
  EventLevel level{};
  std::string text;
  WorkerId worker;  ///< 0 = of none
};

/// The last lines of something, for those who look: events of the cluster, or its log. From any thread.
class EventRing {
public:
  explicit EventRing(std::size_t most) : most_(most) {}

  void add(EventLevel level, std::string_view topic, WorkerId worker, std::string_view text) {
    const double now =
        std::chrono::duration<double, std::milli>(std::chrono::system_clock::now().time_since_epoch()).count();
    const std::lock_guard lock(mutex_);
    if (events_.size() == most_) events_.pop_front();
    events_.push_back({++last_, now, std::string(topic), level, std::string(cut_utf8(text, text_max)), worker});
  }

  /// As it was once added elsewhere.
  void restore(Event event) {
    const std::lock_guard lock(mutex_);
    if (events_.size() == most_) events_.pop_front();
    last_ = event.seq;
    events_.push_back(std::move(event));
  }

  /// Those with a number above `after`, the latest `most` of them, in order; and the number of the last one there is.
  [[nodiscard]] std::pair<std::vector<Event>, std::uint64_t> since(std::uint64_t after, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    std::vector<Event> found;
    std::size_t first = events_.size();
    while (first > 0 && events_[first - 1].seq > after && events_.size() - first < most) --first;
    found.assign(events_.begin() + static_cast<std::ptrdiff_t>(first), events_.end());
    return {std::move(found), last_};
  }

private:
  static constexpr std::size_t text_max = 4096;

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::uint64_t last_{};
};

}  // namespace troupe::monitoring
