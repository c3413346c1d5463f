#include "collections/io/json.hpp"

#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

namespace troupe::io {
namespace {

constexpr std::size_t depth_max = 1000;

boost::json::parse_options options() {
  boost::json::parse_options result;
  result.max_depth = depth_max;
  return result;
}

bool all_finite(const Json& value) {
  if (const auto* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) {
    for (const auto& each : *array)
      if (!all_finite(each)) return false;
  } else if (const auto* object = value.if_object()) {
    for (const auto& each : *object)
      if (!all_finite(each.value())) return false;
  }
  return true;
}

}  // namespace

class JsonReader::State {
public:
  State(const TextBlock& block, const TextFormat& format) : lines(block, format), parser_({}, options()) {}

  bool next(Json& value) {
    for (std::string_view line; lines.next(line);) {
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
        ++empty;
        continue;
      }
      parser_.reset();
      boost::json::error_code error;
      const std::size_t at = parser_.write({line.data(), line.size()}, error);
      if (!error) {
        value = parser_.release();
        return true;
      }
      lines.reject(at, "malformed JSON: " + error.message());
    }
    return false;
  }

  LineReader lines;
  std::uint64_t empty{};

private:
  boost::json::parser parser_;
};

JsonReader::JsonReader(const TextBlock& block, const TextFormat& format)
    : state_(std::make_unique<State>(block, format)) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

bool JsonReader::next(Json& value) { return state_->next(value); }
void JsonReader::reject(const std::string& why) { state_->lines.reject(0, why); }

ReadCounts JsonReader::counts() const {
  auto counts = state_->lines.counts();
  counts.lines -= state_->empty;
  return counts;
}

ReadCounts read_json_lines(const TextBlock& block, const TextFormat& format,
                           const std::function<void(Json)>& on_value) {
  JsonReader reader(block, format);
  for (Json value; reader.next(value);) on_value(std::move(value));
  return reader.counts();
}

std::string json_line(const Json& value) {
  if (!all_finite(value))
    throw FileError(ErrorKind::invalid, "",
                    "the value has a number that JSON cannot say (infinite, or none); replace it");
  return boost::json::serialize(value);
}

}  // namespace troupe::io

namespace troupe {
namespace {

enum class JsonTag : std::uint8_t { null, no, yes, signed_number, unsigned_number, real, string, array, object };

std::string_view view_of(const Decoder::Blob& blob) {
  return {blob.size == 0 ? "" : reinterpret_cast<const char*>(blob.data), blob.size};
}

}  // namespace

using Codec = ValueCodec<boost::json::value>;

void Codec::encode(const boost::json::value& value, Encoder& out) {
  switch (value.kind()) {
    case boost::json::kind::null: return out.scalar(JsonTag::null);
    case boost::json::kind::bool_: return out.scalar(value.get_bool() ? JsonTag::yes : JsonTag::no);
    case boost::json::kind::int64: out.scalar(JsonTag::signed_number); return out.scalar(value.get_int64());
    case boost::json::kind::uint64: out.scalar(JsonTag::unsigned_number); return out.scalar(value.get_uint64());
    case boost::json::kind::double_: out.scalar(JsonTag::real); return out.scalar(value.get_double());
    case boost::json::kind::string:
      out.scalar(JsonTag::string);
      return out.blob(value.get_string().data(), value.get_string().size());
    case boost::json::kind::array:
      out.scalar(JsonTag::array);
      out.count(value.get_array().size());
      for (const auto& each : value.get_array()) encode(each, out);
      return;
    case boost::json::kind::object:
      out.scalar(JsonTag::object);
      out.count(value.get_object().size());
      for (const auto& each : value.get_object()) {
        out.blob(each.key().data(), each.key().size());
        encode(each.value(), out);
      }
      return;
  }
}

boost::json::value Codec::decode_nested(Decoder& in, unsigned depth) {
  if (depth > depth_max) throw DecodeError("a JSON value is nested too deeply");
  switch (in.scalar<JsonTag>()) {
    case JsonTag::null: return nullptr;
    case JsonTag::no: return false;
    case JsonTag::yes: return true;
    case JsonTag::signed_number: return in.scalar<std::int64_t>();
    case JsonTag::unsigned_number: return in.scalar<std::uint64_t>();
    case JsonTag::real: return in.scalar<double>();
    case JsonTag::string: {
      const auto text = view_of(in.blob());
      return boost::json::string(boost::json::string_view(text.data(), text.size()));
    }
    case JsonTag::array: {
      boost::json::array array;
      const std::size_t count = in.count_of(1);
      array.reserve(count);
      for (std::size_t i = 0; i < count; ++i) array.push_back(decode_nested(in, depth + 1));
      return array;
    }
    case JsonTag::object: {
      boost::json::object object;
      const std::size_t count = in.count_of(2);
      object.reserve(count);
      for (std::size_t i = 0; i < count; ++i) {
        const auto key = view_of(in.blob());
        object.insert_or_assign({key.data(), key.size()}, decode_nested(in, depth + 1));
      }
      return object;
    }
  }
  throw DecodeError("a JSON value of an unknown kind");
}

std::uint64_t Codec::deep_size(const boost::json::value& value) {
  std::uint64_t size = sizeof value;
  if (const auto* string = value.if_string()) return size + string->capacity();
  if (const auto* array = value.if_array())
    for (const auto& each : *array) size += deep_size(each);
  if (const auto* object = value.if_object())
    for (const auto& each : *object)
      size += each.key().size() + sizeof(boost::json::key_value_pair) + deep_size(each.value());
  return size;
}

}  // namespace troupe
