#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "runtime/exec/function_registry.hpp"
#include "runtime/exec/thread_activity.hpp"

namespace troupe {

/// Where a thread was while it ran a task.
struct StackSample {
  TaskId task;
  RunId run;
  const ResolvedFunction* function{};
  std::int64_t begun_ns{};
  std::string prefix;               ///< the task's, or else the function's bare name; cut off at 120 bytes
  std::vector<const void*> frames;  ///< innermost first: where it was, then return addresses
};

/// Looks at what threads of this process do, by a signal (SIGURG, which does nothing where nobody asks for it) that each
/// answers itself. System calls of theirs may end with EINTR, as by any signal. Any number may exist; they take turns.
class Sampler {
public:
  /// An error: the program handles SIGURG itself.
  static Result<Sampler> open();
  Sampler(Sampler&& other) noexcept;
  Sampler& operator=(Sampler&&) = delete;
  ~Sampler();

  /// Nothing if it runs no task, or does not answer for a tenth of a second.
  [[nodiscard]] std::optional<StackSample> sample(const ThreadActivity& thread) const;

private:
  Sampler() = default;
  bool counted_{true};
};

}  // namespace troupe
