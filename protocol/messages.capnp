@0xd3f1c5a97be24680;
# All messages of Troupe: the wire's side of protocol/messages.hpp, where each verb and field is explained from the
# point of view of those who speak it. Here stands how it is laid out. One message a frame; see docs/wire_format.md.
#
# Rules:
#  - A batch is parallel lists with one entry a task. Lists of numbers are copied as one piece of memory.
#  - Offsets have one entry more than there are tasks, start at 0, never decrease and end at the size of what they cut;
#    or they are empty: then no task has a piece.
#  - Ids are plain numbers; 0 is "none". A list that may be empty says what that means.
#  - Fields are only ever added, at the end; a number is never reused. That raises the minor version.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

# ---- values shared by several messages -------------------------------------------------------------------------

struct Token {
  high @0 :UInt64;  # first half of the 128 bits
  low @1 :UInt64;   # second half
}

struct Error {
  kind @0 :UInt8;   # ErrorKind, by position
  text @1 :Text;    # what, where, and what to do about it
}

struct TaskError {
  kind @0 :UInt8;      # TaskError::Kind, by position
  attempts @1 :UInt32; # how often it was tried
  root @2 :UInt64;     # id of the task that failed first
  type @3 :Text;       # C++ type of the exception; empty when there was none
  message @4 :Text;    # its what(), or a sentence that says what to do
  function @5 :Text;   # module::name
  key @6 :Text;        # `root` as people name it
  worker @7 :Text;     # where the last attempt ran; empty if it never ran
}

struct Function {
  kind @0 :UInt8;     # FunctionRef::Kind: 0 built-in, 1 of a module, 2 opaque payload for a runtime
  build @1 :UInt64;   # hash of the module's names and signatures; 0 = any
  module @2 :Text;    # module or runtime; empty for built-ins
  name @3 :Text;      # inside the module
  payload @4 :Data;   # opaque code, kind 2 only
}

struct Resource {
  name @0 :Text;       # of the countable thing
  amount @1 :Float64;  # offered, or occupied while a task runs; finite and not negative
}

struct Annotations {
  priority @0 :Int32;           # larger runs earlier
  retries @1 :UInt16;           # attempts after the first that throws
  pure @2 :Bool;                # same function, same arguments, same value
  runAhead @3 :Bool;            # a worker may start the next link of a chain by itself
  allowOtherWorkers @4 :Bool;   # `workers` is a preference only
  workers @5 :List(Text);       # names, addresses or hosts; empty = any
  resources @6 :List(Resource); # occupied while it runs
  timeoutMs @7 :Int64;          # from the start of the run; 0 = none
  isolate @8 :Bool;             # in a process of its own
  memoryLimit @9 :UInt64;       # bytes that this process may take; 0 = any
}

struct Template {
  function @0 :Function;        # what runs
  prefix @1 :Text;              # name that durations are learnt under
  arguments @2 :Data;           # for tasks that bring none of their own
  annotations @3 :Annotations;  # absent = all defaults
}

struct Module {
  name @0 :Text;              # of the module or runtime
  build @1 :UInt64;           # hash of its table
  functions @2 :List(Text);   # it offers
}

struct Address {
  worker @0 :UInt32;   # WorkerId
  name @1 :Text;       # of the worker
  address @2 :Text;    # host:port of its data listener, or local:<n>
  host @3 :Text;       # names the machine
}

struct Values {
  # Small values by task. Each piece: 8 bytes type fingerprint, then the encoding; an empty piece = none for this task.
  offsets @0 :List(UInt32);  # cut `bytes`; empty = no task brings a value
  bytes @1 :Data;            # the pieces, one after the other
}

struct KeyRanges {
  # Entry i means counts[i] keys of one submission from firsts[i] on.
  firsts @0 :List(UInt64);   # ClientKey
  counts @1 :List(UInt32);   # at least 1, inside the 2^24 keys of a submission; empty = 1 each
}

struct ErrorTable {
  # Task i failed with errors[errorOf[i]]; tasks that failed for one reason share one entry.
  errors @0 :List(TaskError);  # without repetition
  errorOf @1 :List(UInt32);    # by task
}

