#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/flat_map.hpp"
#include "runtime/core/load_index.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/ready_queue.hpp"
#include "runtime/core/span_totals.hpp"
#include "runtime/core/views.hpp"

/// The scheduler's tables: what it knows of tasks, workers and clients, and the links between them. Owned and changed
/// by SchedulerState alone.
namespace troupe {

/// All that changes about one task: 48 bytes. What does not change stands in its group's chunk.
struct TaskRecord {
  std::uint64_t nbytes{};           ///< size of the value; valid in memory
  std::uint32_t first_dependent{};  ///< 1 + edge of the last linked dependent in the same group; 0 = none
  std::uint32_t dependents{};       ///< edges from dependents, in any group, that are not forgotten
  std::uint32_t waiters{};          ///< edges from dependents that are in play
  std::uint32_t missing{};          ///< in play: edges to dependencies without a holder
  WorkerId worker{};                ///< processing: the runner; memory: the first holder
  std::uint32_t position{};  ///< index in that worker's processing, or stored, list; queued, no_worker: see QueueClock
  RunId run{};               ///< the current or last run
  float cost_us{};           ///< processing: what it adds to its worker's occupancy
  TaskState state{TaskState::released};
  std::uint8_t flags{};
  std::uint8_t crashes{};  ///< workers that died while they ran it
  std::uint8_t retries{};  ///< attempts used up beside the first
};
static_assert(sizeof(TaskRecord) == 48);

namespace task_flag {
inline constexpr std::uint8_t wanted = 1;      ///< the group's first subscriber wants it
inline constexpr std::uint8_t held = 2;        ///< a later chunk of its graph may depend on it
inline constexpr std::uint8_t replicated = 4;  ///< has holders beside the first: SchedulerState::replicas_
inline constexpr std::uint8_t external = 8;    ///< has dependents in other groups: external_dependents_
inline constexpr std::uint8_t seceded = 16;    ///< processing, but takes no slot
inline constexpr std::uint8_t stealing = 32;   ///< its worker was asked to give it back
inline constexpr std::uint8_t ahead = 64;      ///< processing before its input is there, which its worker is making
inline constexpr std::uint8_t extend = 128;    ///< when it ends, the chain behind it is to be prolonged
}  // namespace task_flag

/// What is learnt of tasks of one name.
struct Prefix {
  std::string name;
  PrefixCounters counters;
  TaskTally tasks;  ///< of the groups there are
};

/// Who may run tasks: the same function module and the same restrictions. Ready tasks wait by class.
struct RestrictionClass {
  FunctionRef::Kind kind{};
  std::string module;
  std::uint64_t build{};
  std::vector<std::string> workers;
  bool allow_other_workers{};
  std::vector<ResourceAmount> resources;
  std::vector<WorkerId> valid;  ///< workers that may run it, ascending
  LoadIndex loads;              ///< by place in `valid`; empty where these are so few that they are looked at
  bool loose{};                 ///< no preferred worker is there: `valid` lists the others
  std::uint64_t unrunnable{};   ///< its tasks in state no_worker
  Instant empty_since{};        ///< since when it has such tasks without a break

