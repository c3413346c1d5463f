#include "collections/array/array.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "collections/array/kernels.hpp"
#include "collections/array/lowering.hpp"
#include "collections/array/products.hpp"
#include "collections/array/rechunk_plan.hpp"
#include "collections/ndarray/indexing.hpp"

namespace troupe {

using namespace array;

namespace {

/// Functions of the user's may have given blocks of other shapes than they said.
void check_block(const ArrayNode& node, const Shape& at, const NdArray& block) {
  Shape said;
  for (std::size_t axis = 0; axis < node.chunks.size(); ++axis)
    said.push_back(node.chunks[axis][static_cast<std::size_t>(at[axis])]);
  bool same = block.ndim() == said.size();
  for (std::size_t axis = 0; same && axis < said.size(); ++axis)
    same = said[axis] == unknown || said[axis] == block.extent(axis);
  if (!same)
    throw InvalidRequest(fmt::format("{}: block {} has the shape {}, and by its chunks {} it has {}", node.name,
                                     describe(at), describe(block.shape()), describe(node.chunks), describe(said)));
}

using Traits = troupe::detail::collection_traits<Array>;

std::vector<ExpressionRef> expressions_of(const std::vector<Array>& all) {
  troupe::detail::Together together;
  std::vector<ExpressionRef> wanted;
  for (const auto& each : all) Traits::join(each, together);
  for (const auto& each : all) Traits::ask(each, together, wanted);
  return wanted;
}

std::vector<std::vector<Piece>> rechunk_axis(const AxisChunks& from, const AxisChunks& to) {
  if (from != to) return plan_intersection(from, to);
  std::vector<std::vector<Piece>> same;
  for (std::size_t i = 0; i < from.size(); ++i) same.push_back({{static_cast<std::int64_t>(i), {0, from[i], 1}}});
  return same;
}

Blocks rechunked(Lowering& to, const ArrayNode& node) {
  const auto& from = node.inputs.front()->chunks;
  const auto blocks = to.blocks(node.inputs.front());
  const auto old_grid = blocks_of(from);
  std::vector<std::vector<std::vector<Piece>>> plan;
  for (std::size_t axis = 0; axis < from.size(); ++axis) plan.push_back(rechunk_axis(from[axis], node.chunks[axis]));
  const auto itemsize = static_cast<std::int64_t>(nd::size_of(node.dtype));
  Blocks made;
  for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
    Shape pieces_grid;
    for (std::size_t axis = 0; axis < from.size(); ++axis)
      pieces_grid.push_back(static_cast<std::int64_t>(plan[axis][static_cast<std::size_t>((*at)[axis])].size()));
    std::vector<BlockRef> pieces;
    for (GridWalk piece(pieces_grid); piece; ++piece) {
      Shape place;
      Shape block_shape;
      View view;
      for (std::size_t axis = 0; axis < from.size(); ++axis) {
        const auto& part = plan[axis][static_cast<std::size_t>((*at)[axis])][static_cast<std::size_t>((*piece)[axis])];
        place.push_back(part.block);
        block_shape.push_back(from[axis][static_cast<std::size_t>(part.block)]);
        view.parts.push_back(part.part);
        view.axes.push_back(static_cast<std::int64_t>(axis));
      }
      pieces.push_back(Lowering::part_of(blocks[place_in(old_grid, place)], block_shape, view, itemsize));
    }
    made.push_back(pieces.size() == 1 ? pieces.front() : BlockRef{task("array.assemble", pieces, pieces_grid)});
  }
  return made;
}

}  // namespace

Array::Array() : Array(from_array(NdArray::zeros({}))) {}

std::int64_t Array::size() const {
  std::int64_t size = 1;
  for (const auto extent : shape()) {
    if (extent == unknown) return unknown;
    size *= extent;
  }
  return size;
}
std::int64_t Array::nbytes() const {
  const auto elements = size();
  return elements == unknown ? unknown : elements * static_cast<std::int64_t>(itemsize());
}

NdArray Array::compute(const ComputeOptions& options) const { return std::move(compute_all({*this}, options).front()); }
Array Array::persist(const ComputeOptions& options) const { return std::move(persist_all({*this}, options).front()); }

std::vector<Delayed<NdArray>> Array::to_delayed() const {
  Lowering to({&node_, 1});
  std::vector<Delayed<NdArray>> all;
  for (auto& each : to.values(node_)) all.emplace_back(std::move(each));
  return all;
}

