#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "collections/io/avro_codec.hpp"
#include "collections/io/avro_schema.hpp"
#include "collections/io/source.hpp"

namespace troupe::io {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t header_bytes_max = std::size_t{16} << 20U;
constexpr std::size_t number_bytes_max = 10;

struct Header {
  std::map<std::string, std::string> metadata;
  std::string sync;
  std::size_t bytes{};
};

/// Reads from the beginning of a file as much as the header takes.
Header read_header(const InputFile& file) {
  // The header's entries are a map of bytes, which is how they are taken apart; they need not be UTF-8.
  static const AvroSchema entries(R"({"type": "map", "values": "bytes"})");
  std::string bytes;
  for (std::size_t wanted = piece_bytes;; wanted *= 4) {
    bytes.resize(wanted);
    bytes.resize(file.read_all(bytes.data(), wanted, 0));
    const std::string_view all(bytes);
    if (!all.starts_with(avro_magic)) throw BadDatum("it does not begin as an Avro object container file does");
    AvroDecoder decoder(entries.root(), all.substr(avro_magic.size()));
    Json map;
    try {
      map = decoder.next();
      if (decoder.bytes_left() < avro_sync_bytes) throw BadDatum("the header is not whole");
    } catch (const BadDatum&) {
      if (bytes.size() < wanted || wanted >= header_bytes_max) throw;
      continue;
    }
    Header header;
    for (const auto& entry : map.get_object())
      take_avro_bytes({entry.value().get_string().data(), entry.value().get_string().size()},
                      header.metadata[std::string(entry.key())]);
    header.bytes = all.size() - decoder.bytes_left() + avro_sync_bytes;
    header.sync = all.substr(header.bytes - avro_sync_bytes, avro_sync_bytes);
    return header;
  }
}

/// Up to `size` bytes; what is not there is not allocated.
std::string read_up_to(const InputFile& file, std::uint64_t offset, std::size_t size) {
  constexpr std::size_t step = std::size_t{4} << 20U;
  std::string bytes;
  while (bytes.size() < size) {
    const std::size_t before = bytes.size();
    const std::size_t wanted = std::min(step, size - before);
    bytes.resize(before + wanted);
    bytes.resize(before + file.read_all(bytes.data() + before, wanted, offset + before));
    if (bytes.size() < before + wanted) break;
  }
  return bytes;
}

/// Where the first marker ends that begins at or after `from`.
std::optional<std::uint64_t> end_of_marker(const InputFile& file, const std::string& marker, std::uint64_t from) {
  for (;;) {
    const std::string bytes = read_up_to(file, from, piece_bytes);
    if (const auto at = bytes.find(marker); at != std::string::npos) return from + at + marker.size();
    if (bytes.size() < piece_bytes) return std::nullopt;
    from += bytes.size() - marker.size() + 1;
  }
}

}  // namespace

std::vector<TextPartition> plan_avro(const std::vector<std::string>& patterns, const TextCut& cut) {
  return plan_text(patterns, {.compression = Compression::none}, cut);
}

class AvroReader::State {
public:
  State(const TextBlock& block, Errors errors) : file_(block.path), errors_(errors) {
    end_ = block.length > TextBlock::to_the_end - block.offset ? TextBlock::to_the_end : block.offset + block.length;
    if (!open()) return;
    position_ = header.bytes;
    if (block.offset <= position_) return;
    // Data begins behind a marker; the one right before the block counts.
    const auto first =
        end_of_marker(file_, header.sync, block.offset - std::min<std::uint64_t>(block.offset, avro_sync_bytes));
    position_ = first.value_or(end_);
  }

  bool next(Json& value) {
    for (;;) {
      if (left_ == 0 && decoder_ && decoder_->bytes_left() > 0) {
        left_ = 1;
        lose("bytes are left over behind the last value");
        continue;
      }
      if (left_ == 0 && !next_block()) return false;
      if (left_ == 0) continue;
      try {
        value = decoder_->next();
      } catch (const BadDatum& bad) {
        lose(fmt::format("value {} of {} in the block that begins here: {}", count_ - left_ + 1, count_, bad.what()));
        continue;
      }
      --left_;
      ++counts.lines;
      return true;
    }
  }

