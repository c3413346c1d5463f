#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/core/worker_state.hpp"
#include "runtime/simulation/dialer.hpp"
#include "runtime/simulation/graphs.hpp"

namespace troupe::simulation {

class Host;

/// How a request for values ended.
struct GotValues {
  FetchOutcome outcome{};
  std::vector<TaskId> received;
  std::vector<SimValue> values;
  std::vector<TaskId> missing;
};

/// A worker process: the machine, a pool, a store and a disk that are modelled, and the link. Does what
/// actors/worker_actor.hpp does.
class WorkerProcess final : private DialerOwner {
public:
  WorkerProcess(World& world, Host& host, ProcessId process, std::uint64_t incarnation);
  ~WorkerProcess();

  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] ProcessId process() const { return process_; }
  [[nodiscard]] WorkerState& state() { return *state_; }
  [[nodiscard]] const WorkerState& state() const { return *state_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::size_t jobs() const { return running_.size() + waiting_.size(); }
  [[nodiscard]] std::size_t values() const { return store_.size() + disk_.size(); }
  /// Of all values, or of those in memory.
  [[nodiscard]] std::uint64_t value_bytes() const { return memory_bytes() + sum_of(disk_); }
  [[nodiscard]] std::uint64_t memory_bytes() const { return sum_of(store_); }
  /// What it holds is not where its machine says; empty: it is.
  [[nodiscard]] std::string misplaced() const;
  [[nodiscard]] bool quiet() const { return dialer_->quiet(); }
  /// Tasks in its pool's hands, for the nanny's report.
  [[nodiscard]] std::vector<std::pair<TaskId, RunId>> running() const;

  /// Ends once the scheduler says that nothing is lost by it.
  void leave();
  /// Ends once nothing runs.
  void drain();
  /// A peer reads values; what is given counts as being served until served().
  GotValues serve(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, bool to_worker);
  void served(const std::vector<TaskId>& tasks);
  void put(const std::vector<TaskId>& tasks, const std::vector<SimValue>& values);
  void check_invariants() const { state_->check_invariants(); }

private:
  struct Job {
    TaskId task;
    RunId run;
    std::shared_ptr<const TaskTemplate> tmpl;
    bool inline_wanted{};
    std::vector<SimValue> inputs;
    bool seceded{};
    Instant begun;
  };

  void on_messages(std::vector<Bytes>& payloads) override;
  void on_up(bool resumed) override;
  void on_closed(const Error& error) override;
  void register_worker();
  void handle(WorkerEvent event);
  void stir();
  void turn();
  void perform(WorkerEffects& effects);
  void execute(ExecuteBatch& batch);
  void retract(const std::vector<TaskId>& tasks);
  void fetch(const Fetch& fetch);
  void keep(TaskId task, SimValue value);
  void drop(const std::vector<TaskId>& tasks);
  [[nodiscard]] const SimValue* find(TaskId task) const;
  void spill(TaskId task);
  void load(TaskId task);
  void lose(TaskId task);
  void start_jobs();
  void start(Job& job);
  void plan_end(const Job& job, std::uint64_t luck);
  void secede(const Job& job, Duration run_time);
  void end(TaskId task, RunId run, std::uint64_t generation, ExecutionOutcome outcome,
           std::shared_ptr<const TaskError> error);
  void arm_tick();
  void exit(const std::string& reason);

  World& world_;
  Host& host_;
  ProcessId process_;
  std::uint64_t incarnation_;
  std::string address_;
  std::unique_ptr<WorkerState> state_;
  std::unique_ptr<Dialer> dialer_;
  std::uint32_t threads_;
  struct Kept {
    SimValue value{};
    std::uint64_t version{};  ///< another each time that a value comes to memory
  };
  using Values = std::map<TaskId, Kept>;
  static std::uint64_t sum_of(const Values& values);

  Values store_;
  Values disk_;
  std::uint64_t last_version_{};
  std::set<TaskId> unreadable_;                    ///< for other workers
  std::set<TaskId> damaged_;                       ///< on disk, and its machine does not know yet
  std::map<TaskId, std::uint32_t> serving_;        ///< readers
  std::map<TaskId, std::uint32_t> served_before_;  ///< readers that began before it was forgotten
  std::deque<Job> waiting_;
  std::map<std::pair<TaskId, RunId>, Job> running_;
  std::uint32_t busy_{};  ///< threads that run a task
  std::uint64_t generation_{1};
  WorkerEffects effects_;
  ExecutionsDone ended_at_once_;
  TimeSpent spent_;  ///< since it was told last
  bool ever_up_{};
  bool turn_posted_{};
  bool over_{};
  bool leaving_{};
};

/// A machine with a nanny that starts a worker process, and the next when it ended, and tells the scheduler how.
class Host final : private DialerOwner {
public:
  Host(World& world, std::uint32_t node);
  ~Host();

  void start();
  [[nodiscard]] std::uint32_t node() const { return node_; }
  [[nodiscard]] WorkerProcess* worker() { return worker_.get(); }
  [[nodiscard]] bool started() const { return nanny_ != nullptr; }
  /// The process ends as by this signal; the nanny reports what it ran. False: there is none.
  bool kill(int signal);
  /// The process ended by itself.
  void ended(bool clean);
  /// Asked to leave. After `away` another process takes its place; 0: none does.
  bool retire(Duration away);
  void stop_for_good();

private:
  void on_messages(std::vector<Bytes>& payloads) override;
  void on_up(bool resumed) override;
  void on_closed(const Error& error) override;
  void dial();
  void greet();
  void start_worker();
  void report(int signal, int code);
  void end_process();
  void restart(Duration after);

  World& world_;
  std::uint32_t node_;
  ProcessId process_{};  ///< of the nanny
  std::unique_ptr<Dialer> nanny_;
  std::unique_ptr<WorkerProcess> worker_;
  Duration away_{};  ///< after retirement
  bool retiring_{};
  bool stopped_{};
  bool ever_up_{};
};

}  // namespace troupe::simulation
