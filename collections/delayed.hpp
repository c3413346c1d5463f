#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "collections/compute.hpp"
#include "collections/expression.hpp"

namespace troupe {

template <class T>
class Delayed;

template <class T>
struct dependency_traits<Delayed<T>> {
  static constexpr bool is_dependency = true;
  using value_type = T;
  static ClientKey key(const Delayed<T>& delayed) { return name_of(delayed.expression()); }
};

namespace detail {

template <class D>
struct delayed_value;
template <class T>
struct delayed_value<Delayed<T>> {
  using type = T;
};

template <class T>
T take_value(Value& value) {
  auto taken = value.take<T>();
  if (!taken) throw_decode(taken.error());
  return std::move(*taken);
}

template <class T>
std::vector<ExpressionRef> expressions_of(const std::vector<Delayed<T>>& all) {
  std::vector<ExpressionRef> expressions;
  expressions.reserve(all.size());
  for (const auto& each : all) expressions.push_back(each.expression());
  return expressions;
}

template <class T>
std::vector<Delayed<T>> delayed_of(std::vector<ExpressionRef> expressions) {
  std::vector<Delayed<T>> all;
  all.reserve(expressions.size());
  for (auto& each : expressions) all.emplace_back(std::move(each));
  return all;
}

template <class... T>
std::array<ExpressionRef, sizeof...(T)> expressions_of(const Delayed<T>&... all) {
  return {all.expression()...};
}

}  // namespace detail

/// A value that is yet to be computed: a call of a listed function whose arguments may be Delayed too, alone or inside
/// standard containers. Costs a small node; copies are the same node, and any thread may use its own. It has no truth
/// value, cannot be iterated and never changes: what it stands for is known only after `compute`.
template <class T>
class Delayed {
public:
  using value_type = T;

  Delayed() = default;
  explicit Delayed(ExpressionRef expression) : expression_(std::move(expression)) {}

  /// The value. Several at once share what they have in common: see the function `compute`.
  T compute(const ComputeOptions& options = {}) const {
    auto values = compute_expressions({&expression_, 1}, options);
    return detail::take_value<T>(values.front());
  }
  /// The same value as one that is there already, or on its way on a cluster.
  Delayed persist(const ComputeOptions& options = {}) const {
    return Delayed(std::move(persist_expressions({&expression_, 1}, options).front()));
  }
  /// F with this value as its first argument. F may be a method that changes nothing, or a member: call<&Point::x>().
  template <auto F, class... A>
  auto call(const A&... arguments) const;
  /// Element I of a tuple, pair or array that a listed function gives.
  template <std::size_t I>
  Delayed<std::tuple_element_t<I, T>> element() const {
    const auto name = name_of(expression_);  // refuses an empty one
    if (const auto* whole = expression_->value().template get<T>())
      return Delayed<std::tuple_element_t<I, T>>(make_value(Value::make(std::get<I>(*whole))));
    if (expression_->site() == nullptr || expression_->site()->module == nullptr)
      throw InvalidRequest("Delayed::element: only of what a call of a listed function gives");
    ArgumentWriter call;
    call.element(I);
    call.dependency(name);
    return Delayed<std::tuple_element_t<I, T>>(make_call(*expression_->site(), nullptr, call));
  }

