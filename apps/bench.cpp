#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/bench_cluster.hpp"
#include "apps/bench_functions.hpp"
#include "apps/bench_graph.hpp"
#include "apps/bench_workloads.hpp"
#include "apps/door.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  std::string workload;
  std::uint64_t tasks{};
  unsigned workers{2};
  unsigned threads{1};
  unsigned repeats{};
  std::string via{"scheduler"};
  bool in_process{};
  bool watched{};
  std::string file;
  double work_us{};
  bool metg{};
};

double us_per_task(std::chrono::nanoseconds time, std::uint64_t tasks) {
  return static_cast<double>(time.count()) / 1e3 / static_cast<double>(tasks);
}

std::string as_json(const Flags& flags, const BenchResult& result) {
  json::object document{
      {"schema", "troupe/v1/bench"}, {"workload", flags.workload},
      {"tasks", result.tasks},       {"workers", flags.workers},
      {"seconds", result.seconds},   {"tasks_per_second", static_cast<double>(result.tasks) / result.seconds}};
  if (flags.workload == "chain") document["via"] = flags.via;
  if (flags.in_process) document["in_process"] = true;
  if (flags.watched) document["watched"] = true;
  if (result.cpu)
    document["cpu_us_per_task"] = json::object{{"client", us_per_task(result.cpu->client, result.tasks)},
                                               {"scheduler", us_per_task(result.cpu->scheduler, result.tasks)},
                                               {"workers", us_per_task(result.cpu->workers, result.tasks)},
                                               {"sum", us_per_task(result.cpu->sum(), result.tasks)}};
  const auto add = [&](const char* name, std::optional<double> value) {
    if (value) document[name] = *value;
  };
  add("us_per_hop", result.us_per_hop);
  add("p50_us", result.p50_us);
  add("p99_us", result.p99_us);
  add("scheduler_bytes_per_task", result.scheduler_bytes_per_task);
  for (const auto& [name, value] : result.more) document[name] = value;
  return json::serialize(document) + "\n";
}

std::string as_text(const Flags& flags, const BenchResult& result) {
  std::string out = fmt::format("{}: {} tasks in {:.3f} s, {:.0f} tasks/s\n", flags.workload, result.tasks,
                                result.seconds, static_cast<double>(result.tasks) / result.seconds);
  if (result.cpu)
    out += fmt::format("CPU per task: client {:.2f} us, scheduler {:.2f} us, workers {:.2f} us, together {:.2f} us\n",
                       us_per_task(result.cpu->client, result.tasks), us_per_task(result.cpu->scheduler, result.tasks),
                       us_per_task(result.cpu->workers, result.tasks), us_per_task(result.cpu->sum(), result.tasks));
  if (result.us_per_hop) out += fmt::format("per hop: {:.1f} us\n", *result.us_per_hop);
  if (result.p50_us) out += fmt::format("round trip: p50 {:.1f} us, p99 {:.1f} us\n", *result.p50_us, *result.p99_us);
  if (result.scheduler_bytes_per_task)
    out += fmt::format("scheduler memory: {:.0f} bytes a task\n", *result.scheduler_bytes_per_task);
  for (const auto& [name, value] : result.more) out += fmt::format("{}: {:.3f}\n", name, value);
  return out;
}

