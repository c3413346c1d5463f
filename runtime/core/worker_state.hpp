#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/core/fetch_plan.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/worker_events.hpp"
#include "runtime/core/worker_tables.hpp"

namespace troupe {

struct WorkerConfig {
  std::uint32_t threads{1};      ///< slots of the pool
  std::uint64_t memory_limit{};  ///< bytes; 0 = none
  double pause_fraction{0.8};    ///< of the limit: over it nothing is started
  double resume_fraction{0.75};
  std::uint32_t max_concurrent_fetches{50};
  std::uint64_t fetch_bytes_limit{50'000'000};           ///< of one request; its first key always goes
  double in_flight_fraction{0.1};                        ///< of the memory limit, over all fetches
  Duration busy_retry{std::chrono::milliseconds{150}};   ///< a busy peer is asked again after
  Duration ready_horizon{std::chrono::milliseconds{1}};  ///< learnt work handed to the pool ahead, a slot
  std::vector<ResourceAmount> resources;
};

/// What is wanted of a key. A value computed here is wanted as a replica from then on.
enum class KeyIntent : std::uint8_t { none, compute, replica };
/// What is in the air for a key. Each ends in exactly one event, wanted or not.
enum class KeyActivity : std::uint8_t { idle, fetching, executing };
enum class KeyData : std::uint8_t { absent, memory };

/// A key as tests and people see it.
struct KeyView {
  KeyIntent intent{};
  KeyActivity activity{};
  KeyData data{};
  RunId run;                    ///< to compute, if that is the intent
  std::uint32_t needed{};       ///< inputs of tasks that have not ended here
  std::uint32_t served{};       ///< readers
  std::uint32_t waiting_for{};  ///< inputs that are not here
  bool queued{};                ///< for a slot, or for a peer
  friend bool operator==(const KeyView&, const KeyView&) = default;
};

/// Decides what one worker does next; never acts. Owned by WorkerActor, touched only on its thread.
///
/// The shell calls handle() for each event of a drained mailbox, then settle() once, and then performs the effects in
/// this order: `drop`, `retract`, `stop`, `execute`, `fetch`, `run`, messages, `close`. It sends a WorkerTick every
/// tick_interval(). An executing task's inputs are taken out of the store as the effect is performed.
///
/// Of each key two things are kept apart: what is wanted (intent) and what is in the air (activity). Commands change
/// the first, ends of effects the second, and reconcile() alone acts on both. A thing in the air is never undone, only
/// no longer wanted; so no state has to remember what it was before.
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
  [[nodiscard]] WorkerId id() const { return id_; }
  [[nodiscard]] WorkerStatus status() const { return status_; }
  [[nodiscard]] Duration tick_interval() const;
  /// Keys it knows anything of; 0 when all was freed and all effects have ended.
  [[nodiscard]] std::size_t key_count() const { return keys_.used(); }

private:
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

  // Ends of effects and other events (worker_executions.cpp, worker_state.cpp).
  void on(ExecutionsDone& event, Instant now, WorkerEffects& out);
  void on(ExecutionSeceded& event, Instant now, WorkerEffects& out);
  void on(FetchDone& event, Instant now, WorkerEffects& out);
  void on(ValuesPut& event, Instant now, WorkerEffects& out);
  void on(ValuesServed& event, Instant now, WorkerEffects& out);
  void on(WorkerTick& event, Instant now, WorkerEffects& out);

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
  void drop_value(Key& key, WorkerEffects& out);
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
  [[nodiscard]] std::uint32_t charge_of(const Template& tmpl) const;
  void hand_over(std::uint32_t slot, WorkerEffects& out);
  void take_slot(Key& key);
  void give_slot_back(Key& key);
  void occupy(const Template& tmpl, std::int64_t sign);
  static void learn(Template& tmpl, std::uint32_t duration_us);
  void end_execution(const ExecutionsDone& event, std::size_t i, WorkerEffects& out);
  void execution_finished(std::uint32_t slot, const ExecutionsDone& event, std::size_t i, bool wanted,
                          WorkerEffects& out);

  // Settling (worker_state.cpp).
  void start_fetches(Instant now, WorkerEffects& out);
  void watch_memory();
  void flush(WorkerEffects& out);
  void flush_finished(WorkerEffects& out);
  void forget_dropped_replicas();
  void end(std::string reason, WorkerEffects& out);

  // Recounting (worker_invariants.cpp).
  struct Recount;
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
  InputsMissing missing_;
  StealReply steals_;
  TasksSeceded seceded_;
  bool status_changed_{};
  std::optional<WorkerTick> heartbeat_due_;
};

}  // namespace troupe
