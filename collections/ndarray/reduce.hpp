#pragma once

#include <optional>

#include "collections/ndarray/ndarray.hpp"
#include "collections/ndarray/reduce_kernels.hpp"

namespace troupe::nd {

/// Which axes of an array are reduced and which are kept.
class Reduced {
public:
  /// Throws InvalidRequest, naming `call`, for an axis that is not there or named twice.
  Reduced(const Shape& shape, const std::optional<Axes>& axes, std::string_view call);

  [[nodiscard]] bool is_reduced(std::size_t axis) const { return reduced_[axis]; }
  /// Of the result, with or without the reduced axes.
  [[nodiscard]] Shape shape(bool keepdims) const;
  /// How many elements each result is made of.
  [[nodiscard]] std::int64_t count() const { return count_; }

private:
  Shape shape_;
  std::vector<bool> reduced_;
  std::int64_t count_{1};
};

/// Folds the elements of `a`, cast to `dtype`, over the reduced axes; an array of shape `reduced.shape(false)`.
/// `center`, of type `dtype`, has the shape `reduced.shape(true)`.
NdArray fold(Fold how, const NdArray& a, const Reduced& reduced, DType dtype, const NdArray* center = nullptr);

}  // namespace troupe::nd
