#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "runtime/store/value.hpp"

/// Arguments of one call, as bytes. One after the other, each is a tag and what the tag says:
///   0 literal     the encoding of the parameter's type, nothing out of band
///   1 dependency  nothing: the next one of the task's inputs, in the order of its dependencies
///   2 container   a count, then that many arguments: a container of futures. The elements of a map are its keys,
///                 as bare encodings, each with an argument; an optional has none or one.
/// Before the first argument may stand
///   3 after       a count: that many inputs, the first ones, are waited for and not read
///   4 element     an index: the function is not called, the one argument is a result of it, and this element is wanted
/// Which future it is stands in the task's dependencies alone, so that tasks whose arguments are all futures share
/// the bytes of their template.
namespace troupe {

/// What stands for the value of another task in an argument list. Future<T> specialises it with
///   static constexpr bool is_dependency = true; using value_type = T; static ClientKey key(const Future<T>&);
template <class X>
struct dependency_traits {
  static constexpr bool is_dependency = false;
};

namespace detail {

enum class ArgumentTag : std::uint8_t { literal, dependency, container, after, element };

/// How an argument of kind A, a standard container, fits a parameter of kind V.
enum class Shape : std::uint8_t { none, sequence, mapping, product, optional };

template <class A>
struct shape_of {
  static constexpr Shape value = Shape::none;
};
template <class X>
struct shape_of<std::vector<X>> {
  static constexpr Shape value = Shape::sequence;
  using element = X;
};
template <class X>
struct shape_of<std::deque<X>> {
  static constexpr Shape value = Shape::sequence;
  using element = X;
};
template <class X, std::size_t N>
struct shape_of<std::array<X, N>> {
  static constexpr Shape value = Shape::sequence;
  using element = X;
};
template <class K, class X>
struct shape_of<std::map<K, X>> {
  static constexpr Shape value = Shape::mapping;
  using key = K;
  using element = X;
};
template <class K, class X>
struct shape_of<std::unordered_map<K, X>> {
  static constexpr Shape value = Shape::mapping;
  using key = K;
  using element = X;
};
template <class X>
struct shape_of<std::optional<X>> {
  static constexpr Shape value = Shape::optional;
  using element = X;
};
template <class A, class B>
struct shape_of<std::pair<A, B>> {
  static constexpr Shape value = Shape::product;
};
template <class... A>
struct shape_of<std::tuple<A...>> {
  static constexpr Shape value = Shape::product;
};

template <class A>
constexpr bool holds_dependency();

template <class A, std::size_t... I>
constexpr bool product_holds_dependency(std::index_sequence<I...>) {
  return (holds_dependency<std::tuple_element_t<I, A>>() || ...);
}

/// A is a future, or a container with futures in it.
template <class A>
constexpr bool holds_dependency() {
  if constexpr (dependency_traits<A>::is_dependency)
    return true;
  else if constexpr (shape_of<A>::value == Shape::none)
    return false;
  else if constexpr (shape_of<A>::value == Shape::product)
    return product_holds_dependency<A>(std::make_index_sequence<std::tuple_size_v<A>>{});
  else
    return holds_dependency<typename shape_of<A>::element>();
}

/// A stored U can be read as a V: the same type, or both numbers.
template <class V, class U>
constexpr bool reads_as() {
  if constexpr (std::is_same_v<V, U> || (Scalar<V> && Scalar<U>))
    return true;
  else if constexpr (Encodable<V> && Encodable<U>)
    return type_fingerprint<V>() == type_fingerprint<U>();
  else
    return false;
}

template <class V, class A>
constexpr bool accepts();

template <class V, class A, std::size_t... I>
constexpr bool product_accepts(std::index_sequence<I...>) {
  return (accepts<std::tuple_element_t<I, V>, std::tuple_element_t<I, A>>() && ...);
}

/// A parameter of value type V takes an argument of type A.
template <class V, class A>
constexpr bool accepts() {
  if constexpr (dependency_traits<A>::is_dependency)
    return reads_as<V, typename dependency_traits<A>::value_type>();
  else if constexpr (!holds_dependency<A>())
    return std::is_convertible_v<const A&, V>;
  else if constexpr (shape_of<A>::value != shape_of<V>::value)
    return false;
  else if constexpr (shape_of<A>::value == Shape::product) {
    if constexpr (std::tuple_size_v<A> != std::tuple_size_v<V>)
      return false;
    else
      return product_accepts<V, A>(std::make_index_sequence<std::tuple_size_v<A>>{});
  } else if constexpr (shape_of<A>::value == Shape::mapping)
    return std::is_convertible_v<const typename shape_of<A>::key&, typename shape_of<V>::key> &&
           accepts<typename shape_of<V>::element, typename shape_of<A>::element>();
  else
    return accepts<typename shape_of<V>::element, typename shape_of<A>::element>();
}

template <class F>
struct function_traits;
template <class R, class... P>
struct function_traits<R (*)(P...)> {
  using pointer = R (*)(P...);
  using result = std::remove_cvref_t<R>;
  using parameters = std::type_identity<std::tuple<P...>>;  // a list of types, never an object
  static constexpr std::size_t arity = sizeof...(P);
  template <std::size_t I>
  using parameter = typename std::tuple_element_t<I, std::tuple<std::type_identity<P>...>>::type;
};
template <class R, class... P>
struct function_traits<R (*)(P...) noexcept> : function_traits<R (*)(P...)> {};
// Methods that change nothing, and members, are functions of their object.
template <class R, class C, class... P>
struct function_traits<R (C::*)(P...) const> : function_traits<R (*)(const C&, P...)> {};
template <class R, class C, class... P>
struct function_traits<R (C::*)(P...) const noexcept> : function_traits<R (*)(const C&, P...)> {};
template <class R, class C>
requires(!std::is_function_v<R>) struct function_traits<R C::*> : function_traits<const R& (*)(const C&)> {
};

}  // namespace detail

/// A parameter of type P (by value, const T& or T&&) takes an argument of type A: something convertible to T, a
/// future of T, a future of a number where T is a number, or a container with such futures in it.
template <class P, class A>
inline constexpr bool parameter_accepts = detail::accepts<std::remove_cvref_t<P>, std::remove_cvref_t<A>>();

/// Does not compile, and says why, unless function F may be called with arguments of types A.
template <auto F, class... A>
constexpr void check_arguments() {
  using Traits = detail::function_traits<decltype(F)>;
  static_assert(Traits::arity == sizeof...(A), "Troupe: this function takes another number of arguments");
  if constexpr (Traits::arity == sizeof...(A)) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_assert((parameter_accepts<typename Traits::template parameter<I>, A> && ...),
                    "Troupe: an argument does not fit its parameter. A parameter of type T, const T& or T&& takes what "
                    "converts to T, a Future<T>, or a container of those; a Future<U> only if U is T, or both are "
                    "numbers");
    }
    (std::make_index_sequence<sizeof...(A)>{});
  }
}

