#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace troupe {

/// The last lines that a node logged, by number. Any thread.
class LogRing {
public:
  static constexpr std::size_t lines_max = 10'000;
  static constexpr std::size_t bytes_max = std::size_t{4} << 20;
  static constexpr std::size_t line_bytes_max = 4096;  ///< the rest of a longer line is left out

  struct Page {
    std::vector<LogLine> lines;
    std::uint64_t next{};  ///< number of the line behind them
    std::uint64_t last{};  ///< of the last one there is
  };

  void add(std::uint8_t level, const LogContext& about, std::string_view text);
  /// At most `count` lines, from number `after` on: the first ones of those; with `after` 0 the last ones there are.
  [[nodiscard]] Page page(std::uint64_t after, std::size_t count) const;
  /// The last ones of a task.
  [[nodiscard]] Page page_of(TaskId task, std::size_t count) const;

private:
  mutable std::mutex mutex_;  // guards all below
  std::deque<LogLine> lines_;
  std::size_t bytes_{};
  std::uint64_t last_{};
};

}  // namespace troupe
