#include "collections/array/manipulation.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/creation.hpp"
#include "collections/array/elementwise.hpp"
#include "collections/array/reductions.hpp"

namespace troupe {

Array Array::reshape(const array::Shape& shape) const { return array::reshape(*this, shape); }

Array Array::squeeze(const std::optional<array::AxisList>& axis) const {
  array::Indices indices(ndim(), array::slice());
  const auto extents = shape();
  if (axis) {
    for (const auto each : axis->axes) {
      const auto i = array::axis_in(each, ndim(), "squeeze");
      if (extents[i] != 1)
        throw InvalidRequest(fmt::format("squeeze: axis {} of the shape {} is not 1", each, array::describe(extents)));
      indices[i] = 0;
    }
  } else {
    for (std::size_t i = 0; i < ndim(); ++i)
      if (extents[i] == 1) indices[i] = 0;
  }
  return getitem(indices);
}

namespace array {
namespace {

int axis_of(std::size_t axis) { return static_cast<int>(axis); }

Indices along(const Array& a, std::size_t axis, const Index& index) {
  Indices indices(a.ndim(), slice());
  indices[axis] = index;
  return indices;
}

}  // namespace

Array whole_along(const Array& a, std::size_t axis) {
  if (a.chunks()[axis].size() == 1) return a;
  const auto extent = a.shape()[axis];
  const auto grown = largest_block(a.chunks()) / std::max<std::int64_t>(1, largest_block({a.chunks()[axis]})) * extent *
                     static_cast<std::int64_t>(a.itemsize());
  std::map<int, AxisSpec> spec{{axis_of(axis), AxisSpec(-1)}};
  if (grown > chunk_bytes())
    for (std::size_t other = 0; other < a.ndim(); ++other)
      if (other != axis && is_known(a.chunks()[other])) spec.emplace(axis_of(other), AxisSpec("auto"));
  return a.rechunk(spec);
}

Array whole(const Array& a) { return a.npartitions() == 1 ? a : a.rechunk(-1); }

Array broadcast_to(const Array& a, const Shape& shape, const ChunkSpec& spec) {
  if (a.shape() == shape) return a;
  const std::vector<Shape> both{a.shape(), shape};
  if (a.ndim() > shape.size() || broadcast_shapes(both, "broadcast_to") != shape)
    throw InvalidRequest(fmt::format("broadcast_to: {} does not become {}", describe(a.shape()), describe(shape)));
  auto axes = spec.axes(shape.size(), nullptr, "broadcast_to");
  const auto missing = shape.size() - a.ndim();
  for (std::size_t axis = 0; axis < a.ndim(); ++axis)
    if (a.shape()[axis] == shape[missing + axis]) axes[missing + axis] = AxisSpec(a.chunks()[axis]);
  auto chunks =
      normalize_chunks(axes, shape, {.itemsize = static_cast<std::int64_t>(a.itemsize()), .call = "broadcast_to"});
  return Array(
      make_node("broadcast_to", a.dtype(), std::move(chunks), {a.node()}, [](Lowering& to, const ArrayNode& node) {
        Blocks made;
        for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
          Shape extent;
          for (std::size_t axis = 0; axis < node.chunks.size(); ++axis)
            extent.push_back(node.chunks[axis][static_cast<std::size_t>((*at)[axis])]);
          made.push_back({task("array.broadcast", to.inputs_at(node.inputs, *at), extent)});
        }
        return made;
      }));
}

std::vector<Array> broadcast_arrays(const std::vector<Array>& all) {
  std::vector<Shape> shapes;
  for (const auto& each : all) shapes.push_back(each.shape());
  const auto shape = broadcast_shapes(shapes, "broadcast_arrays");
  std::vector<Array> result;
  for (const auto& each : all) result.push_back(broadcast_to(each, shape));
  return result;
}

Array expand_dims(const Array& a, const AxisList& axis) {
  const auto ndim = a.ndim() + axis.axes.size();
  std::vector<bool> is_new(ndim);
  for (const auto each : axis.axes) is_new[axis_in(each, ndim, "expand_dims")] = true;
  Indices indices;
  for (const bool each : is_new) {
    if (each)
      indices.emplace_back(newaxis);
    else
      indices.emplace_back(slice());
  }
  return a.getitem(indices);
}
Array moveaxis(const Array& a, int from, int to) {
  std::vector<int> axes;
  const auto source = axis_of(axis_in(from, a.ndim(), "moveaxis"));
  for (int axis = 0; axis < axis_of(a.ndim()); ++axis)
    if (axis != source) axes.push_back(axis);
  axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(axis_in(to, a.ndim(), "moveaxis")), source);
  return a.transpose(axes);
}
Array swapaxes(const Array& a, int first, int second) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[axis_in(first, a.ndim(), "swapaxes")], axes[axis_in(second, a.ndim(), "swapaxes")]);
  return a.transpose(axes);
}
Array flip(const Array& a, const std::optional<AxisList>& axis) {
  Indices indices(a.ndim(), Index(axis ? slice() : slice({}, {}, -1)));
  if (axis)
    for (const auto each : axis->axes) indices[axis_in(each, a.ndim(), "flip")] = slice({}, {}, -1);
  return a.getitem(indices);
}
Array rot90(const Array& a, int times, int first, int second) {
  switch ((times % 4 + 4) % 4) {
    case 1: return swapaxes(flip(a, AxisList(second)), first, second);
    case 2: return flip(a, AxisList{first, second});
    case 3: return flip(swapaxes(a, first, second), AxisList(second));
    default: return a;
  }
}
Array roll(const Array& a, std::int64_t shift, const std::optional<int>& asked) {
  if (!asked) return roll(a.ravel(), shift, 0).reshape(a.shape());
  const auto axis = axis_in(*asked, a.ndim(), "roll");
  const auto length = a.shape()[axis];
  if (length == 0) return a;
  const auto by = (shift % length + length) % length;
  if (by == 0) return a;
  return concatenate({a.getitem(along(a, axis, slice(length - by))), a.getitem(along(a, axis, slice(0, length - by)))},
                     axis_of(axis));
}
Array atleast_1d(const Array& a) { return a.ndim() > 0 ? a : a.reshape({1}); }
Array atleast_2d(const Array& a) { return a.ndim() > 1 ? a : expand_dims(atleast_1d(a), 0); }
Array atleast_3d(const Array& a) { return a.ndim() > 2 ? a : expand_dims(atleast_2d(a), 2); }