struct Graph {
  # GraphChunk: tasks in compressed sparse rows, a task known by its index, dependencies before dependents.
  size @0 :UInt32;                      # number of tasks, 1 to 2^24 - 1
  templates @1 :List(Template);         # 1 to 65535
  templateOf @2 :List(UInt16);          # by task; empty = all use template 0
  rank @3 :List(UInt32);                # by task, static order; empty = the index
  dependencyOffsets @4 :List(UInt32);   # cut `dependencies`
  dependencies @5 :List(UInt32);        # < size: task of this chunk; otherwise external[d - size]
  external @6 :List(UInt64);            # ClientKey of tasks of earlier submissions
  argumentOffsets @7 :List(UInt32);     # cut `arguments`
  arguments @8 :Data;                   # encoded arguments, one after the other
  allWanted @9 :Bool;                   # the client wants every value
  wanted @10 :List(UInt32);             # otherwise these, ascending
}

struct Goodbye {
  reason @0 :Text;   # for people
}

# ---- client -> scheduler ---------------------------------------------------------------------------------------

struct ClientMessage {
  union {
    registerClient @0 :RegisterClient;
    submitGraph @1 :SubmitGraph;
    releaseKeys @2 :ReleaseKeys;
    cancelKeys @3 :CancelKeys;
    retryKeys @4 :RetryKeys;
    scatterKeys @5 :ScatterKeys;
    query @6 :Query;
    runOnWorkers @7 :RunOnWorkers;
    shutdown @8 :Void;       # asks the scheduler to end
    goodbye @9 :Goodbye;
    replicate @10 :Replicate;
    rebalance @11 :Rebalance;
    retireWorkers @12 :RetireWorkers;
    restartWorkers @13 :RestartWorkers;
    controlTasks @14 :ControlTasks;
  }
}

struct RegisterClient {
  name @0 :Text;   # for people
}

struct SubmitGraph {
  submission @0 :UInt64;     # numbered from 1, ascending
  graph @1 :UInt64;          # first submission of the graph this is a chunk of
  last @2 :Bool;             # no further chunk follows
  token @3 :Token;           # names the group
  name @4 :Text;             # the user's key; else empty
  chunk @5 :Graph;           # the tasks
  held @6 :List(UInt32);     # tasks with dependents in later chunks, ascending
  parent @7 :UInt64;         # TaskId of the task that submits these; 0 = none
  span @8 :Text;             # that they are submitted in; empty = the parent's, or none
  trace @9 :Token;           # W3C trace id of that span
}

struct ReleaseKeys {
  keys @0 :KeyRanges;   # no longer wanted
}

struct CancelKeys {
  keys @0 :KeyRanges;   # to cancel
  force @1 :Bool;       # also if other clients want them
  reason @2 :Text;      # for people
}

struct RetryKeys {
  keys @0 :KeyRanges;   # erred; to try again
}

struct ScatterKeys {
  submission @0 :UInt64;     # that the keys get
  token @1 :Token;           # names the group
  nbytes @2 :List(UInt64);   # by key
  replicas @3 :UInt32;       # copies wanted; 0 = one on each worker
  workers @4 :List(Text);    # where; empty = any
}

struct Query {
  request @0 :UInt64;      # number of the question
  kind @1 :UInt8;          # QueryKind, by position
  keys @2 :List(UInt64);   # ClientKey, as the kind needs
  count @3 :UInt32;        # as the kind needs
  text @4 :Text;           # as the kind needs
  after @5 :UInt64;        # where the last page ended
}

struct RunOnWorkers {
  request @0 :UInt64;        # number of the question
  function @1 :Function;     # to run once on each worker
  arguments @2 :Data;        # encoded
  workers @3 :List(Text);    # which; empty = all
}

struct Replicate {
  request @0 :UInt64;        # number of the question
  keys @1 :List(UInt64);     # values to copy
  copies @2 :UInt32;         # holders wanted; 0 = each worker
  branching @3 :UInt32;      # copies that each holder gives away at a time
  workers @4 :List(Text);    # where; empty = any
}

struct Rebalance {
  request @0 :UInt64;        # number of the question
  keys @1 :List(UInt64);     # values that may be moved; empty = all
  workers @2 :List(Text);    # among which; empty = all
}

struct RetireWorkers {
  request @0 :UInt64;        # number of the question
  workers @1 :List(Text);    # names, addresses or hosts
  count @2 :UInt32;          # if none is named: that many
}

