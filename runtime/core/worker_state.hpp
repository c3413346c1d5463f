#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/core/fetch_plan.hpp"
#include "runtime/core/memory_policy.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/worker_events.hpp"
#include "runtime/core/worker_tables.hpp"

namespace troupe {

struct WorkerConfig {
  std::uint32_t threads{1};  ///< slots of the pool
  MemoryLimits memory;
  std::uint64_t spill_bytes_min{1024};  ///< smaller values stay: what is kept of a spilled one takes memory too
  std::uint32_t max_concurrent_fetches{50};
  std::uint64_t fetch_bytes_limit{50'000'000};           ///< of one request; its first key always goes
  Duration busy_retry{std::chrono::milliseconds{150}};   ///< a busy peer is asked again after
  Duration ready_horizon{std::chrono::milliseconds{1}};  ///< learnt work handed to the pool ahead, a slot
  std::vector<ResourceAmount> resources;
};

/// What is wanted of a key. A value computed here is wanted as a replica from then on.
enum class KeyIntent : std::uint8_t { none, compute, replica };
/// What is in the air for a key. Each ends in exactly one event, wanted or not.
enum class KeyActivity : std::uint8_t { idle, fetching, executing };
enum class KeyData : std::uint8_t { absent, memory, spilled };

constexpr const char* name_of(KeyIntent intent) {
  switch (intent) {
    case KeyIntent::none: return "none";
    case KeyIntent::compute: return "compute";
    case KeyIntent::replica: return "replica";
  }
  return "unknown";
}
constexpr const char* name_of(KeyActivity activity) {
  switch (activity) {
    case KeyActivity::idle: return "idle";
    case KeyActivity::fetching: return "fetching";
    case KeyActivity::executing: return "executing";
  }
  return "unknown";
}
constexpr const char* name_of(KeyData data) {
  switch (data) {
    case KeyData::absent: return "absent";
    case KeyData::memory: return "memory";
    case KeyData::spilled: return "spilled";
  }
  return "unknown";
}

/// What is in the air between memory and disk; each ends in exactly one event too.
enum class KeyTransfer : std::uint8_t { none, spilling, loading };

/// A key as tests and people see it.
struct KeyView {
  KeyIntent intent{};
  KeyActivity activity{};
  KeyData data{};
  KeyTransfer transfer{};
  RunId run;                    ///< to compute, if that is the intent
  std::uint32_t needed{};       ///< inputs of tasks that have not ended here
  std::uint32_t served{};       ///< readers
  std::uint32_t waiting_for{};  ///< inputs that are not here
  std::uint32_t pins{};         ///< tasks with a slot, or about to have one, that read it
  bool queued{};                ///< for a slot, or for a peer
  bool staged{};                ///< its inputs are brought into memory
  friend bool operator==(const KeyView&, const KeyView&) = default;
};

/// Decides what one worker does next; never acts. Owned by WorkerActor, touched only on its thread.
///
/// The shell calls handle() for each event of a drained mailbox, then settle() once, and then performs the effects in
/// this order: `drop`, `retract`, `stop`, `execute`, `fetch`, `spill`, `load`, `run`, messages, `close`. It sends a
/// WorkerTick every tick_interval(). An executing task's inputs are taken out of the store as the effect is performed.
///
/// Of each key two things are kept apart: what is wanted (intent) and what is in the air (activity). Commands change
/// the first, ends of effects the second, and reconcile() alone acts on both. A thing in the air is never undone, only
/// no longer wanted; so no state has to remember what it was before.
///
/// Where memory is limited, values go to disk and back (worker_spill.cpp). A task whose inputs are all here is ready,
/// in memory or not; it is staged, ahead of its slot, to bring into memory what is on disk.
///
/// Always true (check_invariants): a key is in the queue that its fields name and in no other; counts and bytes equal
/// a recount; each effect has one owner until its end; a task is handed over only with all its inputs in memory, and
/// these stay until it has ended; a value is not dropped while it is served.
class WorkerState {
public:
  explicit WorkerState(WorkerConfig config);

  void handle(WorkerEvent event, Instant now, WorkerEffects& out);
  /// Starts what can be started and flushes the reports; once per drained mailbox.
  void settle(Instant now, WorkerEffects& out);
  void check_invariants() const;

