#pragma once

#include <string>

#include "collections/array_files/zarr.hpp"
#include "collections/array_files/zarr_codecs.hpp"

namespace troupe::array_files {

/// What `.zarray` or `zarr.json` says.
struct ZarrMetadata {
  std::string path;  ///< the directory
  int format{};
  nd::DType dtype{};
  nd::Shape shape;
  nd::Shape chunks;
  nd::Scalar fill;
  ChunkCodecs codecs;
  std::string key_begin;  ///< "c" of format 3's default keys
  char separator{'.'};

  /// Where a chunk lies.
  [[nodiscard]] std::string file(const nd::Shape& chunk) const;
};

/// Throws io::FileError that names the file and the key.
ZarrMetadata read_zarr_metadata(const std::string& directory);
/// The text of the metadata, and under which name it lies in the directory.
struct ZarrMetadataFile {
  std::string name;
  std::string text;
};
ZarrMetadataFile zarr_metadata_file(const ZarrMetadata& metadata, ZarrCompressor compressor);
/// The codecs of arrays that are made here.
ChunkCodecs zarr_codecs_of(ZarrCompressor compressor, nd::DType dtype);

}  // namespace troupe::array_files
