#include "actors/worker_event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/samples.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;

class WorkerEventLogTest : public ::testing::Test {
protected:
  WorkerEventLogTest() {
    file_ = folder_.path() / "events";
    made_.name = "alpha";
    made_.config.threads = 3;
    made_.config.memory.limit = 1U << 30;
    made_.config.memory.pause = 0.75;
    made_.config.busy_retry = std::chrono::milliseconds(7);
    made_.config.resources = {{"GPU", 2}};
  }

  std::unique_ptr<WorkerEventLogWriter> create(std::uint64_t most_bytes = 1'000'000) {
    auto log = WorkerEventLogWriter::create(file_, most_bytes);
    EXPECT_TRUE(log) << log.error().text;
    EXPECT_FALSE((*log)->write(made_, Instant{999}));
    return std::move(*log);
  }
  WorkerEventLogReader open() {
    auto reader = WorkerEventLogReader::open(file_);
    EXPECT_TRUE(reader) << reader.error().text;
    return std::move(*reader);
  }

  troupe::testing::TemporaryFolder folder_;
  std::filesystem::path file_;
  MachineMade made_;
};

ExecutionsDone executions() {
  ExecutionsDone done;
  done.tasks = {TaskId::of(7, 0), TaskId::of(7, 1)};
  done.runs = {{1}, {4}};
  done.outcomes = {ExecutionOutcome::finished, ExecutionOutcome::erred};
  done.nbytes = {16, 0};
  done.duration_us = {20, 30};
  TaskError error;
  error.kind = TaskError::Kind::too_large;
  error.message = "no room";
  error.attempts = 2;
  done.errors = {nullptr, std::make_shared<const TaskError>(error)};
  done.values.offsets = {0, 5, 5};
  done.values.bytes = Bytes::copy(std::string_view("value"));
  done.ended_ns = {100, 200};
  done.threads = {0, 1};
  return done;
}

TEST_F(WorkerEventLogTest, GivesBackEveryEventAsItWasAndItsTime) {
  const TaskId task = TaskId::of(7, 3);
  const auto done = executions();
  std::vector<WorkerEvent> events{ExecutionSeceded{task, {2}, true},
                                  FetchDone{9, FetchOutcome::ok, {task}, {8}, {TaskId::of(1, 1)}},
                                  ValuesPut{{task}, {32}},
                                  ValuesServed{{task}, true},
                                  ValuesSpilled{{task}, {SpillOutcome::refused}},
                                  ValuesLoaded{{task}, {LoadOutcome::lost}},
                                  ValuesLost{{task}},
                                  WorkerTick{.process_bytes = 5, .cpu_ms = 6, .sent_ns = 7},
                                  done};
  for (auto& message : samples::to_worker_messages()) events.push_back(SchedulerSaid{std::move(message)});
  {
    auto log = create();
    std::int64_t now = 1000;
    for (const auto& event : events) EXPECT_FALSE(log->write(event, Instant{now++}));
    EXPECT_FALSE(log->write(Settled{0x1234567890abcdef}, Instant{now}));
  }
  EXPECT_TRUE(is_worker_event_log(file_));
  auto reader = open();
  const auto made = std::get<MachineMade>((*reader.next())->what);
  EXPECT_EQ(made.name, "alpha");
  EXPECT_EQ(made.config.threads, 3U);
  EXPECT_EQ(made.config.memory.limit, 1U << 30);
  EXPECT_EQ(made.config.memory.pause, 0.75);
  EXPECT_EQ(made.config.memory.spill, made_.config.memory.spill);
  EXPECT_EQ(made.config.busy_retry, std::chrono::milliseconds(7));
  EXPECT_EQ(made.config.resources, made_.config.resources);
  std::int64_t now = 1000;
  for (const auto& event : events) {
    auto record = reader.next();
    ASSERT_TRUE(record) << record.error().text;
    ASSERT_TRUE(*record);
    EXPECT_EQ((*record)->now.nanoseconds, now++);
    const auto& read = std::get<WorkerEvent>((*record)->what);
    ASSERT_EQ(read.index(), event.index());
    if (const auto* said = std::get_if<SchedulerSaid>(&event)) {
      // Templates are held by pointers: what is said again is the same.
      FrameEncoder once, again;
      EXPECT_EQ(once.encode(said->message)->payload(), again.encode(std::get<SchedulerSaid>(read).message)->payload());
    }
  }
  EXPECT_EQ(std::get<Settled>((*reader.next())->what).digest, 0x1234567890abcdefU);
  EXPECT_FALSE(*reader.next());
  EXPECT_FALSE(reader.cut_off());
}

TEST_F(WorkerEventLogTest, ExecutionsKeepTheirErrorsAndValues) {
  const auto done = executions();
  { EXPECT_FALSE(create()->write(done, Instant{1})); }
  auto reader = open();
  (void)reader.next();
  const auto read = std::get<ExecutionsDone>(std::get<WorkerEvent>((*reader.next())->what));
  EXPECT_EQ(read.tasks, done.tasks);
  EXPECT_EQ(read.runs, done.runs);
  EXPECT_EQ(read.outcomes, done.outcomes);
  EXPECT_EQ(read.nbytes, done.nbytes);
  EXPECT_EQ(read.duration_us, done.duration_us);
  EXPECT_EQ(read.errors.front(), nullptr);
  EXPECT_EQ(*read.errors.back(), *done.errors.back());
  EXPECT_EQ(read.values, done.values);
  EXPECT_EQ(read.ended_ns, done.ended_ns);
  EXPECT_EQ(read.threads, done.threads);
}

TEST_F(WorkerEventLogTest, WhatDoesNotFitTogetherIsDamagedAndToldWithItsPlace) {
  auto done = executions();
  done.runs.pop_back();
  { EXPECT_FALSE(create()->write(done, Instant{1})); }
  auto reader = open();
  (void)reader.next();
  const auto record = reader.next();
  ASSERT_FALSE(record);
  EXPECT_THAT(record.error().text, HasSubstr("record 2 at byte "));
  EXPECT_THAT(record.error().text, HasSubstr("do not fit together"));
}

TEST_F(WorkerEventLogTest, ALogWithoutAMachineIsDamaged) {
  {
    auto log = WorkerEventLogWriter::create(file_, 1000);
    EXPECT_FALSE((*log)->write(Settled{1}, Instant{1}));
  }
  auto reader = open();
  const auto record = reader.next();
  ASSERT_FALSE(record);
  EXPECT_THAT(record.error().text, HasSubstr("no machine was made"));
}

TEST_F(WorkerEventLogTest, OtherFilesAreNone) {
  std::ofstream(file_) << "something else altogether";
  EXPECT_FALSE(is_worker_event_log(file_));
  EXPECT_FALSE(is_worker_event_log(folder_.path() / "none"));
}

}  // namespace
}  // namespace troupe
