// Reads and writes files of arrays as lines on standard input ask for it; for each one line says "ok", or what is wrong.
//
//   read KIND PATH REGION OUT.npy          KIND: npy zarr hdf5:NAME stack picture raw:DTYPE:SHAPE:OFFSET:ORDER
//   write KIND PATH IN.npy CHUNKS          KIND: npy png stack:AXIS zarr:FORMAT:COMPRESSOR hdf5:NAME:LEVEL
//
// REGION is start:count:step of each axis, with commas, or "all"; SHAPE and CHUNKS are numbers with commas, or "-".

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "collections/array_files/hdf5.hpp"
#include "collections/array_files/picture.hpp"
#include "collections/array_files/zarr.hpp"

namespace {

using namespace troupe;
using namespace troupe::array_files;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

nd::Shape numbers(const std::string& text) {
  nd::Shape all;
  if (text != "-")
    for (const auto& part : split(text, ',')) all.push_back(std::stoll(part));
  return all;
}

Region region_of(const std::string& text, const nd::Shape& shape) {
  if (text == "all") return whole(shape);
  Region region;
  for (const auto& part : split(text, ',')) {
    const auto range = split(part, ':');
    region.push_back({std::stoll(range.at(0)), std::stoll(range.at(1)), std::stoll(range.at(2))});
  }
  return region;
}

nd::NdArray load(const std::string& path) {
  const FlatFile file = open_npy(path);
  return file.read(whole(file.shape));
}

void save(const std::string& path, const nd::NdArray& array) {
  const auto bytes = nd::npy_bytes(array);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

nd::NdArray read_stack(const std::string& path) {
  const NpyStack stack = open_npy_stack(path);
  nd::NdArray all(stack.shape, stack.dtype);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < stack.extents.size(); at += stack.extents[i++])
    all.slice(static_cast<std::size_t>(stack.axis), at, at + stack.extents[i]).assign(load(stack.file(i)));
  return all;
}

nd::NdArray read(const std::vector<std::string>& kind, const std::string& path, const std::string& region) {
  if (kind[0] == "npy") {
    const FlatFile file = open_npy(path);
    return file.read(region_of(region, file.shape));
  }
  if (kind[0] == "raw") {
    const FlatFile file =
        open_raw(path, nd::dtype_named(kind.at(1)), numbers(kind.at(2)), std::stoull(kind.at(3)), kind.at(4) == "F");
    return file.read(region_of(region, file.shape));
  }
  if (kind[0] == "zarr") {
    const ZarrArray array = ZarrArray::open(path);
    return array.read(region_of(region, array.shape()));
  }
  if (kind[0] == "hdf5") {
    const Hdf5Dataset set = open_hdf5(path, kind.at(1));
    return set.read(region_of(region, set.shape));
  }
  if (kind[0] == "picture") return read_picture(path);
  return read_stack(path);
}

/// Calls put(index, block) for all blocks of at most `chunks`.
template <class Put>
void in_blocks(const nd::NdArray& array, const nd::Shape& chunks, Put put) {
  if (array.size() == 0) return;
  nd::Shape at(array.ndim(), 0);
  for (;;) {
    nd::NdArray block = array;
    for (std::size_t axis = 0; axis < at.size(); ++axis)
      block = block.slice(axis, at[axis], std::min(at[axis] + chunks[axis], array.extent(axis)));
    put(at, block);
    std::size_t axis = at.size();
    while (axis > 0 && (at[axis - 1] += chunks[axis - 1]) >= array.extent(axis - 1)) at[--axis] = 0;
    if (axis == 0) return;
  }
}

void write(const std::vector<std::string>& kind, const std::string& path, const nd::NdArray& array,
           const nd::Shape& chunks) {
  if (kind[0] == "png") {
    write_png(path, array);
  } else if (kind[0] == "npy") {
    const FlatFile file = create_npy(path, array.dtype(), array.shape());
    in_blocks(array, chunks, [&](const nd::Shape& at, const nd::NdArray& block) { file.write(at, block); });
    finish_file(file, path);
  } else if (kind[0] == "zarr") {
    const ZarrArray to =
        ZarrArray::create(path, array.dtype(), array.shape(), chunks,
                          {.format = std::stoi(kind.at(1)), .compressor = zarr_compressor_named(kind.at(2))});
    // In blocks that are not the chunks: parts of a chunk have to be kept.
    nd::Shape blocks;
    for (const auto extent : chunks) blocks.push_back(extent + 1);
    in_blocks(array, blocks, [&](const nd::Shape& at, const nd::NdArray& block) { to.write(at, block); });
  } else if (kind[0] == "hdf5") {
    const Hdf5Dataset set = create_hdf5(path, kind.at(1), array.dtype(), array.shape(), chunks,
                                        static_cast<unsigned>(std::stoul(kind.at(2))));
    in_blocks(array, chunks.empty() ? array.shape() : chunks,
              [&](const nd::Shape& at, const nd::NdArray& block) { set.write(at, block); });
  } else {
    const auto axis = static_cast<std::size_t>(std::stoi(kind.at(1)));
    std::vector<std::vector<std::int64_t>> extents;
    for (std::size_t i = 0; i < array.ndim(); ++i) extents.push_back({array.extent(i)});
    extents[axis].clear();
    for (std::int64_t at = 0; at < array.extent(axis); at += chunks[axis])
      extents[axis].push_back(std::min(chunks[axis], array.extent(axis) - at));
    write_npy_stack_info(path, array.dtype(), extents, static_cast<int>(axis));
    std::int64_t at = 0;
    for (std::size_t i = 0; i < extents[axis].size(); at += extents[axis][i++])
      save(path + "/" + std::to_string(i) + ".npy", array.slice(axis, at, at + extents[axis][i]));
  }
}

void obey(const std::vector<std::string>& words) {
  if (words.at(0) == "read")
    save(words.at(4), read(split(words.at(1), ':'), words.at(2), words.at(3)));
  else if (words.at(0) == "write")
    write(split(words.at(1), ':'), words.at(2), load(words.at(3)), numbers(words.at(4)));
  else
    throw std::invalid_argument("neither read nor write");
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) try {
      obey(split(line, ' '));
      std::cout << "ok" << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  return 0;
}
