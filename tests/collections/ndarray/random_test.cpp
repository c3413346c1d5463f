#include "collections/ndarray/random.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/philox.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd::random {
namespace {

constexpr std::int64_t many = 200000;

TEST(Philox, GivesThePublishedNumbers) {
  // The known answers of the authors' own tests.
  EXPECT_THAT(philox({0, 0, 0, 0}, 0), testing::ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff),
              testing::ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
}

TEST(Random, VectorsGiveWhatOneCounterGives) {
  std::vector<double> got(37);
  fill_uniform(12345, 7, 3, got.size(), got.data());
  for (std::uint64_t i = 0; i < got.size(); ++i) {
    const auto e = i + 3;
    const auto c = philox({static_cast<std::uint32_t>(e / 2), 0, 7, 0}, 12345);
    const auto bits = e % 2 == 0 ? c[0] | std::uint64_t{c[1]} << 32 : c[2] | std::uint64_t{c[3]} << 32;
    ASSERT_EQ(got[i], static_cast<double>(bits >> 12) * 0x1p-52) << i;
  }
}

TEST(Random, BlocksGiveTheSameAsTheWhole) {
  for (const auto* name : {"uniform", "normal", "exponential", "poisson", "standard_gamma"}) {
    const auto d =
        distribution(name, std::string(name) == "standard_gamma" ? std::vector<double>{2.5} : std::vector<double>{});
    const Key key{99, 3};
    const auto whole = draw(d, key, Shape{7, 9, 5});
    for (const auto& [start, extent] :
         {std::pair(Shape{0, 0, 0}, Shape{7, 9, 5}), std::pair(Shape{2, 3, 1}, Shape{4, 5, 3}),
          std::pair(Shape{3, 0, 0}, Shape{2, 9, 5}), std::pair(Shape{6, 8, 4}, Shape{1, 1, 1})}) {
      const auto part = draw(d, key, Part{Shape{7, 9, 5}, start, extent});
      auto expected = whole;
      for (std::size_t i = 0; i < 3; ++i) expected = expected.slice(i, start[i], start[i] + extent[i]);
      EXPECT_TRUE(array_equal(part, expected)) << name << text_of(start);
    }
    EXPECT_FALSE(array_equal(whole, draw(d, Key{99, 4}, Shape{7, 9, 5}))) << name;
    EXPECT_FALSE(array_equal(whole, draw(d, Key{98, 3}, Shape{7, 9, 5}))) << name;
  }
}

struct Moments {
  const char* name;
  std::vector<double> parameters;
  double mean;
  double variance;
};

TEST(Random, MomentsAreThoseOfTheDistribution) {
  const double euler = 0.57721566490153286;
  const Moments known[] = {
      {"random", {}, 0.5, 1.0 / 12},
      {"uniform", {-2, 6}, 2, 64.0 / 12},
      {"normal", {3, 2}, 3, 4},
      {"exponential", {2}, 2, 4},
      {"integers", {-5, 6}, 0, 10},
      {"gamma", {3, 2}, 6, 12},
      {"gamma", {0.4, 1}, 0.4, 0.4},
      {"beta", {2, 3}, 0.4, 0.04},
      {"chisquare", {5}, 5, 10},
      {"f", {5, 20}, 20.0 / 18, 2 * 400.0 * 23 / (5 * 18 * 18 * 16)},
      {"standard_t", {12}, 0, 1.2},
      {"lognormal", {0, 0.5}, std::exp(0.125), (std::exp(0.25) - 1) * std::exp(0.25)},
      {"laplace", {1, 2}, 1, 8},
      {"logistic", {1, 2}, 1, 4 * M_PI * M_PI / 3},
      {"gumbel", {1, 2}, 1 + 2 * euler, 4 * M_PI * M_PI / 6},
      {"weibull", {2}, std::tgamma(1.5), 1 - std::tgamma(1.5) * std::tgamma(1.5)},
      {"pareto", {5}, 0.25, 5.0 / 48},
      {"power", {3}, 0.75, 3.0 / 80},
      {"rayleigh", {2}, 2 * std::sqrt(M_PI / 2), (4 - M_PI) / 2 * 4},
      {"triangular", {0, 1, 4}, 5.0 / 3, (16.0 + 1 - 4) / 18},
      {"vonmises", {0, 4}, 0, 0.297},
      {"wald", {2, 3}, 2, 8.0 / 3},
      {"poisson", {3.5}, 3.5, 3.5},
      {"poisson", {80}, 80, 80},
      {"binomial", {20, 0.3}, 6, 4.2},
      {"binomial", {500, 0.7}, 350, 105},
      {"geometric", {0.2}, 5, 20},
      {"negative_binomial", {4, 0.4}, 6, 15},
      {"hypergeometric", {15, 25, 10}, 3.75, 10 * 0.375 * 0.625 * 30 / 39},
      {"logseries",
       {0.6},
       -0.6 / (0.4 * std::log(0.4)),
       -0.6 * (0.6 + std::log(0.4)) / (0.16 * std::log(0.4) * std::log(0.4))},
      {"zipf",
       {6},
       1.0369277551 / 1.0173430620,
       1.0823232337 / 1.0173430620 - 1.0369277551 * 1.0369277551 / (1.0173430620 * 1.0173430620)},
      {"noncentral_chisquare", {4, 2}, 6, 16},
      {"noncentral_chisquare", {0.5, 2}, 2.5, 9},
      {"noncentral_f", {6, 20, 3}, 20.0 * 9 / (6 * 18), 2 * (81.0 + (6 + 2 * 3) * 18) / (18 * 18 * 16) * 400.0 / 36},
  };
  std::uint32_t stream = 0;
  for (const auto& [name, parameters, expected_mean, expected_variance] : known) {
    const auto x = draw(distribution(name, parameters), Key{2024, ++stream}, Shape{many}).astype(DType::float64);
    const double error = std::sqrt(expected_variance / many);
    EXPECT_NEAR(mean(x).item<double>(), expected_mean, 5 * error) << name;
    EXPECT_NEAR(var(x).item<double>() / expected_variance, 1, 0.06) << name;
    EXPECT_TRUE(all(isfinite(x)).item<bool>()) << name;
  }
}

TEST(Random, NormalsHaveNormalQuantilesAndAreIndependent) {
  const auto x = draw(distribution("standard_normal"), Key{5, 0}, Shape{many});
  const auto q = quantile(x, NdArray::of<double>({0.00135, 0.158655, 0.5, 0.841345, 0.99865})).to_vector<double>();
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(q[i], std::vector<double>({-3, -1, 0, 1, 3})[i], i % 4 == 0 ? 0.08 : 0.02);
  const auto lagged = mean(multiply(x.slice(0, 1, many), x.slice(0, 0, many - 1))).item<double>();
  EXPECT_NEAR(lagged, 0, 5 / std::sqrt(many));
  const auto squares = square(x);
  EXPECT_NEAR(mean(multiply(squares.slice(0, 1, many), squares.slice(0, 0, many - 1))).item<double>(), 1, 0.05);
}

TEST(Random, PermutationsAndChoices) {
  const auto p = permutation(Key{1, 2}, 1000);
  EXPECT_TRUE(array_equal(sort(p), argsort(NdArray::full({1000}, 0, DType::int64))));
  const auto some = choice(Key{1, 2}, 50, {20}, false);
  EXPECT_EQ(unique(some).size(), 20);
  const auto weighted = choice(Key{1, 3}, 3, {many}, true, NdArray::of<double>({1, 0, 3}));
  EXPECT_EQ(count_nonzero(equal(weighted, 1)).item<int>(), 0);
  EXPECT_NEAR(count_nonzero(equal(weighted, 2)).item<double>() / many, 0.75, 0.01);
  EXPECT_THROW(choice(Key{}, 3, {4}, false), InvalidRequest);
  EXPECT_THROW(choice(Key{}, 3, {2}, false, NdArray::of<double>({1, 0, 0})), InvalidRequest);
}

TEST(Random, BadParametersAreNamed) {
  EXPECT_THROW(distribution("gama"), InvalidRequest);
  EXPECT_THROW(distribution("gamma"), InvalidRequest);
  EXPECT_THROW(distribution("normal", {0, -1}), InvalidRequest);
  EXPECT_THROW(distribution("integers", {3, 3}), InvalidRequest);
  EXPECT_THROW(distribution("normal", {0, 1, 2}), InvalidRequest);
  EXPECT_THROW(distribution("binomial", {10, 1.5}), InvalidRequest);
}

}  // namespace
}  // namespace troupe::nd::random
