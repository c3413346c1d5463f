#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <caf/actor_addr.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/clock_skew.hpp"
#include "actors/link.hpp"
#include "actors/link_messages.hpp"
#include "actors/loop_actor.hpp"
#include "actors/node.hpp"
#include "actors/task_log.hpp"
#include "actors/time_ledger.hpp"
#include "actors/value_exchange.hpp"
#include "actors/worker_event_log.hpp"
#include "actors/worker_node.hpp"
#include "monitoring/histogram.hpp"
#include "runtime/core/worker_state.hpp"
#include "runtime/exec/continuous_profiler.hpp"
#include "runtime/exec/pool.hpp"
#include "runtime/exec/system_monitor.hpp"
#include "runtime/net/data_server.hpp"
#include "runtime/store/object_store.hpp"
#include "runtime/store/spill_store.hpp"

namespace troupe {

class WorkerActor;
struct WorkerReport;

/// What the copies of a handle share with the actor.
struct WorkerHandle::Shared {
  Node* node{};
  std::string address;
  Incarnation incarnation;
  caf::actor_addr actor;
  WorkerActor* running{};  ///< on the loop only; null when it has ended
  WorkerCounters last;     ///< as it ended
  Surroundings last_surroundings;
  monitoring::WorkerDurations last_durations;
  std::atomic<bool> outlived{};

  std::mutex mutex;
  std::condition_variable changed;
  bool stopped{};  ///< guarded by mutex, like what follows
  std::optional<Error> error;
  std::string reason;
};

struct PoolReady {};
/// The disk thread wrote values, or read one back, for the registration of `generation`.
struct SpillEnded {
  std::uint32_t generation{};
  std::vector<std::pair<TaskId, Value>> values;
  Result<std::vector<SpillStore::Written>> written;
};
struct LoadEnded {
  std::uint32_t generation{};
  TaskId task;
  Result<EncodedValue> value;
};
struct WorkerTurn {};
struct LifetimeOver {};
struct StopWorker {
  enum How : std::uint8_t { leave, drain, now };
  How how{};
  std::string reason;
};

/// A worker as an actor: turns what the scheduler, its pool and its peers say into events of the worker machine, and
/// performs what the machine decides. Spawned by start_worker; runs on the node's loop. It decides two things only:
/// on which thread a task runs, and what a registration says.
/// Always true: a job of the pool is in the air for the machine of its registration, or is one of `orphans_`.
class WorkerActor final : public LoopActor, private DataHandler, private ValueSource {
public:
  WorkerActor(caf::actor_config& config, Node* node, WorkerOptions options,
              std::shared_ptr<WorkerHandle::Shared> shared, std::shared_ptr<RunningPage> page,
              std::optional<Error>* failure);
  ~WorkerActor() override;

  caf::behavior make_behavior() override;
  /// Drains the mailbox, then does what follows once.
  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t max_throughput) override;
  void on_exit() override;

  [[nodiscard]] WorkerCounters counters();
  [[nodiscard]] const monitoring::WorkerDurations& durations() const { return durations_; }
  /// As the last heartbeat may have it.
  [[nodiscard]] Surroundings surroundings() const;
  [[nodiscard]] WorkerId id() const { return state_ ? state_->id() : WorkerId{}; }

  // Asked by peers over the data server (worker_values.cpp).
  void get(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, Got done) override;
  void served(const std::vector<TaskId>& tasks) override;
  std::optional<Error> put(std::vector<CarriedItem> items) override;
  std::optional<Error> refuse_module(KeyKind key, const PutModule& module) const override;
  // Asked by them, and by others in this node.
  std::optional<Error> put_module(const std::string& name, const std::string& sha256, const Bytes& file) override;

private:
  struct KnownTemplate {
    std::shared_ptr<const TaskTemplate> tmpl;
    const ResolvedFunction* function{};  ///< null: `error` says why
    std::shared_ptr<const TaskError> error;
    std::int64_t average_ns{-1};                 ///< of its runs here; -1 = none yet
    monitoring::DurationHistogram* durations{};  ///< of its prefix, in `durations_`
    TimeLedger::Function* time{};                ///< likewise, in `ledger_`
    std::uint64_t span_group{};                  ///< group whose span the next one is of; 0: of none
    TimeLedger::Function* span_time{};           ///< likewise, until it is told; null: in no span
  };
  /// Pool threads write, the loop takes.
  struct Seceded {
    std::mutex mutex;
    std::vector<ExecutionSeceded> events;
  };

  /// A value asked for: here, not here, or held back for size (neither).
  struct Gathered {
    TaskId task;
    Value value;
    bool missing{};
  };
  using GatherDone = std::function<void(std::vector<Gathered>)>;
  void gather(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, GatherDone done);

  // Asked by others in this node.
  void get_values(const std::vector<TaskId>& tasks, std::uint64_t max_bytes,
                  std::function<void(FetchedValues)> done) override;
  std::optional<Error> put_values(std::vector<TaskId> tasks, std::vector<Value> values) override;

  // Memory and disk (worker_disk.cpp).
  std::optional<Error> open_disk();
  std::optional<Error> open_event_log();
  void make_machine();
  void recorded(const std::optional<Error>& error);
  void watch_machine();
  void put(TaskId task, Value value, std::uint64_t nbytes);
  void drop(const std::vector<TaskId>& tasks);
  void spill(const std::vector<TaskId>& tasks);
  void load(const std::vector<TaskId>& tasks);
  void spill_ended(SpillEnded& event);
  void load_ended(LoadEnded& event);
  void log_lost(TaskId task, const Error& error);
  void add_spill_counters(WorkerCounters& counters) const;

