#include "runtime/core/memory_policy.hpp"

#include <algorithm>

namespace troupe {

namespace {
constexpr double resume_below_pause = 0.05;  // so that a byte more or less does not pause and resume it in turns
}

void MemoryPolicy::measured(std::uint64_t process, std::uint64_t managed, std::uint64_t leaving, Instant now) {
  if (process == 0) return;
  process_ = process;
  const std::uint64_t unmanaged = process > managed ? process - managed : 0;
  last_span_ = now.nanoseconds / std::max<std::int64_t>(1, limits_.recent_to_old.count() / std::int64_t{spans - 1});
  Span& span = unmanaged_[static_cast<std::size_t>(last_span_) % spans];
  if (span.number != last_span_) span = {last_span_, unmanaged};
  span.least = std::min(span.least, unmanaged);

  owed_ = 0;
  if (!limited() || limits_.spill <= 0) return;
  const std::uint64_t below = bytes(limits_.target > 0 ? limits_.target : limits_.spill);
  evicting_ = process > (evicting_ ? below : bytes(limits_.spill));
  if (evicting_ && process - below > leaving) owed_ = process - below - leaving;
}

std::uint64_t MemoryPolicy::excess(std::uint64_t managed, std::uint64_t leaving, Instant now) const {
  if (!may_spill() || now < no_spill_before_) return 0;
  const std::uint64_t staying = managed - std::min(managed, leaving);
  const std::uint64_t target = limits_.target > 0 ? bytes(limits_.target) : staying;
  return std::max(owed_, staying > target ? staying - target : 0);
}

bool MemoryPolicy::paused(bool was, std::uint64_t managed) const {
  if (!limited() || limits_.pause <= 0) return false;
  const double fraction = was ? limits_.pause - resume_below_pause : limits_.pause;
  return std::max(process_, managed) > bytes(fraction);
}

std::uint64_t MemoryPolicy::room(std::uint64_t managed) const {
  if (!limited()) return ~std::uint64_t{0};
  const std::uint64_t full = bytes(limits_.pause > 0 ? limits_.pause : 1.0);
  const std::uint64_t used = std::max(process_, managed);
  return full > used ? full - used : 0;
}

std::uint64_t MemoryPolicy::unmanaged_old() const {
  std::uint64_t least = 0;
  bool any = false;
  for (const Span& span : unmanaged_) {
    if (span.number < 0 || last_span_ - span.number >= static_cast<std::int64_t>(spans)) continue;
    least = any ? std::min(least, span.least) : span.least;
    any = true;
  }
  return least;
}

}  // namespace troupe