  [[nodiscard]] const WorkerCounters& counters();
  [[nodiscard]] std::optional<KeyView> key(TaskId task) const;
  /// At most so many of all keys it knows anything of.
  [[nodiscard]] std::vector<std::pair<TaskId, KeyView>> keys(std::size_t most) const;
  [[nodiscard]] WorkerId id() const { return id_; }
  [[nodiscard]] WorkerStatus status() const { return status_; }
  [[nodiscard]] Duration tick_interval() const;
  /// Keys it knows anything of; 0 when all was freed and all effects have ended.
  [[nodiscard]] std::size_t key_count() const { return keys_.used(); }

private:
  /// Lists of values that may go to disk: those that no task here needs go first.
  enum : std::uint8_t { unneeded_values, needed_values, not_evictable };
  struct RecencyList {
    std::uint32_t least_recent{no_slot};
    std::uint32_t most_recent{no_slot};
  };

  /// One attempt to compute a key: a place in a ComputeTasks message that is kept until all its tasks have ended.
  struct Assignment {
    RunId run;
    std::uint32_t batch{no_slot};
    std::uint32_t index{};
    std::uint32_t tmpl{};
  };
  struct Key {
    TaskId task;
    std::uint64_t nbytes{};  ///< in memory; else what it is thought to be
    Assignment assigned;     ///< intent compute, not handed over; its run stays after that
    Assignment executing;    ///< activity executing
    RunId value_run;         ///< that computed the value in memory; 0 = came from elsewhere
    std::uint32_t ticket{};  ///< of the one valid entry in a queue, or of the wait for inputs
    Priority fetch_priority;
    WorkerId holder;                      ///< where it can be had, if absent
    std::uint32_t first_waiter{no_slot};  ///< edge to a task that waits for this input
    std::uint32_t needed{};
    std::uint32_t served{};
    std::uint32_t waiting_for{};
    std::uint32_t charge_ns{};  ///< executing: what it counts against the horizon
    KeyIntent intent{};
    KeyActivity activity{};
    KeyData data{};
    std::uint32_t pins{};                                      ///< staged and executing tasks that read it
    std::uint32_t more_recent{no_slot}, less_recent{no_slot};  ///< neighbours in its list of evictable values
    std::uint64_t moving_bytes{};                              ///< between memory and disk
    KeyTransfer transfer{};
    std::uint8_t evictable{not_evictable};  ///< the list it is in
    bool staged{};
    bool pins_inputs{};
    bool lost{};  ///< was on disk and could not be read
    bool queued{};
    bool asked{};          ///< reported missing; the scheduler will say more
    bool retracting{};     ///< executing: the pool was asked to give it back
    bool steal_pending{};  ///< executing: answer with StealReply when it ends
    bool seceded{};        ///< executing without a slot
  };
  /// `ticket` tells whether `slot` still waits.
  struct Edge {
    std::uint32_t slot{};
    std::uint32_t ticket{};
    std::uint32_t next{no_slot};
  };
  struct Batch {
    ComputeTasks message;
    std::vector<std::uint32_t> input_slots;  ///< by input
    std::uint32_t live{};                    ///< assignments that lead here
  };
  struct Template {
    TemplateId id;
    std::shared_ptr<const TaskTemplate> spec;
    std::uint32_t average_ns{};  ///< moving average of its durations
    std::uint32_t handed{};      ///< executing, not seceded
    std::uint64_t finished{};
    std::uint32_t users{};  ///< assignments
    std::uint32_t constraint{no_slot};
    bool forgotten{};
  };
  /// Tasks that need the same amounts of resources.
  struct Constraint {
    struct Need {
      std::uint32_t resource{};
      std::int64_t millionths{};
      friend bool operator==(const Need&, const Need&) = default;
    };
    std::vector<Need> needs;
    UrgencyQueue ready;
    bool possible{true};  ///< this worker has as much at all
  };
  struct Resource {
    std::string name;
    std::int64_t total{};
    std::int64_t free{};
    std::uint32_t held_back_round{};  ///< kept for a more urgent task in this round of choosing
  };
  /// Inline values of an ExecutionsDone, for the next TasksFinished.
  struct FinishedValues {
    InlineValues values;
    std::vector<std::uint32_t> picked;  ///< entries of `values` that were reported
    std::size_t first{};                ///< place of the first of them in finished_
  };

