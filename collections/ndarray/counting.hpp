#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// How often each number from 0 on occurs among integers that are not negative, or the sum of their weights; at least
/// `length` of them.
NdArray bincount(const NdArray& a, const std::optional<NdArray>& weights = {}, std::int64_t length = 0);

/// Edges of `bins` equally wide bins between `range`, or the least and the greatest element.
NdArray histogram_edges(const NdArray& a, std::int64_t bins, std::optional<std::pair<double, double>> range = {});
/// How many elements, or what weight of them, is in each bin; the last one holds its upper edge too.
NdArray histogram(const NdArray& a, const NdArray& edges, const std::optional<NdArray>& weights = {},
                  bool density = false);
/// The same with equally wide bins, which is faster, as a pair with the edges.
std::pair<NdArray, NdArray> histogram(const NdArray& a, std::int64_t bins,
                                      std::optional<std::pair<double, double>> range = {},
                                      const std::optional<NdArray>& weights = {}, bool density = false);
/// `sample` has a row for each point and a column for each axis; `edges` one array for each axis.
NdArray histogramdd(const NdArray& sample, const std::vector<NdArray>& edges,
                    const std::optional<NdArray>& weights = {}, bool density = false);

}  // namespace troupe::nd
