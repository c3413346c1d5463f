#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "collections/io/text.hpp"
#include "runtime/store/value_codec.hpp"

namespace troupe::io {

using Json = boost::json::value;

/// JSON values of one block, one a line, one after the other; empty lines are passed over. What is no JSON is thrown as
/// FileError, or skipped and counted, as the format's `errors` has it. On one thread.
class JsonReader {
public:
  JsonReader(const TextBlock& block, const TextFormat& format);
  ~JsonReader();
  JsonReader(JsonReader&&) noexcept;
  JsonReader& operator=(JsonReader&&) noexcept;

  /// False: there is no other.
  bool next(Json& value);
  /// The value read last cannot be used: throws, or counts it, as the format's `errors` has it.
  void reject(const std::string& why);
  /// `lines` are the values handed out.
  [[nodiscard]] ReadCounts counts() const;

private:
  class State;
  std::unique_ptr<State> state_;
};

ReadCounts read_json_lines(const TextBlock& block, const TextFormat& format, const std::function<void(Json)>& on_value);

/// The value as a line for LineWriter. Throws FileError: it has a number that JSON has not (infinite, or none).
std::string json_line(const Json& value);

}  // namespace troupe::io

/// So that JSON values may be results and arguments of tasks.
template <>
struct troupe::ValueCodec<boost::json::value> {
  static constexpr std::string_view type_name = "json";
  static void encode(const boost::json::value& value, Encoder& out);
  static boost::json::value decode(Decoder& in) { return decode_nested(in, 0); }
  static std::uint64_t deep_size(const boost::json::value& value);

private:
  static constexpr unsigned depth_max = 1000;
  static boost::json::value decode_nested(Decoder& in, unsigned depth);
};