  [[nodiscard]] bool same_as(const RestrictionClass& o) const {
    return kind == o.kind && module == o.module && build == o.build && workers == o.workers &&
           allow_other_workers == o.allow_other_workers && resources == o.resources;
  }
};

struct TemplateRecord {
  TemplateId id;
  TaskTemplate task;
  std::size_t hash{};
  std::uint32_t prefix{};       ///< index in SchedulerState::prefixes_
  std::uint32_t restriction{};  ///< index in SchedulerState::classes_
  std::uint32_t groups{};       ///< that use it
};

/// A client that wants tasks of a group under its own submission number.
struct Subscriber {
  ClientId client;
  std::uint64_t submission{};
  std::vector<bool> wanted;  ///< by task; empty for the first subscriber, whose wants are task flags
  std::uint32_t wants{};     ///< number of tasks it wants
};

/// One accepted submission: tasks, their edges, and who asked for them. Freed with its last task.
struct Group {
  std::uint64_t number{};
  Token token;
  std::string name;  ///< the user's key, or empty
  std::uint32_t generation{};
  std::uint32_t first_rank{};                 ///< of its first task, if the chunk brings no ranks of its own
  ClientId owner;                             ///< whose share its tasks are counted on
  std::shared_ptr<const SpanContext> span;    ///< that it was submitted in, or null
  SpanRecord* counted_span{};                 ///< that its tasks are counted on, or null
  std::uint64_t graph{};                      ///< first submission of its graph, if it holds tasks
  bool data{};                                ///< scattered values: no function makes them
  std::vector<std::uint32_t> target_offsets;  ///< scattered: by task, and one more
  std::vector<WorkerId> targets;              ///< scattered: where its client was told to put it
  std::shared_ptr<const GraphChunk> chunk;
  std::vector<TaskRecord> tasks;
  std::vector<std::uint32_t> edge_next;   ///< by edge of the chunk: 1 + next edge to the same dependency; 0 = end
  std::vector<std::uint32_t> edge_owner;  ///< by edge: the dependent
  std::vector<TaskId> external;           ///< chunk->external, translated
  std::vector<TemplateRecord*> templates;
  std::vector<TaskTally> counts;        ///< by template
  std::vector<Subscriber> subscribers;  ///< few; the first is the one who submitted it
  std::uint32_t live{};                 ///< tasks not forgotten
};

/// A task, found. Valid until its group is freed.
struct TaskRef {
  Group* group{};
  std::uint32_t index{};

  explicit operator bool() const { return group != nullptr; }
  TaskRecord* operator->() const { return &group->tasks[index]; }
  TaskRecord& operator*() const { return group->tasks[index]; }
  [[nodiscard]] TaskId id() const { return TaskId::of(group->number, index); }
  [[nodiscard]] TemplateRecord& task_template() const { return *group->templates[group->chunk->template_index(index)]; }
  [[nodiscard]] bool has(std::uint8_t flag) const { return (group->tasks[index].flags & flag) != 0; }
  void set(std::uint8_t flag) const { group->tasks[index].flags |= flag; }
  void unset(std::uint8_t flag) const { group->tasks[index].flags &= static_cast<std::uint8_t>(~flag); }
};

/// A copy of a value beside the first.
struct Replica {
  WorkerId worker;
  std::uint32_t position{};  ///< in that worker's stored list
};

struct WorkerRecord {
  WorkerId id;
  RegisterWorker registration;
  WorkerStatus status{WorkerStatus::running};
  bool reachable{true};
  bool suspect{};
  bool retiring{};               ///< it gets no new tasks, and what it holds moves away
  bool closing{};                ///< it was told to end
  bool restarting{};             ///< its nanny was told to start it again
  std::string leaves;            ///< why it asked to end; empty: it did not
  bool steal_pending{};          ///< asked to give tasks back, not answered yet
  std::uint32_t steals_asked{};  ///< tasks it was asked for and has not answered about
  bool load_changed{};           ///< stands in SchedulerState::changed_loads_
  bool counted_idle{};           ///< in SchedulerState::idle_workers_
  bool counted_surplus{};        ///< in SchedulerState::surplus_workers_
  Instant joined{};
  Instant last_seen{};
  Instant moved_on{};  ///< when a task last ended or seceded there, or found a thread free
  Heartbeat heartbeat;
  Instant heartbeat_at{};  ///< when it came; 0: none yet
  std::vector<TaskId> processing;
  std::vector<TaskId> stored;                             ///< values it holds
  double occupancy_us{};                                  ///< expected duration of what it processes
  std::uint32_t seceded{};                                ///< of processing, those that take no slot
  std::uint64_t managed_bytes{};                          ///< of the values it holds, in memory or on disk
  std::uint64_t coming_bytes{};                           ///< scratch, while values are moved
  double output_bytes{};                                  ///< of a task that it finished lately
  double free_bytes{std::numeric_limits<double>::max()};  ///< before it pauses, as it said last
  std::uint64_t finished{};
  std::vector<std::pair<std::string, double>> resources_used;
  std::vector<bool> knows_template;             ///< by TemplateId
  std::vector<bool> knows_worker;               ///< by WorkerId
  std::array<std::uint64_t, 8> told_origins{};  ///< groups whose origin it was told last, the latest first
  std::vector<ToWorker> outbox;
  std::vector<std::byte> arguments;  ///< of the ComputeTasks that is last in the outbox
  bool in_flush_list{};

