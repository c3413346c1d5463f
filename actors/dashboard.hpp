#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/scheduler_handle.hpp"
#include "monitoring/history_writer.hpp"
#include "monitoring/http_server.hpp"
#include "monitoring/metrics.hpp"
#include "monitoring/pages.hpp"
#include "protocol/error.hpp"

namespace troupe {

class Node;
namespace monitoring {
class EventRing;
class WorkerLog;
}  // namespace monitoring

/// Runs of tasks that a scheduler remembers for the history alone (SchedulerOptions::history): those of half a second.
inline constexpr std::uint64_t runs_until_written = 500'000;

struct DashboardOptions {
  bool serve{true};  ///< false: no pages, only the history
  std::string host{"127.0.0.1"};
  std::uint16_t port{8787};  ///< 0 = any
  bool any_port{};           ///< take any free one if that is taken
  bool insecure{};
  std::string token;  ///< an admin's, besides those that are given for codes
  std::vector<std::string> allowed_hosts;
  std::string frame_ancestors;
  monitoring::BuildInfo build;
  bool dask_names{};  ///< metrics that Dask has too also come under its names
  std::function<std::vector<monitoring::ReadyCheck>()> ready;
  std::function<Result<void>(unsigned workers)> scale;  ///< null: nobody here can start workers
  std::shared_ptr<monitoring::EventRing> events;        ///< SchedulerOptions::events
  std::shared_ptr<monitoring::WorkerLog> worker_log;    ///< SchedulerOptions::worker_log; may be null
  Duration profile_interval{};  ///< between two looks at what the scheduler's threads do; 0: none
  Duration profile_cycle{std::chrono::seconds(1)};
  monitoring::HistoryOptions history;  ///< where it is written what happens; without a directory nowhere
};

/// What is seen of a scheduler: its pages, which are dashboard, API, metrics and health, and its history. Owned by
/// whoever owns the scheduler's node, and ended before it; a thread that serves, and one that takes a picture of the
/// cluster twice a second.
class Dashboard {
public:
  static Result<std::unique_ptr<Dashboard>> start(Node& node, SchedulerHandle scheduler, DashboardOptions options);
  ~Dashboard();
  Dashboard(const Dashboard&) = delete;
  Dashboard& operator=(const Dashboard&) = delete;

  /// Writes down the last that is known, and why it is the last: to be called before the scheduler stops. The
  /// destructor does it otherwise.
  void end_history(std::string_view reason);

  /// host:port, as bound; empty if there are no pages.
  [[nodiscard]] std::string address() const;
  /// An address to open in a browser, which lets it in once. There have to be pages.
  [[nodiscard]] std::string login_link(monitoring::Scope scope) const;

private:
  struct Parts;
  explicit Dashboard(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace troupe
