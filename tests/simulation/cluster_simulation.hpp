#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/core/scheduler_state.hpp"
#include "runtime/core/worker_state.hpp"

namespace troupe::testing {

/// What a history may contain; drawn from the seed.
struct SimulationOptions {
  std::uint32_t workers{2};
  std::uint32_t clients{2};
  std::uint32_t graphs{6};       ///< submitted by each client
  std::uint32_t most_tasks{40};  ///< of one graph
  double kill_rate{};            ///< worker processes killed, per simulated second
  double pause_rate{};           ///< worker processes stopped for a while, per simulated second
  double cancel_rate{};          ///< share of graphs that are cancelled half way
  double leave_rate{};           ///< share of clients that vanish half way
  double throw_rate{};           ///< share of runs that throw
  double busy_rate{};            ///< share of fetches answered busy
  double drop_rate{};            ///< share of fetches that fail although the peer lives
  bool run_ahead{};
  bool steal{true};

  static SimulationOptions draw(std::uint64_t seed);
};

/// A whole cluster in one thread: the scheduler's and the workers' machines, unchanged, on a virtual clock, network and
/// executor; clients, which know what every value must be. The same seed gives the same history.
///
/// First a phase with faults, then one without, in which everything wanted must be told ready or erred, and, after
/// it was released, nothing may be left anywhere. Invariants are checked after every event.
class ClusterSimulation {
public:
  ClusterSimulation(std::uint64_t seed, SimulationOptions options);

  /// Throws std::logic_error with what went wrong.
  void run();

  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t faults() const { return faults_; }
  /// Hash over all that was sent: equal for equal histories.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

private:
  using Value = std::uint64_t;
  struct Worker {
    WorkerId id;
    std::uint64_t incarnation{};
    bool alive{true};
    Instant paused_until{};
    std::unique_ptr<WorkerState> state;
    std::map<TaskId, Value> store;
    struct Execution {
      RunId run;
      Value value{};
      bool started{};
    };
    std::map<TaskId, Execution> executing;
    Instant last_arrival{};    ///< of a message to it: links are in order
    Instant last_departure{};  ///< of a message from it
    std::uint64_t said{};      ///< messages sent to it
    std::uint64_t heard{};     ///< number of the last one that it took: none overtakes another
    std::deque<std::pair<WorkerEvent, std::uint64_t>> held;  ///< what reached it while it was paused, with its number
    std::map<std::string, WorkerId> addresses;
  };
  struct Submission {
    std::shared_ptr<const GraphChunk> chunk;
    std::vector<Value> expected;
    std::uint64_t group{};
  };
  struct Client {
    ClientId id;
    bool gone{};
    std::uint64_t submissions{};
    std::map<std::uint64_t, Submission> sent;
    enum class Told { pending, ready, erred, cancelled };
    std::map<ClientKey, Told> keys;
    Instant last_arrival{};
    Instant last_departure{};
  };

  void at(Instant when, std::function<void()> action);
  void advance();
  double chance();
  Duration delay(std::int64_t most_us);
  [[noreturn]] void fail(const std::string& what) const;
  void mix(std::uint64_t value);

  void start_worker();
  void kill(Worker& worker);
  void pause(Worker& worker);
  void submit(Client& client);
  std::shared_ptr<GraphChunk> random_graph();
  void cancel_some(Client& client);
  void tick();
  void inject_faults();

  void to_scheduler(SchedulerEvent event);
  void settle_scheduler();
  void to_worker(WorkerId id, std::vector<ToWorker> messages);
  void to_client(ClientId id, std::vector<ToClient> messages);
  /// `number` counts the messages on the link to it; 0 for what arises on the worker itself.
  void on_worker(std::uint64_t incarnation, WorkerEvent event, std::uint64_t number = 0);
  void resume(std::uint64_t incarnation);
  void take_held(Worker& worker);
  void perform(Worker& worker, WorkerEffects& effects);
  void execute(Worker& worker, const ExecuteBatch& batch);
  void finish_execution(std::uint64_t incarnation, TaskId task, RunId run);
  void fetch(Worker& worker, const Fetch& fetch);
  Worker* find_incarnation(std::uint64_t incarnation);
  Worker* find_worker(WorkerId id);
  Value value_of(const GraphChunk& chunk, std::uint32_t task, const std::vector<Value>& inputs) const;

  SimulationOptions options_;
  std::mt19937_64 random_;
  SchedulerState scheduler_;
  Instant now_{};
  std::multimap<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t next_event_{};
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<TaskId, Value> expected_;  ///< by scheduler's id
  std::map<TaskId, const GraphChunk*> chunk_of_;
  std::uint64_t incarnations_{};
  std::uint64_t events_{};
  std::uint64_t faults_{};
  std::uint64_t digest_{14695981039346656037ULL};
  NannyId nanny_{};
  bool faulty_{true};
};

}  // namespace troupe::testing
