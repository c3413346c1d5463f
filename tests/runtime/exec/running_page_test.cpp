#include "runtime/exec/running_page.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/exec/module.hpp"
#include "runtime/exec/pool.hpp"

namespace crashes {
void kill_me() { ::kill(::getpid(), SIGKILL); }
}  // namespace crashes
TROUPE_MODULE(crash_module, crashes::kill_me)

namespace troupe {
namespace {

TEST(RunningPage, says_which_tasks_ran_in_a_process_that_was_killed) {
  auto page = RunningPage::create();
  ASSERT_TRUE(page);
  const pid_t child = ::fork();
  if (child == 0) {
    // As a worker: opens the page by its descriptor, and dies in the third of four tasks.
    auto inherited = RunningPage::open(::dup(page->fd()));
    if (!inherited) ::_exit(3);
    FunctionRegistry registry;
    (void)registry.add(crash_module);
    const ResolvedFunction fine{"fine", "", [](CallFrame& frame) noexcept { frame.result = Value::make(Unit{}); }};
    PoolConfig config;
    config.running = &*inherited;
    Pool pool(std::move(config));
    std::vector<Job*> jobs;
    for (std::uint64_t i = 1; i <= 4; ++i) {
      Job& job = pool.acquire();
      job.task = TaskId{100 + i};
      job.run = RunId{static_cast<std::uint32_t>(i)};
      job.function = i == 3 ? *registry.find(function_ref<crashes::kill_me>()) : &fine;
      jobs.push_back(&job);
    }
    pool.submit(jobs);
    for (;;) ::pause();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(page->running(), (std::vector<RunningPage::Running>{{TaskId{103}, RunId{3}}}));
  page->clear();
  EXPECT_TRUE(page->running().empty());
}

TEST(RunningPage, refuses_descriptors_of_other_things) {
  EXPECT_FALSE(RunningPage::open(-1));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto page = RunningPage::open(ends[0]);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, ErrorKind::invalid);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace troupe
