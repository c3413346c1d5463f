#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/exec/module.hpp"
#include "tests/support/fifo.hpp"

/// What tasks do that should have a process of their own.
namespace isolated {

inline double square(double x) { return x * x; }
inline std::vector<double> twice(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(2 * value);
  return result;
}
inline int process_id() { return ::getpid(); }
inline int refuse(int x) { throw std::out_of_range("no room for " + std::to_string(x)); }
/// Says its last words, and raises.
inline int die(int signal) {
  std::fprintf(stderr, "the end is near\n");
  ::raise(signal);
  return signal;
}
inline int leave(int code) { std::exit(code); }
/// Takes so much memory, and keeps it until it is asked to stop.
inline int take(std::uint64_t bytes) {
  std::vector<char> memory;
  while (memory.size() < bytes) memory.resize(memory.size() + (1U << 20), 'x');
  while (!troupe::this_task::stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return static_cast<int>(memory.back());
}
/// Says its process id, and ends when it is asked to; "polite" says so.
inline int polite(const std::string& fifo) {
  troupe::testing::Fifo::tell(fifo, std::to_string(::getpid()));
  while (!troupe::this_task::stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  troupe::testing::Fifo::tell(fifo, "polite");
  return 1;
}
/// The same, but for that it never ends.
inline int stubborn(const std::string& fifo) {
  troupe::testing::Fifo::tell(fifo, std::to_string(::getpid()));
  for (;;) ::pause();
}
/// Starts a process that would outlive it, says its id, and ends.
inline int leave_one_behind(const std::string& fifo) {
  const int child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  troupe::testing::Fifo::tell(fifo, std::to_string(child));
  return child;
}
/// Dies in its first attempt: the file says that there was one.
inline int die_once(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return 7;
  std::fclose(std::fopen(path.c_str(), "w"));
  ::raise(SIGSEGV);
  return 0;
}

}  // namespace isolated

TROUPE_MODULE(isolated_module, isolated::square, isolated::twice, isolated::process_id, isolated::refuse, isolated::die,
              isolated::leave, isolated::take, isolated::polite, isolated::stubborn, isolated::leave_one_behind,
              isolated::die_once)

namespace troupe::testing {

/// Whether a process ends in this time, or is gone.
inline bool ends(int pid, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) return errno == ESRCH;
  pollfd ended{descriptor, POLLIN, 0};
  const bool in_time = ::poll(&ended, 1, static_cast<int>(patience.count())) == 1;
  ::close(descriptor);
  return in_time;
}

}  // namespace troupe::testing
