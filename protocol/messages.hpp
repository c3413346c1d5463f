#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/graph.hpp"
#include "protocol/ids.hpp"
#include "protocol/peer_messages.hpp"
#include "protocol/query_messages.hpp"
#include "protocol/span.hpp"
#include "protocol/task.hpp"
#include "protocol/worker_reports.hpp"

/// All that is said between scheduler, workers, clients and nannies: one struct a message, grouped by conversation.
/// Every verb is plural: a message carries a batch, as parallel vectors with one entry a task.
///
/// A new message: struct here, schema in messages.capnp, both ways in codec.cpp, round trip and golden bytes in
/// tests/protocol/codec_test.cpp, handler in the machine it is for, row in docs/wire_format.md.
namespace troupe {

/// A small value inside a control message: 8 bytes little-endian type fingerprint, then its encoding. Empty = absent.
/// `offsets` has one entry more than there are tasks, or none if no task brings a value.
struct InlineValues {
  std::vector<std::uint32_t> offsets;
  Bytes bytes;

  [[nodiscard]] Bytes at(std::size_t i) const {
    if (offsets.empty() || offsets[i] == offsets[i + 1]) return {};
    return bytes.slice(offsets[i], offsets[i + 1] - offsets[i]);
  }
  friend bool operator==(const InlineValues&, const InlineValues&) = default;
};

// ---- client -> scheduler --------------------------------------------------------------------------------------

struct RegisterClient {
  std::string name;
  friend bool operator==(const RegisterClient&, const RegisterClient&) = default;
};

/// Adds a chunk of tasks. Sent once per submission number; a repeat with the same number is answered, not redone.
/// `held` tasks (with dependents in a later chunk of the same graph) stay until a submission of that `graph` arrives
/// with `last`.
struct SubmitGraph {
  std::uint64_t submission{};  ///< numbered from 1 by the client, ascending
  std::uint64_t graph{};       ///< number of the first submission of the graph this chunk is part of
  bool last{true};             ///< no further chunk of this graph follows
  Token token;                 ///< names the group; equal tokens of different clients meet
  std::string name;            ///< the user's key, if given; else empty
  std::shared_ptr<const GraphChunk> chunk;
  std::vector<std::uint32_t> held;  ///< ascending
  TaskId parent;                    ///< the task that submits these and waits for them; 0 = none
  SpanContext span{};               ///< that they are submitted in; without one the parent's counts
  friend bool operator==(const SubmitGraph& a, const SubmitGraph& b) {
    return a.submission == b.submission && a.graph == b.graph && a.last == b.last && a.token == b.token &&
           a.name == b.name && a.held == b.held && a.parent == b.parent && a.span == b.span &&
           (a.chunk == b.chunk || (a.chunk && b.chunk && *a.chunk == *b.chunk));
  }
};

/// The client no longer wants these: its last Future of each is gone.
struct ReleaseKeys {
  std::vector<KeyRange> keys;
  friend bool operator==(const ReleaseKeys&, const ReleaseKeys&) = default;
};

struct CancelKeys {
  std::vector<KeyRange> keys;
  bool force{};  ///< also if other clients want them
  std::string reason;
  friend bool operator==(const CancelKeys&, const CancelKeys&) = default;
};

/// Try erred tasks, and the erred roots they depend on, again.
struct RetryKeys {
  std::vector<KeyRange> keys;
  friend bool operator==(const RetryKeys&, const RetryKeys&) = default;
};

/// Asks where to put values that the client has; answered by ScatterTargets. The values go to the workers directly.
struct ScatterKeys {
  std::uint64_t submission{};
  Token token;
  std::vector<std::uint64_t> nbytes;  ///< by key
  std::uint32_t replicas{1};          ///< copies wanted; 0 = one on each worker
  std::vector<std::string> workers;   ///< where; empty = any
  friend bool operator==(const ScatterKeys&, const ScatterKeys&) = default;
};

/// Runs a function once on each worker (or the named ones), outside the task system.
struct RunOnWorkers {
  RequestId request;
  FunctionRef function;
  Bytes arguments;
  std::vector<std::string> workers;
  friend bool operator==(const RunOnWorkers&, const RunOnWorkers&) = default;
};

/// Asks the scheduler to end: workers first, then itself.
struct Shutdown {
  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

/// The session ends on purpose; nothing is kept for a return.
struct Goodbye {
  std::string reason;
  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

/// Makes copies of values until each has `copies` holders; 0 = one on each worker. Each holder gives to `branching`
/// others at a time, and these go on from there. Answered by QueryReply, once the copies are there.
struct Replicate {
  RequestId request;
  std::vector<ClientKey> keys;
  std::uint32_t copies{};
  std::uint32_t branching{2};
  std::vector<std::string> workers;  ///< where; empty = any
  friend bool operator==(const Replicate&, const Replicate&) = default;
};

/// Moves values from workers whose memory is fuller than others'. Answered by QueryReply, once they have moved.
struct Rebalance {
  RequestId request;
  std::vector<ClientKey> keys;       ///< that may be moved; empty = all
  std::vector<std::string> workers;  ///< among which; empty = all
  friend bool operator==(const Rebalance&, const Rebalance&) = default;
};

/// Ends workers without losing anything: they finish what they run, and what only they hold is copied away first.
/// Answered by QueryReply with the names of those that have ended; an error if there is nobody to take their values.
struct RetireWorkers {
  RequestId request;
  std::vector<std::string> workers;  ///< names, addresses or hosts
  std::uint32_t count{};             ///< if no worker is named: that many, those that hold least
  friend bool operator==(const RetireWorkers&, const RetireWorkers&) = default;
};

/// Ends worker processes and has their nannies start them again; whatever they hold is lost. With no worker named it is
/// all of them, and all tasks of all clients are cancelled. Answered by QueryReply with the names of those that have
/// come back; an error names those that have no nanny, before anything is done, or those that did not come in time.
struct RestartWorkers {
  RequestId request;
  std::vector<std::string> workers;  ///< names, addresses or hosts
  std::uint32_t patience_ms{};
  friend bool operator==(const RestartWorkers&, const RestartWorkers&) = default;
};

enum class TaskControl : std::uint8_t { cancel, retry };

/// Cancels tasks for all who want them, or tries failed ones again, as an operator asks it: by the names of the tasks,
/// whoever submitted them. Answered by QueryReply with the names of those it was done to; an error names one that is
/// not known, before anything is done.
struct ControlTasks {
  RequestId request;
  TaskControl control{};
  std::vector<std::string> tasks;
  std::string reason;
  friend bool operator==(const ControlTasks&, const ControlTasks&) = default;
};

using ClientMessage =
    std::variant<RegisterClient, SubmitGraph, ReleaseKeys, CancelKeys, RetryKeys, ScatterKeys, Query, RunOnWorkers,
                 Shutdown, Goodbye, Replicate, Rebalance, RetireWorkers, RestartWorkers, ControlTasks>;

// ---- scheduler -> client --------------------------------------------------------------------------------------

struct ClientRegistered {
  ClientId client;
  Epoch epoch;
  friend bool operator==(const ClientRegistered&, const ClientRegistered&) = default;
};

/// Answers SubmitGraph, in order of submission. With an error nothing of the chunk was taken, and later chunks that
/// depend on it are refused too.
struct Accepted {
  std::uint64_t submission{};
  std::uint64_t group{};  ///< the scheduler's number: TaskId::of(group, index)
  std::optional<Error> error;
  friend bool operator==(const Accepted&, const Accepted&) = default;
};

/// Values that now exist. Small ones come along; others are fetched from `workers[i]`.
struct KeysReady {
  std::vector<ClientKey> keys;
  std::vector<WorkerId> workers;  ///< a holder, by key
  std::vector<std::uint64_t> nbytes;
  InlineValues values;
  friend bool operator==(const KeysReady&, const KeysReady&) = default;
};

struct KeysErred {
  std::vector<ClientKey> keys;
  std::vector<std::shared_ptr<const TaskError>> errors;  ///< by key; often the same object
  friend bool operator==(const KeysErred& a, const KeysErred& b) {
    if (a.keys != b.keys || a.errors.size() != b.errors.size()) return false;
    for (std::size_t i = 0; i < a.errors.size(); ++i)
      if (*a.errors[i] != *b.errors[i]) return false;
    return true;
  }
};

struct KeysCancelled {
  std::vector<KeyRange> keys;
  std::string reason;
  friend bool operator==(const KeysCancelled&, const KeysCancelled&) = default;
};

/// Values that were ready and are pending again: every holder is gone, and they are being recomputed; or a retry.
struct KeysPending {
  std::vector<KeyRange> keys;
  friend bool operator==(const KeysPending&, const KeysPending&) = default;
};

/// Addresses of workers that a later message names. Sent before the first use.
struct WorkerAddresses {
  std::vector<WorkerAddress> workers;
  friend bool operator==(const WorkerAddresses&, const WorkerAddresses&) = default;
};

struct ScatterTargets {
  std::uint64_t submission{};
  std::uint64_t group{};
  std::vector<std::uint32_t> offsets;  ///< keys + 1 entries into `targets`
  std::vector<WorkerId> targets;
  std::optional<Error> error;
  friend bool operator==(const ScatterTargets&, const ScatterTargets&) = default;
};

struct RunOutcome {
  WorkerAddress worker;
  Bytes value;                             ///< as in InlineValues
  std::shared_ptr<const TaskError> error;  ///< or null
  friend bool operator==(const RunOutcome& a, const RunOutcome& b) {
    return a.worker == b.worker && a.value == b.value &&
           (a.error == b.error || (a.error && b.error && *a.error == *b.error));
  }
};

struct RunReply {
  RequestId request;
  std::vector<RunOutcome> outcomes;
  friend bool operator==(const RunReply&, const RunReply&) = default;
};

using ToClient = std::variant<ClientRegistered, Accepted, KeysReady, KeysErred, KeysCancelled, KeysPending,
                              WorkerAddresses, ScatterTargets, QueryReply, RunReply, Goodbye>;

// ---- worker -> scheduler --------------------------------------------------------------------------------------

struct RegisterWorker {
  std::string name;  ///< unique in the cluster; empty = its address
  Incarnation incarnation;
  std::string address;  ///< host:port of the data listener
  std::string host;
  std::string http_address;  ///< metrics and health; empty = none
  std::uint64_t pid{};
  std::uint32_t threads{};
  std::uint64_t memory_limit{};
  bool nannied{};  ///< a nanny reports its death
  std::vector<ResourceAmount> resources;
  std::vector<ModuleInfo> modules;
  bool allow_uploads{};  ///< modules may be loaded into it
  friend bool operator==(const RegisterWorker&, const RegisterWorker&) = default;
};

struct TasksFinished {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<std::uint64_t> nbytes;       ///< deep size of each value
  std::vector<std::uint32_t> duration_us;  ///< time in the function
  InlineValues values;                     ///< of those the client wants and that are small
  std::vector<std::uint32_t> age_us{};     ///< since the function ended, as this is written; empty: not known
  std::vector<std::uint16_t> threads{};    ///< of the worker, from 0, that ran it; empty: not known
  friend bool operator==(const TasksFinished&, const TasksFinished&) = default;
};

struct TasksErred {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<std::shared_ptr<const TaskError>> errors;
  std::vector<std::uint32_t> duration_us{};  ///< these three as in TasksFinished; empty: not known
  std::vector<std::uint32_t> age_us{};
  std::vector<std::uint16_t> threads{};
  friend bool operator==(const TasksErred& a, const TasksErred& b) {
    if (a.tasks != b.tasks || a.runs != b.runs || a.errors.size() != b.errors.size()) return false;
    if (a.duration_us != b.duration_us || a.age_us != b.age_us || a.threads != b.threads) return false;
    for (std::size_t i = 0; i < a.errors.size(); ++i)
      if (*a.errors[i] != *b.errors[i]) return false;
    return true;
  }
};

/// Values that this worker now holds beside those it computed: fetched as inputs, acquired, or put there by a client.
struct ReplicasAdded {
  std::vector<TaskId> tasks;
  std::vector<std::uint64_t> nbytes;
  friend bool operator==(const ReplicasAdded&, const ReplicasAdded&) = default;
};

/// Copies this worker no longer holds.
struct ReplicasRemoved {
  std::vector<TaskId> tasks;
  friend bool operator==(const ReplicasRemoved&, const ReplicasRemoved&) = default;
};

/// Inputs that could not be had from `holders[i]` (0 = nobody known): the scheduler strikes that holder off, and
/// answers with WhoHas, or takes the dependent task back.
struct InputsMissing {
  std::vector<TaskId> tasks;
  std::vector<WorkerId> holders;
  friend bool operator==(const InputsMissing&, const InputsMissing&) = default;
};

/// Why a worker keeps a task that it was asked to give back.
enum class StealRefusal : std::uint8_t {
  none,      ///< it gives it back
  started,   ///< it runs, or ran when the worker was asked
  finished,  ///< its value was there before
  absent,    ///< it was freed or cancelled, or another run of it is the one that counts here
};

struct StealReply {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<std::uint8_t> released;    ///< 1: given up, never started; 0: kept
  std::vector<StealRefusal> refusals{};  ///< by task; empty: not known
  friend bool operator==(const StealReply&, const StealReply&) = default;
};

/// Tasks that gave their slot back while they wait for others (seceded), or took one again.
struct TasksSeceded {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<std::uint8_t> rejoined;
  friend bool operator==(const TasksSeceded&, const TasksSeceded&) = default;
};

struct WorkerStatusChanged {
  WorkerStatus status{};
  friend bool operator==(const WorkerStatusChanged&, const WorkerStatusChanged&) = default;
};

struct ModulesAdded {
  std::vector<ModuleInfo> modules;
  friend bool operator==(const ModulesAdded&, const ModulesAdded&) = default;
};

struct FunctionRan {
  RequestId request;  ///< as in RunFunction
  Bytes value;
  std::shared_ptr<const TaskError> error;
  friend bool operator==(const FunctionRan& a, const FunctionRan& b) {
    return a.request == b.request && a.value == b.value &&
           (a.error == b.error || (a.error && b.error && *a.error == *b.error));
  }
};

/// The worker wants to end without losing anything: it gets nothing new, what only it holds moves to others, and then it
/// is told to close.
struct Leaving {
  std::string reason;
  friend bool operator==(const Leaving&, const Leaving&) = default;
};

using WorkerMessage =
    std::variant<RegisterWorker, TasksFinished, TasksErred, ReplicasAdded, ReplicasRemoved, InputsMissing, StealReply,
                 TasksSeceded, Heartbeat, WorkerStatusChanged, ModulesAdded, FunctionRan, Goodbye, Leaving, TimeSpent>;

// ---- scheduler -> worker --------------------------------------------------------------------------------------

struct WorkerRegistered {
  WorkerId worker;
  Epoch epoch;
  std::uint32_t heartbeat_ms{};
  std::optional<Error> error;  ///< refused: the worker ends
  friend bool operator==(const WorkerRegistered&, const WorkerRegistered&) = default;
};

/// Templates that ComputeTasks names from now on; kept until ForgetTemplates.
struct DefineTemplates {
  std::vector<TemplateId> ids;
  std::vector<TaskTemplate> templates;
  friend bool operator==(const DefineTemplates&, const DefineTemplates&) = default;
};

struct ForgetTemplates {
  std::vector<TemplateId> ids;
  friend bool operator==(const ForgetTemplates&, const ForgetTemplates&) = default;
};

/// Tasks to compute, in any order; `priorities` say which first. An input whose holder is 0 is (or will be, being
/// assigned there earlier in the same session) on the receiving worker itself.
struct ComputeTasks {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  std::vector<TemplateId> templates;
  std::vector<Priority> priorities;
  std::vector<std::uint8_t> inline_wanted;      ///< 1: send a small value along when finished; empty: none
  std::vector<std::uint32_t> argument_offsets;  ///< tasks + 1 entries; empty: templates' arguments for all
  Bytes arguments;
  std::vector<std::uint32_t> input_offsets;  ///< tasks + 1 entries; empty: no task has inputs
  std::vector<TaskId> inputs;                ///< in the order of the function's arguments
  std::vector<WorkerId> input_holders;       ///< one live holder, by input; 0 = the receiver
  std::vector<std::uint64_t> input_nbytes;
  std::vector<TaskOrigin> origins;  ///< of groups that the receiver was not told last about; kept for its log lines
  friend bool operator==(const ComputeTasks&, const ComputeTasks&) = default;
};

/// Values nobody needs any more; also ends a wish for a replica.
struct FreeKeys {
  std::vector<TaskId> tasks;
  friend bool operator==(const FreeKeys&, const FreeKeys&) = default;
};

/// Runs that need not be finished. A function that is executing is asked to stop, and its result is dropped.
struct CancelCompute {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  friend bool operator==(const CancelCompute&, const CancelCompute&) = default;
};

/// Offers to take these back; answered by StealReply for each.
struct StealTasks {
  std::vector<TaskId> tasks;
  std::vector<RunId> runs;
  friend bool operator==(const StealTasks&, const StealTasks&) = default;
};

/// Copies to fetch and keep.
struct AcquireReplicas {
  std::vector<TaskId> tasks;
  std::vector<WorkerId> holders;
  std::vector<std::uint64_t> nbytes;
  friend bool operator==(const AcquireReplicas&, const AcquireReplicas&) = default;
};

/// Where inputs can be had, after InputsMissing. Holder 0 = nowhere now; the task that needs it will be taken back.
struct WhoHas {
  std::vector<TaskId> tasks;
  std::vector<WorkerId> holders;
  friend bool operator==(const WhoHas&, const WhoHas&) = default;
};

/// Workers that are gone: nothing can be had from them.
struct WorkersLost {
  std::vector<WorkerId> workers;
  friend bool operator==(const WorkersLost&, const WorkersLost&) = default;
};

struct RunFunction {
  RequestId request;
  FunctionRef function;
  Bytes arguments;
  friend bool operator==(const RunFunction&, const RunFunction&) = default;
};

/// Modules that were uploaded to this worker, to be passed on to one that came later.
struct ShareModules {
  std::string to;                  ///< address of its data listener
  std::vector<std::string> names;  ///< of modules
  std::vector<std::uint64_t> builds;
  friend bool operator==(const ShareModules&, const ShareModules&) = default;
};

/// Answers a heartbeat, at once.
struct HeartbeatSeen {
  std::int64_t sent_ns{};  ///< as the heartbeat has it
  std::int64_t unix_ns{};  ///< the scheduler's clock
  friend bool operator==(const HeartbeatSeen&, const HeartbeatSeen&) = default;
};

struct CloseWorker {
  bool drain{};  ///< finish what runs first
  std::string reason;
  friend bool operator==(const CloseWorker&, const CloseWorker&) = default;
};

using ToWorker = std::variant<WorkerRegistered, DefineTemplates, ForgetTemplates, ComputeTasks, FreeKeys, CancelCompute,
                              StealTasks, AcquireReplicas, WhoHas, WorkerAddresses, WorkersLost, RunFunction,
                              CloseWorker, ShareModules, HeartbeatSeen>;

// ---- nanny <-> scheduler --------------------------------------------------------------------------------------

struct RegisterNanny {
  std::string host;
  std::uint64_t pid{};
  friend bool operator==(const RegisterNanny&, const RegisterNanny&) = default;
};

/// A worker process ended without saying goodbye. `running` stood in its shared page when it died.
struct WorkerDied {
  Incarnation incarnation;
  std::int32_t signal{};  ///< 0 if it exited
  std::int32_t exit_code{};
  std::vector<TaskId> running;
  std::vector<RunId> runs;
  std::string last_log;  ///< last lines it wrote, at most 4 KiB
  friend bool operator==(const WorkerDied&, const WorkerDied&) = default;
};

/// The nanny's worker process from now on.
struct WorkerStarted {
  Incarnation incarnation;
  friend bool operator==(const WorkerStarted&, const WorkerStarted&) = default;
};

using NannyMessage = std::variant<RegisterNanny, WorkerDied, Goodbye, WorkerStarted>;

struct NannyRegistered {
  NannyId nanny;
  Epoch epoch;
  friend bool operator==(const NannyRegistered&, const NannyRegistered&) = default;
};

struct CloseNanny {
  std::string reason;
  friend bool operator==(const CloseNanny&, const CloseNanny&) = default;
};

/// The worker process of this incarnation is to end, and another one to be started. Nothing if it has ended.
struct RestartWorker {
  Incarnation incarnation;
  std::string reason;
  friend bool operator==(const RestartWorker&, const RestartWorker&) = default;
};

using ToNanny = std::variant<NannyRegistered, CloseNanny, RestartWorker>;

}  // namespace troupe
