#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "protocol/error.hpp"
#include "protocol/task.hpp"

namespace troupe {

/// What client calls throw; the subclasses say which road to take.
class Failure : public std::runtime_error {
public:
  explicit Failure(Error error) : std::runtime_error(error.text), kind_(error.kind) {}
  Failure(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  [[nodiscard]] ErrorKind kind() const { return kind_; }

private:
  ErrorKind kind_;
};

/// The request itself is wrong: a cycle, a missing dependency, a future of another client, arguments over a limit.
class InvalidRequest : public Failure {
public:
  explicit InvalidRequest(const std::string& text) : Failure(ErrorKind::invalid, text) {}
};

/// The task failed: `what()` says all; `error()` has the original message, type, function, key, worker and attempts.
class TaskFailed : public Failure {
public:
  explicit TaskFailed(std::shared_ptr<const TaskError> error)
      : Failure(ErrorKind::failed, describe(*error)), error_(std::move(error)) {}
  [[nodiscard]] const TaskError& error() const { return *error_; }

  static std::string describe(const TaskError& error);

private:
  std::shared_ptr<const TaskError> error_;
};

/// Somebody cancelled the task, or an input of it.
class Cancelled : public Failure {
public:
  explicit Cancelled(const std::string& reason) : Failure(ErrorKind::cancelled, reason) {}
};

/// It was not there in the time given. It goes on; ask again.
class TimeoutError : public Failure {
public:
  explicit TimeoutError(const std::string& text) : Failure(ErrorKind::failed, text) {}
};

/// The conversation with the scheduler is over, or began anew: what was asked for must be submitted again.
class Disconnected : public Failure {
public:
  explicit Disconnected(const std::string& text) : Failure(ErrorKind::disconnected, text) {}
};

/// Throws the class that fits `error.kind`.
[[noreturn]] void throw_error(const Error& error);

}  // namespace troupe
