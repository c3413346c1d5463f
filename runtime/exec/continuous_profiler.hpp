#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
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

/// Looks at what some threads run, all the time and seldom, so that one can see afterwards where they spent their time.
/// A thread that waits is not asked again for as long as it does: its stack is what it was. While no thread runs
/// anything, it hardly looks. An event loop that waits for something to happen runs nothing.
///
/// Owned by the shell of the worker or of the dashboard; has a thread of its own. The threads must outlive it.
class ContinuousProfiler {
public:
  struct Options {
    std::chrono::microseconds interval{10'000};
    std::chrono::microseconds cycle{1'000'000};  ///< of the shortest windows
  };
  /// Calls what it is given for each thread there is, in the same order every time.
  using Threads = std::function<void(const std::function<void(const ThreadActivity&)>&)>;
  enum class Kind : std::uint8_t { pool, event_loops };

  /// Errors: see Sampler::open.
  static Result<std::unique_ptr<ContinuousProfiler>> start(const Pool& pool, const Options& options);
  static Result<std::unique_ptr<ContinuousProfiler>> start_on_loops(Threads threads, const Options& options);
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
    bool waits{};  ///< a loop: it was where it waits for something to happen
  };

  ContinuousProfiler(Threads threads, Kind kind, const Options& options, Sampler sampler);
  static Result<std::unique_ptr<ContinuousProfiler>> start(Threads threads, Kind kind, const Options& options);
  void work();
  bool look();
  bool look_at(const ThreadActivity& thread, Seen& seen);
  bool look_at_loop(const ThreadActivity& thread, Seen& seen);
  void ask(const ThreadActivity& thread, Seen& seen);

  const Threads threads_;
  const Kind kind_;
  const Options options_;
  const Sampler sampler_;
  std::vector<Seen> seen_;  // by thread; of our thread alone

  std::mutex mutex_;  // guards what follows
  ProfileWindows windows_;
  std::condition_variable stopped_;
  bool stop_{};

  std::mutex symbols_mutex_;
  std::unique_ptr<Symbols> symbols_;  // null until somebody asks: its tables are large
  std::thread thread_;
};

}  // namespace troupe
