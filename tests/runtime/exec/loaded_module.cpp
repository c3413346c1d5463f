// A module as a user builds one: linked with Troupe::module alone, loaded by the tests.
#include <stdexcept>

#include "runtime/exec/pipeline.hpp"

namespace loaded {
std::vector<double> scaled(std::vector<double>&& numbers, double by) {
  for (auto& number : numbers) number *= by;
  return std::move(numbers);
}
std::string fails() { throw std::runtime_error("from the module"); }
std::uint64_t task() { return troupe::this_task::id().value; }
}  // namespace loaded

namespace loaded {
/// A source and a sink: all numbers up to one that is given, and their sum.
class Numbers final : public troupe::Giver<std::int64_t> {
public:
  static constexpr bool plain_source = false;
  static constexpr bool plain_sink = false;
  using Gives = std::int64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("loaded numbers");
  }
  explicit Numbers(troupe::ArgumentReader& arguments) : last_(arguments.read<std::int64_t>()) {}
  void run() override {
    for (std::int64_t i = 0; i <= last_ && !satisfied(); ++i) give(i);
  }

private:
  std::int64_t last_;
};
class Sum final : public troupe::Receiver<std::int64_t> {
public:
  using Takes = std::int64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("loaded sum");
  }
  explicit Sum(troupe::ArgumentReader&) {}
  void push(const std::int64_t& number) override { sum_ += number; }
  troupe::Value result() override { return troupe::Value::make(sum_); }

private:
  std::int64_t sum_{};
};
/// Uses them as a bag would that is built, but for what is in no header.
const void* build() {
  (void)&troupe::detail::ListedPart<Numbers>::node;
  return &troupe::detail::ListedPart<Sum>::node;
}
}  // namespace loaded
TROUPE_PARTS(loaded_parts, loaded::build)
TROUPE_MODULE(loaded_first, loaded::scaled, loaded::fails)
TROUPE_MODULE_VERSION(loaded_second, "7", loaded::task)
