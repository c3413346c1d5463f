#include "collections/array/creation.hpp"

#include <cmath>

#include <fmt/format.h>

#include "collections/array/elementwise.hpp"
#include "collections/array/kernels.hpp"
#include "collections/array/lowering.hpp"
#include "collections/array/manipulation.hpp"

namespace troupe::array {
namespace {

Chunks cut(const Shape& shape, const ChunkSpec& spec, DType dtype, std::string_view call) {
  return normalize_chunks(spec, shape, {.itemsize = static_cast<std::int64_t>(nd::size_of(dtype)), .call = call});
}
std::uint8_t number_of(DType dtype) { return static_cast<std::uint8_t>(dtype); }

Array filled(const Shape& shape, const Scalar& value, DType dtype, const ChunkSpec& spec, std::string name) {
  auto chunks = cut(shape, spec, dtype, name);
  return Array(make_node(name, dtype, std::move(chunks), {},
                         [value = NdArray::scalar(value, dtype)](Lowering&, const ArrayNode& node) {
                           Blocks made;
                           for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
                             Shape extent;
                             for (std::size_t axis = 0; axis < node.chunks.size(); ++axis)
                               extent.push_back(node.chunks[axis][static_cast<std::size_t>((*at)[axis])]);
                             made.push_back({task("array.full", {}, extent, value)});
                           }
                           return made;
                         }));
}

/// Numbers of one axis: start + i * step.
Array progression(const NdArray& start, const NdArray& step, std::int64_t count, DType dtype, const ChunkSpec& spec,
                  std::string name) {
  auto chunks = cut({count}, spec, dtype, name);
  return Array(
      make_node(std::move(name), dtype, std::move(chunks), {}, [start, step](Lowering&, const ArrayNode& node) {
        Blocks made;
        std::int64_t first = 0;
        for (const auto size : node.chunks[0]) {
          made.push_back({task("array.progression", {}, start, step, first, size, number_of(node.dtype))});
          first += size;
        }
        return made;
      }));
}

Array diagonal_ones(std::int64_t rows, std::int64_t columns, std::int64_t k, const CreateOptions& options, bool lower,
                    std::string name) {
  const auto dtype = options.dtype.value_or(DType::float64);
  auto chunks = cut({rows, columns < 0 ? rows : columns}, options.chunks, dtype, name);
  return Array(make_node(std::move(name), dtype, std::move(chunks), {}, [k, lower](Lowering&, const ArrayNode& node) {
    Blocks made;
    std::int64_t row = 0;
    for (const auto height : node.chunks[0]) {
      std::int64_t column = 0;
      for (const auto width : node.chunks[1]) {
        made.push_back({task("array.eye", {}, Shape{height, width}, k + row - column, number_of(node.dtype), lower)});
        column += width;
      }
      row += height;
    }
    return made;
  }));
}

}  // namespace

Array full(const Shape& shape, const Scalar& value, const CreateOptions& options) {
  return filled(shape, value, options.dtype.value_or(value.dtype()), options.chunks, "full");
}
Array zeros(const Shape& shape, const CreateOptions& options) {
  return filled(shape, 0, options.dtype.value_or(DType::float64), options.chunks, "zeros");
}
Array ones(const Shape& shape, const CreateOptions& options) {
  return filled(shape, 1, options.dtype.value_or(DType::float64), options.chunks, "ones");
}
Array empty(const Shape& shape, const CreateOptions& options) { return zeros(shape, options); }
Array full_like(const Array& a, const Scalar& value) {
  return filled(a.shape(), value, a.dtype(), a.chunks(), "full_like");
}
Array zeros_like(const Array& a) { return full_like(a, 0); }
Array ones_like(const Array& a) { return full_like(a, 1); }

Array arange_integers(std::int64_t start, std::int64_t stop, std::int64_t step, const CreateOptions& options) {
  if (step == 0) throw InvalidRequest("arange: the step is zero");
  const auto distance = step > 0 ? stop - start : start - stop;
  const auto stride = std::abs(step);
  return progression(NdArray::scalar(start, DType::int64), NdArray::scalar(step, DType::int64),
                     distance <= 0 ? 0 : (distance - 1) / stride + 1, options.dtype.value_or(DType::int64),
                     options.chunks, "arange");
}
Array arange_reals(double start, double stop, double step, const CreateOptions& options) {
  if (step == 0) throw InvalidRequest("arange: the step is zero");
  const auto count = static_cast<std::int64_t>(std::max(0.0, std::ceil((stop - start) / step)));
  return progression(NdArray::scalar(start, DType::float64), NdArray::scalar((start + step) - start, DType::float64),
                     count, options.dtype.value_or(DType::float64), options.chunks, "arange");
}
Array linspace(double start, double stop, std::int64_t count, const LinspaceOptions& options) {
  if (count < 0) throw InvalidRequest(fmt::format("linspace: {} numbers", count));
  const auto parts = options.endpoint ? count - 1 : count;
  const auto step = parts > 0 ? (stop - start) / static_cast<double>(parts) : 0.0;
  return progression(NdArray::scalar(start, DType::float64), NdArray::scalar(step, DType::float64), count,
                     options.dtype.value_or(DType::float64), options.chunks, "linspace");
}
Array eye(std::int64_t rows, std::int64_t columns, std::int64_t k, const CreateOptions& options) {
  return diagonal_ones(rows, columns, k, options, false, "eye");
}
Array tri(std::int64_t rows, std::int64_t columns, std::int64_t k, const CreateOptions& options) {
  return diagonal_ones(rows, columns, k, options, true, "tri");
}
Array indices(const Shape& shape, const CreateOptions& options) {
  std::vector<Array> all;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    Shape along(shape.size(), 1);
    along[axis] = shape[axis];
    all.push_back(broadcast_to(arange(shape[axis], {.dtype = options.dtype, .chunks = -1}).reshape(along), shape));
  }
  return stack(all);
}
std::vector<Array> meshgrid(const std::vector<Array>& axes, bool xy, bool sparse) {
  Shape shape;
  for (const auto& each : axes) shape.push_back(each.size());
  const bool swapped = xy && axes.size() > 1;
  if (swapped) std::swap(shape[0], shape[1]);
  std::vector<Array> grids;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Shape along(axes.size(), 1);
    along[swapped && i < 2 ? 1 - i : i] = axes[i].size();
    const auto thin = axes[i].reshape(along);
    grids.push_back(sparse ? thin : broadcast_to(thin, shape));
  }
  return grids;
}

}  // namespace troupe::array
