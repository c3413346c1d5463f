#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "actors/dashboard.hpp"
#include "actors/node.hpp"
#include "actors/scheduler_node.hpp"
#include "apps/config.hpp"
#include "apps/logging.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/worker_log.hpp"
#include "protocol/access.hpp"

namespace troupe::apps {

struct SchedulerServiceOptions {
  bool insecure{};
  bool dashboard{true};
  bool history{true};                                     ///< if the configuration does not say otherwise
  std::function<Result<void>(unsigned workers)> scale{};  ///< null: nobody here can start workers
};

/// A scheduler as an operator knows it: its node, its pages and its keys. Owned by a command; not on a loop thread.
/// Raises CommandError if it cannot listen.
class SchedulerService {
public:
  SchedulerService(const Config& config, const SchedulerServiceOptions& options, Log& log);
  ~SchedulerService();
  SchedulerService(const SchedulerService&) = delete;
  SchedulerService& operator=(const SchedulerService&) = delete;

  [[nodiscard]] const AccessFile& access() const { return access_; }
  [[nodiscard]] SchedulerHandle& handle() { return *handle_; }
  [[nodiscard]] Node& node() { return *node_; }
  /// host:port; empty if there are no pages.
  [[nodiscard]] std::string http_address() const { return dashboard_ ? dashboard_->address() : std::string(); }
  /// Lets one browser in, to look; empty if there are no pages.
  [[nodiscard]] std::string dashboard_link() const {
    return http_address().empty() ? std::string() : dashboard_->login_link(monitoring::Scope::read);
  }
  /// Writes down the last that is known. Done by `stop`, unless workers are stopped before.
  void end_history(const std::string& reason);
  /// Says goodbye to workers and clients, and returns when it has ended.
  void stop(const std::string& reason);

private:
  void start_dashboard(const Config& config, const SchedulerServiceOptions& options, bool history);

  AccessFile access_;
  std::atomic<bool> draining_{false};
  std::shared_ptr<monitoring::EventRing> events_{std::make_shared<monitoring::EventRing>(5000)};
  std::shared_ptr<monitoring::WorkerLog> worker_log_{std::make_shared<monitoring::WorkerLog>()};
  std::unique_ptr<Node> node_;
  std::unique_ptr<SchedulerHandle> handle_;
  std::unique_ptr<Dashboard> dashboard_;  ///< ends first: its pages ask the scheduler
};

/// Where histories are, from the configuration.
std::filesystem::path history_directory(const Config& config);

/// The options of a scheduler from the configuration, but for keys.
SchedulerOptions scheduler_options(const Config& config);

}  // namespace troupe::apps
