#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "apps/bench_cluster.hpp"

namespace troupe::apps {

/// What one run of a workload showed. Empty where it does not apply.
struct BenchResult {
  std::uint64_t tasks{};
  double seconds{};
  std::optional<CpuUse> cpu;
  std::optional<double> us_per_hop;
  std::optional<double> p50_us;
  std::optional<double> p99_us;
  std::optional<double> scheduler_bytes_per_task;
  std::vector<std::pair<std::string, double>> more;  ///< figures of this workload alone
};

struct BenchRun {
  Client& client;
  BenchCluster* cluster;  ///< null: everything is in this process
  std::uint64_t tasks;
  unsigned workers{};
  std::uint64_t memory_limit{};  ///< of each worker
  bool via_worker{};             ///< chain: hops need not cross the scheduler
  std::string graph_file{};      ///< graph: what is run
  double work_us{};              ///< graph: processor time of each task
  unsigned metg_slots{};         ///< graph: threads of the workers, if METG is asked for; else 0
};

/// Time and CPU of `work`. What it returns is destroyed after the clock was read.
template <class Work>
BenchResult measure(const BenchRun& run, std::uint64_t count, Work work) {
  BenchResult result;
  result.tasks = count;
  const CpuUse before = run.cluster ? run.cluster->cpu() : CpuUse{cpu_time(::getpid()), {}, {}};
  const auto start = std::chrono::steady_clock::now();
  [[maybe_unused]] const auto kept = work();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.cpu = (run.cluster ? run.cluster->cpu() : CpuUse{cpu_time(::getpid()), {}, {}}) - before;
  return result;
}

struct Workload {
  std::string_view name;
  std::string_view doc;
  std::uint64_t tasks;  ///< default
  bool in_process{};
  unsigned repeats{3};  ///< runs after the warm-up; the median is shown. 1: no warm-up either
  BenchResult (*run)(const BenchRun&);
  bool needs_processes{};        ///< it measures what a process uses, or what passes between two
  std::uint64_t memory_limit{};  ///< of each worker; 0 = none
};

std::span<const Workload> workloads();

}  // namespace troupe::apps
