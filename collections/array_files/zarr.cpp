#include "collections/array_files/zarr.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>

#include "actors/errors.hpp"
#include "collections/array_files/zarr_codecs.hpp"
#include "collections/array_files/zarr_metadata.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/output.hpp"
#include "collections/io/source.hpp"

namespace troupe::array_files {
namespace {

namespace fs = std::filesystem;
using io::FileError;

/// The chunk's elements; nothing if it has no file.
std::optional<nd::NdArray> read_chunk(const ZarrMetadata& array, const nd::Shape& chunk) {
  const std::string file = array.file(chunk);
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error == std::errc::no_such_file_or_directory) return std::nullopt;
  if (error) throw FileError(ErrorKind::failed, file, "cannot be read: " + error.message());
  ByteVector bytes(size);
  const io::InputFile in(file);
  bytes.resize(in.read_all(reinterpret_cast<char*>(bytes.data()), bytes.size(), 0));
  try {
    return decode_chunk(array.codecs, std::move(bytes), array.dtype, array.chunks, array.fill);
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& wrong) {
    throw FileError(ErrorKind::failed, file, wrong.what());
  }
}

void write_chunk(const ZarrMetadata& array, const nd::Shape& chunk, const nd::NdArray& elements) {
  const std::string file = array.file(chunk);
  try {
    const ByteVector bytes = encode_chunk(array.codecs, elements);
    io::OutputFile out(file, io::Compression::none);
    out.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    out.finish();
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& wrong) {
    throw FileError(ErrorKind::failed, file, wrong.what());
  }
}

/// What of one axis a chunk and a region have in common.
struct Common {
  nd::Range in_chunk;
  nd::Range in_region;
};

Common common(const nd::Range& range, std::int64_t chunk, std::int64_t extent) {
  const std::int64_t begin = chunk * extent;
  const std::int64_t end = begin + extent;
  const auto at = [&](std::int64_t i) { return range.start + i * range.step; };
  // The elements of the range inside of [begin, end): they follow each other.
  std::int64_t first = 0;
  if (range.step > 0)
    first = at(0) >= begin ? 0 : (begin - at(0) + range.step - 1) / range.step;
  else
    first = at(0) < end ? 0 : (at(0) - end - range.step) / -range.step;
  std::int64_t last = 0;  // one behind
  if (range.step > 0)
    last = at(0) >= end ? 0 : (end - at(0) + range.step - 1) / range.step;
  else
    last = at(0) < begin ? 0 : (at(0) - begin) / -range.step + 1;
  last = std::min(last, range.count);
  const std::int64_t count = std::max<std::int64_t>(0, last - first);
  return {{count > 0 ? at(first) - begin : 0, count, range.step}, {first, count, 1}};
}

/// Calls visit(chunk, what of it, what of the region) for each chunk that has elements of the region.
void for_each_chunk(const nd::Shape& chunks, const Region& region,
                    const std::function<void(const nd::Shape&, const Region&, const Region&)>& visit) {
  nd::Shape first;
  nd::Shape last;
  for (std::size_t axis = 0; axis < region.size(); ++axis) {
    const auto& range = region[axis];
    if (range.count == 0) return;
    const auto end = range.start + (range.count - 1) * range.step;
    first.push_back(std::min(range.start, end) / chunks[axis]);
    last.push_back(std::max(range.start, end) / chunks[axis]);
  }
  nd::Shape chunk = first;
  for (;;) {
    Region in_chunk;
    Region in_region;
    bool any = true;
    for (std::size_t axis = 0; axis < region.size(); ++axis) {
      const Common both = common(region[axis], chunk[axis], chunks[axis]);
      any = any && both.in_chunk.count > 0;
      in_chunk.push_back(both.in_chunk);
      in_region.push_back(both.in_region);
    }
    if (any) visit(chunk, in_chunk, in_region);
    std::size_t axis = chunk.size();
    while (axis > 0 && ++chunk[axis - 1] > last[axis - 1]) {
      --axis;
      chunk[axis] = first[axis];
    }
    if (axis == 0) return;
  }
}

nd::NdArray part_of(nd::NdArray array, const Region& region) {
  for (std::size_t axis = 0; axis < region.size(); ++axis) array = array.slice(axis, region[axis]);
  return array;
}

}  // namespace

std::string_view name_of(ZarrCompressor compressor) {
  switch (compressor) {
    case ZarrCompressor::none: return "none";
    case ZarrCompressor::gzip: return "gzip";
    case ZarrCompressor::zstd: return "zstd";
    case ZarrCompressor::blosc: return "blosc";
  }
  return "unknown";
}

