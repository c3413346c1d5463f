#include "runtime/exec/pool.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "runtime/exec/module.hpp"
#include "tests/runtime/exec/demo_module.hpp"

namespace troupe {
namespace {

using Running = RunningPage::Running;

/// Lets threads through once it is open.
class Gate {
public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_{};
  int arrived_{};
};

Gate* gate = nullptr;
std::mutex order_mutex;
std::vector<std::uint64_t> order;

void unit(CallFrame& frame) { frame.result = Value::make(Unit{}); }

const ResolvedFunction pass_gate{"pass_gate", "", [](CallFrame& frame) noexcept {
                                   gate->pass();
                                   unit(frame);
                                 }};
const ResolvedFunction note_order{"note_order", "", [](CallFrame& frame) noexcept {
                                    const std::lock_guard lock(order_mutex);
                                    order.push_back(frame.task.value);
                                    unit(frame);
                                  }};
const ResolvedFunction give_task{"give_task", "",
                                 [](CallFrame& frame) noexcept { frame.result = Value::make(frame.task.value); }};
const ResolvedFunction secede_and_pass_gate{"secede", "", [](CallFrame& frame) noexcept {
                                              const this_task::detail::Scope scope(frame);
                                              this_task::secede();
                                              gate->pass();
                                              this_task::rejoin();
                                              unit(frame);
                                            }};
const ResolvedFunction secede_for_good{"secede_for_good", "", [](CallFrame& frame) noexcept {
                                         const this_task::detail::Scope scope(frame);
                                         this_task::secede();
                                         gate->pass();
                                         unit(frame);
                                       }};

/// A pool and what an io thread would be for it.
class PoolTest : public ::testing::Test {
protected:
  void start(unsigned threads, RunningPage* page = nullptr) {
    gate = &gate_;
    order.clear();
    (void)registry_.add(demo);
    PoolConfig config;
    config.threads = threads;
    config.running = page;
    config.notify = [this] {
      const std::lock_guard lock(mutex_);
      ++notified_;
      changed_.notify_one();
    };
    config.seceded = [this](TaskId task, RunId run, bool rejoined) {
      const std::lock_guard lock(mutex_);
      (rejoined ? rejoined_ : seceded_).push_back({task, run});
    };
    pool_.emplace(std::move(config));
  }
  Job& job(std::uint64_t task, const ResolvedFunction& function) {
    Job& made = pool_->acquire();
    made.task = TaskId{task};
    made.run = RunId{static_cast<std::uint32_t>(task)};
    made.function = &function;
    return made;
  }
  template <auto F, class... A>
  Job& call(std::uint64_t task, const A&... argument) {
    ArgumentWriter writer;
    writer.call<F>(argument...);
    Job& made = job(task, **registry_.find(function_ref<F>()));
    made.arguments = Bytes::copy(writer.bytes);
    return made;
  }
  /// Drains until `count` jobs more have been visited.
  template <class Visit>
  void drain(std::size_t count, Visit&& visit) {
    std::size_t done = pool_->drain(visit);
    while (done < count) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return notified_ > 0; });
        notified_ = 0;
      }
      done += pool_->drain(visit);
    }
    EXPECT_EQ(done, count);
  }

  Gate gate_;
  FunctionRegistry registry_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int notified_{};
  std::vector<Running> seceded_;
  std::vector<Running> rejoined_;
  std::optional<Pool> pool_;
};

