#include "actors/memory_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>

namespace troupe {
namespace {

constexpr std::chrono::seconds spacing{1};
constexpr std::size_t points_max = 61;
constexpr std::size_t figures_max = 8;

}  // namespace

void MemoryCurve::add(std::uint64_t bytes, Instant now) {
  // The last point gives way to this one unless it is far enough from the one before it.
  if (points_.size() >= 2 && points_.back().at - points_[points_.size() - 2].at < spacing) points_.pop_back();
  points_.push_back({now, bytes});
  if (points_.size() > points_max) points_.pop_front();
}

std::string MemoryCurve::text(Instant end) const {
  if (points_.empty()) return {};
  const auto largest =
      static_cast<std::size_t>(std::max_element(points_.begin(), points_.end(),
                                                [](const Point& a, const Point& b) { return a.bytes < b.bytes; }) -
                               points_.begin());
  const std::size_t step = (points_.size() + figures_max - 1) / figures_max;
  std::string line;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const bool last = i + 1 == points_.size();
    if (!last && i != largest && i % step != 0) continue;
    const double before = std::chrono::duration<double>(end - points_[i].at).count();
    line += fmt::format("{}{:.1f} MiB {:.1f} s before its end", line.empty() ? "memory of the process: " : ", ",
                        static_cast<double>(points_[i].bytes) / (1U << 20), before);
  }
  return line + "\n";
}

}  // namespace troupe
