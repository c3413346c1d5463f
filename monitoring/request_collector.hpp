#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/histogram.hpp"
#include "monitoring/http_server.hpp"

namespace troupe::monitoring {

/// How long the answers to requests took to make, by path, how many of them said no, and how many viewers there are.
/// Shared by the routes it counts; from any thread.
class RequestCollector final : public prometheus::Collectable, public std::enable_shared_from_this<RequestCollector> {
public:
  /// `logins`: tokens that were given out.
  explicit RequestCollector(std::function<std::size_t()> logins) : logins_(std::move(logins)) {}

  /// The same route, counted.
  [[nodiscard]] Route counted(Route route);
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  struct Path {
    DurationHistogram durations;
    std::uint64_t failed{};  ///< answered by 400 or more
  };

  const std::function<std::size_t()> logins_;
  std::atomic<std::uint64_t> streams_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Path> paths_;
};

}  // namespace troupe::monitoring
