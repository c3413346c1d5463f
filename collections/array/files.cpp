#include "collections/array/files.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array_files/hdf5.hpp"
#include "collections/array_files/picture.hpp"

namespace troupe::array {
namespace {

using array_files::FlatFile;

/// The part of the whole array that a block is.
std::vector<Stride> region_at(const Chunks& chunks, const Shape& at) {
  std::vector<Stride> region;
  for (std::size_t axis = 0; axis < chunks.size(); ++axis) {
    const auto i = static_cast<std::size_t>(at[axis]);
    std::int64_t start = 0;
    for (std::size_t k = 0; k < i; ++k) start += chunks[axis][k];
    region.push_back({start, chunks[axis][i], 1});
  }
  return region;
}
Shape start_of(const std::vector<Stride>& region) {
  Shape start;
  for (const auto& each : region) start.push_back(each.start);
  return start;
}

/// An array whose blocks a kernel reads: its arguments, then the region.
template <class... P>
Array read_by(std::string_view kernel, DType dtype, Chunks chunks, const P&... arguments) {
  return Array(make_node(std::string(kernel.substr(6)), dtype, std::move(chunks), {},
                         [kernel, arguments...](Lowering&, const ArrayNode& node) {
                           Blocks made;
                           for (GridWalk at(blocks_of(node.chunks)); at; ++at)
                             made.push_back({task(kernel, {}, arguments..., region_at(node.chunks, *at))});
                           return made;
                         }));
}
Array read_flat(const FlatFile& file, const ChunkSpec& spec, std::string_view call) {
  auto chunks = normalize_chunks(spec, file.shape,
                                 {.itemsize = static_cast<std::int64_t>(nd::size_of(file.dtype)), .call = call});
  return read_by("array.read_flat", file.dtype, std::move(chunks), file.path, file.offset,
                 static_cast<std::uint8_t>(file.dtype), file.shape, file.swapped, file.column_major);
}

void refuse_unknown(const Array& a, std::string_view call) {
  if (!is_known(a.chunks()))
    throw InvalidRequest(
        fmt::format("{}: the shape {} is unknown: compute_chunk_sizes() makes it known", call, describe(a.shape())));
}

/// Runs a kernel on each block for what it does; `arguments_of` gives the task for a block and where that lies.
template <class MakeTask>
void write_blocks(const Array& a, const ComputeOptions& options, MakeTask&& make_task) {
  const auto& node = a.node();
  Lowering to({&node, 1});
  const auto& blocks = to.blocks(node);
  std::vector<ExpressionRef> written;
  std::size_t next = 0;
  for (GridWalk at(blocks_of(a.chunks())); at; ++at) written.push_back(make_task(blocks[next++], *at));
  (void)compute_expressions(written, options);
}

/// Absolute, as workers have other directories.
std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

/// Chunks of a file from which `auto` blocks are made: whole ones of the file's.
Chunks blocks_of_file(const ChunkSpec& spec, const Shape& shape, const Shape& file_chunks, DType dtype,
                      const char* call) {
  Chunks theirs;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    theirs.push_back(even_chunks(shape[axis], file_chunks.empty() ? shape[axis] : file_chunks[axis]));
  return normalize_chunks(spec, shape,
                          {.itemsize = static_cast<std::int64_t>(nd::size_of(dtype)),
                           .previous = file_chunks.empty() ? nullptr : &theirs,
                           .call = call});
}

}  // namespace

Array from_npy(const std::string& path, const ChunkSpec& chunks) {
  return read_flat(array_files::open_npy(absolute_path(path)), chunks, "from_npy");
}
Array from_raw(const std::string& path, DType dtype, const Shape& shape, const ChunkSpec& chunks,
               std::uint64_t offset) {
  return read_flat(array_files::open_raw(absolute_path(path), dtype, shape, offset), chunks, "from_raw");
}
Array from_npy_stack(const std::string& directory) {
  const auto stack = array_files::open_npy_stack(absolute_path(directory));
  Chunks chunks;
  for (const auto extent : stack.shape) chunks.push_back({extent});
  chunks[static_cast<std::size_t>(stack.axis)] = stack.extents;
  std::vector<ExpressionRef> blocks;
  for (std::size_t i = 0; i < stack.extents.size(); ++i) {
    const auto file = array_files::open_npy(stack.file(i));
    const auto one = read_flat(file, -1, "from_npy_stack");
    blocks.push_back(one.to_delayed().front().expression());
  }
  return from_blocks(std::move(blocks), stack.dtype, std::move(chunks), "from_npy_stack");
}
Array from_zarr(const std::string& directory, const ChunkSpec& spec) {
  const auto path = absolute_path(directory);
  const auto file = array_files::ZarrArray::open(path);
  return read_by("array.read_zarr", file.dtype(),
                 blocks_of_file(spec, file.shape(), file.chunks(), file.dtype(), "from_zarr"), path);
}
Array from_hdf5(const std::string& path, const std::string& dataset, const ChunkSpec& spec) {
  const auto file = array_files::open_hdf5(absolute_path(path), dataset);
  return read_by("array.read_hdf5", file.dtype, blocks_of_file(spec, file.shape, file.chunks, file.dtype, "from_hdf5"),
                 file.path, file.name);
}
Array imread(const std::string& pattern) {
  std::vector<ExpressionRef> blocks;
  const auto paths = array_files::pictures_named(absolute_path(pattern));
  const auto first = array_files::inspect_picture(paths.front());
  Chunks chunks{AxisChunks(paths.size(), 1)};
  for (const auto extent : first.shape) chunks.push_back({extent});
  for (const auto& path : paths) {
    const auto info = array_files::inspect_picture(path);
    if (info.shape != first.shape || info.dtype != first.dtype)
      throw InvalidRequest(fmt::format("imread: {} is {} of {}, and {} is {} of {}", paths.front(),
                                       describe(first.shape), nd::name_of(first.dtype), path, describe(info.shape),
                                       nd::name_of(info.dtype)));
    blocks.push_back(task("array.read_picture", {}, path));
  }
  return from_blocks(std::move(blocks), first.dtype, std::move(chunks), "imread");
}

void to_npy(const Array& a, const std::string& asked, const ComputeOptions& options) {
  refuse_unknown(a, "to_npy");
  const auto path = absolute_path(asked);
  const auto file = array_files::create_npy(path, a.dtype(), a.shape());
  write_blocks(a, options, [&](const BlockRef& block, const Shape& at) {
    return task("array.write_flat", {&block, 1}, file.path, file.offset, static_cast<std::uint8_t>(file.dtype),
                file.shape, start_of(region_at(a.chunks(), at)));
  });
  array_files::finish_file(file, path);
}
void to_npy_stack(const Array& a, const std::string& asked, int axis, const ComputeOptions& options) {
  refuse_unknown(a, "to_npy_stack");
  const auto along = static_cast<int>(axis_in(axis, a.ndim(), "to_npy_stack"));
  std::map<int, AxisSpec> spec;
  for (int i = 0; i < static_cast<int>(a.ndim()); ++i)
    if (i != along) spec.emplace(i, AxisSpec(-1));
  const auto cut = spec.empty() ? a : a.rechunk(spec);
  const auto directory = absolute_path(asked);
  array_files::write_npy_stack_info(directory, a.dtype(), cut.chunks(), along);
  std::int64_t next = 0;
  write_blocks(cut, options, [&](const BlockRef& block, const Shape&) {
    return task("array.write_npy", {&block, 1}, fmt::format("{}/{}.npy", directory, next++));
  });
}
void to_zarr(const Array& a, const std::string& asked, const array_files::ZarrOptions& zarr,
             const ComputeOptions& options) {
  refuse_unknown(a, "to_zarr");
  Shape sizes;
  Chunks even;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    sizes.push_back(std::max<std::int64_t>(1, largest_block({a.chunks()[axis]})));
    even.push_back(even_chunks(a.shape()[axis], sizes.back()));
  }
  const auto cut = a.rechunk(even);
  const auto directory = absolute_path(asked);
  (void)array_files::ZarrArray::create(directory, a.dtype(), a.shape(), sizes, zarr);
  write_blocks(cut, options, [&](const BlockRef& block, const Shape& at) {
    return task("array.write_zarr", {&block, 1}, directory, start_of(region_at(cut.chunks(), at)));
  });
}
void to_hdf5(const Array& a, const std::string& path, const std::string& dataset, unsigned gzip_level,
             const ComputeOptions& options) {
  refuse_unknown(a, "to_hdf5");
  constexpr std::size_t blocks_at_once = 8;
  Shape sizes;
  for (const auto& axis : a.chunks()) sizes.push_back(std::max<std::int64_t>(1, largest_block({axis})));
  const auto file = array_files::create_hdf5(absolute_path(path), dataset, a.dtype(), a.shape(), sizes, gzip_level);
  const auto& node = a.node();
  Lowering to({&node, 1});
  const auto blocks = to.values(node);
  GridWalk at(blocks_of(a.chunks()));
  for (std::size_t first = 0; first < blocks.size(); first += blocks_at_once) {
    const auto count = std::min(blocks_at_once, blocks.size() - first);
    auto values = compute_expressions(std::span(blocks).subspan(first, count), options);
    for (auto& value : values) {
      file.write(start_of(region_at(a.chunks(), *at)), troupe::detail::take_value<NdArray>(value));
      ++at;
    }
  }
}

