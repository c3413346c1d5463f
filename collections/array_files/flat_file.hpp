#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::array_files {

/// A box of an array: of each axis the first element, how many, and how far apart they are.
using Region = std::vector<nd::Range>;
/// All of it.
Region whole(const nd::Shape& shape);
/// The shape of what a region holds. Throws InvalidRequest, naming `path`, if it does not lie inside `shape`.
nd::Shape shape_of(const Region& region, const nd::Shape& shape, const std::string& path);

/// An array whose elements lie in one file, one after the other: npy files, and files without any header.
struct FlatFile {
  std::string path;
  std::uint64_t offset{};  ///< of the first element
  nd::DType dtype{};
  nd::Shape shape;
  bool swapped{};       ///< the other byte order than this machine's
  bool column_major{};  ///< the first axis varies fastest

  /// Those elements, in memory of their own. Throws io::FileError: the file is gone, or too short.
  [[nodiscard]] nd::NdArray read(const Region& region) const;
  /// Puts `block`, cast to the file's type, at an index; other parts are left as they are, and may be written at the
  /// same time. Throws io::FileError, and InvalidRequest if the block does not fit there.
  void write(const nd::Shape& at, const nd::NdArray& block) const;
};

/// An npy file of any version. Throws io::FileError with what is wrong with its header.
FlatFile open_npy(const std::string& path);
/// A file without header that holds `shape`, and nothing less, from `offset` on. Throws io::FileError if it is shorter.
FlatFile open_raw(const std::string& path, nd::DType dtype, nd::Shape shape, std::uint64_t offset = 0,
                  bool column_major = false);
/// A new npy file, as long as it will be, under a name of its own beside `path`: `finish_file` gives it its name when
/// all has been written.
FlatFile create_npy(const std::string& path, nd::DType dtype, const nd::Shape& shape);
void finish_file(const FlatFile& file, const std::string& path);

/// A directory of npy files 0.npy, 1.npy ..., one after the other along an axis, as `dask.array.to_npy_stack` makes it.
struct NpyStack {
  std::string directory;
  int axis{};
  nd::DType dtype{};
  nd::Shape shape;
  std::vector<std::int64_t> extents;  ///< of the files along the axis

  [[nodiscard]] std::string file(std::size_t number) const;
};
/// Throws io::FileError: the directory, its `info` or a file is missing, or their shapes do not fit.
NpyStack open_npy_stack(const std::string& directory);
/// Makes the directory and its `info`, a pickle that Dask reads; the files are for others to write. `chunks` has the
/// extents of each axis; all but `axis` have one.
void write_npy_stack_info(const std::string& directory, nd::DType dtype,
                          const std::vector<std::vector<std::int64_t>>& chunks, int axis);

}  // namespace troupe::array_files
