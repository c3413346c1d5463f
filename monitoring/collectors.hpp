#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/histogram.hpp"
#include "monitoring/metrics.hpp"
#include "runtime/core/probe.hpp"

/// What a scrape reads: one collector a source. Each turns a snapshot into metric families; the names are a contract
/// with dashboards and alerts (docs), so a family is never renamed, only added. A new counter of a machine: a field
/// in runtime/core/probe.hpp, a line here, a line in the tests of metrics.
namespace troupe::monitoring {

/// Figures of a scheduler. Series of every known state exist at zero from the first scrape on.
class SchedulerCollector final : public prometheus::Collectable {
public:
  explicit SchedulerCollector(std::function<SchedulerCounters()> counters) : counters_(std::move(counters)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<SchedulerCounters()> counters_;
};

class WorkerCollector final : public prometheus::Collectable {
public:
  explicit WorkerCollector(std::function<WorkerCounters()> counters) : counters_(std::move(counters)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<WorkerCounters()> counters_;
};

/// What a worker measured, as histograms.
class WorkerDurationsCollector final : public prometheus::Collectable {
public:
  explicit WorkerDurationsCollector(std::function<WorkerDurations()> durations) : durations_(std::move(durations)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<WorkerDurations()> durations_;
};

/// The process_* families every Prometheus client library has, read from /proc/self.
class ProcessCollector final : public prometheus::Collectable {
public:
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
};

class BuildCollector final : public prometheus::Collectable {
public:
  explicit BuildCollector(BuildInfo build) : build_(std::move(build)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  BuildInfo build_;
};

/// One sample of a counter or gauge family.
struct Sample {
  double value{};
  std::vector<prometheus::ClientMetric::Label> labels{};
};

/// One series of a histogram.
struct HistogramSample {
  DurationHistogram values;
  std::vector<prometheus::ClientMetric::Label> labels{};
};

prometheus::MetricFamily histogram(std::string name, std::string help, std::vector<HistogramSample> samples);
prometheus::MetricFamily counter(std::string name, std::string help, std::vector<Sample> samples);
prometheus::MetricFamily gauge(std::string name, std::string help, std::vector<Sample> samples);

/// A user's name as a label: at most 120 bytes, whole characters, nothing that steers a terminal.
std::string label_value(std::string_view name);

}  // namespace troupe::monitoring
