#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/span.hpp"
#include "protocol/task.hpp"

/// How workers are described, what can be asked about a cluster, and how it is answered.
namespace troupe {

/// A module (or named runtime) that a process can run functions of.
struct ModuleInfo {
  std::string name;
  std::uint64_t build{};
  std::vector<std::string> functions;
  friend bool operator==(const ModuleInfo&, const ModuleInfo&) = default;
};

enum class WorkerStatus : std::uint8_t { running, paused, closing };

constexpr const char* name_of(WorkerStatus status) {
  switch (status) {
    case WorkerStatus::running: return "running";
    case WorkerStatus::paused: return "paused";
    case WorkerStatus::closing: return "closing";
  }
  return "unknown";
}

struct WorkerAddress {
  WorkerId worker;
  std::string name;
  std::string address;  ///< host:port of its data listener, or local:<n> inside one process
  std::string host;     ///< names the machine; equal for workers that share one
  friend bool operator==(const WorkerAddress&, const WorkerAddress&) = default;
};

enum class QueryKind : std::uint8_t {
  scheduler_info,    ///< workers, counts, addresses
  who_has,           ///< holders by key
  wait_for_workers,  ///< answered once `count` workers are running
  explain,           ///< why is this task where it is
  story,             ///< what happened to these keys
  list_tasks,        ///< up to `count` tasks, `text` = state to show or empty
  list_clients,
  tasks,             ///< up to `count` tasks after `after`, with all that is known of each
  transitions,       ///< up to `count` entries of the log behind `story`, from number `after` on
  settings,          ///< how the scheduler was configured; secrets are left out
  log,               ///< what the scheduler logged, from line number `after` on
  adaptive_target,   ///< how many workers there should be; `after` = milliseconds in which all should be done
  workers_to_close,  ///< `count` workers that can be ended at the least cost
  durations,         ///< how long tasks of each name take, and how many are left
};

/// A question about the cluster. Of `keys` or `text` (a task id as people write it) as the kind needs.
struct Query {
  RequestId request;
  QueryKind kind{};
  std::vector<ClientKey> keys;
  std::uint32_t count{};
  std::string text;
  std::uint64_t after{};  ///< where the last page ended
  friend bool operator==(const Query&, const Query&) = default;
};

struct WorkerSummary {
  WorkerAddress address;
  std::uint64_t pid{};
  std::uint32_t threads{};
  WorkerStatus status{};
  std::uint64_t memory_limit{};   ///< bytes; 0 = none
  std::uint64_t managed_bytes{};  ///< values in memory
  std::uint64_t process_bytes{};  ///< memory of the process; 0 = shared with others
  std::uint32_t processing{};     ///< tasks assigned
  std::uint32_t executing{};      ///< tasks running, by its last heartbeat
  std::uint64_t stored{};         ///< tasks whose value it holds
  std::uint64_t finished{};       ///< tasks it finished so far
  std::int64_t last_seen_ms{};    ///< age of its last sign of life
  std::vector<ResourceAmount> resources;
  std::vector<ModuleInfo> modules;
  std::uint64_t spilled_bytes{};        ///< what its values on disk took in memory
  std::uint64_t unmanaged_old_bytes{};  ///< of process_bytes, beside values, and not new
  friend bool operator==(const WorkerSummary&, const WorkerSummary&) = default;
};

struct SchedulerSummary {
  Token cluster;
  Epoch epoch;
  std::string address;
  std::string version;
  std::vector<WorkerSummary> workers;
  std::uint32_t clients{};
  /// Tasks by state: released, waiting, no_worker, queued, processing, memory, erred.
  std::vector<std::uint64_t> tasks_by_state;
  std::uint64_t finished{};
  std::uint64_t erred{};
  friend bool operator==(const SchedulerSummary&, const SchedulerSummary&) = default;
};

struct TaskSummary {
  TaskId task;
  std::string key;  ///< as people write it: prefix-group-index, or the user's name
  std::string state;
  std::string worker;  ///< runner or a holder; empty
  std::uint64_t nbytes{};
  std::uint32_t waiting_for{};
  std::uint32_t run{};
  friend bool operator==(const TaskSummary&, const TaskSummary&) = default;
};

/// All that the scheduler knows of a task.
struct TaskDetail {
  TaskSummary summary;
  std::string prefix;
  Priority priority;
  std::vector<TaskId> dependencies;
  std::uint32_t dependents{};
  std::uint32_t retries{};  ///< used so far
  std::uint32_t crashes{};  ///< workers that died while they ran it
  std::vector<ClientId> wanted_by;
  std::vector<WorkerId> holders;  ///< of its value
  std::string error;              ///< why it failed
  friend bool operator==(const TaskDetail&, const TaskDetail&) = default;
};

/// A task went from one state to another.
struct Transition {
  TaskId task;
  std::int64_t at_ns{};  ///< on the scheduler's steady clock
  std::string from;
  std::string to;
  std::string cause;
  RunId run;
  WorkerId worker;
  friend bool operator==(const Transition&, const Transition&) = default;
};

/// A line that a node logged.
struct LogLine {
  std::uint64_t number{};  ///< of all its lines, from 1
  std::int64_t unix_us{};
  std::uint8_t level{};  ///< 0 debug, 1 info, 2 warning, 3 error
  std::string text;      ///< for people
  LogContext about;
  friend bool operator==(const LogLine&, const LogLine&) = default;
};

/// How long tasks of one name take, as the scheduler has learnt it from those that finished.
struct PrefixDuration {
  std::string prefix;
  double mean_us{};
  double deviation_us{};     ///< standard deviation
  std::uint64_t finished{};  ///< that it was learnt from; 0: nothing is known
  std::uint64_t left{};      ///< not ended yet, whoever wants them
  friend bool operator==(const PrefixDuration&, const PrefixDuration&) = default;
};

/// Answers Query, Replicate, Rebalance, RetireWorkers, RestartWorkers and ControlTasks. Fields that are of no use to the
/// answer are empty.
struct QueryReply {
  RequestId request;
  std::optional<Error> error;
  std::shared_ptr<const SchedulerSummary> summary;  ///< scheduler_info, wait_for_workers
  std::vector<std::vector<WorkerAddress>> holders;  ///< who_has, by key
  std::vector<TaskSummary> tasks;                   ///< list_tasks
  std::vector<std::string> lines;       ///< explain, story, list_clients: for people, one fact a line; retired workers
  std::string code;                     ///< explain: stable reason code
  std::vector<TaskDetail> details;      ///< tasks
  std::vector<Transition> transitions;  ///< transitions
  std::vector<LogLine> log;             ///< log
  std::uint64_t next{};                 ///< `after` of what follows; tasks: 0 = nothing does; adaptive_target
  std::vector<PrefixDuration> durations;  ///< durations
  std::uint32_t slots{};                  ///< durations: tasks that can run at a time
  friend bool operator==(const QueryReply& a, const QueryReply& b) {
    return a.request == b.request && a.error == b.error && a.holders == b.holders && a.tasks == b.tasks &&
           a.lines == b.lines && a.code == b.code && a.details == b.details && a.transitions == b.transitions &&
           a.log == b.log && a.next == b.next && a.durations == b.durations && a.slots == b.slots &&
           (a.summary == b.summary || (a.summary && b.summary && *a.summary == *b.summary));
  }
};

}  // namespace troupe
