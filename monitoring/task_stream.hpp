#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/core/task_history.hpp"

namespace troupe::monitoring {

/// What part of the history is to be drawn, and how finely.
struct StreamWindow {
  std::int64_t from_ns{};
  std::int64_t to_ns{};
  unsigned width{1000};  ///< pixels
  std::size_t most_rects{10'000};
  std::vector<WorkerId> workers{};  ///< empty: all
  std::size_t most_workers{200};
};

/// A run, or several that are too close together to be told apart.
struct StreamRect {
  std::uint32_t lane{};
  std::int64_t start_ns{};
  std::int64_t end_ns{};
  std::int64_t busy_ns{};  ///< of it, in functions
  std::uint16_t prefix{};  ///< of the one run, or that with the most time
  std::uint32_t count{};
  std::uint32_t erred{};
  TaskId task;  ///< of the one run
  std::int64_t prefix_ns{};
};

struct StreamPicture {
  std::vector<std::pair<WorkerId, std::uint16_t>> lanes;  ///< worker and thread, in order
  std::vector<StreamRect> rects;                          ///< by lane, then by time
  std::uint64_t total{};                                  ///< runs in the window
  std::uint64_t covered{};                                ///< of them, those in rectangles
};

/// Draws the history: runs that are narrower than a pixel are merged with neighbours of their lane. If there are still
/// too many, pixels are made coarser until they fit; no run of the chosen workers is left out.
StreamPicture draw_task_stream(const TaskHistory::Snapshot& history, const StreamWindow& window);

}  // namespace troupe::monitoring
