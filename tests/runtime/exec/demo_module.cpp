#include "tests/runtime/exec/demo_module.hpp"

#include <numeric>
#include <stdexcept>
#include <thread>

namespace shapes {

double add(double a, double b) { return a + b; }
std::int64_t address_of(const Counted& object) { return reinterpret_cast<std::int64_t>(&object); }
int by_value(Counted object) { return object.number; }
int by_move(Counted&& object) { return Counted(std::move(object)).number; }
double sum(const std::vector<double>& numbers) noexcept { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }
double sum_all(const std::map<std::string, std::vector<double>>& numbers, std::pair<int, double> more,
               std::optional<double> maybe) {
  double total = more.first + more.second + maybe.value_or(0);
  for (const auto& [name, row] : numbers) total += sum(row);
  return total;
}
std::string greet(const std::string& name, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += name;
  return text;
}
void nothing() {}
void throw_runtime_error(const std::string& text) { throw std::runtime_error(text); }
void throw_nested() {
  try {
    throw std::out_of_range("row 7");
  } catch (...) {
    std::throw_with_nested(std::logic_error("reading table"));
  }
}
void throw_number() { throw 42; }
bool wait_for_stop() {
  while (!troupe::this_task::stop_requested()) std::this_thread::yield();
  return true;
}
std::uint64_t who_am_i() { return troupe::this_task::id().value + troupe::this_task::run().value; }
double unlisted(double x) { return x; }

}  // namespace shapes
