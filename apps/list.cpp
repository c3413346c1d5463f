#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/see.hpp"
#include "monitoring/pages.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

ExitCode list_workers(const Door& door) {
  Connection connection(door);
  const auto summary = connection.summary();
  if (door.json()) {
    print(monitoring::identity_json(*summary) + "\n");
    return ExitCode::done;
  }
  Table table({"ID", "NAME", "ADDRESS", "STATUS", "PID", "THREADS", "PROCESSING", "STORED", "FINISHED", "MANAGED",
               "SPILLED", "OLD", "RECENT", "PROCESS", "LIMIT", "SEEN"});
  const auto size = [](std::uint64_t bytes) { return bytes == 0 ? std::string("-") : show_size(bytes); };
  for (const WorkerSummary& worker : summary->workers) {
    const auto known = worker.managed_bytes + worker.unmanaged_old_bytes;
    table.add({fmt::to_string(worker.address.worker.value), worker.address.name, worker.address.address,
               name_of(worker.status), fmt::to_string(worker.pid), fmt::to_string(worker.threads),
               fmt::to_string(worker.processing), fmt::to_string(worker.stored), fmt::to_string(worker.finished),
               show_size(worker.managed_bytes), size(worker.spilled_bytes), size(worker.unmanaged_old_bytes),
               size(worker.process_bytes - std::min(worker.process_bytes, known)), size(worker.process_bytes),
               size(worker.memory_limit), show_duration(std::chrono::milliseconds(worker.last_seen_ms)) + " ago"});
  }
  print(table.text());
  return ExitCode::done;
}

ExitCode list_tasks(const Door& door, const std::string& state, std::uint32_t limit) {
  Connection connection(door);
  const QueryReply reply = connection.ask({{}, QueryKind::list_tasks, {}, limit, state});
  if (door.json()) {
    json::array tasks;
    for (const TaskSummary& task : reply.tasks)
      tasks.push_back(json::object{{"task", task.task.value},
                                   {"key", task.key},
                                   {"state", task.state},
                                   {"worker", task.worker},
                                   {"nbytes", task.nbytes},
                                   {"waiting_for", task.waiting_for},
                                   {"run", task.run}});
    print(json::serialize(json::object{{"schema", "troupe/v1/task-list"}, {"tasks", std::move(tasks)}}) + "\n");
    return ExitCode::done;
  }
  Table table({"KEY", "STATE", "WORKER", "SIZE", "WAITING FOR", "RUN"});
  for (const TaskSummary& task : reply.tasks)
    table.add({task.key, task.state, task.worker.empty() ? "-" : task.worker,
               task.nbytes == 0 ? "-" : show_size(task.nbytes), fmt::to_string(task.waiting_for),
               fmt::to_string(task.run)});
  print(table.text());
  if (reply.tasks.size() == limit) tell(fmt::format("the first {} are shown; --limit N shows more", limit));
  return ExitCode::done;
}

}  // namespace

void add_list(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("list", "List workers, tasks, clients, groups, prefixes, spans or events.");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  troupe list workers\n  troupe list tasks --state erred --limit 10\n"
      "  troupe list clients -o json\n\n" +
      std::string(exit_codes_help));
  const auto add = [&](const char* name, const char* doc) {
    CLI::App* sub = command->add_subcommand(name, doc);
    door.add_scheduler_options(*sub);
    door.add_output_option(*sub);
    return sub;
  };
  add("workers", "Every worker, what it does and holds.")->callback([&door] {
    door.run = [&door] { return list_workers(door); };
  });
  auto most = std::make_shared<unsigned>(0);
  for (const auto& [kind, doc] :
       {std::pair("clients", "Every client with a session."),
        std::pair("groups", "Graphs that were submitted, latest last."), std::pair("prefixes", "Kinds of tasks."),
        std::pair("spans", "Stretches of programs that have a name, with all inside them."),
        std::pair("events", "What happened to the cluster.")}) {
    CLI::App* sub = add(kind, doc);
    if (const unsigned limit_max = seen_kind(kind).limit_max; limit_max > 0)
      sub->add_option("--limit", *most, fmt::format("how many at most (default {})", limit_max))
          ->check(CLI::Range(1U, limit_max));
    sub->callback([&door, most, kind = kind] {
      door.run = [&door, most, kind] {
        HttpClient http(door);
        print_rows(door, seen_kind(kind), ask_for(http, seen_kind(kind), *most));
        return ExitCode::done;
      };
    });
  }
  CLI::App* tasks = add("tasks", "Tasks the scheduler knows.");
  auto state = std::make_shared<std::string>();
  auto limit = std::make_shared<std::uint32_t>(50);
  tasks->add_option("--state", *state, "only those in this state")
      ->check(CLI::IsMember({"released", "waiting", "no_worker", "queued", "processing", "memory", "erred"}));
  tasks->add_option("--limit", *limit, "how many at most (default 50)")->check(CLI::Range(1U, 1'000'000U));
  tasks->callback(
      [&door, state, limit] { door.run = [&door, state, limit] { return list_tasks(door, *state, *limit); }; });
}

}  // namespace troupe::apps
