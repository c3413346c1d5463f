#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "collections/array/chunks.hpp"
#include "collections/array/rechunk_plan.hpp"
#include "collections/array/slicing.hpp"
#include "troupe/troupe.hpp"

namespace troupe::array {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <class F>
std::string refusal(F&& call) {
  try {
    call();
  } catch (const InvalidRequest& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

Chunks cut(const ChunkSpec& spec, const Shape& shape, std::int64_t bytes_max = 0, const Chunks* previous = nullptr) {
  return normalize_chunks(spec, shape, {.itemsize = 8, .bytes_max = bytes_max, .previous = previous});
}

TEST(Chunks, are_sizes_lists_whole_axes_and_some_axes_by_number) {
  EXPECT_EQ(cut(4, {10, 3}), (Chunks{{4, 4, 2}, {3}}));
  EXPECT_EQ(cut({5, -1}, {10, 3}), (Chunks{{5, 5}, {3}}));
  EXPECT_EQ(cut({{7, 3}, 2}, {10, 3}), (Chunks{{7, 3}, {2, 1}}));
  EXPECT_EQ(cut(std::map<int, AxisSpec>{{-1, 2}}, {10, 3}), (Chunks{{10}, {2, 1}}));
  EXPECT_EQ(cut(-1, {}), Chunks{});
  EXPECT_EQ(cut(5, {0, 3}), (Chunks{{0}, {3}}));
}

TEST(Chunks, made_automatically_are_near_cubes_below_a_number_of_bytes) {
  EXPECT_EQ(cut("auto", {1000, 1000}, 8 * 100 * 100), (Chunks{even_chunks(1000, 100), even_chunks(1000, 100)}));
  EXPECT_EQ(cut("auto", {10, 100000}, 8 * 1000), (Chunks{{10}, even_chunks(100000, 100)}));
  EXPECT_EQ(cut({"auto", 50}, {1000, 1000}, 8 * 1000), (Chunks{even_chunks(1000, 20), even_chunks(1000, 50)}));
  EXPECT_EQ(cut("8kB", {3000}), (Chunks{even_chunks(3000, 1000)}));
  const Chunks before{even_chunks(3000, 300)};
  EXPECT_EQ(cut("auto", {3000}, 8 * 1000, &before), (Chunks{even_chunks(3000, 900)}));
}

TEST(Chunks, that_do_not_fit_are_refused_with_shape_and_call) {
  EXPECT_THAT(refusal([] { cut({5, 5}, {10}); }), HasSubstr("chunks for 2 axes, and the array has 1"));
  EXPECT_THAT(refusal([] { cut({{7, 4}}, {10}); }), AllOf(HasSubstr("(7, 4)"), HasSubstr("11"), HasSubstr("10")));
  EXPECT_THAT(refusal([] { cut(0, {10}); }), HasSubstr("no block has the size 0"));
  EXPECT_THAT(refusal([] { cut(3, {unknown}); }), HasSubstr("compute_chunk_sizes()"));
  EXPECT_THAT(refusal([] { cut("many", {10}); }), HasSubstr("'many'"));
  EXPECT_THAT(refusal([] { cut(std::map<int, AxisSpec>{{2, 1}}, {10, 3}); }), HasSubstr("no axis 2"));
}

TEST(Chunks, larger_than_the_memory_of_this_machine_are_refused_unless_a_cluster_has_them) {
  const Shape shape{std::int64_t{1} << 21, std::int64_t{1} << 20};
  const auto text = refusal([&] { cut({-1, 1 << 19}, shape); });
  EXPECT_THAT(text, AllOf(HasSubstr("chunks: an array of shape (2097152, 1048576) in chunks ((2097152,), (524288, "),
                          HasSubstr("has blocks of 8192.0 GiB, and this machine has ")));
  EXPECT_THAT(refusal([&] { cut("4TiB", shape); }), HasSubstr("name smaller chunks"));
  EXPECT_EQ(cut("128MiB", shape).front().size(), 512U);
}

TEST(Chunks, of_arrays_that_are_broadcast_are_cut_at_the_places_of_both) {
  const std::vector<Chunks> all{{{4, 4}, {3, 3}}, {{2, 4}}, {{3, 5}, {1}}};
  EXPECT_EQ(broadcast_chunks(all, "add"), (Chunks{{3, 1, 4}, {2, 1, 3}}));
  const std::vector<Chunks> unlike{{{4}}, {{5}}};
  EXPECT_THAT(refusal([&] { broadcast_chunks(unlike, "add"); }), AllOf(HasSubstr("(4,) and (5,)"), HasSubstr("add")));
  const std::vector<Chunks> unknown_ones{{{unknown, unknown}}, {{unknown, unknown}}};
  EXPECT_EQ(broadcast_chunks(unknown_ones, "add"), unknown_ones[0]);
  const std::vector<Chunks> empty{{{0}}, {{1}}};
  EXPECT_EQ(broadcast_chunks(empty, "add"), (Chunks{{0}}));
}

TEST(Slices, mean_what_they_mean_in_python) {
  EXPECT_EQ(stride_of(slice(), 5), (Stride{0, 5, 1}));
  EXPECT_EQ(stride_of(slice(-3, 100, 2), 5), (Stride{2, 2, 2}));
  EXPECT_EQ(stride_of(slice({}, {}, -2), 6), (Stride{5, 3, -2}));
  EXPECT_EQ(stride_of(slice(3, 1), 5).count, 0);
  EXPECT_EQ(stride_of(slice(1, {}, -1), 5), (Stride{1, 2, -1}));
  EXPECT_EQ(stride_of(slice({}, -10, -1), 5), (Stride{4, 5, -1}));
  EXPECT_THAT(refusal([] { stride_of(slice(0, 1, 0), 5); }), HasSubstr("step of a slice"));
}

TEST(Slices, touch_only_the_blocks_they_need) {
  EXPECT_THAT(plan_slice({4, 4, 4}, {5, 2, 1}), ElementsAre(Piece{1, {1, 2, 1}}));
  EXPECT_THAT(plan_slice({4, 4, 4}, {10, 4, -3}),
              ElementsAre(Piece{2, {2, 1, -3}}, Piece{1, {3, 2, -3}}, Piece{0, {1, 1, -3}}));
}

/// What pieces pick, as numbers of the whole axis.
std::vector<std::int64_t> picked(const AxisChunks& axis, const std::vector<Piece>& pieces) {
  const auto offsets = offsets_of(axis);
  std::vector<std::int64_t> all;
  for (const auto& piece : pieces)
    for (std::int64_t i = 0; i < piece.part.count; ++i) {
      const auto at = piece.part.start + i * piece.part.step;
      EXPECT_GE(at, 0);
      EXPECT_LT(at, axis[static_cast<std::size_t>(piece.block)]);
      all.push_back(offsets[static_cast<std::size_t>(piece.block)] + at);
    }
  return all;
}

class Drawn {
public:
  std::int64_t number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  AxisChunks axis(std::int64_t length) {
    AxisChunks chunks;
    for (auto left = length; left > 0; left -= chunks.back()) chunks.push_back(number(0, left));
    return chunks.empty() ? AxisChunks{0} : chunks;
  }

private:
  std::mt19937_64 random_{7};
};

TEST(Slices, that_are_drawn_pick_each_element_once_and_in_order) {
  Drawn drawn;
  for (int round = 0; round < 2000; ++round) {
    const auto length = drawn.number(0, 30);
    const auto axis = drawn.axis(length);
    auto step = drawn.number(-4, 4);
    if (step == 0) step = 1;
    const auto asked = stride_of(slice(drawn.number(-35, 35), drawn.number(-35, 35), step), length);
    std::vector<std::int64_t> expected;
    for (std::int64_t i = 0; i < asked.count; ++i) expected.push_back(asked.start + i * asked.step);
    EXPECT_EQ(picked(axis, plan_slice(axis, asked)), expected);
  }
}

TEST(Slices, by_numbers_put_each_where_it_was_asked_for) {
  Drawn drawn;
  for (int round = 0; round < 500; ++round) {
    const auto length = drawn.number(1, 30);
    const auto axis = drawn.axis(length);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(drawn.number(0, 40)));
    for (auto& each : indices) each = drawn.number(0, length - 1);
    const auto plan = plan_take(axis, indices);
    const auto offsets = offsets_of(axis);
    std::vector<std::int64_t> found;
    ASSERT_EQ(plan.blocks.size(), plan.chunks.size());
    for (std::size_t i = 0; i < plan.blocks.size(); ++i) {
      std::vector<std::int64_t> block(static_cast<std::size_t>(plan.chunks[i]), -1);
      for (const auto& part : plan.blocks[i])
        for (std::size_t k = 0; k < part.from.size(); ++k)
          block[static_cast<std::size_t>(part.to[k])] = offsets[static_cast<std::size_t>(part.block)] + part.from[k];
      found.insert(found.end(), block.begin(), block.end());
    }
    EXPECT_EQ(found, indices);
  }
  EXPECT_THAT(refusal([] {
                resolve_indices({0, 9}, 5, 1, "getitem");
              }),
              AllOf(HasSubstr("getitem"), HasSubstr("no element 9 along axis 1, which has 5")));
}

TEST(Rechunk, takes_every_element_from_where_it_is) {
  Drawn drawn;
  for (int round = 0; round < 500; ++round) {
    const auto length = drawn.number(0, 30);
    const auto from = drawn.axis(length);
    const auto to = drawn.axis(length);
    const auto plan = plan_intersection(from, to);
    std::vector<std::int64_t> all;
    ASSERT_EQ(plan.size(), to.size());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      const auto part = picked(from, plan[i]);
      EXPECT_EQ(static_cast<std::int64_t>(part.size()), to[i]);
      all.insert(all.end(), part.begin(), part.end());
    }
    std::vector<std::int64_t> expected(static_cast<std::size_t>(length));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);
  }
}

