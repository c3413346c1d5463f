#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "protocol/ids.hpp"

namespace troupe {

struct ResolvedFunction;

/// What a thread of a pool, or a loop, runs, written by that thread alone; others may look at any time.
struct ThreadActivity {
  std::atomic<int> thread{0};  ///< as the system numbers it; 0 = it has not begun
  std::atomic<std::uint64_t> task{0};
  std::atomic<std::uint32_t> run{0};
  std::atomic<const ResolvedFunction*> function{nullptr};  ///< null: nothing runs
  std::atomic<const std::string*> prefix{nullptr};         ///< of its task; null: none is known
  std::atomic<std::int64_t> begun_ns{0};                   ///< on the steady clock

  /// `called` and `shown_as` stay where they are until `end`.
  void begin(TaskId of, RunId attempt, const ResolvedFunction& called, const std::string* shown_as,
             std::int64_t at_ns) {
    task.store(of.value, std::memory_order_relaxed);
    run.store(attempt.value, std::memory_order_relaxed);
    begun_ns.store(at_ns, std::memory_order_relaxed);
    prefix.store(shown_as, std::memory_order_relaxed);
    function.store(&called, std::memory_order_release);
  }
  void end() { function.store(nullptr, std::memory_order_release); }
};

}  // namespace troupe
