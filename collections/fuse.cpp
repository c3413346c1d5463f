#include <algorithm>
#include <utility>

#include "collections/expression.hpp"

namespace troupe {
namespace {

bool is_pipeline(const Expression& expression) {
  return expression.is_call() && expression.site() == &detail::pipeline_site;
}

class Fusion {
public:
  explicit Fusion(Collected from) : from_(std::move(from)), uses_(from_.size()), begins_(from_.size(), none) {
    for (const auto input : from_.inputs) ++uses_[input];
    for (const auto task : from_.wanted) uses_[task] += 2;  // stays whoever else reads it
  }

  Collected run() {
    std::vector<bool> goes(from_.size());
    bool any = false;
    for (std::uint32_t task = 0; task < from_.size(); ++task) {
      if (!continues(task)) continue;
      begins_[task] = from_.inputs_of(task).front();
      goes[begins_[task]] = any = true;
    }
    if (!any) return std::move(from_);
    std::vector<std::uint32_t> place(from_.size());
    Collected to;
    for (std::uint32_t task = 0; task < from_.size(); ++task) {
      if (goes[task]) continue;
      place[task] = to.size();
      add(to, task, place);
    }
    for (const auto task : from_.wanted) to.wanted.push_back(place[task]);
    to.made.insert(to.made.end(), from_.made.begin(), from_.made.end());
    return to;
  }

private:
  static constexpr std::uint32_t none = 0xffffffff;

  /// Whether this task is the continuation of its first input.
  [[nodiscard]] bool continues(std::uint32_t task) const {
    const auto& expression = *from_.expressions[task];
    if (!is_pipeline(expression) || !is_plain_source(expression.arguments())) return false;
    const auto input = from_.inputs_of(task).front();
    const auto& before = *from_.expressions[input];
    return uses_[input] == 1 && is_pipeline(before) && is_plain_sink(before.arguments()) &&
           expression.options() == nullptr && before.options() == nullptr;
  }

  void add(Collected& to, std::uint32_t task, const std::vector<std::uint32_t>& place) {
    std::vector<std::uint32_t> chain{task};
    while (begins_[chain.back()] != none) chain.push_back(begins_[chain.back()]);
    const auto* expression = from_.expressions[task];
    std::vector<std::byte> joined;
    for (std::size_t i = chain.size(); i-- > 0;) {
      const bool first = i + 1 == chain.size();
      const auto& part = *from_.expressions[chain[i]];
      auto inputs = from_.inputs_of(chain[i]);
      if (!first) inputs = inputs.subspan(1);
      for (const auto input : inputs) to.inputs.push_back(place[input]);
      if (chain.size() == 1) break;
      if (first)
        joined.assign(part.arguments().begin(), part.arguments().end());
      else
        joined = join_pipelines(joined, part.arguments());
    }
    if (chain.size() > 1) {
      to.made.push_back(Expression::make(expression->site(), {}, joined));
      expression = to.made.back().get();
    }
    to.expressions.push_back(expression);
    to.offsets.push_back(static_cast<std::uint32_t>(to.inputs.size()));
  }

  Collected from_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::uint32_t> begins_;  ///< the task that each continues
};

}  // namespace

Collected fuse(Collected collected) {
  if (!collected.has_pipelines) return collected;
  return Fusion(std::move(collected)).run();
}

}  // namespace troupe
