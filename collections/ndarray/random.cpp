#include "collections/ndarray/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "actors/errors.hpp"
#include "collections/ndarray/distributions.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/scans.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd::random {

namespace {

/// What a parameter may be.
enum class Limits : std::uint8_t { any, positive, not_negative, probability, above_one, open_probability, none };

struct Row {
  std::string_view name;
  Kind kind;
  Limits limits[3];
  double defaults[3];
};

/// A parameter without a default.
const double required = std::numeric_limits<double>::quiet_NaN();

const Row rows[] = {
    {"uniform", Kind::uniform, {Limits::any, Limits::any, Limits::none}, {0, 1, 0}},
    {"random", Kind::uniform, {Limits::none, Limits::none, Limits::none}, {0, 1, 0}},
    {"normal", Kind::normal, {Limits::any, Limits::not_negative, Limits::none}, {0, 1, 0}},
    {"standard_normal", Kind::normal, {Limits::none, Limits::none, Limits::none}, {0, 1, 0}},
    {"exponential", Kind::exponential, {Limits::not_negative, Limits::none, Limits::none}, {1, 0, 0}},
    {"standard_exponential", Kind::exponential, {Limits::none, Limits::none, Limits::none}, {1, 0, 0}},
    {"integers", Kind::integers, {Limits::any, Limits::any, Limits::none}, {required, required, 0}},
    {"gamma", Kind::gamma, {Limits::not_negative, Limits::not_negative, Limits::none}, {required, 1, 0}},
    {"standard_gamma", Kind::gamma, {Limits::not_negative, Limits::none, Limits::none}, {required, 1, 0}},
    {"beta", Kind::beta, {Limits::positive, Limits::positive, Limits::none}, {required, required, 0}},
    {"chisquare", Kind::chisquare, {Limits::positive, Limits::none, Limits::none}, {required, 0, 0}},
    {"f", Kind::f, {Limits::positive, Limits::positive, Limits::none}, {required, required, 0}},
    {"standard_t", Kind::standard_t, {Limits::positive, Limits::none, Limits::none}, {required, 0, 0}},
    {"standard_cauchy", Kind::standard_cauchy, {Limits::none, Limits::none, Limits::none}, {0, 0, 0}},
    {"lognormal", Kind::lognormal, {Limits::any, Limits::not_negative, Limits::none}, {0, 1, 0}},
    {"laplace", Kind::laplace, {Limits::any, Limits::not_negative, Limits::none}, {0, 1, 0}},
    {"logistic", Kind::logistic, {Limits::any, Limits::not_negative, Limits::none}, {0, 1, 0}},
    {"gumbel", Kind::gumbel, {Limits::any, Limits::not_negative, Limits::none}, {0, 1, 0}},
    {"weibull", Kind::weibull, {Limits::positive, Limits::none, Limits::none}, {required, 0, 0}},
    {"pareto", Kind::pareto, {Limits::positive, Limits::none, Limits::none}, {required, 0, 0}},
    {"power", Kind::power, {Limits::positive, Limits::none, Limits::none}, {required, 0, 0}},
    {"rayleigh", Kind::rayleigh, {Limits::not_negative, Limits::none, Limits::none}, {1, 0, 0}},
    {"triangular", Kind::triangular, {Limits::any, Limits::any, Limits::any}, {required, required, required}},
    {"vonmises", Kind::vonmises, {Limits::any, Limits::not_negative, Limits::none}, {required, required, 0}},
    {"wald", Kind::wald, {Limits::positive, Limits::positive, Limits::none}, {required, required, 0}},
    {"poisson", Kind::poisson, {Limits::not_negative, Limits::none, Limits::none}, {1, 0, 0}},
    {"binomial", Kind::binomial, {Limits::not_negative, Limits::probability, Limits::none}, {required, required, 0}},
    {"geometric", Kind::geometric, {Limits::open_probability, Limits::none, Limits::none}, {required, 0, 0}},
    {"negative_binomial",
     Kind::negative_binomial,
     {Limits::positive, Limits::open_probability, Limits::none},
     {required, required, 0}},
    {"hypergeometric",
     Kind::hypergeometric,
     {Limits::not_negative, Limits::not_negative, Limits::not_negative},
     {required, required, required}},
    {"logseries", Kind::logseries, {Limits::probability, Limits::none, Limits::none}, {required, 0, 0}},
    {"zipf", Kind::zipf, {Limits::above_one, Limits::none, Limits::none}, {required, 0, 0}},
    {"noncentral_chisquare",
     Kind::noncentral_chisquare,
     {Limits::positive, Limits::not_negative, Limits::none},
     {required, required, 0}},
    {"noncentral_f",
     Kind::noncentral_f,
     {Limits::positive, Limits::positive, Limits::not_negative},
     {required, required, required}},
};

bool within(double value, Limits limits) {
  if (!std::isfinite(value)) return false;
  switch (limits) {
    case Limits::positive: return value > 0;
    case Limits::not_negative: return value >= 0;
    case Limits::probability: return value >= 0 && value <= 1;
    case Limits::open_probability: return value > 0 && value <= 1;
    case Limits::above_one: return value > 1;
    default: return true;
  }
}

double noncentral_chisquare(Draws& draws, double df, double nonc) {
  if (nonc == 0) return 2 * draw_gamma(draws, df / 2);
  if (df > 1) {
    const double chi = 2 * draw_gamma(draws, (df - 1) / 2);
    const double normal = draws.normal() + std::sqrt(nonc);
    return chi + normal * normal;
  }
  const auto count = static_cast<double>(draw_poisson(draws, nonc / 2));
  return 2 * draw_gamma(draws, (df + 2 * count) / 2);
}

double triangular(double u, double left, double mode, double right) {
  const double base = right - left;
  const double share = (mode - left) / base;
  if (u <= share) return left + std::sqrt(u * base * (mode - left));
  return right - std::sqrt((1 - u) * base * (right - mode));
}

/// One element of a distribution of real numbers that is not made in vectors.
double draw_real(Kind kind, const double* p, Draws& draws) {
  switch (kind) {
    case Kind::gamma: return draw_gamma(draws, p[0]) * p[1];
    case Kind::beta: {
      const double a = draw_gamma(draws, p[0]);
      return a / (a + draw_gamma(draws, p[1]));
    }
    case Kind::chisquare: return 2 * draw_gamma(draws, p[0] / 2);
    case Kind::f: {
      const double a = draw_gamma(draws, p[0] / 2) / p[0];
      return a * p[1] / draw_gamma(draws, p[1] / 2);
    }
    case Kind::standard_t: {
      const double normal = draws.normal();
      return normal * std::sqrt(p[0] / 2 / draw_gamma(draws, p[0] / 2));
    }
    case Kind::standard_cauchy: return std::tan(M_PI * (draws.uniform() - 0.5));
    case Kind::laplace: {
      const double u = draws.positive();
      return u <= 0.5 ? p[0] + p[1] * std::log(2 * u) : p[0] - p[1] * std::log(2 * (1 - u) + 0x1p-53);
    }
    case Kind::logistic: {
      const double u = draws.uniform() + 0x1p-54;
      return p[0] + p[1] * std::log(u / (1 - u));
    }
    case Kind::gumbel: return p[0] - p[1] * std::log(-std::log(draws.uniform() + 0x1p-54));
    case Kind::weibull: return std::pow(draws.exponential(), 1 / p[0]);
    case Kind::pareto: return std::expm1(draws.exponential() / p[0]);
    case Kind::power: return std::pow(-std::expm1(-draws.exponential()), 1 / p[0]);
    case Kind::rayleigh: return p[0] * std::sqrt(2 * draws.exponential());
    case Kind::triangular: return triangular(draws.uniform(), p[0], p[1], p[2]);
    case Kind::vonmises: return draw_vonmises(draws, p[0], p[1]);
    case Kind::wald: return draw_wald(draws, p[0], p[1]);
    case Kind::noncentral_chisquare: return noncentral_chisquare(draws, p[0], p[1]);
    default: {
      const double a = noncentral_chisquare(draws, p[0], p[2]) / p[0];
      return a * p[1] / (2 * draw_gamma(draws, p[1] / 2));
    }
  }
}

std::int64_t draw_count(Kind kind, const double* p, Draws& draws) {
  switch (kind) {
    case Kind::integers:
      return draw_integer(draws, static_cast<std::int64_t>(p[0]), static_cast<std::uint64_t>(p[1] - p[0]));
    case Kind::poisson: return draw_poisson(draws, p[0]);
    case Kind::binomial: return draw_binomial(draws, static_cast<std::int64_t>(p[0]), p[1]);
    case Kind::geometric:
      return p[0] == 1 ? 1 : static_cast<std::int64_t>(std::ceil(-draws.exponential() / std::log1p(-p[0])));
    case Kind::negative_binomial: return draw_poisson(draws, draw_gamma(draws, p[0]) * (1 - p[1]) / p[1]);
    case Kind::hypergeometric:
      return draw_hypergeometric(draws, static_cast<std::int64_t>(p[0]), static_cast<std::int64_t>(p[1]),
                                 static_cast<std::int64_t>(p[2]));
    case Kind::logseries: return draw_logseries(draws, p[0]);
    default: return draw_zipf(draws, p[0]);
  }
}

/// `n` neighbouring elements.
void draw_run(Kind kind, const double* p, const Key& key, std::uint64_t first, std::size_t n, std::byte* out) {
  auto* reals = reinterpret_cast<double*>(out);
  switch (kind) {
    case Kind::uniform:
      fill_uniform(key.seed, key.stream, first, n, reals);
      if (p[0] != 0 || p[1] != 1)
        for (std::size_t i = 0; i < n; ++i) reals[i] = p[0] + (p[1] - p[0]) * reals[i];
      return;
    case Kind::normal:
    case Kind::lognormal:
      fill_normal(key.seed, key.stream, first, n, reals);
      if (p[0] != 0 || p[1] != 1)
        for (std::size_t i = 0; i < n; ++i) reals[i] = p[0] + p[1] * reals[i];
      if (kind == Kind::lognormal)
        for (std::size_t i = 0; i < n; ++i) reals[i] = std::exp(reals[i]);
      return;
    case Kind::exponential:
      fill_exponential(key.seed, key.stream, first, n, reals);
      for (std::size_t i = 0; i < n; ++i) reals[i] *= p[0];
      return;
    default: break;
  }
  const bool counts = dtype_of_kind(kind) == DType::int64;
  for (std::size_t i = 0; i < n; ++i) {
    Draws draws(key.seed, key.stream, first + i);
    if (counts)
      reinterpret_cast<std::int64_t*>(out)[i] = draw_count(kind, p, draws);
    else
      reals[i] = draw_real(kind, p, draws);
  }
}

}  // namespace

