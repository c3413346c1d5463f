#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/flat_map.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/queue_clock.hpp"
#include "runtime/core/scheduler_config.hpp"
#include "runtime/core/scheduler_events.hpp"
#include "runtime/core/scheduler_tables.hpp"
#include "runtime/core/task_history.hpp"
#include "runtime/core/time_totals.hpp"
#include "runtime/core/views.hpp"

namespace troupe {

/// Decides what the cluster does next; never acts. Owned by SchedulerActor, touched only on its thread.
///
/// The shell feeds events to `handle`, as many as its mailbox holds, then calls `place` once, which assigns ready
/// tasks and hands out all that is to be sent. Same events, same times, same seed: same effects, byte for byte.
///
/// Always true between calls: what check_invariants() checks (I1 to I15 of docs/states.md).
class SchedulerState {
public:
  SchedulerState(SchedulerConfig config, Token cluster, Epoch epoch, std::uint64_t seed);
  ~SchedulerState();
  SchedulerState(const SchedulerState&) = delete;
  SchedulerState& operator=(const SchedulerState&) = delete;

  void handle(SchedulerEvent&& event, Instant now);
  /// Placement, and the messages of all events since the last call. True: more work waits; call again soon, after
  /// other events had their turn.
  [[nodiscard]] bool place(Instant now, SchedulerEffects& out);

  [[nodiscard]] ClientId next_client() { return {++last_client_}; }
  [[nodiscard]] WorkerId next_worker() { return {++last_worker_}; }
  [[nodiscard]] NannyId next_nanny() { return {++last_nanny_}; }

  /// Aborts with the story of the key if anything is not as it must be. Walks all tables.
  void check_invariants() const;
  /// Those of one task; a task that is gone has none.
  void check_invariants(TaskId task) const;

  /// Transitions so far, and each of the last `SchedulerConfig::story_length`, from 0 on.
  [[nodiscard]] std::uint64_t transitions() const { return counters_.transitions; }
  [[nodiscard]] const TransitionEntry& transition(std::uint64_t number) const { return story_[number % story_.size()]; }

  [[nodiscard]] const SchedulerCounters& counters();
  [[nodiscard]] std::shared_ptr<const SchedulerSummary> summary(Instant now) const;
  [[nodiscard]] Epoch epoch() const { return epoch_; }
  /// What the scheduler says of itself in summaries; the shell knows it.
  void set_identity(std::string address, std::string version);

  // For tests and queries.
  [[nodiscard]] TaskState state_of(TaskId task) const;
  [[nodiscard]] std::string key_text(TaskId task) const;
  /// Task by its text ("sum-12-0", "12-0", its id as one number, or the user's name); null if unknown.
  [[nodiscard]] TaskId find_task(std::string_view text) const;
  [[nodiscard]] std::vector<std::string> story(TaskId task) const;
  /// Stable reason code, then sentences for people.
  [[nodiscard]] std::pair<std::string, std::vector<std::string>> explain(TaskId task, Instant now) const;
  /// How many workers there should be (scheduler_adaptive.cpp), and names of those that may go.
  [[nodiscard]] std::uint32_t adaptive_target(Duration duration) const;
  [[nodiscard]] std::uint64_t desired_workers(Duration within);
  [[nodiscard]] std::vector<std::string> workers_to_close(std::uint32_t count) const;

