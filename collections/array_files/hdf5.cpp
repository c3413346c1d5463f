#include "collections/array_files/hdf5.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include <hdf5.h>

#include "actors/errors.hpp"
#include "collections/io/file_error.hpp"

namespace troupe::array_files {
namespace {

using io::FileError;

/// The library keeps global state; all calls happen inside of this.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// An id of the library, closed by its own function.
class Id {
public:
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  [[nodiscard]] hid_t get() const { return id_; }
  [[nodiscard]] bool valid() const { return id_ >= 0; }

private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// What the library says of its last failure: the innermost message.
std::string reason() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned number, const H5E_error2_t* error, void* into) -> herr_t {
        if (number == 0 && error->desc != nullptr) *static_cast<std::string*>(into) = error->desc;
        return 0;
      },
      &text);
  return text.empty() ? std::string("the HDF5 library failed") : text;
}

[[noreturn]] void raise(const std::string& path, const std::string& name, const std::string& act) {
  throw FileError(ErrorKind::failed, path, (name.empty() ? act : name + ": " + act) + ": " + reason());
}

Id checked(hid_t id, herr_t (*close)(hid_t), const std::string& path, const std::string& name, const char* act) {
  Id made(id, close);
  if (!made.valid()) raise(path, name, act);
  return made;
}

void quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Id open_file(const std::string& path, unsigned flags) {
  quiet();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw FileError(ErrorKind::invalid, path, "there is no such file");
  return checked(H5Fopen(path.c_str(), flags, H5P_DEFAULT), &H5Fclose, path, {}, "cannot be opened as HDF5");
}

Id open_dataset(const Id& file, const std::string& path, const std::string& name) {
  return checked(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), &H5Dclose, path, name, "cannot be opened");
}

hid_t plain_type(nd::DType dtype) {
  switch (dtype) {
    case nd::DType::int8: return H5T_NATIVE_INT8;
    case nd::DType::int16: return H5T_NATIVE_INT16;
    case nd::DType::int32: return H5T_NATIVE_INT32;
    case nd::DType::int64: return H5T_NATIVE_INT64;
    case nd::DType::uint8: return H5T_NATIVE_UINT8;
    case nd::DType::uint16: return H5T_NATIVE_UINT16;
    case nd::DType::uint32: return H5T_NATIVE_UINT32;
    case nd::DType::uint64: return H5T_NATIVE_UINT64;
    case nd::DType::float32: return H5T_NATIVE_FLOAT;
    case nd::DType::float64: return H5T_NATIVE_DOUBLE;
    case nd::DType::bool_:
    case nd::DType::complex64:
    case nd::DType::complex128: break;
  }
  return -1;
}

/// As elements lie in memory here; h5py's way for what HDF5 has no type for.
Id memory_type(nd::DType dtype) {
  if (dtype == nd::DType::bool_) {
    Id type(H5Tenum_create(H5T_NATIVE_INT8), &H5Tclose);
    for (signed char value : {0, 1}) H5Tenum_insert(type.get(), value == 0 ? "FALSE" : "TRUE", &value);
    return type;
  }
  if (nd::is_complex(dtype)) {
    const std::size_t part = size_of(dtype) / 2;
    const hid_t real = plain_type(nd::real_of(dtype));
    Id type(H5Tcreate(H5T_COMPOUND, size_of(dtype)), &H5Tclose);
    H5Tinsert(type.get(), "r", 0, real);
    H5Tinsert(type.get(), "i", part, real);
    return type;
  }
  return {H5Tcopy(plain_type(dtype)), &H5Tclose};
}

/// Whether a type of the file is one of ours; which one.
bool known_type(hid_t type, nd::DType& dtype) {
  const std::size_t size = H5Tget_size(type);
  const auto sized = [&](nd::DType one, nd::DType two, nd::DType four, nd::DType eight) {
    dtype = size == 1 ? one : size == 2 ? two : size == 4 ? four : eight;
    return size == 1 || size == 2 || size == 4 || size == 8;
  };
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return H5Tget_sign(type) == H5T_SGN_NONE
                 ? sized(nd::DType::uint8, nd::DType::uint16, nd::DType::uint32, nd::DType::uint64)
                 : sized(nd::DType::int8, nd::DType::int16, nd::DType::int32, nd::DType::int64);
    case H5T_FLOAT:
      dtype = size <= 4 ? nd::DType::float32 : nd::DType::float64;  // halves become floats
      return size == 2 || size == 4 || size == 8;
    case H5T_ENUM: {
      dtype = nd::DType::bool_;
      signed char value = 0;
      return size == 1 && H5Tget_nmembers(type) == 2 && H5Tenum_valueof(type, "TRUE", &value) >= 0;
    }
    case H5T_COMPOUND: {
      dtype = size == 8 ? nd::DType::complex64 : nd::DType::complex128;
      return (size == 8 || size == 16) && H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "r") == 0 &&
             H5Tget_member_index(type, "i") == 1;
    }
    default: return false;
  }
}

std::vector<hsize_t> sizes(const nd::Shape& shape) { return {shape.begin(), shape.end()}; }

/// Selects a box with steps, none of which is negative, in the file's space.
Id selection(const Id& dataset, const Hdf5Dataset& set, const Region& region) {
  Id space = checked(H5Dget_space(dataset.get()), &H5Sclose, set.path, set.name, "has no shape");
  if (region.empty()) return space;
  std::vector<hsize_t> start, step, count;
  for (const auto& range : region) {
    start.push_back(static_cast<hsize_t>(range.start));
    step.push_back(static_cast<hsize_t>(range.step));
    count.push_back(static_cast<hsize_t>(range.count));
  }
  if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), step.data(), count.data(), nullptr) < 0)
    raise(set.path, set.name, "cannot be read there");
  return space;
}