  std::optional<Error> open_doors();
  void start_pool();
  void start_profiler();
  void register_worker();
  void begin_anew();
  void count_readers(ValuesServed& event);
  void handle(WorkerEvent event) {
    if (event_log_) recorded(event_log_->write(event, now_));
    state_->handle(std::move(event), now_, effects_);
  }
  void settle();
  void stop(StopWorker::How how, std::string reason);
  void arm_lifetime();
  void link_up(const LinkUp& event);
  void finish_turn();
  void perform();
  void execute(ExecuteBatch& batch);
  void fill(Job& job, const ExecuteBatch& batch, std::size_t i);
  monitoring::DurationHistogram& durations_of(const TaskTemplate& tmpl);
  KnownTemplate& known(const std::shared_ptr<const TaskTemplate>& tmpl);
  void end_at_once(TaskId task, RunId run, std::shared_ptr<const TaskError> error);
  std::shared_ptr<const IsolatedProgram> isolated_program();
  void retract(const std::vector<TaskId>& tasks);
  void fetch(Fetch& fetch);
  void run_function(RunFunction& request);

  // What it says about itself (worker_inspection.cpp).
  bool inspect(const RunFunction& request);
  void tell_log(std::vector<WorkerMessage>& messages);
  WorkerReport report();
  template <class Ask>
  void ask_threads(RequestId request, Ask ask);
  struct Inspections {
    std::atomic<bool> stop{false};
    boost::asio::thread_pool thread{1};
  };

  void share(ShareModules& modules);
  void drain_pool();
  TimeLedger::Function* span_time_of(KnownTemplate& known, TaskId task);
  void add_done(Job& job, ExecutionsDone& ended, std::vector<std::byte>& values);
  void function_ran(Job& job);
  void run_inline_job();
  std::shared_ptr<const TaskError> complete(const TaskError& error, TaskId task) const;
  void tick();
  void tell_time_spent(bool last = false);
  Traffic traffic();
  void heartbeat_seen(const HeartbeatSeen& seen);
  void arm_tick();
  void forget_templates();
  void end(std::optional<Error> error, std::string reason);

  Node& node_;
  WorkerOptions options_;
  std::shared_ptr<WorkerHandle::Shared> shared_;
  std::shared_ptr<RunningPage> page_;
  std::string name_;
  std::unique_ptr<WorkerState> state_;
  std::unique_ptr<WorkerEventLogWriter> event_log_;  ///< null: not asked for
  ObjectStore store_;
  std::unordered_map<TaskId, std::uint32_t> serving_;        ///< readers that the machine knows of
  std::unordered_map<TaskId, std::uint32_t> served_before_;  ///< readers that an earlier machine knew of
  std::unique_ptr<SpillStore> disk_;                         ///< null: nothing is ever spilled
  bool disk_refused_{};                                      ///< told so, and not yet that it works again
  bool release_due_{};                                       ///< memory was freed that the system should get back
  std::shared_ptr<SystemMonitor> monitor_;
  ClockSkew skew_;
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Seceded> seceded_;
  const std::shared_ptr<TaskLog> task_log_{std::make_shared<TaskLog>(node_)};  ///< the pool has it too
  std::unique_ptr<Link<WorkerMessage>> link_;
  std::unique_ptr<ValueExchange> exchange_;
  std::unique_ptr<ValueExchange> sharing_;  ///< with the client key; null until a module is passed on
  std::unique_ptr<DataServer> server_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer lifetime_;

  WorkerEffects effects_;
  WorkerEffects performing_;                        ///< scratch
  std::vector<Job*> jobs_;                          ///< scratch
  std::shared_ptr<const IsolatedProgram> program_;  ///< for isolated tasks, as of the last one
  ExecutionsDone ended_at_once_;                    ///< tasks that could not be started
  std::unordered_map<const TaskTemplate*, KnownTemplate> templates_;
  monitoring::WorkerDurations durations_;  ///< at most as many prefixes as metrics show, and "other"
  TimeLedger ledger_;
  Instant time_told_;
  std::unordered_set<std::shared_ptr<const TaskTemplate>> orphans_;  ///< of an earlier registration, jobs may run
  std::unordered_map<std::uint32_t, RequestId> requests_;            ///< functions outside tasks, by run
  std::uint32_t last_request_{};
  std::shared_ptr<Inspections> inspections_;  ///< null until somebody asks
  std::shared_ptr<ContinuousProfiler> profiler_;
  std::uint64_t told_line_{};  ///< of its log, that a heartbeat had last
  std::string profile_is_off_{"the continuous profile is off here: worker.profile.interval"};
  std::uint32_t generation_{};  ///< of the registration
  std::size_t in_pool_{};       ///< jobs submitted and not drained
  Job* inline_job_{};
  std::uint64_t received_bytes_{};
  std::uint64_t transfers_received_{};
  std::uint64_t sent_bytes_{};
  std::uint64_t transfers_sent_{};
  Instant now_;
  bool stirred_{};
  bool pool_ready_{};
  bool ever_up_{};
  bool link_is_up_{};
  std::optional<std::string> leaving_;  ///< why; it was said to the scheduler on this connection
  bool in_turn_{};
  bool ended_{};
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PoolReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::WorkerTurn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LifetimeOver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::SpillEnded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LoadEnded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::ValuesLost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopWorker)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FetchDone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::ValuesPut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::ValuesServed)