  // For those who look (scheduler_views.cpp). Nothing here changes a decision.
  /// Remembers so many runs of tasks, and some failures and steals; nothing before this is called.
  void keep_history(std::size_t runs) { history_.keep(runs); }
  [[nodiscard]] const TaskHistory& history() const { return history_; }
  [[nodiscard]] TimeView times() const { return times_.view(); }
  [[nodiscard]] std::vector<SpanView> spans() const { return spans_.view(); }
  [[nodiscard]] ClusterView view(Instant now);
  /// Tasks that pass the filter, from a page's `next` on; looks at no more than `most_scanned`.
  [[nodiscard]] TaskPage tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most,
                               std::size_t most_scanned) const;
  [[nodiscard]] std::optional<TaskFacts> detail(TaskId task, Instant now) const;
  /// The latest groups, oldest first.
  [[nodiscard]] std::vector<GroupView> latest_groups(std::size_t most) const;
  /// The same with their tasks, `most` of them in all; of one group alone if `only` is its number.
  [[nodiscard]] std::vector<GroupTasks> latest_tasks(std::size_t most, std::uint64_t only) const;
  /// The latest transitions of all tasks, in order.
  [[nodiscard]] std::vector<TaskStep> latest_steps(std::size_t most) const;

private:
  // -- events (scheduler_state.cpp)
  void on(ClientJoined& event);
  void on(ClientLeft& event);
  void on(ClientSaid& event);
  void on(WorkerJoined& event);
  void on(WorkerLeft& event);
  void on(WorkerSaid& event);
  void on(NannyJoined& event);
  void on(NannyLeft& event);
  void on(NannySaid& event);
  void on(SchedulerTick& event);
  void on(PeerReachable& event);

  // -- clients' messages (scheduler_clients.cpp)
  void on_message(ClientRecord& client, RegisterClient& message);
  void on_message(ClientRecord& client, SubmitGraph& message);
  void on_message(ClientRecord& client, ReleaseKeys& message);
  void on_message(ClientRecord& client, CancelKeys& message);
  void on_message(ClientRecord& client, RetryKeys& message);
  void on_message(ClientRecord& client, ScatterKeys& message);
  void on_message(ClientRecord& client, Query& message);
  void on_message(ClientRecord& client, RunOnWorkers& message);
  void on_message(ClientRecord& client, Shutdown& message);
  void on_message(ClientRecord& client, Goodbye& message);
  void on_message(ClientRecord& client, Replicate& message);
  void on_message(ClientRecord& client, Rebalance& message);
  void on_message(ClientRecord& client, RetireWorkers& message);
  void on_message(ClientRecord& client, RestartWorkers& message);
  void on_message(ClientRecord& client, ControlTasks& message);
  void retry(std::vector<TaskRef> tasks);
  void cancel(TaskRef task, ClientRecord& client, const CancelKeys& message);
  ClientRecord* owner_of(Group& group);
  void remove_client(ClientId id, std::string_view reason);

  // -- intake (scheduler_intake.cpp)
  std::optional<Error> resolve_external(ClientRecord& client, const GraphChunk& chunk, std::vector<TaskId>& out) const;
  void tell_how_it_stands(Group& group, ClientRecord& client, std::uint64_t submission);
  Group* joinable_group(const SubmitGraph& message, const std::vector<TaskId>& external, std::optional<Error>& error);
  Group& make_group(ClientRecord& client, std::uint64_t submission, const Token& token,
                    std::shared_ptr<const GraphChunk> chunk);
  void subscribe(Group& group, ClientRecord& client, std::uint64_t submission, const GraphChunk& chunk);
  void intake(Group& group, const SubmitGraph& message);
  std::vector<bool> needed_tasks(const GraphChunk& chunk, const std::vector<std::uint32_t>& held) const;
  void link_edges(TaskRef task);
  TemplateRecord* intern(const TaskTemplate& task);
  void unuse(TemplateRecord& record);
  std::uint32_t prefix_of(const std::string& name);
  std::uint32_t class_of(const TaskTemplate& task);
  void take_place(ClientRecord& client, Group& group, const SubmitGraph& message);
  void take_span(Group& group, SubmitGraph& message);
  static TaskOrigin origin_of(const Group& group);
  void release_held(ClientRecord& client, std::uint64_t graph);

