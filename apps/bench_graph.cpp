#include "apps/bench_graph.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/bench_functions.hpp"
#include "apps/door.hpp"
#include "collections/delayed.hpp"

namespace troupe::apps {

namespace json = boost::json;
namespace tasks = bench_tasks;
using Clock = std::chrono::steady_clock;

namespace {

constexpr double first_work_us = 1;
constexpr double most_seconds = 30;  ///< of a run: what is not half effective by then never is

/// Rounds of the tasks' work that this machine makes in a microsecond when nothing else runs.
double rounds_per_us() {
  constexpr std::uint64_t rounds = 2'000'000;
  static const double speed = [] {
    double least_us = std::numeric_limits<double>::max();
    for (int i = 0; i < 5; ++i) {
      const auto start = Clock::now();
      if (tasks::compute(rounds) == 0) throw std::logic_error("the work of a task gave nothing");
      least_us = std::min(least_us, std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    return static_cast<double>(rounds) / least_us;
  }();
  return speed;
}

std::vector<std::uint32_t> inputs_of(const json::value& list, std::size_t task) {
  std::vector<std::uint32_t> inputs;
  for (const json::value& input : list.as_array()) {
    const auto number = input.to_number<std::uint32_t>();
    if (number >= task) throw std::out_of_range(fmt::format("needs {}, which does not come before it", number));
    inputs.push_back(number);
  }
  return inputs;
}

}  // namespace

FixedGraph read_graph(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw CommandError(ExitCode::not_found, fmt::format("{}: cannot be read", file.string()));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  FixedGraph graph;
  try {
    const json::value document = json::parse(text);
    graph.name = document.at("name").as_string();
    graph.bytes = document.at("bytes").to_number<std::uint64_t>();
    const json::array& lists = document.at("inputs").as_array();
    for (std::size_t task = 0; task < lists.size(); ++task) try {
        graph.inputs.push_back(inputs_of(lists[task], task));
      } catch (const std::exception& error) {
        throw CommandError(ExitCode::usage, fmt::format("{}: task {}: {}", file.string(), task, error.what()));
      }
  } catch (const CommandError&) {
    throw;
  } catch (const std::exception& error) {
    throw CommandError(ExitCode::usage, fmt::format("{}: not a graph: {}", file.string(), error.what()));
  }
  if (graph.inputs.empty())
    throw CommandError(ExitCode::usage, fmt::format("{}: a graph without tasks", file.string()));
  return graph;
}

BenchResult run_graph(const BenchRun& run, const FixedGraph& graph, double work_us) {
  const auto rounds = static_cast<std::uint64_t>(std::llround(work_us * rounds_per_us()));
  std::vector<Delayed<Buffer>> nodes;
  std::vector<bool> needed(graph.inputs.size());
  nodes.reserve(graph.inputs.size());
  for (const auto& inputs : graph.inputs) {
    std::vector<Delayed<Buffer>> values;
    for (const std::uint32_t input : inputs) {
      values.push_back(nodes[input]);
      needed[input] = true;
    }
    nodes.push_back(delayed<tasks::work>(rounds, graph.bytes, values));
  }
  std::vector<Delayed<Buffer>> last;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!needed[i]) last.push_back(nodes[i]);
  nodes.clear();
  ComputeOptions options;
  options.scheduler = SchedulerKind::cluster;
  options.client = &run.client;
  return measure(run, graph.inputs.size(), [&] { return compute(last, options); });
}

BenchResult minimum_effective_task(const BenchRun& run, const FixedGraph& graph, unsigned slots) {
  BenchResult bare = run_graph(run, graph, 0);
  const auto count = static_cast<double>(graph.inputs.size());
  double less_us = 0;
  double less = 0;
  double seconds = 0;
  for (double work_us = first_work_us; seconds < most_seconds; work_us *= 2) {
    seconds = run_graph(run, graph, work_us).seconds;
    const double efficiency = work_us * 1e-6 * count / (slots * seconds);
    if (efficiency < 0.5) {
      less_us = work_us;
      less = efficiency;
      continue;
    }
    const double at = less_us + (work_us - less_us) * (0.5 - less) / (efficiency - less);
    bare.more.emplace_back("metg_us", 2 * at);
    bare.more.emplace_back("efficiency_beyond", efficiency);
    return bare;
  }
  throw CommandError(ExitCode::failed, fmt::format("even tasks of {:.0f} us of work leave more than half of the "
                                                   "workers' time unused; does something else run on this machine?",
                                                   less_us));
}

}  // namespace troupe::apps
