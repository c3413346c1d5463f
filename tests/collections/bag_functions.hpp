#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "troupe/bag.hpp"
#include "troupe/delayed.hpp"

namespace bag_tests {

struct Person {
  std::string name;
  std::int64_t age{};
  friend bool operator==(const Person&, const Person&) = default;
};

inline std::int64_t square(std::int64_t x) { return x * x; }
inline std::int64_t power(std::int64_t x, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; --exponent) result *= x;
  return result;
}
inline bool is_even(std::int64_t x) { return x % 2 == 0; }
inline bool is_multiple(std::int64_t x, std::int64_t of) { return x % of == 0; }
inline std::int64_t add(std::int64_t a, std::int64_t b) { return a + b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
inline std::string shout(const std::string& text) { return text + "!"; }
inline std::string text_of(std::int64_t x) { return std::to_string(x); }
inline std::int64_t last_digit(std::int64_t x) { return x % 10; }
inline std::int64_t refuse(std::int64_t x) {
  if (x == 7) throw std::out_of_range("no room for 7");
  return x;
}
/// Tells a test that runs in this process that it has begun.
inline std::atomic<bool> has_begun{false};
inline std::int64_t noticed(std::int64_t x) {
  if (!has_begun.exchange(true)) has_begun.notify_all();
  return x;
}
inline std::vector<std::int64_t> reversed(const std::vector<std::int64_t>& all) { return {all.rbegin(), all.rend()}; }
inline std::int64_t total(const std::vector<std::int64_t>& all) {
  return std::accumulate(all.begin(), all.end(), std::int64_t{0});
}

}  // namespace bag_tests

TROUPE_FIELDS(bag_tests::Person, name, age)
TROUPE_MODULE(bag_module, bag_tests::square, bag_tests::power, bag_tests::is_even, bag_tests::is_multiple,
              bag_tests::add, bag_tests::larger, bag_tests::shout, bag_tests::text_of, bag_tests::last_digit,
              bag_tests::refuse, bag_tests::noticed, bag_tests::reversed, bag_tests::total)
