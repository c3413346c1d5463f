#include <taskflow/taskflow.hpp>

#include "benchmarks/local/shapes.hpp"

namespace local_benchmark {
namespace {

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
  bool fib(unsigned, std::uint64_t&) override { return false; }
  bool queens(unsigned, std::uint64_t&) override { return false; }

private:
  tf::Executor executor_;
};

}  // namespace

void add_taskflow(Systems& systems, unsigned threads) { systems.push_back(std::make_unique<Taskflow>(threads)); }

}  // namespace local_benchmark
