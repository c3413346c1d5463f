#include <string>

#include "tests/monitoring/api_fixture.hpp"

namespace troupe::monitoring {
namespace {

using testing::HasSubstr;

TEST_F(ApiTest, AWorkerIsAskedForItsLog) {
  const auto page = get("/api/v1/workers/1/logs?after=4&limit=20").object();
  EXPECT_EQ(page.at("lines").as_array().at(0).at("seq"), 5);
  EXPECT_EQ(page.at("lines").as_array().at(0).at("text"), "of w\"<script>1, at most 20");
  EXPECT_EQ(page.at("recorded"), 7);
  EXPECT_EQ(get("/api/v1/workers/2/logs").status, 503U);
  EXPECT_THAT(get("/api/v1/workers/2/logs").body, HasSubstr("did not answer"));
  EXPECT_EQ(get("/api/v1/workers/99/logs").status, 404U);
  EXPECT_EQ(get("/api/v1/workers/1/logs?limit=0").status, 400U);
  EXPECT_EQ(get("/api/v1/workers/1/logs", "wrong").status, 401U);
}

TEST_F(ApiTest, AProfileHasTheStacksSeenMostFirst) {
  const auto page = get("/api/v1/profile?worker=w2&function=f&seconds=3").object();
  EXPECT_EQ(page.at("samples"), 12);
  EXPECT_EQ(page.at("looks"), 200);
  EXPECT_EQ(page.at("duration_ms"), 3000);
  const auto& stacks = page.at("stacks").as_array();
  ASSERT_EQ(stacks.size(), 2U);
  EXPECT_EQ(stacks[0].at("samples"), 9);
  EXPECT_EQ(json::serialize(stacks[0].at("frames")), R"(["f","h"])");
  EXPECT_EQ(json::serialize(page.at("unanswered")), R"([{"worker":"w2","error":"too busy"}])");
  get("/api/v1/profile");
  EXPECT_THAT(profiled_, testing::ElementsAre("w2 3000000 f", "all 2000000 "));
  EXPECT_EQ(get("/api/v1/profile?function=gone").status, 503U);
  EXPECT_EQ(get("/api/v1/profile?worker=nobody").status, 404U);
  EXPECT_EQ(get("/api/v1/profile?seconds=11").status, 400U);
  EXPECT_EQ(get("/api/v1/profile", "wrong").status, 401U);
}

TEST_F(ApiTest, a_profile_of_the_past_adds_up_the_windows_of_all_workers) {
  const auto page = get("/api/v1/profile/past?worker=w2&prefix=f&from=-5000").object();
  EXPECT_EQ(page.at("samples"), 12);
  EXPECT_EQ(page.at("workers"), 2);
  EXPECT_EQ(page.at("interval_ms").to_number<double>(), 20);
  EXPECT_EQ(json::serialize(page.at("stacks").at(0)), R"({"prefix":"f","frames":["f","h"],"samples":9})");
  EXPECT_EQ(json::serialize(page.at("unanswered")), R"([{"worker":"w2","error":"off"}])");
  const auto& threads = page.at("activity").at("threads").as_array();
  ASSERT_EQ(threads.size(), 720U);
  double busy_s = 0;
  double most = 0;
  for (const auto& each : threads) {
    busy_s += each.to_number<double>() * 5;
    most = std::max(most, each.to_number<double>());
  }
  EXPECT_NEAR(busy_s, 1 + 5 + 1, 0.05) << "each sample stands for the time until the next look";
  EXPECT_LE(most, 0.5);
  EXPECT_THAT(profiled_, testing::ElementsAre("w2 5000 0 f"));
  EXPECT_EQ(get("/api/v1/profile/past?prefix=gone").status, 503U);
  EXPECT_EQ(get("/api/v1/profile/past?worker=nobody").status, 404U);
  EXPECT_EQ(get("/api/v1/profile/past?from=20&to=10").status, 400U);
  EXPECT_EQ(get("/api/v1/profile/past?from=1e400").status, 400U);
}

TEST_F(ApiTest, a_task_s_workers_are_asked_what_it_said) {
  EXPECT_EQ(get("/api/v1/tasks/nobody/logs").status, 404U);
  TaskFacts facts;
  facts.task.id = TaskId::of(3, 1);
  facts.task.key = "sum-3-1";
  source_->known = facts;
  auto page = get("/api/v1/tasks/sum-3-1/logs").object();
  EXPECT_EQ(page.at("asked"), 2) << "none is known to have run it: all are asked";
  EXPECT_EQ(page.at("lines").at(0).at("text"), "w2 of 500") << "in the order of time";
  EXPECT_EQ(json::serialize(page.at("unanswered")), R"([{"worker":"w3","error":"too busy"}])");
  facts.story.push_back({0, TaskState::queued, TaskState::processing, "placed", 1, "w2"});
  source_->known = facts;
  page = get("/api/v1/tasks/sum-3-1/logs?limit=4").object();
  EXPECT_EQ(page.at("asked"), 1);
  EXPECT_EQ(page.at("lines").at(0).at("text"), "w2 of 4");
  EXPECT_EQ(get("/api/v1/tasks/sum-3-1/logs?limit=0").status, 400U);
}

TEST_F(ApiTest, a_lineage_goes_from_inputs_to_their_inputs) {
  TaskFacts facts;
  facts.task.id = TaskId::of(3, 2);
  const auto input = [](std::uint32_t index) {
    TaskView task;
    task.id = TaskId::of(3, index);
    task.key = fmt::format("sum-3-{}", index);
    return task;
  };
  facts.task.key = "sum-3-2";
  facts.dependencies = {3, {input(0), input(1), input(0)}};
  source_->known = facts;
  auto page = get("/api/v1/tasks/sum-3-2/lineage").object();
  EXPECT_EQ(page.at("shown"), 2) << "each comes once";
  EXPECT_EQ(page.at("complete"), true);
  EXPECT_EQ(page.at("tasks").at(1).at("key"), "sum-3-1");
  EXPECT_EQ(page.at("tasks").at(1).at("steps"), 1);
  page = get("/api/v1/tasks/sum-3-2/lineage?limit=1").object();
  EXPECT_EQ(page.at("shown"), 1);
  EXPECT_EQ(page.at("complete"), false);
}

/// One group of tasks that a test writes down, each with its inputs.
class Written {
public:
  Written() {
    chunk_->templates.resize(1);
    chunk_->dependency_offsets = {0};
  }
  std::uint32_t add(const std::vector<std::uint32_t>& inputs) {
    chunk_->dependencies.insert(chunk_->dependencies.end(), inputs.begin(), inputs.end());
    chunk_->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk_->dependencies.size()));
    return chunk_->size++;
  }
  /// So many that read the same.
  std::vector<std::uint32_t> add_all(std::size_t count, const std::vector<std::uint32_t>& inputs = {}) {
    std::vector<std::uint32_t> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(add(inputs));
    return made;
  }
  [[nodiscard]] GroupTasks tasks() const {
    GroupTasks tasks;
    tasks.group.number = 4;
    tasks.group.chunk = chunk_;
    tasks.group.prefixes = {1};
    tasks.states.assign(chunk_->size, TaskState::waiting);
    tasks.workers.resize(chunk_->size);
    return tasks;
  }

private:
  std::shared_ptr<GraphChunk> chunk_ = std::make_shared<GraphChunk>();
};

