#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/task.hpp"
#include "runtime/exec/function_registry.hpp"
#include "runtime/store/value.hpp"

/// Calls in processes of their own, one a call: this very program, started again. What a call does to its process is the
/// call's own trouble: it may crash, leak, take too much memory or never end, and fails alone.
namespace troupe {

/// First argument of a program that is started for one call.
inline constexpr std::string_view isolated_argument = "--troupe-call";

/// What such a process needs to know the functions of this one.
struct IsolatedProgram {
  std::string path{"/proc/self/exe"};   ///< of the program, also if its file was replaced meanwhile
  std::vector<LoadedModule> modules{};  ///< loaded from files, beside those that are part of the program
};

struct IsolatedCall {
  const FunctionRef& function;
  std::string_view name;  ///< of the function, for errors
  std::span<const std::byte> arguments;
  std::span<const Value> inputs;
  TaskId task;
  RunId run;
  std::uint64_t memory_limit{};         ///< bytes that the process may take; 0 = any
  std::chrono::milliseconds timeout{};  ///< 0 = none
  const std::atomic<bool>& stop;        ///< true: the call need not end; its process is ended
  /// Gets each line that it writes to stderr, on the calling thread; may be empty.
  const std::function<void(TaskId, std::string_view line)>& log;
};

struct IsolatedOutcome {
  Value result;
  std::optional<TaskError> error;  ///< kind, type, message, function
};

/// Between asking a process to end and killing it.
inline constexpr std::chrono::milliseconds isolated_grace{500};

/// Makes the call and waits for it. When it is stopped, or its time is up, `this_task::stop_requested` holds in it
/// (SIGTERM), and after `isolated_grace` it is killed with all processes that it started; so it is at once when it takes
/// too much memory. What it writes to stderr goes to ours, and the last lines into the error if it has no result.
/// Its process dies with the calling thread.
IsolatedOutcome run_isolated(const IsolatedCall& call, const IsolatedProgram& program);

/// In the process that was started: makes the call, and gives main's exit code. `registry` has the program's modules.
int run_isolated_child(int argc, char** argv, FunctionRegistry& registry);

}  // namespace troupe
