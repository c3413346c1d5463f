#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "collections/bag/elements.hpp"
#include "collections/bag/operations.hpp"

/// Operations written where they are used, for which no function has to be listed: _1 * 2 + 1, lower(_1) == "a",
/// field<&Point::x>(_1) > 0. _1 is the element; in starmap, fold and accumulate _1 and _2 are the two there are.
namespace troupe::terms {

/// Each term is told from others by describe and describe_build, travels by write and read, and is called with elements.
struct TermBase {};
template <class T>
concept Term = std::derived_from<std::remove_cvref_t<T>, TermBase>;

template <std::size_t I>
struct Place : TermBase {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    const char digit = static_cast<char>('0' + I);
    out.text("_");
    out.text({&digit, 1});
  }
  template <class Sink>
  static constexpr void describe_build(Sink&) {}
  void write(ArgumentWriter&) const {}
  static Place read(ArgumentReader&) { return {}; }
  template <class... E>
  const auto& operator()(const E&... element) {
    static_assert(I <= sizeof...(E), "Troupe: there are fewer elements than this term names");
    return std::get<I - 1>(std::tie(element...));
  }
};

template <class T>
struct Constant : TermBase {
  T value;
  explicit Constant(T constant) : value(std::move(constant)) {}
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("c");
  }
  template <class Sink>
  static constexpr void describe_build(Sink& out) {
    detail::describe<T>(out);
  }
  void write(ArgumentWriter& out) const { out.write<T>(value); }
  static Constant read(ArgumentReader& in) { return Constant(in.read<T>()); }
  template <class... E>
  detail::Passed<T> operator()(const E&...) {
    return value;
  }
};

template <class T>
auto as_term(const T& value) {
  if constexpr (Term<T>)
    return value;
  else
    return Constant<bag_detail::element_type<std::decay_t<const T&>>>(value);
}

/// F of terms. F is an object of each task, so that it may keep a buffer.
template <class F, class... Terms>
struct Call : TermBase {
  F function;
  std::tuple<Terms...> terms;
  explicit Call(Terms... term) : terms(std::move(term)...) {}

  template <class Sink>
  static constexpr void describe(Sink& out) {
    F::describe(out);
    out.text("(");
    std::size_t count = 0;
    ((out.text(count++ == 0 ? "" : ","), Terms::describe(out)), ...);
    out.text(")");
  }
  template <class Sink>
  static constexpr void describe_build(Sink& out) {
    F::describe_build(out);
    ((out.text(";"), Terms::describe_build(out)), ...);
  }
  void write(ArgumentWriter& out) const {
    std::apply([&](const auto&... term) { (term.write(out), ...); }, terms);
  }
  static Call read(ArgumentReader& in) { return Call{Ordered{}, std::tuple<Terms...>{Terms::read(in)...}}; }
  template <class... E>
  decltype(auto) operator()(const E&... element) {
    return std::apply(
        [&](auto&... term) -> decltype(auto) {
          if constexpr (requires { typename F::Lazy; })
            return function([&]() -> decltype(auto) { return term(element...); }...);
          else
            return kept<decltype(term(element...))...>(function(term(element...)...));
        },
        terms);
  }

private:
  /// A result that refers to an argument which ends with the call becomes one of its own.
  template <class... Argument, class R>
  static decltype(auto) kept(R&& result) {
    constexpr bool of_temporary = (!std::is_reference_v<Argument> || ...);
    constexpr bool of_temporary_text = (std::is_same_v<Argument, std::string> || ...);
    if constexpr (std::is_same_v<std::remove_cvref_t<R>, std::string_view> && of_temporary_text)
      return std::string(result);
    else if constexpr (std::is_lvalue_reference_v<R> && !of_temporary)
      return static_cast<R>(result);
    else
      return static_cast<std::remove_cvref_t<R>>(std::forward<R>(result));
  }

  struct Ordered {};
  Call(Ordered, std::tuple<Terms...> all) : terms(std::move(all)) {}
};

template <class F, class... A>
auto call(const A&... argument) {
  return Call<F, decltype(as_term(argument))...>(as_term(argument)...);
}

/// What functions of terms have in common.
struct NoBuild {
  template <class Sink>
  static constexpr void describe_build(Sink&) {}
};

template <class T>
inline constexpr bool is_number = std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>;
template <class T>
inline constexpr bool is_text = std::is_convertible_v<const T&, std::string_view>;

