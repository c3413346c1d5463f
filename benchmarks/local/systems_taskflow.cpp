#include <taskflow/taskflow.hpp>

#include "benchmarks/local/shapes.hpp"

namespace local_benchmark {
namespace {

// Groups of spawned tasks came with version 4.
#if TF_VERSION >= 400000
std::uint64_t fib(unsigned n, tf::Executor& executor) {
  if (n < 2) return n;
  std::uint64_t left = 0;
  tf::TaskGroup group = executor.task_group();
  group.silent_async([&left, n, &executor] { left = fib(n - 1, executor); });
  const auto right = fib(n - 2, executor);
  group.corun();
  return left + right;
}

std::uint64_t queens(unsigned n, unsigned row, std::uint32_t columns, std::uint32_t left, std::uint32_t right,
                     tf::Executor& executor) {
  if (row == n) return 1;
  std::uint64_t ways[32];
  unsigned count = 0;
  tf::TaskGroup group = executor.task_group();
  for (auto free = free_places(n, columns, left, right); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    group.silent_async([=, out = &ways[count++], &executor] {
      *out = queens(n, row + 1, columns | place, (left | place) << 1, (right | place) >> 1, executor);
    });
  }
  group.corun();
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i) sum += ways[i];
  return sum;
}
#endif

class Taskflow final : public System {
public:
  explicit Taskflow(unsigned threads) : executor_(threads) {}
  [[nodiscard]] std::string name() const override { return "Taskflow"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    const auto before = heap_bytes();
    const Stopwatch building;
    tf::Taskflow flow;
    std::vector<tf::Task> nodes;
    nodes.reserve(shape.size);
    for (std::uint32_t i = 0; i < shape.size; ++i) nodes.push_back(flow.emplace([cell = &cells[i]] { touch(*cell); }));
    for (std::uint32_t i = 0; i < shape.size; ++i)
      for (auto k = shape.offsets[i]; k < shape.offsets[i + 1]; ++k) nodes[i].precede(nodes[shape.followers[k]]);
    sample.build_ns = building.wall_ns();
    sample.bytes = static_cast<double>(heap_bytes() - before);
    for (int run = 0; run < 2; ++run) {
      const Stopwatch watch;
      executor_.run(flow).wait();
      sample.wall_ns = watch.wall_ns();
      sample.cpu_ns = watch.cpu_ns();
    }
    return true;
  }
#if TF_VERSION >= 400000
  bool fib(unsigned n, std::uint64_t& result) override {
    result = executor_.async([n, this] { return local_benchmark::fib(n, executor_); }).get();
    return true;
  }
  bool queens(unsigned n, std::uint64_t& result) override {
    result = executor_.async([n, this] { return local_benchmark::queens(n, 0, 0, 0, 0, executor_); }).get();
    return true;
  }
#else
  bool fib(unsigned, std::uint64_t&) override { return false; }
  bool queens(unsigned, std::uint64_t&) override { return false; }
#endif

private:
  tf::Executor executor_;
};

}  // namespace

void add_taskflow(Systems& systems, unsigned threads) { systems.push_back(std::make_unique<Taskflow>(threads)); }

}  // namespace local_benchmark
