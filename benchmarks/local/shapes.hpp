#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace local_benchmark {

/// A graph to be run by every system: rows of followers, lower numbers first.
struct Shape {
  std::uint32_t size{};
  std::vector<std::uint32_t> offsets;  // size + 1
  std::vector<std::uint32_t> followers;
  std::vector<std::uint32_t> needs;
};

/// chain, tree, wavefront, random, parallel.
Shape make_shape(std::string_view name, std::uint32_t scale);

/// What a node does: next to nothing, so that all that is measured is what it costs to have it run.
inline void touch(std::uint8_t& cell) { ++cell; }

struct Sample {
  double wall_ns{};  // a node
  double cpu_ns{};
  double build_ns{};
  double bytes{};  // a node, as the allocator saw it; 0: not measured
};

/// Time since it was made, of the clock and of all threads of the process.
class Stopwatch {
public:
  Stopwatch();
  [[nodiscard]] double wall_ns() const;
  [[nodiscard]] double cpu_ns() const;

private:
  std::int64_t wall_;
  std::int64_t cpu_;
};

/// Bytes that the process holds on the heap.
std::int64_t heap_bytes();

/// One way to run things on two threads, or however many were asked for.
class System {
public:
  virtual ~System() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Builds the graph, unless the system has no graphs; runs it, once to warm up and once to measure.
  virtual bool graph(const Shape& shape, std::vector<std::uint8_t>& cells, Sample& sample) = 0;
  /// Gives the number; false: it has no spawning.
  virtual bool fib(unsigned n, std::uint64_t& result) = 0;
  virtual bool queens(unsigned n, std::uint64_t& result) = 0;
};

using Systems = std::vector<std::unique_ptr<System>>;
void add_troupe(Systems& systems, unsigned threads);
void add_delayed(Systems& systems, unsigned threads);
void add_tbb(Systems& systems, unsigned threads);
void add_openmp(Systems& systems, unsigned threads);
void add_taskflow(Systems& systems, unsigned threads);

/// Counters for systems that only spawn: the graph is then walked by hand, who is the last that a node waits
/// for goes on with it. `spawn(node)` has to call `walk` with it, on any thread.
class HandWalk {
public:
  explicit HandWalk(const Shape& shape, std::vector<std::uint8_t>& cells)
      : shape_(shape), cells_(cells), waits_for_(new std::atomic<std::uint32_t>[shape.size]) {
    reset();
  }
  void reset() {
    for (std::uint32_t i = 0; i < shape_.size; ++i) waits_for_[i].store(shape_.needs[i], std::memory_order_relaxed);
  }
  template <class Spawn>
  void walk(std::uint32_t node, Spawn&& spawn) {
    for (;;) {
      touch(cells_[node]);
      bool more = false;
      std::uint32_t next = 0;
      for (auto i = shape_.offsets[node]; i < shape_.offsets[node + 1]; ++i) {
        const auto follower = shape_.followers[i];
        if (waits_for_[follower].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
        if (more) {
          spawn(follower);
        } else {
          next = follower;
          more = true;
        }
      }
      if (!more) return;
      node = next;
    }
  }
  template <class Spawn>
  void spawn_roots(Spawn&& spawn) {
    for (std::uint32_t i = 0; i < shape_.size; ++i)
      if (shape_.needs[i] == 0) spawn(i);
  }

private:
  const Shape& shape_;
  std::vector<std::uint8_t>& cells_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> waits_for_;
};

/// Places that a queen may take in the next row.
inline std::uint32_t free_places(unsigned n, std::uint32_t columns, std::uint32_t left, std::uint32_t right) {
  return ~(columns | left | right) & ((1U << n) - 1);
}

}  // namespace local_benchmark