TEST_F(PoolTest, gives_results_errors_sizes_and_inline_forms) {
  start(2);
  Job& fine = call<shapes::greet>(1, "ab", 2);
  fine.inline_wanted = true;
  Job& large = call<shapes::greet>(2, "abcd", 1000);
  large.inline_wanted = true;
  Job& failing = call<shapes::throw_runtime_error>(3, "no");
  Job* const jobs[] = {&fine, &large, &failing};
  pool_->submit(jobs);
  std::map<std::uint64_t, std::string> seen;
  drain(3, [&](Job& done) {
    if (done.task.value == 1) {
      EXPECT_EQ(*done.result.get<std::string>(), "abab");
      EXPECT_EQ(*decode_inline_as<std::string>(Bytes::copy(done.encoded)), "abab");
      EXPECT_EQ(done.nbytes, sizeof(std::string));
    } else if (done.task.value == 2) {
      EXPECT_TRUE(done.encoded.empty());
      EXPECT_GE(done.nbytes, 4000U);
    } else {
      EXPECT_FALSE(done.result);
      EXPECT_EQ(done.error->type, "std::runtime_error");
      EXPECT_EQ(done.error->message, "no");
      EXPECT_EQ(done.error->function, "demo::shapes::throw_runtime_error");
    }
    EXPECT_GE(done.duration_ns, 0);
    EXPECT_TRUE(seen.emplace(done.task.value, "").second);
  });
  EXPECT_EQ(seen.size(), 3U);
}

std::int64_t thread_cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

TEST_F(PoolTest, runs_of_functions_that_take_long_are_asked_how_long_they_had_a_processor) {
  static constexpr std::int64_t busy_ns = 2'000'000;
  const ResolvedFunction spin{"spin", "", [](CallFrame& frame) noexcept {
                                const auto begun = thread_cpu_ns();
                                while (thread_cpu_ns() - begun < busy_ns) {
                                }
                                unit(frame);
                              }};
  const ResolvedFunction wait{"wait", "", [](CallFrame& frame) noexcept {
                                std::this_thread::sleep_for(std::chrono::nanoseconds(busy_ns));
                                unit(frame);
                              }};
  start(1);
  const auto run = [&](const ResolvedFunction& function) {
    pool_->submit(job(1, function));
    std::pair<std::int64_t, std::int64_t> times;
    drain(1, [&](Job& done) { times = {done.cpu_ns, done.duration_ns}; });
    return times;
  };
  EXPECT_LT(run(spin).first, 0) << "nobody knew that it takes long";
  const auto [cpu, whole] = run(spin);
  EXPECT_GE(cpu, busy_ns);
  EXPECT_LE(cpu, whole + 1'000'000);
  run(wait);
  const auto waited = run(wait);
  EXPECT_GE(waited.first, 0);
  EXPECT_LT(waited.first, busy_ns / 2) << "of " << waited.second;
  EXPECT_LT(run(give_task).first, 0);
}

TEST_F(PoolTest, starts_jobs_in_the_order_of_submission) {
  start(1);
  std::vector<Job*> jobs{&job(1000, pass_gate)};
  for (std::uint64_t i = 1; i <= 200; ++i) jobs.push_back(&job(i, note_order));
  pool_->submit(std::span(jobs).first(50));
  gate_.wait_for_arrivals(1);
  pool_->submit(std::span(jobs).subspan(50));
  gate_.open();
  drain(201, [](Job&) {});
  ASSERT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(PoolTest, jobs_behind_a_long_one_are_stolen) {
  start(2);
  std::vector<Job*> jobs{&job(1000, pass_gate)};
  for (std::uint64_t i = 1; i <= 500; ++i) jobs.push_back(&job(i, note_order));
  pool_->submit(jobs);
  drain(500, [](Job& done) { EXPECT_NE(done.task.value, 1000U); });
  gate_.open();
  drain(1, [](Job& done) { EXPECT_EQ(done.task.value, 1000U); });
}

TEST_F(PoolTest, every_job_of_many_batches_is_done_once) {
  start(3);
  constexpr std::uint64_t in_all = 30'000;
  std::vector<std::uint8_t> seen(in_all + 1);
  std::uint64_t next = 1;
  std::uint64_t done = 0;
  const auto visit = [&](Job& finished) {
    EXPECT_EQ(*finished.result.get<std::uint64_t>(), finished.task.value);
    EXPECT_EQ(seen[finished.task.value]++, 0);
    ++done;
  };
  while (done < in_all) {
    std::vector<Job*> batch;
    for (std::uint64_t i = 0; i < 1 + next % 97 && next <= in_all; ++i) batch.push_back(&job(next++, give_task));
    pool_->submit(batch);
    pool_->drain(visit);
    if (next > in_all && done < in_all) drain(in_all - done, visit);
  }
  EXPECT_EQ(pool_->waiting(), 0U);
}

TEST_F(PoolTest, a_single_job_wakes_a_sleeping_pool_every_time) {
  start(2);
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    pool_->submit(job(i, give_task));
    drain(1, [&](Job& done) { EXPECT_EQ(done.task.value, i); });
  }
}

