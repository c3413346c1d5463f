#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/ids.hpp"

namespace troupe {

/// Which code a task runs. A union by kind: `builtin` uses name; `module` uses module, build and name; `payload` uses
/// module as the name of the runtime that understands `payload`.
struct FunctionRef {
  enum class Kind : std::uint8_t { builtin, module, payload };

  Kind kind{Kind::builtin};
  std::string module;     ///< module (or runtime) name; empty for built-ins
  std::uint64_t build{};  ///< hash of the module's table of names and signatures; 0 = any build of that name
  std::string name;       ///< function name inside the module
  Bytes payload;          ///< opaque code, `payload` only

  friend bool operator==(const FunctionRef&, const FunctionRef&) = default;
};

/// As people read it: module::name.
inline std::string full_name(const FunctionRef& function) {
  return function.module.empty() ? function.name : function.module + "::" + function.name;
}

/// An amount of a named, countable thing that a worker offers and a task occupies while it runs.
struct ResourceAmount {
  std::string name;
  double amount{};
  friend bool operator==(const ResourceAmount&, const ResourceAmount&) = default;
};

/// What the user asked for beside the function and its arguments.
struct Annotations {
  std::int32_t priority{};           ///< larger runs earlier
  std::uint16_t retries{};           ///< attempts after the first that throws
  bool pure{};                       ///< same function, same arguments, same value
  bool run_ahead{};                  ///< a worker may start the next link of a chain by itself and report it after
  bool allow_other_workers{};        ///< `workers` is a preference, not a restriction
  std::vector<std::string> workers;  ///< worker names, addresses or hosts; empty = any
  std::vector<ResourceAmount> resources;
  std::int64_t timeout_ms{};  ///< 0 = none; counted from the start of the run
  bool isolate{};             ///< runs in a process of its own, which is killed when its time is up or it is cancelled
  std::uint64_t memory_limit{};  ///< bytes that this process may take; 0 = any

  friend bool operator==(const Annotations&, const Annotations&) = default;
};

/// What many tasks have in common, said once.
struct TaskTemplate {
  FunctionRef function;
  std::string prefix;  ///< name that durations are learnt and shown under; usually the function's
  Bytes arguments;     ///< encoded arguments of tasks that bring none of their own
  Annotations annotations;

  friend bool operator==(const TaskTemplate&, const TaskTemplate&) = default;
};

/// Order in which ready tasks run. Smaller runs earlier; compare by `<`.
struct Priority {
  std::int32_t user{};         ///< negated user priority
  std::uint32_t generation{};  ///< order of submission
  std::uint32_t rank{};        ///< place in the static order of the graph

  friend constexpr auto operator<=>(const Priority&, const Priority&) = default;
};

/// Why a task has no value. Travels like a result and is rethrown at `Future::get()` only.
struct TaskError {
  enum class Kind : std::uint8_t {
    exception,         ///< the user's function threw
    killed,            ///< its worker died while it ran, too often; or the process that it had to itself
    timeout,           ///< it ran longer than asked
    unknown_function,  ///< no worker, or not this one, knows the function
    bad_arguments,     ///< arguments could not be decoded as the function's parameter types
    no_worker,         ///< no worker may run it
    lost,              ///< its value, or an input, cannot be had again
    invalid,           ///< the task itself is wrong
    too_large,         ///< it, or its value, is over a named limit
  };

  Kind kind{Kind::exception};
  std::string type;      ///< C++ type of the exception, demangled; empty when there was none
  std::string message;   ///< `what()`, or a sentence that says what to do
  std::string function;  ///< module::name
  std::string key;       ///< the task that failed first, as people name it
  TaskId root;           ///< the same by id
  std::string worker;    ///< where the last attempt ran; empty if it never ran
  std::uint32_t attempts{};

  friend bool operator==(const TaskError&, const TaskError&) = default;
};

std::string_view name_of(TaskError::Kind kind);

}  // namespace troupe