/// Writes argument lists one after the other, on the client's side. `bytes` and `dependencies` grow; whoever writes
/// many lists reads their sizes between two.
class ArgumentWriter {
public:
  std::vector<std::byte> bytes;
  std::vector<ClientKey> dependencies;

  void clear() {
    bytes.clear();
    dependencies.clear();
  }

  /// All arguments of a call of F.
  template <auto F, class... A>
  void call(const A&... argument) {
    check_arguments<F, A...>();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (write<typename detail::function_traits<decltype(F)>::template parameter<I>>(argument), ...);
    }
    (std::make_index_sequence<sizeof...(A)>{});
  }

  /// One argument for a parameter of type P.
  template <class P, class A>
  void write(const A& argument) {
    using V = std::remove_cvref_t<P>;
    static_assert(parameter_accepts<P, A>, "Troupe: the argument does not fit its parameter");
    if constexpr (dependency_traits<A>::is_dependency) {
      dependency(dependency_traits<A>::key(argument));
    } else if constexpr (detail::holds_dependency<A>()) {
      tag(detail::ArgumentTag::container);
      container<V>(argument);
    } else {
      tag(detail::ArgumentTag::literal);
      literal<V>(argument);
    }
  }

  void dependency(ClientKey key) {
    tag(detail::ArgumentTag::dependency);
    dependencies.push_back(key);
  }
  /// Before all arguments: the next `inputs` dependencies are waited for only.
  void after(std::size_t inputs) {
    tag(detail::ArgumentTag::after);
    count(inputs);
  }
  /// Before the one argument of a projection.
  void element(std::size_t index) {
    tag(detail::ArgumentTag::element);
    count(index);
  }

