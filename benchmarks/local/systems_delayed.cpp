#include "benchmarks/local/shapes.hpp"
#include "troupe/delayed.hpp"

namespace local_benchmark {

std::uint8_t* delayed_cells = nullptr;

int visit(std::uint32_t node, const std::vector<int>& inputs) {
  touch(delayed_cells[node]);
  return static_cast<int>(inputs.size());
}

}  // namespace local_benchmark

TROUPE_MODULE(delayed_benchmark, local_benchmark::visit)

namespace local_benchmark {
namespace {

/// The same graphs through the public door: typed calls that take their inputs as a vector.
class DelayedSystem final : public System {
public:
  explicit DelayedSystem(unsigned threads) : threads_(threads) {}
  [[nodiscard]] std::string name() const override { return "Delayed"; }

  bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) override {
    delayed_cells = cells.data();
    const auto before = heap_bytes();
    const Stopwatch building;
    std::vector<troupe::Delayed<int>> sinks;
    {
      std::vector<std::vector<troupe::Delayed<int>>> inputs(shape.size);
      for (std::uint32_t i = 0; i < shape.size; ++i) {
        const auto node = troupe::delayed<visit>(i, inputs[i]);
        inputs[i] = {};
        for (auto k = shape.offsets[i]; k < shape.offsets[i + 1]; ++k) inputs[shape.followers[k]].push_back(node);
        if (shape.offsets[i] == shape.offsets[i + 1]) sinks.push_back(node);
      }
    }
    sample.build_ns = building.wall_ns();
    sample.bytes = static_cast<double>(heap_bytes() - before);
    for (int run = 0; run < 2; ++run) {
      const Stopwatch watch;
      (void)troupe::compute(sinks, {.scheduler = troupe::SchedulerKind::threads, .threads = threads_});
      sample.wall_ns = watch.wall_ns();
      sample.cpu_ns = watch.cpu_ns();
    }
    return true;
  }
  bool fib(unsigned, std::uint64_t&) override { return false; }
  bool queens(unsigned, std::uint64_t&) override { return false; }

private:
  unsigned threads_;
};

}  // namespace

void add_delayed(Systems& systems, unsigned threads) { systems.push_back(std::make_unique<DelayedSystem>(threads)); }

}  // namespace local_benchmark
