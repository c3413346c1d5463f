#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/ids.hpp"
#include "protocol/task.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

/// Number of the agreement between a process and the modules it loads: the layout of Module, CallFrame, HostTable,
/// Value and Bytes. Raise it with every change of those.
inline constexpr std::uint32_t module_abi_version = 2;

struct CallFrame;

/// What a process offers to the functions that it runs. New entries go to the end, and raise `module_abi_version`.
struct HostTable {
  std::uint32_t abi_version;
  void (*fail)(CallFrame& frame, TaskError::Kind kind, std::string_view type, std::string_view message);
  bool (*stop_requested)(const CallFrame& frame);
  void (*secede)(CallFrame& frame);
  void (*rejoin)(CallFrame& frame);
  void (*log)(const CallFrame& frame, std::string_view line);
};

/// One call of a task function, between the process and the function's thunk. Lives on the stack of the thread that
/// executes, for the length of the call.
struct CallFrame {
  const HostTable* host;
  void* execution;                       ///< the host's own
  std::span<const std::byte> arguments;  ///< as in arguments.hpp
  std::span<Value> inputs;               ///< the values of the dependencies; may be emptied
  Value result;                          ///< set by the thunk, unless it calls `fail`
  TaskId task;
  RunId run;
  std::string_view function;  ///< module::name
};

using Thunk = void (*)(CallFrame& frame) noexcept;

/// What a function can ask about the task that it runs in. Outside a task: no task, nobody asks to stop, and seceding
/// does nothing.
namespace this_task {

namespace detail {

inline thread_local CallFrame* current = nullptr;

/// Makes a frame the current one of this thread for the length of a scope.
class Scope {
public:
  explicit Scope(CallFrame& frame) : outer_(current) { current = &frame; }
  ~Scope() { current = outer_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

private:
  CallFrame* outer_;
};

}  // namespace detail

inline TaskId id() { return detail::current ? detail::current->task : TaskId{}; }
inline RunId run() { return detail::current ? detail::current->run : RunId{}; }
inline std::string_view function() { return detail::current ? detail::current->function : std::string_view{}; }
/// Somebody cancelled the task, its time is up, or the worker stops: it should return, or throw, soon.
inline bool stop_requested() { return detail::current && detail::current->host->stop_requested(*detail::current); }
/// Gives the task's slot back: it is about to wait, and another task shall run meanwhile.
inline void secede() {
  if (detail::current) detail::current->host->secede(*detail::current);
}
/// Counts again as a running task. Waits for nothing.
inline void rejoin() {
  if (detail::current) detail::current->host->rejoin(*detail::current);
}
/// A line for people, without a newline: a worker keeps it with the task's name, for `troupe logs`. Outside a cluster it
/// goes to stderr; outside a task nowhere.
inline void log(std::string_view line) {
  if (detail::current) detail::current->host->log(*detail::current, line);
}

}  // namespace this_task

}  // namespace troupe
