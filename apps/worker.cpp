#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "actors/nanny.hpp"
#include "apps/nanny_door.hpp"
#include "apps/node_door.hpp"
#include "apps/worker_door.hpp"

namespace troupe::apps {

namespace {

static_assert(static_cast<int>(ExitCode::start_again) == start_again_code);
static_assert(static_cast<int>(ExitCode::usage) == usage_code);

/// Until it is registered, has ended, or a signal came; returns that signal, or 0.
int wait_registered(Signals& signals, const WorkerHandle& worker) {
  while (!worker.id() && !worker.stopped())
    if (const int signal = signals.wait(std::chrono::milliseconds(20)); signal > 0) return signal;
  return 0;
}

ExitCode run_worker(const Door& door, const WorkerFlags& flags) {
  Signals signals;
  const Config config = door.config();
  const auto log = door.log(config, "worker", flags.name);
  make_directories(config);
  auto access = wait_for_access(door, signals, config.duration("worker.death-timeout"));
  if (!access) return ExitCode::done;
  const PidFile pid_file(flags.pid_file);
  WorkerService service(config, flags, door, std::move(*access), *log);
  const WorkerHandle& worker = service.handle();

  int signal = wait_registered(signals, worker);
  if (flags.name.empty()) log->name_node(worker.address());
  if (signal == 0 && !worker.stopped()) {
    print_ready(door, "worker",
                {{"name", flags.name.empty() ? worker.address() : flags.name},
                 {"address", "tcp://" + worker.address()},
                 {"http", "http://" + service.http_address()}});
    log->write(Level::info, "worker", "ready", fmt::format("registered as worker {}", worker.id().value));
  }
  Result<std::string> ended = std::string();
  std::thread watcher([&] {
    ended = worker.wait();
    signals.end();
  });
  if (signal == 0) signal = signals.wait();
  if (signal > 0) log->write(Level::info, "worker", "draining", fmt::format("stopping: signal {}", signal));
  signals.guard([&] {
    if (signal > 0) service.leave(fmt::format("signal {}", signal));
    watcher.join();
  });
  if (signal > 0) return ExitCode::done;
  if (!ended) raise(ended.error());
  if (worker.outlived() && config.boolean("worker.lifetime-restart")) {
    log->write(Level::info, "worker", "restarting", *ended);
    return ExitCode::start_again;
  }
  log->write(Level::info, "worker", "stopped", *ended);
  return ExitCode::done;
}

ExitCode run(const Door& door, const WorkerFlags& flags) {
  if (flags.check_modules) return worker_registry(flags.modules) ? ExitCode::done : ExitCode::failed;
  const Config config = door.config();
  const bool alone = flags.no_nanny || !config.boolean("worker.nanny");
  const bool several = config.text("worker.nworkers") == "auto" || config.integer("worker.nworkers") > 1;
  if (alone && several)
    throw CommandError(
        ExitCode::usage,
        "--nworkers above 1 needs the nanny; leave --no-nanny out, or start `troupe worker` several times");
  if (alone && !has_nanny() && config.boolean("worker.lifetime-restart"))
    throw CommandError(ExitCode::usage,
                       "--lifetime-restart needs the nanny, which starts the worker again; leave "
                       "--no-nanny out");
  return alone ? run_worker(door, flags) : run_nanny(door, flags);
}

}  // namespace

void add_worker(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("worker", "Run worker processes until they are told to stop.");
  auto flags = std::make_shared<WorkerFlags>();
  command->add_option("SCHEDULER_ADDRESS", door.scheduler, "host:port; default: the one in the access file");
  door.add_key_option(*command, "--nthreads", "worker.nthreads")->type_name("N");
  door.add_key_option(*command, "--nworkers", "worker.nworkers")->type_name("N");
  command->add_option("--name", flags->name, "unique name; with several workers, their names begin with it")
      ->type_name("NAME");
  door.add_key_option(*command, "--memory-limit", "worker.memory.limit")->type_name("SIZE");
  for (const char* step : {"target", "spill", "pause", "terminate"})
    door.add_key_option(*command, fmt::format("--memory-{}", step), fmt::format("worker.memory.{}", step))
        ->type_name("FRACTION");
  door.add_key_option(*command, "--local-directory", "worker.local-directory")->type_name("PATH");
  door.add_key_option(*command, "--event-log", "worker.event-log")->type_name("DIR");
  command->add_flag("--no-nanny{true},--nanny{false}", flags->no_nanny, "run the worker in this process, started once");
  door.add_key_option(*command, "--host", "worker.host")->type_name("ADDRESS");
  door.add_key_option(*command, "--worker-port", "worker.port")->type_name("PORT");
  door.add_key_option(*command, "--contact-address", "worker.contact-address")->type_name("ADDRESS");
  door.add_key_option(*command, "--http-port", "worker.http-port")->type_name("PORT");
  command->add_option("--resources", flags->resources, "what tasks may ask for, as in \"GPU=2 MEM=10e9\"")
      ->type_name("LIST");
  door.add_key_option(*command, "--death-timeout", "worker.death-timeout")->type_name("DURATION");
  door.add_key_option(*command, "--lifetime", "worker.lifetime")->type_name("DURATION");
  door.add_key_option(*command, "--lifetime-stagger", "worker.lifetime-stagger")->type_name("DURATION");
  command->add_flag_callback(
      "--lifetime-restart", [&door] { door.flags.emplace_back("worker.lifetime-restart", "true"); },
      std::string(find_option("worker.lifetime-restart")->doc));
  command->add_option("--module", flags->modules, "shared library with functions; may be given several times")
      ->allow_extra_args(false)  // what follows may be the scheduler's address
      ->type_name("PATH");
  command->add_flag("--check-modules", flags->check_modules, "only load the modules, and end: 0 if a worker could run");
  command
      ->add_option("--scheduler-file,--access-file", door.access_file,
                   "file with address and keys that the scheduler wrote")
      ->type_name("FILE");
  command->add_option("--pid-file", flags->pid_file, "write the process id here")->type_name("FILE");
  CLI::Option* allow =
      command->add_flag("--allow-uploads", flags->allow_uploads, "let clients load modules into this worker");
  command
      ->add_option("--upload-directory", flags->upload_directory,
                   "keep uploaded modules here and load them again at the next start; default: until the end only")
      ->needs(allow)
      ->type_name("DIR");
  command->add_flag("--insecure", flags->insecure, "allow plain text on an interface other than loopback");
  command->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
  door.add_log_options(*command);
  door.add_output_option(*command);
  command->footer(
      "Prints one line with its addresses when it is registered. SIGTERM or Ctrl-C lets running tasks finish, moves\n"
      "values to other workers and stops; a second one stops at once.\n\n"
      "Examples:\n  troupe worker\n  troupe worker 127.0.0.1:8786 --nworkers 4 --nthreads 2\n"
      "  troupe worker --module ./libmine.so --resources \"GPU=1\" --memory-limit 4GiB\n"
      "  troupe worker --allow-uploads --upload-directory /var/lib/troupe\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
