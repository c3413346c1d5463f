#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/scheduler_handle.hpp"
#include "monitoring/histogram.hpp"
#include "protocol/access.hpp"
#include "protocol/error.hpp"
#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/session.hpp"
#include "runtime/core/worker_state.hpp"
#include "runtime/exec/function_registry.hpp"

namespace troupe {

class Node;

struct WorkerOptions {
  std::optional<SchedulerHandle> scheduler;  ///< of the same node; then neither `access` nor an address is needed
  std::string scheduler_address;             ///< host:port; empty: the one in `access`
  AccessFile access;
  std::string name;     ///< unique in the cluster; empty: its address
  std::string machine;  ///< equal for workers that share one; empty: this host's name
  std::uint32_t threads{1};
  std::uint64_t memory_limit{};  ///< bytes; 0 = none
  std::vector<ResourceAmount> resources;
  std::shared_ptr<FunctionRegistry> registry;  ///< what it can run; used on the loop only from then on
  bool listen{true};                           ///< serve values over TCP; false: to the same node only
  std::string host{"127.0.0.1"};               ///< of its data listener
  std::uint16_t port{};                        ///< 0: any free one
  std::string contact_address;                 ///< host:port where others reach it; empty: where it listens
  bool insecure{};                             ///< see ListenOptions
  std::string http_address;                    ///< shown to people; empty = none
  Incarnation incarnation;                     ///< 0: drawn
  bool nannied{};
  int running_fd{-1};                            ///< page shared with a nanny, inherited; -1: none
  bool inline_tasks{true};                       ///< run tiny tasks that come alone on the loop
  bool allow_uploads{};                          ///< clients may load modules here
  std::filesystem::path upload_directory;        ///< where they are kept
  bool own_process{};                            ///< the process is this worker's: its memory counts against the limit
  std::filesystem::path local_directory;         ///< for values that leave memory; empty: see ScratchDirectory
  std::uint64_t spill_bytes_max{};               ///< on disk; 0 = what the disk holds
  std::filesystem::path event_log;               ///< all its machine is told is written there; empty: nowhere
  std::uint64_t event_log_bytes{1'000'000'000};  ///< then no more is recorded
  std::function<void()> release_memory;          ///< give freed memory back to the system; on a thread of ours
  WorkerConfig config;                           ///< threads, memory.limit and resources are set from above
  SessionConfig session;
  Duration profile_interval{std::chrono::milliseconds(10)};  ///< between two looks at what runs; 0 = none
  Duration profile_cycle{std::chrono::seconds(1)};           ///< of the windows they are counted in
  Duration give_up_after{std::chrono::seconds(60)};          ///< without the scheduler; 0 = never
  Duration lifetime{};                                       ///< then it leaves; 0 = none
  Duration lifetime_stagger{};                               ///< so much earlier or later, drawn: not all at once
};

/// A running worker, as its owner holds it; from any thread.
class WorkerHandle {
public:
  struct Shared;

  explicit WorkerHandle(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  /// host:port of its data listener, or local:<n>.
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] Incarnation incarnation() const;
  /// Taken on the loop; blocks for one turn of it.
  [[nodiscard]] WorkerCounters counters() const;
  /// The same of what it measured.
  [[nodiscard]] monitoring::WorkerDurations durations() const;
  /// And of what it knows of its machine, and of the way to the scheduler.
  [[nodiscard]] Surroundings surroundings() const;
  /// Zero until it is registered.
  [[nodiscard]] WorkerId id() const;

  /// Finishes what runs, lets what only it holds move to other workers, says goodbye, and ends. Returns at once. Without
  /// a connection to the scheduler, or with no other worker there, it is drain.
  void leave(std::string reason = "stopped");
  /// Finishes what runs, says goodbye, and ends: what it holds is lost.
  void drain(std::string reason = "stopped");
  /// The same without finishing anything.
  void stop(std::string reason = "stopped");
  /// Blocks until it has ended and says why. Not on the loop. An error: it was refused, or lost the scheduler.
  Result<std::string> wait() const;
  [[nodiscard]] bool stopped() const;
  /// It has ended, or is about to, since its lifetime is over.
  [[nodiscard]] bool outlived() const;
  [[nodiscard]] bool wait_for(Duration patience) const;

  [[nodiscard]] Shared& shared() const { return *shared_; }

private:
  std::shared_ptr<Shared> shared_;
};

/// Starts a worker in a node; it registers in the background. Not on the loop. Errors: cannot listen, no running page.
Result<WorkerHandle> start_worker(Node& node, WorkerOptions options);

}  // namespace troupe
