#include "monitoring/recorded_cluster.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "monitoring/history_writer.hpp"
#include "tests/monitoring/fake_source.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::monitoring {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::ElementsAre;

/// A record of a cluster whose workers came and went.
class RecordedClusterTest : public ::testing::Test {
protected:
  RecordedClusterTest() { source_->past.keep(1000); }

  using Named = std::vector<std::pair<std::uint32_t, std::string>>;
  static ClusterView with(const Named& workers) {
    ClusterView view;
    view.now = steady_now();
    view.cluster = {1, 2};
    view.prefixes = {{"load", {}, {}}};
    for (const auto& [id, name] : workers) view.workers.emplace_back().address = {{id}, name, "", ""};
    return view;
  }
  static LogLine said(std::uint64_t number, std::string text, TaskId task = {}) {
    return {number, static_cast<std::int64_t>(number), 1, std::move(text), {task, {}, {}, {}}};
  }
  /// Writes pictures with these workers, and reads them.
  ApiSources recorded(const std::vector<Named>& pictures) {
    HistorySources sources;
    sources.source = source_;
    sources.worker_log = worker_log_;
    HistoryWriter writer({folder_.path(), 256U << 20}, std::move(sources));
    const WallClock clock;
    for (const Named& workers : pictures) {
      Picture picture;
      picture.view = with(workers);
      picture.unix_ms = clock.unix_ms(picture.view.now.nanoseconds);
      writer.take(picture, source_->history(), clock);
    }
    writer.end("done", true);
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      const auto read = RecordedCluster::read(entry.path());
      EXPECT_TRUE(read) << read.error().text;
      return (*read)->sources();
    }
    ADD_FAILURE() << "nothing was written";
    return {};
  }
  static HttpResponse get(const ApiSources& api, const std::string& path, const std::string& segment,
                          const std::string& value, const std::string& query = {}) {
    HttpRequest request;
    request.segments[segment] = value;
    request.query = query;
    for (const Route& route : api_routes(api))
      if (route.path == "/api/v1/" + path && !route.post) return route.serve(request);
    ADD_FAILURE() << path;
    return {};
  }
  static std::vector<std::string> lines_of(const HttpResponse& page) {
    EXPECT_EQ(page.status, 200U) << page.body;
    std::vector<std::string> lines;
    if (page.status != 200) return lines;
    const json::value document = json::parse(page.body);
    for (const auto& line : document.at("lines").as_array())
      lines.push_back(
          fmt::format("{} {}", line.at("seq").to_number<std::uint64_t>(), std::string(line.at("text").as_string())));
    return lines;
  }

  troupe::testing::TemporaryFolder folder_;
  std::shared_ptr<FakeSource> source_{std::make_shared<FakeSource>()};
  std::shared_ptr<WorkerLog> worker_log_{std::make_shared<WorkerLog>()};
};

TEST_F(RecordedClusterTest, what_a_worker_said_is_known_when_it_has_left) {
  const TaskId task = TaskId::of(3, 1);
  TaskRun run;
  run.task = task;
  run.start_ns = 5;
  run.worker = {1};
  run.run = 1;
  source_->past.add(run);
  worker_log_->add({1}, {said(1, "hello", task)});
  worker_log_->add({2}, {said(1, "good evening")});
  const ApiSources api = recorded({{{1, "alpha"}}, {{2, "beta"}, {3, "gamma"}}, {}});
  EXPECT_THAT(lines_of(get(api, "workers/{id}/logs", "id", "1")), ElementsAre("1 hello"));
  EXPECT_THAT(lines_of(get(api, "workers/{id}/logs", "id", "2")), ElementsAre("2 good evening"));
  EXPECT_EQ(get(api, "workers/{id}/logs", "id", "9").status, 404U);
  const auto page = get(api, "tasks/{key}/logs", "key", "load-3-1");
  EXPECT_THAT(lines_of(page), ElementsAre("1 hello"));
  EXPECT_EQ(json::parse(page.body).at("asked"), 1);
  EXPECT_EQ(json::parse(page.body).at("lines").at(0).at("worker"), "alpha");
  const auto facts = api.source->detail("load-3-1");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->story.at(0).worker, "alpha");
}

TEST_F(RecordedClusterTest, lines_are_numbered_through_when_a_worker_starts_again_under_its_name) {
  const TaskId task = TaskId::of(3, 1);
  TaskRun run;
  run.task = task;
  run.worker = {1};
  source_->past.add(run);
  worker_log_->add({1}, {said(1, "first", task), said(2, "second", task)});
  worker_log_->add({2}, {said(1, "once more", task), said(2, "the end", task)});
  const ApiSources api = recorded({{{1, "alpha"}}, {{1, "alpha"}, {2, "alpha"}}});
  EXPECT_THAT(lines_of(get(api, "workers/{id}/logs", "id", "2")),
              ElementsAre("1 first", "2 second", "3 once more", "4 the end"));
  EXPECT_THAT(lines_of(get(api, "workers/{id}/logs", "id", "2", "after=2")), ElementsAre("3 once more", "4 the end"));
  EXPECT_THAT(lines_of(get(api, "workers/{id}/logs", "id", "2", "after=1&limit=1")), ElementsAre("2 second"));
  EXPECT_THAT(lines_of(get(api, "tasks/{key}/logs", "key", "load-3-1", "limit=2")),
              ElementsAre("3 once more", "4 the end"))
      << "the last ones, as of a live one";
}

TEST_F(RecordedClusterTest, names_outlast_the_pictures_that_are_dropped_for_want_of_room) {
  Named many;
  for (std::uint32_t id = 10; id < 10'000; ++id) many.emplace_back(id, "m");
  std::vector<Named> pictures{{{1, "alpha"}}};
  for (int i = 0; i < 55; ++i) {  // each of another size, so that each is written
    many.pop_back();
    pictures.push_back(many);
  }
  worker_log_->add({1}, {said(1, "hello")});
  const ApiSources api = recorded(pictures);
  EXPECT_LT(api.recorder->cluster_series(std::chrono::hours(1)).times_unix_ms.size(), pictures.size());
  EXPECT_EQ(api.ask.log("alpha", 0, 10)->lines.size(), 1U);
}

}  // namespace
}  // namespace troupe::monitoring