// ---- what tasks call ----------------------------------------------------------------------------------------------

namespace {

array_files::Region read_region(ArgumentReader& in) {
  array_files::Region region;
  for (const auto& each : in.read<std::vector<Stride>>()) region.push_back({each.start, each.count, each.step});
  (void)read_blocks(in);
  return region;
}
FlatFile read_file(ArgumentReader& in) {
  FlatFile file;
  file.path = in.read<std::string>();
  file.offset = in.read<std::uint64_t>();
  file.dtype = static_cast<DType>(in.read<std::uint8_t>());
  file.shape = in.read<Shape>();
  return file;
}
Value done() { return Value::make(NdArray::scalar(true, DType::bool_)); }

Value read_flat_block(ArgumentReader& in) {
  auto file = read_file(in);
  file.swapped = in.read<bool>();
  file.column_major = in.read<bool>();
  return Value::make(file.read(read_region(in)));
}
Value read_zarr_block(ArgumentReader& in) {
  const auto file = array_files::ZarrArray::open(in.read<std::string>());
  return Value::make(file.read(read_region(in)));
}
Value read_hdf5_block(ArgumentReader& in) {
  const auto path = in.read<std::string>();
  const auto file = array_files::open_hdf5(path, in.read<std::string>());
  return Value::make(file.read(read_region(in)));
}
Value read_picture_block(ArgumentReader& in) {
  const auto path = in.read<std::string>();
  (void)read_blocks(in);
  return Value::make(array_files::read_picture(path).expand_dims(0));
}
Value write_flat_block(ArgumentReader& in) {
  const auto file = read_file(in);
  const auto at = in.read<Shape>();
  file.write(at, read_blocks(in).at(0));
  return done();
}
Value write_npy_file(ArgumentReader& in) {
  const auto path = in.read<std::string>();
  const auto block = read_blocks(in).at(0);
  const auto file = array_files::create_npy(path, block.dtype(), block.shape());
  file.write(Shape(block.ndim(), 0), block);
  array_files::finish_file(file, path);
  return done();
}
Value write_zarr_block(ArgumentReader& in) {
  const auto file = array_files::ZarrArray::open(in.read<std::string>());
  const auto at = in.read<Shape>();
  file.write(at, read_blocks(in).at(0));
  return done();
}

constexpr Kernel kernels[] = {
    {"array.read_flat", &read_flat_block},   {"array.read_zarr", &read_zarr_block},
    {"array.read_hdf5", &read_hdf5_block},   {"array.read_picture", &read_picture_block},
    {"array.write_flat", &write_flat_block}, {"array.write_npy", &write_npy_file},
    {"array.write_zarr", &write_zarr_block},
};

}  // namespace

std::span<const Kernel> file_kernels() { return kernels; }

}  // namespace troupe::array