Array concatenate(const std::vector<Array>& all, int asked) {
  if (all.empty()) throw InvalidRequest("concatenate: of no arrays");
  const auto axis = axis_in(asked, all[0].ndim(), "concatenate");
  auto dtype = all[0].dtype();
  std::vector<Chunks> others;
  for (const auto& each : all) {
    dtype = nd::result_type(dtype, each.dtype());
    auto shape = each.shape();
    if (each.ndim() != all[0].ndim()) shape = {};
    auto expected = all[0].shape();
    if (!shape.empty()) shape[axis] = expected[axis];
    if (shape != expected)
      throw InvalidRequest(fmt::format("concatenate: the shapes {} and {} differ beside axis {}",
                                       describe(all[0].shape()), describe(each.shape()), axis));
    others.push_back(each.chunks());
    others.back()[axis] = {1};
  }
  auto chunks = broadcast_chunks(others, "concatenate");
  chunks[axis].clear();
  std::vector<NodeRef> inputs;
  for (const auto& each : all) {
    auto wanted = chunks;
    wanted[axis] = each.chunks()[axis];
    inputs.push_back(each.rechunk(wanted).astype(dtype).node());
  }
  for (const auto& each : all)
    chunks[axis].insert(chunks[axis].end(), each.chunks()[axis].begin(), each.chunks()[axis].end());
  return Array(make_node(
      "concatenate", dtype, std::move(chunks), std::move(inputs), [axis](Lowering& to, const ArrayNode& node) {
        Blocks made;
        for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
          auto place = *at;
          std::size_t from = 0;
          while (place[axis] >= static_cast<std::int64_t>(node.inputs[from]->chunks[axis].size()))
            place[axis] -= static_cast<std::int64_t>(node.inputs[from++]->chunks[axis].size());
          made.push_back(to.blocks(node.inputs[from])[place_in(blocks_of(node.inputs[from]->chunks), place)]);
        }
        return made;
      }));
}

