#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Plain counters that machines keep and monitoring shows. A machine's shell copies them out; nobody else reads them.
namespace troupe {

/// States of a task on the scheduler, in the order of every array by state.
enum class TaskState : std::uint8_t { released, waiting, no_worker, queued, processing, memory, erred, forgotten };
inline constexpr std::size_t task_state_count = 8;

constexpr const char* name_of(TaskState state) {
  switch (state) {
    case TaskState::released: return "released";
    case TaskState::waiting: return "waiting";
    case TaskState::no_worker: return "no_worker";
    case TaskState::queued: return "queued";
    case TaskState::processing: return "processing";
    case TaskState::memory: return "memory";
    case TaskState::erred: return "erred";
    case TaskState::forgotten: return "forgotten";
  }
  return "unknown";
}

/// None if there is no such state, or if it is one that nobody can ask for.
constexpr std::optional<TaskState> task_state_named(std::string_view name) {
  for (std::size_t i = 0; i < task_state_count; ++i)
    if (const auto state = static_cast<TaskState>(i); state != TaskState::forgotten && name == name_of(state))
      return state;
  return std::nullopt;
}

/// Why a task that was handed out before is, or is to be, handed out again; in the order of the array by reason.
enum class RetryReason : std::uint8_t {
  error,        ///< its function threw, and it has attempts left
  killed,       ///< the process that it had to itself ended, and it has attempts left
  worker_lost,  ///< it was with a worker that is gone without a goodbye
  worker_left,  ///< it was with a worker that said goodbye
  value_lost,   ///< it had made its value, and nobody holds that any more
  input_lost,   ///< it was with a worker as nobody held one of its inputs any more
  asked,        ///< it had failed, and somebody wants it tried again
};
inline constexpr std::size_t retry_reason_count = 7;

constexpr const char* name_of(RetryReason reason) {
  switch (reason) {
    case RetryReason::error: return "error";
    case RetryReason::killed: return "killed";
    case RetryReason::worker_lost: return "worker_lost";
    case RetryReason::worker_left: return "worker_left";
    case RetryReason::value_lost: return "value_lost";
    case RetryReason::input_lost: return "input_lost";
    case RetryReason::asked: return "asked";
  }
  return "unknown";
}

/// Why a task that was asked back stayed where it was; in the order of the array by reason.
enum class KeptReason : std::uint8_t {
  started,      ///< it ran already
  finished,     ///< its value was there already
  released,     ///< nobody wants it any more
  superseded,   ///< it had been taken from that worker otherwise
  worker_gone,  ///< the worker was lost, or left, before it answered
};
inline constexpr std::size_t kept_reason_count = 5;

constexpr const char* name_of(KeptReason reason) {
  switch (reason) {
    case KeptReason::started: return "started";
    case KeptReason::finished: return "finished";
    case KeptReason::released: return "released";
    case KeptReason::superseded: return "superseded";
    case KeptReason::worker_gone: return "worker_gone";
  }
  return "unknown";
}

/// What the scheduler learnt about tasks of one prefix (usually one function).
struct PrefixCounters {
  std::uint64_t finished{};
  std::uint64_t erred{};
  std::uint64_t retried{};
  std::uint64_t suspicious{};                             ///< runs that a dying worker took along
  std::uint64_t compute_us{};                             ///< sum of durations
  std::uint64_t output_bytes{};                           ///< sum of sizes of values made
  double duration_us{};                                   ///< moving average; 0 = unknown
  double duration_variance{};                             ///< of durations around it, in us^2; moving too
  std::array<std::uint64_t, task_state_count> entered{};  ///< changes into each state
};

struct SchedulerCounters {
  std::array<std::uint64_t, task_state_count> tasks{};  ///< now, by TaskState; `forgotten` counts since the start
  std::uint64_t clients{};
  std::uint64_t clients_opened{};
  std::uint64_t clients_closed{};
  std::uint64_t workers_running{};
  std::uint64_t workers_paused{};
  std::uint64_t workers_retiring{};
  std::uint64_t workers_suspect{};  ///< silent for a while, not yet lost
  std::uint64_t workers_idle{};
  std::uint64_t workers_saturated{};
  std::uint64_t workers_added{};
  std::uint64_t workers_drained{};  ///< left with a goodbye
  std::uint64_t workers_lost{};
  std::uint64_t groups{};
  std::uint64_t submissions{};
  std::uint64_t submitted_tasks{};
  std::uint64_t finished{};
  std::uint64_t erred{};   ///< tasks, with those that failed because an input did
  std::uint64_t failed{};  ///< tasks of them that failed themselves
  std::uint64_t retried{};
  std::uint64_t poisoned{};                                 ///< failed because workers died running them
  std::uint64_t recomputed{};                               ///< values lost with a worker and wanted again
  std::array<std::uint64_t, retry_reason_count> retries{};  ///< by RetryReason
  std::uint64_t queue_age_s{};       ///< since the first of the tasks that wait for a worker does so; whole seconds
  std::uint64_t late_completions{};  ///< refused by run id
  std::uint64_t steal_requests{};
  std::uint64_t steals_confirmed{};
  std::array<std::uint64_t, kept_reason_count> steals_rejected{};  ///< by KeptReason
  std::uint64_t steal_requests_us{};                               ///< expected durations of the tasks asked back
  std::uint64_t steals_confirmed_us{};                             ///< of those given back
  std::uint64_t replicas_dropped{};                                ///< by the active memory manager
  std::uint64_t transitions{};
  double bandwidth{};  ///< bytes a second that a worker is thought to receive; learnt from large fetches
  std::map<std::string, PrefixCounters> prefixes;  ///< at most SchedulerConfig::max_prefixes, rest in "other"
};

constexpr std::uint64_t steals_rejected(const SchedulerCounters& counters) {
  std::uint64_t sum = 0;
  for (const auto kept : counters.steals_rejected) sum += kept;
  return sum;
}

struct WorkerCounters {
  std::uint64_t threads{};
  std::uint64_t executing{};
  std::uint64_t ready{};
  std::uint64_t waiting{};
  std::uint64_t fetching{};
  std::uint64_t seceded{};
  std::uint64_t stored{};   ///< values in memory
  std::uint64_t spilled{};  ///< values on disk
  std::uint64_t managed_bytes{};
  std::uint64_t spilled_bytes{};        ///< what the values on disk took in memory
  std::uint64_t process_bytes{};        ///< memory of the process, as last measured; 0 = not measured
  std::uint64_t unmanaged_old_bytes{};  ///< of it, beside values, for longer than worker.memory.recent-to-old-time
  std::uint64_t memory_limit{};         ///< 0 = none
  std::uint64_t paused{};               ///< 1 while nothing new is started, since memory is nearly full
  std::uint64_t finished{};
  std::uint64_t erred{};
  std::uint64_t compute_us{};
  std::uint64_t transfers_received{};
  std::uint64_t transfers_sent{};
  std::uint64_t received_bytes{};
  std::uint64_t sent_bytes{};
  std::uint64_t copied_bytes{};         ///< bytes of out-of-band buffers that had to be copied in user space
  std::uint64_t transfers_incoming{};   ///< now
  std::uint64_t transfers_outgoing{};   ///< now
  std::uint64_t spill_written_bytes{};  ///< to disk, as packed
  std::uint64_t spill_read_bytes{};
  std::uint64_t spill_writes{};  ///< values
  std::uint64_t spill_reads{};
  std::uint64_t spill_write_ns{};  ///< spent encoding, packing and writing
  std::uint64_t spill_read_ns{};
  std::uint64_t spill_errors{};      ///< writes refused by the disk, and values found damaged
  std::uint64_t spill_disk_bytes{};  ///< now
};

}  // namespace troupe
