#include "runtime/exec/local_graph.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>

#include "runtime/exec/module.hpp"
#include "runtime/store/buffer.hpp"

namespace troupe {
namespace {

/// A value that knows how many of its kind are alive.
std::atomic<int> alive{0};
std::atomic<int> alive_most{0};

void counted_source(CallFrame& frame) noexcept {
  struct Free {
    void operator()(const int* p) const {
      --alive;
      delete p;
    }
  };
  const auto now = ++alive;
  auto most = alive_most.load();
  while (now > most && !alive_most.compare_exchange_weak(most, now)) {
  }
  const std::shared_ptr<const int> owner(new int(1), Free{});
  frame.result = Value::make(Buffer(owner, owner.get(), sizeof(int)));
}
/// Slower than its source, so that sources could run far ahead.
void slow_step(CallFrame& frame) noexcept {
  for (int i = 0; i < 2000; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
  frame.result = Value::make(std::int64_t{1});
}
void refuse(CallFrame& frame) noexcept { frame.host->fail(frame, TaskError::Kind::exception, "no", "not today"); }
void sum(CallFrame& frame) noexcept {
  std::int64_t total = 1;
  for (const auto& input : frame.inputs) total += *input.get<std::int64_t>();
  frame.result = Value::make(total);
}

const LocalTarget source_target{&counted_source, "source"};
const LocalTarget step_target{&slow_step, "step"};
const LocalTarget refuse_target{&refuse, "refuse"};
const LocalTarget sum_target{&sum, "sum"};

std::uint32_t add(LocalGraph& graph, const LocalTarget& target, std::vector<std::uint32_t> inputs) {
  graph.tasks.push_back({&target, {}});
  graph.inputs.insert(graph.inputs.end(), inputs.begin(), inputs.end());
  graph.offsets.push_back(static_cast<std::uint32_t>(graph.inputs.size()));
  return graph.size() - 1;
}

TEST(LocalGraph, GivesTheSameSumsOnAnyNumberOfThreads) {
  std::mt19937 random(7);
  LocalGraph graph;
  std::vector<std::int64_t> expected;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    std::vector<std::uint32_t> inputs;
    std::int64_t total = 1;
    for (auto count = i == 0 ? 0 : random() % 3; count > 0; --count) {
      inputs.push_back(i - 1 - random() % std::min(i, 500U));
      total = (total + expected[inputs.back()]);
    }
    add(graph, sum_target, inputs);
    expected.push_back(total);
    graph.wanted.push_back(i);
  }
  for (const unsigned threads : {0U, 1U, 2U, 4U}) {
    std::optional<Team> team;
    if (threads > 0) team.emplace(threads);
    const auto outcome = run_local(graph, {.team = team ? &*team : nullptr});
    ASSERT_TRUE(outcome);
    for (std::uint32_t i = 0; i < graph.size(); ++i)
      ASSERT_EQ(*outcome->values[i].get<std::int64_t>(), expected[i]) << threads << " threads, task " << i;
  }
}

TEST(LocalGraph, AStreamKeepsFewValuesAliveWhateverIsSlow) {
  LocalGraph graph;
  auto last = add(graph, step_target, {add(graph, source_target, {})});
  for (int i = 0; i < 5000; ++i) last = add(graph, step_target, {last, add(graph, source_target, {})});
  graph.wanted = {last};
  Team team(4);
  for (int run = 0; run < 3; ++run) {
    alive_most = 0;
    const auto outcome = run_local(graph, {.team = &team, .ahead_max = 8});
    ASSERT_TRUE(outcome && !outcome->failure);
    EXPECT_EQ(alive.load(), 0);
    // One of the order itself, those ahead, and one in the hands of each thread.
    EXPECT_LE(alive_most.load(), 1 + 8 + 2 * 4);
  }
}

TEST(LocalGraph, AFailureNamesItsTaskAndThePathToWhatWasWanted) {
  for (const bool threads : {false, true}) {
    Team team(2);
    LocalGraph graph;
    const auto bad = add(graph, refuse_target, {});
    const auto middle = add(graph, sum_target, {bad});
    const auto other = add(graph, sum_target, {});
    graph.wanted = {add(graph, sum_target, {other, middle})};
    const auto outcome = run_local(
        graph, {.team = threads ? &team : nullptr, .name = [](auto task) { return "task-" + std::to_string(task); }});
    ASSERT_TRUE(outcome && outcome->failure);
    EXPECT_EQ(outcome->failure->error.message, "not today");
    EXPECT_EQ(outcome->failure->error.key, "task-0");
    EXPECT_EQ(outcome->failure->error.function, "refuse");
    EXPECT_EQ(outcome->failure->path, (std::vector<std::uint32_t>{bad, middle, graph.wanted[0]}));
    EXPECT_TRUE(outcome->values.empty());
  }
}

TEST(LocalGraph, NothingBeginsOnceItIsCancelled) {
  struct CancelAtTen final : LocalObserver {
    void ended(const LocalSpan&) noexcept override {
      if (++count == 10) cancelled = true;
    }
    std::atomic<bool> cancelled{false};
    std::atomic<int> count{0};
  };
  LocalGraph graph;
  auto last = add(graph, sum_target, {});
  for (int i = 0; i < 100; ++i) last = add(graph, sum_target, {last});
  graph.wanted = {last};
  CancelAtTen observer;
  Team team(2);
  const auto outcome = run_local(graph, {.team = &team, .cancelled = &observer.cancelled, .observer = &observer});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->cancelled);
  EXPECT_EQ(observer.count.load(), 10);
}

TEST(LocalGraph, RefusesACycle) {
  LocalGraph graph;
  add(graph, sum_target, {1});
  add(graph, sum_target, {0});
  const auto outcome = run_local(graph, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace troupe