DType dtype_of_kind(Kind kind) {
  const bool counts = kind == Kind::integers || (kind >= Kind::poisson && kind <= Kind::zipf);
  return counts ? DType::int64 : DType::float64;
}

Distribution distribution(std::string_view name, std::vector<double> parameters) {
  const auto* row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& r) { return r.name == name; });
  if (row == std::end(rows)) throw InvalidRequest("random: there is no distribution '" + std::string(name) + "'");
  const auto given = parameters.size();
  const auto taken = static_cast<std::size_t>(
      std::count_if(std::begin(row->limits), std::end(row->limits), [](Limits l) { return l != Limits::none; }));
  if (given > taken)
    throw InvalidRequest("random: " + std::string(name) + " takes " + std::to_string(taken) + " parameters, not " +
                         std::to_string(given));
  parameters.insert(parameters.end(), row->defaults + given, row->defaults + 3);
  for (std::size_t i = 0; i < taken; ++i)
    if (!within(parameters[i], row->limits[i]))
      throw InvalidRequest(
          "random: parameter " + std::to_string(i + 1) + " of " + std::string(name) + " is " +
          (std::isnan(parameters[i]) ? "missing" : std::to_string(parameters[i]) + ", which it cannot be"));
  const auto& p = parameters;
  const bool bad = (row->kind == Kind::integers && !(p[0] < p[1])) ||
                   (row->kind == Kind::triangular && !(p[0] <= p[1] && p[1] <= p[2] && p[0] < p[2])) ||
                   (row->kind == Kind::hypergeometric && p[2] > p[0] + p[1]) ||
                   (row->kind == Kind::logseries && p[0] == 1);
  if (bad) throw InvalidRequest("random: the parameters of " + std::string(name) + " do not fit each other");
  return {row->kind, std::move(parameters)};
}

