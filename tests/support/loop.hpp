#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

namespace troupe::testing {

/// Runs the loop on this thread until the condition holds, or ten seconds are over. Says whether it holds.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace troupe::testing
