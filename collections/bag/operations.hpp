#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "collections/bag/elements.hpp"
#include "runtime/exec/module.hpp"

/// What a part does with an element: an operation has a name (`describe`), is read from the arguments of its part, and
/// is called with elements as they are passed.
namespace troupe::bag_detail {

/// Makes of an element what a parameter of type P takes.
template <class P>
class Adapter {
  using V = std::remove_cvref_t<P>;

public:
  template <class E>
  decltype(auto) operator()(E&& element) {
    using Given = std::remove_cvref_t<E>;
    if constexpr (std::is_same_v<V, std::string> && std::is_same_v<Given, std::string_view>) {
      if constexpr (std::is_lvalue_reference_v<P>)
        return static_cast<const std::string&>(buffer_.assign(element));
      else
        return std::string(element);
    } else if constexpr (std::is_same_v<V, Given> && !std::is_rvalue_reference_v<P>) {
      return std::forward<E>(element);
    } else {
      return static_cast<V>(element);
    }
  }

private:
  struct Nothing {};
  std::conditional_t<std::is_same_v<V, std::string>, std::string, Nothing> buffer_;
};

/// A listed function: its first `Elements` parameters are elements, the others are bound.
template <auto F, std::size_t Elements>
class FunctionOperation {
  using Traits = detail::function_traits<decltype(F)>;
  static_assert(Traits::arity >= Elements, "Troupe: this function takes fewer parameters than there are elements");
  template <std::size_t I>
  using Parameter = typename Traits::template parameter<I>;
  template <std::size_t I>
  struct Bound {
    using V = std::remove_cvref_t<Parameter<I>>;
    std::optional<V> owned;
    const V* value{};
    void bind(ArgumentReader& arguments) { value = arguments.refer<V>(owned); }
  };
  static constexpr std::size_t bound_count = Traits::arity - Elements;

  template <std::size_t... I>
  static auto adapters(std::index_sequence<I...>) -> std::tuple<Adapter<Parameter<I>>...>;
  template <std::size_t... I>
  static auto bounds(std::index_sequence<I...>) -> std::tuple<Bound<Elements + I>...>;
  using Places = std::make_index_sequence<Elements>;
  using BoundPlaces = std::make_index_sequence<bound_count>;

public:
  template <class Sink>
  static constexpr void describe(Sink& out) {
    detail::require_listed<F>();
    out.text(ListedFunction<F>::name);
  }
  /// What tells two functions of one name apart.
  template <class Sink>
  static constexpr void describe_build(Sink& out) {
    out.text(ListedFunction<F>::module);
    for (int shift = 60; shift >= 0; shift -= 4) {
      const char digit = "0123456789abcdef"[ListedFunction<F>::build >> shift & 15];
      out.text({&digit, 1});
    }
  }

  explicit FunctionOperation(ArgumentReader& arguments) {
    std::apply([&](auto&... each) { (each.bind(arguments), ...); }, bound_);
  }
  FunctionOperation(const FunctionOperation&) = delete;
  FunctionOperation& operator=(const FunctionOperation&) = delete;

  template <class... E>
  requires(sizeof...(E) == Elements) decltype(auto) operator()(E&&... element) {
    return [&]<std::size_t... I, std::size_t... B>(std::index_sequence<I...>, std::index_sequence<B...>)
        ->decltype(auto) {
      return std::invoke(F, std::get<I>(adapters_)(std::forward<E>(element))...,
                         bound_argument<Parameter<Elements + B>>(*std::get<B>(bound_).value)...);
    }
    (Places{}, BoundPlaces{});
  }

  template <class... A>
  static void write(ArgumentWriter& out, const A&... bound) {
    static_assert(sizeof...(A) == bound_count,
                  "Troupe: the parameters after those for elements have to be given as arguments, each of them");
    if constexpr (sizeof...(A) == bound_count) {
      [&]<std::size_t... I>(std::index_sequence<I...>) { (out.write<Parameter<Elements + I>>(bound), ...); }
      (BoundPlaces{});
    }
  }

private:
  template <class P>
  static decltype(auto) bound_argument(const std::remove_cvref_t<P>& value) {
    if constexpr (std::is_rvalue_reference_v<P>)
      return std::remove_cvref_t<P>(value);
    else
      return (value);
  }

  decltype(adapters(Places{})) adapters_;
  decltype(bounds(BoundPlaces{})) bound_;
};

/// The element itself.
class Identity {
public:
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("itself");
  }
  template <class Sink>
  static constexpr void describe_build(Sink&) {}
  explicit Identity(ArgumentReader&) {}
  template <class E>
  E&& operator()(E&& element) const {
    return std::forward<E>(element);
  }
};

/// What an operation makes of elements of these types.
template <class Operation, class... In>
using result_of_operation = element_type<std::invoke_result_t<Operation&, Passed<In>...>>;

/// "name<operations>#builds types": what stands before # is for people.
template <class... Operation, class Sink>
constexpr void describe_operations(Sink& out, std::string_view name) {
  out.text(name);
  ((out.text(" "), Operation::describe(out)), ...);
  out.text("#");
  (Operation::describe_build(out), ...);
}
/// The types of elements that a part is for.
template <class... T, class Sink>
constexpr void describe_types(Sink& out) {
  ((out.text(" "), detail::describe<T>(out)), ...);
}

}  // namespace troupe::bag_detail
