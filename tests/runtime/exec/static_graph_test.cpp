#include "runtime/exec/static_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <vector>

namespace troupe {
namespace {

/// Nodes that note when they run; the test looks whether each came after those it needs.
class Recorded {
public:
  explicit Recorded(std::uint32_t size) : clock_(0), when_(size) {
    for (std::uint32_t i = 0; i < size; ++i) graph.add([this, i] { when_[i] = ++clock_; });
  }
  void edge(std::uint32_t before, std::uint32_t after) {
    graph.edge(before, after);
    edges_.emplace_back(before, after);
  }
  void run(Team& team) {
    std::fill(when_.begin(), when_.end(), 0);
    clock_ = 0;
    graph.run(team);
    EXPECT_EQ(clock_.load(), graph.size());
    for (const auto when : when_) EXPECT_GT(when, 0U);
    for (const auto& [before, after] : edges_) ASSERT_LT(when_[before], when_[after]);
  }
  StaticGraph graph;

private:
  std::atomic<std::uint32_t> clock_;
  std::vector<std::uint32_t> when_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges_;
};

TEST(StaticGraph, RunsEachNodeOnceAfterThoseItNeedsAgainAndAgain) {
  for (const unsigned threads : {1U, 2U, 4U}) {
    Team team(threads);
    std::mt19937 random(threads);
    constexpr std::uint32_t size = 5000;
    Recorded recorded(size);
    for (std::uint32_t i = 0; i < 3 * size; ++i) {
      const auto a = random() % size;
      const auto b = random() % size;
      if (a != b) recorded.edge(std::min(a, b), std::max(a, b));
    }
    for (int run = 0; run < 5; ++run) recorded.run(team);
  }
}

TEST(StaticGraph, TakesEdgesInAnyOrder) {
  Team team(2);
  std::mt19937 random(3);
  constexpr std::uint32_t size = 3000;  // on two pages
  Recorded recorded(size);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  for (std::uint32_t i = 1; i < size; ++i) edges.emplace_back(0, i);  // one long row
  for (std::uint32_t i = 0; i < 4 * size; ++i) {
    const auto a = random() % 40;  // rows that grow in turn
    const auto b = 40 + random() % (size - 40);
    edges.emplace_back(a, b);
  }
  std::shuffle(edges.begin(), edges.end(), random);
  for (const auto& [before, after] : edges) recorded.edge(before, after);
  for (int run = 0; run < 3; ++run) recorded.run(team);
}

TEST(StaticGraph, ANodeMayWaitForWorkOfAnotherKindAndRunWhatIsQueuedMeanwhile) {
  Team team(3);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> calls{0};
    std::atomic<int> spawned{0};
    StaticGraph graph;
    const auto first = graph.add([&] { ++calls; });
    for (int i = 0; i < 30; ++i) {
      const auto next = graph.add([&](Team::Member& self) {
        TaskGroup group(self);
        for (int k = 0; k < 5; ++k) group.spawn([&spawned] { ++spawned; });
        StaticGraph inner;
        const auto begin = inner.add([] {});
        for (int k = 0; k < 5; ++k) inner.edge(begin, inner.add([&spawned] { ++spawned; }));
        inner.run(self.team());
        group.wait();
        ++calls;
      });
      graph.edge(first, next);
      graph.edge(next, graph.add([&] { ++calls; }));
    }
    graph.run(team);
    ASSERT_EQ(calls.load(), 61);
    ASSERT_EQ(spawned.load(), 300);
  }
}

TEST(StaticGraph, TakesEdgesToNodesOfLowerNumberAndFurtherNodesAfterARun) {
  Team team(2);
  Recorded recorded(100);
  for (std::uint32_t i = 1; i < 100; ++i) recorded.edge(i, i - 1);
  recorded.run(team);
  std::atomic<bool> ran{false};
  const auto last = recorded.graph.add([&ran] { ran = true; });
  recorded.graph.edge(0, last);
  recorded.graph.run(team);
  EXPECT_TRUE(ran);
}

TEST(StaticGraph, RefusesACycle) {
  Team team(1);
  Recorded recorded(3);
  recorded.edge(0, 1);
  recorded.edge(1, 2);
  recorded.edge(2, 1);
  EXPECT_THROW(recorded.graph.run(team), std::invalid_argument);
}

TEST(StaticGraph, ThrowsWhatANodeThrewAndBeginsNothingAfterIt) {
  Team team(2);
  StaticGraph graph;
  int calls = 0;
  bool fails = true;
  const auto first = graph.add([&] {
    ++calls;
    if (fails) throw std::runtime_error("first");
  });
  graph.edge(first, graph.add([&] { ++calls; }));
  EXPECT_THROW(graph.run(team), std::runtime_error);
  EXPECT_EQ(calls, 1);
  fails = false;
  graph.run(team);
  EXPECT_EQ(calls, 3);
}

TEST(StaticGraph, ACancelledRunEndsWithNoFurtherNode) {
  Team team(1);
  StaticGraph graph;
  int calls = 0;
  std::uint32_t before = graph.add([&] { ++calls; });
  for (int i = 0; i < 10; ++i) {
    const auto next = graph.add([&] {
      if (++calls == 5) graph.cancel();
    });
    graph.edge(before, next);
    before = next;
  }
  graph.run(team);
  EXPECT_EQ(calls, 5);
}

TEST(StaticGraph, NodesMayRunGraphsAndDestroyTheirCallables) {
  Team team(2);
  auto shared = std::make_shared<std::atomic<int>>(0);
  const std::array<std::shared_ptr<std::atomic<int>>, 4> many{shared, shared, shared, shared};
  {
    StaticGraph graph;
    for (int i = 0; i < 20; ++i)
      graph.add([shared, many, &team] {
        StaticGraph inner;
        const auto first = inner.add([&] { ++*shared; });
        for (int k = 0; k < 10; ++k) inner.edge(first, inner.add([many] { ++*many[3]; }));
        inner.run(team);
      });
    graph.run(team);
  }
  EXPECT_EQ(shared->load(), 20 * 11);
  EXPECT_EQ(shared.use_count(), 5);
}

}  // namespace
}  // namespace troupe
