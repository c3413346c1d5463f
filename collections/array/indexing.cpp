#include <algorithm>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/elementwise.hpp"
#include "collections/array/manipulation.hpp"

namespace troupe {

using namespace array;

namespace {

/// Indices without an ellipsis, one for each axis and new axis.
struct Expanded {
  std::vector<Index> indices;
  std::vector<std::int64_t> axes;  ///< of each; -1: a new one
};

std::size_t axes_used(const Index& index) {
  if (std::holds_alternative<NewAxis>(index.held()) || std::holds_alternative<Ellipsis>(index.held())) return 0;
  if (const auto* node = std::get_if<NodeRef>(&index.held()))
    return (*node)->dtype == DType::bool_ ? (*node)->chunks.size() : 1;
  return 1;
}

Expanded expanded(const Array& a, const Indices& indices) {
  std::size_t used = 0;
  std::size_t ellipses = 0;
  for (const auto& each : indices) {
    used += axes_used(each);
    if (std::holds_alternative<Ellipsis>(each.held())) ++ellipses;
  }
  if (ellipses > 1) throw InvalidRequest("getitem: more than one ellipsis");
  if (used > a.ndim())
    throw InvalidRequest(fmt::format("getitem: {} indices for an array of shape {}", used, array::describe(a.shape())));
  Expanded result;
  std::int64_t axis = 0;
  const auto fill = [&] {
    for (auto left = a.ndim() - used; left > 0; --left) {
      result.indices.emplace_back(slice());
      result.axes.push_back(axis++);
    }
  };
  for (const auto& each : indices) {
    if (std::holds_alternative<Ellipsis>(each.held())) {
      fill();
      continue;
    }
    result.indices.push_back(each);
    result.axes.push_back(std::holds_alternative<NewAxis>(each.held()) ? -1 : axis);
    axis += static_cast<std::int64_t>(axes_used(each));
  }
  if (ellipses == 0) fill();
  return result;
}

std::vector<Piece> all_pieces(const AxisChunks& axis) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < axis.size(); ++i) pieces.push_back({static_cast<std::int64_t>(i), {0, axis[i], 1}});
  return pieces;
}

/// What numbers and slices pick, for each axis of the source.
struct BasicPlan {
  std::vector<std::vector<Piece>> pieces;
  std::vector<std::int64_t> out_axes;  ///< axes of the source, or -1
};

std::vector<Piece> pieces_of(const Array& a, const Index& index, std::size_t axis) {
  const auto& chunks = a.chunks()[axis];
  if (const auto* asked = std::get_if<Slice>(&index.held())) {
    if (*asked == slice()) return all_pieces(chunks);
    if (!is_known(chunks))
      throw InvalidRequest(
          fmt::format("getitem: axis {} of shape {} has an unknown size: compute_chunk_sizes() makes "
                      "it known",
                      axis, array::describe(a.shape())));
    return plan_slice(chunks, stride_of(*asked, size_of(chunks)));
  }
  const auto number = std::get<std::int64_t>(index.held());
  if (!is_known(chunks))
    throw InvalidRequest(
        fmt::format("getitem: axis {} of shape {} has an unknown size: compute_chunk_sizes() makes it "
                    "known",
                    axis, array::describe(a.shape())));
  const auto at = resolve_indices({number}, size_of(chunks), axis, "getitem").front();
  return plan_slice(chunks, {at, 1, 1});
}

Blocks sliced(Lowering& to, const ArrayNode& node, const BasicPlan& plan) {
  const auto& from = node.inputs.front()->chunks;
  const auto blocks = to.blocks(node.inputs.front());
  const auto grid = blocks_of(from);
  const auto itemsize = static_cast<std::int64_t>(nd::size_of(node.dtype));
  Blocks made;
  for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
    Shape chosen(from.size(), 0);
    for (std::size_t i = 0; i < plan.out_axes.size(); ++i)
      if (plan.out_axes[i] >= 0) chosen[static_cast<std::size_t>(plan.out_axes[i])] = (*at)[i];
    Shape place;
    Shape block_shape;
    View view;
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      const auto& piece = plan.pieces[axis][static_cast<std::size_t>(chosen[axis])];
      place.push_back(piece.block);
      block_shape.push_back(from[axis][static_cast<std::size_t>(piece.block)]);
      view.parts.push_back(piece.part);
    }
    view.axes = plan.out_axes;
    made.push_back(Lowering::part_of(blocks[place_in(grid, place)], block_shape, view, itemsize));
  }
  return made;
}