Id memory_space(const nd::Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), &H5Sclose};
  const auto extents = sizes(shape);
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), &H5Sclose};
}

}  // namespace

Hdf5Dataset open_hdf5(const std::string& path, const std::string& name) {
  const std::lock_guard lock(library());
  const Id file = open_file(path, H5F_ACC_RDONLY);
  const Id dataset = open_dataset(file, path, name);
  const Id type = checked(H5Dget_type(dataset.get()), &H5Tclose, path, name, "has no type");
  Hdf5Dataset found{path, name, {}, {}, {}};
  if (!known_type(type.get(), found.dtype))
    throw FileError(ErrorKind::invalid, path, name + ": is of a type that no array here has");
  const Id space = checked(H5Dget_space(dataset.get()), &H5Sclose, path, name, "has no shape");
  const int ndim = H5Sget_simple_extent_ndims(space.get());
  if (ndim < 0 || ndim > static_cast<int>(nd::ndim_max)) raise(path, name, "has no shape");
  std::vector<hsize_t> extents(static_cast<std::size_t>(ndim));
  H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  found.shape.assign(extents.begin(), extents.end());
  const Id made(H5Dget_create_plist(dataset.get()), &H5Pclose);
  if (ndim > 0 && H5Pget_layout(made.get()) == H5D_CHUNKED) {
    H5Pget_chunk(made.get(), ndim, extents.data());
    found.chunks.assign(extents.begin(), extents.end());
  }
  return found;
}

Hdf5Dataset create_hdf5(const std::string& path, const std::string& name, nd::DType dtype, const nd::Shape& shape,
                        const nd::Shape& chunks, unsigned gzip_level) {
  if (!chunks.empty() && (chunks.size() != shape.size() || *std::min_element(chunks.begin(), chunks.end()) < 1))
    throw InvalidRequest(path + ": " + name + ": chunks of " + nd::text_of(chunks) + " do not fit the shape " +
                         nd::text_of(shape));
  if (gzip_level > 9) throw InvalidRequest("gzip has levels from 0 to 9, not " + std::to_string(gzip_level));
  const std::lock_guard lock(library());
  quiet();
  std::error_code error;
  const Id file = std::filesystem::exists(path, error)
                      ? open_file(path, H5F_ACC_RDWR)
                      : checked(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT), &H5Fclose, path, {},
                                "cannot be made");
  const Id space = memory_space(shape);
  const Id type = memory_type(dtype);
  const Id links(H5Pcreate(H5P_LINK_CREATE), &H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Id how(H5Pcreate(H5P_DATASET_CREATE), &H5Pclose);
  if (!chunks.empty()) {
    const auto extents = sizes(chunks);
    H5Pset_chunk(how.get(), static_cast<int>(extents.size()), extents.data());
    if (gzip_level > 0) H5Pset_deflate(how.get(), gzip_level);
  }
  const Id dataset =
      checked(H5Dcreate2(file.get(), name.c_str(), type.get(), space.get(), links.get(), how.get(), H5P_DEFAULT),
              &H5Dclose, path, name, "cannot be made");
  return {path, name, dtype, shape, chunks};
}

nd::NdArray Hdf5Dataset::read(const Region& region) const {
  const nd::Shape counts = shape_of(region, shape, path);
  nd::NdArray result(counts, dtype);
  if (result.size() == 0) return result;
  Region forward = region;  // the library knows no steps backwards: those are turned afterwards
  for (auto& range : forward)
    if (range.step < 0) range = {range.start + (range.count - 1) * range.step, range.count, -range.step};
  {
    const std::lock_guard lock(library());
    const Id file = open_file(path, H5F_ACC_RDONLY);
    const Id dataset = open_dataset(file, path, name);
    const Id in_file = selection(dataset, *this, forward);
    const Id in_memory = memory_space(counts);
    const Id type = memory_type(dtype);
    if (H5Dread(dataset.get(), type.get(), in_memory.get(), in_file.get(), H5P_DEFAULT, result.mutable_data()) < 0)
      raise(path, name, "cannot be read");
  }
  for (std::size_t axis = 0; axis < region.size(); ++axis)
    if (region[axis].step < 0) result = result.flip(axis);
  return result.contiguous();
}

void Hdf5Dataset::write(const nd::Shape& at, const nd::NdArray& block) const {
  Region region;
  if (at.size() == block.ndim())
    for (std::size_t axis = 0; axis < at.size(); ++axis) region.push_back({at[axis], block.extent(axis), 1});
  (void)shape_of(region, shape, path);
  if (block.size() == 0) return;
  const nd::NdArray elements = block.astype(dtype).contiguous();
  const std::lock_guard lock(library());
  const Id file = open_file(path, H5F_ACC_RDWR);
  const Id dataset = open_dataset(file, path, name);
  const Id in_file = selection(dataset, *this, region);
  const Id in_memory = memory_space(elements.shape());
  const Id type = memory_type(dtype);
  if (H5Dwrite(dataset.get(), type.get(), in_memory.get(), in_file.get(), H5P_DEFAULT, elements.data()) < 0)
    raise(path, name, "cannot be written");
}

}  // namespace troupe::array_files
