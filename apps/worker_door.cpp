#include "apps/worker_door.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "actors/connect.hpp"
#include "actors/nanny.hpp"
#include "apps/bench_functions.hpp"
#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/node_door.hpp"
#include "apps/version.hpp"
#include "monitoring/cluster_collector.hpp"
#include "monitoring/pages.hpp"
#include "runtime/exec/machine.hpp"
#include "runtime/store/private_directory.hpp"

// Of jemalloc, which the program is linked with where it is there.
extern "C" int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh, std::size_t fresh_size)
    __attribute__((weak));

namespace troupe::apps {

namespace {
constexpr int arenas_all = 4096;  // MALLCTL_ARENAS_ALL
}

std::vector<ResourceAmount> parse_resources(std::string_view text) {
  std::vector<ResourceAmount> resources;
  while (!text.empty()) {
    const auto end = text.find_first_of(" ,");
    const std::string_view word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (word.empty()) continue;
    const auto equals = word.find('=');
    const std::string amount(equals == std::string_view::npos ? "" : word.substr(equals + 1));
    char* rest = nullptr;
    const double value = std::strtod(amount.c_str(), &rest);
    if (equals == 0 || amount.empty() || *rest != '\0' || !std::isfinite(value) || value < 0)
      throw CommandError(ExitCode::usage, fmt::format("--resources: '{}' is not NAME=AMOUNT, as in \"GPU=2 MEM=10e9\"",
                                                      printable(word)));
    resources.push_back({std::string(word.substr(0, equals)), value});
  }
  return resources;
}

std::uint32_t worker_threads(const Config& config, unsigned workers) {
  if (config.text("worker.nthreads") != "auto") return static_cast<std::uint32_t>(config.integer("worker.nthreads"));
  return std::max(1U, available_cpus() / std::max(1U, workers));
}

std::uint64_t worker_memory(const Config& config, unsigned workers) {
  const std::string& text = config.text("worker.memory.limit");
  const auto available = static_cast<double>(available_memory());
  const double each = std::max(1U, workers);
  if (text == "auto") {
    const double threads = static_cast<double>(worker_threads(config, workers)) / available_cpus();
    return static_cast<std::uint64_t>(available * std::min(1 / each, threads));
  }
  char* rest = nullptr;
  const double fraction = std::strtod(text.c_str(), &rest);
  if (*rest == '\0' && fraction > 0 && fraction <= 1) return static_cast<std::uint64_t>(available * fraction / each);
  return config.size("worker.memory.limit").value_or(0);
}

std::string contact_address(const Config& config, unsigned index) {
  const std::string text = config.text("worker.contact-address");
  if (text.empty()) return text;
  const HostPort where = parse_host_port(text, {}, "--contact-address");
  if (where.host.empty() || where.port == 0)
    throw CommandError(ExitCode::usage, fmt::format("--contact-address: '{}' is not host:port", printable(text)));
  const bool v6 = where.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", where.host, v6 ? "]" : "", where.port + index);
}

MemoryLimits memory_limits(const Config& config, std::uint64_t limit) {
  MemoryLimits limits;
  limits.limit = limit;
  limits.target = config.number("worker.memory.target");
  limits.spill = config.number("worker.memory.spill");
  limits.pause = config.number("worker.memory.pause");
  limits.transfer = config.number("worker.memory.transfer");
  limits.recent_to_old = config.duration("worker.memory.recent-to-old-time").value_or(limits.recent_to_old);
  limits.monitor_interval = config.duration("worker.memory.monitor-interval").value_or(limits.monitor_interval);
  if (limits.monitor_interval < std::chrono::milliseconds(1))
    throw CommandError(ExitCode::usage, "worker.memory.monitor-interval has to be 1ms or more");
  std::pair<const char*, double> before{"worker.memory.target", limits.target};
  for (const char* key : {"worker.memory.spill", "worker.memory.pause", "worker.memory.terminate"}) {
    const double fraction = config.number(key);
    if (fraction <= 0) continue;
    if (before.second > fraction)
      throw CommandError(ExitCode::usage,
                         fmt::format("{} ({}) must not be above {} ({})", before.first, before.second, key, fraction));
    before = {key, fraction};
  }
  return limits;
}

namespace {

/// Freed memory is kept by the allocator for a while, where it still counts against the limit.
void release_memory() {
  if (mallctl != nullptr)
    mallctl(("arena." + std::to_string(arenas_all) + ".purge").c_str(), nullptr, nullptr, nullptr, 0);
  else
    ::malloc_trim(0);
}

/// Of this process: one that is started after it does not write over what it left.
std::filesystem::path event_log_file(const Config& config) {
  const std::filesystem::path folder = config.text("worker.event-log");
  return folder.empty() ? folder : folder / fmt::format("worker-{}.events", ::getpid());
}

}  // namespace

void make_directories(const Config& config) {
  for (const char* key : {"worker.local-directory", "worker.event-log"}) {
    const std::string& folder = config.text(key);
    if (folder.empty()) continue;
    if (const auto made = make_private_directory(folder); !made)
      throw CommandError(ExitCode::usage,
                         fmt::format("{} {}: {}", find_option(key)->flag, printable(folder), made.error().text));
  }
}

std::shared_ptr<FunctionRegistry> worker_registry(const std::vector<std::string>& files) {
  auto registry = std::make_shared<FunctionRegistry>();
  if (const auto added = registry->add(::bench); !added) raise(added.error());
  for (const std::string& file : files) {
    if (const auto loaded = registry->load(file); !loaded)
      throw CommandError(ExitCode::usage, fmt::format("--module: {}", loaded.error().text));
  }
  return registry;
}