TEST_F(ApiTest, shuffles_are_found_by_what_depends_on_what) {
  // Three partitions are cut, two pieces of each go to two outputs; then a sum of neighbours, which is none.
  Written graph;
  graph.add_all(3);                                          // 0..2: cuts
  for (std::uint32_t i = 0; i < 6; ++i) graph.add({i / 2});  // 3..8: pieces, by cut
  graph.add({3, 5, 7});                                      // 9, 10: outputs
  graph.add({4, 6, 8});
  graph.add_all(4);     // 11..14
  graph.add({11, 12});  // neighbours
  graph.add({12, 13});
  graph.add({13, 14});
  GroupTasks tasks = graph.tasks();
  for (std::uint32_t i = 0; i < 3; ++i) tasks.states[i] = TaskState::memory;
  tasks.states[3] = TaskState::forgotten;
  source_->graph_list = {tasks};
  const auto page = get("/api/v1/shuffles").object();
  EXPECT_EQ(page.at("looked_at"), 18);
  ASSERT_EQ(page.at("shuffles").as_array().size(), 1U) << json::serialize(page);
  const auto& shuffle = page.at("shuffles").at(0);
  EXPECT_EQ(shuffle.at("group"), 4);
  EXPECT_EQ(shuffle.at("prefix"), "sum");
  EXPECT_EQ(shuffle.at("blocks"), 1);
  EXPECT_EQ(shuffle.at("stages"), 1);
  EXPECT_EQ(shuffle.at("shuffle").as_string(), std::to_string(TaskId::of(4, 9).value));
  EXPECT_EQ(shuffle.at("key"), "sum-4-9");
  EXPECT_EQ(shuffle.at("inputs").at("memory"), 3);
  EXPECT_EQ(shuffle.at("pieces").at("released"), 1);
  EXPECT_EQ(shuffle.at("pieces").at("waiting"), 5);
  EXPECT_EQ(shuffle.at("outputs").at("waiting"), 2);
}

