#pragma once

#include <array>
#include <cstdint>

#include "protocol/time.hpp"

namespace troupe::simulation {

/// Spreads a number over all bits; the same everywhere.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return mix(mix(a) ^ b); }
constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) { return mix(mix(a, b), c); }

/// [0, 1) from the bits of a number that is well spread.
constexpr double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) / 9007199254740992.0; }

/// xoshiro256**. What is drawn from one stream leaves every other as it is, so that a history that loses one of its
/// acts changes as little as can be.
class Random {
public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) word = seed = mix(seed);
  }
  std::uint64_t operator()() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }
  /// 0 if `count` is 0.
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : (*this)() % count; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
  bool chance(double probability) { return unit((*this)()) < probability; }
  Duration up_to(Duration most) {
    return Duration{1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most.count())))};
  }

private:
  static constexpr std::uint64_t rotate(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace troupe::simulation
