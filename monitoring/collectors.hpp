#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/histogram.hpp"
#include "monitoring/metrics.hpp"
#include "protocol/messages.hpp"
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

/// What a worker knows of its machine, and of its way to the scheduler. Of graphics processors nothing is shown where
/// there are none.
class SurroundingsCollector final : public prometheus::Collectable {
public:
  explicit SurroundingsCollector(std::function<Surroundings()> surroundings) : surroundings_(std::move(surroundings)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<Surroundings()> surroundings_;
};

/// Messages that wait for the actors of a node. To be added first: what is asked after it may wait for the same loop.
class MailboxCollector final : public prometheus::Collectable {
public:
  explicit MailboxCollector(std::function<std::map<std::string, std::uint64_t>()> waiting)
      : waiting_(std::move(waiting)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::function<std::map<std::string, std::uint64_t>()> waiting_;
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

/// Graphics processors, as metrics that begin with `prefix`; each comes with the labels of who sees it.
using LabelledGpu = std::pair<std::vector<prometheus::ClientMetric::Label>, const GpuFigures*>;
std::vector<LabelledGpu> labelled(const std::vector<GpuFigures>& gpus, const std::string& worker = {});
void add_gpus(std::vector<prometheus::MetricFamily>& out, const std::string& prefix,
              const std::vector<LabelledGpu>& gpus);

prometheus::MetricFamily histogram(std::string name, std::string help, std::vector<HistogramSample> samples);
prometheus::MetricFamily counter(std::string name, std::string help, std::vector<Sample> samples);
prometheus::MetricFamily gauge(std::string name, std::string help, std::vector<Sample> samples);

/// A user's name as a label: at most 120 bytes, whole characters, nothing that steers a terminal.
std::string label_value(std::string_view name);

}  // namespace troupe::monitoring
