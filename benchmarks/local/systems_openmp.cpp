#include <omp.h>

#include "benchmarks/local/shapes.hpp"

namespace local_benchmark {
namespace {

std::uint64_t fib(unsigned n) {
  if (n < 2) return n;
  std::uint64_t left = 0;
#pragma omp task shared(left) firstprivate(n)
  left = fib(n - 1);
  const auto right = fib(n - 2);
#pragma omp taskwait
  return left + right;
}

std::uint64_t queens(unsigned n, unsigned row, std::uint32_t columns, std::uint32_t left, std::uint32_t right) {
  if (row == n) return 1;
  std::uint64_t ways[32];
  unsigned count = 0;
  for (auto free = free_places(n, columns, left, right); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    std::uint64_t* const out = &ways[count++];
#pragma omp task firstprivate(n, row, columns, left, right, place, out)
    *out = queens(n, row + 1, columns | place, (left | place) << 1, (right | place) >> 1);
  }
#pragma omp taskwait
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i) sum += ways[i];
  return sum;
}

void spawn(HandWalk* walk, std::uint32_t node) {
#pragma omp task firstprivate(walk, node)
  walk->walk(node, [walk](std::uint32_t next) { spawn(walk, next); });
}

class OpenMp final : public System {
public:
  explicit OpenMp(unsigned threads) : threads_(static_cast<int>(threads)) {}
  [[nodiscard]] std::string name() const override { return "OpenMP"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    HandWalk walk(shape, cells);
    for (int run = 0; run < 2; ++run) {
      walk.reset();
      const Stopwatch watch;
#pragma omp parallel num_threads(threads_)
#pragma omp single
      walk.spawn_roots([&walk](std::uint32_t root) { spawn(&walk, root); });
      sample.wall_ns = watch.wall_ns();
      sample.cpu_ns = watch.cpu_ns();
    }
    return true;
  }
  bool fib(unsigned n, std::uint64_t& result) override {
#pragma omp parallel num_threads(threads_)
#pragma omp single
    result = local_benchmark::fib(n);
    return true;
  }
  bool queens(unsigned n, std::uint64_t& result) override {
#pragma omp parallel num_threads(threads_)
#pragma omp single
    result = local_benchmark::queens(n, 0, 0, 0, 0);
    return true;
  }

private:
  int threads_;
};

}  // namespace

void add_openmp(Systems& systems, unsigned threads) { systems.push_back(std::make_unique<OpenMp>(threads)); }

}  // namespace local_benchmark
