#include "benchmarks/scale/shapes.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace troupe::scale {
namespace {

class Builder {
public:
  explicit Builder(std::uint32_t tasks) : chunk_(std::make_shared<GraphChunk>()) {
    TaskTemplate task;
    task.prefix = task.function.name = "f";
    chunk_->templates = {task};
    chunk_->dependency_offsets.reserve(tasks + 1);
    chunk_->dependency_offsets.push_back(0);
    has_dependent_.reserve(tasks);
  }
  [[nodiscard]] std::uint32_t size() const { return chunk_->size; }
  void input(std::uint32_t task) {
    chunk_->dependencies.push_back(task);
    has_dependent_[task] = true;
  }
  void end_task() {
    chunk_->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk_->dependencies.size()));
    has_dependent_.push_back(false);
    ++chunk_->size;
  }
  std::shared_ptr<GraphChunk> done() {
    chunk_->all_wanted = false;
    for (std::uint32_t i = 0; i < chunk_->size; ++i)
      if (!has_dependent_[i]) chunk_->wanted.push_back(i);
    chunk_->dependencies.shrink_to_fit();
    return chunk_;
  }

private:
  std::shared_ptr<GraphChunk> chunk_;
  std::vector<bool> has_dependent_;
};

/// Tasks side by side: enough for ten thousand workers, where there are that many.
std::uint32_t width_of(std::uint32_t tasks) { return std::clamp(tasks / 10, 1000U, 100'000U); }

/// Up to two inputs each, among the tasks of a width before.
std::shared_ptr<GraphChunk> random(std::uint32_t tasks) {
  Builder graph(tasks);
  std::minstd_rand draw(7);
  const std::uint32_t width = width_of(tasks);
  for (std::uint32_t i = 0; i < tasks; ++i) {
    const std::uint32_t reach = std::min(i, width);
    for (std::uint32_t inputs = reach > 0 ? draw() % 3 : 0; inputs > 0; --inputs)
      graph.input(i - 1 - static_cast<std::uint32_t>(draw() % reach));
    graph.end_task();
  }
  return graph.done();
}

/// Chains side by side.
std::shared_ptr<GraphChunk> chain(std::uint32_t tasks) {
  Builder graph(tasks);
  const std::uint32_t width = width_of(tasks);
  for (std::uint32_t i = 0; i < tasks; ++i) {
    if (i >= width) graph.input(i - width);
    graph.end_task();
  }
  return graph.done();
}

/// A binary reduction.
std::shared_ptr<GraphChunk> tree(std::uint32_t tasks) {
  Builder graph(tasks);
  const std::uint32_t leaves = (tasks + 1) / 2;
  for (std::uint32_t i = 0; i < leaves; ++i) graph.end_task();
  for (std::uint32_t next = 0; next + 1 < graph.size(); next += 2) {
    graph.input(next);
    graph.input(next + 1);
    graph.end_task();
  }
  return graph.done();
}

/// Rounds of 100 maps, each feeding ten reducers, whose results meet in one.
std::shared_ptr<GraphChunk> map_reduce(std::uint32_t tasks) {
  Builder graph(tasks);
  while (graph.size() + 111 <= std::max(tasks, 111U)) {
    const std::uint32_t first = graph.size();
    for (std::uint32_t i = 0; i < 100; ++i) graph.end_task();
    for (std::uint32_t reducer = 0; reducer < 10; ++reducer) {
      for (std::uint32_t i = 0; i < 10; ++i) graph.input(first + 10 * reducer + i);
      graph.end_task();
    }
    for (std::uint32_t reducer = 0; reducer < 10; ++reducer) graph.input(first + 100 + reducer);
    graph.end_task();
  }
  return graph.done();
}

/// Cells in a row; each takes itself and its neighbours of the step before.
std::shared_ptr<GraphChunk> stencil(std::uint32_t tasks) {
  Builder graph(tasks);
  const std::uint32_t width = width_of(tasks);
  for (std::uint32_t i = 0; i < tasks; ++i) {
    if (i >= width) {
      const std::uint32_t cell = i % width;
      if (cell > 0) graph.input(i - width - 1);
      graph.input(i - width);
      if (cell + 1 < width) graph.input(i - width + 1);
    }
    graph.end_task();
  }
  return graph.done();
}

/// Groups of eight cells side by side; each takes all eight of its group of the step before.
std::shared_ptr<GraphChunk> all_to_all(std::uint32_t tasks) {
  constexpr std::uint32_t group = 8;
  Builder graph(tasks);
  const std::uint32_t width = width_of(tasks) / group * group;
  for (std::uint32_t i = 0; i < tasks; ++i) {
    if (i >= width) {
      const std::uint32_t first = i - width - i % group;
      for (std::uint32_t cell = 0; cell < group; ++cell) graph.input(first + cell);
    }
    graph.end_task();
  }
  return graph.done();
}

constexpr std::array<Shape, 6> all{{
    {"random", "up to two inputs each, among the tasks of a width before", random},
    {"chain", "chains side by side, a width of them", chain},
    {"tree", "a binary reduction", tree},
    {"map-reduce", "rounds of 100 maps, ten reducers of ten, and one of those", map_reduce},
    {"stencil", "a width of cells, each with three inputs of the step before", stencil},
    {"all-to-all", "a width of cells in groups of eight, each with eight inputs", all_to_all},
}};

}  // namespace

std::span<const Shape> shapes() { return all; }

}  // namespace troupe::scale
