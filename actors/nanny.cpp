#include "actors/nanny.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/all.hpp>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "actors/connect.hpp"
#include "actors/link_messages.hpp"
#include "actors/loop_actor.hpp"
#include "actors/memory_curve.hpp"
#include "actors/node.hpp"
#include "actors/worker_node.hpp"
#include "runtime/exec/child_process.hpp"
#include "runtime/exec/process_memory.hpp"
#include "runtime/exec/running_page.hpp"

namespace troupe {

struct StopNanny {};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopNanny)

namespace troupe {

namespace asio = boost::asio;
using boost::system::error_code;

struct NannyHandle::Shared {
  Node* node{};
  caf::actor_addr actor;
  std::atomic<int> pid{0};
  std::atomic<std::uint32_t> restarts{0};

  std::mutex mutex;
  std::condition_variable changed;
  bool stopped{};  ///< guarded by mutex, like what follows
  std::optional<Error> error;
};

namespace {

constexpr std::size_t log_bytes = 4096;
constexpr const char* page_variable = "TROUPE_RUNNING_FD";
constexpr const char* incarnation_variable = "TROUPE_INCARNATION";
/// Where the worker's allocator is glibc's: large blocks go back to the system as they are freed. Without this it keeps
/// them once it has seen some, and a worker is killed for memory that holds nothing. What the operator set stays.
constexpr std::array<std::pair<const char*, const char*>, 2> allocator_environment{
    {{"MALLOC_MMAP_THRESHOLD_", "131072"}, {"MALLOC_TRIM_THRESHOLD_", "65536"}}};

}  // namespace

/// Supervises one worker process. On the node's loop. Always true: at most one child is there, and it is waited for.
class NannyActor final : public LoopActor {
public:
  NannyActor(caf::actor_config& config, Node* node, NannyOptions options, RunningPage* page,
             std::shared_ptr<NannyHandle::Shared> shared, std::optional<Error>* failure)
      : LoopActor(config, *node, "nanny"),
        node_(*node),
        options_(std::move(options)),
        page_(std::move(*page)),
        shared_(std::move(shared)),
        ended_child_(node->io()),
        output_(node->io()),
        timer_(node->io()),
        memory_timer_(node->io()),
        backoff_(options_.restart_min) {
    *failure = start_worker_process();
    watch_memory();
  }

  caf::behavior make_behavior() override {
    ConnectOptions connect;
    connect.address = options_.scheduler_address;
    connect.access = options_.access;
    connect.session = options_.session;
    connect.give_up_after = options_.give_up_after;
    link_ = connect_nanny(node_, std::move(connect), caf::actor_cast<caf::actor>(this));
    register_nanny();
    return {
        [this](Received<ToNanny>& batch) {
          for (auto& message : batch.messages)
            if (std::holds_alternative<CloseNanny>(message))
              stop();
            else if (const auto* restart = std::get_if<RestartWorker>(&message);
                     restart && restart->incarnation == incarnation_)
              end_worker(restart->reason);
        },
        [this](const LinkUp& event) {
          if (std::exchange(ever_up_, true) && !event.resumed) register_nanny();
        },
        [](const LinkDown&) {},
        [this](LinkClosed& event) {
          error_ = std::move(event.error);
          stop();
        },
        [this](StopNanny) { stop(); },
    };
  }

  void on_exit() override {
    ended_ = true;
    timer_.cancel();
    memory_timer_.cancel();
    error_code ignored;
    ended_child_.close(ignored);
    output_.close(ignored);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    link_.reset();
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->stopped = true;
      shared_->error = error_;
    }
    shared_->pid = 0;
    shared_->changed.notify_all();
  }

private:
  /// A handler that is called only while the actor lives.
  template <class Handler>
  auto guarded(Handler handler) {
    return [this, weak = address(), handler](const error_code& error, auto... more) {
      const auto alive = caf::actor_cast<caf::actor>(weak);
      if (alive && !ended_ && error != asio::error::operation_aborted) handler(error, more...);
    };
  }

  void register_nanny() {
    link_->send({RegisterNanny{options_.machine, static_cast<std::uint64_t>(::getpid())}});
    if (pid_ > 0) link_->send({WorkerStarted{incarnation_}});
  }

