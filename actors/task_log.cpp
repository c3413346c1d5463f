#include "actors/task_log.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "protocol/text.hpp"

namespace troupe {
namespace {

constexpr std::size_t message_bytes_max = 1000;

}  // namespace

void TaskLog::learn(std::vector<TaskOrigin> origins) {
  const std::lock_guard lock(mutex_);
  for (auto& origin : origins) {
    spans_ = spans_ || origin.span;
    const auto group = origin.group;
    if (!origins_.insert_or_assign(group, std::move(origin)).second) continue;
    learnt_.push_back(group);
    if (learnt_.size() <= origins_max) continue;
    origins_.erase(learnt_.front());
    learnt_.pop_front();
  }
}

LogContext TaskLog::about(TaskId task) const {
  const std::lock_guard lock(mutex_);
  const auto found = origins_.find(task.group());
  if (found == origins_.end()) return {task, {}, {}};
  return {task, found->second.client, found->second.span};
}

const std::string* TaskLog::span_of(TaskId task) const {
  if (!spans_) return nullptr;
  const auto found = origins_.find(task.group());
  return found == origins_.end() || !found->second.span ? nullptr : &found->second.span.name;
}

void TaskLog::line(TaskId task, std::string_view text) const {
  node_.log(LogLevel::info, "task_said", fmt::format("task {}-{}: {}", task.group(), task.index(), text), about(task));
}

void TaskLog::tick(Instant now) {
  if (failures_ == 0 || now - second_ < std::chrono::seconds(1)) return;
  failures_ = 0;
  if (untold_ > 0)
    node_.log(LogLevel::warning, "tasks_failed", fmt::format("{} more tasks failed", std::exchange(untold_, 0)));
}

void TaskLog::failed(TaskId task, RunId run, const TaskError& error, Instant now) {
  tick(now);
  if (failures_ == 0) second_ = now;
  if (failures_ == failures_a_second) {
    ++untold_;
    return;
  }
  ++failures_;
  node_.log(LogLevel::warning, "task_failed",
            fmt::format("task {}-{} failed in run {}: {} in {}: {}", task.group(), task.index(), run.value,
                        error.type.empty() ? name_of(error.kind) : std::string_view(error.type), error.function,
                        cut_utf8(error.message, message_bytes_max)),
            about(task));
}

}  // namespace troupe
