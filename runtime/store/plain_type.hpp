#pragma once

#include <array>
#include <complex>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/store/for_each.hpp"

namespace troupe {

/// Which members a struct has; specialised by TROUPE_FIELDS.
template <class T>
struct Fields {};

}  // namespace troupe

/// Says which members make up a struct, in the order of their declaration:
///   TROUPE_FIELDS(geo::Point, x, y)
/// At global scope, with the struct's full name; that name, the members' names and types make its fingerprint.
/// The struct must have a default constructor.
#define TROUPE_FIELDS(Type, ...)                                                                                     \
  template <>                                                                                                        \
  struct troupe::Fields<Type> {                                                                                      \
    static constexpr std::string_view name = #Type;                                                                  \
    static constexpr auto members = std::make_tuple(TROUPE_FOR_EACH_COMMA(TROUPE_FIELD_POINTER, Type, __VA_ARGS__)); \
    static constexpr std::string_view names[] = {TROUPE_FOR_EACH_COMMA(TROUPE_FIELD_NAME, Type, __VA_ARGS__)};       \
    template <class T>                                                                                               \
    static constexpr std::size_t offset(std::size_t field) {                                                         \
      const std::size_t offsets[] = {TROUPE_FOR_EACH_COMMA(TROUPE_FIELD_OFFSET, T, __VA_ARGS__)};                    \
      return offsets[field];                                                                                         \
    }                                                                                                                \
  };
#define TROUPE_FIELD_POINTER(Type, field) &Type::field
#define TROUPE_FIELD_NAME(Type, field) #field
#define TROUPE_FIELD_OFFSET(Type, field) offsetof(Type, field)

namespace troupe::detail {

template <class T>
concept HasFields = requires {
  Fields<T>::members;
};

template <class T>
inline constexpr std::size_t field_count = std::tuple_size_v<std::remove_cvref_t<decltype(Fields<T>::members)>>;

template <class Member>
struct member_type;
template <class T, class M>
struct member_type<M T::*> {
  using type = M;
};
template <class T, std::size_t I>
using field_type =
    typename member_type<std::tuple_element_t<I, std::remove_cvref_t<decltype(Fields<T>::members)>>>::type;

/// The fields of T, in the order listed, fill its memory: no padding, nothing left out.
template <class T, std::size_t... I>
constexpr bool fields_fill(std::index_sequence<I...>) {
  if ((sizeof(field_type<T, I>) + ...) != sizeof(T)) return false;
  const std::size_t offsets[] = {Fields<T>::template offset<T>(I)...};
  for (std::size_t i = 1; i < sizeof...(I); ++i)
    if (offsets[i - 1] >= offsets[i]) return false;
  return true;
}

template <class T>
struct plain_array : std::false_type {};
template <class T>
struct plain_complex : std::false_type {};
template <class T>
struct plain_complex<std::complex<T>> : std::is_floating_point<T> {};

template <class T>
constexpr bool compute_plain();

template <class T, std::size_t N>
struct plain_array<std::array<T, N>> : std::bool_constant<(N > 0) && compute_plain<T>()> {};

template <class T, std::size_t... I>
constexpr bool plain_fields(std::index_sequence<I...> indices) {
  if constexpr ((compute_plain<field_type<T, I>>() && ...))
    return fields_fill<T>(indices);
  else
    return false;
}

template <class T>
constexpr bool compute_plain() {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, long double>)
    return false;
  else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
    return true;
  else if constexpr (HasFields<T>) {
    if constexpr (std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>)
      return plain_fields<T>(std::make_index_sequence<field_count<T>>{});
    else
      return false;
  } else {
    return plain_array<T>::value || plain_complex<T>::value;
  }
}

/// The memory of a T is its encoding: every pattern of its bits is a value, and there is no padding.
template <class T>
inline constexpr bool is_plain = compute_plain<T>();

}  // namespace troupe::detail
