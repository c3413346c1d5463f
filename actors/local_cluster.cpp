#include "actors/local_cluster.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "actors/child_command.hpp"
#include "actors/client.hpp"
#include "actors/connect.hpp"
#include "actors/dashboard.hpp"
#include "actors/errors.hpp"
#include "actors/fleet.hpp"
#include "actors/nanny.hpp"
#include "actors/node.hpp"
#include "actors/scheduler_node.hpp"
#include "actors/task_client.hpp"
#include "actors/worker_node.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/units.hpp"
#include "monitoring/worker_log.hpp"

namespace troupe {
namespace {

/// For a worker to finish what runs, then for it to end at all.
constexpr std::chrono::seconds drain_patience{3};
constexpr std::chrono::seconds stop_patience{2};
constexpr double terminate_fraction = 0.95;  ///< of a worker process's memory limit: as worker.memory.terminate

/// A directory of this process alone, for the access file of child processes.
class PrivateDirectory {
public:
  PrivateDirectory() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-local-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Failure(ErrorKind::failed,
                    fmt::format("cannot make a directory in {}", std::filesystem::temp_directory_path().string()));
    path_ = pattern;
  }
  ~PrivateDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

NodeOptions node_options(const LocalClusterOptions& options) {
  NodeOptions node;
  if (options.log) node.log = [log = options.log](LogLevel, std::string_view text, const LogContext&) { log(text); };
  return node;
}

std::vector<ResourceAmount> resources_of(const LocalClusterOptions& options) {
  std::vector<ResourceAmount> resources;
  for (const auto& [name, amount] : options.resources) resources.push_back({name, amount});
  return resources;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// No directory: none is written.
monitoring::HistoryOptions history_of(const LocalClusterOptions& options) {
  monitoring::HistoryOptions history;
  bool wanted = true;
  if (const auto asked = variable("TROUPE__HISTORY__ENABLED"); !asked.empty()) {
    const auto parsed = monitoring::parse_boolean(asked);
    if (!parsed)
      throw InvalidRequest(fmt::format("TROUPE__HISTORY__ENABLED is '{}'; it has to be true or false", asked));
    wanted = *parsed;
  }
  if (const auto limit = variable("TROUPE__HISTORY__LIMIT"); !limit.empty()) {
    const auto parsed = monitoring::parse_size(limit);
    if (!parsed)
      throw InvalidRequest(fmt::format("TROUPE__HISTORY__LIMIT is '{}'; it has to be a size, as 1GB", limit));
    history.bytes_max = *parsed;
  }
  if (!options.history.value_or(wanted)) return history;
  history.directory = options.history_directory;
  if (!history.directory.empty()) return history;
  history.directory = variable("TROUPE__HISTORY__DIRECTORY");
  if (history.directory.empty()) history.directory = monitoring::default_history_directory();
  history.directory /= monitoring::local_histories;
  return history;
}

void check(const LocalClusterOptions& options) {
  if (options.threads_per_worker == 0) throw InvalidRequest("LocalCluster: threads_per_worker is 0");
  if (options.processes && !can_be_child())
    throw InvalidRequest(
        "LocalCluster in processes starts this very program again as its workers. Put this line at the "
        "top of main():\n"
        "  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {my_module});");
}

}  // namespace

/// In the order of starting: destroyed from the last to the first.
struct LocalCluster::Parts {
  explicit Parts(LocalClusterOptions asked) : options(std::move(asked)), node(node_options(options)) {}

  LocalClusterOptions options;
  monitoring::HistoryOptions history{history_of(options)};
  std::shared_ptr<monitoring::EventRing> events{std::make_shared<monitoring::EventRing>(1000)};
  std::shared_ptr<monitoring::WorkerLog> worker_log{std::make_shared<monitoring::WorkerLog>()};
  std::mutex stop_mutex;  // held while it stops: who comes second waits for the end
  bool stopped{};         // both outlive the node, whose end joins the thread of async_stop()
  std::optional<PrivateDirectory> directory;
  Node node;
  AccessFile access{AccessFile::generate()};
  std::optional<SchedulerHandle> scheduler;
  std::atomic<bool> ready{false};  ///< all workers were there once
  std::string address;
  std::unique_ptr<Dashboard> dashboard;
  mutable std::mutex members_mutex;  // guards workers and nannies
  std::vector<WorkerHandle> workers;
  std::vector<NannyHandle> nannies;
  std::optional<Fleet> fleet;
  std::optional<TaskClients> task_clients;

