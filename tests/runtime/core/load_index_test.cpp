#include "runtime/core/load_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace troupe {
namespace {

TEST(LoadIndexTest, AnEmptyOrFullOneNamesNobody) {
  LoadIndex index;
  EXPECT_EQ(index.least(), LoadIndex::nobody);
  index.reset(5);
  EXPECT_EQ(index.least(), LoadIndex::nobody);
  index.set(3, 1);
  EXPECT_EQ(index.least(), 3u);
  index.set(3, LoadIndex::full);
  EXPECT_EQ(index.least(), LoadIndex::nobody);
}

TEST(LoadIndexTest, OfEqualsTheFirstWins) {
  LoadIndex index;
  index.reset(6);
  for (const std::size_t position : {5u, 4u, 2u}) index.set(position, 7);
  EXPECT_EQ(index.least(), 2u);
}

TEST(LoadIndexTest, GrowsUntilItsRoomIsUsed) {
  LoadIndex index;
  index.reset(3);
  EXPECT_TRUE(index.grow());
  EXPECT_EQ(index.size(), 4u);
  EXPECT_EQ(index.at(3), LoadIndex::full);
  EXPECT_FALSE(index.grow());
}

TEST(LoadIndexTest, AgreesWithALookAtAllAfterEveryChange) {
  std::minstd_rand random(1);
  for (const std::size_t size : {1u, 2u, 3u, 17u, 64u, 100u}) {
    LoadIndex index;
    index.reset(size);
    std::vector<double> loads(size, LoadIndex::full);
    for (int step = 0; step < 2000; ++step) {
      const std::size_t position = random() % size;
      loads[position] = random() % 4 == 0 ? LoadIndex::full : static_cast<double>(random() % 10);
      index.set(position, loads[position]);
      const auto least = std::min_element(loads.begin(), loads.end());
      const std::size_t expected =
          *least == LoadIndex::full ? LoadIndex::nobody : static_cast<std::size_t>(least - loads.begin());
      ASSERT_EQ(index.least(), expected) << "of " << size << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace troupe