  // -- workers' messages (scheduler_workers.cpp)
  void on_message(WorkerRecord& worker, RegisterWorker& message);
  void on_message(WorkerRecord& worker, TasksFinished& message);
  void on_message(WorkerRecord& worker, TasksErred& message);
  void on_message(WorkerRecord& worker, ReplicasAdded& message);
  void on_message(WorkerRecord& worker, ReplicasRemoved& message);
  void on_message(WorkerRecord& worker, InputsMissing& message);
  void on_message(WorkerRecord& worker, StealReply& message);
  void on_message(WorkerRecord& worker, TasksSeceded& message);
  void on_message(WorkerRecord& worker, Heartbeat& message);
  void on_message(WorkerRecord& worker, WorkerStatusChanged& message);
  void on_message(WorkerRecord& worker, ModulesAdded& message);
  void share_modules(WorkerRecord& worker);
  void on_message(WorkerRecord& worker, FunctionRan& message);
  void on_message(WorkerRecord& worker, Goodbye& message);
  void on_message(WorkerRecord& worker, Leaving& message);
  void on_message(WorkerRecord& worker, TimeSpent& message);
  void remove_worker(WorkerId id, bool graceful, std::string_view reason);
  void free_unless_needed(WorkerRecord& worker, TaskRef task, TaskId id);
  void blame(TaskId id, RunId run, Incarnation dead, const std::string& how);
  void blame_what_ran(WorkerRecord& worker, std::string_view reason);

  // -- transitions (scheduler_transitions.cpp)
  void move_to(TaskRef task, TaskState state, const char* cause);
  void activate(TaskRef task, const char* cause);
  void make_ready(TaskRef task, const char* cause);
  void finish(TaskRef task, WorkerRecord& worker, std::uint64_t nbytes, Bytes value);
  void store_value(TaskRef task, WorkerRecord& worker, std::uint64_t nbytes, Bytes value, const char* cause);
  void err(TaskRef task, std::shared_ptr<const TaskError> error, const char* cause);
  void take_back(TaskRef task, bool tell_worker, const char* cause);
  void leave_play(TaskRef task);
  void lose_value(TaskRef task, const char* cause);
  void give_up_scatters();
  void drop_value(TaskRef task, const char* cause);
  void review(TaskRef task);
  bool run_reviews(std::size_t most);
  void forget(TaskRef task);
  void free_dead_groups();
  template <class Visit>
  void for_each_dependent(TaskRef task, Visit visit) const;
  template <class Visit>
  void for_each_dependency(TaskRef task, Visit visit) const;
  [[nodiscard]] bool is_wanted(TaskRef task) const;
  [[nodiscard]] static bool in_play(TaskState state);
  [[nodiscard]] static bool waits_for_worker(TaskState state) {
    return state == TaskState::queued || state == TaskState::no_worker;
  }
  void count_retry(RetryReason reason) { ++counters_.retries[static_cast<std::size_t>(reason)]; }
  void count_kept(const WorkerRecord& worker, const StealReply& message, std::size_t i, TaskRef task);
  void remove_from_processing(TaskRef task);
  void add_holder(TaskRef task, WorkerRecord& worker);
  /// True if it was one and no other is left.
  bool remove_holder(TaskRef task, WorkerId worker);
  void remove_from_stored(WorkerRecord& worker, std::uint32_t position);
  [[nodiscard]] bool holds(TaskRef task, WorkerId worker) const;
  [[nodiscard]] std::vector<WorkerId> holders(TaskRef task) const;

