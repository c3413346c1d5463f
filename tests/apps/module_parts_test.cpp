#include <chrono>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apps/bag_program.hpp"
#include "tests/apps/troupe_program.hpp"
#include "troupe/troupe.hpp"

namespace troupe::apps {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Workers that are not of the program whose bags they compute.
class ModuleParts : public TroupeProgramTest {
protected:
  ModuleParts() : scheduler_(start_scheduler().first) {
    client_ = std::make_unique<Client>("", ClientOptions{.access_file = access_file()});
  }
  std::int64_t computed() {
    return bag_program::total(1'000).compute({.scheduler = SchedulerKind::cluster, .client = client_.get()});
  }
  static std::int64_t expected() {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < 1'000; ++i)
      if (const auto x = bag_program::scrambled(i); x != 3) sum += x;
    return sum;
  }

  ChildProcess scheduler_;
  std::unique_ptr<Client> client_;
};

TEST_F(ModuleParts, come_with_a_module_that_a_worker_is_started_with) {
  auto [worker, said] = start_worker("loaded", {"--module", TROUPE_TEST_BAG_MODULE});
  EXPECT_EQ(computed(), expected());
  EXPECT_THAT(run({"list", "workers", "-o", "json"}).out, HasSubstr("bag_program_parts"));
  EXPECT_EQ(worker.stop(), 0);
}

TEST_F(ModuleParts, that_nobody_loaded_are_asked_for_until_a_client_uploads_them) {
  auto [worker, said] = start_worker("open", {"--allow-uploads"});
  try {
    (void)computed();
    FAIL() << "this worker cannot know how";
  } catch (const TaskFailed& failed) {
    EXPECT_THAT(failed.what(), AllOf(HasSubstr("this process has no part of pipelines with id"),
                                     HasSubstr("with --module and a library that has TROUPE_PARTS")));
  }
  const auto outcomes = client_->upload_module(TROUPE_TEST_BAG_MODULE);
  ASSERT_TRUE(outcomes.at("open")) << outcomes.at("open").error().text;
  EXPECT_EQ(computed(), expected());
  EXPECT_EQ(worker.stop(), 0);
}

}  // namespace
}  // namespace troupe::apps