TEST_F(PoolTest, takes_back_what_has_not_started_and_never_runs_it) {
  start(1);
  std::vector<Job*> jobs{&job(1000, pass_gate)};
  for (std::uint64_t i = 1; i <= 10; ++i) jobs.push_back(&job(i, note_order));
  pool_->submit(jobs);
  gate_.wait_for_arrivals(1);
  std::vector<Running> taken;
  const TaskId wanted[] = {TaskId{9}, TaskId{2}, TaskId{1000}, TaskId{77}};
  pool_->retract(wanted, taken);
  EXPECT_EQ(taken, (std::vector<Running>{{TaskId{2}, RunId{2}}, {TaskId{9}, RunId{9}}}));
  taken.clear();
  pool_->retract(wanted, taken);
  EXPECT_TRUE(taken.empty());
  gate_.open();
  drain(9, [](Job& done) { EXPECT_TRUE(done.task.value != 2 && done.task.value != 9); });
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 3, 4, 5, 6, 7, 8, 10}));
}

TEST_F(PoolTest, a_job_is_either_taken_back_or_done_however_they_race) {
  start(3);
  for (std::uint64_t round = 0; round < 300; ++round) {
    std::vector<Job*> jobs;
    std::vector<TaskId> tasks;
    for (std::uint64_t i = 1; i <= 40; ++i) {
      jobs.push_back(&job(round * 100 + i, give_task));
      tasks.push_back(TaskId{round * 100 + i});
    }
    pool_->submit(jobs);
    std::vector<Running> taken;
    pool_->retract(std::span(tasks).subspan(round % 30), taken);
    std::set<std::uint64_t> ended;
    for (const auto& running : taken) EXPECT_TRUE(ended.insert(running.task.value).second);
    drain(40 - taken.size(), [&](Job& done) { EXPECT_TRUE(ended.insert(done.task.value).second); });
    EXPECT_EQ(ended.size(), 40U);
  }
}

TEST_F(PoolTest, running_tasks_hear_that_they_shall_stop) {
  start(1);
  pool_->submit(call<shapes::wait_for_stop>(5));
  const TaskId wanted[] = {TaskId{5}};
  pool_->request_stop(wanted);
  drain(1, [](Job& done) { EXPECT_TRUE(*done.result.get<bool>()); });
}

TEST_F(PoolTest, a_task_over_its_timeout_is_asked_to_stop_and_is_an_error) {
  start(1);
  auto tmpl = std::make_shared<TaskTemplate>();
  tmpl->annotations.timeout_ms = 1;
  Job& slow = call<shapes::wait_for_stop>(5);
  slow.tmpl = tmpl;
  pool_->submit(slow);
  std::size_t done = 0;
  while (done == 0) {
    pool_->expire();
    done = pool_->drain([](Job& finished) {
      ASSERT_TRUE(finished.error);
      EXPECT_EQ(finished.error->kind, TaskError::Kind::timeout);
      EXPECT_FALSE(finished.result);
    });
  }
}

TEST_F(PoolTest, seceded_tasks_leave_their_slots_to_others_and_come_back) {
  start(1);
  std::vector<Job*> jobs;
  for (std::uint64_t i = 1; i <= 20; ++i) jobs.push_back(&job(i, i % 2 ? secede_and_pass_gate : secede_for_good));
  for (std::uint64_t i = 101; i <= 110; ++i) jobs.push_back(&job(i, note_order));
  pool_->submit(jobs);
  drain(10, [](Job& done) { EXPECT_GT(done.task.value, 100U); });
  gate_.wait_for_arrivals(20);
  gate_.open();
  drain(20, [](Job& done) { EXPECT_LE(done.task.value, 20U); });
  EXPECT_EQ(seceded_.size(), 20U);
  EXPECT_EQ(rejoined_.size(), 10U);

  // All threads but one sleep now: a single slow job holds the only slot.
  Gate second;
  gate = &second;
  pool_->submit(job(200, pass_gate));
  pool_->submit(job(201, note_order));
  second.wait_for_arrivals(1);
  EXPECT_EQ(pool_->drain([](Job&) {}), 0U);
  second.open();
  drain(2, [](Job&) {});
}

