#pragma once

#include "collections/ndarray/philox.hpp"

/// Single draws of the distributions that need more than one number an element.
namespace troupe::nd::random {

double draw_gamma(Draws& draws, double shape);
double draw_vonmises(Draws& draws, double mu, double kappa);
double draw_wald(Draws& draws, double mean, double scale);
std::int64_t draw_poisson(Draws& draws, double lambda);
std::int64_t draw_binomial(Draws& draws, std::int64_t n, double p);
std::int64_t draw_hypergeometric(Draws& draws, std::int64_t good, std::int64_t bad, std::int64_t sample);
std::int64_t draw_logseries(Draws& draws, double p);
std::int64_t draw_zipf(Draws& draws, double a);
/// In [low, low + range), each as likely; a range of 0 is all 64 bits.
std::int64_t draw_integer(Draws& draws, std::int64_t low, std::uint64_t range);

}  // namespace troupe::nd::random
