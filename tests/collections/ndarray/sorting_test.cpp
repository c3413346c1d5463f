// Lines that are longer than drawn cases have: those that are partitioned, whose keys lose bits, or that have more
// different elements than a small table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/sort_kernels.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd {
namespace {

template <class T>
bool before(T a, T b) {
  return a < b || (b != b && a == a);
}

/// Drawn numbers of several kinds: spread, few different, alike, ascending, descending, with NaN and infinities.
template <class T>
std::vector<T> drawn(int kind, std::size_t n, std::mt19937_64& draw) {
  using Wide = std::conditional_t<std::is_integral_v<T>, std::int64_t, T>;
  std::vector<T> x(n);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (std::size_t i = 0; i < n; ++i) {
    const double u = unit(draw);
    switch (kind) {
      case 0: x[i] = static_cast<T>(static_cast<Wide>(u * 1e6)); break;
      case 1: x[i] = static_cast<T>(static_cast<Wide>(u * 5)); break;
      case 2: x[i] = T(3); break;
      case 3: x[i] = static_cast<T>(i); break;
      case 4: x[i] = static_cast<T>(n - i); break;
      case 5: x[i] = static_cast<T>(i % 17); break;
      default:
        if constexpr (std::is_floating_point_v<T>)
          x[i] = u > 0.9    ? std::numeric_limits<T>::quiet_NaN()
                 : u < -0.9 ? -std::numeric_limits<T>::infinity()
                 : u > 0.8  ? std::numeric_limits<T>::infinity()
                            : static_cast<T>(std::exp(u * 80));
        else
          x[i] = static_cast<T>(draw());
    }
  }
  return x;
}

template <class T>
void expect_sorted(const std::vector<T>& x) {
  const auto array = NdArray::of(x);
  std::vector<std::int64_t> places(x.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](auto i, auto j) {
    return before(x[static_cast<std::size_t>(i)], x[static_cast<std::size_t>(j)]);
  });
  ASSERT_EQ(argsort(array).template to_vector<std::int64_t>(), places);
  const auto values = sort(array).template to_vector<T>();
  std::vector<T> different;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T wanted = x[static_cast<std::size_t>(places[i])];
    ASSERT_FALSE(before(values[i], wanted) || before(wanted, values[i])) << i;
    if (different.empty() || before(different.back(), wanted)) different.push_back(wanted);
  }
  const auto found = unique(array).template to_vector<T>();
  ASSERT_EQ(found.size(), different.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_FALSE(before(found[i], different[i]) || before(different[i], found[i])) << i;
}

/// Around what a network takes, what can be partitioned, and where std::sort and keys begin.
constexpr std::size_t limits[] = {32, 64, 104, 128, 208, 256};

template <class T>
void expect_all_sorted() {
  std::mt19937_64 draw(1);
  std::vector<std::size_t> lengths{1, 2, 300, 1000, 5003, 100001};
  for (const auto limit : limits) lengths.insert(lengths.end(), {limit - 1, limit, limit + 1});
  for (const auto n : lengths)
    for (int kind = 0; kind < 7; ++kind) {
      SCOPED_TRACE(std::string(name_of(dtype_of<T>)) + ", kind " + std::to_string(kind) + ", " + std::to_string(n));
      expect_sorted(drawn<T>(kind, n, draw));
      if (::testing::Test::HasFatalFailure()) return;
    }
}

TEST(Sorting, LinesOfAllNumbersAreSorted) {
  expect_all_sorted<double>();
  expect_all_sorted<float>();
  expect_all_sorted<std::int64_t>();
  expect_all_sorted<std::uint64_t>();
  expect_all_sorted<std::int32_t>();
  expect_all_sorted<std::uint32_t>();
  expect_all_sorted<std::int16_t>();
  expect_all_sorted<std::uint16_t>();
  expect_all_sorted<std::int8_t>();
  expect_all_sorted<std::uint8_t>();
}

