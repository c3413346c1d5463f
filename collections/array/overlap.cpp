#include "collections/array/overlap.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"

namespace troupe::array {
namespace {

Array padded(const Array& a, const std::vector<Depth>& depth, std::string_view boundary) {
  std::vector<nd::PadWidth> widths;
  for (const auto& each : depth) widths.push_back({each.before, each.after});
  if (boundary == "none") return a;
  if (boundary == "reflect") return pad(a, widths, "symmetric");
  if (boundary == "periodic") return pad(a, widths, "wrap");
  if (boundary == "nearest") return pad(a, widths, "edge");
  try {
    return pad(a, widths, "constant", std::stod(std::string(boundary)));
  } catch (const std::logic_error&) {
    throw InvalidRequest(
        fmt::format("overlap: no boundary '{}'; there are none, reflect, periodic, nearest and numbers", boundary));
  }
}

/// Blocks at least as large as the depth, as long as there are two.
AxisChunks large_enough(const AxisChunks& axis, const Depth& depth) {
  AxisChunks joined;
  for (const auto size : axis) {
    if (!joined.empty() &&
        (joined.back() < std::max(depth.before, depth.after) || size < std::max(depth.before, depth.after)))
      joined.back() += size;
    else
      joined.push_back(size);
  }
  return joined;
}

void refuse_wrong_depth(const Array& a, const std::vector<Depth>& depth, std::string_view call) {
  if (depth.size() != a.ndim())
    throw InvalidRequest(fmt::format("{}: {} depths for the shape {}", call, depth.size(), describe(a.shape())));
  for (const auto& each : depth)
    if (each.before < 0 || each.after < 0) throw InvalidRequest(fmt::format("{}: a depth is negative", call));
  if (!is_known(a.chunks()))
    throw InvalidRequest(fmt::format("{}: the shape {} is unknown", call, describe(a.shape())));
}

/// One axis: blocks as slices of the array that reach into their neighbours.
Array overlapped(const Array& a, std::size_t axis, const AxisChunks& inner, std::int64_t first, const Depth& depth) {
  std::vector<Array> blocks;
  const auto length = a.shape()[axis];
  auto at = first;
  for (const auto size : inner) {
    Indices indices(a.ndim(), slice());
    const auto begin = std::max<std::int64_t>(0, at - depth.before);
    const auto end = std::min(length, at + size + depth.after);
    indices[axis] = slice(begin, end);
    blocks.push_back(a.getitem(indices).rechunk(std::map<int, AxisSpec>{{static_cast<int>(axis), AxisSpec(-1)}}));
    at += size;
  }
  return blocks.size() == 1 ? blocks[0] : concatenate(blocks, static_cast<int>(axis));
}

}  // namespace

Array overlap(const Array& a, const std::vector<Depth>& depth, std::string_view boundary) {
  refuse_wrong_depth(a, depth, "overlap");
  auto result = padded(a, depth, boundary);
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    if (depth[axis].before == 0 && depth[axis].after == 0) continue;
    const auto inner = large_enough(a.chunks()[axis], depth[axis]);
    result = overlapped(result, axis, inner, boundary == "none" ? 0 : depth[axis].before, depth[axis]);
  }
  return result;
}

Array trim_overlap(const Array& a, const std::vector<Depth>& depth, std::string_view boundary) {
  refuse_wrong_depth(a, depth, "trim_overlap");
  auto result = a;
  for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
    if (depth[axis].before == 0 && depth[axis].after == 0) continue;
    const auto& sizes = a.chunks()[axis];
    std::vector<Array> blocks;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const bool open_before = boundary == "none" && i == 0;
      const bool open_after = boundary == "none" && i + 1 == sizes.size();
      Indices indices(a.ndim(), slice());
      indices[axis] =
          slice(at + (open_before ? 0 : depth[axis].before), at + sizes[i] - (open_after ? 0 : depth[axis].after));
      blocks.push_back(result.getitem(indices));
      at += sizes[i];
    }
    result = blocks.size() == 1 ? blocks[0] : concatenate(blocks, static_cast<int>(axis));
  }
  return result;
}

}  // namespace troupe::array
