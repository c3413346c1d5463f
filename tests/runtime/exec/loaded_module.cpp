// A module as a user builds one: linked with Troupe::module alone, loaded by the tests.
#include <stdexcept>

#include "runtime/exec/module.hpp"

namespace loaded {
std::vector<double> scaled(std::vector<double>&& numbers, double by) {
  for (auto& number : numbers) number *= by;
  return std::move(numbers);
}
std::string fails() { throw std::runtime_error("from the module"); }
std::uint64_t task() { return troupe::this_task::id().value; }
}  // namespace loaded
TROUPE_MODULE(loaded_first, loaded::scaled, loaded::fails)
TROUPE_MODULE_VERSION(loaded_second, "7", loaded::task)
