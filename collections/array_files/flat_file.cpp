#include "collections/array_files/flat_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/errors.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/source.hpp"
#include "collections/ndarray/byte_order.hpp"

namespace troupe::array_files {
namespace {

using io::FileError;

[[noreturn]] void raise(const std::string& path, const char* act) {
  throw FileError(errno == ENOENT ? ErrorKind::invalid : ErrorKind::failed, path,
                  std::string(act) + ": " + std::generic_category().message(errno));
}

template <class T>
std::vector<T> reversed(std::vector<T> all) {
  std::reverse(all.begin(), all.end());
  return all;
}

/// Calls visit(element in the file, elements in a row) for the rows of a box, each as long as it can be, in order.
template <class Visit>
void for_each_row(const nd::Shape& shape, const nd::Shape& at, const nd::Shape& extents, Visit visit) {
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return;
  std::size_t inner = shape.size();  // axes from here on are one row
  std::int64_t row = 1;
  while (inner > 0) {
    --inner;
    row *= extents[inner];
    if (extents[inner] != shape[inner]) break;
  }
  nd::Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  nd::Shape index(inner, 0);
  for (;;) {
    std::int64_t first = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      first += (at[axis] + (axis < inner ? index[axis] : 0)) * strides[axis];
    visit(static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(row));
    std::size_t axis = inner;
    while (axis > 0 && ++index[axis - 1] == extents[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

class Descriptor {
public:
  Descriptor(const std::string& path, int flags, const char* act) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) raise(path, act);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

private:
  int fd_;
};

void write_all(int fd, const std::string& path, const std::byte* data, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const auto done = ::pwrite(fd, data, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) raise(path, "cannot be written");
    data += done;
    size -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
}

}  // namespace

Region whole(const nd::Shape& shape) {
  Region region;
  for (const auto extent : shape) region.push_back({0, extent, 1});
  return region;
}

nd::Shape shape_of(const Region& region, const nd::Shape& shape, const std::string& path) {
  nd::Shape counts;
  bool inside = region.size() == shape.size();
  for (std::size_t axis = 0; inside && axis < region.size(); ++axis) {
    const auto& range = region[axis];
    const auto last = range.start + (range.count - 1) * range.step;
    inside = range.step != 0 && range.count >= 0 &&
             (range.count == 0 || (range.start >= 0 && range.start < shape[axis] && last >= 0 && last < shape[axis]));
    counts.push_back(range.count);
  }
  if (!inside) throw InvalidRequest(path + ": what is read does not lie inside its shape " + nd::text_of(shape));
  return counts;
}

nd::NdArray FlatFile::read(const Region& region) const {
  if (column_major && shape.size() > 1) {
    FlatFile turned = *this;
    turned.shape = reversed(shape);
    turned.column_major = false;
    return turned.read(reversed(region)).transpose();
  }
  const nd::Shape counts = shape_of(region, shape, path);
  // The box around it, of which the steps are taken afterwards.
  nd::Shape at;
  nd::Shape extents;
  for (const auto& range : region) {
    const auto last = range.start + std::max<std::int64_t>(range.count - 1, 0) * range.step;
    at.push_back(std::min(range.start, last));
    extents.push_back(range.count == 0 ? 0 : std::max(range.start, last) - at.back() + 1);
  }
  nd::NdArray box(extents, dtype);
  const io::InputFile file(path);
  const std::size_t item = box.itemsize();
  std::byte* to = box.mutable_data();
  for_each_row(shape, at, extents, [&](std::uint64_t first, std::uint64_t count) {
    const std::size_t bytes = count * item;
    if (file.read_all(reinterpret_cast<char*>(to), bytes, offset + first * item) != bytes)
      throw FileError(
          ErrorKind::failed, path,
          "is too short: element " + std::to_string(first + count - 1) + " of " + nd::text_of(shape) + " is not there");
    to += bytes;
  });
  if (swapped) nd::swap_bytes({box.mutable_data(), box.nbytes()}, dtype);
  nd::NdArray result = box;
  for (std::size_t axis = 0; axis < region.size(); ++axis)
    if (region[axis].step != 1 && region[axis].count > 0)
      result = result.slice(axis, nd::Range{region[axis].start - at[axis], region[axis].count, region[axis].step});
  return result.contiguous();
}

void FlatFile::write(const nd::Shape& at, const nd::NdArray& block) const {
  if (column_major && shape.size() > 1) {
    FlatFile turned = *this;
    turned.shape = reversed(shape);
    turned.column_major = false;
    return turned.write(reversed(at), block.transpose());
  }
  Region region;
  for (std::size_t axis = 0; axis < std::min(at.size(), block.ndim()); ++axis)
    region.push_back({at[axis], block.extent(axis), 1});
  if (at.size() != block.ndim()) region.clear();
  (void)shape_of(region, shape, path);
  nd::NdArray rows = block.astype(dtype).contiguous();
  if (swapped) {
    rows = rows.copy();
    nd::swap_bytes({rows.mutable_data(), rows.nbytes()}, dtype);
  }
  const Descriptor file(path, O_WRONLY, "cannot be opened");
  const std::byte* from = rows.data();
  for_each_row(shape, at, block.shape(), [&](std::uint64_t first, std::uint64_t count) {
    const std::size_t bytes = count * rows.itemsize();
    write_all(file.get(), path, from, bytes, offset + first * rows.itemsize());
    from += bytes;
  });
}

FlatFile open_npy(const std::string& path) {
  constexpr std::size_t header_max = 1 << 20;
  const io::InputFile file(path);
  std::vector<std::byte> bytes(4096);
  for (;;) {
    const auto got = file.read_all(reinterpret_cast<char*>(bytes.data()), bytes.size(), 0);
    try {
      const nd::NpyHeader header = nd::parse_npy_header(std::span(bytes).first(got));
      FlatFile found{path, header.data_offset, header.dtype, header.shape, header.swapped, header.column_major};
      return open_raw(path, found.dtype, found.shape, found.offset), found;
    } catch (const InvalidRequest& error) {
      if (got < bytes.size() || bytes.size() >= header_max) throw FileError(ErrorKind::invalid, path, error.what());
      bytes.resize(bytes.size() * 4);
    }
  }
}

FlatFile open_raw(const std::string& path, nd::DType dtype, nd::Shape shape, std::uint64_t offset, bool column_major) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw FileError(ErrorKind::invalid, path, "cannot be read: " + error.message());
  const auto needed = offset + static_cast<std::uint64_t>(nd::size_of(shape)) * size_of(dtype);
  if (size < needed)
    throw FileError(ErrorKind::invalid, path,
                    "has " + std::to_string(size) + " bytes; " + nd::text_of(shape) + " of " +
                        std::string(name_of(dtype)) + " from byte " + std::to_string(offset) + " on needs " +
                        std::to_string(needed));
  return {path, offset, dtype, std::move(shape), false, column_major};
}

FlatFile create_npy(const std::string& path, nd::DType dtype, const nd::Shape& shape) {
  const std::vector<std::byte> header = nd::npy_header(dtype, shape);
  FlatFile made{path + ".part", header.size(), dtype, shape, false, false};
  std::error_code ignored;
  if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty())
    std::filesystem::create_directories(parent, ignored);
  const Descriptor file(made.path, O_WRONLY | O_CREAT | O_TRUNC, "cannot be made");
  write_all(file.get(), made.path, header.data(), header.size(), 0);
  const auto bytes = header.size() + static_cast<std::uint64_t>(nd::size_of(shape)) * size_of(dtype);
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
    raise(made.path, "cannot be made as long as it has to be");
  return made;
}

void finish_file(const FlatFile& file, const std::string& path) {
  if (::rename(file.path.c_str(), path.c_str()) != 0) raise(path, "cannot be given its name");
}

}  // namespace troupe::array_files
