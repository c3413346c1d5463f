#include "runtime/core/time_totals.hpp"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/scheduler_dialogue.hpp"

namespace troupe {
namespace {

bool any(WorkerId) { return true; }

TimeSpent moved(WorkerId from, std::uint64_t bytes) {
  TimeSpent spent;
  spent.sources = {{from, {1, bytes, 10}}};
  return spent;
}

TEST(TimeTotals, what_workers_tell_adds_up) {
  TimeTotals totals;
  totals.add({1}, {{{"load", 1, 2, 3, 4}}, {{{2}, {5, 6, 7}}}, {{"string", {5, 6, 7}}}, 8, 9, 10}, any);
  totals.add({1}, {{{"load", 10, 20, 30, 40}, {"sum", 1, 1, 1, 1}}, {{{2}, {50, 60, 70}}}, {}, 80, 90, 100}, any);
  totals.add({2}, {{}, {{{1}, {1, 1, 1}}}, {{"string", {1, 1, 1}}}, 0, 0, 0}, any);
  TimeView expected;
  expected.functions = {{"load", 11, 22, 33, 44}, {"sum", 1, 1, 1, 1}};
  expected.pairs = {{{1}, {2}, {55, 66, 77}}, {{2}, {1}, {1, 1, 1}}};
  expected.types = {{"string", {6, 7, 8}}};
  expected.moved = {56, 67, 78};
  expected.serialize_us = 88;
  expected.disk_read_us = 99;
  expected.disk_write_us = 110;
  EXPECT_EQ(totals.view(), expected);
}

TEST(TimeTotals, names_for_which_there_is_no_room_are_counted_together) {
  TimeTotals totals;
  for (std::size_t i = 0; i < TimeTotals::functions_max + 5; ++i)
    totals.add({1}, {{{"f" + std::to_string(i), 1, 0, 0, 0}}, {}, {{"t" + std::to_string(i), {1, 1, 1}}}, 0, 0, 0},
               any);
  std::uint64_t runs = 0;
  for (const auto& function : totals.view().functions) {
    runs += function.runs;
    if (function.prefix != "other") continue;
    EXPECT_EQ(function.runs, 5U);
  }
  EXPECT_EQ(runs, TimeTotals::functions_max + 5);
  EXPECT_EQ(totals.view().functions.size(), TimeTotals::functions_max + 1);
  EXPECT_EQ(totals.view().types.size(), TimeTotals::types_max + 1);
}

TEST(TimeTotals, pairs_of_workers_that_left_make_room_and_nothing_is_lost_of_the_sums) {
  TimeTotals totals;
  const auto pairs = static_cast<std::uint32_t>(TimeTotals::pairs_max);
  for (std::uint32_t i = 0; i < pairs + 3; ++i) totals.add({1 + i % 2}, moved({10 + i / 2}, 100), any);
  EXPECT_EQ(totals.view().pairs.size(), TimeTotals::pairs_max);
  EXPECT_EQ(totals.view().other_pairs, (ValuesMoved{3, 300, 30}));
  totals.worker_left([](WorkerId worker) { return worker != WorkerId{1}; });
  EXPECT_EQ(totals.view().pairs.size(), TimeTotals::pairs_max / 2);
  totals.add({1}, moved({99'999}, 7), any);
  const TimeView now = totals.view();
  EXPECT_EQ(now.pairs.front(), (TimeView::Pair{{1}, {99'999}, {1, 7, 10}}));
  EXPECT_EQ(now.moved.bytes, (pairs + 3) * std::uint64_t{100} + 7);
  EXPECT_EQ(now.other_pairs.bytes, (3 + pairs / 2) * std::uint64_t{100});
}

TEST(TimeTotals, what_came_from_workers_that_are_not_there_has_no_pair) {
  TimeTotals totals;
  totals.add({1}, moved({7}, 100), [](WorkerId worker) { return worker == WorkerId{1}; });
  EXPECT_THAT(totals.view().pairs, ::testing::IsEmpty());
  EXPECT_EQ(totals.view().other_pairs.bytes, 100U);
  EXPECT_EQ(totals.view().moved.bytes, 100U);
}

TEST(TimeTotals, the_scheduler_keeps_what_a_worker_tells_when_that_is_gone) {
  testing::SchedulerDialogue d;
  const WorkerId worker = d.join_worker();
  d.say(WorkerSaid{worker, TimeSpent{{{"load", 1, 2, 3, 4}}, {}, {}, 5, 6, 7}});
  d.say(WorkerLeft{worker, true, "closed"});
  const TimeView times = d.scheduler.times();
  ASSERT_EQ(times.functions.size(), 1U);
  EXPECT_EQ(times.functions.front(), (FunctionTime{"load", 1, 2, 3, 4}));
  EXPECT_EQ(times.disk_write_us, 7U);
  d.scheduler.check_invariants();
}

}  // namespace
}  // namespace troupe
