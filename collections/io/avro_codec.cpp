#include "collections/io/avro_codec.hpp"

#include <snappy.h>
#include <zlib.h>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace troupe::io {
namespace {

constexpr std::array<std::pair<AvroCodec, std::string_view>, 6> names{{{AvroCodec::null, "null"},
                                                                       {AvroCodec::deflate, "deflate"},
                                                                       {AvroCodec::snappy, "snappy"},
                                                                       {AvroCodec::zstandard, "zstandard"},
                                                                       {AvroCodec::bzip2, "bzip2"},
                                                                       {AvroCodec::xz, "xz"}}};
constexpr std::size_t checksum_bytes = 4;

Compression compression_of(AvroCodec codec) {
  switch (codec) {
    case AvroCodec::zstandard: return Compression::zstd;
    case AvroCodec::bzip2: return Compression::bzip2;
    case AvroCodec::xz: return Compression::xz;
    default: return Compression::none;
  }
}

/// Behind a block that snappy packed: of the block, big end first.
std::string checksum_of(std::string_view block) {
  const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(block.data()), block.size());
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(sum >> shift);
  return bytes;
}

std::string unpack_snappy(std::string_view packed) {
  if (packed.size() < checksum_bytes) throw BadArchive("too short for snappy");
  const auto body = packed.substr(0, packed.size() - checksum_bytes);
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size) || size > avro_block_bytes_max)
    throw BadArchive("no snappy data");
  std::string block;
  if (!snappy::Uncompress(body.data(), body.size(), &block)) throw BadArchive("no snappy data");
  if (checksum_of(block) != packed.substr(body.size())) throw BadArchive("the checksum is wrong");
  return block;
}

}  // namespace

std::string_view name_of(AvroCodec codec) {
  for (const auto& [each, name] : names)
    if (each == codec) return name;
  return "unknown";
}

AvroCodec avro_codec_named(std::string_view name) {
  std::string all;
  for (const auto& [codec, known] : names) {
    if (known == name) return codec;
    all += (all.empty() ? "" : ", ") + std::string(known);
  }
  throw FileError(ErrorKind::unsupported, "", fmt::format("no Avro codec '{}'; there are {}", name, all));
}

std::string unpack_avro(AvroCodec codec, std::string_view packed) {
  if (codec == AvroCodec::null) return std::string(packed);
  if (codec == AvroCodec::snappy) return unpack_snappy(packed);
  const auto decompressor =
      codec == AvroCodec::deflate ? make_raw_inflater() : make_decompressor(compression_of(codec));
  std::string block;
  std::size_t used = 0;
  for (;;) {
    block.resize(used + std::max<std::size_t>(4 * packed.size(), 4096));
    const auto step = decompressor->step(packed, {block.data() + used, block.size() - used});
    packed.remove_prefix(step.consumed);
    used += step.produced;
    if (used > avro_block_bytes_max) throw BadArchive("unpacks to more than a block may have");
    if (step.frame_ended && packed.empty()) break;
    if (step.frame_ended) throw BadArchive("bytes are left over");
    if (step.consumed + step.produced == 0) throw BadArchive("it ends before the data does");
  }
  block.resize(used);
  return block;
}

std::string pack_avro(AvroCodec codec, std::string_view block) {
  if (codec == AvroCodec::null) return std::string(block);
  std::string packed;
  if (codec == AvroCodec::snappy) {
    snappy::Compress(block.data(), block.size(), &packed);
    return packed + checksum_of(block);
  }
  const auto compressor = codec == AvroCodec::deflate ? make_raw_deflater() : make_compressor(compression_of(codec));
  std::size_t used = 0;
  for (bool ended = false; !ended;) {
    packed.resize(used + std::max<std::size_t>(block.size(), 4096));
    const auto step = compressor->step(block, {packed.data() + used, packed.size() - used}, true);
    block.remove_prefix(step.consumed);
    used += step.produced;
    ended = step.ended;
  }
  packed.resize(used);
  return packed;
}

}  // namespace troupe::io
