#include "runtime/core/task_history.hpp"

#include <algorithm>

namespace troupe {

void TaskHistory::begin_block() {
  blocks_.push_back(std::make_shared<TaskRuns>());
  const std::size_t most_blocks = std::max<std::size_t>(2, most_ / TaskRuns::most);
  while (blocks_.size() > most_blocks) blocks_.pop_front();
}

std::uint64_t TaskHistory::records() const {
  return blocks_.empty() ? 0 : (blocks_.size() - 1) * TaskRuns::most + blocks_.back()->size;
}

TaskHistory::Snapshot TaskHistory::snapshot() const {
  Snapshot snapshot;
  snapshot.blocks.assign(blocks_.begin(), blocks_.end());
  if (!blocks_.empty()) snapshot.blocks.back() = std::make_shared<const TaskRuns>(*blocks_.back());
  snapshot.records = records();
  snapshot.recorded = recorded_;
  snapshot.capacity = most_;
  return snapshot;
}

}  // namespace troupe