Array Array::compute_chunk_sizes(const ComputeOptions& options) const {
  if (is_known(node_->chunks)) return *this;
  const auto there = persist(options);
  Lowering to({&there.node(), 1});
  const auto blocks = to.values(there.node());
  std::vector<ExpressionRef> shapes;
  for (const auto& each : blocks) {
    const BlockRef block{each};
    shapes.push_back(task("array.shape", {&block, 1}));
  }
  auto values = compute_expressions(shapes, options);
  auto chunks = node_->chunks;
  const auto grid = blocks_of(chunks);
  std::size_t next = 0;
  for (GridWalk at(grid); at; ++at) {
    const auto shape = troupe::detail::take_value<NdArray>(values[next++]).to_vector<std::int64_t>();
    for (std::size_t axis = 0; axis < grid.size(); ++axis)
      chunks[axis][static_cast<std::size_t>((*at)[axis])] = shape[axis];
  }
  return from_blocks(blocks, dtype(), chunks, name());
}

Array Array::transpose(const std::vector<int>& asked) const {
  std::vector<std::int64_t> axes;
  if (asked.empty())
    for (std::size_t axis = ndim(); axis-- > 0;) axes.push_back(static_cast<std::int64_t>(axis));
  for (const auto axis : asked) axes.push_back(static_cast<std::int64_t>(axis_in(axis, ndim(), "transpose")));
  auto sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (axes.size() != ndim() || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw InvalidRequest(
        fmt::format("transpose: the axes are no order of those of an array of shape {}", array::describe(shape())));
  if (std::is_sorted(axes.begin(), axes.end())) return *this;
  Chunks chunks;
  for (const auto axis : axes) chunks.push_back(node_->chunks[static_cast<std::size_t>(axis)]);
  return Array(make_node("transpose", dtype(), chunks, {node_}, [axes](Lowering& to, const ArrayNode& node) {
    const auto& from = node.inputs.front()->chunks;
    const auto& blocks = to.blocks(node.inputs.front());
    const auto old_grid = blocks_of(from);
    Blocks made;
    for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
      Shape place(axes.size());
      Shape block_shape(axes.size());
      for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto axis = static_cast<std::size_t>(axes[i]);
        place[axis] = (*at)[i];
        block_shape[axis] = from[axis][static_cast<std::size_t>((*at)[i])];
      }
      auto view = View::whole(block_shape);
      view.axes = axes;
      const auto& block = blocks[place_in(old_grid, place)];
      made.push_back({block.expression, block.view.then(view)});
    }
    return made;
  }));
}

Array Array::rechunk(const ChunkSpec& spec, const RechunkOptions& options) const {
  const auto size = static_cast<std::int64_t>(itemsize());
  auto target = normalize_chunks(spec, shape(), {.itemsize = size, .previous = &node_->chunks, .call = "rechunk"});
  if (options.balance)
    for (auto& axis : target) axis = balanced(axis);
  if (target == node_->chunks) return *this;
  for (std::size_t axis = 0; axis < ndim(); ++axis)
    if (target[axis] != node_->chunks[axis] && !is_known(node_->chunks[axis]))
      throw InvalidRequest(
          fmt::format("rechunk: axis {} of {} has blocks of unknown size: compute_chunk_sizes() makes "
                      "them known",
                      axis, array::describe(node_->chunks)));
  const auto bytes_max = options.block_bytes_max > 0 ? options.block_bytes_max : chunk_bytes();
  std::vector<Chunks> steps{target};
  if (is_known(node_->chunks))
    steps = plan_rechunk(
        node_->chunks, target,
        {.block_elements_max = std::max<std::int64_t>(1, bytes_max / size), .threshold = options.threshold});
  auto at = node_;
  for (auto& step : steps) at = make_node("rechunk", dtype(), std::move(step), {at}, &rechunked);
  return Array(at);
}

Array Array::dot(const Array& other) const { return array::dot(*this, other); }

namespace array {

Operand::Operand(const NdArray& array) : held_(from_array(array).node()) {}
Array Operand::array() const {
  if (const auto* known = node()) return Array(*known);
  return from_array(NdArray::scalar(scalar(), scalar().dtype()));
}

namespace {
std::vector<std::int64_t> places_of(const std::vector<bool>& mask) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) places.push_back(static_cast<std::int64_t>(i));
  return places;
}
}  // namespace

Index::Index(const std::vector<bool>& mask)
    : held_(places_of(mask)), mask_length_(static_cast<std::int64_t>(mask.size())) {}