  [[nodiscard]] ConnectOptions connect() const {
    ConnectOptions result;
    result.local = scheduler;
    result.access = access;
    return result;
  }

  void start_scheduler() {
    SchedulerOptions start;
    start.listen = options.listen || options.processes;
    start.port = options.port;
    start.access = access;
    start.events = events;
    start.worker_log = worker_log;
    if (!options.dashboard) start.history = history.directory.empty() ? 0 : runs_until_written;
    auto started = troupe::start_scheduler(node, std::move(start));
    if (!started) throw_error(started.error());
    scheduler = std::move(*started);
    address = scheduler->address();
    access.scheduler_address = address;
    access.pid = static_cast<std::uint64_t>(::getpid());
    if (options.dashboard || !history.directory.empty()) start_dashboard();
    if (!options.access_file.empty())
      if (auto written = access.write(options.access_file); !written) throw_error(written.error());
  }

  void start_dashboard() {
    DashboardOptions start;
    start.serve = options.dashboard;
    start.history = history;
    start.worker_log = worker_log;
    start.port = options.dashboard_port;
    start.any_port = true;
    start.token = access.http_token.reveal_hex();
    start.build = {SchedulerOptions{}.version, {}, {}};
    start.events = events;
    start.profile_interval = options.profile_interval;
    start.scale = [this](unsigned count) { return scale(count); };
    auto started = Dashboard::start(node, *scheduler, std::move(start));
    if (!started) throw_error(started.error());
    dashboard = std::move(*started);
    access.http_address = dashboard->address();
  }

  Result<Fleet::Ended> start_thread_worker(unsigned index) {
    WorkerOptions worker;
    worker.scheduler = scheduler;
    worker.access = access;
    worker.name = fmt::format("{}-{}", options.name, index);
    worker.threads = options.threads_per_worker;
    worker.memory_limit = options.memory_limit;
    worker.local_directory = options.local_directory;
    worker.resources = resources_of(options);
    worker.listen = options.listen;
    worker.profile_interval = options.profile_interval;
    worker.registry = std::make_shared<FunctionRegistry>();
    for (const auto& module : options.modules)
      if (auto added = worker.registry->add(module.get()); !added) return tl::unexpected(added.error());
    auto started = start_worker(node, std::move(worker));
    if (!started) return tl::unexpected(started.error());
    const std::lock_guard lock(members_mutex);
    workers.push_back(*started);
    return [handle = std::move(*started)](Duration patience) { return handle.wait_for(patience); };
  }

  void prepare_processes() {
    directory.emplace();
    if (auto written = access.write(child_access_file()); !written) throw_error(written.error());
  }
  [[nodiscard]] std::string child_access_file() const { return (directory->path() / "access.json").string(); }

  Result<Fleet::Ended> start_process(unsigned index) {
    ChildCommand command;
    command.access_file = child_access_file();
    command.name = fmt::format("{}-{}", options.name, index);
    command.threads = options.threads_per_worker;
    command.memory_limit = options.memory_limit;
    command.local_directory = options.local_directory;
    command.resources = resources_of(options);
    command.profile_ms = static_cast<std::uint64_t>(options.profile_interval.count());
    NannyOptions nanny;
    nanny.command = command.arguments(std::filesystem::read_symlink("/proc/self/exe").string());
    nanny.access = access;
    nanny.drain_patience = drain_patience;
    nanny.memory_max = static_cast<std::uint64_t>(static_cast<double>(options.memory_limit) * terminate_fraction);
    if (options.log) nanny.on_output = options.log;
    auto started = start_nanny(node, std::move(nanny));
    if (!started) return tl::unexpected(started.error());
    const std::lock_guard lock(members_mutex);
    nannies.push_back(*started);
    return [handle = std::move(*started)](Duration patience) { return handle.wait_for(patience); };
  }

