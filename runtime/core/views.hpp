#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/graph.hpp"
#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/probe.hpp"

/// What the scheduler machine shows to those who look: plain values, copied out by its shell, read by monitoring. None
/// of them travels; what clients are told stands in protocol/messages.hpp.
namespace troupe {

using TaskCounts = std::array<std::uint64_t, task_state_count>;  ///< by TaskState

/// Tasks that have something in common.
struct TaskTally {
  TaskCounts states{};
  std::uint64_t memory_bytes{};  ///< of their values, each counted once
  TaskTally& operator+=(const TaskTally& other) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i] += other.states[i];
    memory_bytes += other.memory_bytes;
    return *this;
  }
  TaskTally& operator-=(const TaskTally& other) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i] -= other.states[i];
    memory_bytes -= other.memory_bytes;
    return *this;
  }
  friend bool operator==(const TaskTally&, const TaskTally&) = default;
};

struct WorkerView {
  WorkerAddress address;
  std::string http_address;
  std::uint64_t pid{};
  std::uint32_t threads{};
  WorkerStatus status{};
  bool suspect{};   ///< silent, or its wire is cut
  bool retiring{};  ///< it gets nothing new
  bool nannied{};
  std::uint64_t memory_limit{};
  Heartbeat heartbeat;
  Instant heartbeat_at{};       ///< 0: none yet
  std::uint64_t value_bytes{};  ///< of the values it holds, in memory or on disk
  std::uint32_t processing{};
  std::uint64_t stored{};
  std::uint64_t finished{};
  double occupancy_us{};
  Instant joined{};
  Instant last_seen{};
  std::vector<ResourceAmount> resources;
  std::vector<std::string> modules;
};

struct PrefixView {
  std::string name;
  PrefixCounters counters;
  TaskTally tasks;  ///< of the groups there are
};

struct ClientView {
  ClientId id;
  std::string name;
  std::uint64_t wants{};
};

/// The cluster at one moment, without its tasks.
struct ClusterView {
  Instant now;
  Token cluster;
  Epoch epoch;
  std::string address;
  std::string version;
  SchedulerCounters counters;  ///< without prefixes: they follow
  std::vector<WorkerView> workers;
  std::vector<PrefixView> prefixes;  ///< by index, as in TaskRun::prefix
  std::vector<ClientView> clients;
  std::uint64_t history_records{};
  std::uint64_t history_recorded{};
  std::uint64_t history_capacity{};
  std::int64_t history_oldest_ns{};
  std::int64_t history_latest_ns{};
};

struct TaskView {
  TaskId id;
  std::string key;
  std::uint32_t prefix{};
  TaskState state{};
  WorkerId worker;  ///< runner or a holder
  std::string worker_name;
  std::uint64_t nbytes{};
  std::uint32_t waiting_for{};
  std::uint32_t run{};
};

struct TaskFilter {
  std::optional<TaskState> state;
  std::optional<std::string> prefix;
  WorkerId worker;
  std::uint64_t group{};
  std::string text;  ///< part of the key
};

struct TaskPage {
  std::vector<TaskView> tasks;
  std::uint64_t next{};     ///< where to go on; 0 = that was all
  std::uint64_t scanned{};  ///< tasks looked at
};

/// A task's neighbours: the first few, and how many there are.
struct TaskNeighbours {
  std::uint64_t total{};
  std::vector<TaskView> tasks;
};

struct TransitionView {
  std::int64_t at_ns{};
  TaskState from{};
  TaskState to{};
  std::string cause;
  std::uint32_t run{};
  std::string worker;
};

/// One of the last transitions there were.
struct TaskStep {
  TaskId task;
  TransitionView step;
};

struct TaskFacts {
  TaskView task;
  std::string function;
  std::string why_code;
  std::vector<std::string> why;
  Priority priority;
  Annotations annotations;
  std::uint32_t retries_used{};
  std::uint32_t crashes{};
  double expected_us{};  ///< 0 = unknown
  TaskNeighbours dependencies;
  TaskNeighbours dependents;
  std::vector<std::pair<WorkerId, std::string>> holders;
  std::vector<std::pair<ClientId, std::string>> wanters;
  std::shared_ptr<const TaskError> error;  ///< or null
  std::vector<TransitionView> story;
  TaskOrigin origin;
};

/// A group: its tasks' counts by template, and the chunk, which never changes and is read elsewhere.
struct GroupView {
  std::uint64_t number{};
  std::string name;  ///< the user's key, or empty
  bool data{};       ///< scattered values
  std::shared_ptr<const GraphChunk> chunk;
  std::vector<TaskId> external;
  std::vector<TaskTally> counts;        ///< by template
  std::vector<std::uint32_t> prefixes;  ///< by template
  TaskOrigin origin;
};

/// What workers' time went to, since the scheduler began.
struct TimeView {
  struct Pair {
    WorkerId to;
    WorkerId from;
    ValuesMoved moved;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  std::vector<FunctionTime> functions;  ///< by prefix
  std::vector<Pair> pairs;              ///< in their order
  std::vector<MovedType> types;         ///< by name
  ValuesMoved other_pairs{};            ///< between workers of which there is no pair
  ValuesMoved moved{};                  ///< between any
  std::uint64_t serialize_us{};
  std::uint64_t disk_read_us{};
  std::uint64_t disk_write_us{};
  friend bool operator==(const TimeView&, const TimeView&) = default;
};

/// What became of what was submitted in spans of one name.
struct SpanView {
  SpanContext span;  ///< with its latest trace
  std::uint64_t submissions{};
  std::uint64_t submitted{};  ///< tasks
  std::uint64_t finished{};
  std::uint64_t erred{};
  std::uint64_t compute_us{};
  std::uint64_t output_bytes{};
  TaskTally tasks{};  ///< of the groups there are
  Instant submitted_first{};
  Instant changed_last{};
  std::vector<FunctionTime> functions{};  ///< by prefix
  friend bool operator==(const SpanView&, const SpanView&) = default;
};

/// The first tasks of a group.
struct GroupTasks {
  GroupView group;
  std::vector<TaskState> states;
  std::vector<WorkerId> workers;
};

}  // namespace troupe
