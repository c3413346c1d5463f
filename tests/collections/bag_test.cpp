#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/collections/bag_functions.hpp"

namespace troupe {
namespace {

using namespace bag_tests;
using namespace terms;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// Each test runs on every scheduler: the text of a program is the same.
class BagTest : public testing::TestWithParam<SchedulerKind> {
protected:
  void SetUp() override {
    if (GetParam() == SchedulerKind::cluster) {
      cluster.emplace(LocalClusterOptions{.workers = 2, .modules = {bag_module}});
      client.emplace(*cluster);
    }
    scope.emplace(ComputeOptions{.scheduler = GetParam(), .threads = 2, .client = client ? &*client : nullptr});
  }
  std::optional<LocalCluster> cluster;
  std::optional<Client> client;
  std::optional<ComputeScope> scope;
};

std::string name_of_case(const testing::TestParamInfo<SchedulerKind>& info) { return std::string(name_of(info.param)); }
INSTANTIATE_TEST_SUITE_P(On, BagTest,
                         testing::Values(SchedulerKind::threads, SchedulerKind::sync, SchedulerKind::processes,
                                         SchedulerKind::cluster),
                         name_of_case);

TEST_P(BagTest, elements_are_mapped_and_filtered_by_listed_functions_and_by_terms) {
  const auto numbers = bag::range(10, 3);
  EXPECT_THAT(numbers.map<square>().filter<is_even>().compute(), ElementsAre(0, 4, 16, 36, 64));
  EXPECT_THAT(numbers.map(_1 * 10 + 1).remove(_1 % 3 == 0).compute(), ElementsAre(1, 11, 31, 41, 61, 71, 91));
  EXPECT_THAT(numbers.map<power>(3).filter<is_multiple>(delayed(std::int64_t{9})).compute(),
              ElementsAre(0, 27, 216, 729));
  EXPECT_THAT(bag::from_sequence({"a", "b"}).map<shout>().compute(), ElementsAre("a!", "b!"));
}

TEST_P(BagTest, sums_are_of_all_partitions) {
  const auto numbers = bag::from_sequence(std::vector<int>{1, 2, 3, 4}, {.npartitions = 3});
  EXPECT_EQ(numbers.sum().compute(), 10);
  EXPECT_EQ(bag::range(1000, 100).map<square>().sum().compute(), 332833500);
  EXPECT_EQ(bag::from_sequence(std::vector<double>{}).sum().compute(), 0.0);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {bag_module});
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
