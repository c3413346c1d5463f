#include "collections/ndarray/program.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "runtime/store/value.hpp"

namespace troupe::nd {
namespace {

using testing::ElementsAre;

NdArray counting(Shape shape) {
  std::vector<double> elements(static_cast<std::size_t>(size_of(shape)));
  std::iota(elements.begin(), elements.end(), 0);
  return NdArray::of<double>(std::move(shape), elements);
}

Program twice_plus() {
  Program p;
  const auto a = p.input(DType::float64);
  const auto b = p.input(DType::float64);
  p.set_result(p.apply(Op::add, {p.apply(Op::multiply, {a, p.constant(2)}), b}));
  return p;
}

TEST(Program, FusesAChain) {
  const auto a = counting({700, 300});
  const auto got = twice_plus().run(std::vector<NdArray>{a, a.slice(0, 3, 4)});
  for (const auto i : {0, 1, 350, 699})
    for (const auto j : {0, 7, 299})
      ASSERT_EQ(got.at({i, j}).to_double(), 2 * a.at({i, j}).to_double() + a.at({3, j}).to_double());
}

TEST(Program, WorksOnTransposedStridedAndShortRows) {
  const auto square = counting({333, 333});
  const auto sum = add(square, square.transpose());
  for (const auto i : {0, 5, 332})
    for (const auto j : {0, 255, 256, 332}) ASSERT_EQ(sum.at({i, j}).to_double(), 334.0 * (i + j));
  const auto narrow = counting({500, 3});
  EXPECT_EQ(add(narrow, NdArray::of<double>({1, 2, 3})).at({499, 2}).to_double(), 1499 + 3);
  const auto backwards = add(square.flip(1), square.flip(0));
  EXPECT_EQ(backwards.at({0, 0}).to_double(), 332 + 332 * 333);
  EXPECT_TRUE(add(square.transpose(), square.transpose()).transpose().is_contiguous());
}

TEST(Program, TravelsAndIsChecked) {
  const auto p = twice_plus();
  const auto encoded = Value::make(p).encode();
  const auto value = Value::from_encoded(encoded);
  const auto got = value.as<Program>();
  ASSERT_TRUE(got) << got.error().text;
  EXPECT_EQ(**got, p);
  for (std::size_t i = 0; i < encoded.header.size(); ++i) {
    std::vector<std::byte> broken(encoded.header.span().begin(), encoded.header.span().end());
    broken[i] ^= std::byte{0x55};
    EncodedValue changed{encoded.fingerprint, Bytes(std::make_shared<std::vector<std::byte>>(broken), nullptr, 0), {}};
    auto owner = std::make_shared<std::vector<std::byte>>(broken);
    changed.header = Bytes(owner, owner->data(), owner->size());
    const auto read = Value::from_encoded(changed);
    const auto program = read.as<Program>();
    // What is still a program can be run, or says why not.
    if (!program || (*program)->input_count() != 2) continue;
    try {
      static_cast<void>((*program)->run(std::vector<NdArray>{counting({5}), counting({5})}));
    } catch (const InvalidRequest&) {
    }
  }
}

TEST(Program, ComparesIntegersOfBothSignsExactly) {
  const auto a = NdArray::of<std::int64_t>({-1, INT64_MAX, 5});
  const auto b = NdArray::of<std::uint64_t>({UINT64_MAX, static_cast<std::uint64_t>(INT64_MAX) + 1, 5});
  EXPECT_THAT(less(a, b).to_vector<bool>(), ElementsAre(true, true, false));
  EXPECT_THAT(greater(b, a).to_vector<bool>(), ElementsAre(true, true, false));
  EXPECT_THAT(equal(a, b).to_vector<bool>(), ElementsAre(false, false, true));
  EXPECT_THAT(less(NdArray::of<std::uint8_t>({1, 255}), 300).to_vector<bool>(), ElementsAre(true, true));
}

TEST(Program, SaysWhatDoesNotFit) {
  const auto a = counting({2, 3});
  EXPECT_THROW(add(a, counting({4})), InvalidRequest);
  EXPECT_THROW(bitwise_and(a, a), InvalidRequest);
  EXPECT_THROW(subtract(NdArray::of<bool>({true}), NdArray::of<bool>({true})), InvalidRequest);
  EXPECT_THROW(power(NdArray::of<int>({2}), NdArray::of<int>({-1})), InvalidRequest);
  EXPECT_THROW(add(NdArray::of<std::uint8_t>({2}), 300), InvalidRequest);
}

TEST(Program, IntegersDivideAsPythonDoes) {
  const auto a = NdArray::of<int>({7, -7, 7, -7, 5});
  const auto b = NdArray::of<int>({2, 2, -2, -2, 0});
  EXPECT_THAT(floor_divide(a, b).to_vector<int>(), ElementsAre(3, -4, -4, 3, 0));
  EXPECT_THAT(remainder(a, b).to_vector<int>(), ElementsAre(1, 1, -1, -1, 0));
  EXPECT_EQ(divide(a, b).dtype(), DType::float64);
  EXPECT_EQ(add(NdArray::of<std::int8_t>({127}), 1).item<int>(), -128);
}

}  // namespace
}  // namespace troupe::nd
