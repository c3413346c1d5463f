#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

/// Random numbers by counter: element i of an array is a function of seed, stream and i alone, so that it is the same
/// whatever blocks the array is made in. Philox4x32-10, after J. Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC'11.
namespace troupe::nd::random {

/// Which sequence: arrays with another stream of the same seed are independent.
struct Key {
  std::uint64_t seed{};
  std::uint32_t stream{};
  friend bool operator==(const Key&, const Key&) = default;
};

enum class Kind : std::uint8_t {
  uniform,
  normal,
  exponential,
  integers,
  gamma,
  beta,
  chisquare,
  f,
  standard_t,
  standard_cauchy,
  lognormal,
  laplace,
  logistic,
  gumbel,
  weibull,
  pareto,
  power,
  rayleigh,
  triangular,
  vonmises,
  wald,
  poisson,
  binomial,
  geometric,
  negative_binomial,
  hypergeometric,
  logseries,
  zipf,
  noncentral_chisquare,
  noncentral_f,
};

/// A distribution with the parameters that NumPy's function of its name takes, in their order.
struct Distribution {
  Kind kind{};
  std::vector<double> parameters;
  friend bool operator==(const Distribution&, const Distribution&) = default;
};
/// Missing parameters have NumPy's defaults. Throws InvalidRequest for an unknown name, for too few or too many
/// parameters, and for ones outside of what they may be.
Distribution distribution(std::string_view name, std::vector<double> parameters = {});
/// int64 of what counts, else float64.
DType dtype_of_kind(Kind kind);

/// Part of an array: of shape `extent`, from index `start` of one of shape `whole`.
struct Part {
  Shape whole;
  Shape start;
  Shape extent;
};
NdArray draw(const Distribution& distribution, const Key& key, const Part& part);
/// All of an array.
NdArray draw(const Distribution& distribution, const Key& key, const Shape& shape);

/// The numbers from 0 to n - 1 in random order.
NdArray permutation(const Key& key, std::int64_t n);
/// `shape` of the numbers from 0 to n - 1, each as likely as its weight of `weights` says, if they are given. Without
/// replacement each at most once.
NdArray choice(const Key& key, std::int64_t n, const Shape& shape, bool replace = true,
               const std::optional<NdArray>& weights = {});

}  // namespace troupe::nd::random
