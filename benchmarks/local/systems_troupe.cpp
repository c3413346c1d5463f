#include "benchmarks/local/shapes.hpp"
#include "runtime/exec/static_graph.hpp"
#include "runtime/exec/team.hpp"

namespace local_benchmark {
namespace {

using troupe::StaticGraph;
using troupe::TaskGroup;
using troupe::Team;

std::uint64_t fib(unsigned n, Team::Member& self) {
  if (n < 2) return n;
  std::uint64_t left = 0;
  TaskGroup group(self);
  group.spawn([&left, n](Team::Member& here) { left = fib(n - 1, here); });
  const auto right = fib(n - 2, self);
  group.wait();
  return left + right;
}

std::uint64_t queens(unsigned n, unsigned row, std::uint32_t columns, std::uint32_t left, std::uint32_t right,
                     Team::Member& self) {
  if (row == n) return 1;
  std::uint64_t ways[32];
  unsigned count = 0;
  TaskGroup group(self);
  for (auto free = free_places(n, columns, left, right); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    group.spawn([=, out = &ways[count++]](Team::Member& here) {
      *out = queens(n, row + 1, columns | place, (left | place) << 1, (right | place) >> 1, here);
    });
  }
  group.wait();
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i) sum += ways[i];
  return sum;
}

class Troupe final : public System {
public:
  explicit Troupe(unsigned threads) : team_(threads) {}
  [[nodiscard]] std::string name() const override { return "Troupe"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    const auto before = heap_bytes();
    const Stopwatch building;
    StaticGraph graph;
    graph.reserve(shape.size, shape.followers.size());
    for (std::uint32_t i = 0; i < shape.size; ++i) graph.add([cell = &cells[i]] { touch(*cell); });
    for (std::uint32_t i = 0; i < shape.size; ++i)
      for (auto k = shape.offsets[i]; k < shape.offsets[i + 1]; ++k) graph.edge(i, shape.followers[k]);
    sample.build_ns = building.wall_ns();
    const Stopwatch first;
    graph.run(team_);
    sample.bytes = static_cast<double>(heap_bytes() - before);
    const auto first_ns = first.wall_ns();
    const Stopwatch watch;
    graph.run(team_);
    sample.wall_ns = watch.wall_ns();
    sample.cpu_ns = watch.cpu_ns();
    if (first_ns > sample.wall_ns) sample.build_ns += first_ns - sample.wall_ns;  // linking is part of building
    return true;
  }
  bool fib(unsigned n, std::uint64_t& result) override {
    result = team_.run([n](Team::Member& self) { return local_benchmark::fib(n, self); });
    return true;
  }
  bool queens(unsigned n, std::uint64_t& result) override {
    result = team_.run([n](Team::Member& self) { return local_benchmark::queens(n, 0, 0, 0, 0, self); });
    return true;
  }

private:
  Team team_;
};

}  // namespace

void add_troupe(Systems& systems, unsigned threads) { systems.push_back(std::make_unique<Troupe>(threads)); }

}  // namespace local_benchmark
