#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::array_files {

using ByteVector = std::vector<std::byte>;

/// Turns bytes into others when a chunk is written, and back when it is read.
struct BytesCodec {
  enum class Kind : std::uint8_t { gzip, zlib, bz2, lzma, zstd, lz4, blosc, crc32c };
  Kind kind{};
  int level{5};
  // blosc
  std::string inner{"lz4"};
  int shuffle{1};
  int item_bytes{1};
};

/// How chunks of one array are made into bytes.
struct ChunkCodecs {
  std::vector<int> order;  ///< of the axes, as they lie in the bytes; empty: as they are
  bool swapped{};          ///< the other byte order than this machine's
  std::vector<BytesCodec> bytes;

  /// A chunk of chunks with an index of where each lies.
  struct Sharding;
  std::shared_ptr<const Sharding> sharding;
};

struct ChunkCodecs::Sharding {
  nd::Shape chunks;
  ChunkCodecs inner;
  ChunkCodecs index;
  bool index_at_end{true};
};

/// Throw std::runtime_error that says what is wrong with the bytes. `fill` stands where a sharded chunk has none.
nd::NdArray decode_chunk(const ChunkCodecs& codecs, ByteVector bytes, nd::DType dtype, const nd::Shape& shape,
                         const nd::Scalar& fill);
ByteVector encode_chunk(const ChunkCodecs& codecs, const nd::NdArray& chunk);

}  // namespace troupe::array_files
