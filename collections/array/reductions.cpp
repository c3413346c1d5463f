#include "collections/array/reductions.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "collections/array/elementwise.hpp"
#include "collections/array/kernels.hpp"
#include "collections/array/lowering.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/ndarray/scans.hpp"

namespace troupe::array {
namespace {

bool is_arg(Reduction kind) {
  return kind == Reduction::argmin || kind == Reduction::argmax || kind == Reduction::nanargmin ||
         kind == Reduction::nanargmax;
}
bool needs_elements(Reduction kind) {
  return is_arg(kind) || kind == Reduction::min || kind == Reduction::max || kind == Reduction::nanmin ||
         kind == Reduction::nanmax || kind == Reduction::ptp;
}

/// Blocks of an axis that have elements; all if none has.
std::vector<std::int64_t> filled_blocks(const AxisChunks& axis) {
  std::vector<std::int64_t> filled;
  for (std::size_t i = 0; i < axis.size(); ++i)
    if (axis[i] != 0) filled.push_back(static_cast<std::int64_t>(i));
  return filled.empty() ? std::vector<std::int64_t>{0} : filled;
}

/// Joins states until each result has one. `grid` counts them along each axis.
Blocks joined_in_trees(std::vector<ExpressionRef> states, Shape grid, const ReductionSpec& spec, int split_every) {
  const auto of_each = std::max<std::int64_t>(
      2, static_cast<std::int64_t>(std::pow(std::max(2, split_every), 1.0 / static_cast<double>(spec.axes.size()))));
  for (;;) {
    auto next = grid;
    bool last = true;
    for (const auto axis : spec.axes) {
      auto& count = next[static_cast<std::size_t>(axis)];
      count = (count + of_each - 1) / of_each;
      last = last && count == 1;
    }
    std::vector<ExpressionRef> joined;
    for (GridWalk at(next); at; ++at) {
      Shape part(grid.size(), 1);
      for (const auto axis : spec.axes) {
        const auto i = static_cast<std::size_t>(axis);
        part[i] = std::min(of_each, grid[i] - (*at)[i] * of_each);
      }
      std::vector<BlockRef> inputs;
      for (GridWalk inner(part); inner; ++inner) {
        auto place = *at;
        for (const auto axis : spec.axes) {
          const auto i = static_cast<std::size_t>(axis);
          place[i] = (*at)[i] * of_each + (*inner)[i];
        }
        inputs.push_back({states[place_in(grid, place)]});
      }
      joined.push_back(task("array.combine", inputs, spec, last));
    }
    states = std::move(joined);
    grid = std::move(next);
    if (last) break;
  }
  Blocks made;
  for (auto& each : states) made.push_back({std::move(each)});
  return made;
}

Blocks reduced(Lowering& to, const ArrayNode& node, const ReductionSpec& spec, int split_every) {
  const auto& from = node.inputs.front()->chunks;
  const auto fused = to.fused(node);
  const bool known = is_known(from);
  Shape grid = blocks_of(from);
  std::vector<std::vector<std::int64_t>> kept(from.size());
  for (const auto axis : spec.axes) {
    const auto i = static_cast<std::size_t>(axis);
    kept[i] = filled_blocks(from[i]);
    grid[i] = static_cast<std::int64_t>(kept[i].size());
  }
  std::vector<std::vector<std::int64_t>> offsets;
  for (const auto& axis : from) offsets.push_back(known ? offsets_of(axis) : std::vector<std::int64_t>(axis.size()));
  bool only_one = true;
  for (const auto axis : spec.axes) only_one = only_one && grid[static_cast<std::size_t>(axis)] == 1;
  const auto whole = known ? shape_of(from) : Shape();
  std::vector<ExpressionRef> states;
  for (GridWalk at(grid); at; ++at) {
    auto place = *at;
    Shape start;
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      if (!kept[axis].empty()) place[axis] = kept[axis][static_cast<std::size_t>(place[axis])];
      start.push_back(offsets[axis][static_cast<std::size_t>(place[axis])]);
    }
    states.push_back(
        task("array.partial", to.inputs_at(fused.inputs, place), fused.program, spec, only_one, start, whole));
  }
  if (!only_one) return joined_in_trees(std::move(states), grid, spec, split_every);
  Blocks made;
  for (auto& each : states) made.push_back({std::move(each)});
  return made;
}

NodeRef reduction_node(const Array& a, const ReductionSpec& spec, int split_every, std::string name) {
  const NdArray sample = NdArray::zeros(Shape(a.ndim(), 1), a.dtype());
  ArrayNode node;
  node.dtype = spec.result_of(spec.state_of(sample, Shape(a.ndim(), 0), Shape(a.ndim(), 1))).dtype();
  node.name = std::move(name);
  node.inputs = {a.node()};
  node.absorbs = true;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    const bool is_reduced =
        std::find(spec.axes.begin(), spec.axes.end(), static_cast<std::int64_t>(axis)) != spec.axes.end();
    if (!is_reduced)
      node.chunks.push_back(a.chunks()[axis]);
    else if (spec.reduction() == Reduction::topk)
      node.chunks.push_back({std::min(std::abs(spec.k), a.shape()[axis])});
    else if (spec.keepdims)
      node.chunks.push_back({1});
  }
  node.lower = [spec, split_every](Lowering& to, const ArrayNode& self) {
    return reduced(to, self, spec, split_every);
  };
  return std::make_shared<const ArrayNode>(std::move(node));
}

