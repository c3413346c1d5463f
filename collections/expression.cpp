#include "collections/expression.hpp"

#include <algorithm>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace troupe {
namespace {

/// Marks in expressions belong to one collection at a time.
std::mutex collecting;
std::uint32_t collections = 0;

/// Pure calls by what they say: their site, options, arguments and inputs.
class PureCalls {
public:
  /// The number of the same call, or of this one, which is now known.
  std::uint32_t find(const Expression& expression, std::span<const std::uint32_t> inputs, std::uint32_t number) {
    key_.assign(reinterpret_cast<const char*>(&expression.site), sizeof expression.site);
    key_.append(reinterpret_cast<const char*>(&expression.copy), sizeof expression.copy);
    key_.append(reinterpret_cast<const char*>(inputs.data()), inputs.size_bytes());
    key_.append(reinterpret_cast<const char*>(expression.arguments.data()), expression.arguments.size());
    return numbers_.try_emplace(key_, number).first->second;
  }

private:
  std::string key_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

class Collection {
public:
  explicit Collection(std::span<const ExpressionRef> wanted) : wanted_(wanted), number_(++collections) {}

  Collected run() {
    for (const auto& each : wanted_) {
      if (!each) throw InvalidRequest("an empty Delayed cannot be computed");
      visit(each.get());
    }
    for (const auto& each : wanted_) result_.wanted.push_back(each->index);
    return std::move(result_);
  }

private:
  struct Step {
    const Expression* expression;
    std::size_t next_input;
  };
  static constexpr std::uint32_t being_visited = 0xffffffff;

  [[nodiscard]] bool known(const Expression* expression) const { return expression->mark == number_; }

  void visit(const Expression* root) {
    if (known(root)) return;
    path_.push_back({root, 0});
    while (!path_.empty()) {
      auto& step = path_.back();
      const auto* expression = step.expression;
      if (step.next_input < expression->inputs.size()) {
        const auto* input = expression->inputs[step.next_input++].get();
        if (!known(input)) path_.push_back({input, 0});
        continue;
      }
      path_.pop_back();
      if (!known(expression)) add(expression);
    }
  }

  void add(const Expression* expression) {
    const auto first = result_.inputs.size();
    for (const auto& input : expression->inputs) result_.inputs.push_back(input->index);
    expression->mark = number_;
    expression->index = result_.size();
    if (expression->is_call() && expression->options != nullptr && expression->options->pure) {
      expression->index = pure_.find(*expression, std::span(result_.inputs).subspan(first), expression->index);
      if (expression->index != result_.size()) {
        result_.inputs.resize(first);
        return;
      }
    }
    result_.expressions.push_back(expression);
    result_.offsets.push_back(static_cast<std::uint32_t>(result_.inputs.size()));
  }

