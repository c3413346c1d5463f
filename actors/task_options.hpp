#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe {

/// What may be said about a call beside the function and its arguments.
struct TaskOptions {
  int priority{};                             ///< larger runs earlier
  unsigned retries{};                         ///< attempts after the first that throws
  std::vector<std::string> workers{};         ///< names, addresses or hosts of workers that may run it; empty = any
  bool allow_other_workers{};                 ///< `workers` is a preference, not a restriction
  std::map<std::string, double> resources{};  ///< what it occupies while it runs, of what workers offer
  std::string key{};                          ///< its name; the same name with another definition is an error
  std::chrono::milliseconds timeout{};        ///< longest run; 0 = any
  bool isolate{};                             ///< in a process of its own, which fails alone and can be killed
  std::uint64_t memory_limit{};               ///< bytes that this process may take; 0 = any
  bool pure{};                                ///< same function, same arguments, same value: runs once in the cluster
  bool run_ahead{};                           ///< a worker may start the next link of a chain by itself
  std::string prefix{};  ///< how tasks like it are called, and durations learnt; empty: the function's name

  friend bool operator==(const TaskOptions&, const TaskOptions&) = default;
};

struct ScatterOptions {
  unsigned replicas{1};                ///< copies
  bool broadcast{};                    ///< a copy on each worker
  std::vector<std::string> workers{};  ///< where; empty = any
};

struct ReplicateOptions {
  unsigned copies{};                          ///< of each value, in all; 0 = one on each worker
  unsigned branching{2};                      ///< copies that each holder gives away at a time
  std::vector<std::string> workers{};         ///< where; empty = any
  std::chrono::milliseconds timeout{60'000};  ///< for the copies to be there
};

}  // namespace troupe
