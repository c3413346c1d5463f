#include "runtime/exec/team.hpp"

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <stdexcept>
#include <thread>

namespace troupe {
namespace {

std::uint64_t fibonacci(unsigned n, Team::Member& self) {
  if (n < 2) return n;
  std::uint64_t left = 0;
  TaskGroup group(self);
  group.spawn([&left, n](Team::Member& here) { left = fibonacci(n - 1, here); });
  const auto right = fibonacci(n - 2, self);
  group.wait();
  return left + right;
}

TEST(Team, RunsNestedGroupsOnAnyNumberOfThreads) {
  for (const unsigned threads : {1U, 2U, 5U}) {
    Team team(threads);
    EXPECT_EQ(team.run([](Team::Member& self) { return fibonacci(20, self); }), 6765U) << threads;
  }
}

TEST(Team, LetsAnotherThreadStealASpawnAtOnce) {
  Team team(2);
  const auto caller = std::this_thread::get_id();
  std::thread::id thief;
  team.run([&](Team::Member& self) {
    std::latch stolen(1);
    TaskGroup group(self);
    group.spawn([&] {
      thief = std::this_thread::get_id();
      stolen.count_down();
    });
    stolen.wait();  // hangs unless the task is stolen while its spawner does something else
    group.wait();
  });
  EXPECT_NE(thief, caller);
}

TEST(Team, WaitThrowsWhatATaskThrewAndAllHaveEnded) {
  Team team(2);
  std::atomic<int> ended{0};
  EXPECT_THROW(team.run([&](Team::Member& self) {
    TaskGroup group(self);
    for (int i = 0; i < 100; ++i)
      group.spawn([&ended, i] {
        ended.fetch_add(1);
        if (i == 50) throw std::out_of_range("50");
      });
    group.wait();
  }),
               std::out_of_range);
  EXPECT_EQ(ended.load(), 100);
}

TEST(Team, KeepsLargeAndOwningCallables) {
  Team team(2);
  auto shared = std::make_shared<int>(1);
  std::array<std::uint64_t, 40> large{};
  large.fill(2);
  std::atomic<std::uint64_t> sum{0};
  team.run([&](Team::Member& self) {
    TaskGroup group(self);
    for (int i = 0; i < 1000; ++i) {
      group.spawn([shared, &sum] { sum.fetch_add(static_cast<std::uint64_t>(*shared)); });
      group.spawn([large, &sum] { sum.fetch_add(large[39]); });
    }
    group.wait();
  });
  EXPECT_EQ(sum.load(), 3000U);
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(Team, TakesManyGuestsAtATimeAndMembersOfOtherTeams) {
  Team team(2);
  Team inner(2);
  std::atomic<std::uint64_t> sum{0};
  std::vector<std::thread> guests;
  for (int i = 0; i < 40; ++i)
    guests.emplace_back([&] {
      sum.fetch_add(team.run([&](Team::Member& self) {
        EXPECT_EQ(team.current(), &self);
        const auto nested = inner.run([](Team::Member& there) { return fibonacci(10, there); });
        EXPECT_EQ(team.current(), &self);
        return nested + team.run([](Team::Member& here) { return fibonacci(10, here); });
      }));
    });
  for (auto& guest : guests) guest.join();
  EXPECT_EQ(sum.load(), 40U * 110);
  EXPECT_EQ(team.current(), nullptr);
}

}  // namespace
}  // namespace troupe