Index::Index(const NdArray& array) : held_(std::int64_t{0}) {
  if (array.ndim() == 1 && array.dtype() == DType::bool_)
    *this = Index(array.to_vector<bool>());
  else if (array.ndim() == 1 && nd::is_integer(array.dtype()))
    held_ = array.to_vector<std::int64_t>();
  else
    held_ = from_array(array).node();
}

Array from_blocks(std::vector<ExpressionRef> blocks, DType dtype, Chunks chunks, std::string name) {
  if (blocks.size() != block_count(chunks))
    throw InvalidRequest(fmt::format("{}: {} blocks for the chunks {}", name, blocks.size(), describe(chunks)));
  return Array(make_node(std::move(name), dtype, std::move(chunks), {},
                         [blocks = std::move(blocks)](Lowering&, const ArrayNode&) {
                           Blocks made;
                           for (const auto& each : blocks) made.push_back({each});
                           return made;
                         }));
}

Array from_delayed(const std::vector<Delayed<NdArray>>& blocks, DType dtype, const Chunks& chunks) {
  return from_blocks(troupe::detail::expressions_of(blocks), dtype, chunks, "from_delayed");
}

Array from_array(const NdArray& whole, const ChunkSpec& spec) {
  const auto chunks = normalize_chunks(spec, whole.shape(),
                                       {.itemsize = static_cast<std::int64_t>(whole.itemsize()), .call = "from_array"});
  std::vector<std::vector<std::int64_t>> offsets;
  for (const auto& axis : chunks) offsets.push_back(offsets_of(axis));
  std::vector<ExpressionRef> blocks;
  for (GridWalk at(blocks_of(chunks)); at; ++at) {
    auto block = whole;
    for (std::size_t axis = 0; axis < chunks.size(); ++axis) {
      const auto i = static_cast<std::size_t>((*at)[axis]);
      block = block.slice(axis, offsets[axis][i], offsets[axis][i + 1]);
    }
    blocks.push_back(make_value(Value::make(std::move(block))));
  }
  return from_blocks(std::move(blocks), whole.dtype(), chunks, "from_array");
}

std::vector<NdArray> compute_all(const std::vector<Array>& all, const ComputeOptions& options) {
  auto values = compute_expressions(expressions_of(all), options);
  std::vector<NdArray> results;
  std::size_t next = 0;
  for (const auto& each : all) results.push_back(Traits::take(each, values, next));
  return results;
}

std::vector<Array> persist_all(const std::vector<Array>& all, const ComputeOptions& options) {
  auto there = persist_expressions(expressions_of(all), options);
  std::vector<Array> results;
  std::size_t next = 0;
  for (const auto& each : all) results.push_back(Traits::kept(each, there, next));
  return results;
}

namespace detail {
std::vector<ExpressionRef> block_values(Lowering& to, const NodeRef& node) { return to.values(node); }
}  // namespace detail

}  // namespace array

// ---- computed together ---------------------------------------------------------------------------------------------

void Traits::ask(const Array& array, troupe::detail::Together& together, std::vector<ExpressionRef>& wanted) {
  if (!together.lowering) {
    std::vector<NodeRef> nodes;
    for (const auto& each : together.arrays) nodes.push_back(std::static_pointer_cast<const ArrayNode>(each));
    together.lowering = std::make_shared<Lowering>(nodes);
  }
  auto blocks = static_cast<Lowering*>(together.lowering.get())->values(array.node());
  wanted.insert(wanted.end(), std::make_move_iterator(blocks.begin()), std::make_move_iterator(blocks.end()));
}

NdArray Traits::take(const Array& array, std::vector<Value>& values, std::size_t& next) {
  const auto& node = *array.node();
  const auto grid = blocks_of(node.chunks);
  std::vector<NdArray> blocks;
  for (GridWalk at(grid); at; ++at) {
    auto block = values[next++].take<NdArray>();
    if (!block) troupe::detail::throw_decode(block.error());
    check_block(node, *at, *block);
    blocks.push_back(std::move(*block));
  }
  if (blocks.size() == 1) return std::move(blocks.front());
  return array::detail::assembled(grid, blocks);
}

Array Traits::kept(const Array& array, std::vector<ExpressionRef>& there, std::size_t& next) {
  const auto& node = *array.node();
  const auto first = there.begin() + static_cast<std::ptrdiff_t>(next);
  const auto count = block_count(node.chunks);
  next += count;
  return array::from_blocks(
      {std::make_move_iterator(first), std::make_move_iterator(first + static_cast<std::ptrdiff_t>(count))}, node.dtype,
      node.chunks, node.name);
}

}  // namespace troupe
