#include "collections/ndarray/counting.hpp"

#include <algorithm>
#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/scans.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd {

namespace {

NdArray weights_like(const NdArray& a, const NdArray& weights, std::string_view call) {
  if (weights.shape() != a.shape())
    throw InvalidRequest(std::string(call) + ": weights of shape " + text_of(weights.shape()) +
                         " for an array of shape " + text_of(a.shape()));
  return weights.astype(DType::float64).contiguous();
}

NdArray as_density(const NdArray& counts, const std::vector<NdArray>& edges) {
  NdArray result = divide(counts, sum(counts).astype(DType::float64));
  for (std::size_t i = 0; i < edges.size(); ++i) {
    Shape along(edges.size(), 1);
    along[i] = edges[i].size() - 1;
    result = divide(result, diff(edges[i]).astype(DType::float64).reshape(along));
  }
  return result;
}

void check_edges(const NdArray& edges, std::string_view call) {
  if (edges.ndim() != 1 || edges.size() < 2)
    throw InvalidRequest(std::string(call) + ": edges have one axis with two elements at least, not the shape " +
                         text_of(edges.shape()));
  if (any(less(diff(edges.astype(DType::float64)), 0.0)).item<bool>())
    throw InvalidRequest(std::string(call) + ": the edges of bins do not ascend");
}

/// Counts, or weights, of places that lie within the bins.
NdArray counted(const NdArray& places, std::int64_t bins, const std::optional<NdArray>& weights) {
  const auto* at = places.data_as<std::int64_t>();
  if (!weights) {
    NdArray counts = NdArray::zeros({bins}, DType::int64);
    auto* count = counts.mutable_data_as<std::int64_t>();
    for (std::int64_t i = 0; i < places.size(); ++i)
      if (at[i] >= 0) ++count[at[i]];
    return counts;
  }
  NdArray sums = NdArray::zeros({bins}, DType::float64);
  auto* total = sums.mutable_data_as<double>();
  const auto* weight = weights->data_as<double>();
  for (std::int64_t i = 0; i < places.size(); ++i)
    if (at[i] >= 0) total[at[i]] += weight[i];
  return sums;
}

/// The bin of each element, -1 outside of all.
NdArray bins_of(const NdArray& a, const NdArray& edges) {
  NdArray places = searchsorted(edges, a.reshape({-1}), true);
  const NdArray flat = a.reshape({-1});
  const auto last = edges.slice(0, edges.size() - 1, edges.size());
  // The last bin holds its upper edge; a NaN sorts behind all.
  places = where(equal(flat, last), edges.size() - 1, places);
  places = subtract(places, 1);
  return where(greater_equal(places, edges.size() - 1), -1, places).contiguous();
}

}  // namespace

NdArray bincount(const NdArray& a, const std::optional<NdArray>& weights, std::int64_t length) {
  if (a.ndim() != 1) throw InvalidRequest("bincount: takes an array of one axis, not of shape " + text_of(a.shape()));
  if (kind_of(a.dtype()) > Kind::integer)
    throw InvalidRequest("bincount: counts integers, not " + std::string(name_of(a.dtype())));
  if (length < 0) throw InvalidRequest("bincount: a length of " + std::to_string(length));
  const NdArray places = a.astype(DType::int64).contiguous();
  if (places.size() > 0) {
    if (min(places).item<std::int64_t>() < 0) throw InvalidRequest("bincount: there are negative numbers");
    length = std::max(length, max(places).item<std::int64_t>() + 1);
  }
  if (!weights) {
    // Two counters for each number, in turn, so that equal neighbours do not wait for each other.
    NdArray counts = NdArray::zeros({2, length}, DType::int64);
    auto* even = counts.mutable_data_as<std::int64_t>();
    auto* odd = even + length;
    const auto* at = places.data_as<std::int64_t>();
    std::int64_t i = 0;
    for (; i + 1 < places.size(); i += 2) {
      ++even[at[i]];
      ++odd[at[i + 1]];
    }
    if (i < places.size()) ++even[at[i]];
    for (std::int64_t k = 0; k < length; ++k) even[k] += odd[k];
    return counts.pick(0, 0);
  }
  return counted(places, length, weights_like(a, *weights, "bincount"));
}

NdArray digitize(const NdArray& a, const NdArray& bins, bool right) {
  if (bins.ndim() != 1) throw InvalidRequest("digitize: bins have one axis, not the shape " + text_of(bins.shape()));
  const NdArray steps = diff(bins.astype(result_type(bins.dtype(), DType::float64)));
  if (!any(less(steps, 0.0)).item<bool>()) return searchsorted(bins, a, !right);
  if (any(greater(steps, 0.0)).item<bool>()) throw InvalidRequest("digitize: the bins neither ascend nor descend");
  return subtract(bins.size(), searchsorted(bins.flip(0), a, !right));
}

