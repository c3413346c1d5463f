#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "collections/ndarray/counting.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/scans.hpp"
#include "collections/ndarray/sorting.hpp"
#include "tests/collections/array/on_blocks.hpp"

namespace troupe::array {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ArrayTest : public OnBlocks {};
INSTANTIATE_TEST_SUITE_P(On, ArrayTest, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(ArrayTest, arrays_begin_with_numbers_in_blocks) {
  EXPECT_THAT(arange(7, {.chunks = 3}).to_vector<int>(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(arange(10, 0, -4, {.chunks = 2}).to_vector<int>(), ElementsAre(10, 6, 2));
  expect_equal(arange(0.5, 3.1, 0.5, {.chunks = 2}), nd::arange(0.5, 3.1, 0.5), "arange");
  expect_equal(linspace(0, 1, 11, {.chunks = 4}), nd::linspace(0, 1, 11), "linspace");
  expect_equal(eye(5, 7, 1, {.chunks = 3}), nd::eye(5, 7, 1), "eye");
  expect_equal(tri(6, 4, -1, {.chunks = {4, 3}}), nd::tri(6, 4, -1), "tri");
  expect_equal(full({3, 2}, 7, {.chunks = 2}), NdArray::full({3, 2}, 7, DType::int64), "full");
  expect_equal(ones({2, 2}, {.dtype = DType::float32}), NdArray::full({2, 2}, 1, DType::float32), "ones");
  expect_equal(indices({2, 3}, {.dtype = DType::int64}), nd::indices({2, 3}), "indices");
}

TEST_P(ArrayTest, elementwise_operations_broadcast_promote_and_become_one_task_a_block) {
  const auto a = values({6, 5});
  const auto b = values({5}, DType::float32);
  const auto c = values({6, 1}, DType::int32);
  const auto x = blocks(a);
  const auto y = blocks(b);
  const auto z = blocks(c);
  expect_equal(x * 2 + y, nd::add(nd::multiply(a, 2), b), "x * 2 + y");
  expect_equal(where(x > y, x, z), nd::where(nd::greater(a, b), a, c), "where");
  expect_equal(sqrt(absolute(x)) - z % 3, nd::subtract(nd::sqrt(nd::absolute(a)), nd::remainder(c, 3)), "sqrt");
  expect_equal(-y + 1, nd::add(nd::negative(b), 1), "-y + 1");
  expect_equal(x.astype(DType::int16), a.astype(DType::int16), "astype");
  expect_equal(clip(x, -1, 1), nd::clip(a, -1, 1), "clip");
  const auto cut = from_array(a, {3, 5});
  EXPECT_EQ((exp(cut) * 2 + cut / 3 - 1).to_delayed().size(), 2U);
  const auto shared = exp(cut);
  const auto [sum, more] = compute((shared + 1).sum(), (shared * 2).sum());
  expect_equal(sum, nd::sum(nd::add(nd::exp(a), 1)), "one of two");
  expect_equal(more, nd::sum(nd::multiply(nd::exp(a), 2)), "two of two");
}

TEST_P(ArrayTest, reductions_are_those_of_the_whole) {
  using Eager = NdArray (*)(const NdArray&, const nd::Over&);
  using Lazy = Array (*)(const Array&, const ReduceOptions&);
  const std::vector<std::tuple<const char*, Lazy, Eager>> all{{"sum", &sum, &nd::sum},
                                                              {"prod", &prod, &nd::prod},
                                                              {"min", &array::min, &nd::min},
                                                              {"max", &array::max, &nd::max},
                                                              {"any", &any, &nd::any},
                                                              {"all", &array::all, &nd::all},
                                                              {"mean", &mean, &nd::mean},
                                                              {"var", &var, &nd::var},
                                                              {"std", &array::std, &nd::std},
                                                              {"nansum", &nansum, &nd::nansum},
                                                              {"nanmean", &nanmean, &nd::nanmean},
                                                              {"nanvar", &nanvar, &nd::nanvar},
                                                              {"nanmax", &nanmax, &nd::nanmax},
                                                              {"ptp", &ptp, &nd::ptp},
                                                              {"count_nonzero", &count_nonzero, &nd::count_nonzero}};
  for (const auto dtype : {DType::float64, DType::int32, DType::float32, DType::bool_}) {
    auto a = values({7, 4, 5}, dtype);
    if (dtype == DType::float64) a.mutable_data_as<double>()[13] = std::nan("");
    const auto x = blocks(a);
    for (const auto& [name, lazy, eager] : all) {
      if (dtype == DType::bool_ && std::string(name) == "ptp") continue;
      const auto what = std::string(name) + " of " + std::string(nd::name_of(dtype));
      expect_equal(lazy(x, {}), eager(a, {}), what);
      expect_equal(lazy(x, {.axis = 1, .split_every = 2}), eager(a, 1), what + " along 1");
      expect_equal(lazy(x, {.axis = {0, -1}, .keepdims = true}), eager(a, nd::Over({0, 2}).keep()),
                   what + " along 0, 2");
    }
  }
  const auto a = values({40}, DType::float32);
  expect_equal(var(blocks(a), {.ddof = 1}), nd::var(a, nd::Over().less(1)), "ddof");
  expect_equal(sum(blocks(a), {.dtype = DType::float64}), nd::sum(a, nd::Over().as(DType::float64)), "dtype");
  expect_equal(sum(blocks(values({0, 3})), {.axis = 0}), nd::sum(values({0, 3}), 0), "of nothing");
}

/// What a block's task does is the same on all.
class ArrayBlockTest : public OnBlocks {};
INSTANTIATE_TEST_SUITE_P(On, ArrayBlockTest, testing::Values(SchedulerKind::sync), OnEveryScheduler::name_of_case);

TEST_P(ArrayBlockTest, chains_are_reduced_piece_by_piece) {
  using Eager = NdArray (*)(const NdArray&, const nd::Over&);
  using Lazy = Array (*)(const Array&, const ReduceOptions&);
  const std::vector<std::tuple<const char*, Lazy, Eager>> all{
      {"sum", &sum, &nd::sum},        {"max", &array::max, &nd::max},   {"mean", &mean, &nd::mean},
      {"std", &array::std, &nd::std}, {"nanvar", &nanvar, &nd::nanvar}, {"ptp", &ptp, &nd::ptp}};
  // More elements than a piece: rows that are shorter than one and longer, axes kept and reduced, and a last piece of one
  // row.
  for (const auto& shape : {Shape{70001}, Shape{129, 300}, Shape{3, 50000}, Shape{2, 3, 20000}, Shape{40000, 1}}) {
    const auto a = values(shape);
    const auto row = values({shape.back()});
    const auto x = from_array(a, -1);
    const auto eager = nd::add(nd::multiply(a, 2), row);
    for (const bool turned : {false, true}) {
      const auto chain = turned ? (x * 2 + from_array(row, -1)).T() : x * 2 + from_array(row, -1);
      const auto whole = turned ? eager.transpose() : eager;
      for (const auto& [name, lazy, of] : all) {
        const auto what = std::string(name) + " of " + describe(shape) + (turned ? ", turned" : "");
        expect_equal(lazy(chain, {}), of(whole, {}), what);
        expect_equal(lazy(chain, {.axis = 0}), of(whole, 0), what + " along 0");
        expect_equal(lazy(chain, {.axis = -1, .keepdims = true}), of(whole, nd::Over(-1).keep()), what + " along -1");
      }
      expect_equal(chain.argmax(), nd::argmax(whole), "argmax of " + describe(shape));
      expect_equal(chain.argmin({.axis = 0}), nd::argmin(whole, 0), "argmin of " + describe(shape) + " along 0");
      expect_equal(chain.topk(2, 0), nd::topk(whole, 2, 0), "topk of " + describe(shape));
    }
  }
}

TEST_P(ArrayTest, the_first_of_the_least_is_found_wherever_it_is) {
  for (int round = 0; round < 5; ++round) {
    const auto a = values({9, 6}, DType::int8);
    const auto x = blocks(a);
    expect_equal(x.argmin(), nd::argmin(a), "argmin");
    expect_equal(x.argmax({.axis = 0}), nd::argmax(a, 0), "argmax 0");
    expect_equal(x.argmin({.axis = 1, .keepdims = true}), nd::argmin(a, 1, true), "argmin 1");
  }
  auto a = values({20});
  a.mutable_data_as<double>()[11] = a.mutable_data_as<double>()[15] = std::nan("");
  expect_equal(blocks(a).argmax(), nd::argmax(a), "a NaN wins");
  expect_equal(nanargmin(blocks(a)), nd::nanargmin(a), "nanargmin");
  expect_equal(blocks(a)[{slice(0, 10)}].topk(3), nd::topk(a.slice(0, 0, 10), 3), "topk");
  expect_equal(blocks(a)[{slice(0, 10)}].topk(-2), nd::topk(a.slice(0, 0, 10), -2), "topk of the least");
}

TEST_P(ArrayTest, running_totals_go_on_from_block_to_block) {
  const auto a = values({8, 6}, DType::int32);
  expect_equal(blocks(a).cumsum(0), nd::cumsum(a, 0), "cumsum 0");
  expect_equal(blocks(a).cumsum(-1), nd::cumsum(a, 1), "cumsum 1");
  expect_equal(cumsum(blocks(a)), nd::cumsum(a), "cumsum of all");
  const auto b = values({9});
  expect_equal(cumprod(blocks(b)), nd::cumprod(b), "cumprod");
}

TEST_P(ArrayTest, parts_are_taken_as_numpy_takes_them) {
  const auto a = values({9, 8, 7});
  const auto x = blocks(a);
  const auto eager = [&](const nd::Index& index) { return nd::get_items(a, index); };
  expect_equal(x[{slice(1, {}, 2), 3, slice({}, {}, -1)}], eager({Slice{1, {}, 2}, std::int64_t{3}, Slice{{}, {}, -1}}),
               "slices");
  expect_equal(x[{ellipsis, 0}], eager({nd::Ellipsis{}, std::int64_t{0}}), "ellipsis");
  expect_equal(x[-1], eager({std::int64_t{-1}}), "number");
  expect_equal(x[{newaxis, slice(2, 5), newaxis}], eager({nd::NewAxis{}, Slice{2, 5, 1}, nd::NewAxis{}}), "newaxis");
  expect_equal(x[{slice(5, 2)}], eager({Slice{5, 2, 1}}), "empty");
  const std::vector<std::int64_t> list{5, 0, 0, -1, 3};
  expect_equal(x[{slice(), list}], eager({Slice{}, NdArray::of(list)}), "list");
  expect_equal(x[{0, slice(), std::vector<std::int64_t>{1, 2}}],
               eager({std::int64_t{0}, Slice{}, NdArray::of({std::int64_t{1}, std::int64_t{2}})}), "number and list");
  const std::vector<bool> mask{true, false, true, true, false, false, true, false, false};
  expect_equal(x[{mask}], eager({NdArray::of(mask)}), "mask");
  expect_equal(x[x > 0], nd::masked(a, nd::greater(a, 0)), "mask of all");
  const auto rows = nd::greater(nd::sum(a, {1, 2}), 0.0);
  expect_equal(x[x.sum({.axis = {1, 2}}) > 0], nd::compress(rows, a, 0), "lazy mask");
  expect_equal(x[{slice(), from_array(NdArray::of(std::vector<std::int64_t>{3, 1, 2, 2}), 3)}],
               eager({Slice{}, NdArray::of(std::vector<std::int64_t>{3, 1, 2, 2})}), "lazy list");
  expect_equal(x.vindex({{1, 8, 0}, {7, 0, 3}, {6, 6, 1}}),
               nd::get_items(
                   a, {NdArray::of(std::vector<std::int64_t>{1, 8, 0}), NdArray::of(std::vector<std::int64_t>{7, 0, 3}),
                       NdArray::of(std::vector<std::int64_t>{6, 6, 1})}),
               "vindex");
  const auto parts = x[{slice({}, {}, -2), ellipsis, slice(1, {}, 3)}].T()[{slice(), slice(1, 7), slice(1, {}, 2)}];
  expect_equal(
      parts,
      eager({Slice{{}, {}, -2}, nd::Ellipsis{}, Slice{1, {}, 3}}).transpose().slice(1, 1, 7).slice(2, Slice{1, {}, 2}),
      "parts of parts");
  expect_equal(from_array(a, -1)[{slice({}, {}, -2)}].T()[{slice(), slice(), slice(1, 4)}],
               a.slice(0, Slice{{}, {}, -2}).transpose().slice(2, 1, 4), "part of a part of one block");
  const auto known = x[x > 0].compute_chunk_sizes();
  EXPECT_EQ(known.shape()[0], nd::masked(a, nd::greater(a, 0)).extent(0));
  expect_equal(known[{slice({}, {}, 3)}], nd::masked(a, nd::greater(a, 0)).slice(0, Slice{{}, {}, 3}), "known again");
}

TEST_P(ArrayTest, parts_are_assigned_to) {
  auto a = values({7, 6});
  const auto x = blocks(a);
  auto expected = a.copy();
  nd::set_items(expected, {Slice{1, {}, 2}, Slice{{}, {}, -2}}, NdArray::scalar(5, DType::float64));
  expect_equal(x.assign({slice(1, {}, 2), slice({}, {}, -2)}, 5), expected, "a number");
  auto other = a.copy();
  const auto row = values({6});
  nd::set_items(other, {std::int64_t{-2}}, row);
  expect_equal(x.assign({-2}, blocks(row)), other, "a row");
  expect_equal(x.assign({x < 0}, 0), nd::where(nd::less(a, 0), 0, a), "a mask");
}

TEST_P(ArrayTest, forms_change_and_elements_stay) {
  const auto a = values({6, 4, 5});
  const auto x = blocks(a);
  expect_equal(x.T(), a.transpose(), "T");
  expect_equal(x.transpose({1, 2, 0}), a.transpose({1, 2, 0}), "transpose");
  expect_equal(x.rechunk({2, 3, -1}), a, "rechunk");
  for (const auto& shape : std::vector<Shape>{{24, 5}, {6, 20}, {120}, {2, 3, 4, 5}, {5, 24}, {1, 6, 20, 1}, {30, 4}})
    expect_equal(x.reshape(shape), a.reshape(shape), "reshape to " + describe(shape));
  expect_equal(concatenate({x, x[{slice(), slice(), slice(1, 3)}]}, 2), nd::concatenate({a, a.slice(2, 1, 3)}, 2),
               "concatenate");
  expect_equal(stack({x, -x}, 1), nd::stack({a, nd::negative(a)}, 1), "stack");
  expect_equal(roll(x, 7, 0), nd::roll(a, 7, 0), "roll");
  expect_equal(flip(x, 1), a.flip(1), "flip");
  expect_equal(rot90(x, 3), nd::rot90(a, 3), "rot90");
  expect_equal(repeat(x, 3, 1), nd::repeat(a, 3, 1), "repeat");
  expect_equal(tile(x, {2, 1, 3}), nd::tile(a, {2, 1, 3}), "tile");
  expect_equal(moveaxis(x, 0, -1), nd::moveaxis(a, 0, -1), "moveaxis");
  expect_equal(tril(x, 1), nd::tril(a, 1), "tril");
  expect_equal(diff(x, 2, 1), nd::diff(a, 2, 1), "diff");
  for (const auto* mode : {"constant", "edge", "reflect", "symmetric", "wrap", "mean", "minimum", "maximum"})
    expect_equal(pad(x, {{2, 1}, {0, 3}, {4, 0}}, mode), nd::pad(a, {{2, 1}, {0, 3}, {4, 0}}, nd::pad_mode_named(mode)),
                 mode);
}

TEST_P(ArrayTest, products_are_summed_block_by_block) {
  const auto a = values({7, 5});
  const auto b = values({5, 6});
  expect_equal(matmul(blocks(a), blocks(b)), nd::matmul(a, b), "matmul");
  expect_equal(blocks(a).dot(blocks(b)), nd::matmul(a, b), "dot");
  const auto c = values({3, 5, 2});
  const auto d = values({5, 3, 4});
  expect_equal(tensordot(blocks(c), blocks(d), {1, 0}, {0, 1}), nd::tensordot(c, d, {1, 0}, {0, 1}), "tensordot");
  expect_equal(einsum("ij,jk,ik->i", {blocks(a), blocks(b), blocks(values({7, 6}))}).sum() * 0 + 1.0,
               NdArray::scalar(1.0, DType::float64), "einsum of three");
  expect_equal(matmul(blocks(values({2, 3, 4})), blocks(values({4, 2}))) * 0, NdArray::zeros({2, 3, 2}), "stacks");
}

TEST_P(ArrayTest, matrices_are_taken_apart) {
  const auto a = values({40, 6});
  const auto x = from_array(a, {9, 4});
  const auto [q, r] = linalg::qr(x);
  expect_equal(matmul(q, r), a, "q r");
  expect_equal(matmul(q.T(), q), nd::eye(6, 6), "q is orthogonal");
  const auto [u, s, vh] = linalg::svd(x);
  expect_equal(s, nd::linalg::svd(a).s, "singular values");
  expect_equal(matmul(u * s, vh), a, "u s vh");
  const auto wide = linalg::svd(x.T());
  expect_equal(matmul(wide.u * wide.s, wide.vh), a.transpose(), "wide");
  const auto low = matmul(from_array(values({30, 3}), {10, 3}), from_array(values({3, 20}), {3, 7}));
  expect_equal(linalg::svd_compressed(low, 3).s, nd::linalg::svd(low.compute()).s.slice(0, 0, 3), "compressed");
  const auto square = nd::add(nd::matmul(a.transpose(), a), nd::eye(6, 6));
  const auto y = from_array(square, {{4, 2}, {4, 2}});
  expect_equal(linalg::cholesky(y), nd::linalg::cholesky(square), "cholesky");
  const auto b = values({6, 3});
  expect_equal(linalg::solve(y, from_array(b, {2, 2})), nd::linalg::solve(square, b), "solve");
  expect_equal(linalg::inv(y), nd::linalg::inv(square), "inv");
  expect_equal(linalg::lstsq(x, from_array(values({40}), 11)).sum() * 0, NdArray::scalar(0.0, DType::float64), "lstsq");
  expect_equal(linalg::norm(x), nd::linalg::norm(a), "norm");
}

TEST_P(ArrayTest, lines_are_sorted_searched_and_counted) {
  const auto a = values({8, 9}, DType::float32);
  const auto x = blocks(a);
  expect_equal(sort(x, 0), nd::sort(a, 0), "sort");
  expect_equal(argsort(x), nd::argsort(a), "argsort");
  expect_equal(median(x, 1), nd::median(a, 1), "median");
  expect_equal(quantile(x.astype(DType::float64), {0.25, 0.5}, 0),
               nd::quantile(a.astype(DType::float64), NdArray::of({0.25, 0.5}), 0), "quantile");
  const auto n = nd::absolute(values({50}, DType::int64));
  expect_equal(unique(blocks(n)), nd::unique(n), "unique");
  expect_equal(bincount(blocks(n), 30), nd::bincount(n, {}, 30), "bincount");
  expect_equal(histogram(x, {-4, -1, 0, 2.5, 9}), nd::histogram(a, NdArray::of({-4.0, -1.0, 0.0, 2.5, 9.0})),
               "histogram");
  expect_equal(searchsorted(blocks(nd::sort(n)), blocks(values({12}, DType::int64))) * 0,
               NdArray::zeros({12}, DType::int64), "searchsorted");
  expect_equal(isin(blocks(n), blocks(NdArray::of(std::vector<std::int64_t>{1, 3}))),
               nd::isin(n, NdArray::of(std::vector<std::int64_t>{1, 3})), "isin");
  expect_equal(argwhere(x > 0), nd::argwhere(nd::greater(a, 0)), "argwhere");
  expect_equal(extract(x > 1, x), nd::masked(a, nd::greater(a, 1)), "extract");
  expect_equal(union1d(blocks(n), from_array(NdArray::of(std::vector<std::int64_t>{-3, 1}), 1)),
               nd::union1d(n, NdArray::of(std::vector<std::int64_t>{-3, 1})), "union1d");
  const auto which = nd::remainder(n, 3);
  expect_equal(choose(blocks(which), {10, blocks(n), 20}),
               nd::where(nd::equal(which, 0), 10, nd::where(nd::equal(which, 1), n, 20)).astype(DType::int64),
               "choose");
  expect_equal(
      select({x > 1, x > 0}, {x, 0.5F}, -1),
      nd::where(nd::greater(a, 1), a, nd::where(nd::greater(a, 0), 0.5, NdArray::full({8, 9}, -1, DType::float32))),
      "select");
  const auto places = unravel_index(blocks(which), {2, 3});
  expect_equal(places[1], nd::unravel_index(which, {2, 3})[1], "unravel_index");
  expect_equal(ravel_multi_index(places, {2, 3}), which, "ravel_multi_index");
  const auto doubles = values({40});
  const auto off = nd::subtract(doubles, nd::mean(doubles));
  expect_equal(moment(blocks(doubles), 3), nd::mean(nd::multiply(nd::multiply(off, off), off)), "moment");
  const auto windows = sliding_window_view(blocks(doubles), 4);
  EXPECT_EQ(windows.shape(), (Shape{37, 4}));
  expect_equal(windows[{slice(), 3}], doubles.slice(0, 3, 40), "windows");
  expect_equal(coarsen("mean", x[{slice(), slice(0, 8)}], {4, 2}),
               nd::mean(a.slice(1, 0, 8).copy().reshape({2, 4, 4, 2}), {1, 3}), "coarsen");
}

TEST_P(ArrayTest, spectra_are_those_of_whole_lines) {
  const auto a = values({6, 10});
  const auto x = blocks(a);
  expect_equal(fft::rfft(x), nd::fft::rfft(a), "rfft");
  expect_equal(fft::ifft(fft::fft(x, {}, 0), {}, 0).real(), a, "there and back");
  expect_equal(fft::fft2(x), nd::fft::fft2(a), "fft2");
  expect_equal(fft::irfft2(fft::rfft2(x)), a, "irfft2");
  expect_equal(fft::fftshift(x), nd::fft::fftshift(a), "fftshift");
}

TEST_P(ArrayTest, random_numbers_are_the_same_in_any_blocks) {
  const auto one = Generator(5).normal(0, 1, {20, 30}, {.chunks = -1}).compute();
  const auto other = Generator(5).normal(0, 1, {20, 30}, {.chunks = {7, 11}}).compute();
  EXPECT_TRUE(nd::array_equal(one, other));
  Generator two(5);
  (void)two.normal(0, 1, {3});
  EXPECT_FALSE(nd::array_equal(two.normal(0, 1, {20, 30}).compute(), one));
}

TEST_P(ArrayTest, functions_of_the_users_get_blocks) {
  const auto a = values({6, 4});
  const auto x = from_array(a, {2, 4});
  expect_equal(x.map_blocks<array_tests::doubled>(), nd::multiply(a, 2), "doubled");
  expect_equal((x.map_blocks<array_tests::scaled>({}, 3.0)), nd::multiply(a, 3.0), "scaled");
  expect_equal(x.map_blocks<array_tests::row_sums>({.chunks = Chunks{{2, 2, 2}}}), nd::sum(a, 1), "row sums");
  EXPECT_THAT(
      refusal_of([&] { (void)(x.map_blocks<array_tests::row_sums>().compute()); }),
      HasSubstr("map_blocks: block (0, 0) has the shape (2,), and by its chunks ((2, 2, 2), (4,)) it has (2, 4)"));
}

TEST_P(ArrayTest, persisted_arrays_are_there) {
  const auto a = values({12, 5});
  const auto there = (blocks(a) + 1).persist();
  expect_equal(there.sum({.axis = 0}), nd::sum(nd::add(a, 1), 0), "sum of what is there");
  EXPECT_EQ(from_delayed(there.to_delayed(), there.dtype(), there.chunks()).shape(), (Shape{12, 5}));
}

TEST_P(ArrayTest, a_task_that_fails_names_the_kernel) {
  const auto singular = zeros({3, 3}, {.chunks = 2});
  try {
    (void)linalg::cholesky(singular).compute();
    FAIL() << "no such triangle";
  } catch (const TaskFailed& failed) {
    EXPECT_THAT(failed.what(), HasSubstr("array.cholesky"));
  }
}

TEST(ArrayRefusals, come_when_it_is_written_with_shapes_and_call) {
  const auto x = zeros({4, 3}, {.chunks = 2});
  EXPECT_THAT(refusal_of([&] { (void)(x + zeros({5})); }),
              AllOf(HasSubstr("add"), HasSubstr("(4, 3)"), HasSubstr("(5,)")));
  EXPECT_THAT(refusal_of([&] { (void)(x.sum({.axis = 2})); }), AllOf(HasSubstr("sum"), HasSubstr("no axis 2")));
  EXPECT_THAT(refusal_of([&] { (void)(x[{0, 0, 0}]); }), HasSubstr("3 indices for an array of shape (4, 3)"));
  EXPECT_THAT(refusal_of([&] { (void)(x[7]); }), HasSubstr("no element 7 along axis 0, which has 4"));
  EXPECT_THAT(refusal_of([&] { (void)(x.reshape({5, -1})); }), AllOf(HasSubstr("reshape"), HasSubstr("(4, 3)")));
  EXPECT_THAT(refusal_of([&] { (void)(matmul(x, x)); }), HasSubstr("(4, 3) and (4, 3)"));
  EXPECT_THAT(refusal_of([&] { (void)(concatenate({x, zeros({4, 4})})); }), HasSubstr("(4, 3) and (4, 4)"));
  EXPECT_THAT(refusal_of([&] { (void)(x[x > 0].reshape({2, -1})); }), HasSubstr("compute_chunk_sizes()"));
  EXPECT_THAT(refusal_of([&] { (void)(x.rechunk({3})); }), HasSubstr("chunks for 1 axes, and the array has 2"));
  EXPECT_THAT(refusal_of([&] { (void)(zeros({2, 0}).max()); }), HasSubstr("of no elements"));
  EXPECT_THAT(refusal_of([&] { (void)(x.assign({0}, zeros({5}))); }),
              HasSubstr("assign: the shapes (5,) and (3,) do not fit together"));
  EXPECT_THAT(refusal_of([&] {
                (void)(x.assign({0}, zeros({2, 3})));
              }),
              HasSubstr("assign: a value of shape (2, 3) does not fit into a part of shape (3,)"));
}

TEST(ArrayPictures, say_shape_chunks_bytes_and_type) {
  const auto x = zeros({1000, 500}, {.chunks = {100, 500}});
  EXPECT_THAT(x.describe(),
              AllOf(HasSubstr("float64"), HasSubstr("3.81 MiB"), HasSubstr("(100, 500)"), HasSubstr("10 blocks")));
  EXPECT_THAT(x.to_svg(), AllOf(HasSubstr("<svg"), HasSubstr(">1000<"), HasSubstr("10 blocks")));
}

TEST(ArrayGraphs, touch_only_the_blocks_that_are_asked_for) {
  const auto x = ones({1000, 1000}, {.chunks = {100, 100}});
  const std::vector<ExpressionRef> wanted{x[{slice(0, 50), slice(0, 50)}].to_delayed().front().expression()};
  EXPECT_LE(collect(wanted).size(), 2U);
}

TEST(ArrayGraphs, of_chains_and_their_reductions_are_a_task_a_block_and_a_tree) {
  const auto x = from_array(NdArray::zeros({1000}), 100);
  const auto total = (exp(x) * 2 + x).sum();
  const std::vector<ExpressionRef> wanted{total.to_delayed().front().expression()};
  EXPECT_EQ(collect(wanted).size(), 10U + 10U + 2U + 1U);
}

}  // namespace
}  // namespace troupe::array

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {array_module});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
