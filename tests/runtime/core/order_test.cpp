#include "runtime/core/order.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

struct TestGraph {
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint32_t> dependencies;

  std::uint32_t add(std::initializer_list<std::uint32_t> inputs = {}) { return add(std::vector(inputs)); }
  std::uint32_t add(const std::vector<std::uint32_t>& inputs) {
    dependencies.insert(dependencies.end(), inputs.begin(), inputs.end());
    offsets.push_back(static_cast<std::uint32_t>(dependencies.size()));
    return size() - 1;
  }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(offsets.size() - 1); }
  [[nodiscard]] GraphView view() const { return {size(), offsets, dependencies}; }

  /// All the same tasks under other numbers.
  [[nodiscard]] TestGraph shuffled(std::mt19937& random) const {
    std::vector<std::uint32_t> to(size());
    for (std::uint32_t i = 0; i < size(); ++i) to[i] = i;
    std::shuffle(to.begin(), to.end(), random);
    std::vector<std::vector<std::uint32_t>> inputs(size());
    for (std::uint32_t task = 0; task < size(); ++task)
      for (auto i = offsets[task]; i < offsets[task + 1]; ++i) inputs[to[task]].push_back(to[dependencies[i]]);
    TestGraph result;
    for (const auto& each : inputs) result.add(each);
    return result;
  }
};

std::vector<std::uint32_t> ranks_of(const TestGraph& graph) {
  auto ranks = order(graph.view());
  EXPECT_TRUE(ranks.has_value()) << ranks.error().text;
  return std::move(*ranks);
}

void expect_valid(const TestGraph& graph, const std::vector<std::uint32_t>& ranks) {
  ASSERT_EQ(ranks.size(), graph.size());
  std::vector<bool> seen(graph.size());
  for (const auto rank : ranks) {
    ASSERT_LT(rank, graph.size());
    ASSERT_FALSE(seen[rank]) << "rank " << rank << " is given twice";
    seen[rank] = true;
  }
  for (std::uint32_t task = 0; task < graph.size(); ++task)
    for (auto i = graph.offsets[task]; i < graph.offsets[task + 1]; ++i)
      ASSERT_LT(ranks[graph.dependencies[i]], ranks[task]) << task << " before its input " << graph.dependencies[i];
}

/// Most values alive between two tasks when one runs after the other by rank; results count until the end only if
/// `keep_results`.
std::uint32_t peak_alive(const TestGraph& graph, const std::vector<std::uint32_t>& ranks) {
  std::vector<std::uint32_t> sequence(graph.size());
  std::vector<std::uint32_t> uses(graph.size());
  for (std::uint32_t task = 0; task < graph.size(); ++task) sequence[ranks[task]] = task;
  for (const auto input : graph.dependencies) ++uses[input];
  std::uint32_t alive = 0;
  std::uint32_t peak = 0;
  for (const auto task : sequence) {
    if (uses[task] > 0) ++alive;
    for (auto i = graph.offsets[task]; i < graph.offsets[task + 1]; ++i)
      if (--uses[graph.dependencies[i]] == 0) --alive;
    peak = std::max(peak, alive);
  }
  return peak;
}

TestGraph tree(unsigned levels) {
  TestGraph graph;
  std::vector<std::uint32_t> row;
  for (std::uint32_t i = 0; i < 1U << levels; ++i) row.push_back(graph.add());
  while (row.size() > 1) {
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i < row.size(); i += 2) above.push_back(graph.add({row[i], row[i + 1]}));
    row = above;
  }
  return graph;
}

TestGraph random_graph(std::mt19937& random, std::uint32_t size, std::uint32_t inputs_max) {
  TestGraph graph;
  for (std::uint32_t task = 0; task < size; ++task) {
    std::vector<std::uint32_t> inputs;
    if (task > 0)
      for (auto n = random() % (inputs_max + 1); n > 0; --n) inputs.push_back(random() % task);
    graph.add(inputs);
  }
  return graph;
}

TEST(Order, keeps_the_index_when_there_is_no_dependency) {
  EXPECT_THAT(*order({3, {}, {}}), testing::ElementsAre(0, 1, 2));
  EXPECT_TRUE(order({0, {}, {}})->empty());
}

TEST(Order, is_a_permutation_with_dependencies_first_on_random_graphs_under_any_numbering) {
  std::mt19937 random{7};
  for (int round = 0; round < 300; ++round) {
    const auto graph = random_graph(random, 1 + random() % 120, random() % 5);
    expect_valid(graph, ranks_of(graph));
    const auto other = graph.shuffled(random);
    expect_valid(other, ranks_of(other));
  }
}

TEST(Order, is_the_same_every_time) {
  std::mt19937 random{3};
  const auto graph = random_graph(random, 500, 4).shuffled(random);
  EXPECT_EQ(ranks_of(graph), ranks_of(graph));
}

