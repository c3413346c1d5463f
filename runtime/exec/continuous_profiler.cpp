#include "runtime/exec/continuous_profiler.hpp"

#include <pthread.h>
#include <time.h>
#include <unwind.h>

#include <algorithm>
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

}  // namespace

Result<std::unique_ptr<ContinuousProfiler>> ContinuousProfiler::start(const Pool& pool, const Options& options) {
  auto sampler = Sampler::open();
  if (!sampler) return tl::unexpected(sampler.error());
  return std::unique_ptr<ContinuousProfiler>(new ContinuousProfiler(pool, options, std::move(*sampler)));
}

ContinuousProfiler::ContinuousProfiler(const Pool& pool, const Options& options, Sampler sampler)
    : pool_(pool),
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
  pool_.for_each_thread([&](const ThreadActivity& thread) {
    if (index >= seen_.size()) seen_.resize(index + 1);
    Seen& seen = seen_[index++];
    if (thread.function.load(std::memory_order_acquire) != nullptr) {
      busy = true;
      return look_at(thread, seen);
    }
    // Between two tasks: of tiny ones that is where it mostly is.
    const std::int64_t cpu_ns = cpu_ns_of(thread.thread.load(std::memory_order_relaxed));
    busy = busy || cpu_ns - seen.between_cpu_ns >= waiting_cpu_ns;
    seen.between_cpu_ns = cpu_ns;
  });
  return busy;
}

void ContinuousProfiler::look_at(const ThreadActivity& thread, Seen& seen) {
  const int number = thread.thread.load(std::memory_order_relaxed);
  if (seen.task == thread.task.load(std::memory_order_relaxed) &&
      seen.run == thread.run.load(std::memory_order_relaxed) &&
      seen.begun_ns == thread.begun_ns.load(std::memory_order_relaxed)) {
    const std::int64_t cpu_ns = cpu_ns_of(number);
    const std::lock_guard lock(mutex_);
    if (cpu_ns >= 0 && cpu_ns - seen.cpu_ns < waiting_cpu_ns && seen.generation == windows_.generation())
      return windows_.add(seen.stack, now_ns());
  }
  auto sample = sampler_.sample(thread);
  if (!sample) return;
  auto places = functions_of(*sample);
  seen = {sample->task.value, sample->run.value, sample->begun_ns, cpu_ns_of(number), seen.between_cpu_ns, 0, 0};
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
