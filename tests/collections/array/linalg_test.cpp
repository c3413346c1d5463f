#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "collections/array/linalg_parts.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/reductions.hpp"
#include "tests/collections/array/on_blocks.hpp"

namespace troupe::array {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Linear algebra in drawn blocks beside LAPACK on the whole matrix.
class ArrayLinalg : public OnBlocks {
protected:
  static bool is_narrow(DType dtype) { return dtype == DType::float32 || dtype == DType::complex64; }
  /// Computed with all others when the test ends. Beside the largest element, not beside each: a sum that cancels out
  /// is 0, nearly.
  void expect_close(const Array& array, const NdArray& expected, const std::string& what, double scale = 0) {
    arrays_.push_back(array);
    expected_.push_back({expected, what, scale});
  }
  void expect_close(const Array& array, double expected, const std::string& what) {
    expect_close(array, NdArray::scalar(expected, DType::float64), what);
  }
  void TearDown() override {
    const auto found = compute_all(arrays_);
    for (std::size_t i = 0; i < found.size(); ++i) compare(arrays_[i], found[i], expected_[i]);
  }
  /// Each of the calls that solve, of a matrix that has an inverse.
  void expect_solved(const NdArray& a, const Array& x, const std::string& what) {
    const auto inverse = nd::linalg::inv(a);
    const auto scale = nd::max(nd::absolute(inverse)).item<double>();
    const auto b = values({a.extent(0), 3});
    expect_close(linalg::solve(x, blocks(b)), nd::linalg::solve(a, b), what + ": solve", scale);
    expect_close(linalg::inv(x), inverse, what + ": inv", scale);
    expect_close(linalg::det(x), nd::linalg::det(a), what + ": det");
    const auto [sign, log] = linalg::slogdet(x);
    const auto [its_sign, its_log] = nd::linalg::slogdet(a);
    expect_close(sign, its_sign, what + ": sign");
    expect_close(log, its_log, what + ": log");
  }
  template <class F>
  static std::string failure_of(F&& lazy) {
    try {
      (void)lazy().compute();
    } catch (const TaskFailed& failed) {
      EXPECT_EQ(failed.error().type, "troupe::InvalidRequest");
      return failed.what();
    }
    return "it did not fail";
  }

private:
  struct Expected {
    NdArray array;
    std::string what;
    double scale{};
  };
  static void compare(const Array& array, const NdArray& found, const Expected& expected) {
    ASSERT_EQ(found.shape(), expected.array.shape()) << expected.what;
    EXPECT_EQ(array.shape(), found.shape()) << expected.what;
    EXPECT_EQ(nd::name_of(found.dtype()), nd::name_of(expected.array.dtype())) << expected.what;
    EXPECT_EQ(array.dtype(), found.dtype()) << expected.what;
    if (nd::array_equal(found, expected.array)) return;  // infinities too
    const auto size = nd::max(nd::absolute(expected.array)).item<double>();
    const auto error = nd::max(nd::absolute(nd::subtract(found, expected.array))).item<double>();
    EXPECT_LE(error, (is_narrow(found.dtype()) ? 1e-4 : 1e-10) * std::max({1.0, expected.scale, size}))
        << expected.what;
  }