template <class T>
void expect_nothing_beside_is_touched() {
  std::mt19937_64 draw(4);
  for (std::size_t n = 32; n <= 300; ++n) {
    constexpr std::size_t margin = 64;
    auto x = drawn<T>(0, n + 2 * margin, draw);
    const auto before_it = x;
    sort_kernel(dtype_of<T>)(n, x.data() + margin);
    const auto same = [&](std::size_t begin) {
      return std::equal(x.begin() + static_cast<std::ptrdiff_t>(begin),
                        x.begin() + static_cast<std::ptrdiff_t>(begin + margin),
                        before_it.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    ASSERT_TRUE(same(0) && same(margin + n)) << name_of(dtype_of<T>) << ", " << n;
    ASSERT_TRUE(std::is_sorted(x.begin() + margin, x.end() - margin)) << name_of(dtype_of<T>) << ", " << n;
  }
}

TEST(Sorting, NothingBesideALineIsTouched) {
  expect_nothing_beside_is_touched<double>();
  expect_nothing_beside_is_touched<float>();
  expect_nothing_beside_is_touched<std::int64_t>();
  expect_nothing_beside_is_touched<std::uint32_t>();
  expect_nothing_beside_is_touched<std::int32_t>();
  expect_nothing_beside_is_touched<std::int16_t>();
}

template <class T>
void expect_zeros_in_order() {
  std::mt19937_64 draw(5);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T kinds[] = {0, T(-0.0), 0, T(-0.0), 1, -1, infinity, -infinity, std::numeric_limits<T>::quiet_NaN()};
  for (const std::size_t n : {2U, 31U, 100U, 127U, 256U, 1000U, 20000U}) {
    std::vector<T> x(n);
    for (auto& each : x) each = kinds[draw() % std::size(kinds)];
    const auto negative = [](T a) { return a == 0 && std::signbit(a); };
    const auto positive = [](T a) { return a == 0 && !std::signbit(a); };
    const auto sorted = sort(NdArray::of(x)).template to_vector<T>();
    ASSERT_EQ(std::count_if(sorted.begin(), sorted.end(), negative), std::count_if(x.begin(), x.end(), negative)) << n;
    ASSERT_EQ(std::count_if(sorted.begin(), sorted.end(), positive), std::count_if(x.begin(), x.end(), positive)) << n;
    const auto first = std::find_if(sorted.begin(), sorted.end(), positive);
    ASSERT_EQ(std::find_if(first, sorted.end(), negative), sorted.end()) << n;
  }
}

TEST(Sorting, ZerosKeepTheirSignsAndTheNegativeOnesComeFirst) {
  expect_zeros_in_order<double>();
  expect_zeros_in_order<float>();
}

TEST(Sorting, ElementsWhoseFirstBitsAreAlikeAreInOrder) {
  std::mt19937_64 draw(2);
  std::vector<double> x;
  for (int i = 0; i < 50000; ++i) x.push_back(1 + 1e-15 * static_cast<double>(draw() % 5000));
  x.push_back(1e300);
  x.push_back(-1e300);
  expect_sorted(x);
}

TEST(Sorting, TheFirstOfTheGreatestIsFoundWhereverItIs) {
  for (const std::int64_t n : {1, 7, 63, 64, 1023, 1024, 1025, 5000})
    for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      auto a = NdArray::zeros({n});
      for (const auto& value : {2.0, std::numeric_limits<double>::quiet_NaN()}) {
        a.mutable_data_as<double>()[at] = value;
        a.mutable_data_as<double>()[n - 1] = value;
        EXPECT_EQ(argmax(a).item<std::int64_t>(), at);
        EXPECT_EQ(argmax(a, 0, true).shape(), Shape{1});
        EXPECT_EQ(argmax(a).shape(), Shape{});
      }
    }
}

}  // namespace
}  // namespace troupe::nd
