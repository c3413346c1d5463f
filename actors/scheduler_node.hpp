#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/scheduler_handle.hpp"
#include "protocol/access.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"
#include "runtime/core/scheduler_config.hpp"
#include "runtime/core/session.hpp"

namespace troupe {

class Node;
namespace monitoring {
class EventRing;
class WorkerLog;
}  // namespace monitoring

struct SchedulerOptions {
  bool listen{true};  ///< false: for workers and clients of the same node only
  std::string host{"127.0.0.1"};
  std::uint16_t port{8786};  ///< 0: any free one
  bool insecure{};           ///< see ListenOptions
  AccessFile access;         ///< cluster, epoch and keys; from AccessFile::generate()
  SchedulerConfig config;
  SessionConfig session;
  /// How long a session without a wire is kept. Workers: short, their process is most likely gone.
  Duration worker_grace{std::chrono::seconds(2)};
  Duration client_grace{std::chrono::seconds(60)};
  Duration nanny_grace{std::chrono::seconds(10)};
  Duration stop_patience{std::chrono::seconds(2)};  ///< for workers to say goodbye when it stops
  std::string version{"0.1.0"};
  std::uint64_t seed{};                           ///< 0: drawn
  std::filesystem::path event_log;                ///< all it is told is written there (EventLogWriter); empty: nowhere
  std::uint64_t event_log_bytes{1'000'000'000};   ///< then no more is recorded
  std::uint64_t history{1'000'000};               ///< runs of tasks remembered for those who look; 0: none
  std::shared_ptr<monitoring::EventRing> events;  ///< what happens to the cluster is told there; null: nowhere
  std::shared_ptr<monitoring::WorkerLog> worker_log;  ///< what heartbeats bring of workers' logs; null: it is dropped
  std::vector<std::pair<std::string, std::string>> settings;  ///< shown to who asks: no secrets
};

/// Starts a scheduler in a node. Not on the loop. Errors: cannot listen, cannot write the event log.
Result<SchedulerHandle> start_scheduler(Node& node, SchedulerOptions options);

}  // namespace troupe
