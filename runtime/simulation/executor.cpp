#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/host.hpp"
#include "runtime/simulation/world.hpp"

// The pool of a worker process: so many threads, and what comes of each run.

namespace troupe::simulation {
namespace {

std::shared_ptr<const TaskError> make_error(TaskId task, TaskError::Kind kind, std::string message) {
  auto error = std::make_shared<TaskError>();
  error->kind = kind;
  error->message = std::move(message);
  error->root = task;
  return error;
}

InlineValues inline_of(SimValue value) {
  InlineValues inline_values;
  std::vector<std::byte> bytes(16);
  std::memcpy(bytes.data() + 8, &value, sizeof value);
  inline_values.offsets = {0, 16};
  inline_values.bytes = Bytes::own(std::move(bytes));
  return inline_values;
}

}  // namespace

std::vector<std::pair<TaskId, RunId>> WorkerProcess::running() const {
  std::vector<std::pair<TaskId, RunId>> result;
  for (const auto& [id, job] : running_) result.push_back(id);
  return result;
}

void WorkerProcess::execute(ExecuteBatch& batch) {
  for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
    Job job;
    job.task = batch.tasks[i];
    job.run = batch.runs[i];
    job.tmpl = batch.templates[i];
    job.inline_wanted = !batch.inline_wanted.empty() && batch.inline_wanted[i] != 0;
    for (auto k = batch.input_offsets[i]; k < batch.input_offsets[i + 1]; ++k) {
      const auto value = store_.find(batch.inputs[k]);
      if (value == store_.end()) world_.violated("I20", "a task starts without an input", job.task);
      job.inputs.push_back(value->second.value);
    }
    world_.story().note(job.task.value, job.run.value, incarnation_);
    waiting_.push_back(std::move(job));
  }
  start_jobs();
}

void WorkerProcess::retract(const std::vector<TaskId>& tasks) {
  for (const TaskId task : tasks) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Job& job) { return job.task == task; });
    if (found == waiting_.end()) continue;
    world_.cover().reached("a task is taken back before it starts");
    ended_at_once_.tasks.push_back(task);
    ended_at_once_.runs.push_back(found->run);
    ended_at_once_.outcomes.push_back(ExecutionOutcome::retracted);
    ended_at_once_.nbytes.push_back(0);
    ended_at_once_.duration_us.push_back(0);
    ended_at_once_.errors.push_back(nullptr);
    waiting_.erase(found);
  }
}

/// Threads take the next task a moment later, so that what was handed over can still be taken back.
void WorkerProcess::start_jobs() {
  for (std::size_t next = 0; next < waiting_.size() && busy_ + next < threads_; ++next)
    world_.at(world_.now() + world_.execution_random().up_to(std::chrono::microseconds(20)), process_, [this] {
      if (over_ || waiting_.empty() || busy_ >= threads_) return;
      Job job = std::move(waiting_.front());
      waiting_.pop_front();
      ++busy_;
      const std::pair id{job.task, job.run};
      const auto [place, added] = running_.emplace(id, std::move(job));
      if (!added) world_.violated("P5", "a run is executed twice at a time", id.first);
      start(place->second);
    });
}

void WorkerProcess::start(Job& job) {
  job.begun = world_.now();
  world_.ledger().started(job.task, job.run);
  world_.story().tell(world_.now(), [&] {
    return fmt::format("{} runs {}, run {}", address(), world_.key_text(job.task), job.run.value);
  });
  const Ledger::Group* group = world_.ledger().group(job.task);
  const std::uint64_t of_task = mix(group->salt, job.task.index());
  const std::uint64_t of_run = mix(of_task, job.run.value);
  const Options& o = world_.options();
  const auto dies = [&](Fault fault) {
    world_.inject(fault);
    world_.at(world_.now() + world_.execution_random().up_to(o.run_time), process_, [this] { host_.kill(9); });
  };
  if (unit(mix(of_task, 1)) < o.poison_rate) return dies(Fault::poison);
  if (unit(mix(of_run, 2)) < o.oom_rate) return dies(Fault::out_of_memory);
  plan_end(job, of_run);
}