  Header header;
  std::string schema_text;
  ReadCounts counts;

private:
  /// False: the file has no header, and that is skipped.
  bool open() {
    try {
      header = read_header(file_);
      const auto codec = header.metadata.find("avro.codec");
      codec_ = codec == header.metadata.end() ? AvroCodec::null : avro_codec_named(codec->second);
      schema_.emplace(header.metadata["avro.schema"]);
    } catch (const BadDatum& bad) {
      if (errors_ != Errors::skip) raise(0, fmt::format("no Avro header: {}", bad.what()));
    } catch (const FileError& error) {
      if (!error.path().empty()) throw;
      if (errors_ != Errors::skip) throw FileError(error.kind(), file_.path(), error.what());
    }
    if (schema_) {
      schema_text = schema_->json();
      header.metadata.erase("avro.schema");
      header.metadata.erase("avro.codec");
      return true;
    }
    ++counts.bad_files;
    position_ = end_ = 0;
    return false;
  }

  bool next_block() {
    decoder_.reset();
    if (position_ >= end_) return false;
    block_at_ = position_;
    const std::string first = read_up_to(file_, position_, 2 * number_bytes_max);
    if (first.empty()) return false;
    std::string_view rest(first);
    std::int64_t count = 0;
    std::int64_t size = 0;
    left_ = 1;  // what is lost if the block cannot be read: nobody knows how many
    if (!take_avro_number(rest, count) || !take_avro_number(rest, size) || count < 0 || size < 0 ||
        static_cast<std::uint64_t>(size) > avro_block_bytes_max) {
      lose("no block begins here, or the file is truncated");
      return true;
    }
    const auto bytes = static_cast<std::size_t>(size);
    const std::uint64_t data_at = position_ + (first.size() - rest.size());
    std::string packed = read_up_to(file_, data_at, bytes + avro_sync_bytes);
    if (packed.size() < bytes + avro_sync_bytes) {
      lose("the file ends inside the block that begins here: it is truncated");
    } else if (packed.compare(bytes, avro_sync_bytes, header.sync) != 0) {
      lose("the block that begins here does not end with the file's sync marker");
    } else {
      packed.resize(bytes);
      position_ = data_at + bytes + avro_sync_bytes;
      left_ = static_cast<std::uint64_t>(count);
      unpack(packed);
    }
    return true;
  }

  void unpack(const std::string& packed) {
    count_ = left_;
    try {
      data_ = unpack_avro(codec_, packed);
    } catch (const BadArchive& bad) {
      return lose(fmt::format("corrupt {} data in the block that begins here: {}", name_of(codec_), bad.what()));
    }
    if (left_ > data_.size() + AvroDecoder::empty_items_max)
      return lose("the block that begins here has too many values");
    decoder_.emplace(schema_->root(), data_);
  }

  /// The values of the block that are left cannot be read: throws, or goes on behind the next marker.
  void lose(const std::string& why) {
    if (errors_ != Errors::skip) raise(block_at_, why + "; fetch or make the file anew, or choose errors=skip");
    decoder_.reset();
    counts.bad_records += std::exchange(left_, 0);
    if (position_ > block_at_) return;
    const auto next = end_of_marker(file_, header.sync, block_at_);
    if (!next) ++counts.bad_files;
    position_ = next.value_or(end_);
  }

  [[noreturn]] void raise(std::uint64_t offset, const std::string& text) const {
    throw FileError(file_.path(), offset, std::nullopt, text);
  }

  InputFile file_;
  Errors errors_;
  AvroCodec codec_{};
  std::optional<AvroSchema> schema_;
  std::uint64_t position_{};  ///< of the next block of the file
  std::uint64_t end_{};
  std::uint64_t block_at_{};
  std::string data_;
  std::optional<AvroDecoder> decoder_;
  std::uint64_t count_{};
  std::uint64_t left_{};
};

AvroReader::AvroReader(const TextBlock& block, Errors errors) : state_(std::make_unique<State>(block, errors)) {}
AvroReader::~AvroReader() = default;
AvroReader::AvroReader(AvroReader&&) noexcept = default;
AvroReader& AvroReader::operator=(AvroReader&&) noexcept = default;

bool AvroReader::next(Json& value) { return state_->next(value); }
const std::string& AvroReader::schema() const { return state_->schema_text; }
const std::map<std::string, std::string>& AvroReader::metadata() const { return state_->header.metadata; }
const ReadCounts& AvroReader::counts() const { return state_->counts; }

}  // namespace troupe::io
