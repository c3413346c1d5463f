#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "actors/task_client.hpp"
#include "actors/worker_node.hpp"
#include "apps/config.hpp"
#include "apps/door.hpp"
#include "apps/logging.hpp"
#include "apps/signals.hpp"
#include "apps/upload_directory.hpp"
#include "monitoring/http_server.hpp"

namespace troupe::apps {

/// What the command line says of a worker beside the configuration.
struct WorkerFlags {
  std::string name;
  std::string resources;             ///< "GPU=2 MEM=10e9"
  std::vector<std::string> modules;  ///< files
  std::string pid_file;
  bool insecure{};
  bool no_nanny{};
  bool check_modules{};
  bool allow_uploads{};
  std::string upload_directory;  ///< empty: one of its own
};

/// "GPU=2 MEM=10e9", separated by spaces or commas; raises a usage error.
std::vector<ResourceAmount> parse_resources(std::string_view text);

/// Threads and memory of each of `workers` worker processes on this machine; 0 = memory is not limited.
std::uint32_t worker_threads(const Config& config, unsigned workers);
std::uint64_t worker_memory(const Config& config, unsigned workers);
/// The steps on the way to that limit; raises a usage error if they are not in order.
MemoryLimits memory_limits(const Config& config, std::uint64_t limit);

/// host:port at which others reach the data listener of worker number `index`; empty: where it listens. Raises a usage
/// error. Ports count up from the first worker's, as those of the listeners do.
std::string contact_address(const Config& config, unsigned index);

/// Makes the directories that worker processes are told to write to, and raises a usage error that names the option if
/// that cannot be done.
void make_directories(const Config& config);

/// The functions that workers of this program can run: its own modules, and those of the files.
std::shared_ptr<FunctionRegistry> worker_registry(const std::vector<std::string>& files);

/// The keys and address to go by. If there is no access file yet it is waited for, since a worker may well be started
/// together with its scheduler; raises when `patience` is over, or with nothing when a signal came.
std::optional<AccessFile> wait_for_access(const Door& door, Signals& signals,
                                          std::optional<std::chrono::nanoseconds> patience);

/// A worker as an operator knows it: its node and its pages. Owned by a command; not on a loop thread.
class WorkerService {
public:
  WorkerService(const Config& config, const WorkerFlags& flags, const Door& door, AccessFile access, Log& log);
  ~WorkerService();
  WorkerService(const WorkerService&) = delete;
  WorkerService& operator=(const WorkerService&) = delete;

  [[nodiscard]] WorkerHandle& handle() { return *handle_; }
  [[nodiscard]] std::string http_address() const { return http_->address(); }
  void leave(const std::string& reason);

private:
  void serve_pages(const Config& config, bool insecure, const std::string& token);

  std::atomic<bool> draining_{false};
  std::optional<UploadDirectory> uploads_;
  std::unique_ptr<Node> node_;
  std::optional<TaskClients> task_clients_;  ///< for tasks that submit tasks; ends before the node
  std::unique_ptr<WorkerHandle> handle_;
  std::atomic<WorkerHandle*> asked_{nullptr};  ///< for pages: null before the worker is there
  std::unique_ptr<monitoring::HttpServer> http_;
};

}  // namespace troupe::apps