void WorkerProcess::plan_end(const Job& job, std::uint64_t luck) {
  const Options& o = world_.options();
  Duration run_time = world_.execution_random().up_to(o.run_time);
  ExecutionOutcome outcome = ExecutionOutcome::finished;
  std::shared_ptr<const TaskError> error;
  // Half of what throws does so always, the other half in one run.
  const std::uint64_t of_task = mix(world_.ledger().group(job.task)->salt, job.task.index());
  if (unit(mix(luck, 3)) < o.exception_rate / 2 || unit(mix(of_task, 4)) < o.exception_rate / 4) {
    world_.inject(Fault::exception);
    outcome = ExecutionOutcome::erred;
    error = make_error(job.task, TaskError::Kind::exception, "thrown");
  } else if (unit(mix(luck, 5)) < o.endless_rate) {
    world_.inject(Fault::endless);
    run_time = o.unit / 2 + world_.execution_random().up_to(o.unit * 2);
    if (const auto timeout = job.tmpl->annotations.timeout_ms; timeout > 0) {
      run_time = std::chrono::milliseconds(timeout);
      outcome = ExecutionOutcome::erred;
      error = make_error(job.task, TaskError::Kind::timeout, "it ran longer than asked");
    }
  }
  if (world_.execution_random().chance(o.secede_rate)) secede(job, run_time);
  world_.at(world_.now() + run_time, process_,
            [this, task = job.task, run = job.run, generation = generation_, outcome, error] {
              if (!over_) end(task, run, generation, outcome, error);
            });
}

/// A running task waits for others and gives its slot back for a while.
void WorkerProcess::secede(const Job& job, Duration run_time) {
  const auto say = [this, task = job.task, run = job.run, generation = generation_](bool rejoined) {
    const auto found = running_.find({task, run});
    if (over_ || generation != generation_ || found == running_.end() || found->second.seceded != rejoined) return;
    found->second.seceded = !rejoined;
    if (rejoined)
      ++busy_;
    else
      --busy_;
    world_.cover().reached(rejoined ? "a task rejoins" : "a task secedes");
    handle(ExecutionSeceded{task, run, rejoined});
    start_jobs();
  };
  world_.at(world_.now() + run_time / 4, process_, [say] { say(false); });
  if (world_.execution_random()() % 2 == 0) world_.at(world_.now() + run_time / 2, process_, [say] { say(true); });
}

void WorkerProcess::end(TaskId task, RunId run, std::uint64_t generation, ExecutionOutcome outcome,
                        std::shared_ptr<const TaskError> error) {
  const auto found = running_.find({task, run});
  Job job = std::move(found->second);
  running_.erase(found);
  if (!job.seceded) --busy_;
  start_jobs();
  auto* facts = world_.ledger().find(task);
  if (error && error->kind == TaskError::Kind::exception) ++facts->throws;
  if (error && error->kind == TaskError::Kind::timeout) ++facts->timeouts;
  if (generation != generation_) return;  // of an earlier registration
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(world_.now() - job.begun).count();
  ExecutionsDone done{{task}, {run}, {outcome}, {0}, {static_cast<std::uint32_t>(duration)}, {error}, {}};
  spent_.functions.push_back({job.tmpl->prefix, 1, 0, 0, static_cast<std::uint64_t>(duration)});
  if (outcome == ExecutionOutcome::finished) {
    const SimValue value = value_of(world_.ledger().group(task)->salt, task.index(), job.inputs);
    world_.ledger().check_value(task, value, "made by a worker");
    facts->made.push_back(run);
    keep(task, value);
    done.nbytes = {bytes_of(value)};
    done.errors.clear();
    if (job.inline_wanted && unit(mix(value, 6)) < world_.options().inline_rate) done.values = inline_of(value);
  }
  if (const auto key = state_->key(task)) world_.cover().key(*key);
  handle(std::move(done));
}

}  // namespace troupe::simulation
