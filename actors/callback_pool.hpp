#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/future_table.hpp"

namespace troupe {

/// Runs what users hang on futures, off the loop: threads start when there is something to run, up to a few, so that
/// one that blocks does not stop the rest. Owned by the client; joined by stop().
class CallbackPool {
public:
  static constexpr std::size_t threads_max = 4;

  ~CallbackPool() { stop(); }

  /// From any thread. After stop() they are run by the caller.
  void run(std::vector<std::unique_ptr<detail::Continuation>> continuations);
  /// Waits until all that was handed over has run. Not to be called by a continuation.
  void stop();
  [[nodiscard]] bool is_mine() const;

private:
  void work();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<detail::Continuation>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_{};
  bool stopping_{};
};

}  // namespace troupe