  std::optional<Error> start_worker_process() {
    page_.clear();
    incarnation_ = {Node::random() | 1};
    last_output_.clear();
    memory_.clear();
    std::vector<std::string> environment{fmt::format("{}={}", page_variable, page_.fd()),
                                         fmt::format("{}={}", incarnation_variable, incarnation_.value)};
    for (const auto& [name, value] : allocator_environment)
      if (std::getenv(name) == nullptr) environment.push_back(fmt::format("{}={}", name, value));
    auto child = start_child(options_.command, environment, page_.fd());
    if (!child) return child.error();
    pid_ = child->pid;
    shared_->pid = pid_;
    born_ = Node::now();
    (void)measure_memory();  // it may be gone before the first interval is over
    if (link_) link_->send({WorkerStarted{incarnation_}});
    ended_child_.assign(child->pidfd);
    output_.assign(child->errors);
    ended_child_.async_wait(asio::posix::stream_descriptor::wait_read,
                            guarded([this](const error_code&) { child_ended(); }));
    read_output();
    return {};
  }

  void read_output() {
    output_.async_read_some(asio::buffer(chunk_), guarded([this](const error_code& error, std::size_t got = 0) {
                              take_output(got);
                              if (!error) read_output();
                            }));
  }

  void take_output(std::size_t got) {
    if (got == 0) return;
    const std::string_view text(chunk_.data(), got);
    if (options_.on_output) options_.on_output(text);
    last_output_ += text;
    if (last_output_.size() > log_bytes) last_output_.erase(0, last_output_.size() - log_bytes);
  }

  void child_ended() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) {
      ended_child_.async_wait(asio::posix::stream_descriptor::wait_read,
                              guarded([this](const error_code&) { child_ended(); }));
      return;
    }
    // What it wrote last is still in the pipe.
    for (ssize_t got = 0; (got = ::read(output_.native_handle(), chunk_.data(), chunk_.size())) > 0;)
      take_output(static_cast<std::size_t>(got));
    error_code ignored;
    ended_child_.close(ignored);
    output_.close(ignored);
    pid_ = 0;
    shared_->pid = 0;
    const bool again =  // else a task ended its process so
        WIFEXITED(status) && WEXITSTATUS(status) == start_again_code && page_.running().empty();
    const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const bool asked = std::exchange(ending_, false);
    if (asked) page_.clear();  // what it ran did not do this
    // Told to end before it could hear of it: nobody's death.
    const bool early = stopping_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && page_.running().empty();
    if (!clean && !again && !early) report(status);
    if (stopping_ || (clean && !asked)) return finish();
    if (WIFEXITED(status) && WEXITSTATUS(status) == usage_code && page_.running().empty()) {
      error_ = Error{ErrorKind::invalid, "the worker process cannot do what it was told to: " + last_output_};
      return finish();
    }
    if (asked || again) backoff_ = options_.restart_min;
    restart();
  }

  void report(int status) {
    WorkerDied died;
    died.incarnation = incarnation_;
    died.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    died.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    for (const auto& [task, run] : page_.running()) {
      died.running.push_back(task);
      died.runs.push_back(run);
    }
    const auto memory = memory_.text(Node::now());
    if (memory.size() + last_output_.size() > log_bytes)
      last_output_.erase(0, memory.size() + last_output_.size() - log_bytes);
    died.last_log = last_output_ + memory;
    node_.log(LogLevel::warning, "worker_process_died",
              fmt::format("worker process ended ({} {}) while it ran {} tasks", died.signal ? "signal" : "exit code",
                          died.signal ? died.signal : died.exit_code, died.running.size()));
    if (link_) link_->send({std::move(died)});
  }

  /// Bytes; 0: there is no process.
  std::uint64_t measure_memory() {
    const auto used = pid_ > 0 ? process_memory(pid_) : 0;
    if (used > 0) memory_.add(used, Node::now());
    return used;
  }

  /// At the limit the system would kill a process of its own choice, and perhaps another one.
  void watch_memory() {
    memory_timer_.expires_after(options_.memory_interval);
    memory_timer_.async_wait(guarded([this](const error_code&) {
      const auto used = measure_memory();
      if (options_.memory_max > 0 && used > options_.memory_max) {
        last_output_ +=
            fmt::format("killed by its nanny: it took {} bytes of memory, and worker.memory.terminate allows {}\n",
                        used, options_.memory_max);
        node_.log(LogLevel::error, "worker_process_too_large",
                  fmt::format("the worker process {} takes {} bytes of memory, and "
                              "worker.memory.terminate allows {}: it is killed",
                              pid_, used, options_.memory_max));
        ::kill(pid_, SIGKILL);
      }
      watch_memory();
    }));
  }

  void restart() {
    if (Node::now() - born_ >= options_.calm_after) backoff_ = options_.restart_min;
    timer_.expires_after(backoff_);
    backoff_ = std::min(backoff_ * 2, options_.restart_max);
    timer_.async_wait(guarded([this](const error_code&) {
      if (stopping_) return finish();
      shared_->restarts.fetch_add(1);
      if (auto error = start_worker_process()) {
        node_.log(LogLevel::error, "worker_process_not_started", error->text);
        restart();
      }
    }));
  }

  /// The process is to end, whatever it does, and another one to be started.
  void end_worker(const std::string& reason) {
    if (pid_ <= 0 || stopping_ || std::exchange(ending_, true)) return;
    node_.log(LogLevel::info, "worker_process_restarted",
              fmt::format("the worker process {} is started again: {}", pid_, reason));
    ::kill(pid_, SIGTERM);
    timer_.expires_after(options_.restart_patience);
    timer_.async_wait(guarded([this](const error_code&) {
      if (pid_ > 0) ::kill(pid_, SIGKILL);
    }));
  }

  void stop() {
    const bool again = std::exchange(stopping_, true);
    if (pid_ <= 0) {
      timer_.cancel();
      return finish();
    }
    ::kill(pid_, again ? SIGKILL : SIGTERM);
    if (again) return;
    timer_.expires_after(options_.drain_patience);
    timer_.async_wait(guarded([this](const error_code&) {
      if (pid_ > 0) ::kill(pid_, SIGKILL);
    }));
  }

  void finish() {
    if (link_) link_->close("the worker has ended");
    caf::anon_send_exit(caf::actor_cast<caf::actor>(this), caf::exit_reason::user_shutdown);
  }

  Node& node_;
  NannyOptions options_;
  RunningPage page_;
  std::shared_ptr<NannyHandle::Shared> shared_;
  std::unique_ptr<Link<NannyMessage>> link_;
  asio::posix::stream_descriptor ended_child_;
  asio::posix::stream_descriptor output_;
  asio::steady_timer timer_;
  asio::steady_timer memory_timer_;
  MemoryCurve memory_;  ///< of the process there is
  std::array<char, 4096> chunk_{};
  std::string last_output_;
  Incarnation incarnation_;
  Instant born_;
  Duration backoff_;
  std::optional<Error> error_;
  int pid_{};
  bool ever_up_{};
  bool stopping_{};
  bool ending_{};  ///< the process was told to end, for another one
  bool ended_{};
};

