// The same numbers from all processors with FMA: no instructions beyond AVX2.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | (HWY_AVX2 - 1))
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include <hwy/contrib/math/math-inl.h>

#include "collections/ndarray/philox.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::random::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D64 = hn::ScalableTag<std::uint64_t>;
#if HWY_TARGET != HWY_SCALAR
using D32 = hn::Repartition<std::uint32_t, D64>;
#endif
using Df = hn::ScalableTag<double>;
using V = hn::Vec<D64>;
using F = hn::Vec<Df>;

/// Blocks `first`, `first + 1`, ... one to a lane; each gives the 64 bits of two elements.
HWY_INLINE void philox_blocks(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, V& even, V& odd) {
  const D64 d;
#if HWY_TARGET == HWY_SCALAR
  const auto c = philox({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first >> 32), stream, 0}, seed);
  even = hn::Set(d, c[0] | std::uint64_t{c[1]} << 32);
  odd = hn::Set(d, c[2] | std::uint64_t{c[3]} << 32);
#else
  const D32 d32;
  const V low = hn::Set(d, 0xffffffffU);
  const V index = hn::Add(hn::Iota(d, 0), hn::Set(d, first));
  V c0 = hn::And(index, low);
  V c1 = hn::ShiftRight<32>(index);
  V c2 = hn::Set(d, stream);
  V c3 = hn::Zero(d);
  const auto m0 = hn::BitCast(d32, hn::Set(d, philox_m0));
  const auto m1 = hn::BitCast(d32, hn::Set(d, philox_m1));
  auto k0 = static_cast<std::uint32_t>(seed);
  auto k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const V p0 = hn::MulEven(hn::BitCast(d32, c0), m0);
    const V p1 = hn::MulEven(hn::BitCast(d32, c2), m1);
    // Only the low halves of c0 and c2 are read, so that those of the products may stay where they are.
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
    c1 = hn::And(p1, low);
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
    c3 = hn::And(p0, low);
    k0 += philox_w0;
    k1 += philox_w1;
  }
  even = hn::Or(c0, hn::ShiftLeft<32>(c1));
  odd = hn::Or(c2, hn::ShiftLeft<32>(c3));
#endif
}

/// In [0, 1), by 52 bits.
HWY_INLINE F unit(V bits) {
  const Df d;
  const D64 d64;
  const auto one_to_two = hn::Or(hn::ShiftRight<12>(bits), hn::Set(d64, 0x3ff0000000000000U));
  return hn::Sub(hn::BitCast(d, one_to_two), hn::Set(d, 1.0));
}

struct Uniform {
  static HWY_INLINE void make(V a, V b, F& x, F& y) {
    x = unit(a);
    y = unit(b);
  }
};

struct Exponential {
  static HWY_INLINE F of(V bits) {
    const Df d;
    return hn::Neg(hn::Log(d, hn::Sub(hn::Set(d, 1.0), unit(bits))));
  }
  static HWY_INLINE void make(V a, V b, F& x, F& y) {
    x = of(a);
    y = of(b);
  }
};

/// Box and Muller's: a radius, and an angle whose sine and cosine are polynomials on an eighth of the circle.
struct Normal {
  static HWY_INLINE void make(V a, V b, F& x, F& y) {
    const Df d;
    const D64 d64;
    const F radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0), hn::Log(d, hn::Sub(hn::Set(d, 1.0), unit(a)))));
    const F quarters = hn::Mul(unit(b), hn::Set(d, 4.0));
    const F whole = hn::Round(quarters);
    const F angle = hn::Mul(hn::Sub(quarters, whole), hn::Set(d, 1.57079632679489661923));
    const F z = hn::Mul(angle, angle);
    F s = hn::Set(d, 1.58962301576546568060e-10);
    s = hn::MulAdd(s, z, hn::Set(d, -2.50507477628578072866e-8));
    s = hn::MulAdd(s, z, hn::Set(d, 2.75573136213857245213e-6));
    s = hn::MulAdd(s, z, hn::Set(d, -1.98412698295895385996e-4));
    s = hn::MulAdd(s, z, hn::Set(d, 8.33333333332211858878e-3));
    s = hn::MulAdd(s, z, hn::Set(d, -1.66666666666666307295e-1));
    s = hn::MulAdd(hn::Mul(s, z), angle, angle);
    F c = hn::Set(d, -1.13585365213876817300e-11);
    c = hn::MulAdd(c, z, hn::Set(d, 2.08757008419747316778e-9));
    c = hn::MulAdd(c, z, hn::Set(d, -2.75573141792967388112e-7));
    c = hn::MulAdd(c, z, hn::Set(d, 2.48015872888517045348e-5));
    c = hn::MulAdd(c, z, hn::Set(d, -1.38888888888730564116e-3));
    c = hn::MulAdd(c, z, hn::Set(d, 4.16666666666665929218e-2));
    c = hn::MulAdd(hn::Mul(c, z), z, hn::MulAdd(z, hn::Set(d, -0.5), hn::Set(d, 1.0)));
    // The quarter of the circle, 0 to 4, in the low bits of its sum with 2^52.
    const auto quarter = hn::BitCast(d64, hn::Add(whole, hn::Set(d, 4503599627370496.0)));
    const auto swapped = hn::MaskFromVec(
        hn::BitCast(d, hn::Neg(hn::BitCast(hn::RebindToSigned<D64>(), hn::And(quarter, hn::Set(d64, 1))))));
    const auto sign_of = [&](V q) HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<62>(hn::And(q, hn::Set(d64, 2)))); };
    const F sine = hn::Xor(hn::IfThenElse(swapped, c, s), sign_of(quarter));
    const F cosine = hn::Xor(hn::IfThenElse(swapped, s, c), sign_of(hn::Add(quarter, hn::Set(d64, 1))));
    x = hn::Mul(radius, cosine);
    y = hn::Mul(radius, sine);
  }
};

template <class M>
HWY_INLINE void fill_with(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  const Df d;
  const std::size_t lanes = hn::Lanes(d);
  alignas(64) double both[2 * HWY_MAX_BYTES / sizeof(double)];
  const auto group = [&](std::uint64_t block, double* to) HWY_ATTR {
    V a;
    V b;
    F x;
    F y;
    philox_blocks(seed, stream, block, a, b);
    M::make(a, b, x, y);
    hn::StoreInterleaved2(x, y, d, to);
  };
  if (n > 0 && first % 2 == 1) {
    group(first / 2, both);
    *out++ = both[1];
    ++first;
    --n;
  }
  for (; n >= 2 * lanes; n -= 2 * lanes, first += 2 * lanes, out += 2 * lanes) group(first / 2, out);
  if (n == 0) return;
  group(first / 2, both);
  std::memcpy(out, both, n * sizeof(double));
}

void uniform(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  fill_with<Uniform>(seed, stream, first, n, out);
}
void normal(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  fill_with<Normal>(seed, stream, first, n, out);
}
void exponential(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  fill_with<Exponential>(seed, stream, first, n, out);
}

}  // namespace troupe::nd::random::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd::random {

HWY_EXPORT(uniform);
HWY_EXPORT(normal);
HWY_EXPORT(exponential);

void fill_uniform(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(uniform)(seed, stream, first, n, out);
}
void fill_normal(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(normal)(seed, stream, first, n, out);
}
void fill_exponential(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(exponential)(seed, stream, first, n, out);
}

}  // namespace troupe::nd::random
#endif