struct RestartWorkers {
  request @0 :UInt64;        # number of the question
  workers @1 :List(Text);    # names, addresses or hosts; empty = all, and all tasks of all clients are cancelled
  patienceMs @2 :UInt32;     # until those that have not come back are named
}

struct ControlTasks {
  request @0 :UInt64;       # number of the question
  control @1 :UInt8;        # TaskControl, by position
  tasks @2 :List(Text);     # names, as people write them
  reason @3 :Text;          # for people
}

# ---- scheduler -> client ---------------------------------------------------------------------------------------

struct ToClient {
  union {
    clientRegistered @0 :ClientRegistered;
    accepted @1 :Accepted;
    keysReady @2 :KeysReady;
    keysErred @3 :KeysErred;
    keysCancelled @4 :KeysCancelled;
    keysPending @5 :KeysPending;
    workerAddresses @6 :WorkerAddresses;
    scatterTargets @7 :ScatterTargets;
    queryReply @8 :QueryReply;
    runReply @9 :RunReply;
    goodbye @10 :Goodbye;
  }
}

struct ClientRegistered {
  client @0 :UInt32;   # ClientId
  epoch @1 :UInt64;    # this life of the scheduler
}

struct Accepted {
  submission @0 :UInt64;  # that is answered
  group @1 :UInt64;       # the scheduler's number of it
  error @2 :Error;        # present = refused
}

struct KeysReady {
  keys @0 :List(UInt64);     # ClientKey
  workers @1 :List(UInt32);  # a holder, by key
  nbytes @2 :List(UInt64);   # by key
  values @3 :Values;         # by key; absent = none
}

struct KeysErred {
  keys @0 :List(UInt64);   # ClientKey
  errors @1 :ErrorTable;   # by key
}

struct KeysCancelled {
  keys @0 :KeyRanges;   # will never have a value
  reason @1 :Text;      # for people
}

struct KeysPending {
  keys @0 :KeyRanges;   # were ready, are being computed again
}

struct WorkerAddresses {
  # Also sent to workers.
  workers @0 :List(Address);   # that a later message names
}

struct ScatterTargets {
  submission @0 :UInt64;      # that is answered
  group @1 :UInt64;           # the scheduler's number of it
  offsets @2 :List(UInt32);   # keys + 1 entries, cut `targets`; empty if refused
  targets @3 :List(UInt32);   # WorkerId
  error @4 :Error;            # present = refused
}

struct WorkerSummary {
  address @0 :Address;             # name, id and where it is
  pid @1 :UInt64;                  # of the process
  threads @2 :UInt32;              # execution slots
  status @3 :UInt8;                # WorkerStatus, by position
  memoryLimit @4 :UInt64;          # bytes; 0 = none
  managedBytes @5 :UInt64;         # values in memory
  processBytes @6 :UInt64;         # memory of the process; 0 = shared with others
  processing @7 :UInt32;           # tasks assigned
  executing @8 :UInt32;            # tasks running, by its last heartbeat
  stored @9 :UInt64;               # values it holds
  finished @10 :UInt64;            # tasks it finished
  lastSeenMs @11 :Int64;           # age of its last sign of life
  resources @12 :List(Resource);   # it offers
  modules @13 :List(Module);       # it can run
  spilledBytes @14 :UInt64;        # what its values on disk took in memory
  unmanagedOldBytes @15 :UInt64;   # of processBytes, beside values, and not new
}

struct SchedulerSummary {
  cluster @0 :Token;                 # cluster id
  epoch @1 :UInt64;                  # this life
  address @2 :Text;                  # host:port
  version @3 :Text;                  # of the program
  workers @4 :List(WorkerSummary);   # registered
  clients @5 :UInt32;                # number of them
  tasksByState @6 :List(UInt64);     # released, waiting, no_worker, queued, processing, memory, erred
  finished @7 :UInt64;               # tasks so far
  erred @8 :UInt64;                  # tasks so far
}

struct TaskSummary {
  task @0 :UInt64;         # TaskId
  key @1 :Text;            # as people write it
  state @2 :Text;          # its name
  worker @3 :Text;         # runner or a holder
  nbytes @4 :UInt64;       # of its value
  waitingFor @5 :UInt32;   # dependencies missing
  run @6 :UInt32;          # attempt
}

