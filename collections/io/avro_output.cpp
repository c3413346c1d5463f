#include <optional>
#include <random>

#include <fmt/format.h>

#include "collections/io/avro_codec.hpp"
#include "collections/io/avro_schema.hpp"
#include "collections/io/output.hpp"

namespace troupe::io {
namespace {

std::string drawn_marker() {
  std::random_device chance;
  std::string marker;
  while (marker.size() < avro_sync_bytes) marker += static_cast<char>(chance());
  return marker;
}

AvroSchema schema_for(const std::string& path, const AvroFormat& format) {
  try {
    return AvroSchema(format.schema);
  } catch (const FileError& error) {
    throw FileError(error.kind(), path, error.what());
  }
}

void append_entry(std::string_view key, std::string_view value, std::string& out) {
  for (const auto text : {key, value}) {
    append_avro_number(static_cast<std::int64_t>(text.size()), out);
    out += text;
  }
}

}  // namespace

class AvroWriter::State {
public:
  State(const std::string& path, const AvroFormat& format)
      : format_(format), schema_(schema_for(path, format)), marker_(drawn_marker()), file_(path, Compression::none) {
    std::string header(avro_magic);
    append_avro_number(static_cast<std::int64_t>(format_.metadata.size() + 2), header);
    append_entry("avro.schema", schema_.json(), header);
    append_entry("avro.codec", name_of(format_.codec), header);
    for (const auto& [key, value] : format_.metadata) {
      if (key.starts_with("avro."))
        throw FileError(ErrorKind::invalid, path,
                        fmt::format("metadata '{}': names with avro. are the format's own", key));
      append_entry(key, value, header);
    }
    append_avro_number(0, header);
    file_.write(header + marker_);
  }

  void write(const Json& value) {
    try {
      append_avro(schema_.root(), value, block_);
    } catch (const BadDatum& bad) {
      if (format_.errors != Errors::skip)
        throw FileError(ErrorKind::invalid, file_.path(),
                        fmt::format("value {}: {}; mend it or the schema, or choose errors=skip",
                                    counts_.lines + counts_.bad_lines + 1, bad.what()));
      ++counts_.bad_lines;
      return;
    }
    ++counts_.lines;
    ++in_block_;
    // Values may take no bytes, and readers do not believe in more of these.
    if (block_.size() >= format_.block_bytes || in_block_ == AvroDecoder::empty_items_max) flush();
  }

  WriteCounts finish() {
    flush();
    file_.finish();
    return counts_;
  }

private:
  void flush() {
    if (in_block_ == 0) return;
    const std::string packed = pack_avro(format_.codec, block_);
    std::string head;
    append_avro_number(static_cast<std::int64_t>(in_block_), head);
    append_avro_number(static_cast<std::int64_t>(packed.size()), head);
    file_.write(head);
    file_.write(packed);
    file_.write(marker_);
    block_.clear();
    in_block_ = 0;
  }

  AvroFormat format_;
  AvroSchema schema_;
  std::string marker_;
  OutputFile file_;
  std::string block_;
  std::uint64_t in_block_{};
  WriteCounts counts_;
};

AvroWriter::AvroWriter(const std::string& path, const AvroFormat& format)
    : state_(std::make_unique<State>(path, format)) {}
AvroWriter::~AvroWriter() = default;
AvroWriter::AvroWriter(AvroWriter&&) noexcept = default;
AvroWriter& AvroWriter::operator=(AvroWriter&&) noexcept = default;
void AvroWriter::write(const Json& value) { state_->write(value); }
WriteCounts AvroWriter::finish() { return state_->finish(); }

}  // namespace troupe::io
