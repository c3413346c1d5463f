#include "runtime/store/spill_file.hpp"

#include <fmt/format.h>
#include <lz4.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

constexpr std::uint32_t spill_magic = 0x4c505354;  // "TSPL"
constexpr std::uint16_t spill_version = 1;
constexpr std::size_t chunk_bytes = 1U << 20;
constexpr std::size_t sample_bytes = 64U << 10;
constexpr std::uint64_t frames_max = 1U << 20;
constexpr int zstd_level = 1;

struct Header {
  std::uint32_t magic{spill_magic};
  std::uint16_t version{spill_version};
  std::uint16_t codec{};
  std::uint64_t task{};
  std::uint64_t fingerprint{};
  std::uint64_t frames{};
  std::uint64_t raw_bytes{};     ///< of all frames
  std::uint64_t stored_bytes{};  ///< after the frame sizes
  std::uint64_t reserved{};
  std::uint64_t checksum{};
};
static_assert(sizeof(Header) == 64);

class Checksum {
public:
  Checksum() : state_(XXH3_createState()) { XXH3_64bits_reset(state_.get()); }
  void add(const void* data, std::size_t size) { XXH3_64bits_update(state_.get(), data, size); }
  void add(Header header) {
    header.checksum = 0;
    add(&header, sizeof header);
  }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

std::size_t packed_bound(SpillCodec codec, std::size_t size) {
  return codec == SpillCodec::lz4 ? static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(size)))
                                  : ZSTD_compressBound(size);
}

/// Bytes written to `out`; 0 if it did not work.
std::size_t pack(SpillCodec codec, std::span<const std::byte> raw, std::span<std::byte> out) {
  if (codec == SpillCodec::lz4) {
    return static_cast<std::size_t>(
        std::max(0, LZ4_compress_default(reinterpret_cast<const char*>(raw.data()), reinterpret_cast<char*>(out.data()),
                                         static_cast<int>(raw.size()), static_cast<int>(out.size()))));
  }
  const auto size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), zstd_level);
  return ZSTD_isError(size) != 0U ? 0 : size;
}

bool unpack_chunk(SpillCodec codec, std::span<const std::byte> packed, std::span<std::byte> out) {
  if (codec == SpillCodec::lz4) {
    return LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()), reinterpret_cast<char*>(out.data()),
                               static_cast<int>(packed.size()),
                               static_cast<int>(out.size())) == static_cast<int>(out.size());
  }
  return ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size()) == out.size();
}

template <class Visit>
void for_each_frame(const EncodedValue& value, Visit visit) {
  visit(value.header);
  for (const auto& buffer : value.buffers) visit(buffer);
}

Error disk_error(std::string_view what) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return Error{full ? ErrorKind::overloaded : ErrorKind::failed, fmt::format("{}: {}", what, std::strerror(errno))};
}

/// Writes at a position of its own and keeps the checksum.
class RecordWriter {
public:
  RecordWriter(int file, std::uint64_t position) : file_(file), position_(position) {}

  bool write(const void* data, std::size_t size) {
    checksum.add(data, size);
    return write_at(position_, data, size) && (position_ += size, true);
  }
  bool write_at(std::uint64_t position, const void* data, std::size_t size) const {
    const auto* from = static_cast<const char*>(data);
    while (size > 0) {
      const auto written = ::pwrite(file_, from, size, static_cast<off_t>(position));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      from += written;
      position += static_cast<std::uint64_t>(written);
      size -= static_cast<std::size_t>(written);
    }
    return true;
  }
  bool write_packed(SpillCodec codec, std::span<const std::byte> frame) {
    packed_.resize(packed_bound(codec, std::min(frame.size(), chunk_bytes)));
    while (!frame.empty()) {
      const auto raw = frame.first(std::min(frame.size(), chunk_bytes));
      frame = frame.subspan(raw.size());
      auto size = static_cast<std::uint32_t>(pack(codec, raw, packed_));
      const bool plain = size == 0 || size >= raw.size();
      if (plain) size = static_cast<std::uint32_t>(raw.size());
      if (!write(&size, sizeof size) || !write(plain ? raw.data() : packed_.data(), size)) return false;
    }
    return true;
  }

  [[nodiscard]] std::uint64_t position() const { return position_; }

  Checksum checksum;

private:
  int file_;
  std::uint64_t position_;
  std::vector<std::byte> packed_;
};

/// Reads inside the bounds of one record and keeps the checksum.
class RecordReader {
public:
  RecordReader(int file, const SpillRecord& record)
      : file_(file), position_(record.offset), end_(record.offset + record.length) {}