Array basic(const Array& a, const Expanded& index) {
  BasicPlan plan;
  plan.pieces.resize(a.ndim());
  Chunks chunks;
  bool all = true;
  for (std::size_t i = 0; i < index.indices.size(); ++i) {
    const auto& each = index.indices[i];
    if (index.axes[i] < 0) {
      all = false;
      plan.out_axes.push_back(-1);
      chunks.push_back({1});
      continue;
    }
    const auto axis = static_cast<std::size_t>(index.axes[i]);
    const auto* asked = std::get_if<Slice>(&each.held());
    all = all && asked != nullptr && *asked == slice();
    plan.pieces[axis] = pieces_of(a, each, axis);
    if (asked == nullptr) continue;
    plan.out_axes.push_back(index.axes[i]);
    chunks.emplace_back();
    for (const auto& piece : plan.pieces[axis]) chunks.back().push_back(piece.part.count);
  }
  if (all) return a;
  return Array(make_node("getitem", a.dtype(), std::move(chunks), {a.node()},
                         [plan](Lowering& to, const ArrayNode& node) { return sliced(to, node, plan); }));
}

/// Elements where a mask of the same axes is true, in row-major order.
Array masked(const Array& a, const Array& mask) {
  for (std::size_t axis = 0; axis < a.ndim(); ++axis)
    if (a.shape()[axis] != mask.shape()[axis])
      throw InvalidRequest(fmt::format("getitem: a mask of shape {} for an array of shape {}",
                                       array::describe(mask.shape()), array::describe(a.shape())));
  const auto flat = a.ndim() == 1 ? a : a.ravel();
  auto flat_mask = mask.ndim() == 1 ? mask : mask.ravel();
  if (flat_mask.chunks() != flat.chunks()) flat_mask = flat_mask.rechunk(flat.chunks());
  return map_kernel("getitem", "array.masked", a.dtype(), {AxisChunks(flat.chunks()[0].size(), unknown)},
                    {flat, flat_mask});
}

/// The parts of an axis where a mask of that axis alone is true.
Array compressed(const Array& a, const Array& mask, std::size_t axis) {
  if (mask.shape()[0] != a.shape()[axis])
    throw InvalidRequest(fmt::format("getitem: a mask of {} for axis {} of the shape {}", array::describe(mask.shape()),
                                     axis, array::describe(a.shape())));
  auto cut = mask;
  if (mask.chunks()[0] != a.chunks()[axis]) cut = mask.rechunk(Chunks{a.chunks()[axis]});
  auto chunks = a.chunks();
  for (auto& each : chunks[axis]) each = unknown;
  return Array(make_node(
      "getitem", a.dtype(), std::move(chunks), {a.node(), cut.node()}, [axis](Lowering& to, const ArrayNode& node) {
        Blocks made;
        const auto grid = blocks_of(node.chunks);
        for (GridWalk at(grid); at; ++at) {
          const std::vector<BlockRef> both{to.blocks(node.inputs[0])[place_in(grid, *at)],
                                           to.blocks(node.inputs[1])[static_cast<std::size_t>((*at)[axis])]};
          made.push_back({task("array.compress", both, static_cast<std::int64_t>(axis))});
        }
        return made;
      }));
}

/// Elements of an axis by an array of numbers that is computed, too: each of its blocks takes from the whole axis.
Array taken_by_array(const Array& a, const Array& index, std::size_t axis) {
  if (!nd::is_integer(index.dtype()) || index.ndim() != 1)
    throw InvalidRequest(
        fmt::format("getitem: an index of type {} with {} axes", nd::name_of(index.dtype()), index.ndim()));
  const auto source = whole_along(a, axis);
  auto chunks = source.chunks();
  chunks[axis] = index.chunks()[0];
  return Array(make_node("getitem", a.dtype(), std::move(chunks), {source.node(), index.node()},
                         [axis](Lowering& to, const ArrayNode& node) {
                           Blocks made;
                           const auto grid = blocks_of(node.inputs[0]->chunks);
                           for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
                             auto place = *at;
                             place[axis] = 0;
                             const std::vector<BlockRef> both{
                                 to.blocks(node.inputs[0])[place_in(grid, place)],
                                 to.blocks(node.inputs[1])[static_cast<std::size_t>((*at)[axis])]};
                             made.push_back({task("array.take_by", both, static_cast<std::int64_t>(axis))});
                           }
                           return made;
                         }));
}

