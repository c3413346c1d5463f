#include "collections/array_files/zarr_codecs.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include <blosc.h>
#include <lz4.h>
#include <zlib.h>
#include <boost/crc.hpp>

#include "collections/io/compression.hpp"
#include "collections/ndarray/byte_order.hpp"

namespace troupe::array_files {
namespace {

using Kind = BytesCodec::Kind;

io::Compression compression_of(Kind kind) {
  switch (kind) {
    case Kind::gzip: return io::Compression::gzip;
    case Kind::bz2: return io::Compression::bzip2;
    case Kind::lzma: return io::Compression::xz;
    case Kind::zstd: return io::Compression::zstd;
    case Kind::zlib:
    case Kind::lz4:
    case Kind::blosc:
    case Kind::crc32c: break;
  }
  throw std::logic_error("not a compression of files");
}

std::span<const char> chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void too_much(std::size_t limit) {
  throw std::runtime_error("unpacks to more than the " + std::to_string(limit) + " bytes that a chunk can have");
}

ByteVector unpack_stream(io::Compression compression, std::span<const std::byte> packed, std::size_t limit) {
  const auto decompressor = io::make_decompressor(compression);
  ByteVector out(std::min(limit, packed.size() * 4 + 4096));
  std::span<const char> in = chars(packed);
  std::size_t size = 0;
  for (;;) {
    if (size == out.size()) {
      if (size >= limit) too_much(limit);
      out.resize(std::min(limit, out.size() * 2));
    }
    const auto step = [&] {
      try {
        return decompressor->step(in, {reinterpret_cast<char*>(out.data()) + size, out.size() - size});
      } catch (const io::BadArchive& bad) {
        throw std::runtime_error("corrupt " + std::string(io::name_of(compression)) + " data at byte " +
                                 std::to_string(packed.size() - in.size() + bad.consumed) + ": " + bad.what());
      }
    }();
    in = in.subspan(step.consumed);
    size += step.produced;
    if (step.frame_ended && in.empty()) break;
    if (step.frame_ended) decompressor->restart();
    if (!step.frame_ended && in.empty() && step.produced == 0) throw std::runtime_error("is cut short");
  }
  out.resize(size);
  return out;
}

ByteVector pack_stream(io::Compression compression, std::span<const std::byte> plain) {
  const auto compressor = io::make_compressor(compression);
  ByteVector out(plain.size() / 2 + 4096);
  std::span<const char> in = chars(plain);
  std::size_t size = 0;
  for (;;) {
    if (size == out.size()) out.resize(out.size() * 2);
    const auto step = compressor->step(in, {reinterpret_cast<char*>(out.data()) + size, out.size() - size}, true);
    in = in.subspan(step.consumed);
    size += step.produced;
    if (step.ended) break;
  }
  out.resize(size);
  return out;
}

ByteVector unpack_zlib(std::span<const std::byte> packed, std::size_t limit) {
  ByteVector out(limit);
  uLongf size = out.size();
  if (::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                   packed.size()) != Z_OK)
    throw std::runtime_error("its zlib data is damaged");
  out.resize(size);
  return out;
}

ByteVector pack_zlib(std::span<const std::byte> plain, int level) {
  ByteVector out(::compressBound(plain.size()));
  uLongf size = out.size();
  if (::compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
                  plain.size(), level) != Z_OK)
    throw std::runtime_error("zlib could not pack it");
  out.resize(size);
  return out;
}

/// numcodecs puts the length in front, in four bytes.
ByteVector unpack_lz4(std::span<const std::byte> packed, std::size_t limit) {
  std::uint32_t size = 0;
  if (packed.size() < sizeof size) throw std::runtime_error("is cut short");
  std::memcpy(&size, packed.data(), sizeof size);
  if (size > limit) too_much(limit);
  ByteVector out(size);
  const auto got = ::LZ4_decompress_safe(chars(packed).data() + sizeof size, reinterpret_cast<char*>(out.data()),
                                         static_cast<int>(packed.size() - sizeof size), static_cast<int>(size));
  if (got != static_cast<int>(size)) throw std::runtime_error("its LZ4 data is damaged");
  return out;
}

