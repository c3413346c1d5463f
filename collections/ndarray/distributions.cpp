#include "collections/ndarray/distributions.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::nd::random {

__extension__ using Wide = unsigned __int128;

/// G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000).
double draw_gamma(Draws& draws, double shape) {
  if (shape == 0) return 0;
  if (shape < 1) {
    const double rest = draws.positive();
    return draw_gamma(draws, shape + 1) * std::pow(rest, 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draws.normal();
    const double v = 1 + c * x;
    if (v <= 0) continue;
    const double cube = v * v * v;
    const double u = draws.positive();
    if (std::log(u) < 0.5 * x * x + d - d * cube + d * std::log(cube)) return d * cube;
  }
}

/// D. J. Best and N. I. Fisher, "Efficient simulation of the von Mises distribution", Applied Statistics 28 (1979).
double draw_vonmises(Draws& draws, double mu, double kappa) {
  if (kappa < 1e-8) return M_PI * (2 * draws.uniform() - 1);
  const double tau = 1 + std::sqrt(1 + 4 * kappa * kappa);
  const double rho = (tau - std::sqrt(2 * tau)) / (2 * kappa);
  const double r = (1 + rho * rho) / (2 * rho);
  while (true) {
    const double z = std::cos(M_PI * draws.uniform());
    const double f = (1 + r * z) / (r + z);
    const double c = kappa * (r - f);
    const double u = draws.positive();
    if (c * (2 - c) - u <= 0 && std::log(c / u) + 1 - c < 0) continue;
    const double angle = std::acos(std::clamp(f, -1.0, 1.0));
    const double turned = draws.uniform() < 0.5 ? mu - angle : mu + angle;
    return std::remainder(turned, 2 * M_PI);
  }
}

/// J. R. Michael, W. R. Schucany and R. W. Haas, "Generating random variates using transformations with multiple
/// roots", The American Statistician 30 (1976).
double draw_wald(Draws& draws, double mean, double scale) {
  const double normal = draws.normal();
  const double y = mean * normal * normal;
  const double x = mean + mean / (2 * scale) * (y - std::sqrt(4 * scale * y + y * y));
  return draws.uniform() <= mean / (mean + x) ? x : mean * mean / x;
}

/// Products of uniform numbers for small means; else W. Hoermann's PTRS, "The transformed rejection method for
/// generating Poisson random variables", Insurance: Mathematics and Economics 12 (1993).
std::int64_t draw_poisson(Draws& draws, double lambda) {
  if (lambda < 10) {
    const double limit = std::exp(-lambda);
    std::int64_t count = 0;
    for (double product = draws.uniform(); product > limit; product *= draws.uniform()) ++count;
    return count;
  }
  const double slam = std::sqrt(lambda);
  const double log_lambda = std::log(lambda);
  const double b = 0.931 + 2.53 * slam;
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double vr = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = draws.uniform() - 0.5;
    const double v = draws.positive();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + lambda + 0.43);
    if (us >= 0.07 && v <= vr) return static_cast<std::int64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -lambda + k * log_lambda - std::lgamma(k + 1))
      return static_cast<std::int64_t>(k);
  }
}

namespace {

/// Adds up probabilities until they pass a uniform number. For small means.
std::int64_t binomial_by_inversion(Draws& draws, std::int64_t n, double p) {
  const double q = 1 - p;
  const double start = std::exp(static_cast<double>(n) * std::log(q));
  while (true) {
    double u = draws.uniform();
    double probability = start;
    for (std::int64_t k = 0; k <= n; ++k) {
      if (u <= probability) return k;
      u -= probability;
      probability *= static_cast<double>(n - k) * p / (static_cast<double>(k + 1) * q);
    }
  }
}

/// W. Hoermann's BTRS, "The generation of binomial random variates", Journal of Statistical Computation and Simulation
/// 46 (1993).
std::int64_t binomial_by_rejection(Draws& draws, std::int64_t n, double p) {
  const auto count = static_cast<double>(n);
  const double q = 1 - p;
  const double spread = std::sqrt(count * p * q);
  const double b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5;
  const double vr = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * spread;
  const double log_odds = std::log(p / q);
  const double mode = std::floor((count + 1) * p);
  const double h = std::lgamma(mode + 1) + std::lgamma(count - mode + 1);
  while (true) {
    const double u = draws.uniform() - 0.5;
    double v = draws.positive();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (k < 0 || k > count) continue;
    if (us >= 0.07 && v <= vr) return static_cast<std::int64_t>(k);
    v = std::log(v * alpha / (a / (us * us) + b));
    if (v <= h - std::lgamma(k + 1) - std::lgamma(count - k + 1) + (k - mode) * log_odds)
      return static_cast<std::int64_t>(k);
  }
}

}  // namespace

std::int64_t draw_binomial(Draws& draws, std::int64_t n, double p) {
  if (n == 0 || p == 0) return 0;
  if (p > 0.5) return n - draw_binomial(draws, n, 1 - p);
  return static_cast<double>(n) * p < 10 ? binomial_by_inversion(draws, n, p) : binomial_by_rejection(draws, n, p);
}

/// From an urn, one after the other; of the smaller of what is taken and what is left.
std::int64_t draw_hypergeometric(Draws& draws, std::int64_t good, std::int64_t bad, std::int64_t sample) {
  const auto total = good + bad;
  const bool inverted = sample > total / 2;
  auto left = inverted ? total - sample : sample;
  auto good_left = good;
  for (auto all = total; left > 0 && good_left > 0; --left, --all)
    if (draws.uniform() * static_cast<double>(all) < static_cast<double>(good_left)) --good_left;
  const auto taken = good - good_left;
  return inverted ? good - taken : taken;
}

/// A. W. Kemp, "Efficient generation of logarithmically distributed pseudo-random variables", Applied Statistics 30
/// (1981).
std::int64_t draw_logseries(Draws& draws, double p) {
  const double r = std::log1p(-p);
  while (true) {
    const double v = draws.uniform();
    if (v >= p) return 1;
    const double q = -std::expm1(r * draws.uniform());
    if (v <= q * q) {
      const double result = std::floor(1 + std::log(v) / std::log(q));
      if (result < 1 || v == 0) continue;
      return static_cast<std::int64_t>(result);
    }
    return v >= q ? 1 : 2;
  }
}

/// L. Devroye, "Non-uniform random variate generation" (1986), X.6.
std::int64_t draw_zipf(Draws& draws, double a) {
  const double b = std::pow(2.0, a - 1);
  while (true) {
    const double u = draws.positive();
    const double v = draws.uniform();
    const double x = std::floor(std::pow(u, -1 / (a - 1)));
    if (x > 0x1p62 || x < 1) continue;
    const double t = std::pow(1 + 1 / x, a - 1);
    if (v * x * (t - 1) / (b - 1) <= t / b) return static_cast<std::int64_t>(x);
  }
}

/// D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019).
std::int64_t draw_integer(Draws& draws, std::int64_t low, std::uint64_t range) {
  if (range == 0) return static_cast<std::int64_t>(draws.bits());
  auto product = static_cast<Wide>(draws.bits()) * range;
  if (static_cast<std::uint64_t>(product) < range) {
    const auto least = -range % range;
    while (static_cast<std::uint64_t>(product) < least) product = static_cast<Wide>(draws.bits()) * range;
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + static_cast<std::uint64_t>(product >> 64));
}

}  // namespace troupe::nd::random
