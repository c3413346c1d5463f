#pragma once

#include <cstdint>
#include <string>

#include "collections/array/array.hpp"
#include "collections/array_files/zarr.hpp"

/// Arrays in files. Tasks read and write the parts of their blocks, so that workers have to see the same paths. What is
/// wrong with a file that can be seen when it is opened, throws io::FileError at once.
namespace troupe::array {

Array from_npy(const std::string& path, const ChunkSpec& chunks = {});
/// A directory of npy files, one after the other along an axis: a block each.
Array from_npy_stack(const std::string& directory);
/// A file without header.
Array from_raw(const std::string& path, DType dtype, const Shape& shape, const ChunkSpec& chunks = {},
               std::uint64_t offset = 0);
/// Zarr 2 or 3. By default blocks hold whole chunks of the file.
Array from_zarr(const std::string& directory, const ChunkSpec& chunks = {});
Array from_hdf5(const std::string& path, const std::string& dataset, const ChunkSpec& chunks = {});
/// Pictures, PNG or JPEG, that a pattern such as "*.png" names: a block each, along a first axis.
Array imread(const std::string& pattern);

/// Compute the array and write it, block by block, none of them all at once. The file appears when it is whole.
void to_npy(const Array& a, const std::string& path, const ComputeOptions& options = {});
void to_npy_stack(const Array& a, const std::string& directory, int axis = 0, const ComputeOptions& options = {});
/// With chunks as large as the largest block along each axis.
void to_zarr(const Array& a, const std::string& directory, const array_files::ZarrOptions& zarr = {},
             const ComputeOptions& options = {});
/// HDF5 files have one writer: blocks come here, a few at a time.
void to_hdf5(const Array& a, const std::string& path, const std::string& dataset, unsigned gzip_level = 0,
             const ComputeOptions& options = {});

}  // namespace troupe::array
