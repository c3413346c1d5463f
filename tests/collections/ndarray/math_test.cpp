// exp, log, sin and cos, some of which have loops of their own: how near they are, at the ends of the numbers too, and
// that a result does not depend on what lies beside.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "collections/ndarray/elementwise.hpp"

namespace troupe::nd {
namespace {

using Function = NdArray (*)(const NdArray&);
struct Named {
  const char* name;
  Function function;
  long double (*exact)(long double);
};
const Named functions[] = {
    {"exp", [](const NdArray& a) { return exp(a); }, [](long double x) { return std::exp(x); }},
    {"log", [](const NdArray& a) { return log(a); }, [](long double x) { return std::log(x); }},
    {"sin", [](const NdArray& a) { return sin(a); }, [](long double x) { return std::sin(x); }},
    {"cos", [](const NdArray& a) { return cos(a); }, [](long double x) { return std::cos(x); }},
};
const Named& exponential = functions[0];
const Named& logarithm = functions[1];
const Named& sine = functions[2];
const Named& cosine = functions[3];

/// Steps of T between the results for drawn numbers, -1 to 1, as `from` spreads them, and what they should be.
template <class T, class From>
double worst_error(const Named& f, From from) {
  std::mt19937_64 draw(3);
  std::uniform_real_distribution<double> unit(-1, 1);
  std::vector<T> x(20000);
  for (auto& each : x) each = static_cast<T>(from(unit(draw)));
  const auto results = f.function(NdArray::of(x)).template to_vector<T>();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto wanted = f.exact(static_cast<long double>(x[i]));
    const auto nearest = std::fabs(static_cast<T>(wanted));
    const auto step = static_cast<long double>(std::nextafter(nearest, std::numeric_limits<T>::infinity())) - nearest;
    const auto error = static_cast<double>(std::fabs(static_cast<long double>(results[i]) - wanted) / step);
    if (!(error <= worst)) worst = error;  // a NaN, too, and it stays
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

TEST(ShortMath, IsWithinOneUnitOfTheLastPlace) {
  const auto spread = [](double u) { return std::exp(u * 80); };
  const auto near_one = [](double u) { return 1 + 0.4 * u; };
  const auto denormal = [](double u) { return std::fabs(u) * 1e-39; };
  EXPECT_LE(worst_error<double>(logarithm, spread), 1.01);
  EXPECT_LE(worst_error<double>(logarithm, near_one), 1.01);
  EXPECT_LE(worst_error<double>(logarithm, [](double u) { return std::fabs(u) * 1e-310; }), 1.01);
  EXPECT_LE(worst_error<float>(logarithm, spread), 1.01);
  EXPECT_LE(worst_error<float>(logarithm, near_one), 1.01);
  EXPECT_LE(worst_error<float>(logarithm, denormal), 1.01);
  EXPECT_LE(worst_error<double>(exponential, [](double u) { return 700 * u; }), 1.01);
  EXPECT_LE(worst_error<float>(exponential, [](double u) { return 80 * u; }), 1.01);
  // Up to 50000 a loop of its own may do; beyond, there is SLEEF.
  const auto whole_quarters = [](double u) { return std::round(u * 30000) * 1.57079632679489661923; };
  const auto wide = [](double u) { return u * 49999; };
  const auto far = [](double u) { return std::copysign(50001 + std::fabs(u) * 1e6, u); };
  for (const auto* f : {&sine, &cosine}) {
    SCOPED_TRACE(f->name);
    EXPECT_LE(worst_error<float>(*f, wide), 1.01);
    EXPECT_LE(worst_error<float>(*f, whole_quarters), 1.01);
    EXPECT_LE(worst_error<float>(*f, far), 1.01);
    EXPECT_LE(worst_error<double>(*f, wide), 1.01);
    EXPECT_LE(worst_error<double>(*f, far), 1.01);
  }
}

template <class T>
void expect_ends_kept() {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  constexpr T tiny = std::numeric_limits<T>::denorm_min();
  constexpr T most = std::numeric_limits<T>::max();
  constexpr T least = std::numeric_limits<T>::min();
  const std::vector<T> x{0,    T(-0.0), 1,     -1,     infinity, -infinity, nan,  tiny, -tiny,   3 * tiny,
                         most, -most,   least, -least, T(709.9), T(-745.2), -700, 100,  T(88.8), T(-103.9)};
  const auto logs = log(NdArray::of(x)).template to_vector<T>();
  const auto powers = exp(NdArray::of(x)).template to_vector<T>();
  const auto sines = sin(NdArray::of(x)).template to_vector<T>();
  const auto cosines = cos(NdArray::of(x)).template to_vector<T>();
  const auto expect_near = [](T got, T wanted) {
    if (std::isinf(wanted))
      EXPECT_EQ(got, wanted);
    else
      EXPECT_NEAR(got, wanted, std::nextafter(std::fabs(wanted), infinity) - std::fabs(wanted));
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    SCOPED_TRACE(x[i]);
    EXPECT_EQ(std::isnan(logs[i]), x[i] < 0 || std::isnan(x[i]));
    if (!std::isnan(logs[i])) expect_near(logs[i], std::log(x[i]));
    EXPECT_EQ(std::isnan(powers[i]), std::isnan(x[i]));
    if (!std::isnan(x[i])) expect_near(powers[i], std::exp(x[i]));
    EXPECT_EQ(std::isnan(sines[i]), !std::isfinite(x[i]));
    EXPECT_EQ(std::isnan(cosines[i]), !std::isfinite(x[i]));
    if (std::isfinite(x[i])) {
      expect_near(sines[i], std::sin(x[i]));
      expect_near(cosines[i], std::cos(x[i]));
    }
  }
}

TEST(ShortMath, KeepsToTheEndsOfTheNumbers) {
  expect_ends_kept<double>();
  expect_ends_kept<float>();
}

TEST(ShortMath, TheSineOfANegativeZeroIsOne) {
  // Nothing beside is far away, which would be another loop.
  const std::vector<float> x(64, -0.0F);
  for (const auto dtype : {DType::float32, DType::float64})
    for (const auto each : sin(NdArray::of(x).astype(dtype)).to_vector<double>()) {
      EXPECT_EQ(each, 0);
      EXPECT_TRUE(std::signbit(each));
    }
}

/// The bits of f of `values`, one of which is alone in each array, at some place beside copies of `beside`.
template <class T>
void expect_alike_everywhere(const Named& f) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr std::size_t length = 35;  // whole vectors and a rest
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T beside[] = {1,
                      20,
                      60000,
                      T(1e30),
                      0,
                      -1,
                      std::numeric_limits<T>::denorm_min(),
                      infinity,
                      -infinity,
                      std::numeric_limits<T>::quiet_NaN()};
  std::mt19937_64 draw(6);
  std::uniform_real_distribution<double> unit(-1, 1);
  const bool of_logarithm = &f == &logarithm;
  for (const double scale : {1.0, 12.0, 40.0, 1000.0, 45000.0, 1e6}) {
    std::vector<T> values(2000);
    for (auto& value : values)
      value = static_cast<T>(of_logarithm ? std::fabs(unit(draw)) * scale : unit(draw) * scale);
    const auto together = f.function(NdArray::of(values)).template to_vector<T>();
    // One array for each neighbour, so that few are made: each value has a row with neighbours alone.
    for (const T neighbour : beside) {
      std::vector<T> row(length, neighbour);
      for (std::size_t i = 0; i < values.size(); i += 7) {
        const auto at = draw() % length;
        row[at] = values[i];
        const auto result = f.function(NdArray::of(row)).template to_vector<T>()[at];
        row[at] = neighbour;
        ASSERT_EQ(std::bit_cast<Bits>(result), std::bit_cast<Bits>(together[i]))
            << f.name << " of " << values[i] << " at " << at << " beside " << neighbour;
      }
    }
  }
}

TEST(ShortMath, AResultDependsOnItsElementAlone) {
  for (const auto& f : functions) {
    expect_alike_everywhere<double>(f);
    expect_alike_everywhere<float>(f);
  }
}

}  // namespace
}  // namespace troupe::nd
