#include "actors/progress_lines.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

namespace troupe {
namespace {

constexpr std::size_t width = 30;
constexpr std::chrono::seconds recent{5};

/// The file that a standard stream writes to; -1: it is none of them.
int descriptor_of(const std::ostream& out) {
  if (&out == &std::cout) return STDOUT_FILENO;
  return &out == &std::cerr || &out == &std::clog ? STDERR_FILENO : -1;
}

double seconds(ProgressLines::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

ProgressLines::ProgressLines(std::ostream& out, Clock::time_point now)
    : ProgressLines(out, now, descriptor_of(out) >= 0 && ::isatty(descriptor_of(out)) == 1) {
  quiet_ = descriptor_of(out) >= 0 && !terminal_;
}

ProgressLines::ProgressLines(std::ostream& out, Clock::time_point now, bool terminal)
    : out_(out), terminal_(terminal), begun_(now) {}

void ProgressLines::learn(std::vector<PrefixDuration> durations, std::uint32_t slots) {
  durations_.clear();
  for (auto& each : durations) durations_[each.prefix] = std::move(each);
  slots_ = slots;
}

/// Between this first, and all else that the scheduler has first; each with the spread that so many tasks have together.
std::optional<ProgressLines::Range> ProgressLines::learnt(const std::string& prefix, std::size_t pending) const {
  const auto found = durations_.find(prefix);
  if (found == durations_.end() || found->second.finished == 0 || slots_ == 0) return {};
  const auto count = static_cast<double>(pending);
  const auto& [name, mean, deviation, finished, left] = found->second;
  double others = std::max(0.0, static_cast<double>(left) - count) * mean;
  for (const auto& [other, of] : durations_)
    if (other != prefix) others += static_cast<double>(of.left) * of.mean_us;
  const double spread = 2 * deviation * std::sqrt(count);
  const double soonest = std::max(0.0, count * mean - spread) / slots_;
  const double latest = std::max((count * mean + spread + others) / slots_, mean + 2 * deviation);
  return Range{soonest * 1e-6, latest * 1e-6};
}

std::string ProgressLines::left(const std::string& prefix, const Pace& pace, const Progress& counts,
                                Clock::time_point now) const {
  const auto told = [](const Range& range) {
    const auto soonest = time_text(range.soonest);
    const auto latest = std::isfinite(range.latest) ? time_text(range.latest) : std::string("?");
    return soonest == latest ? fmt::format("  {} left", soonest) : fmt::format("  {} - {} left", soonest, latest);
  };
  const auto expected = counts.pending == 0 ? std::nullopt : learnt(prefix, counts.pending);
  const auto& [then, done_then] = pace.readings.front();
  const double whole_s = seconds(now - begun_);
  const double recent_s = seconds(now - then);
  if (whole_s <= 0 || recent_s <= 0 || counts.done() == pace.first) return expected ? told(*expected) : std::string();
  const double whole = static_cast<double>(counts.done() - pace.first) / whole_s;
  const double lately = static_cast<double>(counts.done() - done_then) / recent_s;
  std::string text = fmt::format("  {:.{}f}/s", lately, lately < 100 ? 1 : 0);
  if (counts.pending == 0) return text;
  const auto pending = static_cast<double>(counts.pending);
  Range range{pending / std::max(whole, lately), pending / std::min(whole, lately)};
  if (expected) {
    range.soonest = std::max(range.soonest, expected->soonest);
    if (lately <= 0) range.latest = expected->latest;
    range.latest = std::max(range.latest, range.soonest);
  }
  return text + told(range);
}

std::string ProgressLines::text(const ByPrefix& counts, Clock::time_point now) {
  std::size_t widest = 0;
  for (const auto& [prefix, of] : counts) widest = std::max(widest, prefix.size());
  std::string text;
  for (const auto& [prefix, of] : counts) {
    auto [entry, first_time] = paces_.try_emplace(prefix);
    Pace& pace = entry->second;
    if (first_time) pace.first = of.done();
    pace.readings.emplace_back(now, of.done());
    while (pace.readings.size() > 2 && pace.readings[1].first <= now - recent) pace.readings.pop_front();
    const std::size_t total = std::max<std::size_t>(of.total(), 1);
    const std::size_t filled = of.total() == 0 ? width : of.done() * width / total;
    if (terminal_) text += "\r\x1b[K";
    text += fmt::format("{:<{}}  [{}{}]  {:3}% {}/{}", prefix, widest, std::string(filled, '#'),
                        std::string(width - filled, ' '), of.total() == 0 ? 100 : of.done() * 100 / total, of.done(),
                        of.total());
    text += left(prefix, pace, of, now);
    if (of.erred > 0) text += fmt::format("  {} failed", of.erred);
    if (of.cancelled + of.lost > 0) text += fmt::format("  {} cancelled", of.cancelled + of.lost);
    text += '\n';
  }
  return text;
}

void ProgressLines::show(const ByPrefix& counts, Clock::time_point now) {
  const std::string lines = text(counts, now);
  if (!terminal_) return;
  if (drawn_ > 0) out_ << "\x1b[" << drawn_ << 'A';
  out_ << lines << std::flush;
  drawn_ = counts.size();
}

void ProgressLines::end(const ByPrefix& counts, Clock::time_point now) {
  if (terminal_) return show(counts, now);
  if (!quiet_) out_ << text(counts, now) << std::flush;
}

}  // namespace troupe
