#include "monitoring/cluster_collector.hpp"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/monitoring/fake_source.hpp"
#include "tests/monitoring/promtool.hpp"

namespace troupe::monitoring {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DurationHistogram, puts_each_duration_under_the_first_bound_that_holds_it) {
  DurationHistogram histogram;
  for (const std::uint64_t us : {0ULL, 1ULL, 2ULL, 4ULL, 5ULL, 16ULL, 17ULL, 268'435'456ULL, 300'000'000ULL})
    histogram.add(us);
  EXPECT_EQ(histogram.in_bucket(0), 2U) << "0 and 1";
  EXPECT_EQ(histogram.in_bucket(1), 2U) << "2 and 4";
  EXPECT_EQ(histogram.in_bucket(2), 2U) << "5 and 16";
  EXPECT_EQ(histogram.in_bucket(3), 1U) << "17";
  EXPECT_EQ(histogram.in_bucket(14), 1U) << "4^14";
  EXPECT_EQ(histogram.count(), 9U) << "that above all bounds, too";
  EXPECT_DOUBLE_EQ(DurationHistogram::bound(1), 4e-6);
}

class ClusterCollectorTest : public testing::Test {
protected:
  ClusterCollectorTest() {
    source_->cluster = some_cluster();
    source_->past.keep(100'000);
    for (std::uint32_t i = 0; i < 10; ++i) {
      TaskRun run;
      run.task = TaskId::of(7, i);
      run.worker = {1};
      run.prefix = i % 2;
      run.duration_us = 1000;
      source_->past.add(run);
    }
    source_->turned.decisions.add(100);
    source_->desired = 17;
    source_->spent.moved.us = 2'500'000;
    recorder_ = std::make_shared<Recorder>(source_);
    metrics_.add(std::make_shared<RecorderCollector>(recorder_, source_));
    // The recorder takes the runs up after its first picture.
    while (recorder_->run_durations().size() < 2) {
    }
  }

  std::shared_ptr<FakeSource> source_ = std::make_shared<FakeSource>();
  std::shared_ptr<Recorder> recorder_;
  Metrics metrics_{BuildInfo{"1", "2", "3"}};
};

TEST_F(ClusterCollectorTest, durations_of_runs_are_histograms_by_function) {
  const std::string page = metrics_.scrape("", "").body;
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_task_duration_seconds_bucket{prefix=\"load\",le=\"0.000256\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_task_duration_seconds_bucket{prefix=\"load\",le=\"0.001024\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_task_duration_seconds_count{prefix=\"sum\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_decision_seconds_count 1\n"));
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_tasks_transfer_seconds_total 2.5\n"));
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_desired_workers 17\n")) << "not those there are";
  EXPECT_THAT(page, HasSubstr("troupe_scheduler_worker_clock_skew_seconds 0.3\n")) << "of the worst, either way";
  EXPECT_THAT(page, HasSubstr("troupe_event_loop_lag_seconds_count"));
  EXPECT_EQ(promtool(page), "");
}

TEST_F(ClusterCollectorTest, open_metrics_shows_an_example_of_each_bucket_that_has_one) {
  const std::string page = metrics_.scrape("application/openmetrics-text", "").body;
  EXPECT_THAT(page, HasSubstr("# TYPE troupe_scheduler_task_duration_seconds histogram\n"));
  EXPECT_THAT(page, HasSubstr("# UNIT troupe_scheduler_task_duration_seconds seconds\n"));
  EXPECT_THAT(page, HasSubstr("{prefix=\"load\",le=\"0.001024\"} 5 # {task=\"7-8\"} 0.001 "));
  EXPECT_THAT(page, Not(HasSubstr("le=\"0.000256\"} 0 #")));
  EXPECT_THAT(page, HasSubstr("# EOF\n"));
  GroupView group;
  group.number = 7;
  group.origin.span = {"night \"run\"", {1, 2}};
  source_->group_list = {group};
  EXPECT_THAT(metrics_.scrape("application/openmetrics-text", "").body,
              HasSubstr("# {task=\"7-8\",trace_id=\"" + Token{1, 2}.hex() + "\",span=\"night \\\"run\\\"\"} 0.001 "));
  source_->group_list.front().origin.span.name = std::string(100, 'n');
  EXPECT_THAT(metrics_.scrape("application/openmetrics-text", "").body,
              HasSubstr("# {task=\"7-8\",trace_id=\"" + Token{1, 2}.hex() + "\"} 0.001 "))
      << "more than 128 characters are not allowed";
}

TEST_F(ClusterCollectorTest, a_few_workers_are_shown_each_and_many_are_not) {
  Metrics cluster{BuildInfo{}};
  cluster.add(std::make_shared<ClusterCollector>(recorder_));
  std::string page = cluster.scrape("", "").body;
  EXPECT_THAT(page, HasSubstr("troupe_cluster_workers 2\n"));
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_memory_managed_bytes{worker=\"w2\"} 400\n"));
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_latency_seconds{worker=\"w2\"} 0.002\n"));
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_clock_skew_seconds{worker=\"w2\"} 0.005\n"));
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_spill_disk_free_bytes{worker=\"w2\"} 250\n"));
  EXPECT_THAT(page, Not(HasSubstr("gpu")));
  EXPECT_EQ(promtool(page), "");
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.workers.back().heartbeat.surroundings.gpus = {{"one", 50, 1, 2, 1}, {"two", -1, 1, 2, 0}};
  }
  (void)recorder_->picture(std::chrono::milliseconds(0));
  page = cluster.scrape("", "").body;
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_gpu_utilization_ratio{worker=\"w2\",device=\"0\"} 0.5\n"));
  EXPECT_THAT(page, HasSubstr("troupe_cluster_worker_gpu_memory_own_bytes{worker=\"w2\",device=\"1\"} 0\n"));
  EXPECT_EQ(promtool(page), "");
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.workers.resize(ClusterCollector::most + 1);
  }
  (void)recorder_->picture(std::chrono::milliseconds(0));
  page = cluster.scrape("", "").body;
  EXPECT_THAT(page, HasSubstr("troupe_cluster_workers_left_out 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("troupe_cluster_worker_memory")));
}

}  // namespace
}  // namespace troupe::monitoring
