#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace troupe {

using Duration = std::chrono::nanoseconds;

/// A point on a steady clock that the caller reads; machines are handed one and never ask for it themselves.
struct Instant {
  std::int64_t nanoseconds{};

  friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
  friend constexpr Instant operator+(Instant at, Duration by) { return {at.nanoseconds + by.count()}; }
  friend constexpr Instant operator-(Instant at, Duration by) { return {at.nanoseconds - by.count()}; }
  friend constexpr Duration operator-(Instant later, Instant earlier) {
    return Duration{later.nanoseconds - earlier.nanoseconds};
  }
};

}  // namespace troupe
