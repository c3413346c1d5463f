#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "tests/collections/array/on_blocks.hpp"

namespace troupe::array {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace f = array_tests;

class ArrayFunctionsTest : public OnBlocks {};
INSTANTIATE_TEST_SUITE_P(On, ArrayFunctionsTest, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(ArrayFunctionsTest, blocks_meet_by_the_letters_of_their_axes) {
  const auto a = values({7, 6});
  const auto b = values({6, 5});
  expect_equal(blockwise<f::product>("ij", {{blocks(a), "ik"}, {blocks(b), "kj"}}), nd::matmul(a, b), "product");
  const auto c = values({6, 7});
  expect_equal(blockwise<f::weighted>("ij", {{blocks(a), "ij"}, {blocks(c).T(), "ij"}}, {}, 0.5),
               nd::add(a, nd::multiply(c.transpose(), 0.5)), "cut to fit");
  const auto row = values({1, 6});
  expect_equal(blockwise<f::weighted>("ij", {{blocks(a), "ij"}, {blocks(row), "ij"}}, {}, 2.0),
               nd::add(a, nd::multiply(row, 2)), "an axis of one element is repeated");
  expect_equal(blockwise<f::both_signs>("nij", {{blocks(a), "ij"}}, {.new_axes = {{'n', {2}}}}),
               nd::stack({a, nd::negative(a)}, 0), "a new axis");
}

TEST_P(ArrayFunctionsTest, signatures_say_which_axes_are_whole_and_loop_over_the_others) {
  const auto a = values({3, 4, 5});
  const auto v = values({3, 5});
  NdArray expected({3, 4}, DType::float64);
  for (std::int64_t i = 0; i < 3; ++i) expected.slice(0, i, i + 1).assign(nd::matmul(a.pick(0, i), v.pick(0, i)));
  expect_equal(apply_gufunc<f::times_vector>("(i,j),(j)->(i)", {blocks(a), blocks(v)}), expected, "times vector");
  expect_equal(apply_gufunc<f::times_vector>("(i,j),(j)->(i)", {blocks(a), blocks(v.pick(0, 0))}),
               nd::matmul(a, v.pick(0, 0)), "one vector for all");
  const auto results = apply_gufunc<f::summary>("(i)->(),(k)", {blocks(a)}, {.out_sizes = {{"k", 2}}});
  ASSERT_EQ(results.size(), 2U);
  expect_equal(results[0], nd::mean(a, -1), "mean");
  expect_equal(results[1], nd::stack({nd::min(a, -1), nd::max(a, -1)}, -1), "least and greatest");
}

TEST_P(ArrayFunctionsTest, lines_along_an_axis_give_numbers_or_lines) {
  const auto a = values({5, 6, 4});
  for (const int axis : {0, 1, -1}) {
    const auto length = a.extent(static_cast<std::size_t>(axis < 0 ? axis + 3 : axis));
    expect_equal(apply_along_axis<f::spread>(axis, blocks(a)), nd::ptp(a, axis), "spread");
    expect_equal(apply_along_axis<f::descending>(axis, blocks(a), {.length = length}),
                 nd::sort(a, axis).flip(static_cast<std::size_t>(axis < 0 ? axis + 3 : axis)), "descending");
  }
  expect_equal(apply_along_axis<f::three>(1, blocks(a), {.length = 3}), a.slice(1, 0, 3).copy(), "shorter lines");
}

TEST_P(ArrayFunctionsTest, reductions_of_the_users_are_joined_in_trees) {
  const auto a = values({17, 9});
  const auto norm = [&](const ReduceOptions& options) {
    return reduction<f::squares, f::add_up, f::root>(blocks(a), options);
  };
  expect_equal(norm({.split_every = 2}), nd::sqrt(nd::sum(nd::multiply(a, a))), "of all");
  expect_equal(norm({.axis = 0}), nd::sqrt(nd::sum(nd::multiply(a, a), 0)), "of columns");
  auto over = f::kept({1});
  expect_equal(norm({.axis = -1, .keepdims = true}), nd::sqrt(nd::sum(nd::multiply(a, a), over)), "kept");
}

TEST_P(ArrayFunctionsTest, functions_of_indices_and_over_axes) {
  const auto made = fromfunction<f::tens>({4, 5}, DType::int64, {3, 2});
  const auto corner = made[{3, 4}];
  EXPECT_EQ(corner.item<int>(), 34);
  const auto whole = made.compute();
  const auto summed =
      apply_over_axes([](const Array& x, int axis) { return x.sum({.axis = axis}); }, blocks(whole), {0, 1});
  expect_equal(summed, nd::sum(whole, f::kept({0, 1})), "sums over axes");
}

TEST_P(ArrayFunctionsTest, pieces_and_what_is_pushed) {
  const auto a = values({50});
  const auto x = blocks(a);
  const auto made = piecewise(x, {x<0, x> 2}, {Operand(-1.0), [](const Array& y) { return y * y; }});
  expect_equal(made, nd::where(nd::greater(a, 2), nd::multiply(a, a), nd::where(nd::less(a, 0), -1.0, 0.0)), "pieces");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto holes = NdArray::of(std::vector<double>{nan, 1, nan, nan, nan, 2, nan});
  expect_equal(push(blocks(holes)), NdArray::of(std::vector<double>{nan, 1, 1, 1, 1, 2, 2}), "pushed");
  expect_equal(push(blocks(holes), 2), NdArray::of(std::vector<double>{nan, 1, 1, 1, nan, 2, 2}), "two at most");
  const auto lower = tril_indices(4, -1);
  EXPECT_EQ(lower[0].to_vector<int>(), (std::vector<int>{1, 2, 2, 3, 3, 3}));
  EXPECT_EQ(lower[1].to_vector<int>(), (std::vector<int>{0, 0, 1, 0, 1, 2}));
  EXPECT_EQ(triu_indices(3, 1)[1].to_vector<int>(), (std::vector<int>{1, 2, 2}));
}

TEST_P(ArrayFunctionsTest, points_are_counted_in_boxes) {
  const auto x = NdArray::of(std::vector<double>{0, 0.5, 1, 1.5, 2, 3, -1, std::nan("")});
  const auto y = NdArray::of(std::vector<double>{0, 1, 1, 0, 2, 0, 0, 1});
  // As numpy.histogram2d says.
  const auto counts = NdArray::of(std::vector<double>{1, 1, 1, 2}).reshape({2, 2});
  expect_equal(histogram2d(blocks(x), blocks(y), {0, 1, 2}, {0, 1, 2}), counts, "counts");
  const auto weights = NdArray::of(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
  expect_equal(histogram2d(blocks(x), blocks(y), {0, 1, 2}, {0, 1, 2}, blocks(weights)),
               NdArray::of(std::vector<double>{1, 2, 4, 8}).reshape({2, 2}), "weights");
  const auto points = nd::stack({x, y}, 1);
  expect_equal(histogramdd(blocks(points), {{0, 1, 3}, {0, 1, 2}}, {}, true),
               NdArray::of(std::vector<double>{1. / 6, 1. / 6, 1. / 6, 1. / 6}).reshape({2, 2}), "density");
}

TEST_P(ArrayFunctionsTest, a_wide_matrix_is_factored_by_its_first_square) {
  const auto a = values({3, 11});
  const auto [q, r] = linalg::sfqr(blocks(a));
  expect_equal(matmul(q, r), a, "a = q r");
  expect_equal(matmul(q.T(), q), nd::eye(3, 3, 0, DType::float64), "q is orthogonal");
}

TEST(ArrayFunctionRefusals, name_letters_shapes_and_signature) {
  const auto x = zeros({4, 3}, {.chunks = 2});
  EXPECT_THAT(refusal_of([&] {
                (void)blockwise<f::product>("ij", {{x, "ik"}, {x, "kj"}});
              }),
              AllOf(HasSubstr("blockwise"), HasSubstr("axis 'k'"), HasSubstr("(3,)"), HasSubstr("(4,)")));
  EXPECT_THAT(refusal_of([&] { (void)blockwise<f::both_signs>("nij", {{x, "ij"}}); }), HasSubstr("of no array"));
  EXPECT_THAT(refusal_of([&] {
                (void)blockwise<f::both_signs>("i", {{x, "i"}});
              }),
              AllOf(HasSubstr("\"i\""), HasSubstr("(4, 3)")));
  EXPECT_THAT(refusal_of([&] {
                (void)apply_gufunc<f::product>("(i,j),(j,k)->(i,k)", {x, x});
              }),
              HasSubstr("axis j is 3 long and 4"));
  EXPECT_THAT(refusal_of([&] {
                (void)apply_gufunc<f::product>("(i,j),(j->(i)", {x, x});
              }),
              AllOf(HasSubstr("a parenthesis is missing"), HasSubstr("(i,j),(j->(i)")));
  EXPECT_THAT(refusal_of([&] { (void)apply_gufunc<f::summary>("(i)->(),(k)", {x}); }), HasSubstr("out_sizes"));
  EXPECT_THAT(refusal_of([&] { (void)histogram2d(x, x, {0, 1}, {1, 0}); }), HasSubstr("do not ascend"));
}

}  // namespace
}  // namespace troupe::array