ZarrCompressor zarr_compressor_named(std::string_view name) {
  for (const auto known : {ZarrCompressor::none, ZarrCompressor::gzip, ZarrCompressor::zstd, ZarrCompressor::blosc})
    if (name == name_of(known)) return known;
  throw InvalidRequest("there is no compressor '" + std::string(name) + "'; there are none, gzip, zstd and blosc");
}

ZarrArray ZarrArray::open(const std::string& directory) {
  return ZarrArray(std::make_shared<const ZarrMetadata>(read_zarr_metadata(directory)));
}

ZarrArray ZarrArray::create(const std::string& directory, nd::DType dtype, const nd::Shape& shape,
                            const nd::Shape& chunks, const ZarrOptions& options) {
  if (options.format != 2 && options.format != 3)
    throw InvalidRequest("Zarr has the formats 2 and 3, not " + std::to_string(options.format));
  if (chunks.size() != shape.size() || std::any_of(chunks.begin(), chunks.end(), [](auto n) { return n < 1; }))
    throw InvalidRequest("chunks of " + nd::text_of(chunks) + " do not fit the shape " + nd::text_of(shape));
  std::error_code error;
  if (fs::exists(directory, error) && !(fs::is_directory(directory, error) && fs::is_empty(directory, error))) {
    if (!options.overwrite)
      throw FileError(ErrorKind::invalid, directory, "is there already; `overwrite` lets it be replaced");
    (void)read_zarr_metadata(directory);  // nothing but an array is ever removed
    fs::remove_all(directory, error);
    if (error) throw FileError(ErrorKind::failed, directory, "cannot be removed: " + error.message());
  }
  auto made = std::make_shared<ZarrMetadata>();
  made->path = directory;
  made->format = options.format;
  made->dtype = dtype;
  made->shape = shape;
  made->chunks = chunks;
  made->fill = options.fill.as(dtype);
  made->codecs = zarr_codecs_of(options.compressor, dtype);
  made->key_begin = options.format == 3 ? "c" : "";
  made->separator = options.format == 3 ? '/' : '.';
  const ZarrMetadataFile metadata = zarr_metadata_file(*made, options.compressor);
  io::OutputFile out((fs::path(directory) / metadata.name).string(), io::Compression::none);
  out.write(metadata.text);
  out.finish();
  return ZarrArray(std::move(made));
}

nd::DType ZarrArray::dtype() const { return metadata_->dtype; }
const nd::Shape& ZarrArray::shape() const { return metadata_->shape; }
const nd::Shape& ZarrArray::chunks() const { return metadata_->chunks; }
const nd::Scalar& ZarrArray::fill() const { return metadata_->fill; }
const std::string& ZarrArray::path() const { return metadata_->path; }

nd::NdArray ZarrArray::read(const Region& region) const {
  const nd::Shape counts = shape_of(region, metadata_->shape, metadata_->path);
  nd::NdArray result(counts, metadata_->dtype);
  for_each_chunk(
      metadata_->chunks, region, [&](const nd::Shape& chunk, const Region& in_chunk, const Region& in_region) {
        nd::NdArray into = part_of(result, in_region);
        const auto elements = read_chunk(*metadata_, chunk);
        into.assign(elements ? part_of(*elements, in_chunk) : nd::NdArray::scalar(metadata_->fill, metadata_->dtype));
      });
  return result;
}

void ZarrArray::write(const nd::Shape& at, const nd::NdArray& block) const {
  Region region;
  if (at.size() == block.ndim())
    for (std::size_t axis = 0; axis < at.size(); ++axis) region.push_back({at[axis], block.extent(axis), 1});
  (void)shape_of(region, metadata_->shape, metadata_->path);
  const nd::NdArray elements = block.astype(metadata_->dtype);
  for_each_chunk(
      metadata_->chunks, region, [&](const nd::Shape& chunk, const Region& in_chunk, const Region& in_region) {
        bool covered = true;  // all of the chunk that lies inside the shape
        for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
          const auto begin = chunk[axis] * metadata_->chunks[axis];
          covered =
              covered && in_chunk[axis].count == std::min(metadata_->chunks[axis], metadata_->shape[axis] - begin);
        }
        std::optional<nd::NdArray> whole;
        if (!covered) whole = read_chunk(*metadata_, chunk);
        if (!whole) whole = nd::NdArray::full(metadata_->chunks, metadata_->fill, metadata_->dtype);
        nd::NdArray into = part_of(*whole, in_chunk);
        into.assign(part_of(elements, in_region));
        write_chunk(*metadata_, chunk, *whole);
      });
}

}  // namespace troupe::array_files
