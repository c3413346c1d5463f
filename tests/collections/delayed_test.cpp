#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "collections/compute_config.hpp"
#include "tests/collections/delayed_functions.hpp"
#include "tests/collections/on_every_scheduler.hpp"

namespace troupe {
namespace {

using namespace delayed_tests;

class DelayedTest : public OnEveryScheduler {
protected:
  DelayedTest() : OnEveryScheduler(delayed_module) {}
};
INSTANTIATE_TEST_SUITE_P(On, DelayedTest, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(DelayedTest, calls_take_values_and_delayed_ones_alone_and_in_nested_containers) {
  const auto one = delayed<inc>(0);
  const auto three = delayed<add>(one, 2);
  EXPECT_EQ(three.compute(), 3);
  EXPECT_EQ(delayed<total>(std::vector{one, three, delayed(10)}).compute(), 14);
  const std::map<std::string, std::vector<Delayed<int>>> nested_values{{"a", {one, one}}, {"b", {three}}};
  EXPECT_EQ(delayed<deep_total>(nested_values).compute(), 5);
}

TEST_P(DelayedTest, small_values_are_written_into_the_calls_that_use_them) {
  const auto five = delayed<add>(delayed(2), 3);
  EXPECT_EQ(collect({&five.expression(), 1}).size(), 1U);
  const auto scaled = delayed<point>(delayed(3), 4.0).call<&Point::scaled>(delayed<inc>(1).persist());
  EXPECT_EQ(compute(five, scaled.call<&Point::x>()), std::tuple(5, 6.0));
  const auto large = delayed<total>(delayed(std::vector{1, 2}));
  EXPECT_EQ(collect({&large.expression(), 1}).size(), 2U);
  EXPECT_EQ(large.compute(), 3);
  EXPECT_THROW((void)delayed<inc>(Delayed<int>()), InvalidRequest);
}

TEST_P(DelayedTest, several_outputs_methods_and_members_are_delayed_too) {
  const auto [quotient, rest] = unpack(delayed<divide>(17, 5));
  const auto both = compute(quotient, rest);
  EXPECT_EQ(both, std::tuple(3, 2));
  EXPECT_EQ(delayed<add>(quotient, rest).compute(), 5);
  const auto corner = delayed<point>(3.0, 4.0);
  EXPECT_EQ(corner.call<&Point::norm>().compute(), 5.0);
  EXPECT_EQ(corner.call<&Point::scaled>(2.0).call<&Point::x>().compute(), 6.0);
  EXPECT_EQ((delayed(std::tuple(7, 8)).element<1>().compute()), 8);
}

TEST_P(DelayedTest, computing_several_at_once_shares_what_they_have_in_common) {
  const auto common = delayed<tick>();
  const auto [a, b, c] = compute(delayed<add>(common, 0), delayed<add>(common, 0), common);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a, c);
}

TEST_P(DelayedTest, pure_calls_are_one_and_others_are_not) {
  const TaskOptions pure{.pure = true};
  const auto same = compute(std::vector{delayed<tick>(pure), delayed<tick>(pure)});
  EXPECT_EQ(same[0], same[1]);
  if (GetParam() == SchedulerKind::processes) return;  // ticks of two processes may be equal
  const auto different = compute(std::vector{delayed<tick>(), delayed<tick>()});
  EXPECT_NE(different[0], different[1]);
}

TEST_P(DelayedTest, what_is_persisted_is_not_computed_again) {
  const auto kept = delayed<tick>().persist();
  const auto first = kept.compute();
  EXPECT_EQ(delayed<add>(kept, 0).compute(), first);
  EXPECT_EQ(kept.compute(), first);
}

TEST_P(DelayedTest, clones_share_nothing_but_what_is_omitted) {
  if (GetParam() == SchedulerKind::processes) return;  // as above
  const auto shared = delayed<tick>();
  for (const auto& original : {delayed<add>(shared, 0), delayed<add>(delayed<tick>(TaskOptions{.pure = true}), 0)}) {
    const auto [a, b] = compute(original, clone(original));
    EXPECT_NE(a, b);
  }
  const auto [c, d, e] = compute(shared, delayed<add>(shared, 0), clone(delayed<add>(shared, 0), shared));
  EXPECT_EQ(c, d);
  EXPECT_EQ(c, e);
}

TEST_P(DelayedTest, bound_calls_begin_after_their_parents) {
  if (GetParam() == SchedulerKind::processes) return;  // ticks are counted by process
  for (int i = 0; i < 20; ++i) {
    const auto parent = delayed<tick_after>(delayed<tick_after>(delayed<tick>()));
    const auto child = bind(delayed<add>(delayed<tick>(), 0), parent);
    const auto [before, after] = compute(parent, child);
    EXPECT_LT(before, after);
  }
}

TEST_P(DelayedTest, checkpoint_and_wait_on_keep_values_and_wait_for_all) {
  const auto a = delayed<inc>(1);
  const auto b = delayed<point>(1.0, 2.0);
  EXPECT_NO_THROW(checkpoint(a, b).compute());
  const auto [later_a, later_b] = wait_on(a, b);
  EXPECT_EQ(later_a.compute(), 2);
  EXPECT_EQ(later_b.call<&Point::x>().compute(), 1.0);
  EXPECT_THAT(compute(wait_on(std::vector{a, a})), testing::ElementsAre(2, 2));
  EXPECT_THROW(checkpoint(a, delayed<refuse>(1)).compute(), TaskFailed);
}

TEST_P(DelayedTest, a_failure_says_which_call_and_why) {
  const auto bad = delayed<refuse>(TaskOptions{.key = "the bad one"}, delayed<inc>(6));
  try {
    (void)delayed<add>(delayed<inc>(bad), 1).compute();
    FAIL() << "it did not throw";
  } catch (const TaskFailed& error) {
    EXPECT_THAT(error.error().message, testing::HasSubstr("no room for 7"));
    EXPECT_THAT(error.error().function, testing::HasSubstr("refuse"));
    EXPECT_EQ(error.error().key, "the bad one");
    EXPECT_THAT(error.error().message, testing::HasSubstr("needed by delayed_tests::inc-2, delayed_tests::add-3)"));
  }
}

TEST_P(DelayedTest, a_failure_far_from_what_was_asked_for_has_the_way_between) {
  std::vector<Delayed<int>> many;
  for (int i = 0; i < 50; ++i) many.push_back(delayed<inc>(i));
  many.push_back(delayed<add>(delayed<refuse>(delayed<inc>(3)), 1));
  try {
    (void)compute(std::vector{delayed<total>(many), delayed<inc>(1)});
    FAIL() << "it did not throw";
  } catch (const TaskFailed& error) {
    EXPECT_THAT(error.error().function, testing::HasSubstr("refuse"));
    EXPECT_THAT(error.error().message, testing::HasSubstr("needed by delayed_tests::add-52, delayed_tests::total-53)"));
  }
}

TEST_P(DelayedTest, a_computation_is_ended_from_another_thread) {
  CancelToken token;
  std::thread canceller([token]() mutable { token.cancel(); });
  EXPECT_THROW((void)compute(ComputeOptions{.cancel = &token}, delayed<until_stopped>(), delayed<inc>(1)), Cancelled);
  canceller.join();
}

TEST_P(DelayedTest, progress_is_seen_wherever_it_is_computed) {
  std::ostringstream out;
  {
    ProgressBar bar({.after = std::chrono::milliseconds(0), .even_if_no_terminal = true, .out = &out});
    const ComputeOptions how{.observer = &bar};
    EXPECT_EQ(compute(how, delayed<inc>(0), delayed<inc>(1)), std::tuple(1, 2));
    EXPECT_THROW((void)delayed<refuse>(0).compute(how), TaskFailed);
  }
  EXPECT_THAT(out.str(), testing::HasSubstr("100% 3/3, "));
  EXPECT_THAT(out.str(), testing::HasSubstr("1 failed"));
}

TEST_P(DelayedTest, tasks_may_compute) { EXPECT_EQ(delayed<nested>(delayed<inc>(9)).compute(), 55); }

TEST_P(DelayedTest, large_graphs_and_long_chains_are_computed_and_forgotten) {
  auto last = delayed<inc>(0);
  for (int i = 1; i < 30'000; ++i) last = delayed<inc>(last);
  EXPECT_EQ(last.compute(), 30'000);
  std::vector<Delayed<int>> row;
  for (int i = 0; i < 4096; ++i) row.push_back(delayed<inc>(i));
  while (row.size() > 1) {
    std::vector<Delayed<int>> next;
    for (std::size_t i = 0; i < row.size(); i += 2) next.push_back(delayed<add>(row[i], row[i + 1]));
    row = std::move(next);
  }
  EXPECT_EQ(row.front().compute(), 4096 * 4097 / 2);
}

TEST(Delayed, processes_run_in_processes_and_threads_here) {
  EXPECT_EQ(delayed<process_id>().compute({.scheduler = SchedulerKind::threads}), ::getpid());
  EXPECT_NE(delayed<process_id>().compute({.scheduler = SchedulerKind::processes, .threads = 1}), ::getpid());
}

TEST(Delayed, the_call_rules_over_the_scope_and_the_scope_over_the_variable) {
  EXPECT_EQ(resolved({}).scheduler, SchedulerKind::threads);
  ::setenv("TROUPE__COMPUTE__SCHEDULER", "sync", 1);
  ::setenv("TROUPE__COMPUTE__THREADS", "3", 1);
  EXPECT_EQ(resolved({}).scheduler, SchedulerKind::sync);
  {
    const ComputeScope outer({.scheduler = SchedulerKind::processes});
    const ComputeScope inner({.threads = 5});
    EXPECT_EQ(resolved({}).scheduler, SchedulerKind::processes);
    EXPECT_EQ(resolved({}).threads, 5U);
    EXPECT_EQ(resolved({.scheduler = SchedulerKind::threads, .threads = 7}).scheduler, SchedulerKind::threads);
    EXPECT_EQ(resolved({.scheduler = SchedulerKind::threads, .threads = 7}).threads, 7U);
  }
  EXPECT_EQ(resolved({}).threads, 3U);
  ::setenv("TROUPE__COMPUTE__SCHEDULER", "thread", 1);
  EXPECT_THROW((void)resolved({}), InvalidRequest);
  ::unsetenv("TROUPE__COMPUTE__SCHEDULER");
  ::setenv("TROUPE__COMPUTE__THREADS", "many", 1);
  EXPECT_THROW((void)resolved({}), InvalidRequest);
  ::unsetenv("TROUPE__COMPUTE__THREADS");
}

/// Files of configuration in a folder of the test.
class ComputeConfig : public testing::Test {
protected:
  ComputeConfig() { std::filesystem::create_directories(folder_); }
  ~ComputeConfig() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::string refusal(const std::string& text) {
    try {
      (void)compute_config(std::vector{write("bad.yaml", text)});
    } catch (const InvalidRequest& error) {
      return error.what();
    }
    return "";
  }

private:
  std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("compute_" + std::to_string(::getpid()));
};

TEST_F(ComputeConfig, comes_from_files_of_which_later_ones_count_more) {
  const auto options =
      compute_config(std::vector{write("1.yaml", "compute: {scheduler: sync, threads: 2}\nworker: {nthreads: 4}\n"),
                                 write("2.yaml", ""), write("3.yaml", "compute:\n  threads: 3\n  ahead_max: 7\n")});
  EXPECT_EQ(options.scheduler, SchedulerKind::sync);
  EXPECT_EQ(options.threads, 3U);
  EXPECT_EQ(options.ahead_max, 7U);
}

TEST_F(ComputeConfig, that_is_wrong_is_refused_with_its_place) {
  using testing::EndsWith;
  EXPECT_THAT(refusal("compute:\n  threads: 0\n"),
              EndsWith("bad.yaml:2: compute.threads is '0'; it has to be a whole number from 1 to 4096, or auto"));
  EXPECT_THAT(refusal("compute:\n\n  scheduler: thread\n"),
              testing::HasSubstr("bad.yaml:3: compute.scheduler: no scheduler"));
  EXPECT_THAT(refusal("compute:\n  thread: 1\n"), testing::HasSubstr("bad.yaml:2: no key compute.thread; there are"));
  EXPECT_THAT(refusal("- 1\n"), EndsWith("bad.yaml:1: a mapping of keys is expected"));
  EXPECT_THAT(refusal("compute: [\n"), testing::HasSubstr("bad.yaml:"));
  EXPECT_THROW((void)compute_config(std::vector<std::filesystem::path>{"/nowhere/at/all.yaml"}), InvalidRequest);
}

TEST_F(ComputeConfig, counts_less_than_variables_scopes_and_calls) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process each, for configuration is read once
  ::setenv("XDG_CONFIG_HOME", "/nowhere", 1);
  ::setenv("TROUPE_CONFIG", write("config.yaml", "compute: {scheduler: sync, threads: 3}\n").c_str(), 1);
  const auto threads_then_exit = [] {
    const ComputeOptions options = resolved({});
    ::exit(static_cast<int>(options.threads) + (options.scheduler == SchedulerKind::sync ? 100 : 0));
  };
  EXPECT_EXIT(threads_then_exit(), testing::ExitedWithCode(103), "");
  ::setenv("TROUPE__COMPUTE__THREADS", "5", 1);
  EXPECT_EXIT(threads_then_exit(), testing::ExitedWithCode(105), "");
  ::unsetenv("TROUPE__COMPUTE__THREADS");
  ::unsetenv("TROUPE_CONFIG");
}

TEST(Delayed, an_open_client_is_used_and_a_closed_one_is_not) {
  LocalCluster cluster{{.workers = 1, .modules = {delayed_module}}};
  {
    Client client{cluster};
    EXPECT_EQ(resolved({}).scheduler, SchedulerKind::cluster);
    EXPECT_EQ(delayed<inc>(client.submit<inc>(1)).compute(), 3);
  }
  EXPECT_EQ(resolved({}).scheduler, SchedulerKind::threads);
  EXPECT_THROW((void)delayed<inc>(1).compute({.scheduler = SchedulerKind::cluster}), InvalidRequest);
}

TEST(Delayed, a_cancelled_computation_throws_cancelled) {
  CancelToken token;
  token.cancel();
  EXPECT_THROW((void)delayed<inc>(1).compute({.scheduler = SchedulerKind::threads, .cancel = &token}), Cancelled);
}

TEST(Delayed, an_empty_one_is_refused_where_it_is_used) {
  EXPECT_THROW((void)delayed<inc>(Delayed<int>{}), InvalidRequest);
  EXPECT_THROW((void)Delayed<int>{}.compute(), InvalidRequest);
}

TEST(Delayed, pictures_show_each_call_once_and_are_valid_files) {
  const auto common = delayed<inc>(TaskOptions{.key = "a \"name\" & <more>"}, 1);
  const std::vector<ExpressionRef> wanted{delayed<add>(common, common).expression()};
  const auto dot = picture_dot(wanted, {});
  EXPECT_THAT(dot, testing::HasSubstr(R"(0 [label="a \"name\" & <more>")"));
  EXPECT_THAT(dot, testing::HasSubstr("0 -> 1;"));
  for (const auto colour : {PictureColour::kind, PictureColour::order, PictureColour::age}) {
    const auto svg = picture_svg(wanted, {.colour = colour});
    EXPECT_THAT(svg, testing::HasSubstr("a &quot;name&quot; &amp; &lt;more&gt;"));
    EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
  }
  EXPECT_THROW(visualize("graph.png", {}, common), InvalidRequest);
  EXPECT_THROW(visualize("/nowhere/graph.svg", {}, common), Failure);
}

TEST(Delayed, a_progress_bar_shows_rate_and_failures_only_where_it_may) {
  std::ostringstream out;
  const auto run = [&out](ProgressBar::Options options) {
    options.out = &out;
    ProgressBar bar(options);
    const ComputeOptions how{.scheduler = SchedulerKind::sync, .observer = &bar};
    (void)delayed<inc>(delayed<inc>(0)).compute(how);
    EXPECT_THROW((void)delayed<refuse>(0).compute(how), TaskFailed);
  };
  run({.even_if_no_terminal = true});
  EXPECT_EQ(out.str(), "");  // less than a second
  run({.after = std::chrono::milliseconds(0)});
  EXPECT_EQ(out.str(), "");  // no terminal
  run({.after = std::chrono::milliseconds(0), .even_if_no_terminal = true});
  EXPECT_THAT(out.str(), testing::HasSubstr("100% 3/3, "));
  EXPECT_THAT(out.str(), testing::HasSubstr("1 failed"));
}

TEST(Delayed, a_profile_holds_each_task_and_needs_no_network) {
  Profiler profiler(std::chrono::milliseconds(1));
  const ComputeOptions how{.scheduler = SchedulerKind::threads, .threads = 2, .observer = &profiler};
  for (std::size_t before = profiler.samples(); profiler.samples() < before + 2;)
    (void)delayed<total>(std::vector{delayed<inc>(0), delayed<inc>(1)}).compute(how);
  EXPECT_EQ(profiler.tasks() % 3, 0U);
  const auto html = profiler.html();
  EXPECT_THAT(html, testing::HasSubstr("delayed_tests::total"));
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("http")));
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {delayed_module});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