  [[nodiscard]] std::string name() const { return expression_ ? expression_->name() : std::string(); }
  [[nodiscard]] const ExpressionRef& expression() const { return expression_; }
  explicit operator bool() const = delete;

private:
  ExpressionRef expression_;
};

namespace detail {

template <class P, class A>
void write_argument(ArgumentWriter& writer, const A& argument) {
  writer.template write<P>(argument);
}
/// A small value that is there already is written as it is: a task less, and nothing to send.
template <class P, class T>
void write_argument(ArgumentWriter& writer, const Delayed<T>& argument) {
  using V = std::remove_cvref_t<P>;
  if constexpr (in_place<T> && (std::is_same_v<V, T> || (Scalar<V> && Scalar<T>))) {
    const auto* value = argument.expression() ? argument.expression()->value().template get<T>() : nullptr;
    if (value != nullptr) return writer.template write<P>(static_cast<V>(*value));
  }
  writer.template write<P>(argument);
}

template <auto F, class... A>
ExpressionRef make_call_of(const TaskOptions* options, const A&... arguments) {
  require_listed<F>();
  check_arguments<F, A...>();
  using Traits = function_traits<decltype(F)>;
  auto& writer = argument_writer();
  if constexpr (Traits::arity == sizeof...(A)) [&]<std::size_t... I>(std::index_sequence<I...>) {
      (write_argument<typename Traits::template parameter<I>>(writer, arguments), ...);
    }
  (std::make_index_sequence<sizeof...(A)>{});
  return make_call(call_site<F>, options, writer);
}

}  // namespace detail

/// A call of F, for later. Arguments as of Client::submit, and Delayed ones, alone or in standard containers.
template <auto F, class... A>
requires(sizeof...(A) == 0 || !detail::OptionsFirst<std::tuple_element_t<0, std::tuple<A..., void>>>)
    Delayed<function_result<F>> delayed(const A&... arguments) {
  return Delayed<function_result<F>>(detail::make_call_of<F>(nullptr, arguments...));
}
/// The same with a name (`key`), `pure` (equal calls are one), and what else a cluster is to know.
template <auto F, class... A>
Delayed<function_result<F>> delayed(const TaskOptions& options, const A&... arguments) {
  return Delayed<function_result<F>>(detail::make_call_of<F>(&options, arguments...));
}

/// A value that many calls share: on a cluster it is sent once, or, if it is as small as a number, with each call.
template <class T>
Delayed<T> delayed(T value) {
  return Delayed<T>(make_value(Value::make(std::move(value))));
}
inline Delayed<std::string> delayed(const char* text) { return delayed(std::string(text)); }
template <class T>
Delayed<T> delayed(const Future<T>& future) {
  return Delayed<T>(make_future(future.handle()));
}

template <class T>
template <auto F, class... A>
auto Delayed<T>::call(const A&... arguments) const {
  return delayed<F>(*this, arguments...);
}

/// The elements of a tuple, pair or array: auto [quotient, rest] = unpack(delayed<divide>(7, 2)).
template <class T>
auto unpack(const Delayed<T>& whole) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return std::tuple(whole.template element<I>()...); }
  (std::make_index_sequence<std::tuple_size_v<T>>{});
}

// ---- several at once -----------------------------------------------------------------------------------------------

namespace detail {

/// What arrays that are computed together share.
struct Together {
  std::vector<std::shared_ptr<const void>> arrays;
  std::shared_ptr<void> lowering;
};

/// How a kind of collection takes part in a computation of several; specialised beside it. First all `join`, then each
/// is asked for the expressions it needs, and makes its result of their values, or itself anew of what is there.
template <class X>
struct collection_traits {};

template <class X>
concept Collection = requires {
  typename collection_traits<X>::type;
};

template <class T>
struct collection_traits<Delayed<T>> {
  using type = T;
  static void join(const Delayed<T>&, Together&) {}
  static void ask(const Delayed<T>& delayed, Together&, std::vector<ExpressionRef>& wanted) {
    wanted.push_back(delayed.expression());
  }
  static type take(const Delayed<T>&, std::vector<Value>& values, std::size_t& next) {
    return take_value<T>(values[next++]);
  }
  static Delayed<T> kept(const Delayed<T>&, std::vector<ExpressionRef>& there, std::size_t& next) {
    return Delayed<T>(std::move(there[next++]));
  }
};

template <class... X>
std::vector<ExpressionRef> asked_of(const X&... all) {
  Together together;
  (collection_traits<X>::join(all, together), ...);
  std::vector<ExpressionRef> wanted;
  (collection_traits<X>::ask(all, together, wanted), ...);
  return wanted;
}

}  // namespace detail