NdArray histogram_edges(const NdArray& a, std::int64_t bins, std::optional<std::pair<double, double>> range) {
  if (bins < 1) throw InvalidRequest("histogram: " + std::to_string(bins) + " bins");
  if (!range) {
    if (a.size() == 0)
      range = {0, 1};
    else
      range = {min(a).item<double>(), max(a).item<double>()};
  }
  auto [low, high] = *range;
  if (!std::isfinite(low) || !std::isfinite(high))
    throw InvalidRequest("histogram: the range from " + std::to_string(low) + " to " + std::to_string(high) +
                         " is not finite");
  if (low > high) throw InvalidRequest("histogram: the range ends before it begins");
  if (low == high) {
    low -= 0.5;
    high += 0.5;
  }
  if (a.dtype() != DType::float32) return linspace(low, high, bins + 1);
  // In single precision all the way, as the elements are.
  NdArray edges(Shape{bins + 1}, DType::float32);
  const auto first = static_cast<float>(low);
  const float step = (static_cast<float>(high) - first) / static_cast<float>(bins);
  for (std::int64_t i = 0; i <= bins; ++i)
    edges.mutable_data_as<float>()[i] = i == bins ? static_cast<float>(high) : static_cast<float>(i) * step + first;
  return edges;
}

NdArray histogram(const NdArray& a, const NdArray& edges, const std::optional<NdArray>& weights, bool density) {
  check_edges(edges, "histogram");
  const auto heavy = weights ? std::optional(weights_like(a, *weights, "histogram")) : std::nullopt;
  const NdArray counts = counted(bins_of(a, edges), edges.size() - 1, heavy);
  return density ? as_density(counts, {edges}) : counts;
}

std::pair<NdArray, NdArray> histogram(const NdArray& a, std::int64_t bins,
                                      std::optional<std::pair<double, double>> range,
                                      const std::optional<NdArray>& weights, bool density) {
  if (is_complex(a.dtype())) throw InvalidRequest("histogram: not for complex numbers");
  const NdArray edges = histogram_edges(a, bins, range);
  const NdArray flat = a.astype(a.dtype() == DType::float32 ? DType::float32 : DType::float64).contiguous();
  NdArray places;
  std::optional<NdArray> heavy;
  if (weights) heavy = weights_like(a, *weights, "histogram");
  visit_dtype(flat.dtype(), [&]<class T>() {
    if constexpr (std::is_floating_point_v<T>) {
      places = NdArray(Shape{flat.size()}, DType::int64);
      auto* at = places.mutable_data_as<std::int64_t>();
      const T* edge = edges.data_as<T>();
      const T low = edge[0];
      const T high = edge[bins];
      const T scale = static_cast<T>(bins) / (high - low);
      const T* x = flat.data_as<T>();
      for (std::int64_t i = 0; i < flat.size(); ++i) {
        // The quotient may be wrong by one where it is close to an edge.
        const bool within = x[i] >= low && x[i] <= high;
        auto k = within ? static_cast<std::int64_t>((x[i] - low) * scale) : 0;
        k = k >= bins ? bins - 1 : k;
        k -= within && x[i] < edge[k] ? 1 : 0;
        k += within && x[i] >= edge[k + 1] && k != bins - 1 ? 1 : 0;
        at[i] = within ? k : -1;
      }
    }
  });
  const NdArray counts = counted(places, bins, heavy);
  return {density ? as_density(counts, {edges}) : counts, edges};
}

NdArray histogramdd(const NdArray& sample, const std::vector<NdArray>& edges, const std::optional<NdArray>& weights,
                    bool density) {
  if (sample.ndim() != 2 || sample.extent(1) != static_cast<std::int64_t>(edges.size()))
    throw InvalidRequest("histogramdd: a sample of shape " + text_of(sample.shape()) + " for " +
                         std::to_string(edges.size()) + " axes");
  Shape shape;
  NdArray flat = NdArray::zeros({sample.extent(0)}, DType::int64);
  auto* f = flat.mutable_data_as<std::int64_t>();
  for (std::size_t axis = 0; axis < edges.size(); ++axis) {
    check_edges(edges[axis], "histogramdd");
    const auto bins = edges[axis].size() - 1;
    shape.push_back(bins);
    const NdArray places = bins_of(sample.pick(1, static_cast<std::int64_t>(axis)), edges[axis]);
    const auto* at = places.data_as<std::int64_t>();
    for (std::int64_t i = 0; i < flat.size(); ++i) f[i] = at[i] < 0 || f[i] < 0 ? -1 : f[i] * bins + at[i];
  }
  std::optional<NdArray> heavy;
  if (weights) heavy = weights_like(flat, *weights, "histogramdd");
  const NdArray counts = counted(flat, size_of(shape), heavy).reshape(shape).astype(DType::float64);
  return density ? as_density(counts, edges) : counts;
}

}  // namespace troupe::nd
