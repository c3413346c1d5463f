#include "collections/expression.hpp"

#include <algorithm>
#include <memory>
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
    const auto* const site = expression.site();
    const auto copy = expression.copy();
    key_.assign(reinterpret_cast<const char*>(&site), sizeof site);
    key_.append(reinterpret_cast<const char*>(&copy), sizeof copy);
    key_.append(reinterpret_cast<const char*>(inputs.data()), inputs.size_bytes());
    key_.append(reinterpret_cast<const char*>(expression.arguments().data()), expression.arguments().size());
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
      if (const auto inputs = expression->inputs(); step.next_input < inputs.size()) {
        const auto* input = inputs[step.next_input++].get();
        if (!known(input)) path_.push_back({input, 0});
        continue;
      }
      path_.pop_back();
      if (!known(expression)) add(expression);
    }
  }

  void add(const Expression* expression) {
    const auto first = result_.inputs.size();
    for (const auto& input : expression->inputs()) result_.inputs.push_back(input->index);
    expression->mark = number_;
    expression->index = result_.size();
    result_.has_pipelines |= expression->site() == &detail::pipeline_site;
    if (const auto* options = expression->options().get();
        options != nullptr && options->pure && expression->is_call()) {
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
  LargeVector<Step> path_;
  PureCalls pure_;
  Collected result_;
};

ExpressionRef checkpoint_of(std::span<const ExpressionRef> parents) {
  return Expression::make(&detail::checkpoint_site, {parents.begin(), parents.end()}, {});
}

std::uint64_t next_copy() {
  static std::atomic<std::uint64_t> copies{0};
  return ++copies;
}

}  // namespace

static_assert(alignof(Expression) >= alignof(ExpressionRef) && sizeof(Expression) % alignof(ExpressionRef) == 0);

ExpressionRef Expression::make(const CallSite* site, std::vector<ExpressionRef>&& inputs,
                               std::span<const std::byte> arguments, std::unique_ptr<const Rest> rest,
                               std::span<const std::byte> before_arguments) {
  const auto bytes = before_arguments.size() + arguments.size();
  void* const memory = ::operator new(sizeof(Expression) + inputs.size() * sizeof(ExpressionRef) + bytes);
  auto* const made = ::new (memory) Expression(site, std::move(rest));
  made->input_count_ = static_cast<std::uint32_t>(inputs.size());
  made->argument_bytes_ = bytes;
  auto* const first = reinterpret_cast<ExpressionRef*>(made + 1);
  std::uninitialized_move(inputs.begin(), inputs.end(), first);
  auto* const to = reinterpret_cast<std::byte*>(first + inputs.size());
  std::copy(arguments.begin(), arguments.end(), std::copy(before_arguments.begin(), before_arguments.end(), to));
  return ExpressionRef(made);
}

const Expression::Rest& Expression::rest() const {
  static const Rest none{};
  return rest_ != nullptr ? *rest_ : none;
}

void Expression::destroy(Expression* expression) {
  expression->next_dying_ = nullptr;
  for (Expression* dying = expression; dying != nullptr;) {
    Expression* const each = dying;
    dying = each->next_dying_;
    for (const auto& kept : each->inputs()) {
      auto* const input = const_cast<ExpressionRef&>(kept).leave();
      if (input->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
      input->next_dying_ = dying;
      dying = input;
    }
    each->~Expression();
    ::operator delete(each);
  }
}

void ExpressionRef::release(Expression* expression) {
  if (expression->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) Expression::destroy(expression);
}

std::string Expression::name() const {
  if (options() != nullptr && !options()->key.empty()) return options()->key;
  if (site_ == &detail::pipeline_site && is_call()) return describe_pipeline(arguments());
  if (site_ != nullptr) return std::string(site_->id.name);
  return value() ? "value" : "future";
}

std::string Collected::name(std::uint32_t task) const {
  const auto& expression = *expressions[task];
  if (expression.options() != nullptr && !expression.options()->key.empty()) return expression.options()->key;
  return fmt::format("{}-{}", expression.name(), task);
}

ExpressionRef make_call(const CallSite& site, const TaskOptions* options, const ArgumentWriter& call) {
  static thread_local std::vector<ExpressionRef> inputs;  // empty between calls; keeps its memory
  inputs.clear();
  for (const auto name : call.dependencies) {
    if ((name.value & expression_bit) != 0) {
      inputs.push_back(ExpressionRef::to(reinterpret_cast<Expression*>(name.value & ~expression_bit)));
    } else {
      if (name.value == 0) throw InvalidRequest("an empty future cannot be an argument");
      auto* slot = slot_named(name);
      slot->references.fetch_add(1, std::memory_order_relaxed);
      inputs.push_back(make_future(FutureHandle(slot)));
    }
  }
  static const TaskOptions none;
  std::unique_ptr<const Expression::Rest> rest;
  if (options != nullptr && *options != none)
    rest.reset(new Expression::Rest{.options = std::make_shared<const TaskOptions>(*options)});
  return Expression::make(&site, std::move(inputs), call.bytes, std::move(rest));
}

ExpressionRef make_value(Value value, const CallSite* site) {
  std::unique_ptr<const Expression::Rest> rest(new Expression::Rest{.copy = next_copy(), .value = std::move(value)});
  return Expression::make(site, {}, {}, std::move(rest));
}

ExpressionRef make_future(FutureHandle future, const CallSite* site) {
  if (!future) throw InvalidRequest("an empty future cannot be delayed");
  std::unique_ptr<const Expression::Rest> rest(new Expression::Rest{.copy = next_copy(), .future = std::move(future)});
  return Expression::make(site, {}, {}, std::move(rest));
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
      for (const auto& input : original->inputs())
        if (copies.find(input.get()) == copies.end()) path.push_back(input.get());
      if (path.size() != depth) continue;
      path.pop_back();
      std::vector<ExpressionRef> inputs;
      ArgumentWriter prefix;
      if (after && original->is_call() && original->inputs().empty()) {
        prefix.after(1);
        inputs.push_back(after);
      }
      for (const auto& input : original->inputs()) inputs.push_back(copies.at(input.get()));
      std::unique_ptr<const Expression::Rest> rest(
          new Expression::Rest{.options = original->options(),
                               .copy = original->is_call() ? copy_number : original->copy(),
                               .value = original->value(),
                               .future = original->future()});
      copies.emplace(original, Expression::make(original->site(), std::move(inputs), original->arguments(),
                                                std::move(rest), prefix.bytes));
    }
    result.push_back(copies.at(child.get()));
  }
  return result;
}

}  // namespace troupe
