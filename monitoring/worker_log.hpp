#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/query_messages.hpp"
#include "protocol/text.hpp"

namespace troupe::monitoring {

/// A line of a worker in a process of its own, as its heartbeat brought it.
struct WorkerLine {
  std::uint64_t seq{};  ///< of all of them, from 1
  WorkerId worker;
  LogLine line;
};

/// Text that a line keeps in memory.
inline std::size_t text_bytes_of(const LogLine& line) {
  return line.text.size() + line.about.span.name.size() + line.about.event.size();
}

/// The last lines that workers told the scheduler of. Any thread.
class WorkerLog {
public:
  static constexpr std::size_t lines_max = 10'000;
  static constexpr std::size_t bytes_max = std::size_t{4} << 20;
  // What a heartbeat brings; of one that brings more the rest is left out.
  static constexpr std::size_t told_lines_max = 10;  ///< the last ones
  static constexpr std::size_t told_text_max = 500;  ///< bytes of each

  void add(WorkerId worker, std::vector<LogLine> lines) {
    const std::size_t first = lines.size() - std::min(lines.size(), told_lines_max);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = first; i < lines.size(); ++i) {
      LogLine& line = lines[i];
      if (line.text.size() > told_text_max) line.text = std::string(cut_utf8(line.text, told_text_max));
      bytes_ += text_bytes_of(line);
      lines_.push_back({++last_, worker, std::move(line)});
      while (lines_.size() > lines_max || (bytes_ > bytes_max && lines_.size() > 1)) {
        bytes_ -= text_bytes_of(lines_.front().line);
        lines_.pop_front();
      }
    }
  }

  /// Those with a number above `after`, the oldest `most` of them.
  [[nodiscard]] std::vector<WorkerLine> since(std::uint64_t after, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    std::vector<WorkerLine> found;
    const std::uint64_t first = last_ - lines_.size() + 1;
    for (std::size_t i = after < first ? 0 : after - first + 1; i < lines_.size() && found.size() < most; ++i)
      found.push_back(lines_[i]);
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::deque<WorkerLine> lines_;
  std::size_t bytes_{};
  std::uint64_t last_{};
};

}  // namespace troupe::monitoring
