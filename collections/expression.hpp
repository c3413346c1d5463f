#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/exec/local_graph.hpp"
#include "runtime/exec/module.hpp"
#include "runtime/exec/pipeline.hpp"
#include "troupe/troupe.hpp"

namespace troupe {

/// What a call goes to, wherever it is run. One constant object a function.
struct CallSite {
  FunctionId id;
  LocalTarget local;
  const Module& (*module)(){};  ///< null: built-in
  bool pure{};                  ///< equal calls give equal values, whatever their options say: caches may keep them
};

namespace detail {

template <auto F>
inline constexpr CallSite call_site{function_id<F>, {&thunk<F>, ListedFunction<F>::name}, &ListedFunction<F>::table};
inline constexpr CallSite checkpoint_site{{"", 0, "checkpoint"}, {&builtin::checkpoint, "checkpoint"}, nullptr};
inline constexpr CallSite pipeline_site{{"", 0, "pipeline"}, {&builtin::pipeline, "pipeline"}, nullptr};
inline constexpr CallSite wait_on_site{{"", 0, "wait_on"}, {&builtin::wait_on, "wait_on"}, nullptr};

}  // namespace detail

class Expression;

/// A reference to an expression; the last one destroys it, and without recursion all that only it referred to.
class ExpressionRef {
public:
  ExpressionRef() = default;
  explicit ExpressionRef(Expression* adopted) : expression_(adopted) {}
  ExpressionRef(const ExpressionRef& other) noexcept;
  ExpressionRef(ExpressionRef&& other) noexcept : expression_(std::exchange(other.expression_, nullptr)) {}
  ExpressionRef& operator=(ExpressionRef other) noexcept {
    std::swap(expression_, other.expression_);
    return *this;
  }
  ~ExpressionRef() {
    if (expression_ != nullptr) release(expression_);
  }
  /// One more reference to an expression that somebody keeps.
  static ExpressionRef to(Expression* expression);
  [[nodiscard]] const Expression* get() const { return expression_; }
  const Expression* operator->() const { return expression_; }
  const Expression& operator*() const { return *expression_; }
  [[nodiscard]] Expression* leave() { return std::exchange(expression_, nullptr); }
  explicit operator bool() const { return expression_ != nullptr; }
  friend bool operator==(const ExpressionRef&, const ExpressionRef&) = default;

private:
  static void release(Expression* expression);
  Expression* expression_{};
};

/// A node of the graphs that collections build: a call with its arguments, a value, or a future of a cluster. Shared by
/// all expressions that use it, on any thread; never changed but for the mark, which belongs to who collects. One piece
/// of memory: its inputs and the bytes of its arguments lie behind it, and what few calls have is apart.
class Expression {
public:
  /// What a plain call is without.
  struct Rest {
    std::shared_ptr<const TaskOptions> options{};  ///< null: the defaults
    /// Of a call 0, or which clone it is; else a number of its own: they are never taken for the same.
    std::uint64_t copy{};
    Value value{};          ///< of a value
    FutureHandle future{};  ///< of a future
  };

  /// `site` of a value or future is the call that made it, if known. The arguments, as in arguments.hpp, may come in two
  /// pieces.
  static ExpressionRef make(const CallSite* site, std::vector<ExpressionRef>&& inputs,
                            std::span<const std::byte> arguments, std::unique_ptr<const Rest> rest = {},
                            std::span<const std::byte> before_arguments = {});

  [[nodiscard]] const CallSite* site() const { return site_; }
  [[nodiscard]] std::span<const ExpressionRef> inputs() const {
    return {std::launder(reinterpret_cast<const ExpressionRef*>(this + 1)), input_count_};
  }
  [[nodiscard]] std::span<const std::byte> arguments() const {
    const auto* first = reinterpret_cast<const std::byte*>(this + 1) + input_count_ * sizeof(ExpressionRef);
    return {first, argument_bytes_};
  }
  [[nodiscard]] bool is_call() const { return rest_ == nullptr || (!rest_->value && !rest_->future); }
  [[nodiscard]] const std::shared_ptr<const TaskOptions>& options() const { return rest().options; }
  [[nodiscard]] std::uint64_t copy() const { return rest().copy; }
  [[nodiscard]] const Value& value() const { return rest().value; }
  [[nodiscard]] const FutureHandle& future() const { return rest().future; }
  [[nodiscard]] std::string name() const;

  mutable std::uint32_t mark{};   ///< number of the collection that met it last
  mutable std::uint32_t index{};  ///< in that collection

private:
  friend class ExpressionRef;
  Expression(const CallSite* site, std::unique_ptr<const Rest> rest) : site_(site), rest_(std::move(rest)) {}
  ~Expression() = default;
  [[nodiscard]] const Rest& rest() const;
  static void destroy(Expression* expression);

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t input_count_{};
  std::size_t argument_bytes_{};
  union {
    const CallSite* site_;
    Expression* next_dying_;  ///< once nothing refers to it
  };
  std::unique_ptr<const Rest> rest_;
};

inline ExpressionRef::ExpressionRef(const ExpressionRef& other) noexcept : expression_(other.expression_) {
  if (expression_ != nullptr) expression_->references_.fetch_add(1, std::memory_order_relaxed);
}

inline ExpressionRef ExpressionRef::to(Expression* expression) {
  expression->references_.fetch_add(1, std::memory_order_relaxed);
  return ExpressionRef(expression);
}

/// While a call is written, the expressions in its arguments go by this name.
inline constexpr std::uint64_t expression_bit = std::uint64_t{1} << 62;
inline ClientKey name_of(const ExpressionRef& expression) {
  if (!expression) throw InvalidRequest("an empty Delayed cannot be an argument");
  return {reinterpret_cast<std::uintptr_t>(expression.get()) | expression_bit};
}

/// A call with what has been written.
ExpressionRef make_call(const CallSite& site, const TaskOptions* options, const ArgumentWriter& call);
ExpressionRef make_value(Value value, const CallSite* site = nullptr);
ExpressionRef make_future(FutureHandle future, const CallSite* site = nullptr);

/// The expressions that `wanted` needs, each once, inputs before those that use them. Pure calls of the same function
/// with the same arguments are one.
struct Collected {
  LargeVector<const Expression*> expressions;
  LargeVector<std::uint32_t> offsets{0};
  LargeVector<std::uint32_t> inputs;
  std::vector<std::uint32_t> wanted;
  bool has_pipelines{};
  std::vector<ExpressionRef> made;  ///< those of `expressions` that nobody else keeps

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(expressions.size()); }
  [[nodiscard]] std::span<const std::uint32_t> inputs_of(std::uint32_t task) const {
    return std::span(inputs).subspan(offsets[task], offsets[task + 1] - offsets[task]);
  }
  /// The name that the user gave, else the function's and the number.
  [[nodiscard]] std::string name(std::uint32_t task) const;
};
Collected collect(std::span<const ExpressionRef> wanted);

/// The same with each pipeline that reads nothing but the elements of another one, which nobody else wants, joined to
/// it. The result keeps alive what it made.
Collected fuse(Collected collected);

/// Copies of `children` and of all that they need, but for `omit`, in which no call begins before all of `parents` have
/// ended. With no parents it is clone.
std::vector<ExpressionRef> bind_expressions(std::span<const ExpressionRef> children,
                                            std::span<const ExpressionRef> parents,
                                            std::span<const ExpressionRef> omit);

}  // namespace troupe