ByteVector pack_lz4(std::span<const std::byte> plain) {
  if (plain.size() > LZ4_MAX_INPUT_SIZE) throw std::runtime_error("is too large for LZ4");
  const auto size = static_cast<std::uint32_t>(plain.size());
  ByteVector out(sizeof size + static_cast<std::size_t>(::LZ4_compressBound(static_cast<int>(size))));
  std::memcpy(out.data(), &size, sizeof size);
  const int packed = ::LZ4_compress_default(chars(plain).data(), reinterpret_cast<char*>(out.data()) + sizeof size,
                                            static_cast<int>(size), static_cast<int>(out.size() - sizeof size));
  out.resize(sizeof size + static_cast<std::size_t>(packed));
  return out;
}

ByteVector unpack_blosc(std::span<const std::byte> packed, std::size_t limit) {
  std::size_t size = 0;
  if (::blosc_cbuffer_validate(packed.data(), packed.size(), &size) < 0)
    throw std::runtime_error("its Blosc data is damaged");
  if (size > limit) too_much(limit);
  ByteVector out(size);
  if (::blosc_decompress_ctx(packed.data(), out.data(), out.size(), 1) != static_cast<int>(size))
    throw std::runtime_error("its Blosc data is damaged");
  return out;
}

ByteVector pack_blosc(const BytesCodec& codec, std::span<const std::byte> plain) {
  if (plain.size() > BLOSC_MAX_BUFFERSIZE)
    throw std::runtime_error("is too large for Blosc, which packs 2 GiB at most");
  ByteVector out(plain.size() + BLOSC_MAX_OVERHEAD);
  const int size = ::blosc_compress_ctx(codec.level, codec.shuffle, static_cast<std::size_t>(codec.item_bytes),
                                        plain.size(), plain.data(), out.data(), out.size(), codec.inner.c_str(), 0, 1);
  if (size <= 0) throw std::runtime_error("Blosc could not pack it with " + codec.inner);
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

ByteVector undo(const BytesCodec& codec, ByteVector bytes, std::size_t limit) {
  switch (codec.kind) {
    case Kind::zlib: return unpack_zlib(bytes, limit);
    case Kind::lz4: return unpack_lz4(bytes, limit);
    case Kind::blosc: return unpack_blosc(bytes, limit);
    case Kind::gzip:
    case Kind::bz2:
    case Kind::lzma:
    case Kind::zstd: return unpack_stream(compression_of(codec.kind), bytes, limit);
    case Kind::crc32c: break;
  }
  std::uint32_t sum = 0;
  if (bytes.size() < sizeof sum) throw std::runtime_error("is cut short");
  const std::size_t size = bytes.size() - sizeof sum;
  std::memcpy(&sum, bytes.data() + size, sizeof sum);
  bytes.resize(size);
  if (crc32c(bytes) != sum) throw std::runtime_error("its checksum is wrong");
  return bytes;
}

ByteVector apply(const BytesCodec& codec, ByteVector bytes) {
  switch (codec.kind) {
    case Kind::zlib: return pack_zlib(bytes, codec.level);
    case Kind::lz4: return pack_lz4(bytes);
    case Kind::blosc: return pack_blosc(codec, bytes);
    case Kind::gzip:
    case Kind::bz2:
    case Kind::lzma:
    case Kind::zstd: return pack_stream(compression_of(codec.kind), bytes);
    case Kind::crc32c: break;
  }
  const std::uint32_t sum = crc32c(bytes);
  const auto* raw = reinterpret_cast<const std::byte*>(&sum);
  bytes.insert(bytes.end(), raw, raw + sizeof sum);
  return bytes;
}

/// Where each inner chunk lies: offset and length, both all ones where there is none.
nd::NdArray shard_index(const ChunkCodecs::Sharding& sharding, const ByteVector& bytes, nd::Shape counts) {
  counts.push_back(2);
  std::size_t size = static_cast<std::size_t>(nd::size_of(counts)) * 8;
  for (const auto& codec : sharding.index.bytes) {
    if (codec.kind != Kind::crc32c) throw std::runtime_error("has an index of shards that is compressed");
    size += 4;
  }
  if (bytes.size() < size) throw std::runtime_error("is shorter than its index");
  const auto from = sharding.index_at_end ? bytes.end() - static_cast<std::ptrdiff_t>(size) : bytes.begin();
  return decode_chunk(sharding.index, ByteVector(from, from + static_cast<std::ptrdiff_t>(size)), nd::DType::uint64,
                      counts, nd::Scalar(0));
}

nd::NdArray decode_shard(const ChunkCodecs::Sharding& sharding, const ByteVector& bytes, nd::DType dtype,
                         const nd::Shape& shape, const nd::Scalar& fill) {
  nd::Shape counts;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) counts.push_back(shape[axis] / sharding.chunks[axis]);
  const nd::NdArray index = shard_index(sharding, bytes, counts);
  const auto* places = index.data_as<std::uint64_t>();
  nd::NdArray whole = nd::NdArray::full(shape, fill, dtype);
  const auto total = nd::size_of(counts);
  for (std::int64_t number = 0; number < total; ++number) {
    const std::uint64_t offset = places[2 * number];
    const std::uint64_t length = places[2 * number + 1];
    constexpr auto none = std::numeric_limits<std::uint64_t>::max();
    if (offset == none && length == none) continue;
    if (offset > bytes.size() || length > bytes.size() - offset)
      throw std::runtime_error("has an inner chunk that lies outside of it");
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    const nd::NdArray chunk = decode_chunk(sharding.inner, ByteVector(from, from + static_cast<std::ptrdiff_t>(length)),
                                           dtype, sharding.chunks, fill);
    nd::NdArray part = whole;
    std::int64_t rest = number;
    for (std::size_t axis = shape.size(); axis-- > 0; rest /= counts[axis]) {
      const auto start = rest % counts[axis] * sharding.chunks[axis];
      part = part.slice(axis, start, start + sharding.chunks[axis]);
    }
    part.assign(chunk);
  }
  return whole;
}

}  // namespace

