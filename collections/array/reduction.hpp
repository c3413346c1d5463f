#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collections/array/chunks.hpp"
#include "collections/ndarray/ndarray.hpp"
#include "runtime/store/value_codec.hpp"

namespace troupe::array {

/// What is kept of a block until all are together. The order is fixed: it is written into tasks.
enum class Reduction : std::uint8_t {
  sum,
  prod,
  min,
  max,
  any,
  all,
  mean,
  var,
  std,
  argmin,
  argmax,
  count_nonzero,
  nansum,
  nanprod,
  nanmin,
  nanmax,
  nanmean,
  nanvar,
  nanstd,
  nanargmin,
  nanargmax,
  topk,
  ptp,
};

/// A reduction over some axes. Its tasks make a state of each block, join states in a tree, and make the result of the
/// last one. A state is a few arrays with the reduced axes of extent 1 (of topk: at most k).
struct ReductionSpec {
  std::uint8_t kind{};
  std::vector<std::int64_t> axes;  ///< ascending
  bool keepdims{};
  std::int64_t dtype{-1};  ///< of the result, if it was asked for
  double ddof{};
  std::int64_t k{};  ///< of topk
  bool flat{};       ///< of argmin and argmax: the result counts over all axes

  using State = std::vector<nd::NdArray>;
  /// `start`: where the block begins in the whole array.
  [[nodiscard]] State state_of(const nd::NdArray& block, const Shape& start, const Shape& whole) const;
  [[nodiscard]] State joined(const std::vector<State>& states) const;
  [[nodiscard]] nd::NdArray result_of(const State& state) const;

  [[nodiscard]] Reduction reduction() const { return static_cast<Reduction>(kind); }
  [[nodiscard]] std::optional<nd::DType> asked_dtype() const {
    return dtype < 0 ? std::nullopt : std::optional(static_cast<nd::DType>(dtype));
  }
};

}  // namespace troupe::array

TROUPE_FIELDS(troupe::array::ReductionSpec, kind, axes, keepdims, dtype, ddof, k, flat)
