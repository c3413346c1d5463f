#include "runtime/exec/sampler.hpp"

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>
#include <utility>

namespace troupe {
namespace {

constexpr int sample_signal = SIGURG;
constexpr long patience_ns = 100'000'000;
constexpr int frames_max = 128;
constexpr std::size_t prefix_max = 120;

/// One question at a time, answered by the thread that is asked, in its signal handler.
struct Question {
  enum State : int { none, asked, taken, answered };
  std::atomic<int> state{none};
  std::atomic<int> thread{0};
  const ThreadActivity* activity{};
  std::uint64_t task{};
  std::uint32_t run{};
  const ResolvedFunction* function{};
  std::int64_t begun_ns{};
  std::array<char, prefix_max> prefix{};
  std::size_t prefix_length{};
  int count{};
  int first{};  ///< of `frames`, where the thread was: before it stands the handler
  std::array<void*, frames_max> frames{};
  sem_t done{};
};

std::mutex question_mutex;  // guards all below but what the handler writes
Question question;
unsigned samplers = 0;
struct sigaction before;

const void* place_of(const void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.pc);
#else
  return nullptr;
#endif
}

/// Calls nothing that allocates or locks: backtrace() was called once before, so that it is loaded.
void answer(int, siginfo_t*, void* context) {
  const int saved = errno;
  int expected = Question::asked;
  if (question.thread.load(std::memory_order_acquire) == static_cast<int>(::syscall(SYS_gettid)) &&
      question.state.compare_exchange_strong(expected, Question::taken)) {
    const auto& activity = *question.activity;
    question.function = activity.function.load(std::memory_order_relaxed);
    question.task = activity.task.load(std::memory_order_relaxed);
    question.run = activity.run.load(std::memory_order_relaxed);
    question.begun_ns = activity.begun_ns.load(std::memory_order_relaxed);
    const std::string* prefix = activity.prefix.load(std::memory_order_relaxed);
    question.prefix_length = 0;  // copied here, since the task may end right after
    if (question.function != nullptr && prefix != nullptr) {
      question.prefix_length = std::min(prefix->size(), prefix_max);
      std::memcpy(question.prefix.data(), prefix->data(), question.prefix_length);
    }
    question.count = question.function != nullptr ? ::backtrace(question.frames.data(), frames_max) : 0;
    const void* place = place_of(context);
    question.first = 0;
    for (int i = 0; i < question.count; ++i)
      if (question.frames[static_cast<std::size_t>(i)] == place) question.first = i;
    question.state.store(Question::answered, std::memory_order_release);
    ::sem_post(&question.done);
  }
  errno = saved;
}

}  // namespace

Result<Sampler> Sampler::open() {
  const std::lock_guard lock(question_mutex);
  if (samplers == 0) {
    struct sigaction action {};
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (::sigaction(sample_signal, nullptr, &before) != 0) return fail(ErrorKind::failed, "cannot ask about SIGURG");
    if ((before.sa_flags & SA_SIGINFO) != 0 || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN))
      return fail(ErrorKind::unsupported, "this program handles SIGURG itself, by which threads are looked at");
    std::array<void*, 2> any{};
    (void)::backtrace(any.data(), static_cast<int>(any.size()));
    ::sem_init(&question.done, 0, 0);
    if (::sigaction(sample_signal, &action, nullptr) != 0) return fail(ErrorKind::failed, "cannot handle SIGURG");
  }
  ++samplers;
  return Sampler();
}

Sampler::Sampler(Sampler&& other) noexcept : counted_(std::exchange(other.counted_, false)) {}

Sampler::~Sampler() {
  if (!counted_) return;
  const std::lock_guard lock(question_mutex);
  if (--samplers > 0) return;
  ::sigaction(sample_signal, &before, nullptr);
  ::sem_destroy(&question.done);
}

std::optional<StackSample> Sampler::sample(const ThreadActivity& thread) const {
  const int id = thread.thread.load(std::memory_order_relaxed);
  if (id == 0 || thread.function.load(std::memory_order_acquire) == nullptr) return {};
  const std::lock_guard lock(question_mutex);
  question.activity = &thread;
  question.thread.store(id, std::memory_order_release);
  question.state.store(Question::asked);
  if (::syscall(SYS_tgkill, ::getpid(), id, sample_signal) != 0) {
    question.state.store(Question::none);
    return {};
  }
  timespec deadline{};
  ::clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += patience_ns;
  deadline.tv_sec += deadline.tv_nsec / 1'000'000'000;
  deadline.tv_nsec %= 1'000'000'000;
  while (::sem_timedwait(&question.done, &deadline) != 0) {
    if (errno == EINTR) continue;
    int expected = Question::asked;
    if (question.state.compare_exchange_strong(expected, Question::none)) return {};
    while (::sem_wait(&question.done) != 0) {  // it is answering just now
    }
    break;
  }
  question.state.store(Question::none);
  if (question.function == nullptr) return {};
  StackSample sample{{question.task}, {question.run}, question.function, question.begun_ns, {}, {}};
  sample.prefix.assign(question.prefix.data(), question.prefix_length);
  if (sample.prefix.empty()) {
    const std::string& name = question.function->name;
    const auto module = name.rfind("::");
    sample.prefix = module == std::string::npos ? name : name.substr(module + 2);
  }
  sample.frames.assign(question.frames.begin() + question.first, question.frames.begin() + question.count);
  return sample;
}

}  // namespace troupe