#define TROUPE_TERM_FUNCTION(Name, written)     \
  struct Name : NoBuild {                       \
    template <class Sink>                       \
    static constexpr void describe(Sink& out) { \
      out.text(written);                        \
    }
#define TROUPE_TERM_OPERATOR(op, Name) \
  template <class A, class B>          \
  requires(Term<A> || Term<B>) auto operator op(const A& a, const B& b) { return call<Name>(a, b); }

// clang-format off
TROUPE_TERM_FUNCTION(Plus, "+")
  template <class A, class B> auto operator()(const A& a, const B& b) const {
    if constexpr (is_text<A> && is_text<B>)
      return std::string(a).append(std::string_view(b));
    else
      return a + b;
  }
};
TROUPE_TERM_FUNCTION(Minus, "-")
  template <class A, class B> auto operator()(const A& a, const B& b) const { return a - b; }
};
TROUPE_TERM_FUNCTION(Times, "*")
  template <class A, class B> auto operator()(const A& a, const B& b) const { return a * b; }
};
TROUPE_TERM_FUNCTION(Over, "/")
  template <class A, class B> auto operator()(const A& a, const B& b) const {
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
      if (b == 0) throw std::domain_error("division by zero");
    return a / b;
  }
};
TROUPE_TERM_FUNCTION(Modulo, "%")
  template <class A, class B> auto operator()(const A& a, const B& b) const {
    if (b == 0) throw std::domain_error("remainder of a division by zero");
    return a % b;
  }
};
TROUPE_TERM_FUNCTION(Equal, "==")
  template <class A, class B> bool operator()(const A& a, const B& b) const {
    if constexpr (is_number<A> && is_number<B>) return std::cmp_equal(a, b); else return a == b;
  }
};
TROUPE_TERM_FUNCTION(Unequal, "!=")
  template <class A, class B> bool operator()(const A& a, const B& b) const { return !Equal{}(a, b); }
};
TROUPE_TERM_FUNCTION(Less, "<")
  template <class A, class B> bool operator()(const A& a, const B& b) const {
    if constexpr (is_number<A> && is_number<B>) return std::cmp_less(a, b); else return a < b;
  }
};
TROUPE_TERM_FUNCTION(Greater, ">")
  template <class A, class B> bool operator()(const A& a, const B& b) const { return Less{}(b, a); }
};
TROUPE_TERM_FUNCTION(LessOrEqual, "<=")
  template <class A, class B> bool operator()(const A& a, const B& b) const {
    if constexpr (is_number<A> && is_number<B>) return std::cmp_less_equal(a, b); else return a <= b;
  }
};
TROUPE_TERM_FUNCTION(GreaterOrEqual, ">=")
  template <class A, class B> bool operator()(const A& a, const B& b) const { return LessOrEqual{}(b, a); }
};
TROUPE_TERM_FUNCTION(Both, "&&")
  using Lazy = void;
  template <class A, class B> bool operator()(const A& a, const B& b) const { return a() && b(); }
};
TROUPE_TERM_FUNCTION(Either, "||")
  using Lazy = void;
  template <class A, class B> bool operator()(const A& a, const B& b) const { return a() || b(); }
};
TROUPE_TERM_FUNCTION(Not, "!")
  template <class A> bool operator()(const A& a) const { return !a; }
};
TROUPE_TERM_FUNCTION(Negative, "-")
  template <class A> auto operator()(const A& a) const { return -a; }
};
TROUPE_TERM_FUNCTION(Size, "size")
  template <class A> std::uint64_t operator()(const A& a) const { return a.size(); }
};
// clang-format on

TROUPE_TERM_OPERATOR(+, Plus)
TROUPE_TERM_OPERATOR(-, Minus)
TROUPE_TERM_OPERATOR(*, Times)
TROUPE_TERM_OPERATOR(/, Over)
TROUPE_TERM_OPERATOR(%, Modulo)
TROUPE_TERM_OPERATOR(==, Equal)
TROUPE_TERM_OPERATOR(!=, Unequal)
TROUPE_TERM_OPERATOR(<, Less)
TROUPE_TERM_OPERATOR(>, Greater)
TROUPE_TERM_OPERATOR(<=, LessOrEqual)
TROUPE_TERM_OPERATOR(>=, GreaterOrEqual)
TROUPE_TERM_OPERATOR(&&, Both)
TROUPE_TERM_OPERATOR(||, Either)
template <Term A>
auto operator!(const A& a) {
  return call<Not>(a);
}
template <Term A>
auto operator-(const A& a) {
  return call<Negative>(a);
}
/// How many elements, or bytes of text.
template <Term A>
auto size(const A& a) {
  return call<Size>(a);
}
#undef TROUPE_TERM_OPERATOR

inline constexpr Place<1> _1{};
inline constexpr Place<2> _2{};
inline constexpr Place<3> _3{};
inline constexpr Place<4> _4{};

/// Element I of a pair, tuple or array.
template <std::size_t I>
struct Element : NoBuild {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("element");
    char digits[20];
    std::size_t first = sizeof digits;
    std::size_t rest = I;
    do digits[--first] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) > 0);
    out.text({digits + first, sizeof digits - first});
  }
  template <class A>
  const auto& operator()(const A& a) const {
    return std::get<I>(a);
  }
};
template <std::size_t I, Term A>
auto element(const A& a) {
  return call<Element<I>>(a);
}

/// A member of a struct with TROUPE_FIELDS.
template <auto Member>
struct FieldOf : NoBuild {
  using Traits = detail::function_traits<decltype(Member)>;
  using Struct = std::remove_cvref_t<typename Traits::template parameter<0>>;

