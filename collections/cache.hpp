#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "collections/expression.hpp"

namespace troupe {

/// Keeps values of pure calls from one computation to the next: those that took long for what they weigh. Give it as
/// ComputeOptions::cache, or in a ComputeScope; schedulers `threads` and `sync` use it. A call is known again by its
/// function, its arguments and its inputs, down to values that stand for themselves; calls that depend on one that is
/// not pure are never kept. Any thread may use it.
///
/// A value scores the seconds its task took for each byte, times how often it was asked for; when the cache is full the
/// lowest score goes. Values larger than the limit are not kept. (The measure is that of Dask's opportunistic cache.)
class Cache {
public:
  explicit Cache(std::uint64_t bytes_max);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  struct Counts {
    std::uint64_t hits{};    ///< calls that were not made, as their values were here
    std::uint64_t misses{};  ///< pure calls that were made
    std::uint64_t evicted{};
    std::uint64_t values{};
    std::uint64_t bytes{};
  };
  [[nodiscard]] Counts counts() const;
  void clear();

private:
  friend class CachedRun;
  struct State;
  std::unique_ptr<State> state_;
};

/// One computation with a cache: what it knows already, and what it learns.
class CachedRun {
public:
  CachedRun(Cache& cache, const Collected& collected);
  ~CachedRun();

  /// Null if the task has to run.
  [[nodiscard]] const Value* known(std::uint32_t task) const { return values_[task] ? &values_[task] : nullptr; }
  /// The task need not run, thanks to what is known.
  void spared();
  /// A task has run; from any thread.
  void ran(std::uint32_t task, const Value& value, std::chrono::nanoseconds time);

private:
  Cache& cache_;
  struct Names;
  std::unique_ptr<Names> names_;
  std::vector<Value> values_;
};

}  // namespace troupe
