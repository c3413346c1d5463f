#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/store/buffer.hpp"
#include "runtime/store/value_codec.hpp"

/// Codecs of what holds values of other types: the standard containers, pairs, tuples, optionals, variants and blocks.
namespace troupe {

namespace detail {

/// Elements that decoded input may make us reserve memory for before they have been read.
template <class T>
std::size_t believable_reserve(std::size_t count, const Decoder& in) {
  return std::min(count, in.left() / sizeof(T) + 16);
}

/// Shared by all codecs of containers: a count, then the elements in order.
template <class C, class Element>
struct SequenceCodec {
  static void encode(const C& value, Encoder& out) {
    out.count(value.size());
    for (const auto& element : value) {
      if (out.full()) return;
      encode_value<Element>(element, out);
    }
  }
  static std::uint64_t deep_size(const C& value) {
    std::uint64_t size = sizeof(C);
    for (const auto& element : value) size += node_bytes + troupe::deep_size<Element>(element);
    return size;
  }
  static constexpr std::size_t node_bytes = requires(C c) { typename C::key_type; }
  ? 4 * sizeof(void*) : 0;
};

template <class C, class Key, class Mapped>
struct MapCodec {
  static void encode(const C& value, Encoder& out) {
    out.count(value.size());
    for (const auto& [key, mapped] : value) {
      if (out.full()) return;
      encode_value<Key>(key, out);
      encode_value<Mapped>(mapped, out);
    }
  }
  static C decode(Decoder& in) {
    C value;
    for (auto count = in.count_of(min_size<Key>() + min_size<Mapped>()); count > 0; --count) {
      auto key = decode_value<Key>(in);
      value.insert_or_assign(value.end(), std::move(key), decode_value<Mapped>(in));
    }
    return value;
  }
  static std::uint64_t deep_size(const C& value) {
    std::uint64_t size = sizeof(C);
    for (const auto& [key, mapped] : value)
      size += 4 * sizeof(void*) + troupe::deep_size<Key>(key) + troupe::deep_size<Mapped>(mapped);
    return size;
  }
};

template <class C, class Element>
struct SetCodec : SequenceCodec<C, Element> {
  static C decode(Decoder& in) {
    C value;
    for (auto count = in.count_of(min_size<Element>()); count > 0; --count)
      value.insert(value.end(), decode_value<Element>(in));
    return value;
  }
};

}  // namespace detail

template <class T>
struct ValueCodec<std::vector<T>> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("vec<");
    detail::describe<T>(out);
    out.text(">");
  }
  static void encode(const std::vector<T>& value, Encoder& out) {
    if constexpr (detail::is_plain<T>)
      out.blob(value.data(), value.size() * sizeof(T));
    else
      detail::SequenceCodec<std::vector<T>, T>::encode(value, out);
  }
  static std::vector<T> decode(Decoder& in) {
    std::vector<T> value;
    if constexpr (detail::is_plain<T>) {
      const auto blob = in.blob();
      if (blob.size % sizeof(T) != 0) throw DecodeError("a vector is not a whole number of elements long");
      if (blob.buffer) in.copied(blob.size);
      value.resize(blob.size / sizeof(T));
      if (blob.size > 0) std::memcpy(static_cast<void*>(value.data()), blob.data, blob.size);
    } else {
      const auto count = in.count_of(detail::min_size<T>());
      value.reserve(detail::believable_reserve<T>(count, in));
      for (std::size_t i = 0; i < count; ++i) value.push_back(decode_value<T>(in));
    }
    return value;
  }
  static std::uint64_t deep_size(const std::vector<T>& value) {
    if constexpr (detail::is_plain<T>)
      return sizeof value + value.capacity() * sizeof(T);
    else
      return detail::SequenceCodec<std::vector<T>, T>::deep_size(value);
  }
};