  // -- placement and stealing (scheduler_placement.cpp)
  void place_ready();
  [[nodiscard]] ClientRecord* next_to_serve();
  bool serve(ClientRecord& client);
  WorkerRecord* choose_worker(TaskRef task, const RestrictionClass& restriction, WorkerRecord* favourite);
  [[nodiscard]] bool has_room(const WorkerRecord& worker) const;
  [[nodiscard]] double load_of(const WorkerRecord& worker) const;
  [[nodiscard]] double delay_of(const WorkerRecord& worker) const;
  void load_changed(WorkerRecord& worker);
  void settle_loads();
  void index_loads(RestrictionClass& restriction);
  [[nodiscard]] WorkerRecord* least_loaded(const RestrictionClass& restriction);
  [[nodiscard]] double expected_us(const TemplateRecord& record) const;
  void assign(TaskRef task, WorkerRecord& worker);
  void assign_chain(TaskRef task, WorkerRecord& worker, std::uint32_t links);
  void extend_chain(TaskRef task);
  void send_compute(TaskRef task, WorkerRecord& worker);
  WorkerRecord* where_inputs_fit(TaskRef task, const RestrictionClass& restriction, WorkerRecord* chosen);
  [[nodiscard]] std::uint64_t input_bytes(TaskRef task) const;
  void fail_too_large(TaskRef task, const RestrictionClass& restriction);
  [[nodiscard]] WorkerId source_of(TaskRef input, const WorkerRecord& reader);
  void steal();
  bool steal_from(WorkerRecord& victim);
  void steal_all_from(WorkerRecord& worker);
  void refresh_class(std::uint32_t index);
  void refresh_classes();
  void admit(WorkerRecord& worker);
  [[nodiscard]] bool may_run(const RestrictionClass& restriction, const WorkerRecord& worker, bool loose) const;
  void fail_unplaceable();

  // -- copies of values (scheduler_replicas.cpp)
  [[nodiscard]] static std::uint64_t memory_of(const WorkerRecord& worker);
  [[nodiscard]] std::vector<WorkerRecord*> able_workers(const std::vector<std::string>& names);
  [[nodiscard]] std::vector<TaskId> values_of(const ClientRecord& client, const std::vector<ClientKey>& keys) const;
  void start_transfer(TaskRef task, WorkerRecord& to, WorkerId from, std::uint64_t placement, bool move);
  void transfer_arrived(TaskRef task, WorkerId at);
  void end_transfers(TaskRef task);
  void review_transfers();
  [[nodiscard]] Duration patience_with(const Transfer& transfer, TaskRef task, const WorkerRecord& target) const;
  void drop_copy(TaskRef task, WorkerId worker);
  void replicate_further(const Placement& placement, std::uint64_t number, TaskRef task);
  void placement_step(std::uint64_t number, TaskId task);
  void end_placement_if_done(std::uint64_t number);
  void advance_retirements();
  void close_retired(WorkerRecord& worker);
  void give_up_retiring(WorkerRecord& worker);
  void cancel_everything(const std::string& reason);
  void advance_restarts();
  [[nodiscard]] bool awaits_scatter(WorkerId worker) const;
  bool retire_further(WorkerRecord& worker);
  void note_retired(WorkerId id, const std::string& name, bool graceful);
  void reduce_replicas();
  void reduce(TaskRef task);

  // -- messages out (scheduler_outbox.cpp)
  template <class M>
  M& last(WorkerRecord& worker);
  template <class M>
  M& last(ClientRecord& client);
  void seal(WorkerRecord& worker);
  void seal(ClientRecord& client);
  void free_on(WorkerId worker, TaskId task);
  void introduce(WorkerRecord& to, WorkerId worker);
  void introduce(ClientRecord& to, WorkerId worker);
  [[nodiscard]] WorkerAddress address_of(const WorkerRecord& worker) const;
  void tell_ready(TaskRef task, const Bytes& value);
  void tell_ready(ClientRecord& client, ClientKey key, TaskRef task, const Bytes& value);
  void tell_erred(TaskRef task, const std::shared_ptr<const TaskError>& error);
  void tell_pending(TaskRef task);
  void tell_cancelled(ClientRecord& client, ClientKey key, const std::string& reason);
  template <class Visit>
  void for_each_wanter(TaskRef task, Visit visit) const;
  void tell_worker(WorkerRecord& worker, ToWorker message);
  void tell_client(ClientRecord& client, ToClient message);
  void flush(SchedulerEffects& out);