  // Messages (worker_messages.cpp).
  void on(SchedulerSaid& event, Instant now, WorkerEffects& out);
  void on(WorkerRegistered& message, WorkerEffects& out);
  void on(DefineTemplates& message, WorkerEffects& out);
  void on(ForgetTemplates& message, WorkerEffects& out);
  void on(ComputeTasks& message, WorkerEffects& out);
  void on(FreeKeys& message, WorkerEffects& out);
  void on(CancelCompute& message, WorkerEffects& out);
  void on(StealTasks& message, WorkerEffects& out);
  void on(AcquireReplicas& message, WorkerEffects& out);
  void on(WhoHas& message, WorkerEffects& out);
  void on(WorkerAddresses& message, WorkerEffects& out);
  void on(WorkersLost& message, WorkerEffects& out);
  void on(RunFunction& message, WorkerEffects& out);
  void on(CloseWorker& message, WorkerEffects& out);
  void on(ShareModules& message, WorkerEffects& out);
  void on(HeartbeatSeen& message, WorkerEffects& out);
  void answer_steal(TaskId task, RunId run, StealRefusal refusal);

  // Ends of effects and other events (worker_executions.cpp, worker_state.cpp).
  void on(ExecutionsDone& event, Instant now, WorkerEffects& out);
  void on(ExecutionSeceded& event, Instant now, WorkerEffects& out);
  void on(FetchDone& event, Instant now, WorkerEffects& out);
  void measure(const FetchDone& event, Duration took);
  void on(ValuesPut& event, Instant now, WorkerEffects& out);
  void on(ValuesServed& event, Instant now, WorkerEffects& out);
  void on(WorkerTick& event, Instant now, WorkerEffects& out);
  void on(ValuesSpilled& event, Instant now, WorkerEffects& out);
  void on(ValuesLoaded& event, Instant now, WorkerEffects& out);
  void on(ValuesLost& event, Instant now, WorkerEffects& out);

  // Keys (worker_state.cpp).
  [[nodiscard]] std::uint32_t find(TaskId task) const { return table_.find(task.value); }
  std::uint32_t find_or_make(TaskId task);
  void erase(std::uint32_t slot);
  void reconcile(std::uint32_t slot, WorkerEffects& out);
  void queue_fetch(std::uint32_t slot);
  void queue_ready(std::uint32_t slot);
  void leave_queue(Key& key);
  [[nodiscard]] static bool wants_fetch(const Key& key);
  [[nodiscard]] bool is_stale(const UrgencyQueue::Entry& entry) const;
  void value_arrived(std::uint32_t slot, std::uint64_t nbytes, WorkerEffects& out);
  void value_came_from_elsewhere(std::uint32_t slot, std::uint64_t nbytes, WorkerEffects& out);
  void drop_value(std::uint32_t slot, WorkerEffects& out);
  static void drop_unwanted(TaskId task, WorkerEffects& out);
  void report_replica(const Key& key);
  void report_missing(Key& key, WorkerId holder);
  void strike(WorkerId peer, bool gone);

  // Assignments (worker_messages.cpp).
  void assign(std::uint32_t slot, const Assignment& assignment, WorkerEffects& out);
  void need(std::uint32_t input, std::uint32_t dependent, WorkerId holder, std::uint64_t nbytes, WorkerEffects& out);
  void unassign(Assignment& assignment, WorkerEffects& out);
  void no_longer_compute(std::uint32_t slot, WorkerEffects& out);
  void ask_back(Key& key, WorkerEffects& out);
  void refuse(TaskId task, RunId run, TaskError::Kind kind, std::string message);
  std::uint32_t find_template(TemplateId id);
  std::uint32_t constraint_of(const std::vector<ResourceAmount>& amounts);
  void release_template(std::uint32_t tmpl);

  // Executions (worker_executions.cpp).
  void start_executions(WorkerEffects& out);
  UrgencyQueue* most_urgent();
  UrgencyQueue* most_urgent_constrained(const UrgencyQueue::Entry* unconstrained);
  [[nodiscard]] bool fits_slots(const Template& tmpl) const;
  [[nodiscard]] bool fits_resources(const Template& tmpl) const;
  [[nodiscard]] std::uint32_t charge_of(const Template& tmpl) const;
  void hand_over(std::uint32_t slot, WorkerEffects& out);
  void take_slot(Key& key);
  void give_slot_back(Key& key);
  void occupy(const Template& tmpl, std::int64_t sign);
  static void learn(Template& tmpl, std::uint32_t duration_us);
  template <class Report>
  void note_time(Report& report, const ExecutionsDone& event, std::size_t i) const;
  void end_execution(const ExecutionsDone& event, std::size_t i, WorkerEffects& out);
  void execution_finished(std::uint32_t slot, const ExecutionsDone& event, std::size_t i, bool wanted,
                          WorkerEffects& out);

