#include "apps/top_screen.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

namespace troupe::apps {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

json::object worker(const char* name, double cpu, int finished) {
  return {{"name", name},
          {"status", "running"},
          {"cpu", cpu},
          {"threads", 2},
          {"executing", 1},
          {"processing", 4},
          {"process_bytes", 1024},
          {"managed_bytes", 512},
          {"spilled_bytes", 0},
          {"received_bytes_per_s", 0.0},
          {"sent_bytes_per_s", 0.0},
          {"finished", finished}};
}

json::object states(int queued) {
  return {{"processing", 1}, {"queued", queued}, {"waiting", 2}, {"memory", 3}, {"erred", 4}, {"no_worker", 5}};
}

class TopScreenTest : public testing::Test {
protected:
  void SetUp() override {
    const json::object cluster{
        {"version", "1.2.3"},
        {"address", "127.0.0.1:8786"},
        {"threads", 4},
        {"clients", 1},
        {"executing", 0},
        {"workers", json::object{{"total", 3}}},
        {"tasks", states(7)},
        {"rates", json::object{{"cpu", 2.0}, {"finished_per_s", 123.0}, {"erred_per_s", 0.0}}},
        {"memory",
         json::object{{"limit_bytes", 4096}, {"process_bytes", 2048}, {"managed_bytes", 1024}, {"spilled_bytes", 0}}}};
    const json::object workers{
        {"workers", json::array{worker("calm", 0.1, 5), worker("busy\x1b[31m", 1.9, 7), worker("middle", 1.0, 900)}}};
    const json::object prefixes{
        {"prefixes",
         json::array{json::object{
             {"name", "load"}, {"tasks", states(9)}, {"finished", 10}, {"mean_duration_s", 0.5}, {"eta_s", 12.0}}}}};
    screen_.update(cluster, workers, prefixes);
  }
  /// The names of workers from top to bottom.
  std::string order() {
    const std::string frame = screen_.frame(30, 120, false);
    std::vector<std::pair<std::size_t, std::string>> places;
    for (const char* name : {"calm", "busy", "middle"}) places.emplace_back(frame.find(name), name);
    std::sort(places.begin(), places.end());
    return places[0].second + " " + places[1].second + " " + places[2].second;
  }
  TopScreen screen_;
};

TEST_F(TopScreenTest, shows_the_cluster_and_its_workers_the_busiest_first) {
  const std::string frame = screen_.frame(30, 120, false);
  EXPECT_THAT(frame, HasSubstr("3 workers, 4 threads, 1 clients"));
  EXPECT_THAT(frame, HasSubstr("[||||||||||          ]   2.0 of 4 cores    123 tasks/s"));
  EXPECT_THAT(frame, HasSubstr("1 processing, 0 of them running, 7 queued")) << "with a worker is not yet running";
  EXPECT_EQ(order(), "busy middle calm");
}

TEST_F(TopScreenTest, keys_choose_what_is_sorted_by_and_which_way) {
  EXPECT_TRUE(screen_.key("r"));
  EXPECT_EQ(order(), "calm middle busy");
  EXPECT_TRUE(screen_.key("r"));
  EXPECT_TRUE(screen_.key("<"));
  EXPECT_TRUE(screen_.key("<"));
  EXPECT_EQ(order(), "busy calm middle") << "by name";
  EXPECT_TRUE(screen_.key("\x1b[D"));
  EXPECT_EQ(order(), "middle busy calm") << "by what they finished";
  EXPECT_FALSE(screen_.key("q"));
}

TEST_F(TopScreenTest, tab_shows_functions_and_h_the_keys) {
  EXPECT_TRUE(screen_.key("\t"));
  EXPECT_THAT(screen_.frame(30, 120, false), HasSubstr("load"));
  EXPECT_THAT(screen_.frame(30, 120, false), HasSubstr("12 s"));
  EXPECT_TRUE(screen_.key("h"));
  EXPECT_THAT(screen_.frame(30, 120, false), HasSubstr("sort by the column"));
}

TEST_F(TopScreenTest, fits_any_terminal_and_says_which_rows_it_shows) {
  for (const std::size_t columns : {1U, 20U, 80U, 300U})
    for (const std::size_t rows : {1U, 8U, 40U}) {
      const std::string frame = screen_.frame(rows, columns, false);
      std::size_t width = 0;
      for (const char c : frame) {
        width = c == '\n' ? 0 : width + ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U ? 0 : 1);
        EXPECT_LE(width, columns);
      }
    }
  EXPECT_THAT(screen_.frame(8, 120, false), HasSubstr("workers 1 to 1 of 3"));
  EXPECT_TRUE(screen_.key("\x1b[B"));
  EXPECT_THAT(screen_.frame(8, 120, false), HasSubstr("workers 2 to 2 of 3"));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(screen_.key("\x1b[6~"));
  EXPECT_THAT(screen_.frame(8, 120, false), HasSubstr("workers 3 to 3 of 3"));
}

TEST_F(TopScreenTest, names_do_not_steer_the_terminal) {
  EXPECT_THAT(screen_.frame(30, 120, false), Not(HasSubstr("\x1b")));
}

TEST_F(TopScreenTest, a_lost_scheduler_is_said_to_be_lost_and_its_last_figures_stay) {
  screen_.lost("it cannot be reached");
  const std::string frame = screen_.frame(30, 120, false);
  EXPECT_THAT(frame, HasSubstr("NOT ANSWERING: it cannot be reached"));
  EXPECT_THAT(frame, HasSubstr("middle"));
}

}  // namespace
}  // namespace troupe::apps