Array stack(const std::vector<Array>& all, int axis) {
  std::vector<Array> wider;
  for (const auto& each : all) {
    if (each.shape() != all[0].shape())
      throw InvalidRequest(
          fmt::format("stack: the shapes {} and {} differ", describe(all[0].shape()), describe(each.shape())));
    wider.push_back(expand_dims(each, axis));
  }
  return concatenate(wider, axis);
}
Array hstack(const std::vector<Array>& all) {
  std::vector<Array> wide;
  for (const auto& each : all) wide.push_back(atleast_1d(each));
  return concatenate(wide, !wide.empty() && wide[0].ndim() == 1 ? 0 : 1);
}
Array vstack(const std::vector<Array>& all) {
  std::vector<Array> wide;
  for (const auto& each : all) wide.push_back(atleast_2d(each));
  return concatenate(wide, 0);
}
Array dstack(const std::vector<Array>& all) {
  std::vector<Array> deep;
  for (const auto& each : all) deep.push_back(atleast_3d(each));
  return concatenate(deep, 2);
}
Array block(const std::vector<std::vector<Array>>& rows) {
  std::vector<Array> joined;
  for (const auto& row : rows) joined.push_back(concatenate(row, -1));
  return joined.size() == 1 ? joined[0] : concatenate(joined, std::max(-2, -axis_of(joined.at(0).ndim())));
}
std::vector<Array> split(const Array& a, const std::vector<std::int64_t>& places, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "split");
  std::vector<Array> parts;
  std::int64_t start = 0;
  for (const auto place : places) {
    parts.push_back(a.getitem(along(a, axis, slice(start, place))));
    start = place;
  }
  parts.push_back(a.getitem(along(a, axis, slice(start))));
  return parts;
}
std::vector<Array> array_split(const Array& a, std::int64_t parts, int axis) {
  const auto length = a.shape()[axis_in(axis, a.ndim(), "array_split")];
  if (parts < 1) throw InvalidRequest(fmt::format("array_split: into {} parts", parts));
  std::vector<std::int64_t> places;
  for (std::int64_t i = 1; i < parts; ++i) places.push_back(i * (length / parts) + std::min(i, length % parts));
  return split(a, places, axis);
}
std::vector<Array> split(const Array& a, std::int64_t parts, int axis) {
  const auto length = a.shape()[axis_in(axis, a.ndim(), "split")];
  if (parts < 1 || length % parts != 0)
    throw InvalidRequest(fmt::format("split: {} elements are not {} equal parts", length, parts));
  return array_split(a, parts, axis);
}
Array append(const Array& a, const Array& values, const std::optional<int>& axis) {
  return axis ? concatenate({a, values}, *axis) : concatenate({a.ravel(), values.ravel()});
}
Array insert(const Array& a, std::int64_t place, const Operand& values, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "insert");
  const auto length = a.shape()[axis];
  if (place < -length || place > length)
    throw InvalidRequest(fmt::format("insert: no place {} along axis {}, which has {}", place, axis, length));
  if (place < 0) place += length;
  auto row = a.shape();
  row[axis] = 1;
  auto given = values.array();
  if (given.ndim() + 1 == a.ndim() && given.ndim() > 0) given = expand_dims(given, axis_of(axis));
  const auto between = broadcast_to(given, row).astype(a.dtype());
  return concatenate({a.getitem(along(a, axis, slice(0, place))), between, a.getitem(along(a, axis, slice(place)))},
                     axis_of(axis));
}
Array remove(const Array& a, const std::vector<std::int64_t>& places, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "remove");
  const auto gone = resolve_indices(places, a.shape()[axis], axis, "remove");
  std::vector<bool> kept(static_cast<std::size_t>(a.shape()[axis]), true);
  for (const auto place : gone) kept[static_cast<std::size_t>(place)] = false;
  return compress(kept, a, axis_of(axis));
}

Array take(const Array& a, const std::vector<std::int64_t>& indices, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "take");
  if (!is_known(a.chunks()[axis]))
    throw InvalidRequest(fmt::format("take: axis {} of shape {} has an unknown size", axis, describe(a.shape())));
  auto plan = plan_take(a.chunks()[axis], resolve_indices(indices, a.shape()[axis], axis, "take"));
  auto chunks = a.chunks();
  chunks[axis] = plan.chunks;
  return Array(make_node("take", a.dtype(), std::move(chunks), {a.node()},
                         [axis, plan = std::move(plan)](Lowering& to, const ArrayNode& node) {
                           const auto blocks = to.blocks(node.inputs.front());
                           const auto grid = blocks_of(node.inputs.front()->chunks);
                           Blocks made;
                           for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
                             std::vector<BlockRef> inputs;
                             std::vector<std::vector<std::int64_t>> from;
                             std::vector<std::vector<std::int64_t>> places;
                             for (const auto& part : plan.blocks[static_cast<std::size_t>((*at)[axis])]) {
                               auto place = *at;
                               place[axis] = part.block;
                               inputs.push_back(blocks[place_in(grid, place)]);
                               from.push_back(part.from);
                               places.push_back(part.to);
                             }
                             made.push_back(
                                 {task("array.take", inputs, static_cast<std::int64_t>(axis), from, places)});
                           }
                           return made;
                         }));
}
Array compress(const std::vector<bool>& condition, const Array& a, int axis) {
  const auto i = axis_in(axis, a.ndim(), "compress");
  if (static_cast<std::int64_t>(condition.size()) > a.shape()[i])
    throw InvalidRequest(
        fmt::format("compress: {} conditions for axis {} of {}", condition.size(), i, describe(a.shape())));
  std::vector<std::int64_t> indices;
  for (std::size_t k = 0; k < condition.size(); ++k)
    if (condition[k]) indices.push_back(static_cast<std::int64_t>(k));
  return take(a, indices, axis);
}
Array repeat(const Array& a, std::int64_t count, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "repeat");
  if (count < 0) throw InvalidRequest(fmt::format("repeat: {} times", count));
  if (count == 0) return a.getitem(along(a, axis, slice(0, 0)));
  auto chunks = a.chunks();
  for (auto& each : chunks[axis]) each = each == unknown ? unknown : each * count;
  return map_kernel("repeat", "array.repeat", a.dtype(), std::move(chunks), {a}, count,
                    static_cast<std::int64_t>(axis));
}
Array tile(const Array& a, const std::vector<std::int64_t>& counts) {
  auto result = a;
  while (result.ndim() < counts.size()) result = expand_dims(result, 0);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto axis = result.ndim() - counts.size() + i;
    if (counts[i] < 0) throw InvalidRequest(fmt::format("tile: {} times", counts[i]));
    if (counts[i] == 0) result = result.getitem(along(result, axis, slice(0, 0)));
    if (counts[i] > 1)
      result = concatenate(std::vector<Array>(static_cast<std::size_t>(counts[i]), result), axis_of(axis));
  }
  return result;
}

