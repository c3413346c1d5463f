#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "monitoring/cluster_source.hpp"
#include "monitoring/collectors.hpp"
#include "monitoring/recorder.hpp"

namespace troupe::monitoring {

/// What a scheduler's recorder knows beside the counters of its machine: how long runs and turns took, how late the
/// loop is, what is remembered.
class RecorderCollector final : public prometheus::Collectable, public WithExamples {
public:
  RecorderCollector(std::shared_ptr<Recorder> recorder, std::shared_ptr<ClusterSource> source)
      : recorder_(std::move(recorder)), source_(std::move(source)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  [[nodiscard]] Examples examples() const override { return examples_; }

private:
  std::shared_ptr<Recorder> recorder_;
  std::shared_ptr<ClusterSource> source_;
  mutable Examples examples_;  ///< of the last Collect(); both are called by one scrape, under its lock
};

/// The figures of each worker that come with its heartbeats, for scrapers that reach the scheduler only. Of more workers
/// than `most`, none: what would be shown is too much, and each can be scraped by itself.
class ClusterCollector final : public prometheus::Collectable {
public:
  static constexpr std::size_t most = 200;
  explicit ClusterCollector(std::shared_ptr<Recorder> recorder) : recorder_(std::move(recorder)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  std::shared_ptr<Recorder> recorder_;
};

/// How late a loop is: asks it to do nothing, at an interval, and measures how long that takes. A thread of its own.
class LagProbe final : public prometheus::Collectable {
public:
  /// `round_trip` returns when the loop has come to it.
  explicit LagProbe(std::function<void()> round_trip,
                    std::chrono::milliseconds interval = std::chrono::milliseconds(500));
  ~LagProbe() override;
  LagProbe(const LagProbe&) = delete;
  LagProbe& operator=(const LagProbe&) = delete;
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

private:
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_{};
  DurationHistogram lag_;
  std::thread thread_;
};

}  // namespace troupe::monitoring
