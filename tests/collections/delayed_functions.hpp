#pragma once

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "troupe/delayed.hpp"

namespace delayed_tests {

struct Point {
  double x{};
  double y{};
  [[nodiscard]] double norm() const { return std::sqrt(x * x + y * y); }
  [[nodiscard]] Point scaled(double by) const { return {x * by, y * by}; }
};
inline int inc(int x) { return x + 1; }
inline int add(int a, int b) { return a + b; }
inline int total(const std::vector<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }
inline int deep_total(const std::map<std::string, std::vector<int>>& values) {
  int sum = 0;
  for (const auto& [name, each] : values) sum += total(each);
  return sum;
}
inline std::tuple<int, int> divide(int a, int b) { return {a / b, a % b}; }
inline Point point(double x, double y) { return {x, y}; }
inline int refuse(int x) { throw std::out_of_range("no room for " + std::to_string(x)); }
inline std::vector<double> block(int size) { return std::vector<double>(static_cast<std::size_t>(size), 1.0); }
inline double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }
inline int process_id() { return ::getpid(); }
/// A number that grows with each call in this process.
inline int tick() {
  static std::atomic<int> ticks{0};
  return ++ticks;
}
inline int tick_after(int) { return tick(); }
/// Longer than anybody waits, but for who asks whether it is still wanted.
inline int until_stopped() {
  while (!troupe::this_task::stop_requested()) std::this_thread::yield();
  return 0;
}
int nested(int n);

}  // namespace delayed_tests

TROUPE_FIELDS(delayed_tests::Point, x, y)
TROUPE_MODULE(delayed_module, delayed_tests::inc, delayed_tests::add, delayed_tests::total, delayed_tests::deep_total,
              delayed_tests::divide, delayed_tests::point, delayed_tests::Point::norm, delayed_tests::Point::scaled,
              delayed_tests::Point::x, delayed_tests::refuse, delayed_tests::block, delayed_tests::sum,
              delayed_tests::process_id, delayed_tests::tick, delayed_tests::tick_after, delayed_tests::until_stopped,
              delayed_tests::nested)

namespace delayed_tests {

/// Computes in a task.
inline int nested(int n) {
  std::vector<troupe::Delayed<int>> parts;
  for (int i = 0; i < n; ++i) parts.push_back(troupe::delayed<inc>(i));
  return troupe::delayed<total>(parts).compute();
}

}  // namespace delayed_tests
