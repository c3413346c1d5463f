#pragma once

#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/exec/module.hpp"
#include "runtime/store/buffer.hpp"

/// What the tasks of `troupe bench` do: as little as their shape allows, so that the runtime is what is measured.
namespace troupe::bench_tasks {

inline void nothing(std::uint32_t) {}
inline std::uint64_t identity(std::uint64_t x) { return x; }
inline std::uint64_t increment(std::uint64_t x) { return x + 1; }
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a + b; }
inline std::uint64_t sum(const std::vector<std::uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}
/// So many dependent multiplications and additions. Never 0.
inline double compute(std::uint64_t rounds) {
  double x = 1.5;
  for (std::uint64_t i = 0; i < rounds; ++i) x = x * 0.999999 + 1e-6;
  return x;
}
/// A task of a fixed graph: computes, and gives a block of that size.
inline Buffer work(std::uint64_t rounds, std::uint64_t bytes, const std::vector<Buffer>& inputs) {
  std::byte* memory = nullptr;
  Buffer block = Buffer::allocate(bytes, &memory);
  std::memset(memory, static_cast<int>(inputs.size() + (compute(rounds) == 0 ? 1 : 0)), bytes);
  return block;
}
/// A block with every page written, so that its transfer is not the first to touch it.
inline Buffer make_block(std::uint64_t bytes) {
  std::byte* memory = nullptr;
  Buffer block = Buffer::allocate(bytes, &memory);
  for (std::uint64_t at = 0; at < bytes; at += 4096) memory[at] = static_cast<std::byte>(at >> 12);
  return block;
}
inline std::uint64_t size_of(const Buffer& block) { return block.size(); }
/// A block that no codec makes smaller.
inline Buffer noise_block(std::uint64_t seed, std::uint64_t bytes) {
  std::byte* memory = nullptr;
  Buffer block = Buffer::allocate(bytes, &memory);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::uint64_t at = 0; at + sizeof state <= bytes; at += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(memory + at, &state, sizeof state);
  }
  return block;
}
/// The sum of the words of a block, which says that all of it is as it was.
inline std::uint64_t sum_block(const Buffer& block) {
  const auto words = block.as<std::uint64_t>();
  return std::accumulate(words.begin(), words.end(), std::uint64_t{0});
}

}  // namespace troupe::bench_tasks

TROUPE_MODULE(bench, troupe::bench_tasks::nothing, troupe::bench_tasks::identity, troupe::bench_tasks::increment,
              troupe::bench_tasks::add, troupe::bench_tasks::sum, troupe::bench_tasks::make_block,
              troupe::bench_tasks::size_of, troupe::bench_tasks::noise_block, troupe::bench_tasks::sum_block,
              troupe::bench_tasks::work);
