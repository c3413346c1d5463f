#include "actors/errors.hpp"

#include <fmt/format.h>

namespace troupe {

std::string TaskFailed::describe(const TaskError& error) {
  std::string text = error.function.empty() ? std::string("task") : error.function;
  if (!error.key.empty()) text += fmt::format(" ({})", error.key);
  text += " failed";
  if (error.kind != TaskError::Kind::exception) text += fmt::format(" [{}]", name_of(error.kind));
  if (!error.worker.empty()) text += fmt::format(" on {}", error.worker);
  if (error.attempts > 1) text += fmt::format(" after {} attempts", error.attempts);
  text += ": ";
  if (!error.type.empty()) text += error.type + ": ";
  return text + error.message;
}

void throw_error(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid: throw InvalidRequest(error.text);
    case ErrorKind::cancelled: throw Cancelled(error.text);
    case ErrorKind::disconnected: throw Disconnected(error.text);
    case ErrorKind::failed:
    case ErrorKind::overloaded:
    case ErrorKind::unsupported: break;
  }
  throw Failure(error);
}

}  // namespace troupe
