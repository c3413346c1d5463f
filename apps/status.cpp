#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "monitoring/pages.hpp"
#include "runtime/core/probe.hpp"

namespace troupe::apps {

namespace {

std::string summary_text(const SchedulerSummary& summary) {
  std::uint64_t threads = 0;
  std::uint64_t managed = 0;
  std::uint64_t spilled = 0;
  std::uint64_t unmanaged = 0;
  std::size_t paused = 0;
  for (const WorkerSummary& worker : summary.workers) {
    threads += worker.threads;
    managed += worker.managed_bytes;
    spilled += worker.spilled_bytes;
    unmanaged += worker.process_bytes - std::min(worker.process_bytes, worker.managed_bytes);
    paused += worker.status == WorkerStatus::paused ? 1 : 0;
  }
  std::string tasks;
  for (std::size_t i = 0; i < summary.tasks_by_state.size() && i < task_state_count; ++i)
    if (summary.tasks_by_state[i] > 0)
      tasks += fmt::format("{}{} {}", tasks.empty() ? "" : ", ", summary.tasks_by_state[i],
                           name_of(static_cast<TaskState>(i)));
  return fmt::format(
      "scheduler  {}  (version {}, cluster {})\nworkers    {}  ({} threads{})\nmemory     {} "
      "managed, {} spilled, {} unmanaged\nclients    {}\n"
      "tasks      {}\nfinished   {}  ({} failed)\n",
      printable(summary.address), printable(summary.version), summary.cluster.hex(), summary.workers.size(), threads,
      paused > 0 ? fmt::format(", {} paused", paused) : "", show_size(managed), show_size(spilled),
      show_size(unmanaged), summary.clients, tasks.empty() ? "none" : tasks, summary.finished, summary.erred);
}

ExitCode show(const Door& door) {
  Connection connection(door);
  const auto summary = connection.summary();
  print(door.json() ? monitoring::identity_json(*summary) + "\n" : summary_text(*summary));
  return ExitCode::done;
}

}  // namespace

void add_status(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("status", "Show the scheduler, its workers and its tasks in a few lines.");
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  command->footer("Examples:\n  troupe status\n  troupe status --scheduler 127.0.0.1:8786 -o json | jq .workers\n\n" +
                  std::string(exit_codes_help));
  command->callback([&door] { door.run = [&door] { return show(door); }; });
}

}  // namespace troupe::apps
