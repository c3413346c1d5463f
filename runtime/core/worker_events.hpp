#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/time.hpp"

namespace troupe {

/// How an execution handed to the pool ended.
enum class ExecutionOutcome : std::uint8_t {
  finished,  ///< the value is in memory
  erred,
  retracted,  ///< taken back before it started
};

/// Executions that ended, as parallel vectors; `errors` and `values` may be empty when none has one.
struct ExecutionsDone {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<ExecutionOutcome> outcomes;
  std::vector<std::uint64_t> nbytes;
  std::vector<std::uint32_t> duration_us;
  std::vector<std::shared_ptr<const TaskError>> errors;
  InlineValues values;
  std::vector<std::int64_t> ended_ns{};  ///< by execution, on the clock of `now`; empty: not known
  std::vector<std::uint16_t> threads{};  ///< that ran it; empty: not known
};

/// A running task gave its slot back (seceded), or asks to count again (rejoined).
struct ExecutionSeceded {
  TaskId task;
  RunId run;
  bool rejoined{};
};

enum class FetchOutcome : std::uint8_t { ok, busy, lost };

/// A fetch effect ended. `received` are now in memory; `missing` the peer does not have; the rest it held back
/// for size and may be asked for again. `busy` and `lost` bring neither.
struct FetchDone {
  std::uint64_t fetch{};
  FetchOutcome outcome{};
  std::vector<TaskId> received;
  std::vector<std::uint64_t> nbytes;  ///< by received
  std::vector<TaskId> missing;
};

/// A client put values straight into this worker's store.
struct ValuesPut {
  std::vector<TaskId> tasks;
  std::vector<std::uint64_t> nbytes;
};

/// A peer is reading these from the store (begin), or has them now: until then they are not dropped (I20).
struct ValuesServed {
  std::vector<TaskId> tasks;
  bool begin{};
};

/// How a write to disk ended.
enum class SpillOutcome : std::uint8_t {
  written,   ///< the value is on disk, and no longer in memory
  obsolete,  ///< it was dropped or replaced meanwhile: nothing changed
  refused,   ///< the disk is full or broken: the value stays in memory
};

/// `spill` effects that ended.
struct ValuesSpilled {
  std::vector<TaskId> tasks;
  std::vector<SpillOutcome> outcomes;
};

enum class LoadOutcome : std::uint8_t {
  loaded,    ///< the value is in memory, and no longer on disk
  obsolete,  ///< it was dropped or replaced meanwhile: nothing changed
  lost,      ///< what is on disk is damaged: there is no value any more
};

/// `load` effects that ended.
struct ValuesLoaded {
  std::vector<TaskId> tasks;
  std::vector<LoadOutcome> outcomes;
};

/// Values on disk that a peer asked for, and that could not be read.
struct ValuesLost {
  std::vector<TaskId> tasks;
};

struct SchedulerSaid {
  ToWorker message;
};

struct WorkerTick {
  std::uint64_t process_bytes{};  ///< memory of the process, 0 = not measured this time
  std::uint64_t cpu_ms{};
  Traffic traffic{};
  Surroundings surroundings{};
  std::int64_t sent_ns{};  ///< for a heartbeat, should one be due: see there
};

using WorkerEvent = std::variant<SchedulerSaid, ExecutionsDone, ExecutionSeceded, FetchDone, ValuesPut, ValuesServed,
                                 WorkerTick, ValuesSpilled, ValuesLoaded, ValuesLost>;

/// Tasks for the pool, most urgent first, as parallel vectors.
struct ExecuteBatch {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<std::shared_ptr<const TaskTemplate>> templates;
  std::vector<Bytes> arguments;  ///< the task's own, or its template's
  std::vector<std::uint8_t> inline_wanted;
  std::vector<std::uint32_t> input_offsets;  ///< tasks + 1 entries
  std::vector<TaskId> inputs;                ///< all in memory

  void clear() {
    tasks.clear();
    runs.clear();
    templates.clear();
    arguments.clear();
    inline_wanted.clear();
    input_offsets.clear();
    inputs.clear();
  }
};

struct Fetch {
  std::uint64_t fetch{};  ///< number of this effect; comes back in FetchDone exactly once
  WorkerId peer;
  std::string address;  ///< its data listener
  std::vector<TaskId> tasks;
  std::uint64_t max_bytes{};
};

struct WorkerEffects {
  std::vector<WorkerMessage> to_scheduler;  ///< in order
  ExecuteBatch execute;
  std::vector<TaskId> retract;  ///< take back from the pool if not started; each ends in ExecutionsDone
  std::vector<TaskId> stop;     ///< nobody wants these runs: ask their functions to end soon
  std::vector<Fetch> fetch;
  std::vector<TaskId> drop;         ///< remove from memory and disk
  std::vector<TaskId> spill;        ///< write to disk, then remove from memory; each ends in ValuesSpilled
  std::vector<TaskId> load;         ///< read from disk, then remove there; each ends in ValuesLoaded
  std::vector<RunFunction> run;     ///< outside the task system; answered by the shell with FunctionRan
  std::vector<ShareModules> share;  ///< modules to be passed on
  bool close{};                     ///< the worker's life is over; reason in close_reason
  std::string close_reason;
  std::optional<Error> refused;  ///< the scheduler does not take it: it closes because of this

  void clear() {
    to_scheduler.clear();
    execute.clear();
    retract.clear();
    stop.clear();
    fetch.clear();
    drop.clear();
    spill.clear();
    load.clear();
    run.clear();
    share.clear();
    close = false;
    close_reason.clear();
    refused.reset();
  }
};

}  // namespace troupe
