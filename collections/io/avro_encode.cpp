#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "collections/io/avro_schema.hpp"

namespace troupe::io {
namespace {

using Kind = AvroNode::Kind;

std::string_view view_of(const boost::json::string& text) { return {text.data(), text.size()}; }

/// Appends one value; `where` is the part of it that is being written. `exact`: whole numbers do not pass for others.
class AvroEncoder {
public:
  explicit AvroEncoder(std::string& out) : out_(out) {}

  void append(const AvroNode& node, const Json& value) {
    switch (node.kind) {
      case Kind::null: return require(value.is_null(), node, value);
      case Kind::boolean:
        require(value.is_bool(), node, value);
        out_ += value.get_bool() ? '\1' : '\0';
        return;
      case Kind::int32:
      case Kind::int64:
        require(fits(node, value, true), node, value);
        return append_avro_number(value.is_int64() ? value.get_int64() : static_cast<std::int64_t>(value.get_uint64()),
                                  out_);
      case Kind::float32: require(value.is_number(), node, value); return append_plain(value.to_number<float>());
      case Kind::float64: require(value.is_number(), node, value); return append_plain(value.to_number<double>());
      case Kind::string: require(value.is_string(), node, value); return append_sized(view_of(value.get_string()));
      case Kind::bytes:
      case Kind::fixed: return append_bytes(node, value);
      case Kind::enumeration: return append_symbol(node, value);
      case Kind::array: return append_array(node, value);
      case Kind::map: return append_map(node, value);
      case Kind::choice: return append_branch(node, value);
      case Kind::record: return append_record(node, value);
    }
  }

private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw BadDatum(where_.empty() ? why : fmt::format("{}: {}", where_, why));
  }
  void require(bool good, const AvroNode& node, const Json& value) const {
    if (good) return;
    auto text = boost::json::serialize(value);
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    refuse(fmt::format("{} is no {}", text, node.name));
  }

  /// Whether the value can be written as this type, all of its parts too.
  static bool fits(const AvroNode& node, const Json& value, bool exact) {
    switch (node.kind) {
      case Kind::null: return value.is_null();
      case Kind::boolean: return value.is_bool();
      case Kind::int32: return value.is_int64() && value.get_int64() == static_cast<std::int32_t>(value.get_int64());
      case Kind::int64:
        return value.is_int64() ||
               (value.is_uint64() && value.get_uint64() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()});
      case Kind::float32:
      case Kind::float64: return exact ? value.is_double() : value.is_number();
      case Kind::string: return value.is_string();
      case Kind::bytes:
      case Kind::fixed: {
        std::string bytes;
        return value.is_string() && take_avro_bytes(view_of(value.get_string()), bytes) &&
               (node.kind == Kind::bytes || bytes.size() == node.size);
      }
      case Kind::enumeration: return value.is_string() && symbol(node, view_of(value.get_string())) < node.names.size();
      case Kind::array:
        if (!value.is_array()) return false;
        for (const auto& each : value.get_array())
          if (!fits(*node.parts[0], each, exact)) return false;
        return true;
      case Kind::map:
        if (!value.is_object()) return false;
        for (const auto& each : value.get_object())
          if (!fits(*node.parts[0], each.value(), exact)) return false;
        return true;
      case Kind::choice:
        for (const auto* branch : node.parts)
          if (fits(*branch, value, exact)) return true;
        return false;
      case Kind::record: return record_fits(node, value, exact);
    }
    return false;
  }