  void start_workers() {
    if (options.processes) prepare_processes();
    fleet.emplace(node, connect(), [this](unsigned index) {
      return options.processes ? start_process(index) : start_thread_worker(index);
    });
    if (auto started = fleet->scale(options.workers); !started) throw_error(started.error());
  }

  void wait_for_workers() {
    if (options.workers == 0) return;
    ClientOptions asking;
    asking.name = "local cluster";
    asking.timeout = options.timeout;
    Client client(node, connect(), std::move(asking));
    client.wait_for_workers(options.workers, options.timeout);
  }

  Result<void> scale(unsigned count) {
    if (!ready.load()) return fail(ErrorKind::failed, "the workers are being started");
    return fleet->scale(count);
  }

  /// Workers first, so that nobody is declared lost; then the scheduler; the node ends with its owner.
  void stop() {
    const std::lock_guard lock(stop_mutex);
    if (stopped) return;
    stopped = true;
    if (dashboard) dashboard->end_history("the local cluster stops");
    if (fleet) fleet->stop();
    task_clients.reset();
    const std::lock_guard members(members_mutex);
    for (auto& worker : workers) worker.drain("the local cluster stops");
    for (auto& nanny : nannies) nanny.stop();
    for (auto& worker : workers)
      if (!worker.wait_for(drain_patience)) {
        worker.stop("the local cluster stops");
        (void)worker.wait_for(stop_patience);
      }
    for (auto& nanny : nannies)
      if (!nanny.wait_for(drain_patience)) {
        nanny.stop();  // the second time kills
        (void)nanny.wait_for(stop_patience);
      }
    dashboard.reset();
    if (!scheduler) return;
    scheduler->stop("the local cluster stops");
    (void)scheduler->wait_for(stop_patience);
    if (!options.access_file.empty()) {
      std::error_code ignored;
      std::filesystem::remove(options.access_file, ignored);
    }
  }
};

LocalCluster::LocalCluster(LocalClusterOptions options) {
  check(options);
  parts_ = std::make_unique<Parts>(std::move(options));
  try {
    parts_->start_scheduler();
    parts_->start_workers();
    parts_->wait_for_workers();
    parts_->ready = true;
    if (!parts_->options.processes) parts_->task_clients.emplace(parts_->node, parts_->connect());
  } catch (...) {
    parts_->stop();
    throw;
  }
}

LocalCluster::~LocalCluster() { stop(); }

void LocalCluster::scale(unsigned workers) {
  TROUPE_ASSERT(!parts_->node.on_loop(), "a local cluster is not scaled on its own loop");
  if (auto done = parts_->scale(workers); !done) throw_error(done.error());
}

void LocalCluster::stop() {
  TROUPE_ASSERT(!parts_->node.on_loop(), "a local cluster is not stopped on its own loop");
  parts_->stop();
}

void LocalCluster::async_stop(std::function<void()> done, Executor executor) {
  parts_->node.finish_later(std::thread([parts = parts_.get(), done = std::move(done), executor = std::move(executor)] {
    parts->stop();
    if (!done) return;
    if (executor) {
      executor(done);
    } else {
      done();
    }
  }));
}

const std::string& LocalCluster::address() const { return parts_->address; }

std::string LocalCluster::dashboard_address() const {
  return parts_->dashboard ? parts_->dashboard->address() : std::string();
}

std::string LocalCluster::dashboard_link(bool admin) const {
  if (dashboard_address().empty()) return {};
  return parts_->dashboard->login_link(admin ? monitoring::Scope::admin : monitoring::Scope::read);
}

std::vector<int> LocalCluster::worker_pids() const {
  std::vector<int> pids;
  const std::lock_guard lock(parts_->members_mutex);
  for (const auto& nanny : parts_->nannies) pids.push_back(nanny.worker_pid());
  return pids;
}

Node& LocalCluster::node() const { return parts_->node; }

ConnectOptions LocalCluster::connect_options() const { return parts_->connect(); }

}  // namespace troupe
