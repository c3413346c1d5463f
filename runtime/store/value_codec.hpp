#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/store/buffer.hpp"
#include "runtime/store/codec_stream.hpp"
#include "runtime/store/plain_type.hpp"
#include "runtime/store/type_description.hpp"

namespace troupe {

/// What a task without a result gives.
using Unit = std::monostate;

/// How values of type T become frames and come back. Codecs exist for arithmetic types, enumerations, strings, the
/// standard containers with default comparison, hash and allocator, pairs, tuples, optionals, variants, Buffer, Block
/// and structs described by TROUPE_FIELDS. For a type of another kind specialise it:
///
///   template <> struct troupe::ValueCodec<Image> {
///     static constexpr std::string_view type_name = "acme.Image";   // unique; another one for another encoding
///     static void encode(const Image& image, Encoder& out);         // at least one byte
///     static Image decode(Decoder& in);                             // throws DecodeError
///     static std::uint64_t deep_size(const Image& image);           // optional: bytes of memory in all
///   };
template <class T>
struct ValueCodec {};

template <class T>
concept Encodable = requires(const T& value, Encoder& out, Decoder& in) {
  ValueCodec<T>::encode(value, out);
  { ValueCodec<T>::decode(in) } -> std::convertible_to<T>;
};

namespace detail {

template <class T>
constexpr void require_codec() {
  static_assert(Encodable<T>,
                "Troupe: this type has no ValueCodec. For a struct write TROUPE_FIELDS(Type, member, ...) at global "
                "scope; for another type specialise troupe::ValueCodec<Type> (see runtime/store/value_codec.hpp).");
}

/// Least number of bytes that a T is encoded in; every encoding has at least one.
template <class T>
constexpr std::size_t min_size() {
  if constexpr (requires { ValueCodec<T>::min_size; })
    return ValueCodec<T>::min_size;
  else
    return 1;
}

}  // namespace detail

template <class T>
void encode_value(const T& value, Encoder& out) {
  detail::require_codec<T>();
  ValueCodec<T>::encode(value, out);
}

template <class T>
T decode_value(Decoder& in) {
  detail::require_codec<T>();
  return ValueCodec<T>::decode(in);
}

/// Bytes of memory that the value takes, with all it owns.
template <class T>
std::uint64_t deep_size(const T& value) {
  if constexpr (requires { ValueCodec<T>::deep_size(value); })
    return ValueCodec<T>::deep_size(value);
  else
    return sizeof(T);
}

namespace detail {

template <class T>
constexpr std::string_view scalar_name() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, char>) return "char";
  if constexpr (std::is_same_v<T, float>) return "f32";
  if constexpr (std::is_same_v<T, double>) return "f64";
  if constexpr (std::is_same_v<T, char8_t>) return "char8";
  if constexpr (std::is_same_v<T, char16_t>) return "char16";
  if constexpr (std::is_same_v<T, char32_t>) return "char32";
  constexpr std::string_view with_sign[] = {"i8", "i16", "", "i32", "", "", "", "i64"};
  constexpr std::string_view without[] = {"u8", "u16", "", "u32", "", "", "", "u64"};
  return (std::is_signed_v<T> ? with_sign : without)[sizeof(T) - 1];
}

template <class T>
concept Scalar = std::is_arithmetic_v<T> && !std::is_same_v<T, long double> && !std::is_same_v<T, wchar_t>;

}  // namespace detail

template <class T>
requires detail::Scalar<T>
struct ValueCodec<T> {
  static constexpr std::string_view type_name = detail::scalar_name<T>();
  static constexpr std::size_t min_size = sizeof(T);
  static void encode(T value, Encoder& out) { out.scalar(value); }
  static T decode(Decoder& in) {
    if constexpr (std::is_same_v<T, bool>) {
      const auto byte = in.scalar<std::uint8_t>();
      if (byte > 1) throw DecodeError("a bool is neither 0 nor 1");
      return byte == 1;
    } else {
      return in.scalar<T>();
    }
  }
};

template <class T>
requires std::is_enum_v<T>
struct ValueCodec<T> {
  using Underlying = std::underlying_type_t<T>;
  static constexpr std::size_t min_size = sizeof(T);
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("enum<");
    detail::describe<Underlying>(out);
    out.text(">");
  }
  static void encode(T value, Encoder& out) { encode_value(static_cast<Underlying>(value), out); }
  static T decode(Decoder& in) { return static_cast<T>(decode_value<Underlying>(in)); }
};

