#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "collections/io/json.hpp"

/// JSON as structs described by TROUPE_FIELDS, and back: members by name, also of nested structs; numbers, strings,
/// vectors, optionals and maps from strings. What an object has beside the members is passed over; a member that it has
/// not is an error, unless optional.
namespace troupe::io {

/// The JSON value is not what the type needs; says which part of it.
struct WrongShape : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
struct JsonShape;

template <class T>
concept Shaped = requires(const Json& json, const T& value) {
  { JsonShape<T>::from(json) } -> std::convertible_to<T>;
  { JsonShape<T>::to(value) } -> std::convertible_to<Json>;
};

/// Throws WrongShape.
template <Shaped T>
T from_json(const Json& json) {
  return JsonShape<T>::from(json);
}
template <Shaped T>
Json to_json(const T& value) {
  return JsonShape<T>::to(value);
}

/// As read_json_lines, of values of a type; a value of another shape goes by the format's `errors` as malformed JSON does.
template <Shaped T>
ReadCounts read_json_lines_as(const TextBlock& block, const TextFormat& format,
                              const std::function<void(T)>& on_value) {
  JsonReader reader(block, format);
  for (Json json; reader.next(json);) {
    std::optional<T> value;
    try {
      value = from_json<T>(json);
    } catch (const WrongShape& wrong) {
      reader.reject(wrong.what());
      continue;
    }
    on_value(std::move(*value));
  }
  return reader.counts();
}

namespace detail {

[[noreturn]] inline void wrong_shape(const std::string& what) { throw WrongShape(what); }

/// Reads a part; an error in it begins with its name.
template <class T>
T part_from(const std::string& name, const Json& json) {
  try {
    return JsonShape<T>::from(json);
  } catch (const WrongShape& wrong) {
    const std::string_view inner = wrong.what();
    throw WrongShape(name + (inner.starts_with('.') || inner.starts_with('[') ? "" : ": ") + std::string(inner));
  }
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class Map>
struct MapShape {
  static Map from(const Json& json) {
    const auto* object = json.if_object();
    if (object == nullptr) wrong_shape("is no object");
    Map map;
    for (const auto& each : *object) {
      std::string key(each.key());
      auto value = part_from<typename Map::mapped_type>("." + key, each.value());
      map.insert_or_assign(std::move(key), std::move(value));
    }
    return map;
  }
  static Json to(const Map& map) {
    boost::json::object object;
    for (const auto& [key, value] : map) object.insert_or_assign(key, to_json(value));
    return object;
  }
};

}  // namespace detail

template <>
struct JsonShape<Json> {
  static Json from(const Json& json) { return json; }
  static Json to(const Json& value) { return value; }
};

template <>
struct JsonShape<bool> {
  static bool from(const Json& json) {
    return json.is_bool() ? json.get_bool() : (detail::wrong_shape("is no bool"), false);
  }
  static Json to(bool value) { return value; }
};

template <std::integral T>
requires(!std::same_as<T, bool>) struct JsonShape<T> {
  static T from(const Json& json) {
    if (json.is_int64() && std::in_range<T>(json.get_int64())) return static_cast<T>(json.get_int64());
    if (json.is_uint64() && std::in_range<T>(json.get_uint64())) return static_cast<T>(json.get_uint64());
    detail::wrong_shape("is no whole number of " + std::to_string(8 * sizeof(T)) + " bits");
  }
  static Json to(T value) {
    if constexpr (std::is_signed_v<T>) return static_cast<std::int64_t>(value);
    return static_cast<std::uint64_t>(value);
  }
};

template <std::floating_point T>
struct JsonShape<T> {
  static T from(const Json& json) {
    return json.is_number() ? json.to_number<T>() : (detail::wrong_shape("is no number"), T{});
  }
  static Json to(T value) { return static_cast<double>(value); }
};

template <>
struct JsonShape<std::string> {
  static std::string from(const Json& json) {
    if (!json.is_string()) detail::wrong_shape("is no string");
    return std::string(json.get_string());
  }
  static Json to(const std::string& value) { return boost::json::string(value); }
};

template <class T>
struct JsonShape<std::optional<T>> {
  static std::optional<T> from(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return JsonShape<T>::from(json);
  }
  static Json to(const std::optional<T>& value) { return value ? to_json(*value) : Json(nullptr); }
};

template <class T>
struct JsonShape<std::vector<T>> {
  static std::vector<T> from(const Json& json) {
    const auto* array = json.if_array();
    if (array == nullptr) detail::wrong_shape("is no array");
    std::vector<T> values;
    values.reserve(array->size());
    for (const auto& each : *array)
      values.push_back(detail::part_from<T>("[" + std::to_string(values.size()) + "]", each));
    return values;
  }
  static Json to(const std::vector<T>& values) {
    boost::json::array array;
    array.reserve(values.size());
    for (const auto& each : values) array.push_back(to_json<T>(each));
    return array;
  }
};

template <class T>
struct JsonShape<std::map<std::string, T>> : detail::MapShape<std::map<std::string, T>> {};
template <class T>
struct JsonShape<std::unordered_map<std::string, T>> : detail::MapShape<std::unordered_map<std::string, T>> {};

template <troupe::detail::HasFields T>
struct JsonShape<T> {
  template <std::size_t I>
  using Field = troupe::detail::field_type<T, I>;
  using Indices = std::make_index_sequence<troupe::detail::field_count<T>>;

  static T from(const Json& json) {
    const auto* object = json.if_object();
    if (object == nullptr) detail::wrong_shape("is no object");
    T value{};
    [&]<std::size_t... I>(std::index_sequence<I...>) { (read<I>(*object, value), ...); }
    (Indices{});
    return value;
  }
  static Json to(const T& value) {
    boost::json::object object;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (object.insert_or_assign(Fields<T>::names[I], to_json(value.*std::get<I>(Fields<T>::members))), ...);
    }
    (Indices{});
    return object;
  }

private:
  template <std::size_t I>
  static void read(const boost::json::object& object, T& value) {
    constexpr std::string_view name = Fields<T>::names[I];
    const auto* found = object.if_contains({name.data(), name.size()});
    if (found != nullptr)
      value.*std::get<I>(Fields<T>::members) = detail::part_from<Field<I>>("." + std::string(name), *found);
    else if constexpr (!detail::is_optional<Field<I>>)
      detail::wrong_shape("has no " + std::string(name));
  }
};

}  // namespace troupe::io
