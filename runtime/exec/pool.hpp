#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/ids.hpp"
#include "protocol/task.hpp"
#include "runtime/exec/call_frame.hpp"
#include "runtime/exec/function_registry.hpp"
#include "runtime/exec/parking.hpp"
#include "runtime/exec/running_page.hpp"
#include "runtime/exec/thread_activity.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

struct IsolatedProgram;

/// One run of one task. Belongs to the pool's slab; the io thread fills it between `Pool::acquire` and
/// `Pool::submit`, one thread executes it, and the io thread reads it in `Pool::drain`, after which it is used again.
struct alignas(64) Job {
  enum class State : std::uint32_t {
    idle,       ///< free, or being filled
    waiting,    ///< submitted
    claimed,    ///< a thread runs it
    retracted,  ///< taken back; still in a queue
    done,
  };

  // Filled by the io thread.
  TaskId task;
  RunId run;
  bool inline_wanted{};  ///< `encoded` is to hold the result if it is small
  const ResolvedFunction* function{};
  std::shared_ptr<const TaskTemplate> tmpl;  ///< gives the timeout, keeps `arguments` alive; may be null
  Bytes arguments;
  std::vector<Value> inputs;                        ///< in the order of the dependencies; keeps its memory
  std::shared_ptr<const IsolatedProgram> isolated;  ///< runs in a process of its own (with a tmpl); null: on the thread

  // Read by the io thread when it is done.
  Value result;                            ///< empty if `error`
  std::shared_ptr<const TaskError> error;  ///< kind, type, message, function; the rest is the shell's
  std::vector<std::byte> encoded;          ///< as encode_inline made it; empty: not wanted, or too large
  std::uint64_t nbytes{};                  ///< of the result
  std::int64_t duration_ns{};              ///< of the run
  std::int64_t cpu_ns{-1};                 ///< of it on a processor; less than 0: not asked
  std::int64_t ended_ns{};                 ///< on the steady clock
  std::uint16_t thread{};                  ///< of the pool, from 0; beyond its threads: spare ones, or the io thread

  // The pool's own.
  std::atomic<State> state{State::idle};
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> deadline_ns{0};  ///< of a run with a timeout, on the steady clock; else 0
  Job* next{};
};

struct PoolConfig {
  unsigned threads{1};
  std::shared_ptr<const FunctionRegistry> functions;  ///< which the jobs point into; kept as long as they may run
  unsigned spare_threads_max{1000};                   ///< stand in for tasks that seceded; beyond, slots stay empty
  unsigned spin_rounds{64};                           ///< looks for work before a thread sleeps
  std::size_t inline_bytes_max{1024};                 ///< results up to this go into Job::encoded where wanted
  std::string thread_name{"troupe-pool"};
  RunningPage* running{};  ///< where to write what runs; may be null
  /// There is something to drain. Called on pool threads, at most once between two drains. Must not block or throw.
  std::function<void()> notify;
  /// A task gave its slot back, or counts again. Called on the task's thread, at any time before its job is done.
  std::function<void(TaskId, RunId, bool rejoined)> seceded;
  /// A task, or its process, has something to say to people. Called on its thread; empty: not kept.
  std::function<void(TaskId, std::string_view line)> log;
};

/// Runs tasks on threads of its own. Jobs come in batches from the io thread and start in the order of submission;
/// an idle thread steals the oldest job of another. Finished jobs wait, in no order, until the io thread drains them.
///
/// Owned by the worker's shell. "io thread" is whichever one thread at a time drives the shell; `acquire`, `submit`,
/// `run_inline`, `release`, `retract`, `request_stop`, `expire`, `drain` and `stop` are its alone. No thread runs
/// before construction or after `stop`.
/// Always true: every submitted job is visited by `drain` once, or was retracted.
class Pool {
public:
  explicit Pool(PoolConfig config);
  ~Pool();  ///< stops
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// An empty job to fill.
  Job& acquire();
  /// Queues jobs; the first starts first.
  void submit(std::span<Job* const> jobs);
  void submit(Job& job) {
    Job* const one = &job;
    submit({&one, 1});
  }
  /// Runs an acquired job on this thread. It is not drained: the caller reads it and calls `release`, or, if it is no
  /// longer the io thread, `deliver`.
  void run_inline(Job& job);
  /// Any thread: hands a job over that `run_inline` has run, to be drained.
  void deliver(Job& job);
  /// Takes a job back that was acquired and not submitted.
  void release(Job& job);

