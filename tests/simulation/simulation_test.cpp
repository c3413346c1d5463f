#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/simulation/simulate.hpp"

namespace troupe::simulation {
namespace {

using testing::HasSubstr;

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// TROUPE_SEED=N tries one history, TROUPE_SEEDS=M the first M, both together M from N on.
TEST(Simulation, EveryHistoryKeepsAllPropertiesAndTogetherTheyReachEveryPoint) {
  const std::uint64_t first = environment("TROUPE_SEED", 1);
  const std::uint64_t count = environment("TROUPE_SEEDS", std::getenv("TROUPE_SEED") != nullptr ? 1 : 2000);
  Tally tally;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = run(draw_history(seed));
    ASSERT_FALSE(outcome.failed) << "seed " << seed << " violates " << outcome.property << ": " << outcome.text
                                 << "\nmake it small: troupe simulate --seeds 1 --seed " << seed;
    tally.add(outcome);
  }
  std::printf("%llu histories, %llu events, %llu recounts, %.0f simulated seconds\n",
              static_cast<unsigned long long>(tally.histories), static_cast<unsigned long long>(tally.events),
              static_cast<unsigned long long>(tally.sweeps), static_cast<double>(tally.time.count()) / 1e9);
  if (count < 2000) return;
  for (std::size_t i = 0; i < fault_count; ++i)
    EXPECT_GT(tally.faults[i], count / 50) << "hardly ever: " << info(static_cast<Fault>(i)).name;
  const auto points = tally.cover.points();
  for (const std::string& point : Coverage::sometimes()) {
    const auto found = points.find(point);
    EXPECT_TRUE(found != points.end() && found->second > 0) << "never: " << point;
  }
}

/// TROUPE_TWICE=N tries the first N histories twice.
TEST(Simulation, TheSameSeedGivesTheSameHistoryHoweverItIsWatched) {
  const std::uint64_t count = environment("TROUPE_TWICE", 60);
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const History history = draw_history(seed);
    const Outcome once = run(history);
    const Outcome again = run(history);
    const Outcome watched = run(history, {.told = true, .sweep_always = seed <= 10});
    EXPECT_EQ(once.digest, again.digest) << "seed " << seed;
    EXPECT_EQ(once.events, again.events) << "seed " << seed;
    EXPECT_EQ(once.digest, watched.digest) << "seed " << seed;
    EXPECT_FALSE(watched.story.empty());
  }
  EXPECT_NE(run(draw_history(1)).digest, run(draw_history(2)).digest);
}

TEST(Simulation, AHistoryThatWasWrittenDownIsTheSameWhenItIsReadAgain) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const History history = draw_history(seed);
    const auto read = read_history(write(history));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(write(*read), write(history));
    EXPECT_EQ(read->acts, history.acts);
    if (seed <= 10) {
      EXPECT_EQ(run(*read).digest, run(history).digest);
    }
  }
}

TEST(Simulation, AHistoryThatMakesNoSenseIsRefusedWithTheLine) {
  const auto error = [](std::string_view text) {
    const auto read = read_history(text);
    return read ? std::string("read") : read.error().text;
  };
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("something else\n"), HasSubstr("line 1: a history begins with"));
  const std::string head = "troupe history 1\n";
  EXPECT_THAT(error(head + "option color 3\n"), HasSubstr("line 2: no option 'color'"));
  EXPECT_THAT(error(head + "option workers many\n"), HasSubstr("line 2: option workers has a bad value"));
  EXPECT_THAT(error(head + "option workers 0\n"), HasSubstr("1 to 1000 workers"));
  EXPECT_THAT(error(head + "act soon kill 1 0 0 0\n"), HasSubstr("line 2: an act is"));
  EXPECT_THAT(error(head + "act 5 fly 1 0 0 0\n"), HasSubstr("line 2: an act is"));
  EXPECT_THAT(error(head + "act 5 kill 99 0 0 0\n"), HasSubstr("names node 99"));
  EXPECT_THAT(error(head + "act 5 kill 1 0 0 0\nact 4 kill 1 0 0 0\n"), HasSubstr("line 3: acts stand in the order"));
  EXPECT_EQ(error(head + "# a remark\n\nact 5 kill 1 0 0 0\n"), "read");
}

TEST(Simulation, WhereNothingGoesWrongNothingIsDoneTwice) {
  // The ledger is strict there: every loss of work is a violation.
  SwarmLimits none;
  none.faults = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Outcome outcome = run(draw_history(seed, none));
    ASSERT_FALSE(outcome.failed) << "seed " << seed << ": " << outcome.property << ": " << outcome.text;
    for (const auto count : outcome.faults) EXPECT_EQ(count, 0u);
  }
}

TEST(Simulation, AReaderThatGaveUpIsNotWaitedFor) {
  // Values of a megabyte on their way to a client over a link that would take minutes for them.
  const auto history = read_history(R"(troupe history 1
option seed 1
option workers 1
option clients 1
option unit 100000000
option chaos 100000000
option latency 200000
option run-time 100000
option look-rate 1
act 0 slow-link 1 2 100000000 53
act 1000000 submit 2 9 30 1
)");
  ASSERT_TRUE(history) << history.error().text;
  const Outcome outcome = run(*history);
  EXPECT_FALSE(outcome.failed) << outcome.property << ": " << outcome.text;
}

TEST(Simulation, ALargerClusterThanDrawnKeepsThemToo) {
  SwarmLimits large;
  large.nodes = 40;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Outcome outcome = run(draw_history(seed, large));
    ASSERT_FALSE(outcome.failed) << "seed " << seed << ": " << outcome.property << ": " << outcome.text;
  }
}

}  // namespace
}  // namespace troupe::simulation
