#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/client_counters.hpp"

namespace troupe::monitoring {

class ClientCollector final : public prometheus::Collectable {
public:
  explicit ClientCollector(std::function<ClientCounters()> counters) : counters_(std::move(counters)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<ClientCounters()> counters_;
};

}  // namespace troupe::monitoring