/// Packed, eight to a byte, low bits first.
template <>
struct ValueCodec<std::vector<bool>> {
  static constexpr std::string_view type_name = "vec<bool>";
  static void encode(const std::vector<bool>& value, Encoder& out) {
    out.count(value.size());
    for (std::size_t i = 0; i < value.size() && !out.full(); i += 8) {
      std::uint8_t byte = 0;
      for (std::size_t bit = 0; bit < 8 && i + bit < value.size(); ++bit)
        byte = static_cast<std::uint8_t>(byte | static_cast<unsigned>(value[i + bit]) << bit);
      out.scalar(byte);
    }
  }
  static std::vector<bool> decode(Decoder& in) {
    const auto count = in.count();
    if (count / 8 > in.left()) throw DecodeError("a count is larger than what follows it");
    std::vector<bool> value(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < count; i += 8) {
      const auto byte = in.scalar<std::uint8_t>();
      for (std::size_t bit = 0; bit < 8 && i + bit < count; ++bit) value[i + bit] = (byte >> bit & 1) != 0;
    }
    return value;
  }
  static std::uint64_t deep_size(const std::vector<bool>& value) { return sizeof value + value.capacity() / 8; }
};

template <class T>
struct ValueCodec<std::deque<T>> : detail::SequenceCodec<std::deque<T>, T> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("deque<");
    detail::describe<T>(out);
    out.text(">");
  }
  static std::deque<T> decode(Decoder& in) {
    std::deque<T> value;
    for (auto count = in.count_of(detail::min_size<T>()); count > 0; --count) value.push_back(decode_value<T>(in));
    return value;
  }
};

template <class T, std::size_t N>
struct ValueCodec<std::array<T, N>> {
  static constexpr std::size_t min_size = N == 0 ? 1 : N * detail::min_size<T>();
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("array<");
    detail::describe<T>(out);
    out.text(",");
    char digits[20];
    std::size_t first = sizeof digits;
    std::size_t rest = N;
    do digits[--first] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) > 0);
    out.text({digits + first, sizeof digits - first});
    out.text(">");
  }
  static void encode(const std::array<T, N>& value, Encoder& out) {
    if constexpr (N == 0)
      out.scalar(std::uint8_t{0});
    else if constexpr (detail::is_plain<T>)
      out.raw(value.data(), sizeof value);
    else
      for (const auto& element : value) encode_value<T>(element, out);
  }
  static std::array<T, N> decode(Decoder& in) {
    if constexpr (N == 0) {
      in.raw(1);
      return {};
    } else if constexpr (detail::is_plain<T>) {
      std::array<T, N> value;
      std::memcpy(static_cast<void*>(value.data()), in.raw(sizeof value), sizeof value);
      return value;
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<T, N>{((void)I, decode_value<T>(in))...};
      }
      (std::make_index_sequence<N>{});
    }
  }
  static std::uint64_t deep_size(const std::array<T, N>& value) {
    std::uint64_t size = sizeof value - N * sizeof(T);
    for (const auto& element : value) size += troupe::deep_size<T>(element);
    return size;
  }
};

template <class K, class V>
struct ValueCodec<std::map<K, V>> : detail::MapCodec<std::map<K, V>, K, V> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("map<");
    detail::describe_list<K, V>(out);
    out.text(">");
  }
};

template <class K, class V>
struct ValueCodec<std::unordered_map<K, V>> : detail::MapCodec<std::unordered_map<K, V>, K, V> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("hashmap<");
    detail::describe_list<K, V>(out);
    out.text(">");
  }
};

template <class T>
struct ValueCodec<std::set<T>> : detail::SetCodec<std::set<T>, T> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("set<");
    detail::describe<T>(out);
    out.text(">");
  }
};

template <class T>
struct ValueCodec<std::unordered_set<T>> : detail::SetCodec<std::unordered_set<T>, T> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("hashset<");
    detail::describe<T>(out);
    out.text(">");
  }
};

template <class A, class B>
struct ValueCodec<std::pair<A, B>> {
  static constexpr std::size_t min_size = detail::min_size<A>() + detail::min_size<B>();
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("pair<");
    detail::describe_list<A, B>(out);
    out.text(">");
  }
  static void encode(const std::pair<A, B>& value, Encoder& out) {
    encode_value<A>(value.first, out);
    encode_value<B>(value.second, out);
  }
  static std::pair<A, B> decode(Decoder& in) { return {decode_value<A>(in), decode_value<B>(in)}; }
  static std::uint64_t deep_size(const std::pair<A, B>& value) {
    return sizeof value + troupe::deep_size<A>(value.first) - sizeof(A) + troupe::deep_size<B>(value.second) -
           sizeof(B);
  }
};