nd::NdArray decode_chunk(const ChunkCodecs& codecs, ByteVector bytes, nd::DType dtype, const nd::Shape& shape,
                         const nd::Scalar& fill) {
  nd::Shape stored = shape;
  for (std::size_t axis = 0; axis < codecs.order.size(); ++axis)
    stored[axis] = shape[static_cast<std::size_t>(codecs.order[axis])];
  const std::size_t size = static_cast<std::size_t>(nd::size_of(shape)) * size_of(dtype);
  // Between two codecs there may be a little more than the chunk itself.
  const std::size_t limit = size + size / 8 + 65536;
  for (auto codec = codecs.bytes.rbegin(); codec != codecs.bytes.rend(); ++codec)
    bytes = undo(*codec, std::move(bytes), limit);
  nd::NdArray chunk;
  if (codecs.sharding) {
    chunk = decode_shard(*codecs.sharding, bytes, dtype, stored, fill);
  } else {
    if (bytes.size() != size)
      throw std::runtime_error("unpacks to " + std::to_string(bytes.size()) + " bytes instead of " +
                               std::to_string(size));
    if (codecs.swapped) nd::swap_bytes(bytes, dtype);
    chunk = nd::NdArray(stored, dtype);
    std::memcpy(chunk.mutable_data(), bytes.data(), bytes.size());
  }
  if (codecs.order.empty()) return chunk;
  nd::Axes back(codecs.order.size());
  for (std::size_t axis = 0; axis < back.size(); ++axis)
    back[static_cast<std::size_t>(codecs.order[axis])] = static_cast<int>(axis);
  return chunk.transpose(back);
}

ByteVector encode_chunk(const ChunkCodecs& codecs, const nd::NdArray& chunk) {
  if (codecs.sharding) throw std::runtime_error("is sharded: such arrays can be read, not written");
  nd::Axes order(codecs.order.begin(), codecs.order.end());
  const nd::NdArray stored = (order.empty() ? chunk : chunk.transpose(order)).contiguous();
  ByteVector bytes(stored.data(), stored.data() + stored.nbytes());
  if (codecs.swapped) nd::swap_bytes(bytes, chunk.dtype());
  for (const auto& codec : codecs.bytes) bytes = apply(codec, std::move(bytes));
  return bytes;
}

}  // namespace troupe::array_files
