#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
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

struct Expression;

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
/// all expressions that use it, on any thread; never changed but for the mark, which belongs to who collects.
struct Expression {
  std::atomic<std::uint32_t> references{1};
  mutable std::uint32_t mark{};                ///< number of the collection that met it last
  mutable std::uint32_t index{};               ///< in that collection
  const CallSite* site{};                      ///< of a call; of a value or future the call that made it, if known
  std::shared_ptr<const TaskOptions> options;  ///< null: the defaults
  std::vector<std::byte> arguments;            ///< as in arguments.hpp
  std::vector<ExpressionRef> inputs;
  std::uint64_t
      copy{};   ///< of a call 0, or which clone it is; else a number of its own: they are never taken for the same
  Value value;  ///< of a value
  FutureHandle future;  ///< of a future

  [[nodiscard]] bool is_call() const { return !value && !future; }
  [[nodiscard]] std::string name() const;
};

inline ExpressionRef::ExpressionRef(const ExpressionRef& other) noexcept : expression_(other.expression_) {
  if (expression_ != nullptr) expression_->references.fetch_add(1, std::memory_order_relaxed);
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
  std::vector<const Expression*> expressions;
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint32_t> inputs;
  std::vector<std::uint32_t> wanted;
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
