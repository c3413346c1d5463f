#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "tests/apps/troupe_program.hpp"
#include "troupe/array.hpp"

namespace troupe::apps {
namespace {

/// Workers that know no more than what every worker knows.
class ArrayOnPlainWorkers : public TroupeProgramTest {};

TEST_F(ArrayOnPlainWorkers, is_computed_with_nothing_uploaded) {
  auto scheduler = start_scheduler().first;
  auto [worker, said] = start_worker("plain", {});
  Client client("", ClientOptions{.access_file = access_file()});
  const ComputeOptions there{.scheduler = SchedulerKind::cluster, .client = &client};
  const auto x = array::arange(1'000'000, {.dtype = nd::DType::float64, .chunks = 100'000}).reshape({1000, 1000});
  const auto mean = (x + x.T())[{array::slice({}, {}, 2)}].mean({.axis = 1});
  const auto found = mean.compute(there);
  const auto expected = mean.compute({.scheduler = SchedulerKind::sync});
  EXPECT_EQ(found.to_vector<double>(), expected.to_vector<double>());
  EXPECT_EQ(worker.stop(), 0);
}

}  // namespace
}  // namespace troupe::apps
