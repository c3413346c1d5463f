#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Names and fingerprints of value types, made by the compiler from one canonical text a type, such as
/// "map<string,vec<f64>>". They depend on nothing but that text, so that two processes, built by two compilers, or
/// written in two languages, agree on them.
namespace troupe {

template <class T>
struct ValueCodec;

namespace detail {

/// Where a codec describes its type: counts the characters.
struct TextLength {
  std::size_t length{};
  constexpr void text(std::string_view part) { length += part.size(); }
};

/// Where a codec describes its type: keeps the characters. One more than `N` for the closing zero.
template <std::size_t N>
struct TextBuffer {
  std::array<char, N + 1> data{};
  std::size_t length{};
  constexpr void text(std::string_view part) {
    for (char c : part) data[length++] = c;
  }
  [[nodiscard]] constexpr std::string_view view() const { return {data.data(), length}; }
};

/// 64-bit FNV-1a.
struct TextHash {
  std::uint64_t value{0xcbf29ce484222325ULL};
  constexpr void text(std::string_view part) {
    for (char c : part) {
      value ^= static_cast<unsigned char>(c);
      value *= 0x100000001b3ULL;
    }
  }
};

template <class T, class Sink>
constexpr void describe(Sink& out) {
  if constexpr (requires { std::string_view{ValueCodec<T>::type_name}; })
    out.text(ValueCodec<T>::type_name);
  else if constexpr (requires { ValueCodec<T>::describe(out); })
    ValueCodec<T>::describe(out);
  else
    static_assert(sizeof(T) == 0,
                  "Troupe: this type has no ValueCodec. For a struct write TROUPE_FIELDS(Type, member, ...) at global "
                  "scope; for another type specialise troupe::ValueCodec<Type> (see runtime/store/value_codec.hpp).");
}

/// "a,b,c" for a list of types.
template <class First, class... Rest, class Sink>
constexpr void describe_list(Sink& out) {
  describe<First>(out);
  ((out.text(","), describe<Rest>(out)), ...);
}

template <class T>
inline constexpr auto type_text = [] {
  constexpr std::size_t length = [] {
    TextLength sink;
    describe<T>(sink);
    return sink.length;
  }();
  TextBuffer<length> sink;
  describe<T>(sink);
  return sink;
}();

constexpr std::uint64_t fingerprint_of_text(std::string_view text) {
  TextHash hash;
  hash.text(text);
  return hash.value == 0 ? 1 : hash.value;
}

}  // namespace detail

/// The canonical text of a value type, for people and for its fingerprint.
template <class T>
constexpr std::string_view type_name() {
  return detail::type_text<T>.view();
}

/// 64 bits that stand for a value type in frames. Never 0.
template <class T>
constexpr std::uint64_t type_fingerprint() {
  constexpr std::uint64_t value = detail::fingerprint_of_text(type_name<T>());
  return value;
}

}  // namespace troupe
