#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apps/process.hpp"
#include "tests/apps/fault_functions.hpp"
#include "tests/apps/troupe_program.hpp"
#include "tests/support/fifo.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using troupe::testing::Fifo;

/// Takes minutes and gigabytes: not among the tests of every change.
class Soak : public TroupeProgramTest {};

std::uint32_t task_count() {
  const char* text = std::getenv("TROUPE_SOAK_TASKS");
  return text ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10)) : 10'000'000;
}

/// Round trips of small jobs, one after the other, while something else goes on.
struct RoundTrips {
  std::vector<double> ms;

  void add(Client& client) {
    const auto start = Clock::now();
    EXPECT_EQ(client.submit<faults::doubled>(std::uint64_t{ms.size()}).get(60s), 2 * ms.size());
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  double quantile(double q) {
    std::sort(ms.begin(), ms.end());
    return ms[std::min(ms.size() - 1, static_cast<std::size_t>(q * static_cast<double>(ms.size())))];
  }
  std::string text() {
    return fmt::format("{} small jobs: median {:.2f} ms, 99 % {:.2f} ms, longest {:.2f} ms", ms.size(), quantile(0.5),
                       quantile(0.99), ms.back());
  }
};

TEST_F(Soak, small_jobs_are_answered_in_milliseconds_while_ten_million_tasks_are_taken_in) {
  const auto tasks = task_count();
  auto [scheduler, said] = start_scheduler();
  auto [worker, worker_said] = start_worker("alpha", {"--module", TROUPE_TEST_FAULT_MODULE});
  Client client("", {.access_file = access_file()});
  RoundTrips idle;
  for (int i = 0; i < 200; ++i) idle.add(client);
  reset_peak_memory(scheduler.pid());
  const auto memory = resident_memory(scheduler.pid()).now;

  Fifo fifo(path("fifo"));
  auto big =
      ChildProcess::start({ChildProcess::self(), "--hand-in", access_file(), fifo.path(), std::to_string(tasks)});
  ASSERT_TRUE(big);
  ASSERT_EQ(fifo.read_line(300s), "handing in");
  const auto start = Clock::now();
  RoundTrips during;
  std::optional<std::string> line;
  while (!(line = fifo.read_line(0ms))) during.add(client);
  ASSERT_EQ(line, "handed in");
  const auto handed_in = Clock::now();
  RoundTrips running;
  while (!(line = fifo.read_line(0ms))) running.add(client);
  const auto done = Clock::now();
  const std::uint64_t leaves = (tasks + 1) / 2;
  EXPECT_EQ(line, std::to_string(leaves * (leaves - 1)));
  EXPECT_EQ(big->wait(120s), 0);

  const auto seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
  const auto peak = resident_memory(scheduler.pid()).peak - memory;
  std::cout << fmt::format(
      "{} tasks taken in in {:.1f} s, done after {:.1f} s; scheduler {:.0f} bytes a task\nat rest   {}\nintake    {}\n"
      "after it  {}\n",
      tasks, seconds(handed_in - start), seconds(done - start), static_cast<double>(peak) / tasks, idle.text(),
      during.text(), running.ms.empty() ? "nothing was left" : running.text());
  ASSERT_GT(during.ms.size(), 20U) << "too few to say anything";
  EXPECT_LT(during.quantile(0.5), 100);
  EXPECT_LT(static_cast<double>(peak) / tasks, 400);
}

/// Hands a tree of so many tasks in, and says what it comes to.
int hand_in(const char* access_file, const char* fifo, std::uint32_t tasks) {
  Client client("", {.access_file = access_file});
  const std::uint32_t leaves = (tasks + 1) / 2;
  Graph graph;
  graph.reserve(2 * std::size_t{leaves}, 2 * std::size_t{leaves});
  std::vector<GraphNode<std::uint64_t>> level;
  level.reserve(leaves);
  for (std::uint64_t i = 0; i < leaves; ++i) level.push_back(graph.add<faults::doubled>(i));
  while (level.size() > 1) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < level.size(); i += 2)
      level[next++] = i + 1 < level.size() ? graph.add<faults::added>(level[i], level[i + 1]) : level[i];
    level.resize(next);
  }
  Fifo::tell(fifo, "handing in");
  const auto total = client.submit_graph(std::move(graph), level.front());
  Fifo::tell(fifo, "handed in");
  Fifo::tell(fifo, std::to_string(total.get()));
  return 0;
}

}  // namespace
}  // namespace troupe::apps

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--hand-in")
    return troupe::apps::hand_in(argv[2], argv[3], static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10)));
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