private:
  void tag(detail::ArgumentTag tag) { bytes.push_back(static_cast<std::byte>(tag)); }

  template <class V, class A>
  void literal(const A& argument) {
    Encoder out(bytes);
    if constexpr (std::is_same_v<V, A>)
      encode_value<V>(argument, out);
    else
      encode_value<V>(static_cast<V>(argument), out);
  }

  template <class V, class A>
  void container(const A& argument) {
    using detail::Shape;
    constexpr Shape shape = detail::shape_of<A>::value;
    if constexpr (shape == Shape::product) {
      count(std::tuple_size_v<A>);
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (write<std::tuple_element_t<I, V>>(std::get<I>(argument)), ...);
      }
      (std::make_index_sequence<std::tuple_size_v<A>>{});
    } else if constexpr (shape == Shape::optional) {
      count(argument.has_value());
      if (argument) write<typename V::value_type>(*argument);
    } else if constexpr (shape == Shape::mapping) {
      count(argument.size());
      for (const auto& [key, element] : argument) {
        literal<typename V::key_type>(key);
        write<typename V::mapped_type>(element);
      }
    } else {
      count(argument.size());
      for (const auto& element : argument) write<typename V::value_type>(element);
    }
  }

  void count(std::size_t value) {
    Encoder out(bytes);
    out.count(value);
  }
};

/// Reads one argument list, on the worker's side. Throws DecodeError. Lives on the stack of one call.
class ArgumentReader {
public:
  /// `inputs` are the values of the task's dependencies, in order. They belong to this call: those read by a parameter
  /// that is not a const reference are left empty.
  ArgumentReader(std::span<const std::byte> bytes, std::span<Value> inputs) : in_(bytes), inputs_(inputs) {}

  /// What stands before the first argument. Gives the index of an element, if that is what is wanted.
  std::optional<std::size_t> prefix() {
    if (in_.left() > 0 && in_.peek() == static_cast<std::byte>(detail::ArgumentTag::after)) {
      (void)decode_value<std::uint8_t>(in_);
      const auto inputs = in_.count();
      if (inputs > inputs_.size()) throw DecodeError("the task has fewer inputs than it is to come after");
      next_input_ = inputs;
    }
    if (in_.left() == 0 || in_.peek() != static_cast<std::byte>(detail::ArgumentTag::element)) return {};
    (void)decode_value<std::uint8_t>(in_);
    return in_.count();
  }

  /// The next argument as an object of its own.
  template <class V>
  V read() {
    switch (tag()) {
      case detail::ArgumentTag::literal: return decode_value<V>(in_);
      case detail::ArgumentTag::dependency: return taken<V>(input());
      case detail::ArgumentTag::container: return container<V>();
      case detail::ArgumentTag::after:
      case detail::ArgumentTag::element: break;
    }
    throw DecodeError("an argument has an unknown tag");
  }

  /// The next argument, if it is the very object in the store; else it is read into `owned`.
  template <class V>
  const V* refer(std::optional<V>& owned) {
    if (in_.left() > 0 && next_is_dependency()) {
      (void)tag();
      const Value& value = input();
      if (auto found = value.as<V>()) return *found;
      owned.emplace(converted<V>(value));
    } else {
      owned.emplace(read<V>());
    }
    return &*owned;
  }

  /// The inputs that no argument has named, for who knows what to do with them.
  std::span<Value> other_inputs() { return inputs_.subspan(std::exchange(next_input_, inputs_.size())); }

  void finish() const {
    in_.finish();
    if (next_input_ != inputs_.size()) throw DecodeError("the task has more inputs than its arguments name");
  }

private:
  detail::ArgumentTag tag() {
    const auto value = decode_value<std::uint8_t>(in_);
    if (value > static_cast<std::uint8_t>(detail::ArgumentTag::container))
      throw DecodeError("an argument has an unknown tag");
    return static_cast<detail::ArgumentTag>(value);
  }
  [[nodiscard]] bool next_is_dependency() const {
    return in_.peek() == static_cast<std::byte>(detail::ArgumentTag::dependency);
  }
  Value& input() {
    if (next_input_ == inputs_.size()) throw DecodeError("the task has fewer inputs than its arguments name");
    return inputs_[next_input_++];
  }