  // Memory and disk (worker_spill.cpp).
  void relist(std::uint32_t slot);
  void unlist(std::uint32_t slot);
  void list(std::uint32_t slot, std::uint8_t list, bool least_recent);
  void spill_excess(Instant now, WorkerEffects& out);
  void load(std::uint32_t slot, WorkerEffects& out);
  template <class Visit>
  void for_each_input(const Assignment& assignment, Visit visit) const {
    const Batch& batch = batches_[assignment.batch];
    const auto& offsets = batch.message.input_offsets;
    if (offsets.empty()) return;
    for (auto i = offsets[assignment.index]; i < offsets[assignment.index + 1]; ++i) visit(batch.input_slots[i]);
  }
  [[nodiscard]] bool inputs_in_memory(const Assignment& assignment) const;
  void pin_inputs(Key& key, const Assignment& assignment);
  void unpin_inputs(Key& key, const Assignment& assignment);
  bool stage(UrgencyQueue& queue, WorkerEffects& out);
  void unstage(std::uint32_t slot);
  void start_staged(WorkerEffects& out);
  void lose(std::uint32_t slot);
  void wait_again_for(std::uint32_t slot);
  void count_arrival(Key& key, std::uint64_t nbytes);
  void count_departure(Key& key);
  [[nodiscard]] bool large(const Key& key) const { return key.nbytes >= config_.spill_bytes_min; }

  // Settling (worker_state.cpp).
  void start_fetches(Instant now, WorkerEffects& out);
  void watch_memory();
  void flush(WorkerEffects& out);
  void flush_finished(WorkerEffects& out);
  void forget_dropped_replicas();
  void end(std::string reason, WorkerEffects& out);

  // Recounting (worker_invariants.cpp).
  struct Recount;
  void check_memory(Recount& count) const;
  void check_queues(Recount& count) const;
  void check_key(std::uint32_t slot, Recount& count) const;
  void check_activity(const Key& key, Recount& count) const;
  std::uint32_t check_inputs(const Assignment& assignment, Recount& count) const;
  void check_sums(const Recount& count) const;

  WorkerConfig config_;
  WorkerId id_;
  WorkerStatus status_{WorkerStatus::running};
  bool closed_{};
  std::string drain_reason_;
  Duration heartbeat_{};
  Instant now_{};
  Instant last_heartbeat_;

  IdTable table_;
  Slab<Key> keys_;
  Slab<Edge> edges_;
  Slab<Batch> batches_;
  IdTable template_table_;
  TemplateId last_template_;  ///< looked up last; tasks of a batch mostly share one
  std::uint32_t last_template_slot_{no_slot};
  Slab<Template> templates_;
  std::vector<Constraint> constraints_;
  std::vector<Resource> resources_;
  std::vector<std::uint32_t> constrained_heads_;  ///< scratch
  std::uint32_t held_back_round_{};

  MemoryPolicy memory_;
  RecencyList evictable_[2];           ///< of values in memory that nobody uses right now
  std::uint64_t large_in_memory_{};    ///< values of spill_bytes_min or more; counted where memory is limited
  std::uint64_t spilling_bytes_{};     ///< on their way to disk
  std::uint64_t loading_bytes_{};      ///< on their way to memory
  std::vector<std::uint32_t> staged_;  ///< most urgent first

  UrgencyQueue ready_;  ///< tasks that need a slot only
  FetchPlan fetches_;
  std::uint32_t last_ticket_{};
  std::uint32_t handed_{};      ///< executing, not seceded
  std::uint64_t handed_ns_{};   ///< their charges
  std::uint64_t horizon_ns_{};  ///< of one slot
  std::uint64_t unready_{};     ///< compute, idle, inputs missing
  std::uint64_t ready_count_{};
  std::uint64_t executing_{};  ///< seceded too
  std::uint64_t fetching_{};
  WorkerCounters counters_;

  // Reports gathered until the next flush.
  TasksFinished finished_;
  std::vector<FinishedValues> finished_values_;
  std::vector<std::uint32_t> picked_;  ///< scratch: entries of the event at hand that were reported finished
  TasksErred erred_;
  ReplicasAdded added_;
  ReplicasRemoved removed_;
  InputsMissing missing_;
  StealReply steals_;
  TasksSeceded seceded_;
  bool status_changed_{};
  std::optional<WorkerTick> heartbeat_due_;
  std::uint64_t large_fetch_bytes_{};  ///< since the last heartbeat, like the time that they took
  Duration large_fetch_time_{};
};

}  // namespace troupe
