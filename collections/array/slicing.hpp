#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collections/array/chunks.hpp"
#include "collections/ndarray/ndarray.hpp"

namespace troupe::array {

using nd::Slice;
/// slice(0, {}, 2) is 0::2, slice() the whole axis.
inline Slice slice(std::optional<std::int64_t> start = {}, std::optional<std::int64_t> stop = {},
                   std::int64_t step = 1) {
  return {start, stop, step};
}
std::string describe(const Slice& slice);

/// Elements start, start + step, ... of an axis, `count` of them, all of which there are.
struct Stride {
  std::int64_t start{};
  std::int64_t count{};
  std::int64_t step{1};

  friend bool operator==(const Stride&, const Stride&) = default;
};
/// What `slice` means for an axis of `length`. Throws InvalidRequest for a step of 0.
Stride stride_of(const Slice& slice, std::int64_t length);

/// What part of one block goes into one piece of a result.
struct Piece {
  std::int64_t block{};
  Stride part;  ///< inside the block

  friend bool operator==(const Piece&, const Piece&) = default;
};
/// The pieces of `asked` in its order, one for each block that it touches; if it is empty, one empty piece of block 0.
std::vector<Piece> plan_slice(const AxisChunks& axis, const Stride& asked);

/// For each block of `to`, what parts of which blocks of `from` it is made of, in order. Both are as long.
std::vector<std::vector<Piece>> plan_intersection(const AxisChunks& from, const AxisChunks& to);

/// One block of what is taken from an axis by numbers: for each block that is read, which of its elements, and where in
/// the new block they go.
struct TakePart {
  std::int64_t block{};
  std::vector<std::int64_t> from;
  std::vector<std::int64_t> to;
};
struct TakePlan {
  AxisChunks chunks;
  std::vector<std::vector<TakePart>> blocks;
};
/// `indices` are resolved: from 0 to before the axis' length. New blocks are about as large as those there were; runs
/// that come from one block are kept together.
TakePlan plan_take(const AxisChunks& axis, const std::vector<std::int64_t>& indices);

/// Numbers from 0, or throws InvalidRequest with the first that is out of bounds.
std::vector<std::int64_t> resolve_indices(std::vector<std::int64_t> indices, std::int64_t length, std::size_t axis,
                                          std::string_view call);

}  // namespace troupe::array
