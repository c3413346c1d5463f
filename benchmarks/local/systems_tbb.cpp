#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_group.h>

#include <deque>

#include "benchmarks/local/shapes.hpp"

namespace local_benchmark {
namespace {

std::uint64_t fib(unsigned n) {
  if (n < 2) return n;
  std::uint64_t left = 0;
  tbb::task_group group;
  group.run([&left, n] { left = fib(n - 1); });
  const auto right = fib(n - 2);
  group.wait();
  return left + right;
}

std::uint64_t queens(unsigned n, unsigned row, std::uint32_t columns, std::uint32_t left, std::uint32_t right) {
  if (row == n) return 1;
  std::uint64_t ways[32];
  unsigned count = 0;
  tbb::task_group group;
  for (auto free = free_places(n, columns, left, right); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    group.run([=, out = &ways[count++]] {
      *out = queens(n, row + 1, columns | place, (left | place) << 1, (right | place) >> 1);
    });
  }
  group.wait();
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i) sum += ways[i];
  return sum;
}

class TaskGroupSystem final : public System {
public:
  explicit TaskGroupSystem(unsigned threads) : control_(tbb::global_control::max_allowed_parallelism, threads) {}
  [[nodiscard]] std::string name() const override { return "task_group"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    HandWalk walk(shape, cells);
    for (int run = 0; run < 2; ++run) {
      walk.reset();
      const Stopwatch watch;
      tbb::task_group group;
      walk.spawn_roots([&](std::uint32_t root) { spawn(group, walk, root); });
      group.wait();
      sample.wall_ns = watch.wall_ns();
      sample.cpu_ns = watch.cpu_ns();
    }
    return true;
  }
  bool fib(unsigned n, std::uint64_t& result) override {
    result = local_benchmark::fib(n);
    return true;
  }
  bool queens(unsigned n, std::uint64_t& result) override {
    result = local_benchmark::queens(n, 0, 0, 0, 0);
    return true;
  }

private:
  static void spawn(tbb::task_group& group, HandWalk& walk, std::uint32_t node) {
    group.run([&group, &walk, node] { walk.walk(node, [&](std::uint32_t next) { spawn(group, walk, next); }); });
  }
  tbb::global_control control_;
};

class FlowGraph final : public System {
public:
  [[nodiscard]] std::string name() const override { return "flow_graph"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;
    const auto before = heap_bytes();
    const Stopwatch building;
    tbb::flow::graph graph;
    std::deque<Node> nodes;
    for (std::uint32_t i = 0; i < shape.size; ++i)
      nodes.emplace_back(graph, [cell = &cells[i]](const tbb::flow::continue_msg&) { touch(*cell); });
    for (std::uint32_t i = 0; i < shape.size; ++i)
      for (auto k = shape.offsets[i]; k < shape.offsets[i + 1]; ++k)
        tbb::flow::make_edge(nodes[i], nodes[shape.followers[k]]);
    sample.build_ns = building.wall_ns();
    sample.bytes = static_cast<double>(heap_bytes() - before);
    for (int run = 0; run < 2; ++run) {
      const Stopwatch watch;
      for (std::uint32_t i = 0; i < shape.size; ++i)
        if (shape.needs[i] == 0) nodes[i].try_put({});
      graph.wait_for_all();
      sample.wall_ns = watch.wall_ns();
      sample.cpu_ns = watch.cpu_ns();
    }
    return true;
  }
  bool fib(unsigned, std::uint64_t&) override { return false; }
  bool queens(unsigned, std::uint64_t&) override { return false; }
};

}  // namespace

void add_tbb(Systems& systems, unsigned threads) {
  systems.push_back(std::make_unique<TaskGroupSystem>(threads));
  systems.push_back(std::make_unique<FlowGraph>());
}

}  // namespace local_benchmark