  struct ExternalList {
    std::uint32_t head{};  ///< in external_edges_: 1 + index; 0 = end
    std::uint32_t count{};
  };
  void link_external(TaskRef dependency, TaskId dependent);
  void prune_external(ExternalList& list);
  void free_external_edges(TaskRef task);

  // -- look-ups
  [[nodiscard]] Priority priority_of(TaskRef task) const;
  void let_go(ClientRecord& client, std::uint64_t submission);
  [[nodiscard]] Group* find_group(std::uint64_t number) const;
  [[nodiscard]] TaskRef find(TaskId id) const;
  [[nodiscard]] WorkerRecord* find_worker(WorkerId id) const;
  [[nodiscard]] ClientRecord* find_client(ClientId id) const;
  [[nodiscard]] TaskRef find(const ClientRecord& client, ClientKey key) const;
  void drop_want(Group& group, std::size_t subscriber, std::uint32_t index);
  bool slice_releases();
  void record(TaskRef task, TaskState from, TaskState to, const char* cause);
  [[nodiscard]] std::shared_ptr<const TaskError> make_error(TaskRef task, TaskError::Kind kind,
                                                            std::string message) const;
  void count_workers();
  void count_queue_age();
  void answer_durations(QueryReply& reply) const;
  void note_run(TaskRef task, WorkerId worker, std::uint32_t duration_us, std::uint32_t age_us, std::uint16_t thread,
                bool erred);
  [[nodiscard]] WorkerView view_of(const WorkerRecord& worker) const;
  [[nodiscard]] TaskView view_of(TaskRef task) const;
  [[nodiscard]] GroupView view_of(const Group& group) const;
  [[nodiscard]] bool fits(TaskRef task, const TaskFilter& filter) const;
  [[nodiscard]] bool may_fit(const Group& group, const TaskFilter& filter) const;
  [[nodiscard]] TransitionView view_of(const TransitionEntry& entry) const;
  [[nodiscard]] std::vector<TransitionView> transitions_of(TaskId task) const;
  void answer_waiting_for_workers();
  void list_tasks(const Query& message, QueryReply& reply) const;
  static TaskSummary summary_of(const TaskView& view);
  [[nodiscard]] TaskDetail detail_of(TaskRef task) const;
  [[nodiscard]] TaskPage tasks_asked_for(const Query& message, std::size_t most) const;
  void page_of_tasks(const Query& message, QueryReply& reply) const;
  void page_of_transitions(const Query& message, QueryReply& reply) const;
  void check_task(TaskRef task) const;
  void check_workers() const;
  void check_loads() const;
  void check_clients() const;
  void check_counters() const;
  void require(bool condition, const char* what, TaskId task) const;
  [[nodiscard]] std::pair<std::string, std::vector<std::string>> explain_in_play(TaskRef task, Instant now) const;
  [[nodiscard]] std::pair<std::string, std::vector<std::string>> explain_queued(TaskRef task) const;

  SchedulerConfig config_;
  Token cluster_;
  Epoch epoch_;
  std::string address_;
  std::string version_;
  Instant now_{};
  std::minstd_rand random_;

  std::deque<std::unique_ptr<Group>> groups_;  ///< by number - first_group_
  std::uint64_t first_group_{1};
  std::unordered_map<Token, std::uint64_t> tokens_;  ///< looked up only, never walked
  TaskMap<std::vector<Replica>> replicas_;           ///< further holders, of tasks flagged replicated
  struct ExternalEdge {
    TaskId dependent;
    std::uint32_t next;  ///< 1 + index; 0 = end
  };
  TaskMap<ExternalList> external_dependents_;  ///< of tasks flagged external
  std::vector<ExternalEdge> external_edges_;
  std::uint32_t free_external_edge_{};                ///< 1 + index
  TaskMap<std::shared_ptr<const TaskError>> errors_;  ///< of erred tasks

