#include "runtime/exec/continuous_profiler.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <time.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/exec/pool.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds pause_max{250};  ///< between looks while nothing runs
/// A thread that used less of its processor since the last look only waited, and came back to that from our signal.
constexpr std::int64_t waiting_cpu_ns = 100'000;
constexpr std::size_t answer_stacks_max = 2000;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

/// Of a thread of this process, by the number the system gave it; -1 if there is none such.
std::int64_t cpu_ns_of(int thread) {
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3U) | 6U);  // as pthread_getcpuclockid
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return -1;
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// Where the functions begin, so that it does not matter how far each had come.
std::vector<const void*> functions_of(const StackSample& sample) {
  std::vector<const void*> places;
  places.reserve(sample.frames.size());
  for (const void* place : places_of(sample)) {
    const void* begin = ::_Unwind_FindEnclosingFunction(const_cast<void*>(place));
    places.push_back(begin != nullptr ? begin : place);
  }
  return places;
}

/// Where an event loop waits for something to happen: the function of the system, with what may stand before it.
bool waits_for_events(const std::vector<const void*>& places) {
  constexpr std::size_t innermost = 4;
  static const std::array<const void*, 2> waiting{::dlsym(RTLD_DEFAULT, "epoll_wait"),
                                                  ::dlsym(RTLD_NEXT, "epoll_wait")};
  for (std::size_t i = 0; i < std::min(innermost, places.size()); ++i)
    if (places[i] != nullptr && std::find(waiting.begin(), waiting.end(), places[i]) != waiting.end()) return true;
  return false;
}

}  // namespace

Result<std::unique_ptr<ContinuousProfiler>> ContinuousProfiler::start(const Pool& pool, const Options& options) {
  return start([&pool](const auto& visit) { pool.for_each_thread(visit); }, Kind::pool, options);
}

Result<std::unique_ptr<ContinuousProfiler>> ContinuousProfiler::start_on_loops(Threads threads,
                                                                               const Options& options) {
  return start(std::move(threads), Kind::event_loops, options);
}

Result<std::unique_ptr<ContinuousProfiler>> ContinuousProfiler::start(Threads threads, Kind kind,
                                                                      const Options& options) {
  auto sampler = Sampler::open();
  if (!sampler) return tl::unexpected(sampler.error());
  return std::unique_ptr<ContinuousProfiler>(
      new ContinuousProfiler(std::move(threads), kind, options, std::move(*sampler)));
}

ContinuousProfiler::ContinuousProfiler(Threads threads, Kind kind, const Options& options, Sampler sampler)
    : threads_(std::move(threads)),
      kind_(kind),
      options_(options),
      sampler_(std::move(sampler)),
      windows_(std::chrono::nanoseconds(options.cycle).count()) {
  thread_ = std::thread([this] { work(); });
}

ContinuousProfiler::~ContinuousProfiler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void ContinuousProfiler::work() {
  pthread_setname_np(pthread_self(), "troupe-profiler");
  std::chrono::microseconds pause = options_.interval;
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, pause, [this] { return stop_; })) {
    lock.unlock();
    const bool busy = look();
    pause = busy ? options_.interval
                 : std::max(options_.interval, std::min(pause * 2, std::chrono::microseconds(pause_max)));
    lock.lock();
  }
}

bool ContinuousProfiler::look() {
  bool busy = false;
  std::size_t index = 0;
  threads_([&](const ThreadActivity& thread) {
    if (index >= seen_.size()) seen_.resize(index + 1);
    Seen& seen = seen_[index++];
    busy = (kind_ == Kind::pool ? look_at(thread, seen) : look_at_loop(thread, seen)) || busy;
  });
  return busy;
}

