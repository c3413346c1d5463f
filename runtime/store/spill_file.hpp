#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

/// How the frames of a spilled value are packed.
enum class SpillCodec : std::uint8_t { none, lz4, zstd };

/// Where the record of one value lies in a spill file.
struct SpillRecord {
  std::uint64_t offset{};
  std::uint64_t length{};  ///< bytes on disk
};

/// What packs these frames best, judged by a sample of the largest: nothing unless LZ4 saves an eighth, for then the
/// time is better spent writing; Zstandard where it halves again what LZ4 leaves; else LZ4.
SpillCodec choose_spill_codec(const EncodedValue& value);

/// Appends a value at the file's position, which is `offset`. A record is
///
///     header, 64 bytes    magic, version, codec, task, fingerprint, frames, raw bytes, stored bytes, checksum
///     frame sizes         8 bytes each: the value's small header, then its buffers
///     frames              as they are, or in chunks of 1 MiB: 4 bytes of packed size (equal to the raw one: not
///                         packed), then the chunk; no chunk holds bytes of two frames
///
/// little-endian. The checksum (XXH3, 64 bits) is of all but itself, as stored. Errors: `overloaded`, the disk is full;
/// `failed`, it cannot be written.
Result<SpillRecord> write_spill_record(int file, std::uint64_t offset, TaskId task, const EncodedValue& value);

/// Reads the record of `task` back. An error: the file is damaged, or is not what it should be; nothing of it is used.
Result<EncodedValue> read_spill_record(int file, const SpillRecord& record, TaskId task);

}  // namespace troupe