TEST(Order, a_tree_of_2_to_the_n_leaves_keeps_n_plus_1_values) {
  std::mt19937 random{1};
  for (unsigned levels = 1; levels <= 12; ++levels) {
    const auto graph = tree(levels);
    EXPECT_EQ(peak_alive(graph, ranks_of(graph)), levels + 1);
    const auto other = graph.shuffled(random);
    EXPECT_EQ(peak_alive(other, ranks_of(other)), levels + 1);
  }
}

TEST(Order, finishes_one_chain_before_it_begins_the_next) {
  TestGraph graph;
  std::vector<std::uint32_t> row;
  for (int i = 0; i < 50; ++i) row.push_back(graph.add());
  for (int step = 0; step < 5; ++step)
    for (auto& task : row) task = graph.add({task});
  EXPECT_EQ(peak_alive(graph, ranks_of(graph)), 1U);
}

TEST(Order, two_reductions_of_the_same_inputs_go_side_by_side) {
  TestGraph graph;  // mean and deviation: both read each block
  constexpr unsigned levels = 8;
  std::vector<std::uint32_t> left;
  std::vector<std::uint32_t> right;
  for (std::uint32_t i = 0; i < 1U << levels; ++i) {
    const auto block = graph.add();
    left.push_back(graph.add({block}));
    right.push_back(graph.add({block}));
  }
  while (left.size() > 1) {
    for (auto* row : {&left, &right}) {
      std::vector<std::uint32_t> above;
      for (std::size_t i = 0; i < row->size(); i += 2) above.push_back(graph.add({(*row)[i], (*row)[i + 1]}));
      *row = above;
    }
  }
  EXPECT_LE(peak_alive(graph, ranks_of(graph)), 2 * (levels + 1) + 1);
}

TEST(Order, a_stencil_keeps_about_one_row_or_one_diagonal) {
  constexpr std::uint32_t width = 64;
  constexpr std::uint32_t steps = 10;
  TestGraph graph;
  std::vector<std::uint32_t> row;
  for (std::uint32_t i = 0; i < width; ++i) row.push_back(graph.add());
  for (std::uint32_t step = 0; step < steps; ++step) {
    std::vector<std::uint32_t> next;
    for (std::uint32_t i = 0; i < width; ++i) {
      std::vector<std::uint32_t> inputs{row[i]};
      if (i > 0) inputs.push_back(row[i - 1]);
      if (i + 1 < width) inputs.push_back(row[i + 1]);
      next.push_back(graph.add(inputs));
    }
    row = next;
  }
  EXPECT_LE(peak_alive(graph, ranks_of(graph)), 3 * steps);  // a diagonal: two values a step; row by row takes 64
}

TEST(Order, a_shared_input_of_many_readers_does_not_make_it_quadratic) {
  TestGraph graph;
  const auto shared = graph.add();
  std::vector<std::uint32_t> all;
  for (int i = 0; i < 200'000; ++i) all.push_back(graph.add({shared}));
  graph.add(all);
  const auto begin = std::chrono::steady_clock::now();
  expect_valid(graph, ranks_of(graph));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Order, names_a_cycle) {
  TestGraph graph;
  graph.add();
  graph.add({0, 3});
  graph.add({1});
  graph.add({2});
  graph.add({3});
  const auto result = order(graph.view());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::invalid);
  EXPECT_EQ(result.error().text, "graph: cycle of 3 tasks: 1 needs 3 needs 2 needs 1");
  const auto named = order(graph.view(), [](std::uint32_t task) { return "t" + std::to_string(task); });
  EXPECT_EQ(named.error().text, "graph: cycle of 3 tasks: t1 needs t3 needs t2 needs t1");
}

TEST(Order, names_a_task_that_needs_itself) {
  TestGraph graph;
  graph.add({0});
  EXPECT_EQ(order(graph.view()).error().text, "graph: cycle of 1 task: 0 needs 0");
}

TEST(Order, ignores_dependencies_that_lie_outside) {
  TestGraph graph;
  graph.add({7});
  graph.add({0, 9});
  EXPECT_THAT(ranks_of(graph), testing::ElementsAre(0, 1));
}

TEST(Order, a_million_tasks_take_a_fraction_of_a_second) {
  const auto graph = tree(19);
  const auto begin = std::chrono::steady_clock::now();
  const auto ranks = ranks_of(graph);
  const auto taken = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(peak_alive(graph, ranks), 20U);
  RecordProperty("milliseconds",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(taken).count()));
  EXPECT_LT(taken, std::chrono::seconds(10));  // about 0.1 s optimised; debug and sanitizers are slower
}

}  // namespace
}  // namespace troupe
