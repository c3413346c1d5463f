#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_fft.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <type_traits>

#include "collections/ndarray/fft_kernels.hpp"
#include "collections/ndarray/kernel_vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

/// As many numbers as fill so many bytes.
template <class T, std::size_t bytes>
struct Lanes {
  typedef T Type __attribute__((vector_size(bytes)));
};

template <class V, class T>
HWY_INLINE V load(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
HWY_INLINE void store(const V& v, T* p) {
  std::memcpy(p, &v, sizeof v);
}

/// Complex numbers: of one element, or of the lanes of a vector.
template <class V>
struct Pair {
  V re;
  V im;
};
template <class V>
HWY_INLINE Pair<V> operator+(const Pair<V>& a, const Pair<V>& b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
HWY_INLINE Pair<V> operator-(const Pair<V>& a, const Pair<V>& b) {
  return {a.re - b.re, a.im - b.im};
}
template <class V, class W>
HWY_INLINE Pair<V> times(const Pair<V>& a, const W& re, const W& im) {
  return {a.re * re - a.im * im, a.re * im + a.im * re};
}

/// One butterfly: `radix` elements a whole part of the line apart, into `radix` that are neighbours.
template <std::size_t radix, class T, class V>
HWY_INLINE void butterfly(Pair<V> (&x)[radix]) {
  if constexpr (radix == 2) {
    const auto a = x[0];
    x[0] = a + x[1];
    x[1] = a - x[1];
  } else if constexpr (radix == 3) {
    const T half = T(0.5);
    const T root = T(0.86602540378443864676);
    const auto sum = x[1] + x[2];
    const auto apart = x[1] - x[2];
    const Pair<V> middle{x[0].re - half * sum.re, x[0].im - half * sum.im};
    x[0] = x[0] + sum;
    x[1] = {middle.re + root * apart.im, middle.im - root * apart.re};
    x[2] = {middle.re - root * apart.im, middle.im + root * apart.re};
  } else if constexpr (radix == 4) {
    const auto even = x[0] + x[2];
    const auto even_apart = x[0] - x[2];
    const auto odd = x[1] + x[3];
    const auto odd_apart = x[1] - x[3];
    x[0] = even + odd;
    x[1] = {even_apart.re + odd_apart.im, even_apart.im - odd_apart.re};
    x[2] = even - odd;
    x[3] = {even_apart.re - odd_apart.im, even_apart.im + odd_apart.re};
  } else if constexpr (radix == 5) {
    const T c1 = T(0.30901699437494742410);
    const T s1 = T(0.95105651629515357212);
    const T c2 = T(-0.80901699437494742410);
    const T s2 = T(0.58778525229247312917);
    const auto p = x[1] + x[4];
    const auto q = x[1] - x[4];
    const auto r = x[2] + x[3];
    const auto s = x[2] - x[3];
    const Pair<V> a{x[0].re + c1 * p.re + c2 * r.re, x[0].im + c1 * p.im + c2 * r.im};
    const Pair<V> b{x[0].re + c2 * p.re + c1 * r.re, x[0].im + c2 * p.im + c1 * r.im};
    const Pair<V> u{s1 * q.re + s2 * s.re, s1 * q.im + s2 * s.im};
    const Pair<V> v{s2 * q.re - s1 * s.re, s2 * q.im - s1 * s.im};
    x[0] = x[0] + p + r;
    x[1] = {a.re + u.im, a.im - u.re};
    x[4] = {a.re - u.im, a.im + u.re};
    x[2] = {b.re + v.im, b.im - v.re};
    x[3] = {b.re - v.im, b.im + v.re};
  } else {
    static_assert(radix == 8);
    const T root = T(0.70710678118654752440);
    Pair<V> e[4] = {x[0], x[2], x[4], x[6]};
    Pair<V> o[4] = {x[1], x[3], x[5], x[7]};
    butterfly<4, T>(e);
    butterfly<4, T>(o);
    o[1] = {root * (o[1].re + o[1].im), root * (o[1].im - o[1].re)};
    o[2] = {o[2].im, -o[2].re};
    o[3] = {root * (o[3].im - o[3].re), -root * (o[3].re + o[3].im)};
    for (std::size_t k = 0; k < 4; ++k) {
      x[k] = e[k] + o[k];
      x[k + 4] = e[k] - o[k];
    }
  }
}

/// The butterfly of the lines from `q` on, as many as V has lanes.
template <class V, std::size_t radix, class T>
HWY_INLINE void step(std::size_t q, std::size_t m, std::size_t s, const T (&w_re)[radix], const T (&w_im)[radix],
                     const T* from_re, const T* from_im, T* to_re, T* to_im) {
  Pair<V> x[radix];
  for (std::size_t k = 0; k < radix; ++k) x[k] = {load<V>(from_re + q + s * m * k), load<V>(from_im + q + s * m * k)};
  butterfly<radix, T>(x);
  store(x[0].re, to_re + q);
  store(x[0].im, to_im + q);
  for (std::size_t k = 1; k < radix; ++k) {
    const auto y = times(x[k], w_re[k], w_im[k]);
    store(y.re, to_re + q + s * k);
    store(y.im, to_im + q + s * k);
  }
}

/// A pass over a single line: butterflies side by side, whose results are interleaved.
template <std::size_t radix, class T>
void pass_of_one(std::size_t m, const T* roots_re, const T* roots_im, const T* in_re, const T* in_im, T* out_re,
                 T* out_im) {
  constexpr std::size_t lanes = lanes_of<T>;
  const auto run = [&]<class V>(std::size_t p, V) HWY_ATTR {
    constexpr std::size_t count = sizeof(V) / sizeof(T);
    Pair<V> x[radix];
    for (std::size_t k = 0; k < radix; ++k) x[k] = {load<V>(in_re + p + k * m), load<V>(in_im + p + k * m)};
    butterfly<radix, T>(x);
    for (std::size_t k = 1; k < radix; ++k)
      x[k] = times(x[k], load<V>(roots_re + (k - 1) * m + p), load<V>(roots_im + (k - 1) * m + p));
    T re[radix][count];
    T im[radix][count];
    for (std::size_t k = 0; k < radix; ++k) {
      store(x[k].re, re[k]);
      store(x[k].im, im[k]);
    }
    for (std::size_t lane = 0; lane < count; ++lane)
      for (std::size_t k = 0; k < radix; ++k) {
        out_re[(p + lane) * radix + k] = re[k][lane];
        out_im[(p + lane) * radix + k] = im[k][lane];
      }
  };
  std::size_t p = 0;
  for (; p + lanes <= m; p += lanes) run(p, Vector<T>{});
  for (; p < m; ++p) run(p, T{});
}

/// `s` transforms side by side, whose elements are `s` apart: all lanes of all parts done so far.
template <std::size_t radix, class T>
void pass(std::size_t m, std::size_t s, const T* roots_re, const T* roots_im, const T* in_re, const T* in_im, T* out_re,
          T* out_im) {
  if (s == 1) return pass_of_one<radix>(m, roots_re, roots_im, in_re, in_im, out_re, out_im);
  constexpr std::size_t lanes = lanes_of<T>;
  for (std::size_t p = 0; p < m; ++p) {
    T w_re[radix];
    T w_im[radix];
    for (std::size_t k = 1; k < radix; ++k) {
      w_re[k] = roots_re[(k - 1) * m + p];
      w_im[k] = roots_im[(k - 1) * m + p];
    }
    const auto run = [&]<class V>(std::size_t q, V) HWY_ATTR {
      step<V>(q, m, s, w_re, w_im, in_re + s * p, in_im + s * p, out_re + s * radix * p, out_im + s * radix * p);
    };
    std::size_t q = 0;
    for (; q + lanes <= s; q += lanes) run(q, Vector<T>{});
    if constexpr (vector_bytes >= 32)
      for (; q + lanes / 2 <= s; q += lanes / 2) run(q, typename Lanes<T, vector_bytes / 2>::Type{});
    for (; q < s; ++q) run(q, T{});
  }
}

/// A prime factor without a formula: by the definition.
template <class T>
void pass_by_definition(const typename FftPlan<T>::Pass& plan, std::size_t s, const T* in_re, const T* in_im, T* out_re,
                        T* out_im) {
  const auto radix = plan.radix;
  const auto m = plan.length / radix;
  for (std::size_t p = 0; p < m; ++p)
    for (std::size_t k = 0; k < radix; ++k)
      for (std::size_t q = 0; q < s; ++q) {
        T re = 0;
        T im = 0;
        for (std::size_t j = 0; j < radix; ++j) {
          const auto root = j * k % radix;
          const T a = in_re[q + s * (p + m * j)];
          const T b = in_im[q + s * (p + m * j)];
          re += a * plan.root_real[root] - b * plan.root_imaginary[root];
          im += a * plan.root_imaginary[root] + b * plan.root_real[root];
        }
        const auto y = k == 0 ? Pair<T>{re, im}
                              : times(Pair<T>{re, im}, plan.real[(k - 1) * m + p], plan.imaginary[(k - 1) * m + p]);
        out_re[q + s * (radix * p + k)] = y.re;
        out_im[q + s * (radix * p + k)] = y.im;
      }
}

template <class T>
void run_passes(const FftPlan<T>& plan, std::size_t lanes, T* re, T* im, T* work) {
  T* from_re = re;
  T* from_im = im;
  T* to_re = work;
  T* to_im = work + plan.n * lanes;
  std::size_t s = lanes;
  for (const auto& step : plan.passes) {
    const auto m = step.length / step.radix;
    const T* wr = step.real.data();
    const T* wi = step.imaginary.data();
    switch (step.radix) {
      case 2: pass<2>(m, s, wr, wi, from_re, from_im, to_re, to_im); break;
      case 3: pass<3>(m, s, wr, wi, from_re, from_im, to_re, to_im); break;
      case 4: pass<4>(m, s, wr, wi, from_re, from_im, to_re, to_im); break;
      case 5: pass<5>(m, s, wr, wi, from_re, from_im, to_re, to_im); break;
      case 8: pass<8>(m, s, wr, wi, from_re, from_im, to_re, to_im); break;
      default: pass_by_definition(step, s, from_re, from_im, to_re, to_im);
    }
    std::swap(from_re, to_re);
    std::swap(from_im, to_im);
    s *= step.radix;
  }
  if (from_re == re) return;
  std::memcpy(re, from_re, plan.n * lanes * sizeof(T));
  std::memcpy(im, from_im, plan.n * lanes * sizeof(T));
}

void run_float(const FftPlan<float>& plan, std::size_t lanes, float* re, float* im, float* work) {
  run_passes(plan, lanes, re, im, work);
}
void run_double(const FftPlan<double>& plan, std::size_t lanes, double* re, double* im, double* work) {
  run_passes(plan, lanes, re, im, work);
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd {

HWY_EXPORT(run_float);
HWY_EXPORT(run_double);

namespace {

/// Prime factors up to this are done by the definition.
constexpr std::size_t prime_max = 31;

/// cos and -sin of 2 pi k / n, from the first eighth of the circle, where they are exact to the last bit or so.
std::pair<double, double> root(std::size_t k, std::size_t n) {
  k %= n;
  const auto eighth = 8 * k / n;
  const auto angle = [n](std::size_t part) { return 2 * M_PI * static_cast<double>(part) / static_cast<double>(n); };
  const auto quarter = [n](double k4, std::size_t at) {
    return M_PI / 2 * (k4 - 4 * static_cast<double>(at) / static_cast<double>(n));
  };
  switch (eighth) {
    case 0: return {std::cos(angle(k)), -std::sin(angle(k))};
    case 1:
    case 2: return {std::sin(quarter(1, k)), -std::cos(quarter(1, k))};
    case 3:
    case 4: return {-std::cos(quarter(2, k)), -std::sin(quarter(2, k))};
    case 5:
    case 6: return {-std::sin(quarter(3, k)), std::cos(quarter(3, k))};
    default: return {std::cos(quarter(4, k)), std::sin(quarter(4, k))};
  }
}

template <class T>
void make_passes(FftPlan<T>& plan, std::vector<std::size_t> factors) {
  auto length = plan.n;
  for (const auto radix : factors) {
    typename FftPlan<T>::Pass pass;
    pass.radix = radix;
    pass.length = length;
    const auto m = length / radix;
    for (std::size_t k = 1; k < radix; ++k)
      for (std::size_t p = 0; p < m; ++p) {
        const auto [re, im] = root(k * p, length);
        pass.real.push_back(static_cast<T>(re));
        pass.imaginary.push_back(static_cast<T>(im));
      }
    for (std::size_t k = 0; k < radix; ++k) {
      const auto [re, im] = root(k, radix);
      pass.root_real.push_back(static_cast<T>(re));
      pass.root_imaginary.push_back(static_cast<T>(im));
    }
    plan.passes.push_back(std::move(pass));
    length = m;
  }
}

std::size_t smooth_above(std::size_t n) {
  for (;; ++n) {
    auto rest = n;
    for (const std::size_t f : {2, 3, 5})
      while (rest % f == 0) rest /= f;
    if (rest == 1) return n;
  }
}

template <class T>
std::shared_ptr<const FftPlan<T>> make_plan(std::size_t n);

template <class T>
void make_bluestein(FftPlan<T>& plan) {
  const auto n = plan.n;
  const auto m = smooth_above(2 * n - 1);
  plan.inner = make_plan<T>(m);
  plan.filter_real.assign(m, 0);
  plan.filter_imaginary.assign(m, 0);
  for (std::size_t k = 0; k < n; ++k) {
    const auto [re, im] = root(k * k % (2 * n), 2 * n);
    plan.chirp_real.push_back(static_cast<T>(re));
    plan.chirp_imaginary.push_back(static_cast<T>(im));
    for (const auto at : {k, (m - k) % m}) {
      plan.filter_real[at] = static_cast<T>(re);
      plan.filter_imaginary[at] = static_cast<T>(-im);
    }
  }
  std::vector<T> work(fft_work_size(*plan.inner, 1));
  fft_run(*plan.inner, 1, plan.filter_real.data(), plan.filter_imaginary.data(), work.data());
}

template <class T>
std::shared_ptr<const FftPlan<T>> make_plan(std::size_t n) {
  auto plan = std::make_shared<FftPlan<T>>();
  plan->n = n;
  std::vector<std::size_t> factors;
  auto rest = n;
  // 8 where it can be, 4 and 2 for what is left of the powers of 2.
  while (rest % 8 == 0 && rest != 16) factors.push_back(8), rest /= 8;
  while (rest % 4 == 0) factors.push_back(4), rest /= 4;
  for (std::size_t f = 2; f <= prime_max; ++f)
    while (rest % f == 0) factors.push_back(f), rest /= f;
  if (rest == 1)
    make_passes(*plan, std::move(factors));
  else
    make_bluestein(*plan);
  return plan;
}

/// x times the chirp, convolved with its inverse, times the chirp.
template <class T>
void run_bluestein(const FftPlan<T>& plan, std::size_t lanes, T* re, T* im, T* work) {
  const auto n = plan.n;
  const auto m = plan.inner->n;
  T* a = work;
  T* b = work + m * lanes;
  std::fill(a, b + m * lanes, T(0));
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t l = 0; l < lanes; ++l) {
      const auto i = k * lanes + l;
      a[i] = re[i] * plan.chirp_real[k] - im[i] * plan.chirp_imaginary[k];
      b[i] = re[i] * plan.chirp_imaginary[k] + im[i] * plan.chirp_real[k];
    }
  T* rest = work + 2 * m * lanes;
  fft_run(*plan.inner, lanes, a, b, rest);
  const T scale = T(1) / static_cast<T>(m);
  for (std::size_t k = 0; k < m; ++k)
    for (std::size_t l = 0; l < lanes; ++l) {
      const auto i = k * lanes + l;
      const T x = a[i] * plan.filter_real[k] - b[i] * plan.filter_imaginary[k];
      b[i] = (a[i] * plan.filter_imaginary[k] + b[i] * plan.filter_real[k]) * scale;
      a[i] = x * scale;
    }
  fft_run(*plan.inner, lanes, b, a, rest);  // parts swapped: the inverse
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t l = 0; l < lanes; ++l) {
      const auto i = k * lanes + l;
      re[i] = a[i] * plan.chirp_real[k] - b[i] * plan.chirp_imaginary[k];
      im[i] = a[i] * plan.chirp_imaginary[k] + b[i] * plan.chirp_real[k];
    }
}

}  // namespace

template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(std::size_t n) {
  constexpr std::size_t kept_max = 16;
  thread_local std::deque<std::shared_ptr<const FftPlan<T>>> kept;
  for (const auto& plan : kept)
    if (plan->n == n) return plan;
  if (kept.size() == kept_max) kept.pop_front();
  kept.push_back(make_plan<T>(n));
  return kept.back();
}

template <class T>
std::size_t fft_work_size(const FftPlan<T>& plan, std::size_t lanes) {
  if (plan.inner) return 2 * plan.inner->n * lanes + fft_work_size(*plan.inner, lanes);
  return 2 * plan.n * lanes;
}

template <class T>
void fft_run(const FftPlan<T>& plan, std::size_t lanes, T* real, T* imaginary, T* work) {
  if (plan.inner) return run_bluestein(plan, lanes, real, imaginary, work);
  if constexpr (std::is_same_v<T, float>)
    HWY_DYNAMIC_DISPATCH(run_float)(plan, lanes, real, imaginary, work);
  else
    HWY_DYNAMIC_DISPATCH(run_double)(plan, lanes, real, imaginary, work);
}

template std::shared_ptr<const FftPlan<float>> fft_plan(std::size_t);
template std::shared_ptr<const FftPlan<double>> fft_plan(std::size_t);
template std::size_t fft_work_size(const FftPlan<float>&, std::size_t);
template std::size_t fft_work_size(const FftPlan<double>&, std::size_t);
template void fft_run(const FftPlan<float>&, std::size_t, float*, float*, float*);
template void fft_run(const FftPlan<double>&, std::size_t, double*, double*, double*);

}  // namespace troupe::nd
#endif
