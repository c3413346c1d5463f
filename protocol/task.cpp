#include "protocol/task.hpp"

namespace troupe {

std::string_view name_of(TaskError::Kind kind) {
  switch (kind) {
    case TaskError::Kind::exception: return "exception";
    case TaskError::Kind::killed: return "killed";
    case TaskError::Kind::timeout: return "timeout";
    case TaskError::Kind::unknown_function: return "unknown_function";
    case TaskError::Kind::bad_arguments: return "bad_arguments";
    case TaskError::Kind::no_worker: return "no_worker";
    case TaskError::Kind::lost: return "lost";
    case TaskError::Kind::invalid: return "invalid";
    case TaskError::Kind::too_large: return "too_large";
  }
  return "unknown";
}

}  // namespace troupe
