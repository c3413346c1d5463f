#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/core/worker_state.hpp"

namespace troupe {

constexpr TaskId task(std::uint32_t n) { return TaskId::of(1, n); }
inline std::vector<TaskId> tasks(std::initializer_list<std::uint32_t> numbers) {
  std::vector<TaskId> result;
  for (const auto n : numbers) result.push_back(task(n));
  return result;
}

/// Builds a ComputeTasks message task by task.
struct Compute {
  struct Input {
    std::uint32_t task;
    std::uint32_t holder{};
    std::uint64_t nbytes{8};
  };
  Compute& add(std::uint32_t n, std::uint32_t run = 1, std::vector<Input> inputs = {}, std::uint32_t tmpl = 1,
               std::int32_t priority = 0) {
    if (message.input_offsets.empty()) message.input_offsets.push_back(0);
    message.tasks.push_back(task(n));
    message.runs.push_back({run});
    message.templates.push_back({tmpl});
    message.priorities.push_back({priority, 0, n});
    for (const Input& input : inputs) {
      message.inputs.push_back(task(input.task));
      message.input_holders.push_back({input.holder});
      message.input_nbytes.push_back(input.nbytes);
    }
    message.input_offsets.push_back(static_cast<std::uint32_t>(message.inputs.size()));
    return *this;
  }
  ComputeTasks message;
};

/// Ends of executions, built one by one.
struct Done {
  Done& finished(std::uint32_t n, std::uint32_t run = 1, std::uint64_t nbytes = 8, std::uint32_t us = 10) {
    return add(n, run, ExecutionOutcome::finished, nbytes, us);
  }
  Done& retracted(std::uint32_t n, std::uint32_t run = 1) { return add(n, run, ExecutionOutcome::retracted, 0, 0); }
  Done& erred(std::uint32_t n, std::uint32_t run = 1) {
    add(n, run, ExecutionOutcome::erred, 0, 10);
    TaskError error;
    error.message = "task " + std::to_string(n);
    event.errors.back() = std::make_shared<const TaskError>(error);
    return *this;
  }
  Done& add(std::uint32_t n, std::uint32_t run, ExecutionOutcome outcome, std::uint64_t nbytes, std::uint32_t us) {
    event.tasks.push_back(task(n));
    event.runs.push_back({run});
    event.outcomes.push_back(outcome);
    event.nbytes.push_back(nbytes);
    event.duration_us.push_back(us);
    event.errors.push_back(nullptr);
    return *this;
  }
  ExecutionsDone event;
};

/// What the machine wants done after a turn. Each expectation takes its part away; in the end nothing may be left.
class Turn {
public:
  explicit Turn(WorkerEffects effects) : effects_(std::move(effects)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    EXPECT_EQ(effects_.to_scheduler.size(), said_) << "something else was sent";
    EXPECT_TRUE(effects_.execute.tasks.empty())
        << "something else is executed, first " << effects_.execute.tasks.front().index();
    EXPECT_TRUE(effects_.retract.empty()) << "something else is retracted";
    EXPECT_TRUE(effects_.stop.empty()) << "something else is asked to stop";
    EXPECT_TRUE(effects_.fetch.empty()) << "something else is fetched";
    EXPECT_TRUE(effects_.drop.empty()) << "something else is dropped";
    EXPECT_TRUE(effects_.spill.empty()) << "something else is spilled";
    EXPECT_TRUE(effects_.load.empty()) << "something else is loaded";
    EXPECT_TRUE(effects_.run.empty()) << "something else is run";
    EXPECT_FALSE(effects_.close);
  }

