#include "collections/array/user_functions.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/creation.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/ndarray/joining.hpp"

namespace troupe::array {
namespace {

/// The blocks of `node` as expressions, and where they stand.
struct BlocksAt {
  std::vector<ExpressionRef> blocks;
  Shape grid;
};
BlocksAt blocks_at(Lowering& to, const NodeRef& node) { return {to.values(node), blocks_of(node->chunks)}; }

/// The chunks of each letter, fitted to all arrays that have it.
std::map<char, AxisChunks> chunks_of_letters(const std::vector<Labelled>& inputs, std::string_view call) {
  std::map<char, std::vector<Chunks>> all;
  for (const auto& [a, axes] : inputs) {
    if (axes.size() != a.ndim())
      throw InvalidRequest(fmt::format("{}: \"{}\" for an array of shape {}", call, axes, describe(a.shape())));
    if (std::set<char>(axes.begin(), axes.end()).size() != axes.size())
      throw InvalidRequest(fmt::format("{}: \"{}\" names an axis twice", call, axes));
    for (std::size_t i = 0; i < axes.size(); ++i) all[axes[i]].push_back({a.chunks()[i]});
  }
  std::map<char, AxisChunks> fitted;
  for (const auto& [letter, chunks] : all)
    fitted[letter] = broadcast_chunks(chunks, fmt::format("{}: axis '{}'", call, letter)).front();
  return fitted;
}

/// Cut as its letters are; in one piece along axes that the result has not.
Array cut_to_fit(const Labelled& input, std::string_view out, const std::map<char, AxisChunks>& fitted) {
  std::map<int, AxisSpec> spec;
  for (std::size_t i = 0; i < input.axes.size(); ++i) {
    const auto axis = static_cast<int>(i);
    const auto& theirs = input.array.chunks()[i];
    const auto& wanted = fitted.at(input.axes[i]);
    if (out.find(input.axes[i]) == std::string_view::npos) {
      if (theirs.size() != 1) spec.emplace(axis, AxisSpec(-1));
    } else if (theirs != wanted && !(size_of(theirs) == 1 && size_of(wanted) != 1)) {
      spec.emplace(axis, AxisSpec(wanted));
    }
  }
  return spec.empty() ? input.array : input.array.rechunk(spec);
}

}  // namespace

namespace detail {

Array blockwise(std::string name, std::string_view out, const std::vector<Labelled>& inputs,
                const BlockwiseOptions& options, const CallOnBlocks& call) {
  const auto fitted = chunks_of_letters(inputs, name);
  Chunks chunks;
  for (const char letter : out) {
    const auto known = fitted.find(letter);
    const auto added = options.new_axes.find(letter);
    if (std::count(out.begin(), out.end(), letter) > 1)
      throw InvalidRequest(fmt::format("{}: the result \"{}\" names an axis twice", name, out));
    if ((known == fitted.end()) == (added == options.new_axes.end()))
      throw InvalidRequest(
          fmt::format("{}: axis '{}' of the result \"{}\" is {}", name, letter, out,
                      known == fitted.end() ? "of no array, and not new" : "of an array, and not new"));
    chunks.push_back(known != fitted.end() ? known->second : added->second);
    const auto adjusted = options.adjust_chunks.find(letter);
    if (adjusted == options.adjust_chunks.end()) continue;
    if (adjusted->second.size() != chunks.back().size())
      throw InvalidRequest(fmt::format("{}: axis '{}' has {} blocks, and {} are said to become of them", name, letter,
                                       chunks.back().size(), adjusted->second.size()));
    chunks.back() = adjusted->second;
  }
  if (inputs.empty()) throw InvalidRequest(fmt::format("{}: of no array", name));
  std::vector<NodeRef> nodes;
  std::vector<std::vector<std::size_t>> places;  // of each axis of each input, that in the result; else npos
  for (const auto& each : inputs) {
    nodes.push_back(cut_to_fit(each, out, fitted).node());
    places.emplace_back();
    for (const char letter : each.axes) places.back().push_back(out.find(letter));
  }
  const auto dtype = options.dtype.value_or(inputs.front().array.dtype());
  return Array(
      make_node(std::move(name), dtype, std::move(chunks), nodes, [call, places](Lowering& to, const ArrayNode& node) {
        std::vector<BlocksAt> all;
        for (const auto& input : node.inputs) all.push_back(blocks_at(to, input));
        Blocks made;
        for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
          std::vector<ExpressionRef> blocks;
          for (std::size_t i = 0; i < all.size(); ++i) {
            Shape place;
            for (std::size_t axis = 0; axis < places[i].size(); ++axis)
              place.push_back(all[i].grid[axis] == 1 ? 0 : (*at)[places[i][axis]]);
            blocks.push_back(all[i].blocks[place_in(all[i].grid, place)]);
          }
          made.push_back({call(blocks)});
        }
        return made;
      }));
}

NdArray along_lines(const NdArray& block, std::size_t axis, const std::function<NdArray(const NdArray&)>& f) {
  const auto last = block.ndim() - 1;
  Shape rest;
  for (std::size_t i = 0; i <= last; ++i)
    if (i != axis) rest.push_back(block.extent(i));
  std::vector<NdArray> made;
  for (GridWalk at(rest); at; ++at) {
    auto line = block;
    for (std::size_t i = last + 1; i-- > 0;)
      if (i != axis) line = line.pick(i, (*at)[i < axis ? i : i - 1]);
    made.push_back(f(line));
    if (made.back().ndim() > 1)
      throw InvalidRequest(fmt::format("apply_along_axis: the function gave an array of shape {} for a line",
                                       describe(made.back().shape())));
  }
  if (made.empty()) return NdArray(rest, block.dtype());
  auto shape = rest;
  const bool lines = made.front().ndim() == 1;
  if (lines) shape.push_back(made.front().extent(0));
  const auto whole = nd::stack(made, 0).reshape(std::move(shape));
  if (!lines) return whole;
  nd::Axes axes;
  for (std::size_t i = 0; i < last; ++i) axes.push_back(static_cast<int>(i));
  axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<int>(last));
  return whole.transpose(axes).copy();
}

