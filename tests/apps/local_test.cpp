#include <thread>

#include "monitoring/recorded_cluster.hpp"
#include "tests/apps/fault_functions.hpp"
#include "tests/apps/troupe_program.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using testing::Fifo;

/// `troupe local`: a scheduler and worker processes, more or fewer of them.
class LocalTest : public TroupeProgramTest {};

TEST_F(LocalTest, is_scaled_up_and_down_while_it_works_and_loses_nothing) {
  auto local = start("local", {"local", "--nworkers", "2", "--nthreads", "1", "--port", "0", "--dashboard-address",
                               ":0", "--module", TROUPE_TEST_FAULT_MODULE, "-o", "json"});
  std::string role;
  while (role != "local") {  // its workers say that they are ready, too
    const auto line = local.read_line(60s);
    ASSERT_TRUE(line) << read(path("local.err"));
    role = json::parse(*line).as_object().at("role").as_string();
  }
  {
    Client client("", ClientOptions{.access_file = access_file()});
    Fifo fifo(path("fifo"));
    const auto held = client.submit<faults::hold>(fifo.path());
    ASSERT_EQ(fifo.read_line(), "started");
    std::vector<Future<std::uint64_t>> doubled;
    for (std::uint64_t i = 0; i < 200; ++i) doubled.push_back(client.submit<faults::doubled>(i));

    const auto more = run({"scale", "4"});
    EXPECT_EQ(more.status, 0) << more.err;
    EXPECT_THAT(more.out, HasSubstr("there will be 4 workers"));
    client.wait_for_workers(4, 60s);
    std::vector<Future<std::uint64_t>> sums;
    for (std::size_t i = 0; i + 1 < doubled.size(); ++i)
      sums.push_back(client.submit<faults::added>(doubled[i], doubled[i + 1]));
    client.wait(sums);

    const auto refused = run({"scale", "1"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, HasSubstr("would end 3 of 4 workers"));
    const auto fewer = run({"scale", "1", "--yes"});
    EXPECT_EQ(fewer.status, 0) << fewer.err;
    EXPECT_THAT(fewer.out, HasSubstr("there will be 1 worker\n"));
    // A worker that still runs something is not ended before it has.
    client.cancel(held);
    EXPECT_EQ(fifo.read_line(), "stopped");
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (client.scheduler_info()->workers.size() > 1 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(20ms);
    EXPECT_EQ(client.scheduler_info()->workers.size(), 1U);
    for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i].get(30s), 4 * i + 2);
    EXPECT_EQ(client.submit<faults::added>(sums[0], sums[1]).get(30s), 8U);
  }
  const auto events = run({"events"}).out;
  EXPECT_THAT(events, AllOf(HasSubstr("an admin of the dashboard scales the cluster to 4 workers"),
                            HasSubstr("an admin of the dashboard scales the cluster to 1 worker\n")));
  EXPECT_EQ(local.stop(), 0);
  EXPECT_THAT(read(path("local.err")), ::testing::Not(HasSubstr("died")));
  const auto histories = monitoring::list_histories(path(".local/state/troupe/history"));
  ASSERT_EQ(histories.size(), 1U);
  const auto recorded = monitoring::RecordedCluster::read(histories[0].directory);
  ASSERT_TRUE(recorded) << recorded.error().text;
  EXPECT_EQ((*recorded)->recorded().reason, "signal 15");
  EXPECT_EQ((*recorded)->sources().recorder->picture(0ms)->view.workers.size(), 1U) << "before its workers were ended";
}

}  // namespace
}  // namespace troupe::apps