int NannyHandle::worker_pid() const { return shared_->pid; }
std::uint32_t NannyHandle::restarts() const { return shared_->restarts; }

void NannyHandle::stop() {
  if (auto actor = caf::actor_cast<caf::actor>(shared_->actor)) caf::anon_send(actor, StopNanny{});
}

Result<void> NannyHandle::wait() const {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return shared_->stopped; });
  if (shared_->error) return tl::unexpected(*shared_->error);
  return {};
}

bool NannyHandle::wait_for(Duration patience) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, patience, [&] { return shared_->stopped; });
}

Result<NannyHandle> start_nanny(Node& node, NannyOptions options) {
  auto page = RunningPage::create();
  if (!page) return tl::unexpected(std::move(page.error()));
  if (options.machine.empty()) {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    options.machine = name;
  }
  auto shared = std::make_shared<NannyHandle::Shared>();
  shared->node = &node;
  return node.call([&]() -> Result<NannyHandle> {
    std::optional<Error> failure;
    auto actor = node.spawn<NannyActor>(&node, std::move(options), &*page, shared, &failure);
    shared->actor = caf::actor_cast<caf::actor_addr>(actor);
    if (failure) {
      caf::anon_send_exit(actor, caf::exit_reason::kill);
      return tl::unexpected(std::move(*failure));
    }
    return NannyHandle(shared);
  });
}

namespace {

template <class Number>
std::optional<Number> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return std::nullopt;
  Number number{};
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

bool has_nanny() { return std::getenv(page_variable) != nullptr; }

void adopt_nanny(WorkerOptions& options) {
  const auto fd = number_in<int>(page_variable);
  const auto incarnation = number_in<std::uint64_t>(incarnation_variable);
  ::unsetenv(page_variable);
  ::unsetenv(incarnation_variable);
  if (!fd || !incarnation) return;
  options.running_fd = *fd;
  options.incarnation = {*incarnation};
  options.nannied = true;
}

}  // namespace troupe