template <>
struct ValueCodec<Unit> {
  static constexpr std::string_view type_name = "unit";
  static void encode(Unit, Encoder& out) { out.scalar(std::uint8_t{0}); }
  static Unit decode(Decoder& in) {
    in.raw(1);
    return {};
  }
};

template <class T>
requires std::is_floating_point_v<T> && detail::Scalar<T>
struct ValueCodec<std::complex<T>> {
  static constexpr std::size_t min_size = 2 * sizeof(T);
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("complex<");
    detail::describe<T>(out);
    out.text(">");
  }
  static void encode(const std::complex<T>& value, Encoder& out) {
    out.scalar(value.real());
    out.scalar(value.imag());
  }
  static std::complex<T> decode(Decoder& in) {
    const auto real = in.scalar<T>();
    return {real, in.scalar<T>()};
  }
};

template <>
struct ValueCodec<std::string> {
  static constexpr std::string_view type_name = "string";
  static void encode(const std::string& value, Encoder& out) { out.blob(value.data(), value.size()); }
  static std::string decode(Decoder& in) {
    const auto blob = in.blob();
    if (blob.buffer) in.copied(blob.size);
    return blob.size == 0 ? std::string{} : std::string(reinterpret_cast<const char*>(blob.data), blob.size);
  }
  static std::uint64_t deep_size(const std::string& value) {
    return sizeof value + (value.capacity() > std::string{}.capacity() ? value.capacity() + 1 : 0);
  }
};

/// Adopted, not copied, when it comes as a buffer of its own with the right alignment.
template <>
struct ValueCodec<Buffer> {
  static constexpr std::string_view type_name = "buffer";
  static void encode(const Buffer& value, Encoder& out) { out.blob(value.bytes()); }
  static Buffer decode(Decoder& in) {
    const auto blob = in.blob();
    if (blob.buffer && reinterpret_cast<std::uintptr_t>(blob.data) % buffer_alignment == 0) return Buffer(*blob.buffer);
    if (blob.buffer) in.copied(blob.size);
    return Buffer::copy({blob.data, blob.size});
  }
  static std::uint64_t deep_size(const Buffer& value) { return sizeof value + value.size(); }
};

template <class T>
requires detail::HasFields<T>
struct ValueCodec<T> {
  template <std::size_t I>
  using Field = detail::field_type<T, I>;
  static constexpr std::size_t count = detail::field_count<T>;
  static_assert(std::is_default_constructible_v<T>, "Troupe: a struct with TROUPE_FIELDS needs a default constructor");

  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text(Fields<T>::name);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((out.text(I == 0 ? "{" : ","), out.text(Fields<T>::names[I]), out.text(":"), detail::describe<Field<I>>(out)),
       ...);
    }
    (std::make_index_sequence<count>{});
    out.text("}");
  }
  static constexpr std::size_t min_size = []<std::size_t... I>(std::index_sequence<I...>) {
    return (std::size_t{0} + ... + detail::min_size<Field<I>>());
  }
  (std::make_index_sequence<count>{});

  static void encode(const T& value, Encoder& out) {
    if constexpr (detail::is_plain<T>)
      out.raw(&value, sizeof value);
    else
      std::apply([&](auto... member) { (encode_value(value.*member, out), ...); }, Fields<T>::members);
  }
  static T decode(Decoder& in) {
    T value{};
    if constexpr (detail::is_plain<T>)
      std::memcpy(static_cast<void*>(&value), in.raw(sizeof value), sizeof value);
    else
      std::apply(
          [&](auto... member) {
            ((value.*member = decode_value<std::remove_cvref_t<decltype(value.*member)>>(in)), ...);
          },
          Fields<T>::members);
    return value;
  }
  static std::uint64_t deep_size(const T& value) {
    std::uint64_t size = sizeof value;
    std::apply([&](auto... member) { ((size += troupe::deep_size(value.*member) - sizeof(value.*member)), ...); },
               Fields<T>::members);
    return size;
  }
};

}  // namespace troupe