/// A block's own totals, then those of all before it.
Array scanned(const Array& a, const std::optional<int>& asked, const char* kernel, Reduction total, nd::Op joins,
              const char* name) {
  if (!asked && a.ndim() != 1) return scanned(a.ravel(), 0, kernel, total, joins, name);
  const auto axis = axis_in(asked.value_or(0), a.ndim(), name);
  ReductionSpec spec;
  spec.kind = static_cast<std::uint8_t>(total);
  spec.axes = {static_cast<std::int64_t>(axis)};
  spec.keepdims = true;
  const auto dtype = nd::cumsum(NdArray::zeros({1}, a.dtype()), 0).dtype();
  return Array(make_node(name, dtype, a.chunks(), {a.node()},
                         [axis, spec, kernel = std::string(kernel), joins](Lowering& to, const ArrayNode& node) {
                           const auto blocks = to.blocks(node.inputs.front());
                           const auto grid = blocks_of(node.chunks);
                           nd::Program program;
                           const auto x = program.input(node.dtype);
                           const auto y = program.input(node.dtype);
                           program.set_result(program.apply(joins, {x, y}));
                           std::vector<ExpressionRef> carry(blocks.size());
                           Blocks made(blocks.size());
                           for (GridWalk at(grid); at; ++at) {
                             const auto place = place_in(grid, *at);
                             const BlockRef own{task(kernel, {&blocks[place], 1}, static_cast<std::int64_t>(axis))};
                             made[place] = own;
                             auto before = *at;
                             --before[axis];
                             if ((*at)[axis] > 0) {
                               const std::vector<BlockRef> both{{carry[place_in(grid, before)]}, own};
                               made[place] = {task("array.elementwise", both, program)};
                             }
                             if ((*at)[axis] + 1 == grid[axis]) continue;
                             const BlockRef mine{task("array.partial", {&blocks[place], 1},
                                                      std::optional<nd::Program>(), spec, true, Shape(grid.size(), 0),
                                                      Shape(grid.size(), 0))};
                             carry[place] = mine.expression;
                             if ((*at)[axis] > 0) {
                               const std::vector<BlockRef> both{{carry[place_in(grid, before)]}, mine};
                               carry[place] = task("array.elementwise", both, program);
                             }
                           }
                           return made;
                         }));
}

}  // namespace

