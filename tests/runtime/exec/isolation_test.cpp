#include "runtime/exec/isolation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "runtime/exec/arguments.hpp"
#include "tests/support/isolated_functions.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Fifo;
using ::testing::HasSubstr;

class Isolation : public ::testing::Test {
protected:
  /// As a worker calls it.
  template <auto F, class... A>
  IsolatedOutcome call(const A&... arguments) {
    const auto ref = function_ref<F>();
    const auto name = std::string("isolated_module::") + std::string(function_name<F>());
    ArgumentWriter writer;
    writer.template call<F>(arguments...);
    const auto& bytes = writer.bytes;
    return run_isolated({ref, name, bytes, inputs, TaskId::of(3, 4), RunId{1}, memory_limit, timeout, stop, log}, {});
  }
  void expect_no_child_left() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }

  std::vector<Value> inputs;
  std::uint64_t memory_limit{};
  std::chrono::milliseconds timeout{};
  std::atomic<bool> stop{false};
  std::vector<std::string> lines;
  std::function<void(TaskId, std::string_view)> log = [this](TaskId, std::string_view line) {
    lines.emplace_back(line);
  };
  std::string folder = ::testing::TempDir();
  std::string fifo_path = folder + "troupe-isolation-" + std::to_string(::getpid());
  Fifo fifo{fifo_path};
  ~Isolation() override { ::unlink(fifo_path.c_str()); }
};

TEST_F(Isolation, a_call_gets_its_arguments_and_gives_its_value_in_another_process) {
  const auto squared = call<isolated::square>(3.0);
  ASSERT_FALSE(squared.error) << squared.error->message;
  EXPECT_EQ(**squared.result.as<double>(), 9.0);
  const auto pid = call<isolated::process_id>();
  ASSERT_FALSE(pid.error);
  EXPECT_NE(**pid.result.as<int>(), ::getpid());
  expect_no_child_left();
}

TEST_F(Isolation, large_values_go_in_and_out) {
  std::vector<double> large(1'000'000, 1.5);
  large.back() = 4;
  const auto outcome = call<isolated::twice>(large);
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  const auto& result = **outcome.result.as<std::vector<double>>();
  ASSERT_EQ(result.size(), large.size());
  EXPECT_EQ(result.front(), 3.0);
  EXPECT_EQ(result.back(), 8.0);
}

TEST_F(Isolation, an_exception_is_the_tasks_error_as_without_a_process) {
  const auto outcome = call<isolated::refuse>(5);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::exception);
  EXPECT_EQ(outcome.error->type, "std::out_of_range");
  EXPECT_EQ(outcome.error->message, "no room for 5");
  EXPECT_EQ(outcome.error->function, "isolated_module::isolated::refuse");
}

TEST_F(Isolation, a_crash_names_the_signal_and_the_last_lines) {
  for (const auto& [signal, name] :
       {std::pair{SIGSEGV, "signal 11 (Segmentation fault)"}, {SIGABRT, "signal 6 (Aborted)"}}) {
    const auto outcome = call<isolated::die>(signal);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->kind, TaskError::Kind::killed);
    EXPECT_THAT(outcome.error->message, AllOf(HasSubstr(name), HasSubstr("the end is near")));
  }
  EXPECT_THAT(lines, ::testing::ElementsAre("the end is near", "the end is near"));
  expect_no_child_left();
}

TEST_F(Isolation, a_process_that_ends_itself_gives_no_value_whatever_its_exit_code) {
  for (const int code : {0, 3}) {
    const auto outcome = call<isolated::leave>(code);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->kind, TaskError::Kind::killed);
    EXPECT_THAT(outcome.error->message, HasSubstr("ended with exit code " + std::to_string(code)));
  }
}

TEST_F(Isolation, what_runs_too_long_is_killed_whatever_it_does) {
  timeout = 50ms;
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = call<isolated::stubborn>(fifo.path());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, timeout);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::timeout);
  EXPECT_THAT(outcome.error->message, AllOf(HasSubstr("longer than 50 ms"), HasSubstr("signal 9")));
  EXPECT_TRUE(testing::ends(std::stoi(fifo.read_line().value_or("1"))));
  expect_no_child_left();
}

TEST_F(Isolation, what_ends_too_late_is_too_late_however_politely) {
  timeout = 1s;  // by when its process has begun, on a slow machine too
  const auto outcome = call<isolated::polite>(fifo.path());
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::timeout);
  EXPECT_THAT(outcome.error->message, HasSubstr("ended with exit code 0"));
}

TEST_F(Isolation, what_is_stopped_may_end_by_itself) {
  std::thread stopper([&] {
    EXPECT_TRUE(fifo.read_line());
    stop = true;
  });
  const auto outcome = call<isolated::polite>(fifo.path());
  stopper.join();
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(**outcome.result.as<int>(), 1);
  EXPECT_EQ(fifo.read_line(), "polite");
}

TEST_F(Isolation, what_is_stopped_and_does_not_end_is_killed) {
  std::thread stopper([&] {
    EXPECT_TRUE(fifo.read_line());
    stop = true;
  });
  const auto outcome = call<isolated::stubborn>(fifo.path());
  stopper.join();
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::killed);
  EXPECT_THAT(outcome.error->message, HasSubstr("it was stopped"));
  expect_no_child_left();
}

TEST_F(Isolation, what_takes_too_much_memory_is_killed_and_told_how_much_it_took) {
  memory_limit = 100U << 20;
  const auto outcome = call<isolated::take>(std::uint64_t{1} << 30);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::too_large);
  EXPECT_THAT(outcome.error->message, HasSubstr("its memory_limit allows 104857600"));
  expect_no_child_left();
}

TEST_F(Isolation, processes_that_it_started_do_not_outlive_it) {
  const auto outcome = call<isolated::leave_one_behind>(fifo.path());
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_TRUE(testing::ends(**outcome.result.as<int>()));
}

TEST_F(Isolation, a_function_that_is_not_there_says_what_is) {
  FunctionRef ref;
  ref.kind = FunctionRef::Kind::module;
  ref.module = "isolated_module";
  ref.name = "missing";
  const auto outcome = run_isolated({ref, "isolated_module::missing", {}, {}, {}, {}, 0, {}, stop, log}, {});
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, TaskError::Kind::unknown_function);
  EXPECT_THAT(outcome.error->message, HasSubstr("has no function missing"));
}

TEST_F(Isolation, a_module_file_that_has_changed_is_not_loaded) {
  const auto ref = function_ref<&isolated::square>();
  const auto outcome = run_isolated({ref, "square", {}, {}, {}, {}, 0, {}, stop, log},
                                    {.modules = {{TROUPE_TEST_LOADED_MODULE, std::string(64, '0'), {}}}});
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, AllOf(HasSubstr("exit code 2"), HasSubstr("SHA-256")));
}

TEST_F(Isolation, a_program_that_cannot_be_started_is_named) {
  const auto ref = function_ref<&isolated::square>();
  const auto outcome =
      run_isolated({ref, "square", {}, {}, {}, {}, 0, {}, stop, log}, {.path = "/nonexistent/program"});
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, HasSubstr("/nonexistent/program"));
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == troupe::isolated_argument) {
    troupe::FunctionRegistry registry;
    if (!registry.add(isolated_module)) return 1;
    return troupe::run_isolated_child(argc, argv, registry);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
