#include "runtime/exec/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern char** environ;

namespace troupe {

namespace {

constexpr unsigned close_range_cloexec = 1U << 2;

struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int errors;  ///< becomes descriptor 2
  int report;  ///< errno of a failed exec goes here; closed by a successful one
  int keep;
  pid_t parent;
};

/// In the child, which has the parent's memory as long as its thread waits: system calls alone, and nothing is written.
[[noreturn]] void become(const Launch& launch) {
  ::setpgid(0, 0);  // Ctrl-C on a terminal is for the nanny, which passes it on
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it died before the line above
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(launch.errors, 2);
  ::syscall(SYS_close_range, 3U, ~0U, close_range_cloexec);
  if (launch.keep >= 0) ::fcntl(launch.keep, F_SETFD, 0);
  ::execve(launch.program, launch.arguments, launch.environment);
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(launch.report, &error, sizeof error);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

Error failed(std::string_view what) {
  return {ErrorKind::failed, fmt::format("cannot start a process: {}: {}", what, std::strerror(errno))};
}

}  // namespace

Result<ChildProcess> start_child(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                                 int keep) {
  if (command.empty()) return fail(ErrorKind::invalid, "no command to start a process with");
  auto arguments = command;
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text(*variable);
    const auto name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const auto& added : environment) replaced |= added.starts_with(name);
    if (!replaced) variables.emplace_back(text);
  }
  variables.insert(variables.end(), environment.begin(), environment.end());
  int errors[2];
  int report[2];
  if (::pipe2(errors, O_CLOEXEC) != 0) return tl::unexpected(failed("pipe"));
  if (::pipe2(report, O_CLOEXEC) != 0) {
    const auto error = failed("pipe");
    ::close(errors[0]);
    ::close(errors[1]);
    return tl::unexpected(error);
  }
  const auto argument_list = pointers(arguments);
  const auto variable_list = pointers(variables);
  const Launch launch{
      arguments.front().c_str(), argument_list.data(), variable_list.data(), errors[1], report[1], keep, ::getpid()};
  // A copy of this process's page tables would take longer than all the rest, where it holds much. Until the child has
  // become another program no signal is handled in it: the handlers are this one's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) become(launch);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(errors[1]);
  ::close(report[1]);
  int exec_error = pid < 0 ? fork_error : 0;
  if (pid > 0) {
    ssize_t got = 0;
    do got = ::read(report[0], &exec_error, sizeof exec_error);
    while (got < 0 && errno == EINTR);
    if (got <= 0) exec_error = 0;
  }
  ::close(report[0]);
  if (exec_error != 0) {
    ::close(errors[0]);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    errno = exec_error;
    return tl::unexpected(failed(command.front()));
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const auto error = failed("pidfd_open");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(errors[0]);
    return tl::unexpected(error);
  }
  ::fcntl(errors[0], F_SETFL, O_NONBLOCK);
  return ChildProcess{pid, pidfd, errors[0]};
}

}  // namespace troupe