  static bool record_fits(const AvroNode& node, const Json& value, bool exact) {
    if (!value.is_object()) return false;
    std::size_t found = 0;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const auto* field = value.get_object().if_contains(node.names[i]);
      if (field != nullptr) ++found;
      if (!fits(*node.parts[i], field != nullptr ? *field : Json(nullptr), exact)) return false;
    }
    return found == value.get_object().size();
  }

  static std::size_t symbol(const AvroNode& node, std::string_view name) {
    std::size_t i = 0;
    while (i < node.names.size() && node.names[i] != name) ++i;
    return i;
  }

  template <class T>
  void append_plain(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof value);
  }
  void append_sized(std::string_view bytes) {
    append_avro_number(static_cast<std::int64_t>(bytes.size()), out_);
    out_ += bytes;
  }

  void append_bytes(const AvroNode& node, const Json& value) {
    require(value.is_string(), node, value);
    std::string bytes;
    if (!take_avro_bytes(view_of(value.get_string()), bytes)) refuse("a character beyond U+00FF is no byte");
    if (node.kind == Kind::bytes) return append_sized(bytes);
    if (bytes.size() != node.size)
      refuse(fmt::format("{} bytes for {}, which has {}", bytes.size(), node.name, node.size));
    out_ += bytes;
  }

  void append_symbol(const AvroNode& node, const Json& value) {
    require(value.is_string(), node, value);
    const std::size_t index = symbol(node, view_of(value.get_string()));
    require(index < node.names.size(), node, value);
    append_avro_number(static_cast<std::int64_t>(index), out_);
  }

  void append_array(const AvroNode& node, const Json& value) {
    require(value.is_array(), node, value);
    const auto& array = value.get_array();
    if (!array.empty()) append_avro_number(static_cast<std::int64_t>(array.size()), out_);
    for (std::size_t i = 0; i < array.size(); ++i) append_part(fmt::format("[{}]", i), *node.parts[0], array[i]);
    append_avro_number(0, out_);
  }

  void append_map(const AvroNode& node, const Json& value) {
    require(value.is_object(), node, value);
    const auto& object = value.get_object();
    if (!object.empty()) append_avro_number(static_cast<std::int64_t>(object.size()), out_);
    for (const auto& each : object) {
      const std::string_view key(each.key().data(), each.key().size());
      append_sized(key);
      append_part(fmt::format(".{}", key), *node.parts[0], each.value());
    }
    append_avro_number(0, out_);
  }

  void append_branch(const AvroNode& node, const Json& value) {
    for (const bool exact : {true, false})
      for (std::size_t i = 0; i < node.parts.size(); ++i)
        if (fits(*node.parts[i], value, exact)) {
          append_avro_number(static_cast<std::int64_t>(i), out_);
          return append(*node.parts[i], value);
        }
    std::string names;
    for (const auto* branch : node.parts) names += (names.empty() ? "" : " or ") + branch->name;
    AvroNode any;
    any.name = names;
    require(false, any, value);
  }

  void append_record(const AvroNode& node, const Json& value) {
    require(value.is_object(), node, value);
    const auto& object = value.get_object();
    std::size_t found = 0;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const auto* field = object.if_contains(node.names[i]);
      if (field != nullptr) ++found;
      if (field == nullptr && !fits(*node.parts[i], nullptr, true))
        refuse(fmt::format("{} has no {}", node.name, node.names[i]));
      append_part("." + node.names[i], *node.parts[i], field != nullptr ? *field : Json(nullptr));
    }
    if (found == object.size()) return;
    for (const auto& each : object)
      if (const std::string key = each.key(); symbol(node, key) == node.names.size())
        refuse(fmt::format("{} is not in the schema of {}", key, node.name));
  }

  void append_part(const std::string& name, const AvroNode& node, const Json& value) {
    const std::size_t size = where_.size();
    where_ += name;
    append(node, value);
    where_.resize(size);
  }

  std::string& out_;
  std::string where_;
};

}  // namespace

void append_avro(const AvroNode& node, const Json& value, std::string& out) {
  const std::size_t size = out.size();
  try {
    AvroEncoder(out).append(node, value);
  } catch (const BadDatum&) {
    out.resize(size);
    throw;
  }
}

bool take_avro_bytes(std::string_view text, std::string& bytes) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
      continue;
    }
    if ((first != 0xC2 && first != 0xC3) || i + 1 == text.size()) return false;
    bytes += static_cast<char>((first & 3U) << 6U | (static_cast<unsigned char>(text[++i]) & 0x3FU));
  }
  return true;
}

void append_avro_number(std::int64_t number, std::string& out) {
  auto value = static_cast<std::uint64_t>(number) << 1U ^ static_cast<std::uint64_t>(number >> 63U);
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

}  // namespace troupe::io