  /// False: it ends early, or lies outside the record.
  bool read(void* data, std::size_t size) {
    if (size > end_ - position_) return false;
    auto* to = static_cast<char*>(data);
    for (std::size_t done = 0; done < size;) {
      const auto got = ::pread(file_, to + done, size - done, static_cast<off_t>(position_ + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      done += static_cast<std::size_t>(got);
    }
    position_ += size;
    checksum.add(data, size);
    return true;
  }
  bool read_packed(SpillCodec codec, std::span<std::byte> frame) {
    packed_.resize(packed_bound(codec, chunk_bytes));
    while (!frame.empty()) {
      const auto raw = frame.first(std::min(frame.size(), chunk_bytes));
      frame = frame.subspan(raw.size());
      std::uint32_t size = 0;
      if (!read(&size, sizeof size) || size > raw.size()) return false;
      if (size == raw.size()) {
        if (!read(raw.data(), size)) return false;
      } else if (!read(packed_.data(), size) || !unpack_chunk(codec, std::span(packed_).first(size), raw)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool at_end() const { return position_ == end_; }

  Checksum checksum;

private:
  int file_;
  std::uint64_t position_;
  std::uint64_t end_;
  std::vector<std::byte> packed_;
};

}  // namespace

SpillCodec choose_spill_codec(const EncodedValue& value) {
  std::span<const std::byte> largest;
  for_each_frame(value, [&](const Bytes& frame) {
    if (frame.size() > largest.size()) largest = frame.span();
  });
  if (largest.size() > sample_bytes) largest = largest.subspan((largest.size() - sample_bytes) / 2, sample_bytes);
  if (largest.empty()) return SpillCodec::none;
  std::vector<std::byte> out(
      std::max(packed_bound(SpillCodec::lz4, largest.size()), packed_bound(SpillCodec::zstd, largest.size())));
  const auto lz4 = pack(SpillCodec::lz4, largest, out);
  const auto zstd = pack(SpillCodec::zstd, largest, out);
  if (zstd > 0 && zstd * 2 < std::min(lz4 == 0 ? largest.size() : lz4, largest.size())) return SpillCodec::zstd;
  return lz4 > 0 && lz4 < largest.size() - largest.size() / 8 ? SpillCodec::lz4 : SpillCodec::none;
}

Result<SpillRecord> write_spill_record(int file, std::uint64_t offset, TaskId task, const EncodedValue& value) {
  Header header;
  const auto codec = choose_spill_codec(value);
  header.codec = static_cast<std::uint16_t>(codec);
  header.task = task.value;
  header.fingerprint = value.fingerprint;
  header.frames = 1 + value.buffers.size();
  header.raw_bytes = value.nbytes();
  std::vector<std::uint64_t> sizes;
  for_each_frame(value, [&](const Bytes& frame) { sizes.push_back(frame.size()); });

  RecordWriter out(file, offset + sizeof header);
  bool written = out.write(sizes.data(), sizes.size() * sizeof sizes[0]);
  const auto frames_begin = out.position();
  for_each_frame(value, [&](const Bytes& frame) {
    written = written && (codec == SpillCodec::none ? out.write(frame.data(), frame.size())
                                                    : out.write_packed(codec, frame.span()));
  });
  header.stored_bytes = out.position() - frames_begin;
  // Its size is known last, so the header comes last into the sum.
  out.checksum.add(header);
  header.checksum = out.checksum.value();
  if (!written || !out.write_at(offset, &header, sizeof header))
    return tl::unexpected(disk_error("cannot write a spill file"));
  return SpillRecord{offset, out.position() - offset};
}

Result<EncodedValue> read_spill_record(int file, const SpillRecord& record, TaskId task) {
  const auto damaged = [](std::string_view what) { return fail(ErrorKind::failed, fmt::format("damaged: {}", what)); };
  if (record.length < sizeof(Header)) return damaged("shorter than a header");
  Header header;
  RecordReader head(file, {record.offset, sizeof header});
  if (!head.read(&header, sizeof header)) return damaged("it ends before its header does");
  if (header.magic != spill_magic || header.version != spill_version) return damaged("not a record");
  if (header.task != task.value) return damaged("the record of another task");
  if (header.codec > static_cast<std::uint16_t>(SpillCodec::zstd)) return damaged("an unknown codec");
  const std::uint64_t rest = record.length - sizeof header;
  if (header.frames == 0 || header.frames > frames_max || header.frames * 8 > rest ||
      header.stored_bytes != rest - header.frames * 8)
    return damaged("sizes that do not fit");

  const auto codec = static_cast<SpillCodec>(header.codec);
  RecordReader in(file, {record.offset + sizeof header, rest});
  std::vector<std::uint64_t> sizes(header.frames);
  if (!in.read(sizes.data(), sizes.size() * sizeof sizes[0])) return damaged("it ends early");
  std::uint64_t sum = 0;
  // Of packed frames a byte on disk stands for at most a chunk: what claims more is not to be given memory.
  const std::uint64_t most = codec == SpillCodec::none ? header.stored_bytes : header.stored_bytes * chunk_bytes;
  for (const auto size : sizes) {
    if (size > most - sum) return damaged("sizes that do not fit");
    sum += size;
  }
  if (sum != header.raw_bytes) return damaged("sizes that do not fit");

  EncodedValue value;
  value.fingerprint = header.fingerprint;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::byte* memory = nullptr;
    Bytes frame;
    try {
      frame = Bytes::allocate(sizes[i], &memory);
    } catch (const std::bad_alloc&) {
      return fail(ErrorKind::overloaded, fmt::format("no memory for {} bytes", sizes[i]));
    }
    const std::span<std::byte> to(memory, sizes[i]);
    if (!(codec == SpillCodec::none ? in.read(to.data(), to.size()) : in.read_packed(codec, to)))
      return damaged("it ends early, or cannot be unpacked");
    if (i == 0)
      value.header = std::move(frame);
    else
      value.buffers.push_back(std::move(frame));
  }
  if (!in.at_end()) return damaged("bytes are left over");
  in.checksum.add(header);
  if (in.checksum.value() != header.checksum) return damaged("the checksum differs");
  return value;
}

}  // namespace troupe
