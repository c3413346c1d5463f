#pragma once

#include <vector>

#include "collections/array/array.hpp"

/// How arrays begin.
namespace troupe::array {

struct CreateOptions {
  std::optional<DType> dtype{};
  ChunkSpec chunks{};
};

Array full(const Shape& shape, const Scalar& value, const CreateOptions& options = {});
Array zeros(const Shape& shape, const CreateOptions& options = {});
Array ones(const Shape& shape, const CreateOptions& options = {});
/// As zeros: what is not set to anything would differ from run to run.
Array empty(const Shape& shape, const CreateOptions& options = {});
/// Of the same shape, type and chunks.
Array full_like(const Array& a, const Scalar& value);
Array zeros_like(const Array& a);
Array ones_like(const Array& a);

Array arange_integers(std::int64_t start, std::int64_t stop, std::int64_t step, const CreateOptions& options);
Array arange_reals(double start, double stop, double step, const CreateOptions& options);
/// start, start + step, ... below stop: integers if all three are.
template <class A, class B, class C = int>
requires(std::is_arithmetic_v<A>&& std::is_arithmetic_v<B>&& std::is_arithmetic_v<C>) Array
    arange(A start, B stop, C step = 1, const CreateOptions& options = {}) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && std::is_integral_v<C>)
    return arange_integers(static_cast<std::int64_t>(start), static_cast<std::int64_t>(stop),
                           static_cast<std::int64_t>(step), options);
  else
    return arange_reals(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), options);
}
inline Array arange(std::int64_t stop, const CreateOptions& options = {}) {
  return arange_integers(0, stop, 1, options);
}
struct LinspaceOptions {
  bool endpoint{true};
  std::optional<DType> dtype{};
  ChunkSpec chunks{};
};
/// `count` numbers from start to stop.
Array linspace(double start, double stop, std::int64_t count = 50, const LinspaceOptions& options = {});
/// Ones on the k-th diagonal; of as many columns as rows if -1.
Array eye(std::int64_t rows, std::int64_t columns = -1, std::int64_t k = 0, const CreateOptions& options = {});
inline Array identity(std::int64_t rows, const CreateOptions& options = {}) { return eye(rows, rows, 0, options); }
/// Ones on and below the k-th diagonal.
Array tri(std::int64_t rows, std::int64_t columns = -1, std::int64_t k = 0, const CreateOptions& options = {});
/// One array for each axis of `shape`, of its indices, along a first axis.
Array indices(const Shape& shape, const CreateOptions& options = {});
/// Grids of coordinates; "xy" swaps the first two axes.
std::vector<Array> meshgrid(const std::vector<Array>& axes, bool xy = true, bool sparse = false);

}  // namespace troupe::array
