#include "tests/monitoring/api_fixture.hpp"

namespace troupe::monitoring {
namespace {

TimeView some_times() {
  TimeView times;
  times.functions = {{"load", 3, 1'000'000, 500'000, 0}, {"sum", 1000, 0, 0, 2'000'000}, {"x\"<b>", 1, 1, 0, 0}};
  times.pairs = {{WorkerId{1}, WorkerId{2}, {10, 4'000'000, 2'000}},
                 {WorkerId{2}, WorkerId{1}, {1, 100, 0}},
                 {WorkerId{2}, WorkerId{9}, {2, 5'000'000, 1'000'000}}};
  times.types = {{"string", {3, 100, 10}}, {"vec<f64>", {10, 9'000'000, 1'001'990}}};
  times.other_pairs = {5, 600, 70};
  times.moved = {18, 9'000'700, 1'002'070};
  times.serialize_us = 7;
  times.disk_read_us = 8'000'000;
  times.disk_write_us = 9;
  return times;
}

TEST_F(ApiTest, what_time_went_to_is_told_by_activity_and_by_function_those_first_that_took_longest) {
  source_->spent = some_times();
  const auto page = get("/api/v1/time-spent").object();
  const auto& all = page.at("activities");
  EXPECT_DOUBLE_EQ(all.at("thread_cpu_s").as_double(), 1.000001);
  EXPECT_DOUBLE_EQ(all.at("thread_noncpu_s").as_double(), 0.5);
  EXPECT_DOUBLE_EQ(all.at("execute_s").as_double(), 2);
  EXPECT_DOUBLE_EQ(all.at("transfer_s").as_double(), 1.00207);
  EXPECT_DOUBLE_EQ(all.at("serialize_s").as_double(), 7e-6);
  EXPECT_DOUBLE_EQ(all.at("disk_read_s").as_double(), 8);
  EXPECT_DOUBLE_EQ(all.at("disk_write_s").as_double(), 9e-6);
  ASSERT_EQ(page.at("functions").as_array().size(), 3U);
  EXPECT_EQ(page.at("functions").at(0).at("prefix"), "sum");
  EXPECT_EQ(page.at("functions").at(1).at("runs"), 3);
  EXPECT_EQ(page.at("functions").at(2).at("prefix"), "x\"<b>");

  const auto one = get("/api/v1/time-spent?prefix=load").object();
  ASSERT_EQ(one.at("functions").as_array().size(), 1U);
  EXPECT_DOUBLE_EQ(one.at("functions").at(0).at("thread_noncpu_s").as_double(), 0.5);
  EXPECT_EQ(one.at("activities"), all) << "these are of all";
  EXPECT_EQ(get("/api/v1/time-spent?prefix=none").object().at("total"), 0);
  const auto few = get("/api/v1/time-spent?limit=1").object();
  EXPECT_EQ(few.at("total"), 3);
  EXPECT_EQ(few.at("shown"), 1);
}

TEST_F(ApiTest, a_spans_figures_include_those_of_the_spans_inside_it) {
  SpanView outer{{"nightly", {1, 2}}, 1, 4, 2, 1, 1'000'000, 70, {}, Instant{5'000'000}, Instant{7'000'000}, {}};
  outer.tasks.states[static_cast<std::size_t>(TaskState::memory)] = 1;
  outer.tasks.memory_bytes = 50;
  outer.functions = {{"load", 2, 3'000'000, 4, 5, {}}};
  const SpanView inner{{"nightly/parse", {3, 4}},
                       2,
                       10,
                       10,
                       0,
                       500'000,
                       30,
                       outer.tasks,
                       Instant{1'000'000},
                       Instant{9'000'000},
                       {{"load", 1, 1, 0, 0, {}}, {"parse", 10, 0, 0, 2'000'000, {}}}};
  const SpanView beside{{"nightly2", {5, 6}}, 1, 1, 1, 0, 0, 0, {}, Instant{6'000'000}, Instant{6'000'000}, {}};
  const SpanView alone{{"a/b", {7, 8}}, 1, 1, 1, 0, 0, 0, {}, Instant{2'000'000}, Instant{2'000'000}, {}};
  source_->span_list = {outer, inner, beside, alone};
  const auto page = get("/api/v1/spans").object();
  EXPECT_EQ(page.at("total"), 5);
  const auto& rows = page.at("spans").as_array();
  ASSERT_EQ(rows.size(), 5U) << json::serialize(page);
  const auto named = [&](const char* name) -> const json::value& {
    for (const auto& row : rows)
      if (row.at("name") == name) return row;
    throw std::out_of_range(name);
  };
  EXPECT_EQ(rows.at(2).at("name"), "nightly2") << "the latest change first";
  const auto& all = named("nightly");
  EXPECT_EQ(all.at("submissions"), 3);
  EXPECT_EQ(all.at("submitted"), 14);
  EXPECT_EQ(all.at("finished"), 12);
  EXPECT_EQ(all.at("erred"), 1);
  EXPECT_EQ(all.at("tasks").at("memory"), 2);
  EXPECT_EQ(all.at("memory_bytes"), 100);
  EXPECT_EQ(all.at("output_bytes"), 100);
  EXPECT_DOUBLE_EQ(all.at("compute_s").as_double(), 1.5);
  EXPECT_DOUBLE_EQ(all.at("thread_cpu_s").as_double(), 3.000001);
  EXPECT_DOUBLE_EQ(all.at("execute_s").as_double(), 2.000005);
  EXPECT_EQ(all.at("trace_id"), "00000000000000030000000000000004");
  EXPECT_DOUBLE_EQ(all.at("last_unix_ms").as_double() - all.at("first_unix_ms").as_double(), 8);
  EXPECT_EQ(named("nightly/parse").at("submitted"), 10);
  EXPECT_EQ(named("a").at("submitted"), 1) << "nothing was submitted in it but inside of it";

  const auto within = get("/api/v1/time-spent?span=nightly").object();
  ASSERT_EQ(within.at("functions").as_array().size(), 2U) << json::serialize(within);
  EXPECT_EQ(within.at("functions").at(0).at("prefix"), "load");
  EXPECT_EQ(within.at("functions").at(0).at("runs"), 3);
  EXPECT_EQ(get("/api/v1/time-spent?span=nightly%2Fparse&prefix=load").object().at("functions").at(0).at("runs"), 1);
  EXPECT_EQ(get("/api/v1/time-spent?span=night").object().at("total"), 0);
  EXPECT_EQ(get("/api/v1/spans?limit=2").object().at("shown"), 2);
}

TEST_F(ApiTest, bandwidth_is_told_by_pair_of_workers_and_by_type_and_what_is_cut_off_is_counted) {
  source_->spent = some_times();
  const auto page = get("/api/v1/bandwidth").object();
  EXPECT_EQ(page.at("total"), 3);
  ASSERT_EQ(page.at("workers").as_array().size(), 3U) << json::serialize(page);
  EXPECT_EQ(page.at("workers").at(1).at("name"), "w2");
  EXPECT_EQ(page.at("workers").at(2).at("name"), "worker 9") << "one that nobody knows any more";
  const auto& first = page.at("pairs").at(0);
  EXPECT_EQ(first.at("to"), 0);
  EXPECT_EQ(first.at("from"), 1);
  EXPECT_DOUBLE_EQ(first.at("bytes_per_s").as_double(), 2e9);
  EXPECT_TRUE(page.at("pairs").at(1).at("bytes_per_s").is_null());
  EXPECT_EQ(page.at("others").at("bytes"), 600);
  EXPECT_EQ(page.at("all").at("bytes"), 9'000'700);
  EXPECT_EQ(page.at("types").at(1).at("type"), "vec<f64>");

  // The two that moved most; what was between others is added up.
  const auto few = get("/api/v1/bandwidth?limit=2").object();
  EXPECT_EQ(few.at("total"), 3);
  ASSERT_EQ(few.at("workers").as_array().size(), 2U);
  EXPECT_EQ(few.at("workers").at(0).at("id"), 2);
  EXPECT_EQ(few.at("workers").at(1).at("id"), 9);
  ASSERT_EQ(few.at("pairs").as_array().size(), 1U);
  EXPECT_EQ(few.at("pairs").at(0).at("from"), 1);
  EXPECT_EQ(few.at("others").at("bytes"), 600 + 4'000'000 + 100);
  EXPECT_EQ(get("/api/v1/bandwidth?limit=0").status, 400U);
}

TEST_F(ApiTest, workers_that_are_gone_cost_no_new_picture_at_each_look_at_bandwidths) {
  source_->spent = some_times();
  get("/api/v1/bandwidth");
  const auto views = [&] {
    const std::lock_guard lock(source_->mutex);
    return source_->views;
  };
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.workers.pop_back();
  }
  const unsigned before = views();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) get("/api/v1/bandwidth");
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  EXPECT_LT(views() - before, 5 + static_cast<unsigned>(ms.count()) / 150) << "but for those that are taken anyway";

  source_->spent.pairs.push_back({WorkerId{10}, WorkerId{1}, {1, 1, 1}});
  {
    const std::lock_guard lock(source_->mutex);
    source_->cluster.workers.emplace_back().address = {WorkerId{10}, "w10", "", ""};
  }
  const auto page = get("/api/v1/bandwidth").object();
  EXPECT_EQ(page.at("workers").at(3).at("name"), "w10") << "it came just now";
}

TEST(Recorder, takes_one_picture_for_a_worker_that_none_has) {
  const auto source = std::make_shared<FakeSource>();
  source->cluster = some_cluster();
  Recorder recorder(source);
  recorder.finish();  // it takes none by itself any more
  EXPECT_TRUE(recorder.knows({2}));
  EXPECT_FALSE(recorder.knows({9}));
  source->cluster.workers.clear();
  const unsigned views = source->views;
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(recorder.picture_since({2}));
  EXPECT_EQ(source->views, views) << "it was seen";
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(recorder.picture_since({9}));
  EXPECT_EQ(source->views, views + 1) << "it left before anyone saw it";
  source->cluster.workers.emplace_back().address = {WorkerId{10}, "w10", "", ""};
  EXPECT_EQ(recorder.picture_since({10})->view.workers.size(), 1U);
  source->ended = true;
  EXPECT_FALSE(recorder.picture_since({11}));
}

}  // namespace
}  // namespace troupe::monitoring
