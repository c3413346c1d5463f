#include "runtime/exec/isolation.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "runtime/exec/child_process.hpp"
#include "runtime/exec/isolated_call.hpp"
#include "runtime/exec/process_memory.hpp"
#include "runtime/store/shared_frames.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kept_output_bytes = 4096;
/// How often it is looked whether the call is to be stopped and how much memory it takes.
constexpr int look_every_ms = 10;

enum class Verdict : std::uint8_t { none, stopped, timeout, memory };

/// The process of one call, as its parent sees it. On the stack of the thread that waits for it.
class IsolatedProcess {
public:
  IsolatedProcess(const IsolatedCall& call, const ChildProcess& child)
      : call_(call), child_(child), begun_(Clock::now()) {}
  ~IsolatedProcess() {
    ::close(child_.pidfd);
    ::close(child_.errors);
  }
  IsolatedProcess(const IsolatedProcess&) = delete;
  IsolatedProcess& operator=(const IsolatedProcess&) = delete;

  /// Until it has ended, by itself or otherwise.
  void wait() {
    for (bool ended = false; !ended;) {
      std::array<pollfd, 2> watched{{{child_.pidfd, POLLIN, 0}, {open_ ? child_.errors : -1, POLLIN, 0}}};
      ::poll(watched.data(), watched.size(), look_every_ms);
      if (watched[1].revents != 0) take_output();
      ended = watched[0].revents != 0 && ::waitpid(child_.pid, &status_, WNOHANG) == child_.pid;
      if (!ended) judge();
    }
    ::kill(-child_.pid, SIGKILL);  // what it has started does not outlive it
    while (open_ && take_output()) {
    }
    if (!unfinished_.empty()) call_.log(call_.task, unfinished_);
  }

  /// It ended by itself, and in time.
  [[nodiscard]] bool ended_well() const {
    return WIFEXITED(status_) && WEXITSTATUS(status_) == 0 && verdict_ != Verdict::timeout;
  }

  /// Why there is no result.
  [[nodiscard]] TaskError error() const {
    TaskError error;
    error.kind = TaskError::Kind::killed;
    error.function = call_.name;
    switch (verdict_) {
      case Verdict::none: error.message = "its process " + end() + " before it had a result"; break;
      case Verdict::stopped: error.message = "it was stopped: nobody wants it any more, or its worker ends"; break;
      case Verdict::timeout:
        error.kind = TaskError::Kind::timeout;
        error.message = fmt::format("it ran longer than {} ms; its process {}", call_.timeout.count(), end());
        break;
      case Verdict::memory:
        error.kind = TaskError::Kind::too_large;
        error.message = fmt::format("its process took {} bytes of memory, and was killed: its memory_limit allows {}",
                                    memory_, call_.memory_limit);
        break;
    }
    if (!output_.empty()) error.message += fmt::format(". The last lines it wrote: {}", output_);
    return error;
  }

private:
  [[nodiscard]] std::string end() const {
    if (WIFEXITED(status_)) return fmt::format("ended with exit code {}", WEXITSTATUS(status_));
    const int signal = WTERMSIG(status_);
    const char* name = ::sigdescr_np(signal);
    return fmt::format("was killed by signal {} ({})", signal, name != nullptr ? name : "unknown");
  }

  bool take_output() {
    std::array<char, 4096> chunk;
    const auto got = ::read(child_.errors, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) return true;
    if (got == 0) open_ = false;
    if (got <= 0) return false;
    const std::string_view text(chunk.data(), static_cast<std::size_t>(got));
    [[maybe_unused]] const auto passed_on = ::write(STDERR_FILENO, text.data(), text.size());
    output_ += text;
    if (call_.log) log_lines(text);
    if (output_.size() > kept_output_bytes) output_.erase(0, output_.size() - kept_output_bytes);
    return true;
  }

  void log_lines(std::string_view text) {
    for (;;) {
      const auto end = text.find('\n');
      unfinished_ += text.substr(0, end);
      if (end == std::string_view::npos && unfinished_.size() < kept_output_bytes) return;
      call_.log(call_.task, unfinished_);
      unfinished_.clear();
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  void judge() {
    const auto now = Clock::now();
    if (verdict_ == Verdict::none) {
      if (call_.stop.load(std::memory_order_relaxed) && !(timed() && now - begun_ >= call_.timeout))
        verdict_ = Verdict::stopped;
      else if (timed() && now - begun_ >= call_.timeout)
        verdict_ = Verdict::timeout;
      if (verdict_ != Verdict::none) {
        ::kill(child_.pid, SIGTERM);
        kill_at_ = now + isolated_grace;
      }
    }
    if (call_.memory_limit > 0 && verdict_ != Verdict::memory) {
      memory_ = process_memory(child_.pid);
      if (memory_ > call_.memory_limit) {
        verdict_ = Verdict::memory;
        kill_at_ = now;
      }
    }
    if (verdict_ != Verdict::none && now >= kill_at_) ::kill(-child_.pid, SIGKILL);
  }
  [[nodiscard]] bool timed() const { return call_.timeout.count() > 0; }

  const IsolatedCall& call_;
  const ChildProcess child_;
  const Clock::time_point begun_;
  Clock::time_point kill_at_;
  Verdict verdict_{};
  std::uint64_t memory_{};
  int status_{};
  bool open_{true};
  std::string output_;
  std::string unfinished_;  ///< of a line
};

TaskError trouble(const IsolatedCall& call, std::string text) {
  TaskError error;
  error.kind = TaskError::Kind::killed;
  error.message = std::move(text);
  error.function = call.name;
  return error;
}

CallRequest request_of(const IsolatedCall& call) {
  CallRequest request;
  request.kind = static_cast<std::uint8_t>(call.function.kind);
  request.module = call.function.module;
  request.build = call.function.build;
  request.name = call.function.name;
  request.task = call.task.value;
  request.run = call.run.value;
  request.arguments = Buffer::copy(call.arguments);
  for (const auto& input : call.inputs) request.inputs.push_back(CarriedValue::of(input));
  return request;
}

Result<CallReply> read_reply(const SharedFrames& shared) {
  const auto mark = shared.mark();
  if (!mark) return tl::unexpected(mark.error());
  if (*mark == 0) return fail(ErrorKind::failed, "there is none");
  auto frames = shared.read(*mark);
  if (!frames) return tl::unexpected(std::move(frames.error()));
  return Value::from_encoded(std::move(*frames)).take<CallReply>();
}

}  // namespace

IsolatedOutcome run_isolated(const IsolatedCall& call, const IsolatedProgram& program) {
  auto shared = SharedFrames::create();
  if (!shared) return {{}, trouble(call, shared.error().text)};
  const auto place = shared->append(Value::make(request_of(call)).encode());
  if (!place) return {{}, trouble(call, place.error().text)};

  std::vector<std::string> command{program.path, std::string(isolated_argument), std::to_string(shared->fd()),
                                   std::to_string(*place)};
  for (const auto& module : program.modules) command.insert(command.end(), {module.path, module.sha256});
  const auto child = start_child(command, {}, shared->fd());
  if (!child) return {{}, trouble(call, child.error().text)};
  IsolatedProcess process(call, *child);
  process.wait();

  if (!process.ended_well()) return {{}, process.error()};
  auto reply = read_reply(*shared);
  if (!reply) return {{}, process.error()};
  if (reply->ok) return {reply->value.value(), {}};
  TaskError error;
  error.kind = static_cast<TaskError::Kind>(reply->kind);
  error.type = std::move(reply->type);
  error.message = std::move(reply->message);
  error.function = call.name;
  return {{}, std::move(error)};
}

}  // namespace troupe