Array reduce(Reduction kind, const Array& a, const ReduceOptions& options, std::string name) {
  ReductionSpec spec;
  spec.kind = static_cast<std::uint8_t>(kind);
  spec.keepdims = options.keepdims;
  spec.ddof = options.ddof;
  if (options.dtype) spec.dtype = static_cast<std::int64_t>(*options.dtype);
  if (!options.axis.all) {
    for (const auto axis : options.axis.axes)
      spec.axes.push_back(static_cast<std::int64_t>(axis_in(axis, a.ndim(), name)));
    std::sort(spec.axes.begin(), spec.axes.end());
    if (std::adjacent_find(spec.axes.begin(), spec.axes.end()) != spec.axes.end())
      throw InvalidRequest(fmt::format("{}: an axis is named twice", name));
  } else {
    for (std::size_t axis = 0; axis < a.ndim(); ++axis) spec.axes.push_back(static_cast<std::int64_t>(axis));
    spec.flat = true;
  }
  if (is_arg(kind)) {
    if (!spec.flat && spec.axes.size() != 1) throw InvalidRequest(fmt::format("{}: one axis, or all", name));
    if (!is_known(a.chunks()))
      throw InvalidRequest(
          fmt::format("{}: the shape {} is unknown: compute_chunk_sizes() makes it known", name, describe(a.shape())));
  }
  if (needs_elements(kind))
    for (const auto axis : spec.axes)
      if (a.shape()[static_cast<std::size_t>(axis)] == 0)
        throw InvalidRequest(
            fmt::format("{}: of no elements: axis {} of the shape {}", name, axis, describe(a.shape())));
  return Array(reduction_node(a, spec, options.split_every, std::move(name)));
}

Array topk(const Array& a, std::int64_t k, int axis, int split_every) {
  ReductionSpec spec;
  spec.kind = static_cast<std::uint8_t>(Reduction::topk);
  spec.axes = {static_cast<std::int64_t>(axis_in(axis, a.ndim(), "topk"))};
  spec.k = k;
  spec.keepdims = true;
  if (k == 0) throw InvalidRequest("topk: k is zero");
  return Array(reduction_node(a, spec, split_every, "topk"));
}

Array average(const Array& a, const std::optional<Array>& weights, const std::optional<int>& axis) {
  ReduceOptions over;
  if (axis) over.axis = AxisList(*axis);
  if (!weights) return mean(a, over);
  auto w = *weights;
  if (w.ndim() == 1 && a.ndim() > 1) {
    if (!axis) throw InvalidRequest("average: weights of one axis need to know which");
    Shape shape(a.ndim(), 1);
    shape[axis_in(*axis, a.ndim(), "average")] = w.shape()[0];
    w = w.reshape(shape);
  }
  return sum(a * w, over) / sum(broadcast_to(w, a.shape()), over);
}

Array cumsum(const Array& a, const std::optional<int>& axis) {
  return scanned(a, axis, "array.cumsum", Reduction::sum, nd::Op::add, "cumsum");
}
Array cumprod(const Array& a, const std::optional<int>& axis) {
  return scanned(a, axis, "array.cumprod", Reduction::prod, nd::Op::multiply, "cumprod");
}
Array nancumsum(const Array& a, const std::optional<int>& axis) {
  return scanned(a, axis, "array.nancumsum", Reduction::nansum, nd::Op::add, "nancumsum");
}
Array nancumprod(const Array& a, const std::optional<int>& axis) {
  return scanned(a, axis, "array.nancumprod", Reduction::nanprod, nd::Op::multiply, "nancumprod");
}

}  // namespace troupe::array

namespace troupe {

#define TROUPE_ARRAY_METHOD(name) \
  Array Array::name(const array::ReduceOptions& options) const { return array::name(*this, options); }
TROUPE_ARRAY_METHOD(sum)
TROUPE_ARRAY_METHOD(prod)
TROUPE_ARRAY_METHOD(min)
TROUPE_ARRAY_METHOD(max)
TROUPE_ARRAY_METHOD(any)
TROUPE_ARRAY_METHOD(all)
TROUPE_ARRAY_METHOD(mean)
TROUPE_ARRAY_METHOD(var)
TROUPE_ARRAY_METHOD(std)
TROUPE_ARRAY_METHOD(argmin)
TROUPE_ARRAY_METHOD(argmax)
#undef TROUPE_ARRAY_METHOD
Array Array::cumsum(int axis) const { return array::cumsum(*this, axis); }
Array Array::cumprod(int axis) const { return array::cumprod(*this, axis); }
Array Array::topk(std::int64_t k, int axis) const { return array::topk(*this, k, axis); }

}  // namespace troupe
