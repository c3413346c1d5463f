#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"

namespace troupe {

/// A page in memory that two processes share, where a worker writes which tasks it is running, so that its nanny can
/// read after a crash whom to blame. Made by the nanny, whose child inherits `fd`; or by a worker without one.
///
/// Always true: a slot is written by one thread at a time, and names a task only while user code of it runs.
class RunningPage {
public:
  struct Running {
    TaskId task;
    RunId run;
    friend bool operator==(const Running&, const Running&) = default;
  };
  struct alignas(16) Slot {
    std::atomic<std::uint64_t> task{0};
    std::atomic<std::uint32_t> run{0};
    std::uint32_t unused{0};

    void enter(TaskId entered, RunId attempt) {
      run.store(attempt.value, std::memory_order_relaxed);
      task.store(entered.value, std::memory_order_release);
    }
    void leave() { task.store(0, std::memory_order_release); }
  };

  static constexpr std::uint32_t slots = 2047;  ///< threads that can execute at once; 32 KiB with the head

  /// A page of its own, in an anonymous file that child processes may inherit.
  static Result<RunningPage> create();
  /// The page behind an inherited descriptor; takes the descriptor over.
  static Result<RunningPage> open(int fd);
  RunningPage(RunningPage&& other) noexcept;
  RunningPage& operator=(RunningPage&& other) noexcept;
  ~RunningPage();

  /// For the child: not closed on exec.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] Slot& slot(std::uint32_t index);
  /// What was being run, by slot. Exact once the process that wrote is dead.
  [[nodiscard]] std::vector<Running> running() const;
  /// Forgets all: before the next process uses the page.
  void clear();

private:
  struct Layout;
  RunningPage(int fd, Layout* layout) : fd_(fd), layout_(layout) {}

  int fd_{-1};
  Layout* layout_{};
};

}  // namespace troupe