struct TaskDetail {
  summary @0 :TaskSummary;         # as in list_tasks
  prefix @1 :Text;                 # name that durations are learnt under
  user @2 :Int32;                  # Priority
  generation @3 :UInt32;           # Priority
  rank @4 :UInt32;                 # Priority
  dependencies @5 :List(UInt64);   # TaskId
  dependents @6 :UInt32;           # number of them
  retries @7 :UInt32;              # used so far
  crashes @8 :UInt32;              # workers that died while they ran it
  wantedBy @9 :List(UInt32);       # ClientId
  holders @10 :List(UInt32);       # WorkerId
  error @11 :Text;                 # why it failed; else empty
}

struct Transition {
  task @0 :UInt64;     # TaskId
  atNs @1 :Int64;      # on the scheduler's steady clock
  from @2 :Text;       # state
  to @3 :Text;         # state
  cause @4 :Text;      # for people
  run @5 :UInt32;      # attempt; 0 = none
  worker @6 :UInt32;   # WorkerId; 0 = none
}

struct LogLine {
  number @0 :UInt64;   # of all lines of its node, from 1
  unixUs @1 :Int64;    # when
  level @2 :UInt8;     # 0 debug to 3 error
  task @3 :UInt64;     # TaskId that it is about; 0 = none
  text @4 :Text;       # without a newline
  client @5 :UInt32;   # ClientId that it, or its task, is of; 0 = none
  span @6 :Text;       # that the task was submitted in; empty = none
  trace @7 :Token;     # W3C trace id of that span
  event @8 :Text;      # what kind of line it is, for programs
}

struct PrefixDuration {
  prefix @0 :Text;         # name of tasks
  meanUs @1 :Float64;      # that they take
  deviationUs @2 :Float64; # standard deviation of that
  finished @3 :UInt64;     # that it was learnt from; 0 = nothing is known
  left @4 :UInt64;         # not ended yet, whoever wants them
}

struct Holders {
  workers @0 :List(Address);   # that have one key's value
}

struct QueryReply {
  request @0 :UInt64;              # that is answered
  error @1 :Error;                 # present = no answer
  summary @2 :SchedulerSummary;    # scheduler_info, wait_for_workers
  holders @3 :List(Holders);       # who_has, by key
  tasks @4 :List(TaskSummary);     # list_tasks
  lines @5 :List(Text);            # explain, story, list_clients
  code @6 :Text;                   # explain: stable reason code
  details @7 :List(TaskDetail);    # tasks
  transitions @8 :List(Transition);# transitions
  log @9 :List(LogLine);           # log
  next @10 :UInt64;                # `after` of what follows; tasks: 0 = nothing does; adaptive_target
  durations @11 :List(PrefixDuration);  # durations
  slots @12 :UInt32;               # durations: tasks that can run at a time
}

struct RunOutcome {
  worker @0 :Address;    # where it ran
  value @1 :Data;        # fingerprint and encoding
  error @2 :TaskError;   # present = it failed
}

struct RunReply {
  request @0 :UInt64;              # that is answered
  outcomes @1 :List(RunOutcome);   # one a worker
}

# ---- worker -> scheduler ---------------------------------------------------------------------------------------

struct WorkerMessage {
  union {
    registerWorker @0 :RegisterWorker;
    tasksFinished @1 :TasksFinished;
    tasksErred @2 :TasksErred;
    replicasAdded @3 :ReplicasAdded;
    replicasRemoved @4 :ReplicasRemoved;
    inputsMissing @5 :InputsMissing;
    stealReply @6 :StealReply;
    tasksSeceded @7 :TasksSeceded;
    heartbeat @8 :Heartbeat;
    workerStatusChanged @9 :WorkerStatusChanged;
    modulesAdded @10 :ModulesAdded;
    functionRan @11 :FunctionRan;
    goodbye @12 :Goodbye;
    leaving @13 :Leaving;
    timeSpent @14 :TimeSpent;
  }
}

struct RegisterWorker {
  name @0 :Text;                  # unique in the cluster; empty = its address
  incarnation @1 :UInt64;         # this life of the process
  address @2 :Text;               # host:port of the data listener
  host @3 :Text;                  # names the machine
  httpAddress @4 :Text;           # metrics and health; empty = none
  pid @5 :UInt64;                 # of the process
  threads @6 :UInt32;             # execution slots
  memoryLimit @7 :UInt64;         # bytes; 0 = none
  nannied @8 :Bool;               # a nanny reports its death
  resources @9 :List(Resource);   # it offers
  modules @10 :List(Module);      # it can run
  allowUploads @11 :Bool;         # modules may be loaded into it
}

