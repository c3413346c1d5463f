#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace troupe::nd::random {

inline constexpr std::uint32_t philox_m0 = 0xD2511F53;
inline constexpr std::uint32_t philox_m1 = 0xCD9E8D57;
inline constexpr std::uint32_t philox_w0 = 0x9E3779B9;
inline constexpr std::uint32_t philox_w1 = 0xBB67AE85;

/// Philox4x32-10 of one counter.
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{philox_m0} * c[0];
    const std::uint64_t p1 = std::uint64_t{philox_m1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += philox_w0;
    k1 += philox_w1;
  }
  return c;
}

/// Numbers without end that belong to one element: for distributions that need no fixed count of them.
class Draws {
public:
  Draws(std::uint64_t seed, std::uint32_t stream, std::uint64_t element)
      : seed_(seed), stream_(stream), element_(element) {}

  std::uint64_t bits() {
    if (!half_) {
      const auto c = philox(
          {static_cast<std::uint32_t>(element_), static_cast<std::uint32_t>(element_ >> 32), stream_, ++attempt_},
          seed_);
      waiting_ = c[2] | std::uint64_t{c[3]} << 32;
      half_ = true;
      return c[0] | std::uint64_t{c[1]} << 32;
    }
    half_ = false;
    return waiting_;
  }
  /// In [0, 1), and in (0, 1].
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double positive() { return static_cast<double>((bits() >> 11) + 1) * 0x1p-53; }
  double normal() {
    if (has_normal_) {
      has_normal_ = false;
      return normal_;
    }
    const double radius = std::sqrt(-2 * std::log(positive()));
    const double angle = 2 * M_PI * uniform();
    normal_ = radius * std::sin(angle);
    has_normal_ = true;
    return radius * std::cos(angle);
  }
  double exponential() { return -std::log(positive()); }

private:
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::uint64_t element_;
  std::uint32_t attempt_{};
  std::uint64_t waiting_{};
  double normal_{};
  bool half_{};
  bool has_normal_{};
};

/// Elements `first` to `first + n` of the sequence, uniform in [0, 1), standard normal or standard exponential.
void fill_uniform(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out);
void fill_normal(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out);
void fill_exponential(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out);

}  // namespace troupe::nd::random
