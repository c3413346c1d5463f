// What the tasks of chaos and soak runs do. Shared by the module that workers load and by the client.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/exec/module.hpp"

namespace chaos {

using Block = std::vector<std::uint64_t>;

inline void sleep_us(std::uint32_t us) {
  if (us > 0) std::this_thread::sleep_for(std::chrono::microseconds(us));
}
inline std::uint64_t leaf(std::uint64_t x, std::uint32_t us) {
  sleep_us(us);
  return x;
}
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a + b; }
inline std::uint64_t step(std::uint64_t x) { return x * 6364136223846793005U + 1442695040888963407U; }

/// Numbers that follow from the seed.
inline Block block(std::uint64_t seed, std::uint64_t size) {
  Block made(size);
  for (auto& each : made) each = seed = step(seed);
  return made;
}
/// Associative; needs both blocks in one place.
inline Block mix(const Block& a, const Block& b) {
  Block made(a.size());
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = a[i] ^ b[i];
  return made;
}
inline std::uint64_t digest(const Block& a) {
  std::uint64_t sum = a.size();
  for (const auto each : a) sum = step(sum ^ each);
  return sum;
}

inline std::uint64_t refuse(std::uint64_t x) { throw std::runtime_error("refused " + std::to_string(x)); }
/// Takes its worker along the first time; says that it was the second the next.
inline std::uint64_t abort_once(const std::string& file) {
  if (!std::filesystem::exists(file)) {
    std::ofstream{file};
    std::abort();
  }
  return 2;
}
}  // namespace chaos

TROUPE_MODULE(chaos_module, chaos::leaf, chaos::add, chaos::step, chaos::block, chaos::mix, chaos::digest,
              chaos::refuse, chaos::abort_once)