  template <class V>
  static V taken(Value& value) {
    if (value.fingerprint() != type_fingerprint<V>()) return converted<V>(value);
    auto result = value.take<V>();
    if (!result) throw DecodeError(result.error().text);
    return std::move(*result);
  }

  /// A stored number as a number of another type.
  template <class V>
  static V converted(const Value& value) {
    if constexpr (detail::Scalar<V>) {
      std::optional<V> number;
      (try_number<double>(value, number) || try_number<std::int64_t>(value, number) ||
       try_number<std::int32_t>(value, number) || try_number<std::uint64_t>(value, number) ||
       try_number<std::uint32_t>(value, number) || try_number<float>(value, number) ||
       try_number<std::int16_t>(value, number) || try_number<std::uint16_t>(value, number) ||
       try_number<std::int8_t>(value, number) || try_number<std::uint8_t>(value, number) ||
       try_number<char>(value, number) || try_number<bool>(value, number));
      if (number) return *number;
    }
    throw DecodeError("the value is " + value.type_name() + ", not " + std::string(type_name<V>()));
  }
  template <class U, class V>
  static bool try_number(const Value& value, std::optional<V>& number) {
    if (value.fingerprint() != type_fingerprint<U>()) return false;
    if (const auto found = value.as<U>()) number = static_cast<V>(**found);
    return true;
  }

  template <class V>
  V container() {
    using detail::Shape;
    constexpr Shape shape = detail::shape_of<V>::value;
    if constexpr (shape == Shape::sequence)
      return sequence<V>();
    else if constexpr (shape == Shape::mapping) {
      V value;
      for (auto count = in_.count_of(2); count > 0; --count) {
        auto key = decode_value<typename V::key_type>(in_);
        value.insert_or_assign(std::move(key), read<typename V::mapped_type>());
      }
      return value;
    } else if constexpr (shape == Shape::optional) {
      const auto count = in_.count_of(1);
      if (count > 1) throw DecodeError("an optional has more than one value");
      if (count == 0) return std::nullopt;
      return read<typename V::value_type>();
    } else if constexpr (shape == Shape::product) {
      if (in_.count() != std::tuple_size_v<V>) throw DecodeError("a tuple has another number of elements");
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return V{read<std::tuple_element_t<I, V>>()...};  // braces: from left to right
      }
      (std::make_index_sequence<std::tuple_size_v<V>>{});
    } else {
      throw DecodeError("a container was passed for a " + std::string(type_name<V>()));
    }
  }

  template <class V>
  V sequence() {
    using Element = typename V::value_type;
    const auto count = in_.count_of(1);
    if constexpr (requires(V value, Element element) { value.push_back(std::move(element)); }) {
      V value;
      for (std::size_t i = 0; i < count; ++i) value.push_back(read<Element>());
      return value;
    } else {
      if (count != std::tuple_size_v<V>) throw DecodeError("an array has another number of elements");
      return [&]<std::size_t... I>(std::index_sequence<I...>) { return V{((void)I, read<Element>())...}; }
      (std::make_index_sequence<std::tuple_size_v<V>>{});
    }
  }

  Decoder in_;
  std::span<Value> inputs_;
  std::size_t next_input_{};
};

namespace detail {

/// One argument, bound to a parameter of type P for the length of a call.
template <class P>
class BoundArgument {
  using V = std::remove_cvref_t<P>;
  static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
                "Troupe: a task's parameter cannot be T&, for values are immutable; take T, const T& or T&&");
  static constexpr bool by_const_reference = std::is_lvalue_reference_v<P>;

public:
  void bind(ArgumentReader& reader) {
    if constexpr (by_const_reference)
      object_ = reader.refer<V>(owned_);
    else
      owned_.emplace(reader.read<V>());
  }
  P pass() {
    if constexpr (by_const_reference)
      return *object_;
    else
      return std::move(*owned_);
  }

private:
  std::optional<V> owned_;
  const V* object_{};
};

}  // namespace detail

}  // namespace troupe
