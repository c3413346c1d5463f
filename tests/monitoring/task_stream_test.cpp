#include "monitoring/task_stream.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace troupe::monitoring {
namespace {

constexpr std::int64_t ms = 1'000'000;

TaskRun run(std::uint32_t index, std::int64_t start_ms, std::uint32_t duration_us, std::uint16_t prefix = 0,
            std::uint32_t worker = 1, std::uint16_t thread = 0) {
  TaskRun run;
  run.task = TaskId::of(1, index);
  run.start_ns = start_ms * ms;
  run.duration_us = duration_us;
  run.prefix = prefix;
  run.worker = {worker};
  run.thread = thread;
  return run;
}

std::uint64_t counted(const StreamPicture& picture) {
  std::uint64_t sum = 0;
  for (const StreamRect& rect : picture.rects) sum += rect.count;
  return sum;
}

TEST(TaskStream, of_many_workers_the_first_are_drawn_in_whatever_order_they_come) {
  TaskHistory history;
  history.keep(100'000);
  for (std::uint32_t i = 0; i < 1000; ++i) history.add(run(i, 100 + i % 7, 2000, 0, 1 + i * 617 % 500));
  StreamWindow window{.from_ns = 0, .to_ns = 1000 * ms, .width = 100};
  window.most_workers = 20;
  const auto picture = draw_task_stream(history.snapshot(), window);
  ASSERT_EQ(picture.lanes.size(), 20U);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_EQ(picture.lanes[i].first, WorkerId{i + 1});
  EXPECT_EQ(picture.total, 1000U);
  EXPECT_EQ(picture.covered, 40U) << "each has two runs, the first of which came before others were known";
  EXPECT_EQ(counted(picture), 40U);
}

TEST(TaskStream, a_run_that_is_wider_than_a_pixel_is_a_rectangle_of_its_own) {
  TaskHistory history;
  history.keep(100'000);
  history.add(run(0, 100, 50'000));
  history.add(run(1, 150, 50'000, 1));
  history.add(run(2, 100, 80'000, 0, 2));
  const auto picture = draw_task_stream(history.snapshot(), {.from_ns = 0, .to_ns = 1000 * ms, .width = 100});
  ASSERT_EQ(picture.rects.size(), 3U);
  EXPECT_EQ(picture.lanes.size(), 2U);
  EXPECT_EQ(picture.rects[1].task, TaskId::of(1, 1));
  EXPECT_EQ(picture.rects[1].prefix, 1);
  EXPECT_EQ(picture.rects[1].start_ns, 150 * ms);
  EXPECT_EQ(picture.rects[1].end_ns, 200 * ms);
  EXPECT_EQ(picture.rects[2].lane, 1U);
}

TEST(TaskStream, runs_narrower_than_a_pixel_are_merged_and_none_is_lost) {
  TaskHistory history;
  history.keep(100'000);
  for (std::uint32_t i = 0; i < 1000; ++i) history.add(run(i, i, 900, i % 10 == 0 ? 1 : 0));
  const auto picture = draw_task_stream(history.snapshot(), {.from_ns = 0, .to_ns = 1000 * ms, .width = 50});
  EXPECT_EQ(picture.total, 1000U);
  EXPECT_EQ(picture.covered, 1000U);
  EXPECT_EQ(counted(picture), 1000U);
  EXPECT_LE(picture.rects.size(), 52U);
  for (const StreamRect& rect : picture.rects) {
    EXPECT_EQ(rect.prefix, 0) << "the prefix with the most time";
    EXPECT_EQ(rect.busy_ns, rect.count * 900'000);
    EXPECT_FALSE(rect.task);
  }
}

TEST(TaskStream, more_rectangles_than_asked_for_become_coarser_but_all_runs_stay) {
  TaskHistory history;
  history.keep(1'000'000);
  for (std::uint32_t i = 0; i < 20'000; ++i)
    history.add(run(i, i, 600, 0, 1 + i % 4, static_cast<std::uint16_t>(i % 2)));
  const auto picture =
      draw_task_stream(history.snapshot(), {.from_ns = 0, .to_ns = 20'000 * ms, .width = 4000, .most_rects = 300});
  EXPECT_LE(picture.rects.size(), 300U);
  EXPECT_EQ(counted(picture), 20'000U);
}

TEST(TaskStream, only_what_shows_in_the_window_and_of_the_chosen_workers) {
  TaskHistory history;
  history.keep(100'000);
  history.add(run(0, 0, 10'000));
  history.add(run(1, 500, 100'000));
  history.add(run(2, 900, 200'000, 0, 2));
  history.add(run(3, 2000, 1000));
  const StreamWindow window{.from_ns = 550 * ms, .to_ns = 1000 * ms, .width = 100, .workers = {{2}}};
  const auto picture = draw_task_stream(history.snapshot(), window);
  EXPECT_EQ(picture.total, 2U);
  ASSERT_EQ(picture.rects.size(), 1U);
  EXPECT_EQ(picture.rects[0].task, TaskId::of(1, 2));
}

TEST(TaskStream, failed_runs_are_counted_where_they_were_merged) {
  TaskHistory history;
  history.keep(100'000);
  for (std::uint32_t i = 0; i < 10; ++i) {
    TaskRun one = run(i, 100, 10);
    one.erred = i < 3;
    history.add(one);
  }
  const auto picture = draw_task_stream(history.snapshot(), {.from_ns = 0, .to_ns = 1000 * ms, .width = 50});
  ASSERT_EQ(picture.rects.size(), 1U);
  EXPECT_EQ(picture.rects[0].erred, 3U);
}

TEST(TaskHistory, keeps_the_latest_runs_and_counts_all) {
  TaskHistory history;
  history.keep(3 * TaskRuns::most);
  for (std::uint32_t i = 0; i < 10 * TaskRuns::most; ++i) history.add(run(i % TaskId::index_mask, i, 1));
  const auto snapshot = history.snapshot();
  EXPECT_EQ(snapshot.recorded, 10 * TaskRuns::most);
  EXPECT_EQ(snapshot.records, 3 * TaskRuns::most);
  EXPECT_EQ(snapshot.blocks.front()->runs[0].task.index(), 7 * TaskRuns::most);
  EXPECT_EQ(history.oldest_ns(), static_cast<std::int64_t>(7 * TaskRuns::most) * ms);
}

TEST(TaskHistory, a_snapshot_does_not_change_when_more_is_added) {
  TaskHistory history;
  history.keep(TaskRuns::most);
  history.add(run(0, 0, 1));
  const auto snapshot = history.snapshot();
  history.add(run(1, 1, 1));
  ASSERT_EQ(snapshot.blocks.size(), 1U);
  EXPECT_EQ(snapshot.blocks[0]->size, 1U);
}

}  // namespace
}  // namespace troupe::monitoring