  std::vector<Array> arrays_;
  std::vector<Expected> expected_;
};
INSTANTIATE_TEST_SUITE_P(On, ArrayLinalg, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(ArrayLinalg, lu_has_the_factors_of_the_whole_matrix_in_any_blocks) {
  const std::vector<Shape> shapes{{13, 13}, {9, 14}, {14, 9}, {1, 1}, {1, 5}, {5, 1}, {0, 0}, {0, 3}, {3, 0}};
  for (const auto dtype : {DType::float64, DType::float32, DType::complex128, DType::int32})
    for (const auto& shape : shapes) {
      const auto a = values(shape, dtype);
      const auto what = describe(shape) + " of " + std::string(nd::name_of(dtype));
      const auto expected = nd::linalg::lu(a);
      const auto found = linalg::lu(blocks(a));
      expect_close(found[0], expected.p, what + ": p");
      expect_close(found[1], expected.l, what + ": l");
      expect_close(found[2], expected.u, what + ": u");
    }
}

TEST_P(ArrayLinalg, all_that_is_solved_is_that_of_the_whole_matrix) {
  for (const auto dtype : {DType::float64, DType::float32, DType::complex64, DType::complex128, DType::int16})
    for (const auto n : {1, 6, 17}) {
      const auto a = nd::add(values({n, n}, dtype), nd::multiply(nd::eye(n, n), 8).astype(dtype));
      expect_solved(a, blocks(a), std::to_string(n) + " of " + std::string(nd::name_of(dtype)));
    }
  const auto a = values({12, 12});
  expect_solved(a, from_array(a, {12, 5}), "one row of blocks");
  expect_solved(a, from_array(a, {5, 12}), "one column of blocks");
  expect_solved(a, from_array(a, {{7, 1, 4}, {1, 9, 2}}), "uneven blocks");
  expect_solved(a, from_array(a, {1, 1}), "single elements");
  expect_solved(a, from_array(a, -1), "one block");
  const auto nothing = from_array(NdArray::zeros({0, 0}), 1);
  expect_close(linalg::inv(nothing), NdArray::zeros({0, 0}), "inverse of nothing");
  expect_close(linalg::solve(nothing, zeros({0})), NdArray::zeros({0}), "solution of nothing");
  expect_close(linalg::det(nothing), 1, "determinant of nothing");
  expect_close(linalg::slogdet(nothing).second, 0, "its logarithm");
}

TEST_P(ArrayLinalg, pivots_are_sought_among_all_rows_of_a_panel) {
  const auto swap = NdArray::of({2, 2}, {0.0, 1.0, 1.0, 0.0});
  expect_solved(swap, from_array(swap, 1), "zeros on the diagonal");
  auto cycle = NdArray::zeros({9, 9});
  for (std::int64_t i = 0; i < 9; ++i) cycle.mutable_data_as<double>()[i * 9 + (i + 4) % 9] = 1 + i;
  for (int round = 0; round < 3; ++round) expect_solved(cycle, blocks(cycle), "blocks of zeros on the diagonal");
  auto weak = values({8, 8});
  for (std::int64_t i = 0; i < 8; ++i)
    for (std::int64_t k = 0; k < 8; ++k)
      if (i / 2 == k / 2) weak.mutable_data_as<double>()[i * 8 + k] *= 1e-18;
  expect_solved(weak, from_array(weak, 2), "blocks on the diagonal are nearly zero");
  auto hilbert = NdArray::zeros({9, 9});
  for (std::int64_t i = 0; i < 81; ++i)
    hilbert.mutable_data_as<double>()[i] = 1.0 / (1.0 + static_cast<double>(i / 9 + i % 9));
  const auto b = values({9});
  const auto x = linalg::solve(from_array(hilbert, 2), blocks(b)).compute();
  const auto size = nd::max(nd::absolute(x)).item<double>();
  EXPECT_GT(size, 1e6) << "it is nearly singular";
  EXPECT_LE(nd::max(nd::absolute(nd::subtract(nd::matmul(hilbert, x), b))).item<double>(), 1e-14 * size);
}

TEST_P(ArrayLinalg, right_sides_are_vectors_or_matrices_in_any_blocks) {
  const auto a = nd::add(values({11, 11}), nd::multiply(nd::eye(11, 11), 9));
  for (const auto& shape : std::vector<Shape>{{11}, {11, 1}, {11, 7}, {11, 0}})
    for (const auto dtype : {DType::float64, DType::float32, DType::complex128, DType::int64}) {
      const auto b = values(shape, dtype);
      const auto what = describe(shape) + " of " + std::string(nd::name_of(dtype));
      expect_close(linalg::solve(blocks(a), blocks(b)), nd::linalg::solve(a, b), what);
    }
}

TEST_P(ArrayLinalg, positive_definite_matrices_are_solved_by_cholesky) {
  for (const auto dtype : {DType::float64, DType::complex128, DType::float32}) {
    const auto root = values({10, 10}, dtype);
    const auto turned = nd::conj(root).transpose();
    const auto a = nd::add(nd::matmul(root, turned), nd::multiply(nd::eye(10, 10), 5).astype(dtype));
    const auto b = values({10, 4}, dtype);
    for (const auto& x : {blocks(a), from_array(a, {10, 3}), from_array(a, -1)}) {
      expect_close(linalg::solve(x, blocks(b), "pos"), nd::linalg::solve(a, b), std::string(nd::name_of(dtype)));
      expect_close(linalg::cholesky(x), nd::linalg::cholesky(a), "cholesky");
    }
  }
  const auto b = values({4});
  EXPECT_THAT(failure_of([&] { return linalg::solve(-eye(4, 4, 0, {.chunks = 2}), blocks(b), "pos"); }),
              HasSubstr("not positive definite"));
}

TEST_P(ArrayLinalg, of_triangles_the_other_side_is_not_read) {
  const auto a = nd::add(values({12, 12}), nd::multiply(nd::eye(12, 12), 9));
  const auto other = NdArray::full({12, 12}, std::nan(""), DType::float64);
  for (const bool lower : {true, false}) {
    const auto inside = nd::tri(12, 12, lower ? 0 : -1, DType::bool_);
    const auto triangle = lower ? nd::where(inside, a, other) : nd::where(inside, other, a);
    for (const auto& shape : std::vector<Shape>{{12}, {12, 5}}) {
      const auto b = values(shape);
      expect_close(linalg::solve_triangular(blocks(triangle), blocks(b), lower),
                   nd::linalg::solve_triangular(a, b, lower), lower ? "lower" : "upper");
    }
  }
}

TEST_P(ArrayLinalg, what_is_singular_or_no_number_fails_by_the_name_of_the_call) {
  auto a = values({6, 6});
  a.slice(0, 4, 5).assign(nd::multiply(a.slice(0, 1, 2), 2));
  a.slice(1, 3, 4).assign(NdArray::scalar(0, DType::float64));
  const auto x = from_array(a, {2, 2});
  const auto b = from_array(values({6}), 6);
  EXPECT_THAT(failure_of([&] { return linalg::solve(x, b); }), HasSubstr("solve: the matrix is singular"));
  EXPECT_THAT(failure_of([&] { return linalg::inv(x); }), HasSubstr("inv: the matrix is singular"));
  for (const bool lower : {false, true})
    EXPECT_THAT(failure_of([&] { return linalg::solve_triangular(x * eye(6, 6, 0, {.chunks = 2}), b, lower); }),
                HasSubstr("solve_triangular: the matrix is singular"));
  expect_close(linalg::det(x), 0, "det of a singular matrix");
  expect_close(linalg::slogdet(x).first, 0, "sign of a singular matrix");
  expect_close(linalg::slogdet(x).second, -infinity, "log of a singular matrix");
  const auto factors = linalg::lu(x);
  expect_close(matmul(factors[0], matmul(factors[1], factors[2])), a, "factors of a singular matrix");

  auto with_nan = values({6, 6});
  with_nan.slice(0, 5, 6).assign(NdArray::scalar(std::nan(""), DType::float64));
  const auto y = from_array(with_nan, {2, 2});
  EXPECT_THAT(failure_of([&] { return linalg::solve(y, b); }), HasSubstr("solve: an element is not finite"));
  EXPECT_THAT(failure_of([&] { return linalg::lu(y)[2]; }), HasSubstr("lu: an element is not finite"));
  const auto bad = from_array(with_nan.slice(0, 5, 6).reshape({6}), 6);
  const auto good = eye(6, 6, 0, {.chunks = 2});
  EXPECT_THAT(failure_of([&] { return linalg::solve(good, bad); }), HasSubstr("solve: an element is not finite"));
  for (const bool lower : {false, true})
    EXPECT_THAT(failure_of([&] { return linalg::solve_triangular(good, bad, lower); }),
                HasSubstr("solve_triangular: an element is not finite"));
}

TEST_P(ArrayLinalg, determinants_overflow_only_if_they_are_that_large) {
  const auto diagonal = NdArray::of({1e200, -1e200, 1e-200, 1e-200, 3.0, 0.5});
  auto a = NdArray::zeros({6, 6});
  for (std::int64_t i = 0; i < 6; ++i) a.mutable_data_as<double>()[i * 7] = diagonal.item<double>({i});
  const auto ten = nd::multiply(nd::eye(400, 400), 10);
  for (const auto& [size, half] : std::vector<std::pair<int, int>>{{2, 1}, {400, 400}}) {
    expect_close(linalg::det(from_array(a, size)), -1.5, "it is within the range, parts are not");
    expect_close(linalg::det(from_array(a, size)[{slice(0, 2), slice(0, 2)}].rechunk(half)), -infinity, "too large");
    const auto many = from_array(ten, size * 50);
    expect_close(linalg::det(many), infinity, "10 ** 400");
    expect_close(linalg::det(many / 100), 0, "10 ** -400");
    expect_close(linalg::slogdet(many).second, 400 * std::log(10), "logarithm of 10 ** 400");
  }
}

TEST(ArrayLinalgPlans, panels_are_cut_as_blocks_are_or_as_squares_and_stay_small) {
  EXPECT_THAT(linalg::panel_widths(zeros({90, 90}, {.chunks = {{30, 60}, {20, 40, 30}}})), ElementsAre(20, 40, 30));
  EXPECT_THAT(linalg::panel_widths(zeros({100, 100}, {.chunks = {10, 100}})), ElementsAre(25, 25, 25, 25))
      << "rows alone are cut";
  EXPECT_THAT(linalg::panel_widths(zeros({4, 12}, {.chunks = {4, 6}})), ElementsAre(4, 2, 6)) << "the diagonal ends";
  EXPECT_THAT(linalg::panel_widths(zeros({4, 5}, {.chunks = {{4}, {2, 0, 3}}})), ElementsAre(2, 2, 1));
  EXPECT_THAT(linalg::panel_widths(zeros({0, 5}, {.chunks = {1, 2}})), ElementsAre(1, 1, 2, 1));
  EXPECT_THAT(linalg::panel_widths(zeros({1 << 21, 20}, {.chunks = {1 << 14, 10}})), ElementsAre(5, 5, 5, 5))
      << "8 columns have as many bytes as a block may have";
}

TEST(ArrayLinalgPlans, results_are_cut_as_what_they_are_made_of) {
  const auto x = zeros({9, 9}, {.chunks = {{4, 5}, {2, 6, 1}}});
  const auto factors = linalg::lu(x);
  EXPECT_EQ(factors[0].chunks(), (Chunks{{4, 5}, {4, 5}}));
  EXPECT_EQ(factors[1].chunks(), x.chunks());
  EXPECT_EQ(factors[2].chunks(), x.chunks());
  EXPECT_EQ(linalg::inv(x).chunks(), x.chunks());
  EXPECT_EQ(linalg::cholesky(x).chunks(), (Chunks{{2, 6, 1}, {2, 6, 1}})) << "the finer of both";
  EXPECT_EQ(linalg::solve(x, zeros({9, 6}, {.chunks = {2, 4}})).chunks(), (Chunks{{9}, {4, 2}}));
  EXPECT_EQ(linalg::solve(x, zeros({9}, {.chunks = 2})).chunks(), (Chunks{{9}}));
}

/// How often each kernel is called.
std::map<std::string, int> calls_of(const std::vector<Array>& arrays) {
  std::vector<NodeRef> nodes;
  for (const auto& each : arrays) nodes.push_back(each.node());
  Lowering to(nodes);
  std::vector<ExpressionRef> wanted;
  for (const auto& node : nodes)
    for (const auto& each : to.values(node)) wanted.push_back(each);
  std::map<std::string, int> calls;
  const auto collected = collect(wanted);
  for (const auto* each : collected.expressions)
    if (each->site() != nullptr) ++calls[std::string(each->site()->local.name)];
  return calls;
}

TEST(ArrayLinalgPlans, factors_are_made_once_for_p_l_and_u) {
  auto calls = calls_of(linalg::lu(ones({8, 8}, {.chunks = 2})));
  EXPECT_EQ(calls["array.lu_panel"], 4);
  EXPECT_EQ(calls["array.forward_step"], 3 + 2 + 1);
  EXPECT_EQ(calls["array.lu_rows"], 1);
  auto solved = calls_of({linalg::solve(ones({8, 8}, {.chunks = 2}), ones({8, 4}, {.chunks = {2, 2}}))});
  EXPECT_EQ(solved["array.lu_panel"], 4);
  EXPECT_EQ(solved["array.forward_step"], 3 + 2 + 1 + 2 * 4);
  EXPECT_EQ(solved["array.backward_step"], 2 * 4);
}

TEST(ArrayLinalgPlans, one_block_goes_to_lapack_directly) {
  const auto x = ones({8, 8}, {.chunks = -1});
  auto calls = calls_of({linalg::solve(x, ones({8})), linalg::inv(x), linalg::det(x), linalg::lu(x)[0],
                         linalg::solve_triangular(x, ones({8}))});
  for (const auto* kernel : {"array.solve", "array.inv", "array.det", "array.lu", "array.solve_triangular"})
    EXPECT_EQ(calls[kernel], 1) << kernel;
  EXPECT_EQ(calls["array.lu_panel"], 0);
}

TEST(ArrayLinalgRefusals, come_when_it_is_written_with_shapes_and_call) {
  const auto x = zeros({4, 4}, {.chunks = 2});
  EXPECT_THAT(refusal_of([&] { (void)linalg::solve(x, zeros({3})); }),
              AllOf(HasSubstr("solve"), HasSubstr("(4, 4) and (3,)")));
  EXPECT_THAT(refusal_of([&] { (void)linalg::solve(x, zeros({4, 2, 2})); }), HasSubstr("(4, 4) and (4, 2, 2)"));
  EXPECT_THAT(refusal_of([&] { (void)linalg::solve(x, zeros({4}), "sym"); }), HasSubstr("'gen' or 'pos', not 'sym'"));
  for (const auto& call : {"inv", "det", "slogdet", "solve"})
    EXPECT_THAT(refusal_of([&] {
                  const auto wide = zeros({4, 3}, {.chunks = 2});
                  const std::string name = call;
                  if (name == "inv") (void)linalg::inv(wide);
                  if (name == "det") (void)linalg::det(wide);
                  if (name == "slogdet") (void)linalg::slogdet(wide);
                  if (name == "solve") (void)linalg::solve(wide, zeros({4}));
                }),
                AllOf(HasSubstr(call), HasSubstr("square"), HasSubstr("(4, 3)")));
  EXPECT_THAT(refusal_of([&] { (void)linalg::lu(zeros({4})); }), AllOf(HasSubstr("lu"), HasSubstr("(4,)")));
}

}  // namespace
}  // namespace troupe::array
