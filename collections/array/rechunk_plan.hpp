#pragma once

#include <cstdint>
#include <vector>

#include "collections/array/chunks.hpp"

namespace troupe::array {

/// What cutting an array anew may cost.
struct RechunkLimits {
  std::int64_t block_elements_max{};  ///< of a block in between; at least as large as the largest before and after
  double threshold{4};                ///< pieces for each block, before and after, from which steps in between may pay
  std::size_t steps_max{8};
};

/// How many pieces are cut and put together to get from one chunking to the other.
double rechunk_pieces(const Chunks& from, const Chunks& to);

/// The chunkings to go through, the last of which is `to`. Cutting rows into columns directly takes a piece for each row
/// and column; by way of square blocks it takes far fewer, and no task reads all. The steps are found by descent: a
/// chunking in between is improved axis by axis as long as both halves together need fewer pieces, then each half is
/// planned the same way. No block in between has more elements than the limit.
std::vector<Chunks> plan_rechunk(const Chunks& from, const Chunks& to, const RechunkLimits& limits);

/// Blocks along an axis of nearly equal sizes: what `balance` makes of chunks.
AxisChunks balanced(const AxisChunks& axis);

}  // namespace troupe::array
