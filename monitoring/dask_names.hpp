#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

namespace troupe::monitoring {

/// Copies of those of `families` that Dask has too, under the names and labels that it gives them, for boards that were
/// made for it. docs/metrics.md says of each of Dask's names what it is here, or why it is not.
std::vector<prometheus::MetricFamily> under_dask_names(const std::vector<prometheus::MetricFamily>& families);

/// Dask's name and ours, of all that have one; those that have several here come several times.
std::vector<std::pair<std::string_view, std::string_view>> dask_names();

}  // namespace troupe::monitoring