NdArray draw(const Distribution& distribution, const Key& key, const Part& part) {
  const auto ndim = part.whole.size();
  if (part.start.size() != ndim || part.extent.size() != ndim)
    throw InvalidRequest("random: a part has other axes than the whole");
  for (std::size_t i = 0; i < ndim; ++i)
    if (part.start[i] < 0 || part.extent[i] < 0 || part.start[i] + part.extent[i] > part.whole[i])
      throw InvalidRequest("random: the part of shape " + text_of(part.extent) + " at " + text_of(part.start) +
                           " is not within " + text_of(part.whole));
  NdArray out(part.extent, dtype_of_kind(distribution.kind));
  if (out.size() == 0) return out;
  // Rows of the last axis are neighbours; so are whole ones of the axes before it.
  std::size_t inner = ndim;
  std::int64_t run = 1;
  while (inner > 0) {
    --inner;
    run *= part.extent[inner];
    if (part.extent[inner] != part.whole[inner]) break;
  }
  Shape index(inner, 0);
  auto* to = out.mutable_data();
  while (true) {
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < ndim; ++i)
      first = first * static_cast<std::uint64_t>(part.whole[i]) +
              static_cast<std::uint64_t>(part.start[i] + (i < inner ? index[i] : 0));
    draw_run(distribution.kind, distribution.parameters.data(), key, first, static_cast<std::size_t>(run), to);
    to += static_cast<std::size_t>(run) * out.itemsize();
    std::size_t axis = inner;
    for (; axis > 0; --axis) {
      if (++index[axis - 1] < part.extent[axis - 1]) break;
      index[axis - 1] = 0;
    }
    if (axis == 0) return out;
  }
}