  /// The next message is exactly this.
  template <class Message>
  Turn& says(const Message& expected) {
    if (said_ >= effects_.to_scheduler.size()) {
      ADD_FAILURE() << "nothing more was said";
      return *this;
    }
    const auto* actual = std::get_if<Message>(&effects_.to_scheduler[said_++]);
    EXPECT_TRUE(actual != nullptr) << "another kind of message";
    EXPECT_TRUE(actual == nullptr || *actual == expected) << "another content";
    return *this;
  }
  Turn& executes(std::initializer_list<std::uint32_t> numbers, std::uint32_t run = 1) {
    EXPECT_EQ(effects_.execute.tasks, tasks(numbers));
    EXPECT_EQ(effects_.execute.runs, std::vector<RunId>(numbers.size(), RunId{run}));
    effects_.execute.clear();
    return *this;
  }
  Turn& retracts(std::initializer_list<std::uint32_t> numbers) {
    EXPECT_EQ(effects_.retract, tasks(numbers));
    effects_.retract.clear();
    return *this;
  }
  Turn& stops(std::initializer_list<std::uint32_t> numbers) {
    EXPECT_EQ(effects_.stop, tasks(numbers));
    effects_.stop.clear();
    return *this;
  }
  Turn& drops(std::initializer_list<std::uint32_t> numbers) {
    EXPECT_EQ(effects_.drop, tasks(numbers));
    effects_.drop.clear();
    return *this;
  }
  Turn& spills(std::initializer_list<std::uint32_t> numbers) {
    EXPECT_EQ(effects_.spill, tasks(numbers));
    effects_.spill.clear();
    return *this;
  }
  Turn& loads(std::initializer_list<std::uint32_t> numbers) {
    EXPECT_EQ(effects_.load, tasks(numbers));
    effects_.load.clear();
    return *this;
  }
  Turn& fetches(std::uint64_t fetch, std::uint32_t peer, std::initializer_list<std::uint32_t> numbers) {
    if (effects_.fetch.empty()) {
      ADD_FAILURE() << "nothing more is fetched";
      return *this;
    }
    EXPECT_EQ(effects_.fetch.front().fetch, fetch);
    EXPECT_EQ(effects_.fetch.front().peer, WorkerId{peer});
    EXPECT_EQ(effects_.fetch.front().address, "w" + std::to_string(peer));
    EXPECT_EQ(effects_.fetch.front().tasks, tasks(numbers));
    effects_.fetch.erase(effects_.fetch.begin());
    return *this;
  }
  Turn& closes(const std::string& reason) {
    EXPECT_TRUE(effects_.close);
    EXPECT_EQ(effects_.close_reason, reason);
    effects_.close = false;
    return *this;
  }
  Turn& runs(std::size_t functions) {
    EXPECT_EQ(effects_.run.size(), functions);
    effects_.run.clear();
    return *this;
  }
  WorkerEffects& effects() { return effects_; }

private:
  WorkerEffects effects_;
  std::size_t said_{};
};

/// A worker machine, registered as worker 7, that knows templates 1 to 4 and the peers 1 to 5.
class Dialogue {
public:
  explicit Dialogue(WorkerConfig config = {}) : worker(std::move(config)) {
    DefineTemplates templates;
    for (std::uint32_t id = 1; id <= 4; ++id) {
      TaskTemplate tmpl;
      tmpl.prefix = "t" + std::to_string(id);
      tmpl.arguments = Bytes::copy("arguments of " + tmpl.prefix);
      if (id >= 3) tmpl.annotations.resources = {{"GPU", id == 3 ? 1.0 : 2.0}};
      templates.ids.push_back({id});
      templates.templates.push_back(std::move(tmpl));
    }
    WorkerAddresses addresses;
    for (std::uint32_t id = 1; id <= 5; ++id) addresses.workers.push_back({{id}, {}, "w" + std::to_string(id), {}});
    turn(say(WorkerRegistered{{7}, {1}, 1000, {}}), say(templates), say(addresses));
  }

  template <class Message>
  static WorkerEvent say(Message message) {
    return SchedulerSaid{std::move(message)};
  }
  static WorkerEvent say(Compute compute) { return SchedulerSaid{std::move(compute.message)}; }

  template <class... Events>
  Turn turn(Events... events) {
    WorkerEffects out;
    (worker.handle(std::move(events), now, out), ...);
    worker.settle(now, out);
    worker.check_invariants();
    return Turn(std::move(out));
  }
  KeyView key(std::uint32_t n) const { return worker.key(task(n)).value_or(KeyView{}); }
  bool knows(std::uint32_t n) const { return worker.key(task(n)).has_value(); }

  WorkerState worker;
  Instant now{};
};

inline TasksFinished finished(std::initializer_list<std::uint32_t> numbers, std::uint32_t run = 1,
                              std::uint64_t nbytes = 8, std::uint32_t us = 10) {
  const auto n = numbers.size();
  return {tasks(numbers),
          std::vector<RunId>(n, RunId{run}),
          std::vector<std::uint64_t>(n, nbytes),
          std::vector<std::uint32_t>(n, us),
          {}};
}
inline StealReply steal_reply(std::uint32_t n, StealRefusal refusal, std::uint32_t run = 1) {
  return {{task(n)}, {{run}}, {static_cast<std::uint8_t>(refusal == StealRefusal::none)}, {refusal}};
}
inline FetchDone fetched(std::uint64_t fetch, std::initializer_list<std::uint32_t> received,
                         std::initializer_list<std::uint32_t> missing = {}) {
  return {fetch, FetchOutcome::ok, tasks(received), std::vector<std::uint64_t>(received.size(), 8), tasks(missing)};
}

}  // namespace troupe
