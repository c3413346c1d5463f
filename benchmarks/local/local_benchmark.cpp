// Graphs and spawning on the threads of one machine, beside oneTBB, OpenMP and, where its headers are found, Taskflow.
// All systems take turns within one run, so that what else the machine does hits them alike; medians are printed.
//
//   local_benchmark [--threads N] [--runs N] [--scale N] [SHAPE...]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/local/shapes.hpp"

namespace local_benchmark {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::vector<double> wall, cpu, build, bytes;
  void add(const Sample& sample, double count) {
    wall.push_back(sample.wall_ns / count);
    cpu.push_back(sample.cpu_ns / count);
    build.push_back(sample.build_ns / count);
    bytes.push_back(sample.bytes / count);
  }
};

void print(const std::string& workload, const Systems& systems, std::map<std::string, Row>& rows) {
  fmt::print("{}\n", workload);
  const double ours_wall = median(rows["Troupe"].wall);
  const double ours_cpu = median(rows["Troupe"].cpu);
  const double ours_build = median(rows["Troupe"].build);
  for (const auto& system : systems) {
    if (rows.find(system->name()) == rows.end()) continue;
    const auto& row = rows[system->name()];
    const double build = median(row.build);
    fmt::print("  {:<11}{:9.1f} ns wall {:9.1f} ns CPU", system->name(), median(row.wall), median(row.cpu));
    if (build > 0) fmt::print(" {:8.1f} ns to build {:6.0f} B", build, median(row.bytes));
    if (system->name() != "Troupe") {
      fmt::print("   Troupe: {:.2f} of its wall, {:.2f} of its CPU", ours_wall / median(row.wall),
                 ours_cpu / median(row.cpu));
      if (build > 0) fmt::print(", {:.2f} of its building", ours_build / build);
    }
    fmt::print("\n");
  }
}

void run_graph(const std::string& name, std::uint32_t scale, int runs, const Systems& systems) {
  const Shape shape = make_shape(name, scale);
  std::vector<std::uint8_t> cells(shape.size);
  std::map<std::string, Row> rows;
  for (int run = 0; run < runs; ++run)
    for (const auto& system : systems) {
      std::fill(cells.begin(), cells.end(), 0);
      Sample sample;
      if (!system->graph(shape, cells, sample)) continue;
      if (std::any_of(cells.begin(), cells.end(), [](auto cell) { return cell != 2; })) {
        fmt::print(stderr, "{} did not run each node of {} once a run\n", system->name(), name);
        std::exit(1);
      }
      rows[system->name()].add(sample, shape.size);
    }
  print(fmt::format("{}: {} nodes, {} edges", name, shape.size, shape.followers.size()), systems, rows);
}

void run_spawning(const std::string& name, unsigned n, double spawns, std::uint64_t expected, int runs,
                  const Systems& systems, bool (System::*act)(unsigned, std::uint64_t&)) {
  std::map<std::string, Row> rows;
  for (int run = 0; run < runs; ++run)
    for (const auto& system : systems) {
      std::uint64_t result = 0;
      const Stopwatch watch;
      if (!(system.get()->*act)(n, result)) continue;
      const Sample sample{watch.wall_ns(), watch.cpu_ns(), 0, 0};
      if (result != expected) {
        fmt::print(stderr, "{} says {} of {}({}), not {}\n", system->name(), result, name, n, expected);
        std::exit(1);
      }
      rows[system->name()].add(sample, spawns);
    }
  print(fmt::format("{}({}): {} spawns", name, n, spawns), systems, rows);
}

std::uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

std::uint64_t queens(unsigned n, unsigned row, std::uint32_t columns, std::uint32_t left, std::uint32_t right,
                     double& calls) {
  if (row == n) return 1;
  std::uint64_t ways = 0;
  for (auto free = free_places(n, columns, left, right); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    ++calls;
    ways += queens(n, row + 1, columns | place, (left | place) << 1, (right | place) >> 1, calls);
  }
  return ways;
}

}  // namespace
}  // namespace local_benchmark

int main(int argc, char** argv) {
  using namespace local_benchmark;
  unsigned threads = 2;
  int runs = 5;
  std::uint32_t scale = 1'000'000;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const auto number = [&] { return i + 1 < argc ? std::strtoul(argv[++i], nullptr, 10) : 0UL; };
    if (std::strcmp(argv[i], "--threads") == 0)
      threads = static_cast<unsigned>(number());
    else if (std::strcmp(argv[i], "--runs") == 0)
      runs = static_cast<int>(number());
    else if (std::strcmp(argv[i], "--scale") == 0)
      scale = static_cast<std::uint32_t>(number());
    else
      wanted.emplace_back(argv[i]);
  }
  const std::vector<std::string> all{"chain", "tree", "wavefront", "random", "parallel", "fib", "queens"};
  for (const auto& name : wanted)
    if (std::find(all.begin(), all.end(), name) == all.end() || threads == 0 || runs <= 0 || scale == 0) {
      fmt::print(stderr, "usage: local_benchmark [--threads N] [--runs N] [--scale NODES] [{}]...\n",
                 fmt::join(all, "|"));
      return 2;
    }
  Systems systems;
  add_troupe(systems, threads);
  add_delayed(systems, threads);
#ifdef TROUPE_HAS_TBB
  add_tbb(systems, threads);
#endif
#ifdef TROUPE_HAS_OPENMP
  add_openmp(systems, threads);
#endif
#ifdef TROUPE_HAS_TASKFLOW
  add_taskflow(systems, threads);
#endif
  fmt::print("{} threads, medians of {} runs; a node or a spawn\n", threads, runs);
  for (const auto& name : wanted.empty() ? all : wanted) {
    if (name == "fib") {
      const unsigned n = 30;
      run_spawning(name, n, static_cast<double>(fib(n + 1) - 1), fib(n), runs, systems, &System::fib);
    } else if (name == "queens") {
      const unsigned n = 11;
      double calls = 0;
      const auto ways = queens(n, 0, 0, 0, 0, calls);
      run_spawning(name, n, calls, ways, runs, systems, &System::queens);
    } else {
      run_graph(name, scale, runs, systems);
    }
  }
}
