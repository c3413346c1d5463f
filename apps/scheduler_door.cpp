#include "apps/scheduler_door.hpp"

#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/node_door.hpp"
#include "apps/version.hpp"

namespace troupe::apps {

namespace {

/// Nothing that is configured now; but what will be is not to be told by a dump.
bool is_secret(std::string_view key) {
  for (const std::string_view word : {"password", "secret", "token", "credential", "private"})
    if (key.find(word) != std::string_view::npos) return true;
  return false;
}

}  // namespace

SchedulerOptions scheduler_options(const Config& config) {
  SchedulerOptions options;
  options.host = config.text("scheduler.host");
  options.port = static_cast<std::uint16_t>(config.integer("scheduler.port"));
  options.version = version;
  SchedulerConfig& decide = options.config;
  const auto duration = [&](std::string_view key) { return config.duration(key).value_or(Duration{0}); };
  decide.allowed_failures = static_cast<std::uint32_t>(config.integer("scheduler.allowed-failures"));
  decide.worker_ttl = duration("scheduler.worker-ttl");
  decide.suspect_after = duration("scheduler.suspect-after");
  decide.no_workers_timeout = duration("scheduler.no-workers-timeout");
  decide.missing_module_timeout = duration("scheduler.missing-module-timeout");
  decide.work_stealing = config.boolean("scheduler.work-stealing");
  decide.work_stealing_interval = duration("scheduler.work-stealing-interval");
  decide.active_memory_manager = config.boolean("scheduler.active-memory-manager.start");
  decide.active_memory_interval = duration("scheduler.active-memory-manager.interval");
  decide.worker_saturation = config.number("scheduler.worker-saturation");
  decide.prefetch_horizon = duration("scheduler.prefetch-horizon");
  decide.bandwidth = static_cast<double>(config.size("scheduler.bandwidth").value_or(0));
  options.client_grace = duration("scheduler.client-grace");
  decide.heartbeat_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration("scheduler.heartbeat")).count());
  decide.story_length = static_cast<std::uint32_t>(config.integer("scheduler.story-length"));
  decide.max_tasks = static_cast<std::uint64_t>(config.integer("scheduler.max-tasks"));
  decide.max_prefixes = static_cast<std::uint32_t>(config.integer("scheduler.max-prefixes"));
  options.history = static_cast<std::uint64_t>(config.integer("dashboard.history"));
  options.event_log = config.text("scheduler.event-log");
  options.event_log_bytes = config.size("scheduler.event-log-limit").value_or(0);
  for (const Option& option : option_table())
    options.settings.emplace_back(option.key, is_secret(option.key) ? "(left out)" : config.text(option.key));
  return options;
}

SchedulerService::SchedulerService(const Config& config, const SchedulerServiceOptions& options, Log& log)
    : access_(AccessFile::generate()), node_(std::make_unique<Node>(NodeOptions{.log = sink_of(log, "scheduler")})) {
  SchedulerOptions chosen = scheduler_options(config);
  chosen.access = access_;
  chosen.insecure = options.insecure;
  chosen.events = events_;
  chosen.worker_log = worker_log_;
  const bool history = options.history && config.boolean("history.enabled");
  if (!options.dashboard) chosen.history = history ? runs_until_written : 0;
  auto started = start_scheduler(*node_, std::move(chosen));
  if (!started && started.error().kind == ErrorKind::invalid) throw CommandError(ExitCode::usage, started.error().text);
  if (!started) throw CommandError(ExitCode::failed, started.error().text);
  handle_ = std::make_unique<SchedulerHandle>(std::move(*started));
  if (options.dashboard || history) start_dashboard(config, options, history);
  access_.scheduler_address = handle_->address();
  access_.http_address = http_address();
  access_.pid = static_cast<std::uint64_t>(::getpid());
  access_.started_unix_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
}

std::filesystem::path history_directory(const Config& config) {
  if (const std::string named = config.text("history.directory"); !named.empty()) return named;
  return monitoring::default_history_directory();
}

void SchedulerService::start_dashboard(const Config& config, const SchedulerServiceOptions& options, bool history) {
  DashboardOptions dashboard;
  if (options.dashboard) {
    const auto where = parse_host_port(config.text("dashboard.address"), {"127.0.0.1", 8787}, "--dashboard-address");
    dashboard.host = where.host;
    dashboard.port = where.port;
  }
  dashboard.insecure = options.insecure;
  dashboard.token = access_.http_token.reveal_hex();
  dashboard.allowed_hosts = allowed_hosts(config);
  dashboard.frame_ancestors = config.text("dashboard.frame-ancestors");
  dashboard.build = build_info();
  dashboard.dask_names = dask_names_wanted(config);
  dashboard.ready = [this] {
    return std::vector<monitoring::ReadyCheck>{{"listening", !handle_->stopped()}, {"not draining", !draining_}};
  };
  dashboard.serve = options.dashboard;
  dashboard.events = events_;
  dashboard.worker_log = worker_log_;
  dashboard.scale = options.scale;
  const auto [interval, cycle] = profile_times(config);
  dashboard.profile_interval = interval;
  dashboard.profile_cycle = cycle;
  if (history) {
    dashboard.history.directory = history_directory(config);
    dashboard.history.bytes_max = config.size("history.limit").value_or(0);
  }
  auto started = Dashboard::start(*node_, *handle_, std::move(dashboard));
  if (!started)
    throw CommandError(started.error().kind == ErrorKind::invalid ? ExitCode::usage : ExitCode::failed,
                       started.error().text);
  dashboard_ = std::move(*started);
}

void SchedulerService::end_history(const std::string& reason) {
  if (dashboard_) dashboard_->end_history(reason);
}

void SchedulerService::stop(const std::string& reason) {
  draining_ = true;
  end_history(reason);
  handle_->stop(reason);
  handle_->wait();
}

SchedulerService::~SchedulerService() {
  dashboard_.reset();
  if (handle_ && !handle_->stopped()) stop("ended");
}

}  // namespace troupe::apps
