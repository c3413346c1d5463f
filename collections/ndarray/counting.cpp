#include "collections/ndarray/counting.hpp"

#include <algorithm>
#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/reduce_kernels.hpp"
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

/// Bins of equal width: the place is a quotient, which may be wrong by one where it is close to an edge.
template <class T>
void count_even_bins(const T* x, std::int64_t n, const T* edge, std::int64_t bins,
                     const std::optional<NdArray>& weights, NdArray& counts) {
  constexpr std::int64_t block = 1024;
  const T low = edge[0];
  const T high = edge[bins];
  const T scale = static_cast<T>(bins) / (high - low);
  const auto last = static_cast<T>(bins - 1);
  auto* count = counts.mutable_data_as<std::int64_t>();
  auto* total = counts.mutable_data_as<double>();
  const auto* weight = weights ? weights->data_as<double>() : nullptr;
  std::int32_t place[block];
  for (std::int64_t done = 0; done < n; done += block) {
    const auto here = std::min(block, n - done);
    for (std::int64_t i = 0; i < here; ++i) {
      const T quotient = (x[done + i] - low) * scale;
      const T within = quotient > 0 ? quotient : T(0);
      place[i] = static_cast<std::int32_t>(within < last ? within : last);
    }
    for (std::int64_t i = 0; i < here; ++i) {
      const T value = x[done + i];
      if (!(value >= low && value <= high)) continue;
      std::int64_t k = place[i];
      k -= value < edge[k] ? 1 : 0;
      k += value >= edge[k + 1] && k != bins - 1 ? 1 : 0;
      if (weight)
        total[k] += weight[done + i];
      else
        ++count[k];
    }
  }
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
  const auto grow_to = [&](std::uint64_t greatest) {
    // As numbers without sign, negative ones are the greatest.
    if (greatest > static_cast<std::uint64_t>(INT64_MAX)) throw InvalidRequest("bincount: there are negative numbers");
    length = std::max(length, static_cast<std::int64_t>(greatest) + 1);
  };
  const auto n = places.size();
  if (weights) {
    if (n > 0) grow_to(max(places.view(DType::uint64)).item<std::uint64_t>());
    return counted(places, length, weights_like(a, *weights, "bincount"));
  }
  // In blocks that are still near when they are counted, after a look at how far they reach.
  constexpr std::int64_t block = 2048;
  const auto greatest_of = fold_kernels(Fold::maximum, DType::uint64).line;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(length));
  for (std::int64_t done = 0; done < n; done += block) {
    const auto here = std::min(block, n - done);
    const auto* at = places.data_as<std::int64_t>() + done;
    std::uint64_t greatest = 0;
    greatest_of(static_cast<std::size_t>(here), at, nullptr, &greatest);
    grow_to(greatest);
    counts.resize(static_cast<std::size_t>(length));
    auto* count = counts.data();
    for (std::int64_t i = 0; i < here; ++i) ++count[at[i]];
  }
  return NdArray::of(counts);
}

NdArray digitize(const NdArray& a, const NdArray& bins, bool right) {
  if (bins.ndim() != 1) throw InvalidRequest("digitize: bins have one axis, not the shape " + text_of(bins.shape()));
  const NdArray steps = diff(bins.astype(result_type(bins.dtype(), DType::float64)));
  if (!any(less(steps, 0.0)).item<bool>()) return searchsorted(bins, a, !right);
  if (any(greater(steps, 0.0)).item<bool>()) throw InvalidRequest("digitize: the bins neither ascend nor descend");
  return subtract(bins.size(), searchsorted(bins.flip(0), a, !right));
}

NdArray histogram_edges(const NdArray& a, std::int64_t bins, std::optional<std::pair<double, double>> range) {
  if (bins < 1 || bins > INT32_MAX) throw InvalidRequest("histogram: " + std::to_string(bins) + " bins");
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
  std::optional<NdArray> heavy;
  if (weights) heavy = weights_like(a, *weights, "histogram");
  NdArray counts = NdArray::zeros({bins}, heavy ? DType::float64 : DType::int64);
  const auto n = flat.size();
  if (flat.dtype() == DType::float32)
    count_even_bins(flat.data_as<float>(), n, edges.data_as<float>(), bins, heavy, counts);
  else
    count_even_bins(flat.data_as<double>(), n, edges.data_as<double>(), bins, heavy, counts);
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