template <class... T>
struct ValueCodec<std::tuple<T...>> {
  static constexpr std::size_t min_size = sizeof...(T) == 0 ? 1 : (std::size_t{0} + ... + detail::min_size<T>());
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("tuple<");
    if constexpr (sizeof...(T) > 0) detail::describe_list<T...>(out);
    out.text(">");
  }
  static void encode(const std::tuple<T...>& value, Encoder& out) {
    if constexpr (sizeof...(T) == 0)
      out.scalar(std::uint8_t{0});
    else
      std::apply([&](const T&... element) { (encode_value<T>(element, out), ...); }, value);
  }
  static std::tuple<T...> decode(Decoder& in) {
    if constexpr (sizeof...(T) == 0) {
      in.raw(1);
      return {};
    } else {
      return std::tuple<T...>{decode_value<T>(in)...};  // braces: from left to right
    }
  }
  static std::uint64_t deep_size(const std::tuple<T...>& value) {
    std::uint64_t size = sizeof value;
    std::apply([&](const T&... element) { ((size += troupe::deep_size<T>(element) - sizeof(T)), ...); }, value);
    return size;
  }
};

template <class T>
struct ValueCodec<std::optional<T>> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("optional<");
    detail::describe<T>(out);
    out.text(">");
  }
  static void encode(const std::optional<T>& value, Encoder& out) {
    out.scalar(static_cast<std::uint8_t>(value.has_value()));
    if (value) encode_value<T>(*value, out);
  }
  static std::optional<T> decode(Decoder& in) {
    if (!decode_value<bool>(in)) return std::nullopt;
    return decode_value<T>(in);
  }
  static std::uint64_t deep_size(const std::optional<T>& value) {
    return sizeof value + (value ? troupe::deep_size<T>(*value) - sizeof(T) : 0);
  }
};

template <class... T>
requires(sizeof...(T) > 1 && sizeof...(T) < 256) struct ValueCodec<std::variant<T...>> {
  using Variant = std::variant<T...>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("variant<");
    detail::describe_list<T...>(out);
    out.text(">");
  }
  static void encode(const Variant& value, Encoder& out) {
    out.scalar(static_cast<std::uint8_t>(value.index()));
    std::visit([&]<class A>(const A& alternative) { encode_value<A>(alternative, out); }, value);
  }
  static Variant decode(Decoder& in) { return decode_alternative<0>(in.scalar<std::uint8_t>(), in); }
  static std::uint64_t deep_size(const Variant& value) {
    return std::visit([]<class A>(const A& a) { return sizeof(Variant) + troupe::deep_size<A>(a) - sizeof(A); }, value);
  }

private:
  template <std::size_t I>
  static Variant decode_alternative(std::size_t index, Decoder& in) {
    if constexpr (I == sizeof...(T)) {
      throw DecodeError("a variant has no such alternative");
    } else {
      if (index != I) return decode_alternative<I + 1>(index, in);
      return Variant(std::in_place_index<I>, decode_value<std::variant_alternative_t<I, Variant>>(in));
    }
  }
};

template <class T>
struct ValueCodec<Block<T>> {
  static_assert(detail::is_plain<T>, "Troupe: the elements of a Block must be numbers, or structs of them");
  static constexpr std::size_t min_size = 2;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("block<");
    detail::describe<T>(out);
    out.text(">");
  }
  static void encode(const Block<T>& value, Encoder& out) {
    encode_value(value.shape(), out);
    encode_value(value.buffer(), out);
  }
  static Block<T> decode(Decoder& in) {
    auto shape = decode_value<std::vector<std::int64_t>>(in);
    auto buffer = decode_value<Buffer>(in);
    std::uint64_t elements = 1;
    for (const auto extent : shape)
      if (extent < 0 || __builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements))
        throw DecodeError("a block has an impossible shape");
    if (buffer.size() % sizeof(T) != 0 || buffer.size() / sizeof(T) != elements)
      throw DecodeError("a block has more or fewer elements than its shape");
    return {std::move(shape), std::move(buffer)};
  }
  static std::uint64_t deep_size(const Block<T>& value) {
    return sizeof value + value.shape().size() * sizeof(std::int64_t) + value.buffer().size();
  }
};

}  // namespace troupe
