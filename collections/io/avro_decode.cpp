#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "collections/io/avro_schema.hpp"
#include "collections/io/encoding.hpp"

namespace troupe::io {
namespace {

using Kind = AvroNode::Kind;

boost::json::string json_string(std::string_view text) {
  return boost::json::string(boost::json::string_view(text.data(), text.size()));
}

/// Bytes as a string with one character a byte, as Avro's own JSON encoding has them.
boost::json::string characters_of(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) text += static_cast<char>(0xC0U | byte >> 6U);
    text += static_cast<char>(byte < 0x80 ? byte : 0x80U | (byte & 0x3FU));
  }
  return json_string(text);
}

}  // namespace

Json AvroDecoder::next() { return decode(root_, 0); }

Json AvroDecoder::decode(const AvroNode& node, unsigned depth) {
  if (depth > depth_max) throw BadDatum("nested too deeply");
  switch (node.kind) {
    case Kind::null: return nullptr;
    case Kind::boolean: {
      const char byte = bytes(1)[0];
      if (byte != 0 && byte != 1) throw BadDatum("a boolean is neither 0 nor 1");
      return byte == 1;
    }
    case Kind::int32: {
      const auto value = number();
      if (value != static_cast<std::int32_t>(value)) throw BadDatum("an int has more than 32 bits");
      return value;
    }
    case Kind::int64: return number();
    case Kind::float32: return static_cast<double>(plain<float>());
    case Kind::float64: return plain<double>();
    case Kind::bytes: return characters_of(sized());
    case Kind::string: return json_string(text());
    case Kind::fixed: return characters_of(bytes(node.size));
    case Kind::enumeration: return json_string(node.names[index_below(node.names.size(), "a symbol")]);
    case Kind::array: return decode_array(node, depth);
    case Kind::map: return decode_map(node, depth);
    case Kind::choice: return decode(*node.parts[index_below(node.parts.size(), "a branch")], depth + 1);
    case Kind::record: {
      boost::json::object object;
      object.reserve(node.parts.size());
      for (std::size_t i = 0; i < node.parts.size(); ++i)
        object.insert_or_assign(node.names[i], decode(*node.parts[i], depth + 1));
      return object;
    }
  }
  throw BadDatum("a type that is not known here");
}

Json AvroDecoder::decode_array(const AvroNode& node, unsigned depth) {
  boost::json::array array;
  while (std::size_t items = items_of_run())
    for (; items > 0; --items) array.push_back(decode(*node.parts[0], depth + 1));
  return array;
}

Json AvroDecoder::decode_map(const AvroNode& node, unsigned depth) {
  boost::json::object object;
  while (std::size_t items = items_of_run())
    for (; items > 0; --items) {
      const auto key = text();
      object.insert_or_assign({key.data(), key.size()}, decode(*node.parts[0], depth + 1));
    }
  return object;
}

/// Items come in runs; one of none is the last. A negative count is followed by how many bytes they take.
std::size_t AvroDecoder::items_of_run() {
  auto count = number();
  if (count < 0) {
    if (count == std::numeric_limits<std::int64_t>::min()) throw BadDatum("more items than there is room for");
    count = -count;
    number();
  }
  if (static_cast<std::uint64_t>(count) > items_left_) throw BadDatum("more items than there is room for");
  items_left_ -= static_cast<std::size_t>(count);
  return static_cast<std::size_t>(count);
}

std::int64_t AvroDecoder::number() {
  auto rest = block_.substr(at_);
  std::int64_t value = 0;
  if (!take_avro_number(rest, value)) throw BadDatum("a number that is not whole, or has more than 64 bits");
  at_ = block_.size() - rest.size();
  return value;
}

std::size_t AvroDecoder::index_below(std::size_t limit, const char* what) {
  const auto index = number();
  if (index < 0 || static_cast<std::uint64_t>(index) >= limit)
    throw BadDatum(fmt::format("{} that the schema has not ({} of {})", what, index, limit));
  return static_cast<std::size_t>(index);
}

std::string_view AvroDecoder::bytes(std::uint64_t size) {
  if (size > bytes_left()) throw BadDatum("more bytes than there are");
  const auto result = block_.substr(at_, static_cast<std::size_t>(size));
  at_ += result.size();
  return result;
}

std::string_view AvroDecoder::sized() {
  const auto size = number();
  if (size < 0) throw BadDatum("a negative length");
  return bytes(static_cast<std::uint64_t>(size));
}

std::string_view AvroDecoder::text() {
  const auto result = sized();
  if (!is_utf8(result)) throw BadDatum("a string that is not UTF-8");
  return result;
}

template <class T>
T AvroDecoder::plain() {
  T value;
  std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
  return value;
}

bool take_avro_number(std::string_view& bytes, std::int64_t& number) {
  std::uint64_t value = 0;
  for (unsigned at = 0; at < bytes.size() && at < 10; ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (at == 9 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7FU} << 7 * at;
    if (byte >= 0x80) continue;
    number = static_cast<std::int64_t>(value >> 1U ^ (~(value & 1U) + 1));
    bytes.remove_prefix(at + 1);
    return true;
  }
  return false;
}

}  // namespace troupe::io