  std::map<WorkerId, std::unique_ptr<WorkerRecord>> workers_;
  std::vector<WorkerRecord*> worker_by_id_;  ///< by WorkerId; null = gone
  std::map<ClientId, std::unique_ptr<ClientRecord>> clients_;
  std::vector<ClientRecord*> client_by_id_;
  std::map<NannyId, NannyRecord> nannies_;

  std::deque<Prefix> prefixes_;
  std::map<std::string, std::uint32_t> prefix_by_name_;
  std::deque<RestrictionClass> classes_;
  std::vector<std::unique_ptr<TemplateRecord>> templates_;  ///< by TemplateId - 1
  std::unordered_multimap<std::size_t, TemplateRecord*> template_by_hash_;
  std::deque<TemplateId> unused_templates_;

  struct Candidate {
    WorkerRecord* worker;
    double bytes;          ///< of the inputs it holds
    std::uint32_t inputs;  ///< number of them
  };
  std::vector<Candidate> candidates_;  ///< scratch of choose_worker
  std::vector<WorkerId> sources_;      ///< scratch of send_compute

  std::map<std::pair<TaskId, WorkerId>, Transfer> transfers_;  ///< by value and target
  std::map<std::uint64_t, Placement> placements_;
  std::uint64_t last_placement_{};
  std::vector<Retirement> retirements_;
  std::vector<Restart> restarts_;
  TaskMap<std::uint32_t> copies_wanted_;  ///< of values that were replicated, or scattered so, on purpose
  std::vector<TaskId> replicated_;        ///< values that got a second copy, to be looked at
  Instant last_reduction_{};

  std::vector<TaskId> reviews_;  ///< tasks that may no longer be needed
  std::vector<std::uint64_t> dead_groups_;
  std::vector<std::uint64_t> scatters_;  ///< groups with values that may still be on their way
  struct PendingRelease {
    ClientId client;
    KeyRange keys;
    std::shared_ptr<const CancelKeys> cancel;  ///< null: released
  };
  std::deque<PendingRelease> releases_;

  struct PendingRun {
    ClientId client;
    RequestId request;
    std::vector<std::pair<WorkerId, RunOutcome>> outcomes;
    std::size_t missing{};
  };
  std::map<RequestId, PendingRun> runs_;
  std::uint64_t last_run_request_{};
  struct WaitingForWorkers {
    ClientId client;
    RequestId request;
    std::uint32_t count{};
  };
  std::vector<WaitingForWorkers> waiting_for_workers_;

  std::vector<WorkerRecord*> changed_loads_;  ///< whose load the indices of the classes do not show yet
  std::size_t idle_workers_{};                ///< able, with a thread that nothing is assigned to; as of settle_loads()
  std::size_t surplus_workers_{};             ///< with more tasks than threads; as of settle_loads()
  std::unordered_map<std::string, WorkerId> worker_by_name_;  ///< looked up only, never walked
  std::set<std::pair<std::string, std::uint64_t>> uploaded_;  ///< modules by name and build

  std::vector<WorkerRecord*> flush_workers_;
  std::vector<ClientRecord*> flush_clients_;
  SchedulerEffects extra_;  ///< closes and nanny messages of the events since the last place()

  std::vector<TransitionEntry> story_;
  std::size_t story_next_{};
  TaskHistory history_;
  TimeTotals times_;
  SpanTotals spans_;
  SchedulerCounters counters_;
  std::uint64_t live_tasks_{};
  std::uint64_t ready_total_{};  ///< tasks in state queued
  QueueClock queue_clock_;       ///< of tasks in state queued or no_worker
  double served_floor_us_{};     ///< least served_us of a client that was just served
  Instant last_steal_{};
  std::uint32_t last_generation_{};
  std::uint32_t last_client_{};
  std::uint32_t last_worker_{};
  std::uint32_t last_nanny_{};
  std::uint64_t last_group_{};
  bool shutting_down_{};
};

}  // namespace troupe
