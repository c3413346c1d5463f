#include <algorithm>

#include <fmt/format.h>

#include "collections/array/elementwise.hpp"
#include "collections/array/reductions.hpp"
#include "collections/array/routines.hpp"

namespace troupe::array {
namespace {

void refuse_bad_edges(const std::vector<double>& edges, std::size_t axis) {
  if (edges.size() < 2 || !std::is_sorted(edges.begin(), edges.end()))
    throw InvalidRequest(
        fmt::format("histogramdd: the {} edges of axis {} are too few, or do not ascend", edges.size(), axis));
}

}  // namespace

Array histogramdd(const std::vector<Array>& coordinates, const std::vector<std::vector<double>>& edges,
                  const std::optional<Array>& weights, bool density) {
  if (coordinates.empty() || coordinates.size() != edges.size())
    throw InvalidRequest(
        fmt::format("histogramdd: edges for {} axes of points with {}", edges.size(), coordinates.size()));
  // The place in row-major order of the box of each point, and whether there is one.
  std::optional<Array> place;
  std::optional<Array> inside;
  Shape shape;
  for (std::size_t axis = 0; axis < edges.size(); ++axis) {
    refuse_bad_edges(edges[axis], axis);
    const auto& x = coordinates[axis];
    if (x.shape() != coordinates.front().shape() || (weights && weights->shape() != x.shape()))
      throw InvalidRequest(fmt::format("histogramdd: coordinates of shapes {} and {}, or weights of another",
                                       describe(coordinates.front().shape()), describe(x.shape())));
    const auto boxes = static_cast<std::int64_t>(edges[axis].size()) - 1;
    shape.push_back(boxes);
    const auto box = where(x == edges[axis].back(), boxes - 1, digitize(x, edges[axis]) - 1);
    const auto is_inside = logical_and(box >= 0, box < boxes);
    place = place ? *place * boxes + box : box;
    inside = inside ? logical_and(*inside, is_inside) : is_inside;
  }
  std::int64_t boxes = 1;
  for (const auto each : shape) boxes *= each;
  auto weight = inside->astype(DType::float64);
  if (weights) weight = where(*inside, *weights, 0.0).astype(DType::float64);
  auto counts = bincount(where(*inside, *place, 0).ravel(), boxes, weight.ravel()).reshape(shape);
  if (!density) return counts;
  counts = counts / counts.sum();
  for (std::size_t axis = 0; axis < edges.size(); ++axis) {
    std::vector<double> widths;
    for (std::size_t i = 0; i + 1 < edges[axis].size(); ++i) widths.push_back(edges[axis][i + 1] - edges[axis][i]);
    Shape along(shape.size(), 1);
    along[axis] = shape[axis];
    counts = counts / from_array(NdArray::of(widths).reshape(along));
  }
  return counts;
}

Array histogramdd(const Array& points, const std::vector<std::vector<double>>& edges,
                  const std::optional<Array>& weights, bool density) {
  if (points.ndim() != 2 || points.shape()[1] != static_cast<std::int64_t>(edges.size()))
    throw InvalidRequest(
        fmt::format("histogramdd: edges for {} axes of points of shape {}", edges.size(), describe(points.shape())));
  std::vector<Array> coordinates;
  for (std::size_t axis = 0; axis < edges.size(); ++axis)
    coordinates.push_back(points[{slice(), static_cast<std::int64_t>(axis)}]);
  return histogramdd(coordinates, edges, weights, density);
}

Array histogram2d(const Array& x, const Array& y, const std::vector<double>& x_edges,
                  const std::vector<double>& y_edges, const std::optional<Array>& weights, bool density) {
  return histogramdd({x, y}, {x_edges, y_edges}, weights, density);
}

}  // namespace troupe::array
