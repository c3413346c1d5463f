#include "actors/task_log.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace troupe {
namespace {

constexpr std::size_t message_bytes_max = 1000;

}  // namespace

void TaskLog::learn(std::vector<TaskOrigin> origins) {
  const std::lock_guard lock(mutex_);
  for (auto& origin : origins) {
    if (origins_.size() < origins_max)
      origins_.push_back(std::move(origin));
    else
      origins_[next_] = std::move(origin);
    next_ = (next_ + 1) % origins_max;
  }
}

LogContext TaskLog::about(TaskId task) const {
  const std::lock_guard lock(mutex_);
  // The newest first: mostly it is that.
  for (std::size_t back = 1; back <= origins_.size(); ++back) {
    const auto& origin = origins_[(next_ + origins_max - back) % origins_max];
    if (origin.group == task.group()) return {task, origin.client, origin.span};
  }
  return {task, {}, {}};
}

void TaskLog::line(TaskId task, std::string_view text) const {
  node_.log(LogLevel::info, "task_said", fmt::format("task {}-{}: {}", task.group(), task.index(), text), about(task));
}

void TaskLog::failed(TaskId task, RunId run, const TaskError& error, Instant now) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    failures_ = 0;
    if (untold_ > 0)
      node_.log(LogLevel::warning, "tasks_failed", fmt::format("{} more tasks failed", std::exchange(untold_, 0)));
  }
  if (failures_ == failures_a_second) {
    ++untold_;
    return;
  }
  ++failures_;
  node_.log(LogLevel::warning, "task_failed",
            fmt::format("task {}-{} failed in run {}: {} in {}: {}", task.group(), task.index(), run.value,
                        error.type.empty() ? name_of(error.kind) : std::string_view(error.type), error.function,
                        std::string_view(error.message).substr(0, message_bytes_max)),
            about(task));
}

}  // namespace troupe
