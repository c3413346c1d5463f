#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/codec.hpp"
#include "runtime/simulation/channel.hpp"
#include "runtime/simulation/clock.hpp"
#include "runtime/simulation/coverage.hpp"
#include "runtime/simulation/history.hpp"
#include "runtime/simulation/host.hpp"
#include "runtime/simulation/ledger.hpp"
#include "runtime/simulation/story.hpp"

namespace troupe::simulation {

class SchedulerNode;
class ClientNode;

/// A property or an invariant does not hold.
class Violation : public std::runtime_error {
public:
  Violation(std::string property, const std::string& text) : std::runtime_error(text), property_(std::move(property)) {}
  [[nodiscard]] const std::string& property() const { return property_; }

private:
  std::string property_;
};

struct RunMode {
  bool told{};          ///< keep a readable story
  bool sweep_always{};  ///< recount everything after every event
};

/// What came of one history.
struct Outcome {
  bool failed{};
  std::string property;  ///< that was violated
  std::string text;
  std::uint64_t digest{};
  std::uint64_t events{};
  std::uint64_t sweeps{};
  std::uint64_t tasks{};
  Duration time{};  ///< simulated
  FaultCounts faults{};
  Coverage cover;
  std::vector<std::string> story;
};

/// The cluster of one history, in one thread: the machines of runtime/core, unchanged, on a virtual clock, network,
/// store and executor.
///
/// First a phase with faults; then the network heals, and everything that is wanted has to be told and had; then all is
/// released, and nothing may be left. Always true: what the invariants of the machines and the ledger say, cheap ones
/// checked after every event, full recounts after a share of them.
class World {
public:
  static constexpr ProcessId scheduler_process = 0;
  static constexpr ProcessId nobody = ~ProcessId{0};  ///< what happens to the world itself

  World(const History& history, const RunMode& mode);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome run();

  // For what lives in it.
  [[nodiscard]] const Options& options() const { return history_.options; }
  [[nodiscard]] Instant now() const { return clock_.now(); }
  void at(Instant when, ProcessId process, Clock::Action action) { clock_.at(when, process, std::move(action)); }
  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] Story& story() { return story_; }
  [[nodiscard]] Coverage& cover() { return outcome_.cover; }
  [[nodiscard]] FrameEncoder& encoder() { return encoder_; }
  [[nodiscard]] SchedulerNode& scheduler() { return *scheduler_; }
  [[nodiscard]] ClientNode& client(std::uint32_t node) { return *clients_[node - history_.first_client()]; }
  [[nodiscard]] Random& network_random() { return network_random_; }
  [[nodiscard]] Random& execution_random() { return execution_random_; }
  [[nodiscard]] Random& workload_random() { return workload_random_; }
  [[nodiscard]] SessionConfig session_config(Duration grace) const;

  ProcessId new_process(std::uint32_t node);
  void kill_process(ProcessId process) { processes_[process].alive = false; }
  [[nodiscard]] bool alive(ProcessId process) const { return processes_[process].alive; }
  [[nodiscard]] std::uint64_t next_incarnation() { return ++last_incarnation_; }
  void add_worker(std::uint64_t incarnation, WorkerProcess& worker) {
    workers_[incarnation] = &worker;
    listeners_[worker.address()] = &worker;
  }
  void remove_worker(std::uint64_t incarnation) {
    listeners_.erase(workers_.at(incarnation)->address());
    workers_.erase(incarnation);
  }
  /// Destroyed after the event at hand: it may be in the middle of a call.
  void bury(std::shared_ptr<void> dying) { dying_.push_back(std::move(dying)); }

  /// Asks the worker at an address for values, or gives it some. Each ends in one call, in the process that asked.
  void get_values(std::uint32_t node, ProcessId process, const std::string& address, const std::vector<TaskId>& tasks,
                  std::uint64_t max_bytes, std::function<void(GotValues)> done);
  void put_values(std::uint32_t node, ProcessId process, const std::string& address, std::vector<TaskId> tasks,
                  std::vector<SimValue> values, std::function<void(bool)> done);

  /// A fault has befallen somebody.
  void inject(Fault fault) { ++outcome_.faults[static_cast<std::size_t>(fault)]; }
  /// One that befalls a share of what happens, while there are faults.
  bool chance_of(Fault fault, double rate);
  /// Nothing in this history goes wrong.
  [[nodiscard]] bool peaceful() const { return history_.options.faults == 0; }
  [[noreturn]] void violated(std::string_view property, const std::string& text, TaskId task = {});
  /// A submission was refused: was there reason to?
  void check_refusal(const Error& error);
  [[nodiscard]] std::string key_text(TaskId task);
  /// All that anybody knows of a task.
  [[nodiscard]] std::string describe(TaskId task);

private:
  struct Process {
    std::uint32_t node{};
    bool alive{true};
    Instant paused_until{};
    std::deque<Clock::Action> held;  ///< what was due while it stood still, in order
  };
  struct Request;

  void start();
  void phases();
  void heal();
  /// Runs what is due until then.
  void pass(Duration time);
  void step();
  void perform(ProcessId process, Clock::Action& action);
  void pause_until(ProcessId process, Instant until);
  void resume(ProcessId process);
  void sweep();
  void until(const char* property, const std::function<std::string()>& missing);
  [[nodiscard]] std::string unanswered();
  [[nodiscard]] std::string unseen();
  [[nodiscard]] std::string disagreement();
  [[nodiscard]] std::string ghost();
  [[nodiscard]] std::string key_on(const WorkerProcess& worker);
  [[nodiscard]] std::string straggler();

  // acts.cpp
  void act(const Act& act);
  void act_of_user(const Act& act);
  void act_on_host(const Act& act);
  void act_on_network(const Act& act);
  void act_wrong_version(const Act& act);
  void pause(const Act& act);
  [[nodiscard]] Host* host(std::uint32_t node);

  // data.cpp
  [[nodiscard]] WorkerProcess* worker_at(const std::string& address);
  void end(const std::shared_ptr<Request>& request, bool reached, GotValues got);
  void serve(const std::shared_ptr<Request>& request);

  const History& history_;
  RunMode mode_;
  Outcome outcome_;
  Clock clock_;
  Story story_;
  Random network_random_;
  Random execution_random_;
  Random workload_random_;
  Random sweep_random_;
  FrameEncoder encoder_;
  Network network_;
  Ledger ledger_;
  std::vector<Process> processes_;
  std::vector<std::shared_ptr<void>> dying_;
  std::map<std::uint64_t, WorkerProcess*> workers_;  ///< by incarnation
  std::map<std::string, WorkerProcess*> listeners_;  ///< by address
  std::uint64_t last_incarnation_{};
  bool healed_{};
  Instant healed_at_{};
  std::unique_ptr<SchedulerNode> scheduler_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<ClientNode>> clients_;
};

}  // namespace troupe::simulation
