#include "apps/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace troupe::apps {

namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

/// Runs in the child: nothing here may allocate or lock.
[[noreturn]] void become(char* const* command, char* const* environment, int output, int error_report, bool quiet,
                         pid_t parent) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before we asked
  ::dup2(output, STDOUT_FILENO);
  if (quiet) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDERR_FILENO);
  }
  // Whatever else is open here is not the child's, whoever opened it without saying so.
  constexpr unsigned at_exec = 4;  // CLOSE_RANGE_CLOEXEC
  ::syscall(SYS_close_range, 3U, ~0U, at_exec);
  ::execve(command[0], command, environment);
  const int reason = errno;
  [[maybe_unused]] const auto written = ::write(error_report, &reason, sizeof reason);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::uint64_t status_kib(pid_t pid, std::string_view field) {
  std::ifstream in(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field)) return std::strtoull(line.c_str() + field.size(), nullptr, 10);
  return 0;
}

}  // namespace

std::string ChildProcess::self() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string();
}

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& command, const ChildOptions& options) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables;
  for (char** variable = environ; variable && *variable; ++variable) {
    const std::string_view name = std::string_view(*variable).substr(0, std::string_view(*variable).find('='));
    const auto replaced = [&](const auto& added) { return added.first == name; };
    if (std::none_of(options.environment.begin(), options.environment.end(), replaced))
      variables.emplace_back(*variable);
  }
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  const auto argv = pointers(words);
  const auto envp = pointers(variables);

  std::array<int, 2> output{};
  std::array<int, 2> report{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) return fail(ErrorKind::failed, "no pipe for a child process");
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    ::close(output[0]);
    ::close(output[1]);
    return fail(ErrorKind::failed, "no pipe for a child process");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), envp.data(), output[1], report[1], options.quiet, parent);
  ::close(output[1]);
  ::close(report[1]);
  int reason = 0;
  const bool failed = pid < 0 || ::read(report[0], &reason, sizeof reason) == sizeof reason;
  ::close(report[0]);
  if (failed) {
    ::close(output[0]);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return fail(ErrorKind::failed, fmt::format("{}: {}", command.front(), std::strerror(pid < 0 ? errno : reason)));
  }
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  return ChildProcess(pid, output[0], process);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      process_(std::exchange(other.process_, -1)),
      unread_(std::move(other.unread_)),
      status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(output_, other.output_);
  std::swap(process_, other.process_);
  std::swap(unread_, other.unread_);
  std::swap(status_, other.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !status_) stop(std::chrono::seconds(5));
  if (output_ >= 0) ::close(output_);
  if (process_ >= 0) ::close(process_);
}

std::optional<std::string> ChildProcess::read_line(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd watched{output_, POLLIN, 0};
    const int ready = ::poll(&watched, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(output_, bytes.data(), bytes.size());
    if (got <= 0) return std::nullopt;
    unread_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

void ChildProcess::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    pollfd watched{process_, POLLIN, 0};
    const int ready = ::poll(&watched, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    int raw = 0;
    if (::waitpid(pid_, &raw, 0) != pid_) return std::nullopt;
    status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return status_;
  }
}

int ChildProcess::stop(std::chrono::milliseconds patience) {
  signal(SIGTERM);
  if (const auto status = wait(patience)) return *status;
  signal(SIGKILL);
  return wait(std::chrono::seconds(10)).value_or(-1);
}

std::chrono::nanoseconds cpu_time(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

ResidentMemory resident_memory(pid_t pid) {
  return {status_kib(pid, "VmRSS:") * 1024, status_kib(pid, "VmHWM:") * 1024};
}

void reset_peak_memory(pid_t pid) { std::ofstream(fmt::format("/proc/{}/clear_refs", pid)) << "5"; }

}  // namespace troupe::apps
