#include "monitoring/request_collector.hpp"

#include <chrono>
#include <utility>

#include "monitoring/collectors.hpp"

namespace troupe::monitoring {
namespace {

/// Counts for as long as it is read from.
class CountedStream final : public LineSource {
public:
  CountedStream(std::unique_ptr<LineSource> inner, std::shared_ptr<std::atomic<std::uint64_t>> open)
      : inner_(std::move(inner)), open_(std::move(open)) {
    ++*open_;
  }
  ~CountedStream() override { --*open_; }
  CountedStream(const CountedStream&) = delete;
  CountedStream& operator=(const CountedStream&) = delete;

  std::chrono::milliseconds interval() const override { return inner_->interval(); }
  std::string next() override { return inner_->next(); }
  std::string last() override { return inner_->last(); }

private:
  const std::unique_ptr<LineSource> inner_;
  const std::shared_ptr<std::atomic<std::uint64_t>> open_;
};

}  // namespace

Route RequestCollector::counted(Route route) {
  const auto self = shared_from_this();
  if (route.stream) {
    route.stream = [self, open = std::shared_ptr<std::atomic<std::uint64_t>>(self, &self->streams_),
                    make = std::move(route.stream)](const HttpRequest& request,
                                                    HttpResponse& refusal) -> std::unique_ptr<LineSource> {
      auto stream = make(request, refusal);
      if (!stream) return stream;
      return std::make_unique<CountedStream>(std::move(stream), open);
    };
    return route;
  }
  route.serve = [self, path = route.path, serve = std::move(route.serve)](const HttpRequest& request) {
    const auto begun = std::chrono::steady_clock::now();
    HttpResponse response = serve(request);
    const auto took = std::chrono::steady_clock::now() - begun;
    const std::lock_guard lock(self->mutex_);
    Path& of = self->paths_[path];
    of.durations.add(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    if (response.status >= 400) ++of.failed;
    return response;
  };
  return route;
}

std::vector<prometheus::MetricFamily> RequestCollector::Collect() const {
  std::vector<HistogramSample> durations;
  std::vector<Sample> failed;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, of] : paths_) {
      durations.push_back({of.durations, {{"path", path}}});
      failed.push_back({static_cast<double>(of.failed), {{"path", path}}});
    }
  }
  return {
      histogram("troupe_api_request_duration_seconds", "Making the answer to a request, by path.",
                std::move(durations)),
      counter("troupe_api_requests_failed_total", "Requests that were refused or failed, by path.", std::move(failed)),
      gauge("troupe_dashboard_streams", "Viewers that are sent news.", {{static_cast<double>(streams_.load())}}),
      gauge("troupe_dashboard_sessions", "Browsers that logged in.", {{static_cast<double>(logins_())}})};
}

}  // namespace troupe::monitoring
