#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <unistd.h>

#include "runtime/exec/module.hpp"
#include "tests/support/fifo.hpp"

/// What clients of the tests call on standalone workers. The same header makes modules of several builds.
#ifndef FAULT_FUNCTIONS_VERSION
#define FAULT_FUNCTIONS_VERSION "1"
#endif

namespace faults {

inline std::uint64_t doubled(std::uint64_t x) { return 2 * x; }
inline std::uint64_t added(std::uint64_t a, std::uint64_t b) { return a + b; }
/// Says that it runs, and runs until it is asked to stop, which it says too.
inline int hold(const std::string& fifo) {
  troupe::testing::Fifo::tell(fifo, "started");
  while (!troupe::this_task::stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  troupe::testing::Fifo::tell(fifo, "stopped");
  return ::getpid();
}

inline std::uint64_t said(const std::string& line) {
  troupe::this_task::log(line);
  return line.size();
}
inline int last_words(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
  std::abort();
}

}  // namespace faults

TROUPE_MODULE_VERSION(fault_functions, FAULT_FUNCTIONS_VERSION, faults::doubled, faults::added, faults::hold,
                      faults::said, faults::last_words)
