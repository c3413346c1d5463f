#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collections/io/json.hpp"
#include "collections/io/text_output.hpp"

/// Avro object container files. A value is JSON: records and maps are objects, of a union the value alone; bytes and
/// fixed are strings with one character, U+0000 to U+00FF, a byte. All that is wrong is thrown as FileError.
///
/// The Avro library parses schemas. Files are read and written here: the library cuts none into blocks, knows no
/// Zstandard, and follows what harmed bytes claim.
namespace troupe::io {

enum class AvroCodec : std::uint8_t { null, deflate, snappy, zstandard, bzip2, xz };

std::string_view name_of(AvroCodec codec);
/// By its name in files; throws FileError with those there are.
AvroCodec avro_codec_named(std::string_view name);

/// As plan_text; the blocks are cut anywhere, since readers find where data begins.
std::vector<TextPartition> plan_avro(const std::vector<std::string>& patterns, const TextCut& cut = {});

/// The values of one block, one after the other: of the file's own blocks those that begin in it. In memory for one of
/// these. On one thread.
class AvroReader {
public:
  /// `errors`: with `skip`, what is left of a broken block is left out and counted, and a file without a header has no
  /// values; else it throws.
  explicit AvroReader(const TextBlock& block, Errors errors = Errors::strict);
  ~AvroReader();
  AvroReader(AvroReader&&) noexcept;
  AvroReader& operator=(AvroReader&&) noexcept;

  /// False: there is no other.
  bool next(Json& value);
  /// As it stands in the file; empty: the header is broken, and that is skipped.
  [[nodiscard]] const std::string& schema() const;
  /// What the header says beside schema and codec.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const;
  /// `lines` are the values handed out.
  [[nodiscard]] const ReadCounts& counts() const;

private:
  class State;
  std::unique_ptr<State> state_;
};

/// How values become the bytes of a file.
struct AvroFormat {
  std::string schema;  ///< JSON
  AvroCodec codec{AvroCodec::deflate};
  std::uint64_t block_bytes{64 * 1024};  ///< a block of the file is closed when it has so many, before they are packed
  std::map<std::string, std::string> metadata{};
  Errors errors{Errors::strict};  ///< `skip` leaves out values that the schema does not fit; else they throw
};

/// Writes the values of one partition to one file, see OutputFile. On one thread.
class AvroWriter {
public:
  AvroWriter(const std::string& path, const AvroFormat& format);
  ~AvroWriter();
  AvroWriter(AvroWriter&&) noexcept;
  AvroWriter& operator=(AvroWriter&&) noexcept;

  void write(const Json& value);
  /// The file is whole and gets its name. Without it nothing is left.
  WriteCounts finish();

private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::io

TROUPE_FIELDS(troupe::io::AvroFormat, schema, codec, block_bytes, metadata, errors);
