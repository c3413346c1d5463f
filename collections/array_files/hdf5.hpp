#pragma once

#include <cstdint>
#include <string>

#include "collections/array_files/flat_file.hpp"

namespace troupe::array_files {

/// A dataset of an HDF5 file. The HDF5 library does one thing at a time in a process, so reading is not faster with
/// more threads; more processes are. Numbers of every size and byte order, h5py's booleans and complex numbers.
struct Hdf5Dataset {
  std::string path;
  std::string name;  ///< of the dataset: "/group/data"
  nd::DType dtype{};
  nd::Shape shape;
  nd::Shape chunks;  ///< empty: it lies in one piece

  /// Those elements. Throws io::FileError that names file and dataset.
  [[nodiscard]] nd::NdArray read(const Region& region) const;
  /// Puts `block`, cast to the dataset's type, at an index. One process writes at a time.
  void write(const nd::Shape& at, const nd::NdArray& block) const;
};

/// Throws io::FileError: no such file, no HDF5 file, no such dataset, or a type that no array here has.
Hdf5Dataset open_hdf5(const std::string& path, const std::string& name);
/// A new dataset, in the file if there is one; groups of its name are made. `chunks` empty: in one piece, and then not
/// packed. `gzip_level` 0 to 9. Throws io::FileError: there is one of this name.
Hdf5Dataset create_hdf5(const std::string& path, const std::string& name, nd::DType dtype, const nd::Shape& shape,
                        const nd::Shape& chunks = {}, unsigned gzip_level = 0);

}  // namespace troupe::array_files
