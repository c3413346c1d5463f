#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "troupe/delayed.hpp"

namespace troupe {

/// Tests that run on every scheduler: the text of a program is the same.
class OnEveryScheduler : public testing::TestWithParam<SchedulerKind> {
public:
  static std::string name_of_case(const testing::TestParamInfo<SchedulerKind>& each) {
    return std::string(name_of(each.param));
  }
  static auto all() {
    return testing::Values(SchedulerKind::threads, SchedulerKind::sync, SchedulerKind::processes,
                           SchedulerKind::cluster);
  }

protected:
  /// `module`: what the workers of the cluster can run.
  explicit OnEveryScheduler(const Module& module) {
    if (GetParam() == SchedulerKind::cluster) {
      cluster.emplace(LocalClusterOptions{.workers = 2, .modules = {module}});
      client.emplace(*cluster);
    }
    scope.emplace(ComputeOptions{.scheduler = GetParam(), .threads = 2, .client = client ? &*client : nullptr});
  }
  std::optional<LocalCluster> cluster;
  std::optional<Client> client;
  std::optional<ComputeScope> scope;
};

}  // namespace troupe
