// Bags, arrays and Delayed values in one computation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/collections/delayed_functions.hpp"
#include "tests/collections/on_every_scheduler.hpp"
#include "troupe/array.hpp"
#include "troupe/bag.hpp"

namespace troupe {
namespace {

using namespace delayed_tests;
using namespace terms;
using testing::ElementsAre;

class Together : public OnEveryScheduler {
protected:
  Together() : OnEveryScheduler(delayed_module) {}
};
INSTANTIATE_TEST_SUITE_P(On, Together, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(Together, collections_of_all_kinds_are_computed_and_kept) {
  const auto numbers = bag::range(6, 2).map(_1 * 2);
  const auto array = array::arange(6, {.chunks = 4}) * 2;
  const auto [elements, sum, block, one] = compute(numbers, numbers.sum(), array, delayed<inc>(0));
  EXPECT_THAT(elements, ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_EQ(sum, 30);
  EXPECT_THAT(block.to_vector<std::int64_t>(), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_EQ(one, 1);

  const auto [kept_numbers, kept_array, kept_tick] = persist(numbers, array, delayed<tick>());
  EXPECT_EQ(kept_numbers.npartitions(), 2U);
  EXPECT_EQ(kept_array.numblocks(), (array::Shape{2}));
  const auto [all, largest, tick_1, tick_2] =
      compute(kept_numbers, kept_array.max(), kept_tick, delayed<add>(kept_tick, 0));
  EXPECT_THAT(all, ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_EQ(largest.item<std::int64_t>(), 10);
  EXPECT_EQ(tick_1, tick_2);
}

TEST_P(Together, a_bag_and_an_array_are_arguments_in_one_piece) {
  const auto numbers = bag::from_sequence(std::vector<int>{1, 2, 3}, {.npartitions = 2});
  EXPECT_EQ(delayed<total>(numbers.repartition(1).to_delayed().front()).compute(), 6);
}

/// What one sum of an array makes is asked for by the other, too.
TEST(TogetherGraph, of_arrays_has_what_they_share_once) {
  const auto array = array::arange(8, {.chunks = 4}) + 1;
  const auto sum = array.sum();
  const auto half = sum / 2;
  EXPECT_EQ(collect(detail::asked_of(sum, half)).size(), collect(detail::asked_of(half)).size());
}

TEST(TogetherGraph, is_drawn_with_a_colour_for_each_kind_of_pipeline) {
  const auto path = std::filesystem::temp_directory_path() / ("together_" + std::to_string(::getpid()) + ".dot");
  visualize(path, {}, bag::range(6, 2).map(_1 * 2), array::arange(6, {.chunks = 4}));
  std::ifstream in(path);
  std::set<std::string> colours;
  for (std::string line; std::getline(in, line);)
    if (const auto at = line.find("fillcolor="); at != std::string::npos) colours.insert(line.substr(at));
  EXPECT_EQ(colours.size(), 3U);  // range, map, and what the array begins with
  std::filesystem::remove(path);
}

TEST(Cache, keeps_what_arrays_are_made_of) {
  Cache cache(1 << 20);
  const ComputeOptions how{.scheduler = SchedulerKind::threads, .cache = &cache};
  const auto mean = [&] { return (array::arange(1000, {.chunks = 300}) * 2 + 1).mean().item<double>(how); };
  const auto first = mean();
  const auto made = cache.counts().misses;
  EXPECT_GT(made, 0U);
  EXPECT_EQ(mean(), first);
  EXPECT_EQ(cache.counts().misses, made);
  EXPECT_GT(cache.counts().hits, 0U);
}

}  // namespace
}  // namespace troupe
