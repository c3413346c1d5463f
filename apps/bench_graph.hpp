#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/bench_workloads.hpp"

namespace troupe::apps {

/// A graph that is always the same, so that systems can be compared on it: what each task needs, of those before it.
struct FixedGraph {
  std::string name;
  std::vector<std::vector<std::uint32_t>> inputs;
  std::uint64_t bytes{};  ///< size of each value
};

/// From JSON, as benchmarks/compare/graphs.py writes it. Raises CommandError with the file and the task that is wrong.
FixedGraph read_graph(const std::filesystem::path& file);

/// The graph with so much computing in each task, in processor time; the client waits for the tasks nobody needs.
BenchResult run_graph(const BenchRun& run, const FixedGraph& graph, double work_us);

/// METG(50 %) of Task Bench (Slaughter and others, SC'20): how long a task takes, its share of all costs included, when
/// half of what the workers' threads can compute is computed. Doubles the work until the efficiency passes a half, and
/// interpolates; `slots` are the workers' threads. The figures returned are those of tasks without work.
BenchResult minimum_effective_task(const BenchRun& run, const FixedGraph& graph, unsigned slots);

}  // namespace troupe::apps
