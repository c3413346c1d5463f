#include "runtime/core/span_totals.hpp"

#include "runtime/core/time_totals.hpp"

namespace troupe {

SpanRecord* SpanTotals::enter(const SpanContext& span, std::uint64_t tasks, Instant now) {
  auto found = records_.find(span.name);
  if (found == records_.end()) {
    if (!make_room()) return nullptr;
    found = records_.try_emplace(span.name).first;
    found->second.sums.submitted_first = now;
  }
  SpanRecord& record = found->second;
  record.sums.span = span;
  record.sums.changed_last = now;
  ++record.sums.submissions;
  record.sums.submitted += tasks;
  ++record.groups;
  return &record;
}

bool SpanTotals::make_room() {
  if (records_.size() < spans_max) return true;
  auto oldest = records_.end();
  for (auto it = records_.begin(); it != records_.end(); ++it)
    if (it->second.groups == 0 &&
        (oldest == records_.end() || it->second.sums.changed_last < oldest->second.sums.changed_last))
      oldest = it;
  if (oldest == records_.end()) return false;
  records_.erase(oldest);
  return true;
}

void SpanTotals::add(const FunctionTime& function) {
  const auto found = records_.find(function.span);
  if (found == records_.end()) return;  // it went, or was never counted
  entry_or_other(found->second.functions, function.prefix, functions_max) += function;
}

std::vector<SpanView> SpanTotals::view() const {
  std::vector<SpanView> views;
  views.reserve(records_.size());
  for (const auto& [name, record] : records_) {
    views.push_back(record.sums);
    for (const auto& [prefix, time] : record.functions) {
      views.back().functions.push_back(time);
      views.back().functions.back().prefix = prefix;
    }
  }
  return views;
}

}  // namespace troupe
