#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "apps/nanny_door.hpp"
#include "apps/node_door.hpp"
#include "apps/published_access.hpp"
#include "apps/scheduler_door.hpp"
#include "runtime/exec/machine.hpp"

namespace troupe::apps {

namespace {

struct Flags {
  WorkerFlags worker;
  bool no_dashboard{};
  bool no_history{};
};

/// What the dashboard, which is there before the workers and after them, asks for more or fewer of them.
class Scaler {
public:
  class Ready {
  public:
    Ready(Scaler& scaler, WorkerProcesses& workers) : scaler_(scaler) { scaler_.set(&workers); }
    ~Ready() { scaler_.set(nullptr); }
    Ready(const Ready&) = delete;
    Ready& operator=(const Ready&) = delete;

  private:
    Scaler& scaler_;
  };

  Result<void> scale(unsigned count) {
    const std::lock_guard lock(mutex_);
    if (workers_ == nullptr) return fail(ErrorKind::failed, "the workers are being started, or stopped");
    return workers_->scale(count);
  }

private:
  void set(WorkerProcesses* workers) {
    const std::lock_guard lock(mutex_);
    workers_ = workers;
  }
  std::mutex mutex_;
  WorkerProcesses* workers_{};
};

/// Until all workers are there; returns the signal that came before, or 0.
int wait_for_workers(Signals& signals, const SchedulerHandle& scheduler, unsigned workers) {
  while (!scheduler.stopped() && scheduler.counters().workers_running < workers)
    if (const int signal = signals.wait(std::chrono::milliseconds(20)); signal > 0) return signal;
  return 0;
}

ExitCode run(Door& door, const Flags& flags) {
  Signals signals;
  const Config config = door.config();
  const auto log = door.log(config, "local", "local");
  check_flags(flags.worker);
  make_directories(config);
  Scaler scaler;
  SchedulerService service(config,
                           {.insecure = false,
                            .dashboard = !flags.no_dashboard && config.boolean("dashboard.enabled"),
                            .history = !flags.no_history,
                            .scale = [&scaler](unsigned workers) { return scaler.scale(workers); }},
                           *log);
  const auto path = door.access_file.empty() ? default_access_path() : std::filesystem::path(door.access_file);
  const PublishedAccess published(service.access(), path);
  WorkerProcesses::Settings settings;
  settings.workers = config.text("worker.nworkers") == "auto" || config.setting("worker.nworkers").source == "default"
                         ? available_cpus()
                         : static_cast<unsigned>(config.integer("worker.nworkers"));
  settings.access_file = path;
  WorkerProcesses workers(door, config, flags.worker, settings, service.access(), *log);

  const Scaler::Ready ready(scaler, workers);

  int signal = wait_for_workers(signals, service.handle(), settings.workers);
  if (signal == 0)
    print_ready(door, "local",
                {{"address", "tcp://" + service.handle().address()},
                 {"http", service.http_address().empty() ? "" : "http://" + service.http_address()},
                 {"dashboard", service.dashboard_link()},
                 {"workers", std::to_string(settings.workers)},
                 {"access_file", path.string()}});
  std::thread watcher([&] {
    service.handle().wait();
    signals.end();
  });
  if (signal == 0) signal = signals.wait();
  signals.guard([&] {
    const std::string reason = signal > 0 ? fmt::format("signal {}", signal) : "asked to by a client";
    service.end_history(reason);  // the last picture is to have the workers
    workers.stop();
    (void)workers.wait();
    service.stop(reason);
    watcher.join();
  });
  return ExitCode::done;
}

}  // namespace

void add_local(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("local", "Run a scheduler and workers on this machine until told to stop.");
  auto flags = std::make_shared<Flags>();
  door.add_key_option(*command, "--nworkers", "worker.nworkers")
      ->type_name("N")
      ->description("worker processes (default: one for each CPU)");
  door.add_key_option(*command, "--nthreads", "worker.nthreads")->type_name("N");
  door.add_key_option(*command, "--memory-limit", "worker.memory.limit")->type_name("SIZE");
  door.add_key_option(*command, "--port", "scheduler.port")->type_name("PORT");
  door.add_key_option(*command, "--dashboard-address", "dashboard.address")->type_name("ADDRESS");
  command->add_flag("--no-dashboard{true},--dashboard{false}", flags->no_dashboard, "serve no HTTP pages");
  door.add_key_option(*command, "--history", "history.directory")->type_name("DIR");
  command->add_flag("--no-history", flags->no_history, "write down nothing of what happens");
  command->add_option("--module", flags->worker.modules, "shared library with functions; may be given several times")
      ->allow_extra_args(false)
      ->type_name("PATH");
  command->add_option("--resources", flags->worker.resources, "what each worker offers, as in \"GPU=2 MEM=10e9\"")
      ->type_name("LIST");
  command->add_option("--scheduler-file,--access-file", door.access_file, "write address and keys here (mode 0600)")
      ->type_name("FILE");
  command->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
  door.add_log_options(*command);
  door.add_output_option(*command);
  command->footer("Examples:\n  troupe local\n  troupe local --nworkers 2 --nthreads 4 --port 0\n\n" +
                  std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
