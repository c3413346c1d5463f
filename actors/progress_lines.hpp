#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/client.hpp"

namespace troupe {

/// How far futures are, one line a prefix: "sum  [####      ]  40%  4/10  2.0/s  3 s - 5 s left  1 failed". The time left
/// is a range. Until one has ended it comes from learnt durations: as if the whole cluster did nothing else, and as if it
/// did all else first. Then it is between what is left at the rate of the last seconds and at that since the beginning, but
/// never shorter than the durations allow. Drawn again and again on a terminal; elsewhere only `end` writes, and nothing at
/// all on a standard stream that is none.
class ProgressLines {
public:
  using Clock = std::chrono::steady_clock;
  using ByPrefix = std::map<std::string, Progress>;

  ProgressLines(std::ostream& out, Clock::time_point now);
  /// For a stream that is, or is not, a terminal.
  ProgressLines(std::ostream& out, Clock::time_point now, bool terminal);

  /// Whether anything is ever shown.
  [[nodiscard]] bool visible() const { return terminal_ || !quiet_; }
  /// What the scheduler has learnt of all tasks it has, and how many can run at a time.
  void learn(std::vector<PrefixDuration> durations, std::uint32_t slots);
  void show(const ByPrefix& counts, Clock::time_point now);
  void end(const ByPrefix& counts, Clock::time_point now);

private:
  struct Pace {
    std::deque<std::pair<Clock::time_point, std::size_t>> readings;  ///< of the last seconds
    std::size_t first{};                                             ///< done when it was looked at first
  };
  /// Seconds.
  struct Range {
    double soonest{};
    double latest{};
  };
  [[nodiscard]] std::optional<Range> learnt(const std::string& prefix, std::size_t pending) const;
  std::string text(const ByPrefix& counts, Clock::time_point now);
  [[nodiscard]] std::string left(const std::string& prefix, const Pace& pace, const Progress& counts,
                                 Clock::time_point now) const;

  std::ostream& out_;
  bool terminal_;
  bool quiet_{};
  const Clock::time_point begun_;
  std::map<std::string, Pace> paces_;
  std::map<std::string, PrefixDuration> durations_;
  std::uint32_t slots_{};
  std::size_t drawn_{};  ///< lines on the terminal
};

}  // namespace troupe
