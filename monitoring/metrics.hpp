#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/probe.hpp"

namespace prometheus {
class Collectable;
struct MetricFamily;
}  // namespace prometheus

namespace troupe::monitoring {

struct BuildInfo {
  std::string version;
  std::string revision;
  std::string compiler;
};

/// An observation to look at, of one bucket of a histogram; none if there is no task.
struct Example {
  std::string task;  ///< group-index, as every command takes it
  double value{};
  double at_unix_s{};
  std::string trace_id{};  ///< of the span that it was submitted in; empty: none, or it is not known any more
  std::string span{};
};
/// By family, then by metric and bucket, in their order.
using Examples = std::map<std::string, std::vector<std::vector<Example>>>;

/// A source that has examples of what it told last.
class WithExamples {
public:
  virtual ~WithExamples() = default;
  [[nodiscard]] virtual Examples examples() const = 0;
};

/// The metrics of one node: sources that are asked at each scrape, and the figures of scraping itself.
///
/// One object per node, never process-global: two nodes of one process each show their own. Owned by the node's
/// composition root; scrapes come on the HTTP thread. A source that throws is left out and counted, so that one
/// broken source does not blind the rest.
class Metrics {
public:
  explicit Metrics(BuildInfo build);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// `counters` is called at each scrape, on the scraping thread.
  void add_scheduler(std::function<SchedulerCounters()> counters);
  void add_worker(std::function<WorkerCounters()> counters);
  void add(std::shared_ptr<prometheus::Collectable> source);
  /// From now on pages also have the figures that Dask has too, under its names.
  void show_dask_names();

  struct Page {
    std::string content_type;
    std::string content_encoding;
    std::string body;
  };
  /// The page in the format (`Accept`) and encoding (`Accept-Encoding`) that the scraper prefers.
  [[nodiscard]] Page scrape(std::string_view accept, std::string_view accept_encoding);

private:
  [[nodiscard]] std::vector<prometheus::MetricFamily> collect(Examples& examples);

  std::mutex mutex_;
  std::vector<std::shared_ptr<prometheus::Collectable>> sources_;
  std::uint64_t scrapes_{};
  std::uint64_t errors_{};
  double duration_seconds_{};
  bool dask_names_{};
};

/// Prefix labels are names of users' functions: at most this many are shown, the rest together as "other".
inline constexpr std::size_t prefix_labels_max = 200;

/// Text exposition, OpenMetrics 1.0.0: counters named without `_total`, units, and an end mark.
std::string open_metrics_text(const std::vector<prometheus::MetricFamily>& families, const Examples& examples = {});

/// True if `header` (Accept or Accept-Encoding) names `value` with a quality above 0.
bool accepts(std::string_view header, std::string_view value);

}  // namespace troupe::monitoring
