#include "apps/signals.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <ucontext.h>
#include <unistd.h>

#include "protocol/error.hpp"

namespace troupe::apps {

namespace {

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

/// A library may begin a thread when it is loaded, before anybody could block signals for it; OpenBLAS does. Such a
/// thread passes the signal on to the process, and blocks it from then on.
void pass_on(int signal, siginfo_t* /*info*/, void* context) {
  auto& mask = static_cast<ucontext_t*>(context)->uc_sigmask;
  ::sigaddset(&mask, SIGTERM);
  ::sigaddset(&mask, SIGINT);
  ::kill(::getpid(), signal);
}

}  // namespace

Signals::Signals() {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction passing {};
  passing.sa_sigaction = &pass_on;
  passing.sa_mask = set;
  passing.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGTERM, &passing, nullptr);
  ::sigaction(SIGINT, &passing, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  ended_ = ::eventfd(0, EFD_CLOEXEC);
  TROUPE_ASSERT(signals_ >= 0 && ended_ >= 0, "no descriptors for signals");
}

Signals::~Signals() {
  ::close(signals_);
  ::close(ended_);
}

int Signals::wait(std::chrono::milliseconds patience) {
  std::array<pollfd, 2> watched{{{signals_, POLLIN, 0}, {ended_, POLLIN, 0}}};
  for (;;) {
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(patience.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return ready == 0 ? -1 : 0;
    signalfd_siginfo info{};
    if (watched[0].revents != 0 && ::read(signals_, &info, sizeof info) == sizeof info)
      return static_cast<int>(info.ssi_signo);
    if (watched[1].revents != 0) return 0;
  }
}

void Signals::guard(const std::function<void()>& drain) {
  std::uint64_t earlier = 0;
  pollfd watched{ended_, POLLIN, 0};
  if (::poll(&watched, 1, 0) > 0) [[maybe_unused]]
    const auto got = ::read(ended_, &earlier, sizeof earlier);
  // Read here, not by a handler: the process ends even if all threads but this one are stuck.
  std::thread second([this] {
    if (const int signal = wait(); signal != 0) ::_exit(128 + signal);
  });
  drain();
  end();
  second.join();
}

void Signals::end() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(ended_, &one, sizeof one);
}

}  // namespace troupe::apps
