#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "protocol/time.hpp"

namespace troupe {

/// What a worker may use, and what it does on the way there. Fractions are of `limit`; 0 = that step is not taken.
struct MemoryLimits {
  std::uint64_t limit{};  ///< bytes; 0 = none, and then nothing of the following counts
  double target{0.6};     ///< values in memory above it go to disk, least recently used first
  double spill{0.7};      ///< of the process: above it values go to disk until it is below `target`
  double pause{0.8};      ///< of the process: above it nothing new is started
  double transfer{0.1};   ///< values on their way here at a time
  Duration recent_to_old{std::chrono::seconds{30}};           ///< unmanaged memory that stays so long is old
  Duration monitor_interval{std::chrono::milliseconds{100}};  ///< how often the process is measured
  Duration spill_retry{std::chrono::seconds{10}};             ///< after the disk refused, until it is tried again
};

/// Decides how many bytes of values have to leave memory, and whether the worker is paused. Part of WorkerState, which
/// knows the values and chooses among them. Memory comes in two measures: what the values are thought to take, known
/// at any time, and what the process takes, measured now and then; the difference is unmanaged.
class MemoryPolicy {
public:
  explicit MemoryPolicy(const MemoryLimits& limits) : limits_(limits) {}

  [[nodiscard]] bool limited() const { return limits_.limit > 0; }
  [[nodiscard]] bool may_spill() const { return limited() && (limits_.target > 0 || limits_.spill > 0); }
  /// Values larger than what memory is to hold of them go before all others.
  [[nodiscard]] bool outsize(std::uint64_t nbytes) const {
    return limits_.target > 0 && nbytes > bytes(limits_.target);
  }

  /// The process was measured, while `managed` bytes of values were in memory and `leaving` of them on their way out.
  void measured(std::uint64_t process, std::uint64_t managed, std::uint64_t leaving, Instant now);
  /// Bytes that have to go, beside those that are leaving already; 0 while the disk is not to be used.
  [[nodiscard]] std::uint64_t excess(std::uint64_t managed, std::uint64_t leaving, Instant now) const;
  void spill_started(std::uint64_t nbytes) { owed_ -= nbytes < owed_ ? nbytes : owed_; }
  void disk_refused(Instant now) { no_spill_before_ = now + limits_.spill_retry; }

  /// Whether to be paused, given whether it is.
  [[nodiscard]] bool paused(bool was, std::uint64_t managed) const;
  /// Bytes free before it would pause; all ones if nothing limits it.
  [[nodiscard]] std::uint64_t room(std::uint64_t managed) const;
  /// What tasks may bring back from disk for their turn, so that the rest can still move.
  [[nodiscard]] std::uint64_t staging_bytes() const { return bytes(limits_.target > 0 ? limits_.target : 0.5) / 2; }

  [[nodiscard]] std::uint64_t process_bytes() const { return process_; }
  /// The least that was unmanaged at any time in the last `recent_to_old`.
  [[nodiscard]] std::uint64_t unmanaged_old() const;

private:
  [[nodiscard]] std::uint64_t bytes(double fraction) const {
    return static_cast<std::uint64_t>(fraction * static_cast<double>(limits_.limit));
  }

  static constexpr std::size_t spans = 16;
  struct Span {
    std::int64_t number{-1};  ///< time over its length
    std::uint64_t least{};
  };

  MemoryLimits limits_;
  std::uint64_t process_{};  ///< 0 = not measured
  std::uint64_t owed_{};     ///< to leave memory, since the process is too large
  bool evicting_{};          ///< it was above `spill` and has not been below `target` since
  Instant no_spill_before_{};
  std::array<Span, spans> unmanaged_{};
  std::int64_t last_span_{-1};
};

}  // namespace troupe
