#include "benchmarks/local/shapes.hpp"

#include <malloc.h>
#include <algorithm>
#include <ctime>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

namespace local_benchmark {
namespace {

std::int64_t now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

Shape from_edges(std::uint32_t size, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& edges) {
  Shape shape;
  shape.size = size;
  shape.offsets.assign(size + 1, 0);
  shape.needs.assign(size, 0);
  for (const auto& [before, after] : edges) {
    ++shape.offsets[before + 1];
    ++shape.needs[after];
  }
  std::partial_sum(shape.offsets.begin(), shape.offsets.end(), shape.offsets.begin());
  shape.followers.resize(edges.size());
  std::vector<std::uint32_t> fill(shape.offsets.begin(), shape.offsets.end() - 1);
  for (const auto& [before, after] : edges) shape.followers[fill[before]++] = after;
  return shape;
}

}  // namespace

Shape make_shape(std::string_view name, std::uint32_t scale) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  if (name == "chain") {
    for (std::uint32_t i = 1; i < scale; ++i) edges.emplace_back(i - 1, i);
    return from_edges(scale, edges);
  }
  if (name == "tree") {
    for (std::uint32_t i = 1; i < scale; ++i) edges.emplace_back((i - 1) / 2, i);
    return from_edges(scale, edges);
  }
  if (name == "parallel") return from_edges(scale, edges);
  if (name == "wavefront") {
    std::uint32_t side = 1;
    while ((side + 1) * (side + 1) <= scale) ++side;
    for (std::uint32_t y = 0; y < side; ++y)
      for (std::uint32_t x = 0; x < side; ++x) {
        if (x + 1 < side) edges.emplace_back(y * side + x, y * side + x + 1);
        if (y + 1 < side) edges.emplace_back(y * side + x, (y + 1) * side + x);
      }
    return from_edges(side * side, edges);
  }
  if (name == "random") {  // up to four inputs among the last thousand nodes
    std::mt19937 random(1);
    for (std::uint32_t i = 1; i < scale; ++i)
      for (auto inputs = random() % 5; inputs > 0; --inputs)
        edges.emplace_back(i - 1 - random() % std::min<std::uint32_t>(i, 1000), i);
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    return from_edges(scale, edges);
  }
  throw std::invalid_argument("no shape of this name");
}

Stopwatch::Stopwatch() : wall_(now(CLOCK_MONOTONIC)), cpu_(now(CLOCK_PROCESS_CPUTIME_ID)) {}
double Stopwatch::wall_ns() const { return static_cast<double>(now(CLOCK_MONOTONIC) - wall_); }
double Stopwatch::cpu_ns() const { return static_cast<double>(now(CLOCK_PROCESS_CPUTIME_ID) - cpu_); }

std::int64_t heap_bytes() {
  const auto info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

}  // namespace local_benchmark