  template <class Sink>
  static constexpr void describe(Sink& out) {
    static_assert(detail::HasFields<Struct>, "Troupe: members are known by the names that TROUPE_FIELDS gives them");
    out.text(Fields<Struct>::name);
    out.text(".");
    [&]<std::size_t... I>(std::index_sequence<I...>) { (name_if_same<I>(out), ...); }
    (std::make_index_sequence<detail::field_count<Struct>>{});
  }
  const auto& operator()(const Struct& a) const { return a.*Member; }

private:
  template <std::size_t I, class Sink>
  static constexpr void name_if_same(Sink& out) {
    constexpr auto other = std::get<I>(Fields<Struct>::members);
    if constexpr (std::is_same_v<std::remove_cv_t<decltype(other)>, std::remove_cv_t<decltype(Member)>>)
      if (other == Member) out.text(Fields<Struct>::names[I]);
  }
};
template <auto Member, Term A>
auto field(const A& a) {
  return call<FieldOf<Member>>(a);
}

/// What a map has for a key, or a vector at a place; without it, the third argument.
struct At : NoBuild {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("at");
  }
  template <class C, class K, class D>
  auto operator()(const C& container, const K& key, const D& otherwise) const {
    if constexpr (requires { typename C::mapped_type; }) {
      const auto found = container.find(typename C::key_type(key));
      return found != container.end() ? found->second : typename C::mapped_type(otherwise);
    } else {
      const bool inside = std::cmp_greater_equal(key, 0) && std::cmp_less(key, container.size());
      return inside ? typename C::value_type(container[static_cast<std::size_t>(key)])
                    : typename C::value_type(otherwise);
    }
  }
};
template <Term A, class K, class D>
auto at(const A& container, const K& key, const D& otherwise) {
  return call<At>(container, key, otherwise);
}
/// The same; a key that is not there fails.
struct AtOrFail : NoBuild {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("at");
  }
  template <class Sink>
  static constexpr void describe_build(Sink& out) {
    out.text("!");
  }
  template <class C, class K>
  const auto& operator()(const C& container, const K& key) const {
    if constexpr (requires { typename C::mapped_type; }) {
      const auto found = container.find(typename C::key_type(key));
      if (found == container.end()) throw std::out_of_range("a map has no such key; give a default");
      return found->second;
    } else {
      if (std::cmp_less(key, 0) || std::cmp_greater_equal(key, container.size()))
        throw std::out_of_range("a vector has " + std::to_string(container.size()) + " elements, none at " +
                                std::to_string(key) + "; give a default");
      return container[static_cast<std::size_t>(key)];
    }
  }
};
template <Term A, class K>
auto at(const A& container, const K& key) {
  return call<AtOrFail>(container, key);
}

}  // namespace troupe::terms

namespace troupe::bag_detail {

/// A term as the operation of a part.
template <class T>
class TermOperation {
public:
  template <class Sink>
  static constexpr void describe(Sink& out) {
    T::describe(out);
  }
  template <class Sink>
  static constexpr void describe_build(Sink& out) {
    T::describe_build(out);
  }
  explicit TermOperation(ArgumentReader& arguments) : term_(T::read(arguments)) {}
  template <class... E>
  decltype(auto) operator()(const E&... element) {
    return term_(element...);
  }

private:
  T term_;
};

/// A listed function as it is asked for, with its bound arguments.
template <auto F, class... A>
struct FunctionAsked {
  std::tuple<A...> bound;
  template <std::size_t Elements>
  using Operation = FunctionOperation<F, Elements>;
  template <std::size_t Elements>
  void write(ArgumentWriter& out) const {
    std::apply([&](const auto&... each) { Operation<Elements>::write(out, each...); }, bound);
  }
};
struct IdentityAsked {
  template <std::size_t>
  using Operation = Identity;
  template <std::size_t>
  void write(ArgumentWriter&) const {}
};

template <class A>
struct asked_operation {
  template <std::size_t>
  using type = TermOperation<A>;
};
template <auto F, class... A>
struct asked_operation<FunctionAsked<F, A...>> {
  template <std::size_t Elements>
  using type = FunctionOperation<F, Elements>;
};
template <>
struct asked_operation<IdentityAsked> {
  template <std::size_t>
  using type = Identity;
};

/// The operation that was asked for, of so many elements.
template <class A, std::size_t Elements>
using operation_of = typename asked_operation<std::remove_cvref_t<A>>::template type<Elements>;

template <std::size_t Elements, class A>
void write_operation(ArgumentWriter& out, const A& asked) {
  if constexpr (terms::Term<A>)
    asked.write(out);
  else
    asked.template write<Elements>(out);
}

template <class A>
inline constexpr bool is_asked = terms::Term<A>;
template <auto F, class... A>
inline constexpr bool is_asked<FunctionAsked<F, A...>> = true;
template <>
inline constexpr bool is_asked<IdentityAsked> = true;

/// A term, or fn<f>(bound...).
template <class A>
concept Asked = is_asked<std::remove_cvref_t<A>>;

}  // namespace troupe::bag_detail