TEST(Rechunk, of_rows_to_columns_goes_by_blocks_in_between_that_stay_small) {
  const Chunks rows{even_chunks(1000, 1), {1000}};
  const Chunks columns{{1000}, even_chunks(1000, 1)};
  const auto steps = plan_rechunk(rows, columns, {.block_elements_max = 1000});
  ASSERT_GT(steps.size(), 1U);
  EXPECT_EQ(steps.back(), columns);
  double pieces = 0;
  const auto* before = &rows;
  for (const auto& step : steps) {
    EXPECT_LE(largest_block(step), 1000);
    EXPECT_EQ(shape_of(step), shape_of(rows));
    pieces += rechunk_pieces(*before, step);
    before = &step;
  }
  EXPECT_LT(pieces, 0.1 * rechunk_pieces(rows, columns));
}

TEST(Rechunk, that_is_simple_is_one_step) {
  const Chunks from{even_chunks(100, 10)};
  EXPECT_THAT(plan_rechunk(from, {even_chunks(100, 20)}, {.block_elements_max = 10}),
              ElementsAre(Chunks{even_chunks(100, 20)}));
  EXPECT_EQ(balanced({10, 10, 1}), (AxisChunks{7, 7, 7}));
}

}  // namespace
}  // namespace troupe::array
