#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/span.hpp"
#include "protocol/time.hpp"
#include "runtime/core/views.hpp"

namespace troupe {

/// What is known of the tasks that were submitted in spans of one name.
struct SpanRecord {
  SpanView sums;                                               ///< without functions: they follow
  std::map<std::string, FunctionTime, std::less<>> functions;  ///< by prefix
  std::uint64_t groups{};                                      ///< that there are, and point here
};

/// Spans by name. Bounded: to make room for a new one, the one that was longest without a change goes, of those without
/// tasks; if all have tasks, the new one is not counted. Owned by the scheduler machine.
class SpanTotals {
public:
  static constexpr std::size_t spans_max = 500;
  static constexpr std::size_t functions_max = 100;  ///< of a span; others are counted together

  /// The record that a group of that span is counted on, until `leave`; null: there is no room.
  SpanRecord* enter(const SpanContext& span, std::uint64_t tasks, Instant now);
  void leave(SpanRecord& record) { --record.groups; }
  /// What a worker tells of the runs of one span.
  void add(const FunctionTime& function);
  [[nodiscard]] std::vector<SpanView> view() const;

  [[nodiscard]] const std::map<std::string, SpanRecord, std::less<>>& records() const { return records_; }

private:
  bool make_room();

  std::map<std::string, SpanRecord, std::less<>> records_;
};

}  // namespace troupe
