#pragma once

#include <vector>

#include <prometheus/metric_family.h>

namespace troupe::monitoring {

/// Copies of those of `families` that Dask has too, under the names and labels that it gives them, for boards that were
/// made for it. Dask's metrics of what does not exist here (garbage collection, semaphores, the ticks of its event loop)
/// have none.
std::vector<prometheus::MetricFamily> under_dask_names(const std::vector<prometheus::MetricFamily>& families);

}  // namespace troupe::monitoring
