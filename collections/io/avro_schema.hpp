#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collections/io/json.hpp"

namespace troupe::io {

/// What a value of a schema is made of. Names are resolved: a recursive schema is a graph with cycles.
struct AvroNode {
  enum class Kind : std::uint8_t {
    null,
    boolean,
    int32,
    int64,
    float32,
    float64,
    bytes,
    string,
    fixed,
    enumeration,
    array,
    map,
    choice,
    record,
  };
  Kind kind{Kind::null};
  std::string name;                    ///< of the type
  std::vector<const AvroNode*> parts;  ///< items, values, branches or fields
  std::vector<std::string> names;      ///< symbols, or names of fields
  std::size_t size{};                  ///< of fixed
};

/// A schema, parsed and checked by the Avro library. Never changes; may be shared by threads.
class AvroSchema {
public:
  /// Throws FileError: it is none.
  explicit AvroSchema(std::string json);

  [[nodiscard]] const std::string& json() const { return json_; }
  [[nodiscard]] const AvroNode& root() const { return *root_; }

private:
  std::string json_;
  std::vector<std::unique_ptr<AvroNode>> nodes_;
  const AvroNode* root_{};
};

/// Bytes that are no value of the schema.
struct BadDatum : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Takes values from the front of a block, one after the other. Trusts no count, length or depth that the bytes claim.
class AvroDecoder {
public:
  AvroDecoder(const AvroNode& root, std::string_view block)
      : root_(root), block_(block), items_left_(block.size() + empty_items_max) {}

  /// Throws BadDatum; what follows then cannot be read either.
  Json next();
  [[nodiscard]] std::size_t bytes_left() const { return block_.size() - at_; }

  /// Items may take no bytes at all: so many of them are believed.
  static constexpr std::size_t empty_items_max = 1'000'000;
  static constexpr unsigned depth_max = 500;

private:
  Json decode(const AvroNode& node, unsigned depth);
  Json decode_array(const AvroNode& node, unsigned depth);
  Json decode_map(const AvroNode& node, unsigned depth);
  std::size_t items_of_run();
  std::int64_t number();
  std::size_t index_below(std::size_t limit, const char* what);
  std::string_view bytes(std::uint64_t size);
  std::string_view sized();
  std::string_view text();
  template <class T>
  T plain();

  const AvroNode& root_;
  std::string_view block_;
  std::size_t at_{};
  std::size_t items_left_;
};

/// Appends the value as the schema has it. Throws BadDatum that names the part which does not fit.
void append_avro(const AvroNode& node, const Json& value, std::string& out);
/// A number as Avro writes it: zigzag, 7 bits a byte.
void append_avro_number(std::int64_t number, std::string& out);
/// Takes one from the front. False: it is not whole, or has more than 64 bits.
bool take_avro_number(std::string_view& bytes, std::int64_t& number);
/// What a JSON string with one character a byte stands for. False: a character is no byte.
bool take_avro_bytes(std::string_view characters, std::string& bytes);

}  // namespace troupe::io