std::optional<AccessFile> wait_for_access(const Door& door, Signals& signals,
                                          std::optional<std::chrono::nanoseconds> patience) {
  using Clock = std::chrono::steady_clock;
  const auto path = door.access_file.empty() ? default_access_path() : std::filesystem::path(door.access_file);
  const auto start = Clock::now();
  bool told = false;
  while (!std::filesystem::exists(path)) {
    if (patience && Clock::now() - start >= *patience)
      throw CommandError(ExitCode::authentication,
                         fmt::format("{}: there is no access file; is a scheduler running here? On another "
                                     "machine, copy its access file and name it with --scheduler-file",
                                     path.string()));
    if (!told) tell(fmt::format("waiting for a scheduler to write {}", path.string()));
    told = true;
    if (signals.wait(std::chrono::milliseconds(50)) > 0) return std::nullopt;
  }
  auto access = AccessFile::read(path);
  if (!access) throw CommandError(ExitCode::authentication, access.error().text);
  return std::move(*access);
}

WorkerService::WorkerService(const Config& config, const WorkerFlags& flags, const Door& door, AccessFile access,
                             Log& log)
    : node_(std::make_unique<Node>(NodeOptions{.log = sink_of(log, "worker")})) {
  WorkerOptions options;
  options.registry = worker_registry(flags.modules);
  options.allow_uploads = flags.allow_uploads;
  if (flags.allow_uploads) {
    options.upload_directory = uploads_.emplace(flags.upload_directory).path();
    uploads_->load_into(*options.registry, log);
  }
  options.resources = parse_resources(flags.resources);
  serve_pages(config, flags.insecure, access.http_token.reveal_hex());
  options.http_address = http_->address();
  options.scheduler_address = door.scheduler;
  ConnectOptions connect;
  connect.address = door.scheduler;
  connect.access = access;
  task_clients_.emplace(*node_, connect);
  options.access = std::move(access);
  options.name = flags.name;
  options.threads = worker_threads(config, 1);
  options.memory_limit = worker_memory(config, 1);
  options.config.memory = memory_limits(config, options.memory_limit);
  options.own_process = true;
  options.local_directory = config.text("worker.local-directory");
  options.spill_bytes_max = config.size("worker.memory.max-spill").value_or(0);
  options.event_log = event_log_file(config);
  options.event_log_bytes = config.size("worker.event-log-limit").value_or(0);
  options.release_memory = release_memory;
  options.host = config.text("worker.host");
  options.port = static_cast<std::uint16_t>(config.integer("worker.port"));
  options.contact_address = contact_address(config, 0);
  options.insecure = flags.insecure;
  adopt_nanny(options);
  options.lifetime = config.duration("worker.lifetime").value_or(Duration{0});
  options.lifetime_stagger = config.duration("worker.lifetime-stagger").value_or(Duration{0});
  const auto [interval, cycle] = profile_times(config);
  options.profile_interval = interval;
  options.profile_cycle = cycle;
  options.give_up_after = config.duration("worker.death-timeout").value_or(Duration{0});
  auto started = start_worker(*node_, std::move(options));
  if (!started && started.error().kind == ErrorKind::invalid) throw CommandError(ExitCode::usage, started.error().text);
  if (!started) throw CommandError(ExitCode::failed, started.error().text);
  handle_ = std::make_unique<WorkerHandle>(std::move(*started));
  asked_ = handle_.get();
}

void WorkerService::serve_pages(const Config& config, bool insecure, const std::string& token) {
  auto metrics = std::make_shared<monitoring::Metrics>(build_info());
  if (dask_names_wanted(config)) metrics->show_dask_names();
  metrics->add(std::make_shared<monitoring::MailboxCollector>([this] { return node_->waiting_messages(); }));
  metrics->add_worker([this] {
    const WorkerHandle* handle = asked_;
    return handle ? handle->counters() : WorkerCounters{};
  });
  metrics->add(std::make_shared<monitoring::WorkerDurationsCollector>([this] {
    const WorkerHandle* handle = asked_;
    return handle ? handle->durations() : monitoring::WorkerDurations{};
  }));
  metrics->add(std::make_shared<monitoring::SurroundingsCollector>([this] {
    const WorkerHandle* handle = asked_;
    return handle ? handle->surroundings() : Surroundings{};
  }));
  metrics->add(std::make_shared<monitoring::LagProbe>([this] { (void)node_->call([] { return true; }); }));
  monitoring::PageSources sources;
  sources.metrics = std::move(metrics);
  sources.ready = [this] {
    const WorkerHandle* handle = asked_;
    return std::vector<monitoring::ReadyCheck>{{"registered", handle && handle->id() && !handle->stopped()},
                                               {"not draining", !draining_}};
  };
  monitoring::HttpConfig http;
  http.flag = "--http-port";
  http.port = static_cast<std::uint16_t>(config.integer("worker.http-port"));
  http.insecure = insecure;
  http.token = token;
  http.allowed_hosts = allowed_hosts(config);
  auto served = monitoring::HttpServer::start(std::move(http), monitoring::node_routes(std::move(sources)));
  if (!served) throw CommandError(ExitCode::failed, served.error().text);
  http_ = std::move(*served);
}

void WorkerService::leave(const std::string& reason) {
  draining_ = true;
  handle_->leave(reason);
}

WorkerService::~WorkerService() {
  if (http_) http_->stop();
  if (handle_ && !handle_->stopped()) handle_->stop("ended");
}

}  // namespace troupe::apps