Array along_axis(const Array& a, std::size_t axis, const AlongOptions& options, const CallOnBlocks& call) {
  const auto lines = whole_along(a, axis);
  auto chunks = lines.chunks();
  if (options.length)
    chunks[axis] = {*options.length};
  else
    chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(axis));
  return Array(make_node("apply_along_axis", options.dtype.value_or(a.dtype()), std::move(chunks), {lines.node()},
                         [call](Lowering& to, const ArrayNode& node) {
                           Blocks made;
                           for (auto& each : to.values(node.inputs.front())) made.push_back({call({each})});
                           return made;
                         }));
}

std::vector<std::int64_t> reduced_axes(const Array& a, const AxisList& asked) {
  std::vector<std::int64_t> axes;
  if (asked.all)
    for (std::size_t i = 0; i < a.ndim(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  for (const auto axis : asked.axes) axes.push_back(static_cast<std::int64_t>(axis_in(axis, a.ndim(), "reduction")));
  std::sort(axes.begin(), axes.end());
  if (axes.empty() || std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    throw InvalidRequest(fmt::format("reduction: over no axis, or one twice, of the shape {}", describe(a.shape())));
  return axes;
}

Array reduction(const Array& a, const ReduceOptions& options, const CallOnBlocks& first, const CallOnBlocks& join,
                const CallOnBlocks& last) {
  const auto axes = reduced_axes(a, options.axis);
  const auto joined_at_once = std::max<std::int64_t>(
      2, static_cast<std::int64_t>(std::pow(std::max(2, options.split_every), 1.0 / static_cast<double>(axes.size())) +
                                   1e-9));
  auto chunks = a.chunks();
  for (const auto axis : axes) chunks[static_cast<std::size_t>(axis)] = {1};
  const auto lower = [=](Lowering& to, const ArrayNode& node) {
    auto grid = blocks_of(node.inputs.front()->chunks);
    std::vector<ExpressionRef> parts;
    for (auto& each : to.values(node.inputs.front())) parts.push_back(first({each}));
    for (bool more = true; more;) {
      auto next = grid;
      more = false;
      for (const auto axis : axes) {
        auto& count = next[static_cast<std::size_t>(axis)];
        count = (count + joined_at_once - 1) / joined_at_once;
        more = more || count > 1;
      }
      std::vector<ExpressionRef> joined;
      for (GridWalk at(next); at; ++at) {
        Shape several(grid.size(), 1);
        auto from = *at;
        for (const auto axis : axes) {
          const auto i = static_cast<std::size_t>(axis);
          from[i] = (*at)[i] * joined_at_once;
          several[i] = std::min(joined_at_once, grid[i] - from[i]);
        }
        std::vector<BlockRef> pieces;
        for (GridWalk piece(several); piece; ++piece) {
          auto place = from;
          for (std::size_t i = 0; i < place.size(); ++i) place[i] += (*piece)[i];
          pieces.push_back({parts[place_in(grid, place)]});
        }
        const auto whole = pieces.size() == 1 ? pieces.front().expression : task("array.assemble", pieces, several);
        joined.push_back(more ? join({whole}) : last({whole}));
      }
      parts = std::move(joined);
      grid = std::move(next);
    }
    Blocks made;
    for (auto& each : parts) made.push_back({std::move(each)});
    return made;
  };
  const Array kept(make_node("reduction", options.dtype.value_or(a.dtype()), std::move(chunks), {a.node()}, lower));
  if (options.keepdims) return kept;
  return kept.squeeze(AxisList(std::vector<int>(axes.begin(), axes.end())));
}

std::vector<Array> full_grid(const Shape& shape, const ChunkSpec& spec) {
  const auto chunks = normalize_chunks(spec, shape, {.call = "fromfunction"});
  std::vector<Array> grid;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    Shape own(shape.size(), 1);
    own[axis] = shape[axis];
    const auto along = arange(shape[axis], {.chunks = std::vector<AxisSpec>{AxisSpec(chunks[axis])}});
    grid.push_back(broadcast_to(along.reshape(own), shape, chunks));
  }
  return grid;
}

}  // namespace detail

Array apply_over_axes(const std::function<Array(const Array&, int)>& f, const Array& a, const std::vector<int>& axes) {
  auto result = a;
  for (const auto asked : axes) {
    const auto axis = static_cast<int>(axis_in(asked, a.ndim(), "apply_over_axes"));
    const auto made = f(result, axis);
    if (made.ndim() != result.ndim() && made.ndim() + 1 != result.ndim())
      throw InvalidRequest(fmt::format("apply_over_axes: the function made the shape {} of {}", describe(made.shape()),
                                       describe(result.shape())));
    result = made.ndim() == result.ndim() ? made : expand_dims(made, axis);
  }
  return result;
}

}  // namespace troupe::array