Array tril(const Array& a, std::int64_t k) {
  if (a.ndim() < 2) throw InvalidRequest("tril: of less than two axes");
  const auto n = a.ndim();
  const auto mask = tri(a.shape()[n - 2], a.shape()[n - 1], k,
                        {.dtype = DType::bool_, .chunks = Chunks{a.chunks()[n - 2], a.chunks()[n - 1]}});
  return where(mask, a, 0).astype(a.dtype());
}
Array triu(const Array& a, std::int64_t k) {
  if (a.ndim() < 2) throw InvalidRequest("triu: of less than two axes");
  const auto n = a.ndim();
  const auto mask = tri(a.shape()[n - 2], a.shape()[n - 1], k - 1,
                        {.dtype = DType::bool_, .chunks = Chunks{a.chunks()[n - 2], a.chunks()[n - 1]}});
  return where(mask, 0, a).astype(a.dtype());
}
Array diagonal(const Array& a, std::int64_t k) {
  if (a.ndim() != 2) throw InvalidRequest(fmt::format("diagonal: of a matrix, not of shape {}", describe(a.shape())));
  const auto rows = a.shape()[0];
  const auto columns = a.shape()[1];
  const auto count = std::max<std::int64_t>(0, k >= 0 ? std::min(rows, columns - k) : std::min(rows + k, columns));
  std::vector<std::int64_t> i(static_cast<std::size_t>(count));
  std::iota(i.begin(), i.end(), k >= 0 ? 0 : -k);
  std::vector<std::int64_t> j(static_cast<std::size_t>(count));
  std::iota(j.begin(), j.end(), k >= 0 ? k : 0);
  return a.vindex({i, j});
}
Array diag(const Array& a, std::int64_t k) {
  if (a.ndim() == 2) return diagonal(a, k);
  if (a.ndim() != 1) throw InvalidRequest(fmt::format("diag: of the shape {}", describe(a.shape())));
  const auto matrix =
      where(eye(a.shape()[0], -1, 0, {.dtype = DType::bool_, .chunks = Chunks{a.chunks()[0], a.chunks()[0]}}), a, 0)
          .astype(a.dtype());
  if (k == 0) return matrix;
  const auto before = nd::PadWidth{std::max<std::int64_t>(-k, 0), std::max<std::int64_t>(k, 0)};
  return pad(matrix, {before, {before.after, before.before}});
}
Array trace(const Array& a, std::int64_t k) { return diagonal(a, k).sum(); }

Array diff(const Array& a, int n, int asked) {
  const auto axis = axis_in(asked, a.ndim(), "diff");
  auto result = a;
  for (int i = 0; i < n; ++i) {
    const auto later = result.getitem(along(result, axis, slice(1)));
    const auto earlier = result.getitem(along(result, axis, slice(0, -1)));
    result = a.dtype() == DType::bool_ ? later != earlier : later - earlier;
  }
  return result;
}
Array ediff1d(const Array& a) { return diff(a.ravel()); }
Array outer(const Array& a, const Array& b) { return a.ravel()[{slice(), newaxis}] * b.ravel()[{newaxis, slice()}]; }

}  // namespace array
}  // namespace troupe
