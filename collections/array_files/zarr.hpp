#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collections/array_files/flat_file.hpp"
#include "collections/ndarray/ndarray.hpp"

namespace troupe::array_files {

enum class ZarrCompressor : std::uint8_t { none, gzip, zstd, blosc };
std::string_view name_of(ZarrCompressor compressor);
/// By its name; throws InvalidRequest with those there are.
ZarrCompressor zarr_compressor_named(std::string_view name);

struct ZarrOptions {
  int format{3};  ///< 2 or 3
  ZarrCompressor compressor{ZarrCompressor::zstd};
  nd::Scalar fill{0};  ///< of elements that were never written
  bool overwrite{};    ///< what is there goes; else it is an error
};

struct ZarrMetadata;

/// An array in a directory, as the Zarr formats 2 and 3 have it (zarr-specs.readthedocs.io). Reads what zarr-python
/// writes: regular chunks, both byte orders, row- and column-major, the compressors gzip, zlib, bz2, lzma, zstd, lz4 and
/// blosc, checksums, transposed and sharded chunks. Copies share what is known of it; any thread may use them.
class ZarrArray {
public:
  /// Throws io::FileError with the file and the key that is missing, wrong, or of a kind that is not known.
  static ZarrArray open(const std::string& directory);
  /// Throws io::FileError: there is something already; InvalidRequest: chunks that do not fit the shape.
  static ZarrArray create(const std::string& directory, nd::DType dtype, const nd::Shape& shape,
                          const nd::Shape& chunks, const ZarrOptions& options = {});

  [[nodiscard]] nd::DType dtype() const;
  [[nodiscard]] const nd::Shape& shape() const;
  /// Extent of a chunk along each axis; the last ones may reach beyond the shape.
  [[nodiscard]] const nd::Shape& chunks() const;
  [[nodiscard]] const nd::Scalar& fill() const;
  [[nodiscard]] const std::string& path() const;

  /// Those elements. Chunks without a file are all `fill`. Throws io::FileError that names the file of a chunk.
  [[nodiscard]] nd::NdArray read(const Region& region) const;
  /// Puts `block`, cast to the array's type, at an index. A chunk that it covers in part is read and written again, so
  /// no two may write into the same chunk at once. Throws io::FileError, and InvalidRequest if it does not fit there.
  void write(const nd::Shape& at, const nd::NdArray& block) const;

private:
  explicit ZarrArray(std::shared_ptr<const ZarrMetadata> metadata) : metadata_(std::move(metadata)) {}
  std::shared_ptr<const ZarrMetadata> metadata_;
};

}  // namespace troupe::array_files
