#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "apps/process.hpp"
#include "tests/support/frame_proxy.hpp"

/// Real processes of one cluster, as chaos and soak runs have them.
namespace troupe::chaos_tests {

using apps::ChildProcess;
using testing::FrameProxy;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Programs {
  std::string troupe;
  std::string client;
  std::string module;
};

/// What a process occupies now.
struct Footprint {
  std::uint64_t resident_bytes{};
  std::uint64_t files{};
  std::uint64_t threads{};
};
Footprint footprint(int pid);
std::vector<int> children_of(int pid);

/// What was found wrong. The run goes on, and fails at its end.
class Findings {
public:
  void add(std::string what);
  [[nodiscard]] std::size_t count() const { return count_; }

private:
  std::size_t count_{};
};

/// A nanny with its worker; both speak with the scheduler through `control`, and everybody with the worker's values
/// through `data`.
struct WorkerSlot {
  std::string name;
  std::uint16_t port{};
  std::unique_ptr<FrameProxy> control = std::make_unique<FrameProxy>();
  std::unique_ptr<FrameProxy> data = std::make_unique<FrameProxy>();
  std::optional<ChildProcess> nanny;
  bool may_end{};  ///< a fault said so

  /// The worker process; 0 if there is none now.
  [[nodiscard]] int worker_pid() const;
};

struct ClientSlot {
  std::string name;
  std::unique_ptr<FrameProxy> control = std::make_unique<FrameProxy>();
  std::optional<ChildProcess> process;
  std::map<std::string, std::uint64_t> jobs;  ///< by kind
  std::uint64_t tasks{};
  std::uint64_t slowest_ms{};
};

/// A scheduler, workers and clients, and the folder that all their files are in. On one thread, since the kernel ends
/// children with the thread that started them. The destructor ends all of them and removes the folder, if all is well.
class Cluster {
public:
  Cluster(Programs programs, std::uint64_t seed, Findings& findings);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void start_workers(std::size_t count);
  void start_clients(std::size_t count);
  void start_worker(WorkerSlot& slot);
  void start_client(ClientSlot& slot);
  void kill_client(ClientSlot& slot);
  /// Reads what clients say, and finds who has ended that should not have.
  void look();
  /// Clients end after their jobs, and are gone.
  void stop_clients(seconds patience);
  /// Workers, then the scheduler, by SIGTERM; each has to end well.
  void stop(seconds patience);

  /// The scheduler's counts page; nothing if it does not answer.
  [[nodiscard]] std::optional<boost::json::object> counts() const;
  [[nodiscard]] std::optional<boost::json::object> identity() const { return page("/json/identity.json"); }
  /// Tasks that somebody waits for now.
  [[nodiscard]] std::uint64_t in_flight() const;
  /// Blocks until no task and no client is left and all workers are there; what is still there is a finding.
  void wait_until_empty(seconds patience, std::size_t workers);
  /// Log lines that should not be there, and files beside logs.
  void check_folder();

  [[nodiscard]] ChildProcess& scheduler() { return *scheduler_; }
  [[nodiscard]] std::uint16_t scheduler_port() const { return scheduler_port_; }
  [[nodiscard]] std::vector<WorkerSlot>& workers() { return workers_; }
  [[nodiscard]] std::vector<ClientSlot>& clients() { return clients_; }
  [[nodiscard]] std::uint64_t jobs_done() const;
  [[nodiscard]] const std::string& folder() const { return folder_; }

private:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  ChildProcess start(const std::string& name, std::vector<std::string> command);
  [[nodiscard]] std::optional<boost::json::object> page(const std::string& target) const;
  void read_lines(ClientSlot& client);
  void start_scheduler();

  Programs programs_;
  std::uint64_t seed_;
  Findings& findings_;
  std::string folder_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::optional<ChildProcess> scheduler_;
  std::uint16_t scheduler_port_{};
  std::uint16_t http_port_{};
  std::string token_;
  std::vector<WorkerSlot> workers_;
  std::vector<ClientSlot> clients_;
  std::set<std::string> orphans_;  ///< what marks of clients that were killed begin with: nobody takes them away
  std::uint64_t lives_{};          ///< processes started so far, for the names of their logs
};

}  // namespace troupe::chaos_tests
