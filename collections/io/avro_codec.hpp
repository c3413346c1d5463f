#pragma once

#include <string>
#include <string_view>

#include "collections/io/avro.hpp"

namespace troupe::io {

inline constexpr std::size_t avro_sync_bytes = 16;
inline constexpr std::string_view avro_magic{"Obj\1", 4};
/// Of one block of a file, packed or not: a larger one is taken for harm.
inline constexpr std::size_t avro_block_bytes_max = std::size_t{1} << 30;

/// Throws BadArchive.
std::string unpack_avro(AvroCodec codec, std::string_view packed);
std::string pack_avro(AvroCodec codec, std::string_view block);

}  // namespace troupe::io