TEST_F(ApiTest, shuffles_that_are_equally_deep_have_a_line_each_and_stages_of_one_belong_together) {
  Written graph;
  const auto partitions = graph.add_all(4);
  std::vector<std::uint32_t> left, right, staged;
  for (const auto each : partitions) {  // the same partitions, cut in three ways
    left.push_back(graph.add({each}));
    right.push_back(graph.add({each}));
    staged.push_back(graph.add({each}));
  }
  graph.add_all(2, left);
  graph.add_all(3, right);
  // In stages: by the low digit of two, then by the high one.
  const auto low = graph.add_all(2, {staged[0], staged[1]});
  const auto high = graph.add_all(2, {staged[2], staged[3]});
  graph.add_all(2, {low[0], high[0]});
  graph.add_all(2, {low[1], high[1]});
  source_->graph_list = {graph.tasks()};
  const auto page = get("/api/v1/shuffles").object();
  struct Line {
    std::string shuffle;
    std::int64_t stage, stages, blocks, inputs, outputs;
    auto operator<=>(const Line&) const = default;
  };
  std::vector<Line> lines;
  for (const auto& row : page.at("shuffles").as_array())
    lines.push_back({std::string(row.at("shuffle").as_string()), row.at("stage").to_number<std::int64_t>(),
                     row.at("stages").to_number<std::int64_t>(), row.at("blocks").to_number<std::int64_t>(),
                     row.at("inputs").at("waiting").to_number<std::int64_t>(),
                     row.at("outputs").at("waiting").to_number<std::int64_t>()});
  const auto named = [](std::uint32_t output) { return std::to_string(TaskId::of(4, output).value); };
  EXPECT_THAT(lines, testing::ElementsAre(Line{named(16), 1, 1, 1, 4, 2}, Line{named(18), 1, 1, 1, 4, 3},
                                          Line{named(21), 1, 2, 2, 4, 4}, Line{named(21), 2, 2, 2, 4, 4}))
      << json::serialize(page);
}

TEST_F(ApiTest, the_threads_of_the_scheduler_are_shown_as_those_of_workers_are) {
  const auto page = get("/api/v1/profile/scheduler?from=-60000").object();
  EXPECT_EQ(page.at("schema"), "troupe/v1/profile-past");
  EXPECT_EQ(page.at("samples"), 70);
  EXPECT_EQ(page.at("interval_ms"), 10.0);
  EXPECT_EQ(page.at("stacks").at(0).at("frames").at(1), "place");
  EXPECT_THAT(profiled_, testing::Contains("loop 60000 0"));
  EXPECT_EQ(get("/api/v1/profile/scheduler?from=-7200000").status, 503U) << "it says why there is none";
  EXPECT_EQ(get("/api/v1/profile/scheduler?worker=w2").status, 400U);
  EXPECT_EQ(get("/api/v1/profile/scheduler", "").status, 401U);
}

TEST_F(ApiTest, who_cannot_start_workers_says_so_when_it_is_to_scale) {
  EXPECT_EQ(get("/api/v1/cluster").object().at("scalable"), false);
  const auto refused = post("/api/v1/scale", R"({"workers":3})");
  EXPECT_EQ(refused.status, 409U);
  EXPECT_THAT(refused.body, HasSubstr("troupe worker"));
  for (const char* body : {R"({"workers":-1})", R"({"workers":1001})", R"({"workers":1.5})", R"({"workers":"3"})", "{}",
                           R"({"workers":3,"more":1})"})
    EXPECT_EQ(post("/api/v1/scale", body).status, 400U) << body;
  EXPECT_EQ(post("/api/v1/scale", R"({"workers":3})", reader()).status, 403U);
}

}  // namespace
}  // namespace troupe::monitoring
