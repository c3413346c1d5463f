#include "runtime/exec/pool.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/exec/isolation.hpp"
#include "runtime/exec/work_deque.hpp"

namespace troupe {
namespace {

constexpr std::size_t slab_jobs = 256;
constexpr std::size_t chunk_jobs_max = 32;
constexpr std::size_t kept_inputs_max = 64;
constexpr std::size_t kept_encoded_max = 4096;
constexpr unsigned inline_slots = 32;
/// What a run has to take for the next one of its function on that thread to be asked how long it had a processor: that
/// takes two system calls.
constexpr std::int64_t long_run_ns = 100'000;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t thread_cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Threads started in its scope take no signal meant for the process: those belong to the host program.
class SignalsBlocked {
public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
    sigdelset(&all, SIGURG);  // of the sampler, meant for one thread; else it does nothing
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
  sigset_t before_{};
};

}  // namespace

/// One thread of the pool, from its start to the pool's stop.
struct alignas(64) Pool::Thread {
  Thread(unsigned number, RunningPage* page)
      : index(number), seed(number * 2654435761U + 1), slot(page ? &page->slot(number) : nullptr) {}

  const unsigned index;
  std::uint32_t seed;
  RunningPage::Slot* const slot;
  ThreadActivity activity;
  bool seceded{};                                           // its job gave the slot back; guarded by life_mutex_
  std::array<const ResolvedFunction*, 8> long_functions{};  // that took long here when they ran last; by address
  WorkDeque<Job> deque;
  Parking::Bed bed;
  DoneStack done;
  std::thread handle;
};

/// Where a function stands among those that take long; whose place it is, if another has the same one, is whose run came
/// last.
std::size_t place_of(const ResolvedFunction* function) {
  return (reinterpret_cast<std::uintptr_t>(function) / sizeof(ResolvedFunction)) % 8;
}

/// What a CallFrame's `execution` points to.
struct Pool::Execution {
  Pool* pool;
  Thread* thread;  // null: inline
  Job* job;
};

// ---- queue of injected jobs ------------------------------------------------------------------------------------

void Pool::Injection::reserve(std::size_t count) {
  if (count <= ring.size()) return;
  const auto held = size.load(std::memory_order_relaxed);
  std::vector<Job*> larger(std::max(ring.size() * 2, std::size_t{1} << (64 - __builtin_clzll(count - 1))));
  for (std::size_t i = 0; i < held; ++i) larger[i] = ring[(first + i) & (ring.size() - 1)];
  ring = std::move(larger);
  first = 0;
}

void Pool::Injection::append(std::span<Job* const> jobs) {
  const std::lock_guard lock(mutex);
  const auto held = size.load(std::memory_order_relaxed);
  reserve(held + jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) ring[(first + held + i) & (ring.size() - 1)] = jobs[i];
  size.store(held + jobs.size(), std::memory_order_seq_cst);
}

void Pool::Injection::put_first(Job& job) {
  const std::lock_guard lock(mutex);
  const auto held = size.load(std::memory_order_relaxed);
  reserve(held + 1);
  first = (first - 1) & (ring.size() - 1);
  ring[first] = &job;
  size.store(held + 1, std::memory_order_seq_cst);
}

/// Takes a share of the jobs, so that each thread comes several times before the queue is empty.
std::size_t Pool::Injection::take(std::span<Job*> out, unsigned threads, std::size_t& left) {
  left = 0;
  if (size.load(std::memory_order_seq_cst) == 0) return 0;
  const std::lock_guard lock(mutex);
  const auto held = size.load(std::memory_order_relaxed);
  const auto count = std::min(held, std::clamp<std::size_t>(held / (2 * threads), 1, out.size()));
  for (std::size_t i = 0; i < count; ++i) out[i] = ring[(first + i) & (ring.size() - 1)];
  first = (first + count) & (ring.size() - 1);
  left = held - count;
  size.store(left, std::memory_order_seq_cst);
  return count;
}

// ---- the io thread's side --------------------------------------------------------------------------------------

Pool::Pool(PoolConfig config)
    : config_(std::move(config)),
      threads_(std::make_unique<std::atomic<Thread*>[]>(config_.threads + config_.spare_threads_max)) {
  TROUPE_ASSERT(config_.threads > 0, "a pool needs at least one thread");
  TROUPE_ASSERT(!config_.running || config_.threads + config_.spare_threads_max + inline_slots <= RunningPage::slots,
                "more threads than the running page has slots");
  const std::lock_guard lock(life_mutex_);
  for (unsigned i = 0; i < config_.threads; ++i) start_thread();
  counting_ = config_.threads;
}

Pool::~Pool() {
  stop();
  for (unsigned i = 0; i < thread_count_.load(); ++i) delete threads_[i].load();
}

Job& Pool::acquire() {
  if (!free_) {
    slab_.push_back(std::make_unique<Job[]>(slab_jobs));
    for (std::size_t i = slab_jobs; i-- > 0;) {
      Job& job = slab_.back()[i];
      job.next = free_;
      free_ = &job;
    }
  }
  Job& job = *free_;
  free_ = job.next;
  job.next = nullptr;
  return job;
}

void Pool::release(Job& job) {
  job.tmpl.reset();
  job.isolated.reset();
  job.arguments = {};
  job.inputs.clear();
  if (job.inputs.capacity() > kept_inputs_max) job.inputs = {};
  job.result.reset();
  job.error.reset();
  job.encoded.clear();
  if (job.encoded.capacity() > kept_encoded_max) job.encoded = {};
  job.inline_wanted = false;
  job.stop.store(false, std::memory_order_relaxed);
  job.deadline_ns.store(0, std::memory_order_relaxed);
  job.state.store(Job::State::idle, std::memory_order_relaxed);
  job.next = free_;
  free_ = &job;
}

void Pool::submit(std::span<Job* const> jobs) {
  if (jobs.empty()) return;
  for (Job* job : jobs) {
    TROUPE_ASSERT(job->function && job->function->thunk, "a job without a function");
    job->state.store(Job::State::waiting, std::memory_order_relaxed);
  }
  injection_.append(jobs);
  parking_.wake_one();  // who wakes up wakes the next if there is more
}

void Pool::run_inline(Job& job) {
  RunningPage::Slot* slot = nullptr;
  unsigned bit = inline_slots;
  if (config_.running) {
    auto used = inline_slots_.load(std::memory_order_relaxed);
    do bit = used == ~0U ? inline_slots : static_cast<unsigned>(__builtin_ctz(~used));
    while (bit < inline_slots && !inline_slots_.compare_exchange_weak(used, used | 1U << bit));
    if (bit < inline_slots) slot = &config_.running->slot(config_.threads + config_.spare_threads_max + bit);
  }
  job.state.store(Job::State::claimed, std::memory_order_relaxed);
  std::int64_t clock_ns = 0;
  run(job, nullptr, slot, clock_ns);
  job.state.store(Job::State::done, std::memory_order_relaxed);
  if (bit < inline_slots) inline_slots_.fetch_and(~(1U << bit));
}

void Pool::deliver(Job& job) { push_done(delivered_, job); }

Job* Pool::collect() {
  notified_.store(false, std::memory_order_seq_cst);  // before looking: what comes later notifies again
  Job* all = nullptr;
  const auto gather = [&all](DoneStack& stack) {
    Job* job =
        stack.head.load(std::memory_order_seq_cst) ? stack.head.exchange(nullptr, std::memory_order_seq_cst) : nullptr;
    while (job) {
      Job* const next = job->next;
      job->next = all;
      all = job;
      job = next;
    }
  };
  gather(delivered_);
  for (unsigned i = thread_count_.load(std::memory_order_acquire); i-- > 0;)
    gather(threads_[i].load(std::memory_order_relaxed)->done);
  return all;
}

template <class Visit>
void Pool::for_each_job(std::span<const TaskId> tasks, Visit&& visit) {
  std::vector<TaskId> sorted(tasks.begin(), tasks.end());
  std::sort(sorted.begin(), sorted.end());
  for (auto& block : slab_)
    for (std::size_t i = 0; i < slab_jobs; ++i) {
      Job& job = block[i];
      if (job.state.load(std::memory_order_relaxed) == Job::State::idle) continue;
      if (std::binary_search(sorted.begin(), sorted.end(), job.task)) visit(job);
    }
}

void Pool::retract(std::span<const TaskId> tasks, std::vector<RunningPage::Running>& taken) {
  for_each_job(tasks, [&](Job& job) {
    auto expected = Job::State::waiting;
    if (job.state.compare_exchange_strong(expected, Job::State::retracted, std::memory_order_acq_rel))
      taken.push_back({job.task, job.run});
  });
}

void Pool::request_stop(std::span<const TaskId> tasks) {
  for_each_job(tasks, [](Job& job) { job.stop.store(true, std::memory_order_relaxed); });
}

void Pool::request_stop() {
  for (auto& block : slab_)
    for (std::size_t i = 0; i < slab_jobs; ++i)
      if (block[i].state.load(std::memory_order_relaxed) != Job::State::idle)
        block[i].stop.store(true, std::memory_order_relaxed);
}

void Pool::expire() {
  const auto now = now_ns();
  for (auto& block : slab_)
    for (std::size_t i = 0; i < slab_jobs; ++i) {
      const auto deadline = block[i].deadline_ns.load(std::memory_order_relaxed);
      if (deadline != 0 && deadline <= now) block[i].stop.store(true, std::memory_order_relaxed);
    }
}

const ThreadActivity& Pool::activity_of(unsigned index) const {
  return threads_[index].load(std::memory_order_acquire)->activity;
}

std::size_t Pool::waiting() const { return injection_.size.load(std::memory_order_relaxed); }

void Pool::stop() {
  {
    const std::lock_guard lock(life_mutex_);  // no thread starts after this
    if (stopping_.exchange(true)) return;
    spare_wanted_.notify_all();
  }
  for (auto& block : slab_)
    for (std::size_t i = 0; i < slab_jobs; ++i) {
      auto expected = Job::State::waiting;
      if (!block[i].state.compare_exchange_strong(expected, Job::State::retracted) && expected == Job::State::claimed)
        block[i].stop.store(true, std::memory_order_relaxed);
    }
  parking_.wake_all();
  for (unsigned i = 0; i < thread_count_.load(); ++i) threads_[i].load()->handle.join();
}

// ---- the threads' side -----------------------------------------------------------------------------------------

/// Precondition: life_mutex_ is held.
Pool::Thread* Pool::start_thread() {
  const auto index = thread_count_.load(std::memory_order_relaxed);
  if (index == config_.threads + config_.spare_threads_max || stopping_.load()) return nullptr;
  auto* thread = new Thread(index, config_.running);
  threads_[index].store(thread, std::memory_order_release);
  thread_count_.store(index + 1, std::memory_order_seq_cst);
  const SignalsBlocked blocked;
  thread->handle = std::thread([this, thread] { work(*thread); });
  return thread;
}

void Pool::work(Thread& self) {
  // The kernel keeps 15 characters.
  self.activity.thread.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  const auto name = fmt::format("{:.11}-{}", config_.thread_name, self.index);
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  std::int64_t clock_ns = 0;  // when the last job ended, if the next follows at once
  for (;;) {
    if (surplus_.load(std::memory_order_relaxed) && retire(self)) clock_ns = 0;
    if (stopping_.load(std::memory_order_relaxed)) return;
    Job* job = find_job(self);
    if (!job) {
      clock_ns = 0;
      job = find_job_or_sleep(self);
      if (!job) continue;
    }
    auto expected = Job::State::waiting;
    if (job->state.compare_exchange_strong(expected, Job::State::claimed, std::memory_order_acq_rel)) {
      run(*job, &self, self.slot, clock_ns);
      job->state.store(Job::State::done, std::memory_order_release);
    }
    push_done(self.done, *job);
  }
}

Job* Pool::find_job(Thread& self) {
  if (Job* job = self.deque.take()) return job;
  std::array<Job*, chunk_jobs_max> chunk;
  std::size_t left = 0;
  const auto count = injection_.take(chunk, config_.threads, left);
  if (count == 0) return steal(self);
  if (count > 1) self.deque.push({chunk.data() + 1, count - 1});
  if (count > 1 || left > 0) parking_.wake_one();
  return chunk[0];
}

Job* Pool::steal(Thread& self) {
  const auto count = thread_count_.load(std::memory_order_seq_cst);
  if (count == 1) return nullptr;
  self.seed = self.seed * 1664525U + 1013904223U;
  auto victim = static_cast<unsigned>(std::uint64_t{self.seed} * count >> 32);
  for (unsigned i = 0; i < count; ++i, victim = victim + 1 == count ? 0 : victim + 1) {
    if (victim == self.index) continue;
    if (Job* job = threads_[victim].load(std::memory_order_acquire)->deque.steal()) return job;
  }
  return nullptr;
}

Job* Pool::find_job_or_sleep(Thread& self) {
  for (unsigned round = 0; round < config_.spin_rounds; ++round) {
    relax();
    if (injection_.size.load(std::memory_order_relaxed) == 0 && round % 16 != 15) continue;
    if (Job* job = find_job(self)) return job;
  }
  parking_.enlist(self.bed);
  Job* const job = find_job(self);
  if (job || stopping_.load(std::memory_order_seq_cst) || surplus_.load(std::memory_order_relaxed)) {
    // Whoever woke it in between meant another job than this; it must not be forgotten.
    if (!parking_.leave(self.bed)) parking_.wake_one();
    return job;
  }
  parking_.sleep(self.bed);
  return nullptr;
}

void Pool::run(Job& job, Thread* self, RunningPage::Slot* slot, std::int64_t& clock_ns) {
  const auto start = clock_ns != 0 ? clock_ns : now_ns();
  // Of an isolated one its process keeps the time.
  const auto timeout_ms = job.tmpl && !job.isolated ? job.tmpl->annotations.timeout_ms : 0;
  if (timeout_ms > 0) job.deadline_ns.store(start + timeout_ms * 1'000'000, std::memory_order_relaxed);
  Execution execution{this, self, &job};
  CallFrame frame{&host_table(), &execution, job.arguments.span(), job.inputs, {},
                  job.task,      job.run,    job.function->name};
  if (self) self->activity.begin(job.task, job.run, *job.function, job.tmpl ? &job.tmpl->prefix : nullptr, start);
  const ResolvedFunction** const place = self ? &self->long_functions[place_of(job.function)] : nullptr;
  const bool asked = place && *place == job.function && !job.isolated;
  const std::int64_t cpu_before = asked ? thread_cpu_ns() : 0;
  if (job.isolated) {
    run_in_process(job, frame);  // not on the page: whatever ends this process, it was not that
  } else {
    if (slot) slot->enter(job.task, job.run);
    job.function->thunk(frame);
    if (slot) slot->leave();
  }
  if (self) self->activity.end();
  job.cpu_ns = asked ? thread_cpu_ns() - cpu_before : -1;
  clock_ns = now_ns();
  job.duration_ns = clock_ns - start;
  if (place && job.duration_ns >= long_run_ns)
    *place = job.function;
  else if (asked)
    *place = nullptr;
  job.ended_ns = clock_ns;
  job.thread = static_cast<std::uint16_t>(self ? self->index : config_.threads);
  if (timeout_ms > 0 && job.duration_ns > timeout_ms * 1'000'000)
    host_table().fail(frame, TaskError::Kind::timeout, {}, fmt::format("it ran longer than {} ms", timeout_ms));
  else if (!job.error && !frame.result)
    host_table().fail(frame, TaskError::Kind::exception, {}, "the function gave neither a value nor an error");
  if (!job.error) {
    job.nbytes = frame.result.nbytes();
    if (job.inline_wanted) encode_inline(frame.result, config_.inline_bytes_max, job.encoded);
    job.result = std::move(frame.result);
  }
  // What nobody else needs is freed here, not on the io thread.
  for (Value& input : job.inputs)
    if (input.unique()) input.reset();
  if (self && self->seceded) count_again(*self);
}

void Pool::run_in_process(Job& job, CallFrame& frame) const {
  const auto& annotations = job.tmpl->annotations;
  auto outcome =
      run_isolated({job.tmpl->function, job.function->name, job.arguments.span(), job.inputs, job.task, job.run,
                    annotations.memory_limit, std::chrono::milliseconds(annotations.timeout_ms), job.stop, config_.log},
                   *job.isolated);
  frame.result = std::move(outcome.result);
  if (outcome.error) job.error = std::make_shared<const TaskError>(std::move(*outcome.error));
}

void Pool::push_done(DoneStack& stack, Job& job) {
  Job* head = stack.head.load(std::memory_order_relaxed);
  do job.next = head;
  while (!stack.head.compare_exchange_weak(head, &job, std::memory_order_seq_cst, std::memory_order_relaxed));
  if (head == nullptr && !notified_.exchange(true, std::memory_order_seq_cst) && config_.notify) config_.notify();
}

// ---- seceding: more threads than slots, some of which wait ------------------------------------------------------

void Pool::secede(Thread* self, Job& job) {
  if (self) {
    const std::lock_guard lock(life_mutex_);
    if (self->seceded) return;
    self->seceded = true;
    --counting_;
    if (counting_ < config_.threads) {
      if (spares_ > calls_) {
        ++calls_;
        ++counting_;
        spare_wanted_.notify_one();
      } else if (start_thread()) {
        ++counting_;
      }
    }
    surplus_.store(counting_ > config_.threads, std::memory_order_relaxed);
  }
  if (config_.seceded) config_.seceded(job.task, job.run, false);
}

void Pool::rejoin(Thread* self, Job& job) {
  if (self) {
    if (!self->seceded) return;  // written by this thread alone
    count_again(*self);
  }
  if (config_.seceded) config_.seceded(job.task, job.run, true);
}

void Pool::count_again(Thread& self) {
  const std::lock_guard lock(life_mutex_);
  self.seceded = false;
  ++counting_;
  surplus_.store(counting_ > config_.threads, std::memory_order_relaxed);
}

/// Sleeps as a spare if there are too many threads. Returns whether it did.
bool Pool::retire(Thread& self) {
  give_back(self);
  std::unique_lock lock(life_mutex_);
  if (counting_ <= config_.threads) return false;
  --counting_;
  surplus_.store(counting_ > config_.threads, std::memory_order_relaxed);
  ++spares_;
  parking_.wake_one();  // in the place of this thread, which may have been woken up for work
  spare_wanted_.wait(lock, [this] { return calls_ > 0 || stopping_.load(); });
  --spares_;
  if (calls_ > 0) --calls_;
  return true;
}

/// Lets others have the jobs that this thread had taken for itself.
void Pool::give_back(Thread& self) {
  std::array<Job*, chunk_jobs_max> mine;
  std::size_t count = 0;
  while (count < mine.size()) {
    mine[count] = self.deque.take();
    if (!mine[count]) break;
    ++count;
  }
  for (std::size_t i = count; i-- > 0;) injection_.put_first(*mine[i]);
  if (count > 0) parking_.wake_one();
}

const HostTable& Pool::host_table() {
  static constexpr HostTable table{
      module_abi_version,
      [](CallFrame& frame, TaskError::Kind kind, std::string_view type, std::string_view message) {
        auto error = std::make_shared<TaskError>();
        error->kind = kind;
        error->type = type;
        error->message = message;
        error->function = frame.function;
        static_cast<Execution*>(frame.execution)->job->error = std::move(error);
      },
      [](const CallFrame& frame) {
        return static_cast<Execution*>(frame.execution)->job->stop.load(std::memory_order_relaxed);
      },
      [](CallFrame& frame) {
        const auto& execution = *static_cast<Execution*>(frame.execution);
        execution.pool->secede(execution.thread, *execution.job);
      },
      [](CallFrame& frame) {
        const auto& execution = *static_cast<Execution*>(frame.execution);
        execution.pool->rejoin(execution.thread, *execution.job);
      },
      [](const CallFrame& frame, std::string_view line) {
        const auto& execution = *static_cast<Execution*>(frame.execution);
        if (execution.pool->config_.log) execution.pool->config_.log(frame.task, line);
      },
  };
  return table;
}

}  // namespace troupe
