#include "runtime/core/span_totals.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scheduler_dialogue.hpp"

namespace troupe {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(SpanTotals, a_new_span_takes_the_place_of_the_one_that_was_longest_without_a_change) {
  SpanTotals totals;
  std::vector<SpanRecord*> records;
  for (std::size_t i = 0; i < SpanTotals::spans_max; ++i)
    records.push_back(totals.enter({std::to_string(i), {1, 2}}, 1, Instant{static_cast<std::int64_t>(1000 - i)}));
  EXPECT_EQ(totals.enter({"new", {1, 2}}, 1, {}), nullptr) << "all have groups";
  totals.leave(*records[3]);
  totals.leave(*records[7]);
  EXPECT_NE(totals.enter({"new", {1, 2}}, 1, {}), nullptr);
  EXPECT_THAT(totals.records(), SizeIs(SpanTotals::spans_max));
  EXPECT_TRUE(totals.records().contains("3"));
  EXPECT_FALSE(totals.records().contains("7")) << "the oldest";
  totals.add({"f", 1, 2, 3, 4, "7"});  // it is gone: nothing happens
  EXPECT_FALSE(totals.records().contains("7"));
}

TEST(SpanTotals, functions_beyond_the_first_ones_are_counted_together) {
  SpanTotals totals;
  (void)totals.enter({"nightly", {1, 2}}, 1, {});
  for (std::size_t i = 0; i < SpanTotals::functions_max + 3; ++i)
    totals.add({"f" + std::to_string(i), 1, 2, 3, 4, "nightly"});
  const SpanView view = totals.view().at(0);
  EXPECT_THAT(view.functions, SizeIs(SpanTotals::functions_max + 1));
  EXPECT_EQ(view.functions.back(), (FunctionTime{"other", 3, 6, 9, 12}));
}

class SpanSums : public ::testing::Test {
protected:
  void submit(const SpanContext& span, std::uint32_t tasks, TaskId parent = {}) {
    SubmitGraph message;
    message.submission = message.graph = ++d.submissions[client];
    message.chunk = testing::graph(std::vector<std::vector<std::uint32_t>>(tasks));
    message.span = span;
    message.parent = parent;
    d.say(ClientSaid{client, message});
  }

  testing::SchedulerDialogue d;
  ClientId client = d.join_client();
};

TEST_F(SpanSums, say_what_became_of_what_was_submitted_in_a_span_and_by_its_tasks) {
  const WorkerId worker = d.join_worker(8);
  submit({}, 2);
  EXPECT_THAT(d.scheduler.spans(), IsEmpty());
  submit({"nightly", {1, 2}}, 3);
  submit({"nightly", {3, 4}}, 1);
  submit({}, 1, TaskId::of(2, 0));
  auto spans = d.scheduler.spans();
  ASSERT_THAT(spans, SizeIs(1));
  EXPECT_EQ(spans[0].span, (SpanContext{"nightly", {1, 2}})) << "of the latest submission, which is its parent's";
  EXPECT_EQ(spans[0].submissions, 3U);
  EXPECT_EQ(spans[0].submitted, 5U);
  EXPECT_EQ(spans[0].tasks.states[static_cast<std::size_t>(TaskState::processing)], 5U);

  d.finish(worker, {{TaskId::of(2, 0), {1}}, {TaskId::of(4, 0), {1}}});
  d.say(WorkerSaid{worker, TimeSpent{{{"f", 9, 9, 9, 9}, {"f", 2, 3, 4, 5, "nightly"}}, {}, {}, 0, 0, 0}});
  spans = d.scheduler.spans();
  EXPECT_EQ(spans[0].finished, 2U);
  EXPECT_GT(spans[0].output_bytes, 0U);
  EXPECT_EQ(spans[0].tasks.states[static_cast<std::size_t>(TaskState::memory)], 2U);
  EXPECT_EQ(spans[0].functions, (std::vector<FunctionTime>{{"f", 2, 3, 4, 5}}));
  EXPECT_EQ(d.scheduler.times().functions, (std::vector<FunctionTime>{{"f", 9, 9, 9, 9}}))
      << "the runs in a span are among all runs";
  d.scheduler.check_invariants();

  for (std::uint64_t submission = 1; submission <= 4; ++submission)
    d.release(client, ClientKey::of(submission, 0), submission == 1 ? 2 : submission == 2 ? 3 : 1);
  d.scheduler.check_invariants();
  spans = d.scheduler.spans();
  ASSERT_THAT(spans, SizeIs(1)) << "it is remembered when its tasks are not";
  EXPECT_EQ(spans[0].tasks, TaskTally{});
  EXPECT_EQ(spans[0].finished, 2U);
}

}  // namespace
}  // namespace troupe