  /// Whether it is to be told whose the tasks of that group are; they are told then.
  bool learns_origin(std::uint64_t group) {
    if (told_origins.front() == group) return false;
    const auto found = std::find(told_origins.begin(), told_origins.end(), group);
    const bool known = found != told_origins.end();
    std::move_backward(told_origins.begin(), known ? found : told_origins.end() - 1,
                       known ? found + 1 : told_origins.end());
    told_origins.front() = group;
    return !known;
  }
  /// One of the names is this worker's, its address, or its host's.
  [[nodiscard]] bool is_named(const std::vector<std::string>& names) const {
    return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
      return name == registration.name || name == registration.address || name == registration.host;
    });
  }
  /// Any build will do if `build` is 0.
  [[nodiscard]] bool has_module(const std::string& module, std::uint64_t build) const {
    return std::any_of(registration.modules.begin(), registration.modules.end(), [&](const ModuleInfo& known) {
      return known.name == module && (build == 0 || known.build == build);
    });
  }
  [[nodiscard]] bool able() const { return status == WorkerStatus::running && reachable && !suspect && !retiring; }
  /// Whether so many bytes of inputs can be in its memory together at all.
  [[nodiscard]] bool may_hold(std::uint64_t bytes) const {
    return registration.memory_limit == 0 || bytes <= registration.memory_limit;
  }
  [[nodiscard]] std::uint32_t active() const { return static_cast<std::uint32_t>(processing.size()) - seceded; }
  /// Tasks that others need not take from it: a paused worker starts nothing, so all that it has not started may go.
  [[nodiscard]] std::uint32_t kept_active() const { return status == WorkerStatus::paused ? 0 : registration.threads; }
};

struct ClientRecord {
  ClientId id;
  std::string name;
  std::deque<std::uint64_t> groups;  ///< by submission - first_submission: group number, 0 = refused or let go
  std::uint64_t first_submission{1};
  std::map<std::uint64_t, std::vector<std::uint64_t>> held_graphs;  ///< graph -> groups with held tasks
  struct GraphPlace {
    std::uint32_t generation{};
    std::uint32_t next_rank{};  ///< of its next task, where chunks bring no ranks of their own
  };
  std::map<std::uint64_t, GraphPlace> graph_places;  ///< by graph that is still coming in
  std::vector<ReadyQueue> ready;                     ///< by restriction class
  double served_us{};                                ///< expected work handed out for it, for fairness
  std::uint64_t wants{};
  std::vector<bool> knows_worker;  ///< by WorkerId
  std::vector<ToClient> outbox;
  std::vector<std::byte> values;  ///< of the KeysReady that is last in the outbox
  bool in_flush_list{};
};

/// A copy of a value that is on its way to a worker.
struct Transfer {
  WorkerId from;
  std::uint64_t placement{};  ///< that asked for it; 0 = none
  bool move{};                ///< `from` drops it then
  Instant since{};
};

/// A client's wish for copies, or for moves, until all have arrived.
struct Placement {
  ClientId client;
  RequestId request;
  std::uint32_t copies{};     ///< 0 = one on each worker
  std::uint32_t branching{};  ///< 0: it is moves that are wanted
  std::vector<std::string> workers;
  std::uint64_t under_way{};
};

/// A wish to end workers, until they have ended.
struct Retirement {
  ClientId client;  ///< 0: the worker's own
  RequestId request;
  std::vector<WorkerId> left;
  std::vector<std::string> ended;
  bool stuck{};
};

struct NannyRecord {
  RegisterNanny registration;
  Incarnation worker;  ///< its process now; 0: not told yet
};

/// A client's wish to have workers started again, until they have registered.
struct Restart {
  ClientId client;
  RequestId request;
  struct Awaited {
    NannyId nanny;
    Incarnation old;
    std::string name;
  };
  std::vector<Awaited> awaited;
  std::vector<std::string> back;
  Instant deadline;
};

/// One line of the log behind `story`.
struct TransitionEntry {
  TaskId task;
  std::int64_t at_ns{};
  WorkerId worker;
  RunId run;
  TaskState from{};
  TaskState to{};
  const char* cause{};  ///< a literal
};

}  // namespace troupe
