#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "protocol/ids.hpp"

namespace troupe::monitoring {

/// How often things took how long: buckets at powers of four, from a microsecond to about five minutes. The last one
/// seen in each bucket is kept, as an example to look at.
class DurationHistogram {
public:
  static constexpr std::size_t bucket_count = 15;  ///< 4^0 to 4^14 microseconds; what is above is counted only

  /// Upper bound of a bucket, seconds.
  static constexpr double bound(std::size_t bucket) {
    return static_cast<double>(std::uint64_t{1} << (2 * bucket)) * 1e-6;
  }

  void add(std::uint64_t microseconds, TaskId example = {}, double at_unix_ms = 0) {
    // The first bucket whose bound is not below: 4^b >= us.
    const auto bucket =
        microseconds <= 1 ? std::size_t{0} : (static_cast<std::size_t>(std::bit_width(microseconds - 1)) + 1) / 2;
    ++count_;
    sum_us_ += microseconds;
    if (bucket >= bucket_count) return;
    ++buckets_[bucket];
    if (example) examples_[bucket] = {example, microseconds, at_unix_ms};
  }

  struct Example {
    TaskId task;
    std::uint64_t microseconds{};
    double at_unix_ms{};
  };
  /// Of one bucket alone, not of those below.
  [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const { return buckets_[bucket]; }
  [[nodiscard]] const Example& example(std::size_t bucket) const { return examples_[bucket]; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_us_) * 1e-6; }

  DurationHistogram& operator+=(const DurationHistogram& other) {
    for (std::size_t i = 0; i < bucket_count; ++i) {
      buckets_[i] += other.buckets_[i];
      if (other.examples_[i].task) examples_[i] = other.examples_[i];
    }
    count_ += other.count_;
    sum_us_ += other.sum_us_;
    return *this;
  }

private:
  std::array<std::uint64_t, bucket_count> buckets_{};
  std::array<Example, bucket_count> examples_{};
  std::uint64_t count_{};
  std::uint64_t sum_us_{};
};

/// What a worker measured of itself since its start.
struct WorkerDurations {
  std::map<std::string, DurationHistogram> tasks;  ///< by prefix
  DurationHistogram transfers;                     ///< of fetches from other workers
  DurationHistogram heartbeats;                    ///< from one's being sent to its answer
};

}  // namespace troupe::monitoring