struct TasksFinished {
  tasks @0 :List(UInt64);        # TaskId
  runs @1 :List(UInt32);         # attempt, by task
  nbytes @2 :List(UInt64);       # deep size of the value, by task
  durationUs @3 :List(UInt32);   # time in the function, by task
  values @4 :Values;             # by task; absent = none
  ageUs @5 :List(UInt32);        # since the function ended, by task; empty = not known
  threads @6 :List(UInt16);      # of the worker that ran it, by task; empty = not known
}

struct TasksErred {
  tasks @0 :List(UInt64);   # TaskId
  runs @1 :List(UInt32);    # attempt, by task
  errors @2 :ErrorTable;    # by task
  durationUs @3 :List(UInt32);   # these three as in TasksFinished; empty = not known
  ageUs @4 :List(UInt32);
  threads @5 :List(UInt16);
}

struct ReplicasAdded {
  tasks @0 :List(UInt64);    # TaskId, now held here too
  nbytes @1 :List(UInt64);   # by task
}

struct ReplicasRemoved {
  tasks @0 :List(UInt64);   # TaskId, no longer held here
}

struct InputsMissing {
  tasks @0 :List(UInt64);     # TaskId
  holders @1 :List(UInt32);   # WorkerId that did not have it, by task; 0 = nobody known
}

struct StealReply {
  tasks @0 :List(UInt64);     # TaskId
  runs @1 :List(UInt32);      # attempt, by task
  released @2 :List(UInt8);   # 1 given up, 0 kept
  refusals @3 :List(UInt8);   # StealRefusal, by position, by task; empty = not known
}

struct TasksSeceded {
  tasks @0 :List(UInt64);     # TaskId
  runs @1 :List(UInt32);      # attempt, by task
  rejoined @2 :List(UInt8);   # 1 took a slot again, 0 gave it back
}

struct Heartbeat {
  managedBytes @0 :UInt64;    # values in memory
  processBytes @1 :UInt64;    # memory of the process; 0 = shared with others
  executing @2 :UInt32;       # tasks running
  ready @3 :UInt32;           # tasks that wait for a slot
  fetching @4 :UInt32;        # inputs on their way
  cpuMs @5 :UInt64;           # of the process, since its start
  spilledBytes @6 :UInt64;    # what the values on disk took in memory
  unmanagedOldBytes @7 :UInt64;   # of processBytes, beside values, and not new
  freeBytes @8 :UInt64;       # before it pauses; all ones = not limited
  bandwidth @9 :UInt64;       # bytes a second of large fetches since the last one; 0 = there were none
  receivedBytes @10 :UInt64;  # of values from other workers, so far
  sentBytes @11 :UInt64;
  received @12 :UInt64;       # values, so far
  sent @13 :UInt64;
  incoming @14 :UInt32;       # fetches under way
  outgoing @15 :UInt32;       # requests of others being answered
  diskReadBytes @16 :UInt64;  # of values, so far
  diskWrittenBytes @17 :UInt64;
  openFiles @18 :UInt32;      # of the process; 0 = not measured
  diskFreeBytes @19 :UInt64;  # of the file system for values that leave memory
  diskTotalBytes @20 :UInt64; # 0 = none leaves memory, or not known
  roundTripUs @21 :UInt64;    # of the last heartbeat that was answered; 0 = none was
  clockSkewUs @22 :Int64;     # by which the worker's clock is ahead of the scheduler's
  gpus @23 :List(Gpu);        # that the process sees
  sentNs @24 :Int64;          # on a clock of the worker's own; 0 = no answer is wanted
  log @25 :List(LogLine);     # since the last one, the latest few
}

struct Gpu {
  name @0 :Text;                 # for people
  utilizationPercent @1 :Int32;  # time in which anything ran on it; -1 = not told
  memoryUsed @2 :UInt64;         # bytes, by whomever
  memoryTotal @3 :UInt64;
  memoryOwn @4 :UInt64;          # by the worker's process; 0 = none, or not measured
}

struct WorkerStatusChanged {
  status @0 :UInt8;   # WorkerStatus, by position
}

