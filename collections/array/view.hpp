#pragma once

#include <cstdint>
#include <vector>

#include "collections/array/slicing.hpp"
#include "collections/ndarray/ndarray.hpp"
#include "runtime/store/value_codec.hpp"

namespace troupe::array {

/// Which elements of a block are meant, in which order of axes: a part of each of its axes, then the axes of the result,
/// each one of those or, where it is -1, a new one of extent 1. A part of unknown count is all of an axis. Axes that are left out have one element. Tasks apply the
/// views of their inputs themselves, so that slicing and transposing cost no task and no copy.
struct View {
  std::vector<Stride> parts;
  std::vector<std::int64_t> axes;

  /// All of a block. Always true of a view of a block without axes.
  [[nodiscard]] bool is_identity() const { return parts.empty() && axes.empty(); }
  [[nodiscard]] Shape shape() const;
  [[nodiscard]] nd::NdArray of(const nd::NdArray& block) const;
  /// First this, then `next`.
  [[nodiscard]] View then(const View& next) const;
  /// All of a block of `shape`, written out.
  static View whole(const Shape& shape);

  friend bool operator==(const View&, const View&) = default;
};

}  // namespace troupe::array

TROUPE_FIELDS(troupe::array::Stride, start, count, step)
TROUPE_FIELDS(troupe::array::View, parts, axes)
