#pragma once

#include <chrono>
#include <cstdint>

#include "protocol/time.hpp"

namespace troupe {

/// What an operator may set about decisions; given once.
struct SchedulerConfig {
  Duration tick{std::chrono::milliseconds(100)};
  /// A worker holds about this much learnt work ahead per thread.
  Duration prefetch_horizon{std::chrono::milliseconds(5)};
  /// Least cost a task is counted with: the runtime's own share.
  Duration least_task_cost{std::chrono::microseconds(2)};
  /// A worker may always hold ceil(worker_saturation * threads) tasks, however long they are.
  double worker_saturation{1.1};
  /// A task is failed once this many workers died while they ran it.
  std::uint32_t allowed_failures{3};
  /// A worker that is silent for so long gets no new tasks.
  Duration suspect_after{std::chrono::seconds(10)};
  /// A worker that is silent for so long is lost, and its work is done again.
  Duration worker_ttl{std::chrono::seconds(30)};
  /// Tasks of a module that no running worker has fail after so long; 0 = never.
  Duration missing_module_timeout{std::chrono::seconds(10)};
  /// Tasks that no worker may run (restrictions, resources, none there) fail after so long; 0 = never.
  Duration no_workers_timeout{0};
  bool work_stealing{true};
  /// How often stealing is thought of.
  Duration work_stealing_interval{std::chrono::milliseconds(10)};
  /// Copies of values that nobody needs are dropped, looked for at this interval.
  bool active_memory_manager{true};
  Duration active_memory_interval{std::chrono::seconds(2)};
  /// First guess of what a worker receives from another, bytes a second.
  double bandwidth{1e9};
  /// Entries of the transition log kept for `story`.
  std::uint32_t story_length{1u << 16};
  std::uint32_t max_prefixes{1000};
  /// Tasks known at a time; a submission beyond is refused as overloaded.
  std::uint64_t max_tasks{100'000'000};
  /// Keys released or cancelled in one slice before other work gets its turn.
  std::uint32_t slice{16'384};
  std::uint32_t heartbeat_ms{1000};
};

}  // namespace troupe
