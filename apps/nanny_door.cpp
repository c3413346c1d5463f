#include "apps/nanny_door.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/node_door.hpp"
#include "apps/process.hpp"
#include "runtime/exec/machine.hpp"

namespace troupe::apps {

namespace {

unsigned worker_count(const Config& config) {
  if (config.text("worker.nworkers") == "auto") return available_cpus();
  return static_cast<unsigned>(config.integer("worker.nworkers"));
}

/// The command line of worker `index`: what we were told, with each worker's share of this machine.
std::vector<std::string> command_of(const Door& door, const Config& config, const WorkerFlags& flags,
                                    const WorkerProcesses::Settings& settings, unsigned index) {
  std::vector<std::string> command{ChildProcess::self(), "worker", "--no-nanny"};
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {flag, value});
  };
  if (!settings.scheduler_address.empty()) command.push_back(settings.scheduler_address);
  add("--scheduler-file", settings.access_file.string());
  add("--config", door.config_file);
  add("--name", flags.name.empty() || settings.workers == 1 ? flags.name : fmt::format("{}-{}", flags.name, index));
  add("--nthreads", std::to_string(worker_threads(config, settings.workers)));
  add("--nworkers", "1");
  add("--memory-limit", std::to_string(worker_memory(config, settings.workers)));
  add("--resources", flags.resources);
  for (const std::string& module : flags.modules) add("--module", module);
  if (!settings.uploads.empty()) {
    command.emplace_back("--allow-uploads");
    add("--upload-directory", settings.uploads.string());
  }
  if (flags.insecure) command.emplace_back("--insecure");
  for (const auto& [key, flag] :
       {std::pair{"worker.port", "--worker-port"}, std::pair{"worker.http-port", "--http-port"}})
    if (const auto port = config.integer(key); port != 0) add(flag, std::to_string(port + index));
  add("--contact-address", contact_address(config, index));
  for (const char* key :
       {"worker.host", "worker.death-timeout", "worker.lifetime", "worker.lifetime-stagger", "worker.memory.target",
        "worker.memory.spill", "worker.memory.pause", "worker.memory.terminate", "worker.local-directory",
        "worker.event-log", "worker.lifetime-restart", "logging.level", "logging.format", "logging.file"}) {
    const Setting& setting = config.setting(key);
    if (!setting.source.starts_with("flag")) continue;
    const Option& option = *find_option(key);
    if (option.type != OptionType::boolean)
      add(std::string(option.flag), setting.text);
    else if (config.boolean(key))
      command.emplace_back(option.flag);
  }
  add("--output", door.output);
  return command;
}

void pass_on(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // nobody reads it; the worker's own log counts what is lost
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

WorkerProcesses::WorkerProcesses(const Door& door, const Config& config, const WorkerFlags& flags,
                                 const Settings& settings, const AccessFile& access, Log& log)
    : node_(std::make_unique<Node>(NodeOptions{.log = sink_of(log, "nanny")})) {
  const MemoryLimits memory = memory_limits(config, worker_memory(config, settings.workers));
  const auto memory_max =
      static_cast<std::uint64_t>(static_cast<double>(memory.limit) * config.number("worker.memory.terminate"));
  NannyOptions each;
  each.scheduler_address = settings.scheduler_address;
  each.access = access;
  each.on_output = pass_on;
  each.memory_max = memory_max;
  each.memory_interval = memory.monitor_interval;
  each.give_up_after = config.duration("worker.death-timeout").value_or(Duration{0});
  ConnectOptions connect;
  connect.address = settings.scheduler_address;
  connect.access = access;
  fleet_ = std::make_unique<Fleet>(
      *node_, std::move(connect),
      [this, door, config, flags, settings, each = std::move(each)](unsigned index) -> Result<Fleet::Ended> {
        NannyOptions options = each;
        options.command = command_of(door, config, flags, settings, index);
        auto started = start_nanny(*node_, std::move(options));
        if (!started) return tl::unexpected(std::move(started.error()));
        const std::lock_guard lock(mutex_);
        nannies_.push_back(*started);
        return [handle = std::move(*started)](Duration patience) { return handle.wait_for(patience); };
      });
  if (const auto started = fleet_->scale(settings.workers); !started) raise(started.error());
}

std::vector<NannyHandle> WorkerProcesses::nannies() const {
  const std::lock_guard lock(mutex_);
  return nannies_;
}

WorkerProcesses::~WorkerProcesses() {
  stop();
  (void)wait();
}

void WorkerProcesses::stop() {
  fleet_->stop();
  for (NannyHandle& nanny : nannies())
    if (!nanny.wait_for(Duration{0})) nanny.stop();
}

Result<void> WorkerProcesses::wait() {
  Result<void> first;
  for (const NannyHandle& nanny : nannies())
    if (auto ended = nanny.wait(); !ended && first) first = std::move(ended);
  return first;
}

void check_flags(const WorkerFlags& flags) {
  (void)parse_resources(flags.resources);
  if (flags.modules.empty()) return;
  // In a process of its own: nothing of theirs is to run in the one that must outlive them.
  std::vector<std::string> command{ChildProcess::self(), "worker", "--check-modules"};
  for (const std::string& module : flags.modules) command.insert(command.end(), {"--module", module});
  auto child = ChildProcess::start(command);
  if (!child) raise(child.error());
  constexpr std::chrono::minutes patience{1};
  const auto status = child->wait(patience);
  if (!status) throw CommandError(ExitCode::usage, "--module: the modules do not load in a minute");
  if (*status != 0)
    throw CommandError(ExitCode::usage,
                       fmt::format("--module: no worker could run with these modules (exit code {})", *status));
}

ExitCode run_nanny(const Door& door, const WorkerFlags& flags) {
  Signals signals;
  const Config config = door.config();
  const auto log = door.log(config, "nanny", flags.name);
  (void)contact_address(config, 0);
  check_flags(flags);
  make_directories(config);
  const auto access = wait_for_access(door, signals, config.duration("worker.death-timeout"));
  if (!access) return ExitCode::done;
  const PidFile pid_file(flags.pid_file);
  WorkerProcesses::Settings settings;
  settings.workers = worker_count(config);
  settings.access_file = door.access_file;
  settings.scheduler_address = door.scheduler;
  std::optional<UploadDirectory> uploads;
  if (flags.allow_uploads) settings.uploads = uploads.emplace(flags.upload_directory).path();
  WorkerProcesses processes(door, config, flags, settings, *access, *log);

  Result<void> ended;
  std::thread watcher([&] {
    ended = processes.wait();
    signals.end();
  });
  const int signal = signals.wait();
  if (signal > 0) log->write(Level::info, "nanny", "draining", fmt::format("stopping: signal {}", signal));
  signals.guard([&] {
    if (signal > 0) processes.stop();
    watcher.join();
  });
  if (signal <= 0 && !ended) raise(ended.error());
  return ExitCode::done;
}

}  // namespace troupe::apps