BenchResult run_on(Client& client, BenchCluster* cluster, const Workload& workload, const Flags& flags) {
  BenchRun run{client,
               cluster,
               flags.tasks ? flags.tasks : workload.tasks,
               flags.workers,
               workload.memory_limit,
               flags.via == "worker",
               flags.file,
               flags.work_us,
               flags.metg ? flags.workers * flags.threads : 0};
  const unsigned repeats = flags.repeats ? flags.repeats : workload.repeats;
  if (repeats > 1 || workload.repeats > 1) {
    BenchRun warm_up = run;
    warm_up.tasks = std::clamp<std::uint64_t>(run.tasks / 10, 1, 100'000);
    workload.run(warm_up);
  }
  std::vector<BenchResult> results;
  for (unsigned i = 0; i < repeats; ++i) results.push_back(workload.run(run));
  std::sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  return results[results.size() / 2];
}

ExitCode run(const Door& door, const Flags& flags) {
  const auto all = workloads();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Workload& w) { return w.name == flags.workload; });
  if (flags.via == "worker" && found->name != "chain")
    throw CommandError(ExitCode::usage, "--via worker is for the workload chain");
  const bool graph = found->name == "graph";
  if (graph && flags.file.empty()) throw CommandError(ExitCode::usage, "graph: --file says which");
  if (!graph && (!flags.file.empty() || flags.work_us > 0 || flags.metg))
    throw CommandError(ExitCode::usage, "--file, --work-us and --metg are for the workload graph");
  if (graph && flags.tasks > 0) throw CommandError(ExitCode::usage, "graph: its file says how many tasks there are");
  if (graph) (void)read_graph(flags.file);  // before anything is started
  BenchResult result;
  if (flags.in_process && found->needs_processes)
    throw CommandError(ExitCode::usage, fmt::format("{} measures processes: without --in-process", found->name));
  if (flags.watched && (found->in_process || flags.in_process))
    throw CommandError(ExitCode::usage, "--watched looks at a scheduler's process: without --in-process");
  if (found->in_process || flags.in_process) {
    LocalCluster cluster(
        {.workers = flags.workers, .threads_per_worker = flags.threads, .modules = {::bench}, .history = false});
    Client client(cluster);
    result = run_on(client, nullptr, *found, flags);
  } else {
    BenchCluster cluster({flags.workers, flags.threads, found->memory_limit, flags.watched});
    result = run_on(cluster.client(), &cluster, *found, flags);
    if (flags.watched && cluster.seen() == 0)
      throw CommandError(ExitCode::failed, "nothing was seen of the dashboard: these are not the figures asked for");
  }
  print(door.json() ? as_json(flags, result) : as_text(flags, result));
  return ExitCode::done;
}

}  // namespace

void add_bench(CLI::App& app, Door& door) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure this machine: starts a cluster of real processes, runs, prints.");
  auto flags = std::make_shared<Flags>();
  std::vector<std::string> names;
  std::string list = "Workloads:\n";
  for (const Workload& workload : workloads()) {
    names.emplace_back(workload.name);
    list += fmt::format("  {:<12} {} ({})\n", workload.name, workload.doc, workload.tasks);
  }
  command->add_option("WORKLOAD", flags->workload, "what to run; see below")->required()->check(CLI::IsMember(names));
  command->add_option("--tasks", flags->tasks, "how many tasks; default beside each workload")
      ->check(CLI::Range(1U, 100'000'000U));
  command->add_option("--workers", flags->workers, "worker processes (default 2)")->check(CLI::Range(1U, 256U));
  command->add_option("--nthreads", flags->threads, "threads of each worker (default 1)")->check(CLI::Range(1U, 256U));
  command->add_option("--repeat", flags->repeats, "runs, of which the median is shown (default 3)")
      ->check(CLI::Range(1U, 100U));
  command
      ->add_option("--via", flags->via,
                   "chain: where a hop goes through; worker lets a worker run the next link itself")
      ->check(CLI::IsMember({"scheduler", "worker"}));
  command->add_option("--file", flags->file, "graph: a JSON file, as benchmarks/compare/graphs.py makes them");
  command->add_option("--work-us", flags->work_us, "graph: processor time of each task, in microseconds (default 0)")
      ->check(CLI::Range(0.0, 1e7));
  command->add_flag("--metg", flags->metg,
                    "graph: find how long a task has to be for half of the workers' time to be of use");
  command->add_flag("--in-process", flags->in_process, "scheduler and workers in this process, in threads");
  command->add_flag("--watched", flags->watched,
                    "with a dashboard, a browser's live stream open and a scrape of the metrics each second");
  door.add_output_option(*command);
  command->footer(list +
                  "\nExamples:\n  troupe bench empty\n  troupe bench chain --via worker -o json\n"
                  "  troupe bench empty --tasks 100000 --workers 4\n\n" +
                  std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
