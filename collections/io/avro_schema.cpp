#include "collections/io/avro_schema.hpp"

#include <avro.h>
#include <unordered_map>

#include <fmt/format.h>

namespace troupe::io {
namespace {

using Kind = AvroNode::Kind;

struct Release {
  void operator()(avro_obj_t* schema) const { ::avro_schema_decref(schema); }
};
using Schema = std::unique_ptr<avro_obj_t, Release>;

constexpr std::int64_t fixed_bytes_max = std::int64_t{1} << 30;

/// Makes our nodes of the library's; a type that names another is that other.
class Compiler {
public:
  explicit Compiler(std::vector<std::unique_ptr<AvroNode>>& nodes) : nodes_(nodes) {}

  const AvroNode* compile(avro_schema_t schema) {
    if (avro_typeof(schema) == AVRO_LINK) return compile(::avro_schema_link_target(schema));
    if (const auto known = made_.find(schema); known != made_.end()) return known->second;
    nodes_.push_back(std::make_unique<AvroNode>());
    AvroNode& node = *nodes_.back();
    made_[schema] = &node;
    if (const char* name = ::avro_schema_type_name(schema)) node.name = name;
    fill(node, schema);
    return &node;
  }

private:
  void fill(AvroNode& node, avro_schema_t schema) {
    switch (avro_typeof(schema)) {
      case AVRO_NULL: node.kind = Kind::null; return;
      case AVRO_BOOLEAN: node.kind = Kind::boolean; return;
      case AVRO_INT32: node.kind = Kind::int32; return;
      case AVRO_INT64: node.kind = Kind::int64; return;
      case AVRO_FLOAT: node.kind = Kind::float32; return;
      case AVRO_DOUBLE: node.kind = Kind::float64; return;
      case AVRO_BYTES: node.kind = Kind::bytes; return;
      case AVRO_STRING: node.kind = Kind::string; return;
      case AVRO_FIXED: fill_fixed(node, schema); return;
      case AVRO_ENUM:
        node.kind = Kind::enumeration;
        for (int i = 0; i < ::avro_schema_enum_number_of_symbols(schema); ++i)
          node.names.emplace_back(::avro_schema_enum_get(schema, i));
        return;
      case AVRO_ARRAY:
        node.kind = Kind::array;
        node.parts.push_back(compile(::avro_schema_array_items(schema)));
        return;
      case AVRO_MAP:
        node.kind = Kind::map;
        node.parts.push_back(compile(::avro_schema_map_values(schema)));
        return;
      case AVRO_UNION:
        node.kind = Kind::choice;
        for (std::size_t i = 0; i < ::avro_schema_union_size(schema); ++i)
          node.parts.push_back(compile(::avro_schema_union_branch(schema, static_cast<int>(i))));
        return;
      case AVRO_RECORD:
        node.kind = Kind::record;
        for (std::size_t i = 0; i < ::avro_schema_record_size(schema); ++i) {
          node.names.emplace_back(::avro_schema_record_field_name(schema, static_cast<int>(i)));
          node.parts.push_back(compile(::avro_schema_record_field_get_by_index(schema, static_cast<int>(i))));
        }
        return;
      default: throw FileError(ErrorKind::unsupported, "", "Avro schema: a type that is not known here");
    }
  }

  static void fill_fixed(AvroNode& node, avro_schema_t schema) {
    const std::int64_t size = ::avro_schema_fixed_size(schema);
    if (size < 0 || size > fixed_bytes_max)
      throw FileError(ErrorKind::invalid, "", fmt::format("Avro schema: {} of {} bytes", node.name, size));
    node.kind = Kind::fixed;
    node.size = static_cast<std::size_t>(size);
  }

  std::vector<std::unique_ptr<AvroNode>>& nodes_;
  std::unordered_map<avro_schema_t, const AvroNode*> made_;
};

}  // namespace

AvroSchema::AvroSchema(std::string json) : json_(std::move(json)) {
  avro_schema_t parsed = nullptr;
  if (::avro_schema_from_json_length(json_.data(), json_.size(), &parsed) != 0)
    throw FileError(ErrorKind::invalid, "", fmt::format("no Avro schema: {}", ::avro_strerror()));
  const Schema schema(parsed);
  root_ = Compiler(nodes_).compile(parsed);
}

}  // namespace troupe::io
