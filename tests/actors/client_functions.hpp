#pragma once

#include <unistd.h>
#include <chrono>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/support/fifo.hpp"
#include "troupe/troupe.hpp"

namespace client_tests {

inline double slow_square(double x) { return x * x; }
inline double add(double a, double b) { return a + b; }
inline void nothing() {}
inline std::string join(const std::string& a, const std::string& b) { return a + b; }
inline double total(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }
inline double named_total(const std::map<std::string, double>& values) {
  double sum = 0;
  for (const auto& [name, value] : values) sum += value;
  return sum;
}
inline double of_optional(const std::optional<double>& value) { return value.value_or(-1); }
inline double of_tuple(const std::tuple<double, std::string>& pair) {
  return std::get<0>(pair) + static_cast<double>(std::get<1>(pair).size());
}
inline int refuse(int x) { throw std::out_of_range("no room for " + std::to_string(x)); }
inline std::vector<double> block(std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 1.0); }
inline std::vector<double> numbered_block(std::int64_t n, std::int64_t number) {
  return std::vector<double>(static_cast<std::size_t>(n), static_cast<double>(number));
}
inline std::vector<std::int64_t> counted(std::int64_t n) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  return numbers;
}
inline int process_id() { return ::getpid(); }
inline int nap(int ms) {
  for (int i = 0; i < ms && !troupe::this_task::stop_requested(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return ms;
}
/// Says something about itself, too.
inline int nap_and_say(int ms, const std::string& line) {
  troupe::this_task::log(line);
  return nap(ms) + 1;
}
/// Says that it runs, and runs until it is asked to stop, which it says too.
inline int hold(const std::string& fifo) {
  troupe::testing::Fifo::tell(fifo, "started");
  while (!troupe::this_task::stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  troupe::testing::Fifo::tell(fifo, "stopped");
  return 0;
}
std::uint64_t fibonacci(std::uint64_t n);

}  // namespace client_tests

TROUPE_MODULE(client_tests_module, client_tests::slow_square, client_tests::add, client_tests::nothing,
              client_tests::join, client_tests::total, client_tests::named_total, client_tests::of_optional,
              client_tests::of_tuple, client_tests::refuse, client_tests::block, client_tests::numbered_block,
              client_tests::process_id, client_tests::nap, client_tests::nap_and_say, client_tests::hold,
              client_tests::fibonacci);

namespace client_tests {

inline std::uint64_t fibonacci(std::uint64_t n) {
  if (n < 2) return n;
  auto& client = troupe::this_task::client();
  auto left = client.submit<fibonacci>(n - 1);
  auto right = client.submit<fibonacci>(n - 2);
  return left.get() + right.get();
}

}  // namespace client_tests
