#pragma once

#include <string>

#include "protocol/ids.hpp"

namespace troupe {

/// A stretch of a user's program that has a name: what is submitted in it is known under that name, and under the trace
/// that it is a part of, as W3C Trace Context numbers them. Without a name there is none.
struct SpanContext {
  std::string name;
  Token trace;

  explicit operator bool() const { return !name.empty(); }
  friend bool operator==(const SpanContext&, const SpanContext&) = default;
};

/// Whose a group's tasks are.
struct TaskOrigin {
  std::uint64_t group{};
  ClientId client;
  SpanContext span;
  friend bool operator==(const TaskOrigin&, const TaskOrigin&) = default;
};

/// What a line of a log is about, beside what it says, and of what kind it is. What is empty it is not about.
struct LogContext {
  TaskId task;
  ClientId client;  ///< or the one that the task is for
  SpanContext span;
  std::string event{};  ///< a stable snake_case word, for programs
  friend bool operator==(const LogContext&, const LogContext&) = default;
};

}  // namespace troupe