struct ModulesAdded {
  modules @0 :List(Module);   # it can run now too
}

struct FunctionRan {
  request @0 :UInt64;    # of RunFunction
  value @1 :Data;        # fingerprint and encoding
  error @2 :TaskError;   # present = it failed
}

struct Leaving {
  reason @0 :Text;   # for people
}

struct FunctionTime {
  prefix @0 :Text;        # of the tasks
  runs @1 :UInt64;        # that ended
  cpuUs @2 :UInt64;       # on a processor, of runs that were asked
  noncpuUs @3 :UInt64;    # waiting, in the same runs
  unsplitUs @4 :UInt64;   # of runs that were not asked
  span @5 :Text;          # that these were submitted in; empty = all of the prefix
}

struct ValuesMoved {
  values @0 :UInt64;   # that were fetched
  bytes @1 :UInt64;    # of them
  us @2 :UInt64;       # that took
}

struct MovedFrom {
  worker @0 :UInt32;        # WorkerId that gave them
  moved @1 :ValuesMoved;    # from there
}

struct MovedType {
  type @0 :Text;            # of the values, for people
  moved @1 :ValuesMoved;    # of that type
}

struct TimeSpent {   # since the last one
  functions @0 :List(FunctionTime);   # by prefix and span
  sources @1 :List(MovedFrom);        # by worker
  types @2 :List(MovedType);          # by type
  serializeUs @3 :UInt64;             # of values given to others
  diskReadUs @4 :UInt64;              # of values
  diskWriteUs @5 :UInt64;             # of values, with encoding
}

# ---- scheduler -> worker ---------------------------------------------------------------------------------------

struct ToWorker {
  union {
    workerRegistered @0 :WorkerRegistered;
    defineTemplates @1 :DefineTemplates;
    forgetTemplates @2 :ForgetTemplates;
    computeTasks @3 :ComputeTasks;
    freeKeys @4 :FreeKeys;
    cancelCompute @5 :CancelCompute;
    stealTasks @6 :StealTasks;
    acquireReplicas @7 :AcquireReplicas;
    whoHas @8 :WhoHas;
    workerAddresses @9 :WorkerAddresses;
    workersLost @10 :WorkersLost;
    runFunction @11 :RunFunction;
    closeWorker @12 :CloseWorker;
    shareModules @13 :ShareModules;
    heartbeatSeen @14 :HeartbeatSeen;
  }
}

struct WorkerRegistered {
  worker @0 :UInt32;        # WorkerId
  epoch @1 :UInt64;         # this life of the scheduler
  heartbeatMs @2 :UInt32;   # how often to send one
  error @3 :Error;          # present = refused
}

struct DefineTemplates {
  ids @0 :List(UInt32);           # TemplateId
  templates @1 :List(Template);   # by id
}

struct ForgetTemplates {
  ids @0 :List(UInt32);   # TemplateId
}

struct ComputeTasks {
  tasks @0 :List(UInt64);             # TaskId
  runs @1 :List(UInt32);              # attempt, by task
  templates @2 :List(UInt32);         # TemplateId, by task
  priorities @3 :List(UInt32);        # three words a task: user (two's complement), generation, rank
  inlineWanted @4 :List(UInt8);       # 1 = send a small value along; empty = none
  argumentOffsets @5 :List(UInt32);   # cut `arguments`; empty = the templates' for all
  arguments @6 :Data;                 # encoded arguments, one after the other
  inputOffsets @7 :List(UInt32);      # cut the three lists below; empty = no inputs
  inputs @8 :List(UInt64);            # TaskId, in the order of the function's arguments
  inputHolders @9 :List(UInt32);      # WorkerId, by input; 0 = the receiver
  inputNbytes @10 :List(UInt64);      # by input
  origins @11 :List(Origin);          # of groups that the receiver was not told last about
}

struct Origin {
  group @0 :UInt64;   # whose tasks are
  client @1 :UInt32;  # of this ClientId
  span @2 :Text;      # and were submitted in this; empty = none
  trace @3 :Token;    # W3C trace id of that span
}

struct FreeKeys {
  tasks @0 :List(UInt64);   # TaskId, not needed any more
}

struct CancelCompute {
  tasks @0 :List(UInt64);   # TaskId
  runs @1 :List(UInt32);    # attempt, by task
}

