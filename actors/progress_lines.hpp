#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <iosfwd>
#include <map>
#include <string>
#include <utility>

#include "actors/client.hpp"

namespace troupe {

/// How far futures are, one line a prefix: "sum  [####      ]  40%  4/10  2.0/s  3-5 s left  1 failed". The time left is a
/// range, between what it takes at the rate of the last seconds and at that since the beginning. Drawn again and again on a
/// terminal; elsewhere only `end` writes, and nothing at all on a standard stream that is none.
class ProgressLines {
public:
  using Clock = std::chrono::steady_clock;
  using ByPrefix = std::map<std::string, Progress>;

  ProgressLines(std::ostream& out, Clock::time_point now);
  /// For a stream that is, or is not, a terminal.
  ProgressLines(std::ostream& out, Clock::time_point now, bool terminal);

  void show(const ByPrefix& counts, Clock::time_point now);
  void end(const ByPrefix& counts, Clock::time_point now);

private:
  struct Pace {
    std::deque<std::pair<Clock::time_point, std::size_t>> readings;  ///< of the last seconds
    std::size_t first{};                                             ///< done when it was looked at first
  };
  std::string text(const ByPrefix& counts, Clock::time_point now);
  [[nodiscard]] std::string left(const Pace& pace, const Progress& counts, Clock::time_point now) const;

  std::ostream& out_;
  bool terminal_;
  bool quiet_{};
  const Clock::time_point begun_;
  std::map<std::string, Pace> paces_;
  std::size_t drawn_{};  ///< lines on the terminal
};

}  // namespace troupe