  std::span<const ExpressionRef> wanted_;
  std::uint32_t number_;
  std::vector<Step> path_;
  PureCalls pure_;
  Collected result_;
};

ExpressionRef checkpoint_of(std::span<const ExpressionRef> parents) {
  ExpressionRef made(new Expression);
  auto* expression = const_cast<Expression*>(made.get());
  expression->site = &detail::checkpoint_site;
  expression->inputs.assign(parents.begin(), parents.end());
  return made;
}

std::uint64_t next_copy() {
  static std::atomic<std::uint64_t> copies{0};
  return ++copies;
}

}  // namespace

void ExpressionRef::release(Expression* expression) {
  if (expression->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::vector<Expression*> dying{expression};
  while (!dying.empty()) {
    auto* const each = dying.back();
    dying.pop_back();
    for (auto& input : each->inputs) {
      auto* const left = input.leave();
      if (left != nullptr && left->references.fetch_sub(1, std::memory_order_acq_rel) == 1) dying.push_back(left);
    }
    delete each;
  }
}

std::string Expression::name() const {
  if (options != nullptr && !options->key.empty()) return options->key;
  if (site == &detail::pipeline_site && is_call()) return describe_pipeline(arguments);
  if (site != nullptr) return std::string(site->id.name);
  return value ? "value" : "future";
}

std::string Collected::name(std::uint32_t task) const {
  const auto& expression = *expressions[task];
  if (expression.options != nullptr && !expression.options->key.empty()) return expression.options->key;
  return fmt::format("{}-{}", expression.name(), task);
}

ExpressionRef make_call(const CallSite& site, const TaskOptions* options, const ArgumentWriter& call) {
  auto made = std::make_unique<Expression>();
  made->site = &site;
  made->arguments = call.bytes;
  made->inputs.reserve(call.dependencies.size());
  for (const auto name : call.dependencies) {
    if ((name.value & expression_bit) != 0) {
      auto* input = reinterpret_cast<Expression*>(name.value & ~expression_bit);
      input->references.fetch_add(1, std::memory_order_relaxed);
      made->inputs.emplace_back(input);
    } else {
      if (name.value == 0) throw InvalidRequest("an empty future cannot be an argument");
      auto* slot = slot_named(name);
      slot->references.fetch_add(1, std::memory_order_relaxed);
      made->inputs.push_back(make_future(FutureHandle(slot)));
    }
  }
  static const TaskOptions none;
  if (options != nullptr && *options != none) made->options = std::make_shared<const TaskOptions>(*options);
  return ExpressionRef(made.release());
}

ExpressionRef make_value(Value value, const CallSite* site) {
  auto made = std::make_unique<Expression>();
  made->copy = next_copy();
  made->value = std::move(value);
  made->site = site;
  return ExpressionRef(made.release());
}

ExpressionRef make_future(FutureHandle future, const CallSite* site) {
  if (!future) throw InvalidRequest("an empty future cannot be delayed");
  auto made = std::make_unique<Expression>();
  made->copy = next_copy();
  made->future = std::move(future);
  made->site = site;
  return ExpressionRef(made.release());
}

Collected collect(std::span<const ExpressionRef> wanted) {
  const std::lock_guard lock(collecting);
  return Collection(wanted).run();
}

std::vector<ExpressionRef> bind_expressions(std::span<const ExpressionRef> children,
                                            std::span<const ExpressionRef> parents,
                                            std::span<const ExpressionRef> omit) {
  std::unordered_map<const Expression*, ExpressionRef> copies;
  for (const auto& each : omit) copies.emplace(each.get(), each);
  const auto after = parents.empty() ? ExpressionRef{} : checkpoint_of(parents);
  const auto copy_number = next_copy();
  std::vector<const Expression*> path;
  std::vector<ExpressionRef> result;
  for (const auto& child : children) {
    if (!child) throw InvalidRequest("an empty Delayed cannot be bound");
    path.push_back(child.get());
    while (!path.empty()) {
      const auto* original = path.back();
      if (copies.find(original) != copies.end()) {
        path.pop_back();
        continue;
      }
      const auto depth = path.size();
      for (const auto& input : original->inputs)
        if (copies.find(input.get()) == copies.end()) path.push_back(input.get());
      if (path.size() != depth) continue;
      path.pop_back();
      auto copy = std::make_unique<Expression>();
      copy->site = original->site;
      copy->options = original->options;
      copy->copy = original->is_call() ? copy_number : original->copy;
      copy->value = original->value;
      copy->future = original->future;
      if (after && original->is_call() && original->inputs.empty()) {
        ArgumentWriter prefix;
        prefix.after(1);
        copy->arguments = std::move(prefix.bytes);
        copy->inputs.push_back(after);
      }
      copy->arguments.insert(copy->arguments.end(), original->arguments.begin(), original->arguments.end());
      for (const auto& input : original->inputs) copy->inputs.push_back(copies.at(input.get()));
      copies.emplace(original, ExpressionRef(copy.release()));
    }
    result.push_back(copies.at(child.get()));
  }
  return result;
}

}  // namespace troupe
