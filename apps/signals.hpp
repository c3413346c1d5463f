#pragma once

#include <chrono>
#include <functional>

namespace troupe::apps {

/// SIGTERM and SIGINT as events. In the binary only: the library installs no handler.
///
/// Made first thing in a node's command, before any thread, so that all threads have them blocked. The first signal
/// ends `wait`; a second one ends the process at once with 128 + n.
class Signals {
public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Blocks until a signal comes (its number) or `end()` was called (0), or for `patience` (-1).
  int wait(std::chrono::milliseconds patience = std::chrono::milliseconds(-1));
  /// Runs `drain`; a signal meanwhile ends the process at once.
  void guard(const std::function<void()>& drain);
  /// Ends `wait`, from any thread.
  void end();

private:
  int signals_;
  int ended_;
};

}  // namespace troupe::apps