struct Target {
  std::vector<Stride> strides;  ///< of each axis of the array
  std::vector<bool> dropped;    ///< by a number
  Shape shape;                  ///< of what is assigned to, axes by number left out
};

Target target_of(const Array& a, const Indices& indices) {
  const auto index = expanded(a, indices);
  Target target;
  for (std::size_t i = 0; i < index.indices.size(); ++i) {
    const auto& held = index.indices[i].held();
    if (index.axes[i] < 0) throw InvalidRequest("assign: no new axis can be assigned to");
    const auto axis = static_cast<std::size_t>(index.axes[i]);
    const auto length = a.shape()[axis];
    if (length == unknown)
      throw InvalidRequest(
          fmt::format("assign: axis {} of shape {} has an unknown size", axis, array::describe(a.shape())));
    if (const auto* asked = std::get_if<Slice>(&held)) {
      target.strides.push_back(stride_of(*asked, length));
      target.shape.push_back(target.strides.back().count);
    } else if (const auto* number = std::get_if<std::int64_t>(&held)) {
      target.strides.push_back({resolve_indices({*number}, length, axis, "assign").front(), 1, 1});
    } else {
      throw InvalidRequest("assign: to numbers, slices and masks of the array's own shape; where() does the rest");
    }
    target.dropped.push_back(std::holds_alternative<std::int64_t>(held));
  }
  return target;
}

}  // namespace

Array Array::getitem(const Indices& indices) const {
  if (indices.size() == 1)
    if (const auto* node = std::get_if<NodeRef>(&indices.front().held()))
      if ((*node)->dtype == DType::bool_ && (*node)->chunks.size() == ndim() && ndim() > 0)
        return masked(*this, Array(*node));
  const auto index = expanded(*this, indices);
  auto first = index;  // lists are taken from what numbers and slices leave
  std::vector<std::pair<std::size_t, Index>> lists;
  std::vector<std::size_t> advanced;
  std::size_t out_axis = 0;
  for (std::size_t i = 0; i < index.indices.size(); ++i) {
    const auto& held = index.indices[i].held();
    const bool number = std::holds_alternative<std::int64_t>(held);
    const bool list = std::holds_alternative<std::vector<std::int64_t>>(held) || std::holds_alternative<NodeRef>(held);
    if (list || number) advanced.push_back(i);
    if (list) {
      lists.emplace_back(out_axis, index.indices[i]);
      first.indices[i] = slice();
    }
    if (!number) ++out_axis;
  }
  auto result = basic(*this, first);
  if (lists.empty()) return result;
  if (lists.size() > 1) throw InvalidRequest("getitem: more than one list or array among the indices: see vindex");
  const auto& [axis, list] = lists.front();
  if (const auto* node = std::get_if<NodeRef>(&list.held())) {
    const Array by(*node);
    if (by.dtype() == DType::bool_ && by.ndim() != 1)
      throw InvalidRequest("getitem: a mask of several axes has to be that of the whole array");
    result = by.dtype() == DType::bool_ ? compressed(result, by, axis) : taken_by_array(result, by, axis);
  } else {
    const auto length = list.mask_length();
    if (length && *length != result.shape()[axis])
      throw InvalidRequest(fmt::format("getitem: a mask of {} for axis {} of the shape {}", *length, axis,
                                       array::describe(result.shape())));
    result = take(result, std::get<std::vector<std::int64_t>>(list.held()), static_cast<int>(axis));
  }
  // NumPy: numbers count as lists, and lists that a slice parts come first.
  for (std::size_t i = 1; i < advanced.size(); ++i)
    if (advanced[i] != advanced[i - 1] + 1) return moveaxis(result, static_cast<int>(axis), 0);
  return result;
}

