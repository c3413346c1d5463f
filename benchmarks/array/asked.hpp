#pragma once

#include <algorithm>
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace array_benchmark {

/// The fields of a line of standard input, which tabs separate; none at its end.
inline std::vector<std::string> next_request() {
  std::string line;
  std::vector<std::string> fields;
  if (!std::getline(std::cin, line)) return fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
  return fields;
}

/// Runs `call` once unmeasured and then `repeats` times; answers with the least and the median nanoseconds of a run.
template <class F>
void answer(int repeats, F&& call) {
  std::vector<double> times;
  static_cast<void>(call());
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    [[maybe_unused]] const auto result = call();  // is freed after the clock is read
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  std::sort(times.begin(), times.end());
  std::cout << times.front() << ' ' << times[times.size() / 2] << std::endl;
}

}  // namespace array_benchmark
