#pragma once

#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// One after the other along an axis that is there; the types are promoted. Throws InvalidRequest for shapes that
/// differ elsewhere.
NdArray concatenate(const std::vector<NdArray>& arrays, int axis = 0);
/// Along a new axis.
NdArray stack(const std::vector<NdArray>& arrays, int axis = 0);
/// Cut at the given places of an axis.
std::vector<NdArray> split(const NdArray& a, const std::vector<std::int64_t>& places, int axis = 0);

/// Each element of an axis `count` times, or as often as `counts` says.
NdArray repeat(const NdArray& a, std::int64_t count, int axis);
NdArray repeat(const NdArray& a, const std::vector<std::int64_t>& counts, int axis);
/// The whole array as often as said along each axis.
NdArray tile(const NdArray& a, const std::vector<std::int64_t>& counts);
/// What falls off at the end comes back at the front.
NdArray roll(const NdArray& a, std::int64_t shift, int axis);
/// View turned by 90 degrees `times` from axis `first` to axis `second`.
NdArray rot90(const NdArray& a, int times = 1, int first = 0, int second = 1);
/// View with an axis moved to another place.
NdArray moveaxis(const NdArray& a, int from, int to);
NdArray swapaxes(const NdArray& a, int first, int second);
/// Without the elements at `indices` of an axis.
NdArray remove(const NdArray& a, const std::vector<std::int64_t>& indices, int axis);
/// `values` before the elements at `indices` of an axis.
NdArray insert(const NdArray& a, const std::vector<std::int64_t>& indices, const NdArray& values, int axis);

enum class PadMode : std::uint8_t {
  constant,
  edge,
  linear_ramp,
  maximum,
  mean,
  median,
  minimum,
  reflect,
  symmetric,
  wrap,
  empty
};
PadMode pad_mode_named(std::string_view name);

struct PadWidth {
  std::int64_t before{};
  std::int64_t after{};
};

struct PadOptions {
  Scalar value{0};                            ///< of constant; where linear_ramp ends
  std::optional<std::int64_t> stat_length{};  ///< how much of each edge maximum, mean, median and minimum look at
  bool odd{};                                 ///< of reflect and symmetric: twice the edge less what is mirrored
};

/// One width for each axis.
NdArray pad(const NdArray& a, const std::vector<PadWidth>& widths, PadMode mode = PadMode::constant,
            const PadOptions& options = {});

}  // namespace troupe::nd