/// The values of all, Delayed ones, bags and arrays, computed as one graph: what they have in common is computed once.
template <detail::Collection... X>
requires(sizeof...(X) >
         0) std::tuple<typename detail::collection_traits<X>::type...> compute(const ComputeOptions& options,
                                                                               const X&... all) {
  auto values = compute_expressions(detail::asked_of(all...), options);
  std::size_t next = 0;
  return {detail::collection_traits<X>::take(all, values, next)...};  // braces: from left to right
}
template <detail::Collection... X>
requires(sizeof...(X) > 0) auto compute(const X&... all) { return compute(ComputeOptions{}, all...); }
template <class T>
std::vector<T> compute(const std::vector<Delayed<T>>& all, const ComputeOptions& options = {}) {
  auto values = compute_expressions(detail::expressions_of(all), options);
  std::vector<T> result;
  result.reserve(values.size());
  for (auto& value : values) result.push_back(detail::take_value<T>(value));
  return result;
}

/// The same collections, there already, or on their way on a cluster; as one graph, too.
template <detail::Collection... X>
requires(sizeof...(X) > 0) std::tuple<X...> persist(const ComputeOptions& options, const X&... all) {
  auto there = persist_expressions(detail::asked_of(all...), options);
  std::size_t next = 0;
  return {detail::collection_traits<X>::kept(all, there, next)...};
}
template <detail::Collection... X>
requires(sizeof...(X) > 0) std::tuple<X...> persist(const X&... all) { return persist(ComputeOptions{}, all...); }
template <class T>
std::vector<Delayed<T>> persist(const std::vector<Delayed<T>>& all, const ComputeOptions& options = {}) {
  return detail::delayed_of<T>(persist_expressions(detail::expressions_of(all), options));
}

// ---- order without data --------------------------------------------------------------------------------------------

/// Done when all of these are.
template <class... T>
Delayed<Unit> checkpoint(const Delayed<T>&... all) {
  ArgumentWriter call;
  (call.dependency(name_of(all.expression())), ...);
  return Delayed<Unit>(make_call(detail::checkpoint_site, nullptr, call));
}
template <class T>
Delayed<Unit> checkpoint(const std::vector<Delayed<T>>& all) {
  ArgumentWriter call;
  for (const auto& each : all) call.dependency(name_of(each.expression()));
  return Delayed<Unit>(make_call(detail::checkpoint_site, nullptr, call));
}

namespace detail {

template <class T>
Delayed<T> wait_on_one(const Delayed<T>& value, const Delayed<Unit>& after) {
  ArgumentWriter call;
  call.dependency(name_of(after.expression()));
  call.dependency(name_of(value.expression()));
  return Delayed<T>(make_call(wait_on_site, nullptr, call));
}

}  // namespace detail

/// The same values, each there only when all are.
template <class... T>
std::tuple<Delayed<T>...> wait_on(const Delayed<T>&... all) {
  const auto after = checkpoint(all...);
  return {detail::wait_on_one(all, after)...};
}
template <class T>
std::vector<Delayed<T>> wait_on(const std::vector<Delayed<T>>& all) {
  const auto after = checkpoint(all);
  std::vector<Delayed<T>> result;
  for (const auto& each : all) result.push_back(detail::wait_on_one(each, after));
  return result;
}

/// `child`, computed anew, none of whose calls begins before all of `parents` have ended.
template <class T, class... P>
Delayed<T> bind(const Delayed<T>& child, const Delayed<P>&... parents) {
  static_assert(sizeof...(P) > 0, "Troupe: bind needs what to come after");
  const auto after = detail::expressions_of(parents...);
  return Delayed<T>(std::move(bind_expressions({&child.expression(), 1}, after, {}).front()));
}

/// The same computation once more, sharing nothing with the first but `omit`, pure or not.
template <class T, class... O>
Delayed<T> clone(const Delayed<T>& original, const Delayed<O>&... omit) {
  const auto shared = detail::expressions_of(omit...);
  return Delayed<T>(std::move(bind_expressions({&original.expression(), 1}, {}, shared).front()));
}

}  // namespace troupe