struct StealTasks {
  tasks @0 :List(UInt64);   # TaskId
  runs @1 :List(UInt32);    # attempt, by task
}

struct AcquireReplicas {
  tasks @0 :List(UInt64);     # TaskId
  holders @1 :List(UInt32);   # WorkerId, by task
  nbytes @2 :List(UInt64);    # by task
}

struct WhoHas {
  tasks @0 :List(UInt64);     # TaskId
  holders @1 :List(UInt32);   # WorkerId, by task; 0 = nowhere now
}

struct WorkersLost {
  workers @0 :List(UInt32);   # WorkerId
}

struct RunFunction {
  request @0 :UInt64;      # answered by FunctionRan
  function @1 :Function;   # to run
  arguments @2 :Data;      # encoded
}

struct ShareModules {
  to @0 :Text;               # address of its data listener
  names @1 :List(Text);      # of modules
  builds @2 :List(UInt64);   # by module
}

struct HeartbeatSeen {
  sentNs @0 :Int64;   # as the heartbeat has it
  unixNs @1 :Int64;   # the scheduler's clock
}

struct CloseWorker {
  drain @0 :Bool;    # finish what runs first
  reason @1 :Text;   # for people
}

# ---- nanny <-> scheduler ---------------------------------------------------------------------------------------

struct NannyMessage {
  union {
    registerNanny @0 :RegisterNanny;
    workerDied @1 :WorkerDied;
    goodbye @2 :Goodbye;
    workerStarted @3 :WorkerStarted;
  }
}

struct RegisterNanny {
  host @0 :Text;    # names the machine
  pid @1 :UInt64;   # of the process
}

struct WorkerDied {
  incarnation @0 :UInt64;     # of the worker process
  signal @1 :Int32;           # 0 if it exited
  exitCode @2 :Int32;         # if it exited
  running @3 :List(UInt64);   # TaskId in its shared page
  runs @4 :List(UInt32);      # attempt, by task
  lastLog @5 :Text;           # last lines it wrote
}

struct WorkerStarted {
  incarnation @0 :UInt64;   # of the worker process
}

struct ToNanny {
  union {
    nannyRegistered @0 :NannyRegistered;
    closeNanny @1 :CloseNanny;
    restartWorker @2 :RestartWorker;
  }
}

struct NannyRegistered {
  nanny @0 :UInt32;   # NannyId
  epoch @1 :UInt64;   # this life of the scheduler
}

struct CloseNanny {
  reason @0 :Text;   # for people
}

struct RestartWorker {
  incarnation @0 :UInt64;   # of the worker process that is to end
  reason @1 :Text;          # for people
}

# ---- data connections ------------------------------------------------------------------------------------------

struct PeerMessage {
  union {
    getData @0 :GetData;
    dataReply @1 :DataReply;
    putData @2 :PutData;
    putReply @3 :PutReply;
    putModule @4 :PutModule;
    dataReceived @5 :DataReceived;
  }
}

struct GetData {
  request @0 :UInt64;       # number of the question
  tasks @1 :List(UInt64);   # TaskId
  maxBytes @2 :UInt64;      # bounds the reply; the first value always comes
}

struct DataItem {
  task @0 :UInt64;                # TaskId
  present @1 :UInt8;              # 1 = the value is here
  missing @2 :UInt8;              # 1 = the sender does not have it
  fingerprint @3 :UInt64;         # type of the value
  nbytes @4 :UInt64;              # deep size
  header @5 :Data;                # small part of the encoding
  bufferSizes @6 :List(UInt64);   # raw buffers that follow the frame, in order
}

struct DataReply {
  request @0 :UInt64;          # that is answered
  status @1 :UInt8;            # DataStatus, by position
  items @2 :List(DataItem);    # by task asked for; buffers of all follow
}

struct PutData {
  request @0 :UInt64;         # answered by PutReply
  items @1 :List(DataItem);   # to store; buffers of all follow
}

struct PutReply {
  request @0 :UInt64;   # that is answered
  error @1 :Error;      # present = not stored
}

struct PutModule {
  request @0 :UInt64;   # answered by PutReply
  name @1 :Text;        # of the module
  sha256 @2 :Text;      # hex, of the file's bytes
  size @3 :UInt64;      # of the one buffer that follows
}

struct DataReceived {
  request @0 :UInt64;   # of the DataReply that was read
}
