#include "actors/log_ring.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "monitoring/worker_log.hpp"
#include "protocol/text.hpp"

namespace troupe {

void LogRing::add(std::uint8_t level, const LogContext& about, std::string_view text) {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  LogLine line{0, now.count(), level, std::string(cut_utf8(text, line_bytes_max)), about};
  const std::lock_guard lock(mutex_);
  line.number = ++last_;
  bytes_ += monitoring::text_bytes_of(line);
  lines_.push_back(std::move(line));
  while (lines_.size() > lines_max || (bytes_ > bytes_max && lines_.size() > 1)) {
    bytes_ -= monitoring::text_bytes_of(lines_.front());
    lines_.pop_front();
  }
}

LogRing::Page LogRing::page(std::uint64_t after, std::size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto oldest = last_ - lines_.size() + 1;
  std::uint64_t first = std::max(after, oldest);
  if (after == 0 && lines_.size() > count) first = last_ - count + 1;
  Page page;
  for (std::uint64_t number = first; number <= last_ && page.lines.size() < count; ++number)
    page.lines.push_back(lines_[number - oldest]);
  page.next = page.lines.empty() ? std::max(after, last_ + 1) : page.lines.back().number + 1;
  page.last = last_;
  return page;
}

LogRing::Page LogRing::page_of(TaskId task, std::size_t count) const {
  const std::lock_guard lock(mutex_);
  Page page;
  for (auto line = lines_.rbegin(); line != lines_.rend() && page.lines.size() < count; ++line)
    if (line->about.task == task) page.lines.push_back(*line);
  std::reverse(page.lines.begin(), page.lines.end());
  page.next = last_ + 1;
  page.last = last_;
  return page;
}

}  // namespace troupe
