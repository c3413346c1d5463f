#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/histogram.hpp"

namespace troupe::monitoring {

/// What a client did since its start.
struct ClientCounters {
  bool connected{};
  std::uint64_t reconnections{};
  std::uint64_t submissions{};
  std::uint64_t submitted_tasks{};
  std::uint64_t finished{};
  std::uint64_t erred{};
  std::uint64_t cancelled{};
  std::uint64_t lost{};
  std::uint64_t received_values{};
  std::uint64_t received_bytes{};
  std::uint64_t failed_fetches{};
  std::uint64_t scattered_values{};
  std::uint64_t scattered_bytes{};
  std::uint64_t waiting_chunks{};
  DurationHistogram requests;  ///< questions to the scheduler, until their answer
};

class ClientCollector final : public prometheus::Collectable {
public:
  explicit ClientCollector(std::function<ClientCounters()> counters) : counters_(std::move(counters)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<ClientCounters()> counters_;
};

}  // namespace troupe::monitoring
