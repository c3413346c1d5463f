#include "monitoring/client_collector.hpp"

#include "monitoring/collectors.hpp"

namespace troupe::monitoring {

std::vector<prometheus::MetricFamily> ClientCollector::Collect() const {
  const ClientCounters now = counters_();
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  const auto state = [&](const char* name, std::uint64_t value) { return Sample{number(value), {{"state", name}}}; };
  std::vector<prometheus::MetricFamily> out;
  out.push_back(
      gauge("troupe_client_connected", "1 while the scheduler knows the client.", {{now.connected ? 1.0 : 0.0}}));
  out.push_back(counter("troupe_client_reconnections_total", "Connections to the scheduler after the first.",
                        {{number(now.reconnections)}}));
  out.push_back(counter("troupe_client_submissions_total",
                        "Chunks of graphs submitted; calls that went out together are one.",
                        {{number(now.submissions)}}));
  out.push_back(counter("troupe_client_tasks_submitted_total", "Tasks submitted.", {{number(now.submitted_tasks)}}));
  out.push_back(counter("troupe_client_futures_done_total", "What became of futures, as the client was told.",
                        {state("finished", now.finished), state("erred", now.erred), state("cancelled", now.cancelled),
                         state("lost", now.lost)}));
  out.push_back(counter("troupe_client_values_received_total", "Values that came to the client.",
                        {{number(now.received_values)}}));
  out.push_back(counter("troupe_client_received_bytes_total", "Size of those values.", {{number(now.received_bytes)}}));
  out.push_back(counter("troupe_client_fetches_failed_total",
                        "Fetches from workers that brought nothing, and were or will be tried again.",
                        {{number(now.failed_fetches)}}));
  out.push_back(counter("troupe_client_values_scattered_total", "Values given to the cluster.",
                        {{number(now.scattered_values)}}));
  out.push_back(
      counter("troupe_client_scattered_bytes_total", "Size of those values.", {{number(now.scattered_bytes)}}));
  out.push_back(gauge("troupe_client_waiting_chunks", "Chunks of graphs that the scheduler has not taken yet.",
                      {{number(now.waiting_chunks)}}));
  out.push_back(histogram("troupe_client_request_duration_seconds", "Questions to the scheduler, until their answer.",
                          {{now.requests}}));
  return out;
}

}  // namespace troupe::monitoring