TEST_F(PoolTest, spare_threads_are_used_again) {
  start(2);
  for (std::uint64_t round = 0; round < 30; ++round) {
    Gate fresh;
    gate = &fresh;
    std::vector<Job*> jobs;
    for (std::uint64_t i = 1; i <= 6; ++i) jobs.push_back(&job(i, secede_and_pass_gate));
    for (std::uint64_t i = 7; i <= 12; ++i) jobs.push_back(&job(i, note_order));
    pool_->submit(jobs);
    drain(6, [](Job& done) { EXPECT_GT(done.task.value, 6U); });
    fresh.wait_for_arrivals(6);
    fresh.open();
    drain(6, [](Job&) {});
  }
}

TEST_F(PoolTest, runs_inline_and_hands_over_to_be_drained) {
  auto page = *RunningPage::create();
  start(1, &page);
  Job& here = job(7, give_task);
  pool_->run_inline(here);
  EXPECT_EQ(*here.result.get<std::uint64_t>(), 7U);
  pool_->release(here);
  Job& there = job(8, give_task);
  std::thread([&] {
    pool_->run_inline(there);
    pool_->deliver(there);
  }).join();
  drain(1, [](Job& done) { EXPECT_EQ(done.task.value, 8U); });
  EXPECT_TRUE(page.running().empty());
}

TEST_F(PoolTest, writes_into_the_page_what_is_running) {
  auto page = *RunningPage::create();
  start(2, &page);
  Job* const jobs[] = {&job(31, pass_gate), &job(32, pass_gate)};
  pool_->submit(jobs);
  gate_.wait_for_arrivals(2);
  auto running = page.running();
  std::sort(running.begin(), running.end(), [](auto& a, auto& b) { return a.task < b.task; });
  EXPECT_EQ(running, (std::vector<Running>{{TaskId{31}, RunId{31}}, {TaskId{32}, RunId{32}}}));
  gate_.open();
  drain(2, [](Job&) {});
  EXPECT_TRUE(page.running().empty());
}

TEST_F(PoolTest, inputs_that_nobody_else_needs_are_freed_before_the_io_thread_sees_the_job) {
  start(1);
  auto kept = Value::make(std::string(100, 'k'));
  Job& uses = job(1, give_task);
  uses.inputs.push_back(kept);
  uses.inputs.push_back(Value::make(std::string(100, 'd')));
  pool_->submit(uses);
  drain(1, [](Job& done) {
    EXPECT_TRUE(done.inputs[0]);
    EXPECT_FALSE(done.inputs[1]);
  });
  EXPECT_TRUE(kept.unique());
}

TEST_F(PoolTest, stops_with_jobs_waiting_running_and_seceded) {
  start(2);
  std::vector<Job*> jobs{&job(1, secede_for_good), &call<shapes::wait_for_stop>(2), &call<shapes::wait_for_stop>(3)};
  for (std::uint64_t i = 10; i < 2000; ++i) jobs.push_back(&job(i, note_order));
  pool_->submit(jobs);
  gate_.wait_for_arrivals(1);
  gate_.open();
  pool_->stop();
  std::set<std::uint64_t> done;
  pool_->drain([&](Job& finished) { done.insert(finished.task.value); });
  EXPECT_TRUE(done.contains(1));
  EXPECT_EQ(done.size(), order.size() + static_cast<std::size_t>(done.contains(1)) +
                             static_cast<std::size_t>(done.contains(2)) + static_cast<std::size_t>(done.contains(3)));
  pool_->stop();
}

}  // namespace
}  // namespace troupe