bool ContinuousProfiler::look_at(const ThreadActivity& thread, Seen& seen) {
  const int number = thread.thread.load(std::memory_order_relaxed);
  if (thread.function.load(std::memory_order_acquire) == nullptr) {
    // Between two tasks: of tiny ones that is where it mostly is.
    const std::int64_t cpu_ns = cpu_ns_of(number);
    const bool busy = cpu_ns - seen.between_cpu_ns >= waiting_cpu_ns;
    seen.between_cpu_ns = cpu_ns;
    return busy;
  }
  if (seen.task == thread.task.load(std::memory_order_relaxed) &&
      seen.run == thread.run.load(std::memory_order_relaxed) &&
      seen.begun_ns == thread.begun_ns.load(std::memory_order_relaxed)) {
    const std::int64_t cpu_ns = cpu_ns_of(number);
    const std::lock_guard lock(mutex_);
    if (cpu_ns >= 0 && cpu_ns - seen.cpu_ns < waiting_cpu_ns && seen.generation == windows_.generation()) {
      windows_.add(seen.stack, now_ns());
      return true;
    }
  }
  ask(thread, seen);
  return true;
}

/// True: it did something since the last look, or is held up by something else than that there is nothing to do.
bool ContinuousProfiler::look_at_loop(const ThreadActivity& thread, Seen& seen) {
  if (thread.function.load(std::memory_order_acquire) == nullptr) return false;
  const std::int64_t cpu_ns = cpu_ns_of(thread.thread.load(std::memory_order_relaxed));
  const bool stood = seen.begun_ns != 0 && cpu_ns >= 0 && cpu_ns - seen.cpu_ns < waiting_cpu_ns;
  if (stood && seen.waits) return false;
  if (stood) {
    const std::lock_guard lock(mutex_);
    if (seen.generation == windows_.generation()) {
      windows_.add(seen.stack, now_ns());
      return true;
    }
  }
  ask(thread, seen);
  return true;
}

void ContinuousProfiler::ask(const ThreadActivity& thread, Seen& seen) {
  const int number = thread.thread.load(std::memory_order_relaxed);
  auto sample = sampler_.sample(thread);
  if (!sample) return;
  auto places = functions_of(*sample);
  seen = {sample->task.value, sample->run.value, sample->begun_ns, cpu_ns_of(number), seen.between_cpu_ns, 0, 0, false};
  seen.waits = kind_ == Kind::event_loops && waits_for_events(places);
  if (seen.waits) return;
  const std::lock_guard lock(mutex_);
  seen.stack = windows_.number_of({std::move(sample->prefix), std::move(places)});
  seen.generation = windows_.generation();
  windows_.add(seen.stack, now_ns());
}

ProfilePast ContinuousProfiler::past(const ProfilePastRequest& request) {
  ProfilePast past;
  past.interval_us = static_cast<std::uint64_t>(options_.interval.count());
  past.cycle_us = static_cast<std::uint64_t>(options_.cycle.count());
  const std::int64_t now = now_ns();
  const auto before = [now](std::uint64_t ago_us) {
    constexpr std::uint64_t longest_us = std::uint64_t{1} << 50;
    return now - static_cast<std::int64_t>(std::min(ago_us, longest_us)) * 1000;
  };
  std::vector<std::pair<ProfileWindows::Stack, std::uint64_t>> stacks;
  {
    const std::lock_guard lock(mutex_);
    stacks = windows_.stacks(before(request.from_ago_us), before(request.to_ago_us), request.prefix);
    for (const auto& window : windows_.windows(request.prefix))
      past.windows.push_back({static_cast<std::uint64_t>(std::max<std::int64_t>(0, now - window.begin_ns) / 1000),
                              static_cast<std::uint64_t>(window.length_ns / 1000), window.samples});
  }
  std::stable_sort(stacks.begin(), stacks.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::map<std::pair<std::string, std::vector<std::string>>, std::uint64_t> named;
  const std::lock_guard lock(symbols_mutex_);
  if (!symbols_) symbols_ = std::make_unique<Symbols>();
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    auto& [stack, samples] = stacks[i];
    std::vector<std::string> frames;
    if (i < answer_stacks_max) frames = frame_names(stack.places, *symbols_);
    named[{std::move(stack.prefix), std::move(frames)}] += samples;
  }
  for (const auto& [stack, samples] : named) past.stacks.push_back({stack.first, stack.second, samples});
  return past;
}

}  // namespace troupe
