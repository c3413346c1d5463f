#include <algorithm>

#include "collections/array/kernels.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/random.hpp"

/// Kernels that make, move and change blocks.
namespace troupe::array {
namespace {

using nd::NdArray;

Value elementwise(ArgumentReader& in) {
  const auto program = in.read<nd::Program>();
  return Value::make(program.run(read_blocks(in)));
}

Value getitem(ArgumentReader& in) {
  auto blocks = read_blocks(in);
  return Value::make(blocks.at(0).copy());
}

Value assemble(ArgumentReader& in) {
  const auto grid = in.read<Shape>();
  return Value::make(detail::assembled(grid, read_blocks(in)));
}

/// The shape of a block, as an array.
Value shape(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  return Value::make(NdArray::of(blocks.at(0).shape()));
}

/// Elements of several blocks along an axis, each list to its places.
Value take(ArgumentReader& in) {
  const auto axis = in.read<std::int64_t>();
  const auto from = in.read<std::vector<std::vector<std::int64_t>>>();
  const auto to = in.read<std::vector<std::vector<std::int64_t>>>();
  const auto blocks = read_blocks(in);
  std::int64_t size = 0;
  for (const auto& each : to) size += static_cast<std::int64_t>(each.size());
  const auto along = static_cast<std::size_t>(axis);
  if (blocks.size() == 1 && std::is_sorted(to[0].begin(), to[0].end()))
    return Value::make(nd::take(blocks[0], NdArray::of(from[0]), static_cast<int>(axis)));
  auto shape = blocks.at(0).shape();
  shape[along] = size;
  NdArray made(shape, blocks[0].dtype());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto taken = nd::take(blocks[i], NdArray::of(from[i]), static_cast<int>(axis));
    for (std::size_t k = 0; k < to[i].size(); ++k) {
      const auto n = static_cast<std::int64_t>(k);
      auto place = made.slice(along, to[i][k], to[i][k] + 1);
      place.assign(taken.slice(along, n, n + 1));
    }
  }
  return Value::make(std::move(made));
}

/// A block in which the elements at `places`, a list for each axis, are those of another.
Value setitem(ArgumentReader& in) {
  const auto places = in.read<std::vector<Stride>>();
  const auto blocks = read_blocks(in);
  auto changed = blocks.at(0).copy();
  auto target = changed;
  for (std::size_t axis = 0; axis < places.size(); ++axis)
    target = target.slice(axis, nd::Range{places[axis].start, places[axis].count, places[axis].step});
  target.assign(blocks.at(1));
  return Value::make(std::move(changed));
}

Value full(ArgumentReader& in) {
  const auto shape = in.read<Shape>();
  const auto value = in.read<NdArray>();
  return Value::make(NdArray::full(shape, value.at({}), value.dtype()));
}

/// start + i * step of the i from `first` on. Floats as NumPy makes them, by multiplying.
Value progression(ArgumentReader& in) {
  const auto start = in.read<NdArray>();
  const auto step = in.read<NdArray>();
  const auto first = in.read<std::int64_t>();
  const auto count = in.read<std::int64_t>();
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  (void)read_blocks(in);
  if (nd::is_integer(start.dtype())) {
    NdArray made({count}, nd::DType::int64);
    for (std::int64_t i = 0; i < count; ++i)
      made.mutable_data_as<std::int64_t>()[i] = start.item<std::int64_t>() + (first + i) * step.item<std::int64_t>();
    return Value::make(made.astype(dtype));
  }
  NdArray made({count}, nd::DType::float64);
  const auto from = start.item<double>();
  const auto by = step.item<double>();
  for (std::int64_t i = 0; i < count; ++i)
    made.mutable_data_as<double>()[i] = from + static_cast<double>(first + i) * by;
  return Value::make(made.astype(dtype));
}

Value eye(ArgumentReader& in) {
  const auto shape = in.read<Shape>();
  const auto k = in.read<std::int64_t>();
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  const auto lower = in.read<bool>();
  (void)read_blocks(in);
  return Value::make(lower ? nd::tri(shape.at(0), shape.at(1), k, dtype) : nd::eye(shape.at(0), shape.at(1), k, dtype));
}

Value draw(ArgumentReader& in) {
  const auto name = in.read<std::string>();
  auto parameters = in.read<std::vector<double>>();
  nd::random::Key key;
  key.seed = in.read<std::uint64_t>();
  key.stream = in.read<std::uint32_t>();
  nd::random::Part part;
  part.whole = in.read<Shape>();
  part.start = in.read<Shape>();
  part.extent = in.read<Shape>();
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  (void)read_blocks(in);
  return Value::make(nd::random::draw(nd::random::distribution(name, std::move(parameters)), key, part).astype(dtype));
}

Value no_inputs_full(ArgumentReader& in) {
  auto made = full(in);
  (void)read_blocks(in);
  return made;
}

constexpr Kernel kernels[] = {
    {"array.elementwise", &elementwise},
    {"array.getitem", &getitem},
    {"array.assemble", &assemble},
    {"array.take", &take},
    {"array.setitem", &setitem},
    {"array.full", &no_inputs_full},
    {"array.progression", &progression},
    {"array.eye", &eye},
    {"array.random", &draw},
    {"array.shape", &shape},
};

}  // namespace

std::span<const Kernel> block_kernels() { return kernels; }

namespace detail {

NdArray assembled(const Shape& grid, const std::vector<NdArray>& pieces) {
  const auto ndim = grid.size();
  std::vector<std::vector<std::int64_t>> extents(ndim);
  for (std::size_t axis = 0; axis < ndim; ++axis) {
    for (std::int64_t i = 0; i < grid[axis]; ++i) {
      Shape at(ndim, 0);
      at[axis] = i;
      extents[axis].push_back(pieces.at(place_in(grid, at)).extent(axis));
    }
  }
  Shape shape;
  for (const auto& each : extents) shape.push_back(size_of(each));
  NdArray whole(shape, pieces.at(0).dtype());
  std::vector<std::vector<std::int64_t>> offsets;
  for (const auto& each : extents) offsets.push_back(offsets_of(each));
  std::size_t next = 0;
  for (GridWalk at(grid); at; ++at) {
    auto target = whole;
    for (std::size_t axis = 0; axis < ndim; ++axis) {
      const auto i = static_cast<std::size_t>((*at)[axis]);
      target = target.slice(axis, offsets[axis][i], offsets[axis][i + 1]);
    }
    target.assign(pieces[next++]);
  }
  return whole;
}

}  // namespace detail

}  // namespace troupe::array
