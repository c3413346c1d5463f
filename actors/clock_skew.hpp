#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/time.hpp"

namespace troupe {

/// By what our clock is ahead of another's, from questions and answers: the answer was made half way, as far as one can
/// know, and the shorter the way there and back the less can it have been at another time. So the shortest of the last
/// few counts.
class ClockSkew {
public:
  /// A question went out and its answer came, by our steady clock; as it came, our clock said `ours`, and the answer says
  /// `theirs`, both since 1970. An answer from before its question is none.
  void answered(Instant sent, Instant came, Duration ours, Duration theirs) {
    if (came < sent) return;
    last_ = std::max(came - sent, Duration{std::chrono::microseconds{1}});
    samples_[next_ % samples_.size()] = {last_, ours - last_ / 2 - theirs};
    ++next_;
  }
  /// Of the last question; 0 = there was none.
  [[nodiscard]] Duration round_trip() const { return last_; }
  [[nodiscard]] Duration skew() const {
    const auto known = std::min(next_, samples_.size());
    const auto best = std::min_element(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(known),
                                       [](const Sample& a, const Sample& b) { return a.round_trip < b.round_trip; });
    return known == 0 ? Duration{} : best->skew;
  }

private:
  struct Sample {
    Duration round_trip;
    Duration skew;
  };
  std::array<Sample, 8> samples_{};
  std::size_t next_{};
  Duration last_{};
};

}  // namespace troupe