Array Array::assign(const Indices& indices, const Operand& value) const {
  if (indices.size() == 1)
    if (const auto* node = std::get_if<NodeRef>(&indices.front().held()))
      if ((*node)->dtype == DType::bool_) return where(Array(*node), value, *this).astype(dtype());
  const auto target = target_of(*this, indices);
  std::vector<std::vector<Piece>> pieces;
  Chunks value_chunks;
  for (std::size_t axis = 0; axis < ndim(); ++axis) {
    pieces.push_back(plan_slice(node_->chunks[axis], target.strides[axis]));
    value_chunks.emplace_back();
    for (const auto& piece : pieces.back()) value_chunks.back().push_back(piece.part.count);
  }
  if (value.array().ndim() > target.shape.size() ||
      broadcast_shapes(std::vector<Shape>{value.array().shape(), target.shape}, "assign") != target.shape)
    throw InvalidRequest(fmt::format("assign: a value of shape {} does not fit into a part of shape {}",
                                     array::describe(value.array().shape()), array::describe(target.shape)));
  const auto given = broadcast_to(value.array(), target.shape);
  Shape full_shape;
  for (const auto& stride : target.strides) full_shape.push_back(stride.count);
  const auto values = given.reshape(full_shape).rechunk(value_chunks).astype(dtype());
  return Array(make_node("assign", dtype(), node_->chunks, {node_, values.node()},
                         [pieces](Lowering& to, const ArrayNode& node) {
                           Blocks made = to.blocks(node.inputs[0]);
                           const auto& given_blocks = to.blocks(node.inputs[1]);
                           const auto grid = blocks_of(node.chunks);
                           const auto value_grid = blocks_of(node.inputs[1]->chunks);
                           for (GridWalk at(value_grid); at; ++at) {
                             Shape place;
                             std::vector<Stride> parts;
                             bool any = true;
                             for (std::size_t axis = 0; axis < grid.size(); ++axis) {
                               const auto& piece = pieces[axis][static_cast<std::size_t>((*at)[axis])];
                               place.push_back(piece.block);
                               parts.push_back(piece.part);
                               any = any && piece.part.count > 0;
                             }
                             if (!any) continue;
                             auto& block = made[place_in(grid, place)];
                             const std::vector<BlockRef> both{block, given_blocks[place_in(value_grid, *at)]};
                             block = {task("array.setitem", both, parts)};
                           }
                           return made;
                         }));
}

Array Array::blocks(const Indices& indices) const {
  const auto grid = blocks_of(node_->chunks);
  std::vector<ExpressionRef> none;
  Expanded index = expanded(*this, indices);
  std::vector<std::vector<std::int64_t>> chosen;
  Chunks chunks;
  for (std::size_t i = 0; i < index.indices.size(); ++i) {
    if (index.axes[i] < 0) throw InvalidRequest("blocks: no new axis");
    const auto axis = static_cast<std::size_t>(index.axes[i]);
    const auto& held = index.indices[i].held();
    chosen.emplace_back();
    if (const auto* asked = std::get_if<Slice>(&held)) {
      const auto stride = stride_of(*asked, grid[axis]);
      for (std::int64_t k = 0; k < stride.count; ++k) chosen.back().push_back(stride.start + k * stride.step);
    } else if (const auto* number = std::get_if<std::int64_t>(&held)) {
      chosen.back() = resolve_indices({*number}, grid[axis], axis, "blocks");
    } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&held)) {
      chosen.back() = resolve_indices(*list, grid[axis], axis, "blocks");
    } else {
      throw InvalidRequest("blocks: by numbers, slices and lists");
    }
    if (chosen.back().empty()) throw InvalidRequest(fmt::format("blocks: none along axis {}", axis));
    chunks.emplace_back();
    for (const auto block : chosen.back())
      chunks.back().push_back(node_->chunks[axis][static_cast<std::size_t>(block)]);
  }
  return Array(make_node("blocks", dtype(), chunks, {node_}, [chosen](Lowering& to, const ArrayNode& node) {
    const auto& all = to.blocks(node.inputs.front());
    const auto from = blocks_of(node.inputs.front()->chunks);
    Blocks made;
    for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
      Shape place;
      for (std::size_t axis = 0; axis < from.size(); ++axis)
        place.push_back(chosen[axis][static_cast<std::size_t>((*at)[axis])]);
      made.push_back(all[place_in(from, place)]);
    }
    return made;
  }));
}

Array Array::vindex(const std::vector<std::vector<std::int64_t>>& points) const {
  if (points.size() != ndim())
    throw InvalidRequest(fmt::format("vindex: {} lists for the shape {}", points.size(), array::describe(shape())));
  std::vector<std::int64_t> flat(points.empty() ? 1 : points[0].size(), 0);
  for (std::size_t axis = 0; axis < ndim(); ++axis) {
    if (points[axis].size() != flat.size()) throw InvalidRequest("vindex: the lists differ in length");
    const auto along = resolve_indices(points[axis], shape()[axis], axis, "vindex");
    for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = flat[i] * shape()[axis] + along[i];
  }
  return take(ravel(), flat, 0);
}

}  // namespace troupe
