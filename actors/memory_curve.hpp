#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "protocol/time.hpp"

namespace troupe {

/// What a process took of memory over its last minute, to be told when it has died: a figure for each second, and the
/// last one.
class MemoryCurve {
public:
  void clear() { points_.clear(); }
  void add(std::uint64_t bytes, Instant now);
  /// One line, of a few figures, the largest among them; empty if nothing was measured.
  [[nodiscard]] std::string text(Instant end) const;

private:
  struct Point {
    Instant at;
    std::uint64_t bytes{};
  };
  std::deque<Point> points_;  ///< by time, a second apart but for the last
};

}  // namespace troupe
