#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "actors/scheduler_node.hpp"
#include "apps/node_door.hpp"
#include "apps/published_access.hpp"
#include "apps/scheduler_door.hpp"
#include "apps/version.hpp"

namespace troupe::apps {

namespace {

struct Flags {
  std::string pid_file;
  bool no_dashboard{};
  bool no_history{};
  bool insecure{};
};

bool is_idle(const SchedulerCounters& counters) {
  for (const TaskState busy : {TaskState::waiting, TaskState::no_worker, TaskState::queued, TaskState::processing})
    if (counters.tasks[static_cast<std::size_t>(busy)] > 0) return false;
  return counters.clients == 0;
}

/// Blocks until a signal, the scheduler's own end, or too long a time without anybody. Returns why.
std::string wait_for_end(Signals& signals, const SchedulerHandle& scheduler,
                         std::optional<std::chrono::nanoseconds> idle) {
  using Clock = std::chrono::steady_clock;
  const auto period = idle ? std::chrono::ceil<std::chrono::milliseconds>(std::clamp<std::chrono::nanoseconds>(
                                 *idle / 10, std::chrono::milliseconds(10), std::chrono::seconds(1)))
                           : std::chrono::milliseconds(-1);
  auto busy_at = Clock::now();
  for (;;) {
    const int signal = signals.wait(period);
    if (signal > 0) return fmt::format("signal {}", signal);
    if (signal == 0) return {};
    if (!is_idle(scheduler.counters()))
      busy_at = Clock::now();
    else if (Clock::now() - busy_at >= *idle)
      return "idle for too long";
  }
}

ExitCode run(const Door& door, const Flags& flags) {
  Signals signals;
  const Config config = door.config();
  const auto log = door.log(config, "scheduler", "scheduler");
  const PidFile pid_file(flags.pid_file);
  SchedulerService service(config,
                           {.insecure = flags.insecure,
                            .dashboard = !flags.no_dashboard && config.boolean("dashboard.enabled"),
                            .history = !flags.no_history},
                           *log);
  const auto path = door.access_file.empty() ? default_access_path() : std::filesystem::path(door.access_file);
  const PublishedAccess published(service.access(), path);
  print_ready(door, "scheduler",
              {{"address", "tcp://" + service.handle().address()},
               {"http", service.http_address().empty() ? "" : "http://" + service.http_address()},
               {"dashboard", service.dashboard_link()},
               {"access_file", path.string()}});
  log->write(Level::info, "scheduler", "ready", fmt::format("listening on {}", service.handle().address()));

  std::thread watcher([&] {
    service.handle().wait();
    signals.end();
  });
  const std::string reason = wait_for_end(signals, service.handle(), config.duration("scheduler.idle-timeout"));
  if (!reason.empty()) log->write(Level::info, "scheduler", "draining", fmt::format("stopping: {}", reason));
  signals.guard([&] {
    service.stop(reason.empty() ? "asked to by a client" : reason);
    watcher.join();
  });
  log->write(Level::info, "scheduler", "stopped", "stopped");
  return ExitCode::done;
}

}  // namespace

void add_scheduler(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("scheduler", "Run a scheduler until it is told to stop.");
  auto flags = std::make_shared<Flags>();
  door.add_key_option(*command, "--host", "scheduler.host")->type_name("ADDRESS");
  door.add_key_option(*command, "--port", "scheduler.port")->type_name("PORT");
  door.add_key_option(*command, "--dashboard-address", "dashboard.address")->type_name("ADDRESS");
  command->add_flag("--no-dashboard{true},--dashboard{false}", flags->no_dashboard, "serve no HTTP pages");
  door.add_key_option(*command, "--history", "history.directory")->type_name("DIR");
  command->add_flag("--no-history", flags->no_history, "write down nothing of what happens");
  command->add_option("--pid-file", flags->pid_file, "write the process id here")->type_name("FILE");
  command
      ->add_option("--scheduler-file,--access-file", door.access_file,
                   "write address and keys here (mode 0600), for clients and workers")
      ->type_name("FILE");
  door.add_key_option(*command, "--idle-timeout", "scheduler.idle-timeout")->type_name("DURATION");
  door.add_key_option(*command, "--event-log", "scheduler.event-log")->type_name("FILE");
  command->add_flag("--insecure", flags->insecure, "allow plain text on an interface other than loopback");
  command->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
  door.add_log_options(*command);
  door.add_output_option(*command);
  command->footer(
      "Prints one line with its addresses when it is ready. SIGTERM or Ctrl-C stops it cleanly, a second one\n"
      "at once.\n\n"
      "Examples:\n  troupe scheduler\n  troupe scheduler --port 0 --dashboard-address :0 --scheduler-file /tmp/s.json\n"
      "  troupe scheduler --idle-timeout 10m --log-format json\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