NdArray draw(const Distribution& distribution, const Key& key, const Shape& shape) {
  return draw(distribution, key, Part{shape, Shape(shape.size(), 0), shape});
}

NdArray permutation(const Key& key, std::int64_t n) {
  NdArray keys(Shape{n}, DType::uint64);
  for (std::int64_t i = 0; i < n; ++i)
    keys.mutable_data_as<std::uint64_t>()[i] = Draws(key.seed, key.stream, static_cast<std::uint64_t>(i)).bits();
  return argsort(keys);
}

NdArray choice(const Key& key, std::int64_t n, const Shape& shape, bool replace,
               const std::optional<NdArray>& weights) {
  const auto count = size_of(shape);
  if (n < 1 && count > 0) throw InvalidRequest("random: there is nothing to choose from");
  if (!replace && count > n)
    throw InvalidRequest("random: " + std::to_string(count) + " of " + std::to_string(n) +
                         " cannot be chosen without replacement");
  if (!weights) {
    if (replace) return draw(distribution("integers", {0, static_cast<double>(n)}), key, shape);
    return permutation(key, n).slice(0, 0, count).copy().reshape(shape);
  }
  if (weights->shape() != Shape{n})
    throw InvalidRequest("random: weights of shape " + text_of(weights->shape()) + " for " + std::to_string(n) +
                         " numbers");
  const NdArray p = weights->astype(DType::float64);
  if (n > 0 && !(min(p).item<double>() >= 0 && sum(p).item<double>() > 0))
    throw InvalidRequest("random: weights are not negative, and not all 0");
  if (replace) {
    const NdArray upto = cumsum(p);
    const NdArray u = multiply(draw(distribution("random"), key, shape), upto.at({n - 1}).to_double());
    return minimum(searchsorted(upto, u, true), n - 1);
  }
  if (count_nonzero(p).item<std::int64_t>() < count)
    throw InvalidRequest("random: fewer numbers than are asked for have a weight");
  // The first arrivals of as many processes: P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a
  // reservoir", Information Processing Letters 97 (2006).
  const NdArray arrivals = divide(draw(distribution("standard_exponential"), key, Shape{n}), p);
  return argsort(arrivals).slice(0, 0, count).copy().reshape(shape);
}

}  // namespace troupe::nd::random
