#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "protocol/error.hpp"
#include "runtime/exec/profile.hpp"
#include "runtime/exec/profile_windows.hpp"
#include "runtime/exec/sampler.hpp"
#include "runtime/exec/symbols.hpp"

namespace troupe {

class Pool;

/// Looks at what the threads of a pool run, all the time and seldom, so that one can see afterwards where tasks spent
/// their time. A thread that waits is not asked again for as long as it does: its stack is what it was. While no thread
/// runs anything, it hardly looks.
///
/// Owned by the worker's shell; has a thread of its own. The pool must outlive it.
class ContinuousProfiler {
public:
  struct Options {
    std::chrono::microseconds interval{10'000};
    std::chrono::microseconds cycle{1'000'000};  ///< of the shortest windows
  };
  /// Errors: see Sampler::open.
  static Result<std::unique_ptr<ContinuousProfiler>> start(const Pool& pool, const Options& options);
  ~ContinuousProfiler();
  ContinuousProfiler(const ContinuousProfiler&) = delete;
  ContinuousProfiler& operator=(const ContinuousProfiler&) = delete;

  /// What was seen so long ago. Any thread that may block: symbols are looked up.
  [[nodiscard]] ProfilePast past(const ProfilePastRequest& request);

private:
  /// What was last seen of a thread.
  struct Seen {
    std::uint64_t task{};
    std::uint32_t run{};
    std::int64_t begun_ns{};
    std::int64_t cpu_ns{};
    std::int64_t between_cpu_ns{};  ///< when it last ran nothing
    std::uint64_t generation{};
    ProfileWindows::StackId stack{};
  };

  ContinuousProfiler(const Pool& pool, const Options& options, Sampler sampler);
  void work();
  bool look();
  void look_at(const ThreadActivity& thread, Seen& seen);

  const Pool& pool_;
  const Options options_;
  const Sampler sampler_;
  std::vector<Seen> seen_;  // by thread of the pool; of our thread alone

  std::mutex mutex_;  // guards what follows
  ProfileWindows windows_;
  std::condition_variable stopped_;
  bool stop_{};

  std::mutex symbols_mutex_;
  std::unique_ptr<Symbols> symbols_;  // null until somebody asks: its tables are large
  std::thread thread_;
};

}  // namespace troupe