  /// Takes jobs of these tasks back that have not started, and appends them to `taken`; they are not drained.
  void retract(std::span<const TaskId> tasks, std::vector<RunningPage::Running>& taken);
  /// Lets `this_task::stop_requested` be true in the runs of these tasks, running or waiting.
  void request_stop(std::span<const TaskId> tasks);
  /// The same for all jobs there are.
  void request_stop();
  /// The same for runs that have taken longer than their template's timeout; they end as errors of kind timeout.
  void expire();

  /// Calls `visit(Job&)` for each job that is done and takes the job back. The visitor may move from it. Returns how
  /// many there were.
  template <class Visit>
  std::size_t drain(Visit&& visit) {
    std::size_t count = 0;
    for (Job* job = collect(); job != nullptr;) {
      Job* const next = job->next;
      if (job->state.load(std::memory_order_acquire) == Job::State::done) {
        visit(*job);
        ++count;
      }
      release(*job);
      job = next;
    }
    return count;
  }

  /// Takes back what waits, asks what runs to stop, and returns when it has; what was done can be drained after.
  void stop();

  [[nodiscard]] unsigned threads() const { return config_.threads; }
  /// Jobs submitted that no thread has taken yet. Any thread; a guess.
  [[nodiscard]] std::size_t waiting() const;
  /// Calls `visit(const ThreadActivity&)` for each thread there is. Any thread, as long as the pool exists.
  template <class Visit>
  void for_each_thread(Visit&& visit) const {
    for (unsigned i = 0; i < thread_count_.load(std::memory_order_acquire); ++i) visit(activity_of(i));
  }

private:
  struct Thread;
  struct Execution;
  /// Jobs that are done, newest first: pushed by pool threads, taken all at once by the io thread.
  struct alignas(64) DoneStack {
    std::atomic<Job*> head{nullptr};
  };
  /// Jobs that no thread has taken yet, in a ring.
  struct alignas(64) Injection {
    std::mutex mutex;
    std::vector<Job*> ring = std::vector<Job*>(1024);  // a power of two
    std::size_t first{};
    std::atomic<std::size_t> size{0};
    void append(std::span<Job* const> jobs);
    void put_first(Job& job);
    std::size_t take(std::span<Job*> out, unsigned threads, std::size_t& left);

  private:
    void reserve(std::size_t count);
  };

  static const HostTable& host_table();
  [[nodiscard]] const ThreadActivity& activity_of(unsigned index) const;
  Thread* start_thread();
  void work(Thread& self);
  Job* find_job(Thread& self);
  Job* find_job_or_sleep(Thread& self);
  Job* steal(Thread& self);
  void run(Job& job, Thread* self, RunningPage::Slot* slot, std::int64_t& clock_ns);
  void run_in_process(Job& job, CallFrame& frame) const;
  void push_done(DoneStack& stack, Job& job);
  Job* collect();
  bool retire(Thread& self);
  void give_back(Thread& self);
  void secede(Thread* self, Job& job);
  void rejoin(Thread* self, Job& job);
  void count_again(Thread& self);
  template <class Visit>
  void for_each_job(std::span<const TaskId> tasks, Visit&& visit);

  const PoolConfig config_;
  std::vector<std::unique_ptr<Job[]>> slab_;
  Job* free_{};
  Injection injection_;
  Parking parking_;
  DoneStack delivered_;
  alignas(64) std::atomic<bool> notified_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> inline_slots_{0};  // bit set: in use

  const std::unique_ptr<std::atomic<Thread*>[]> threads_;  // room for all there can be
  std::atomic<unsigned> thread_count_{0};

  std::mutex life_mutex_;  // guards what follows
  std::condition_variable spare_wanted_;
  unsigned counting_{};               // threads that occupy a slot, or look for work
  unsigned spares_{};                 // threads that sleep because there were too many
  unsigned calls_{};                  // of spares, not answered yet
  std::atomic<bool> surplus_{false};  // counting_ > threads
};

}  // namespace troupe
