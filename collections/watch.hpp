#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "runtime/exec/local_graph.hpp"

namespace troupe {

/// Draws a bar on `out` while something is computed: "[####      ] 40% 4/10, 2.0/s, 3s left, 1 failed". Only once it has
/// taken a second, and only if `out` is a terminal. Give it as ComputeOptions::observer. In processes and on a cluster it
/// counts the results that were asked for, not the tasks before them.
class ProgressBar final : public LocalObserver {
public:
  struct Options {
    std::chrono::milliseconds after{1000};  ///< nothing is drawn before
    std::chrono::milliseconds every{100};
    bool even_if_no_terminal{};
    std::ostream* out{};  ///< null: the standard error
  };
  ProgressBar();
  explicit ProgressBar(const Options& options);
  ~ProgressBar() override;  ///< draws the last state, and ends the line

  void begun(std::uint64_t tasks) noexcept override;
  void ended(const LocalSpan& span) noexcept override;
  void ended_elsewhere(std::uint64_t tasks, std::uint64_t failed) noexcept override;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Remembers when each task ran, and samples what the process uses. Give it as ComputeOptions::observer. It sees the
/// tasks of this process alone, of schedulers `threads` and `sync`; of a cluster, PerformanceReport tells more.
class Profiler final : public LocalObserver {
public:
  /// `resources_every`: how often CPU and memory are looked at; 0: never.
  explicit Profiler(std::chrono::milliseconds resources_every = std::chrono::milliseconds{100});
  ~Profiler() override;

  void ended(const LocalSpan& span) noexcept override;
  [[nodiscard]] std::size_t tasks() const;
  [[nodiscard]] std::size_t samples() const;
  /// One file with all in it, that a browser shows without a network: threads as rows, tasks as bars, CPU and memory.
  [[nodiscard]] std::string html() const;
  void write_html(const std::string& path) const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe
