#include "actors/node.hpp"

#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/all.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/asio_coordinator.hpp"
#include "actors/local_directory.hpp"
#include "actors/log_ring.hpp"
#include "actors/loop_actor.hpp"
#include "runtime/exec/function_registry.hpp"
#include "runtime/exec/thread_activity.hpp"

namespace troupe {
namespace {

thread_local const Node* loop_of_this_thread = nullptr;

/// What the loop thread does, as the stand-by sees it: a running number of inline tasks and one of these.
enum LoopState : std::uint64_t { looping = 0, in_task = 1, taken = 2 };
constexpr std::uint64_t state_bits = 2;
constexpr std::uint64_t state_mask = 3;
/// Quiet looks before the stand-by stops looking and waits to be woken.
constexpr int quiet_looks = 50;

/// What a thread runs that has the loop, as profiles name it.
void begin_loop(ThreadActivity& activity) {
  static const ResolvedFunction loop{"event_loop", {}, nullptr};
  static const std::string shown_as = "event loop";
  activity.thread.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  activity.begin({}, {}, loop, &shown_as, Node::now().nanoseconds);
}

/// Each thread that spawns keeps CAF's logger alive, and an actor system does not end before its logger has.
void forget_system() { caf::logger::set_current_actor_system(nullptr); }

}  // namespace

struct Node::Parts {
  explicit Parts(NodeOptions given) : options(std::move(given)), work(io.get_executor()) {}

  void stand_by(const Node* node);
  void take_over(const Node* node);

  NodeOptions options;
  LogRing recent_log;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  LocalDirectory directory;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::thread loop;
  std::thread::id loop_id;
  ThreadActivity loop_activity;
  ThreadActivity standby_activity;

  std::mutex actors_mutex;
  std::map<caf::actor_id, caf::actor> actors;                             // guarded by actors_mutex
  std::vector<std::thread> finishing;                                     // likewise
  std::vector<std::pair<const char*, std::weak_ptr<Mailbox>>> mailboxes;  // likewise

  // The stand-by: see run_inline().
  std::atomic<std::uint64_t> state{looping};
  std::atomic<bool> parked{false};
  std::atomic<bool> give_back{false};
  std::thread standby;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping{};      // guarded by mutex
  bool standby_runs{};  // guarded by mutex: the stand-by is on the loop
};

Node::Node(NodeOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {
  auto& parts = *parts_;
  parts.config.set("logger.console", caf::atom("none"));
  parts.config.module_factories.emplace_back(
      [&io = parts.io](caf::actor_system& system) { return new AsioCoordinator(system, io); });
  parts.loop = std::thread([this] {
    loop_of_this_thread = this;
    begin_loop(parts_->loop_activity);
    parts_->io.run();
    parts_->loop_activity.end();
  });
  parts.loop_id = parts.loop.get_id();
  parts.system = std::make_unique<caf::actor_system>(parts.config);
  forget_system();
}

Node::~Node() {
  TROUPE_ASSERT(!on_loop(), "a node is destroyed on its own loop; use the asynchronous stop");
  auto& parts = *parts_;
  {
    const std::lock_guard lock(parts.actors_mutex);
    for (const auto& [id, actor] : parts.actors) caf::anon_send_exit(actor, caf::exit_reason::kill);
  }
  parts.system->await_all_actors_done();
  for (;;) {
    std::vector<std::thread> finishing;
    {
      const std::lock_guard lock(parts.actors_mutex);
      finishing.swap(parts.finishing);
    }
    if (finishing.empty()) break;
    for (auto& thread : finishing) thread.join();
  }
  call(forget_system);
  parts.system.reset();  // waits for the actors; the loop still runs
  {
    const std::lock_guard lock(parts.mutex);
    parts.stopping = true;
  }
  parts.changed.notify_all();
  parts.io.stop();
  parts.loop.join();
  if (parts.standby.joinable()) parts.standby.join();
}

boost::asio::io_context& Node::io() { return parts_->io; }
caf::actor_system& Node::system() { return *parts_->system; }
LocalDirectory& Node::directory() { return parts_->directory; }
bool Node::on_loop() const { return loop_of_this_thread == this; }

/// CAF ends actors that nobody refers to: this reference lets them live until they end themselves.
void Node::adopt(const caf::actor& actor) {
  forget_system();
  const auto id = actor->id();
  {
    const std::lock_guard lock(parts_->actors_mutex);
    parts_->actors.emplace(id, actor);
  }
  actor->attach_functor([parts = parts_.get(), id] {
    caf::actor ended;  // let go outside the lock
    const std::lock_guard lock(parts->actors_mutex);
    if (const auto found = parts->actors.find(id); found != parts->actors.end()) {
      ended = std::move(found->second);
      parts->actors.erase(found);
    }
  });
}

std::shared_ptr<Mailbox> Node::add_mailbox(const char* kind) {
  auto mailbox = std::make_shared<Mailbox>();
  const std::lock_guard lock(parts_->actors_mutex);
  std::erase_if(parts_->mailboxes, [](const auto& entry) { return entry.second.expired(); });
  parts_->mailboxes.emplace_back(kind, mailbox);
  return mailbox;
}

std::map<std::string, std::uint64_t> Node::waiting_messages() const {
  std::map<std::string, std::uint64_t> waiting;
  const std::lock_guard lock(parts_->actors_mutex);
  for (const auto& [kind, entry] : parts_->mailboxes)
    if (const auto mailbox = entry.lock()) waiting[kind] += mailbox->waiting();
  return waiting;
}

bool Node::can_run_inline() const { return on_loop() && std::this_thread::get_id() == parts_->loop_id; }

void Node::begin_inline() {
  auto& parts = *parts_;
  TROUPE_ASSERT(can_run_inline());
  loop_of_this_thread = nullptr;
  const auto number = (parts.state.load(std::memory_order_relaxed) >> state_bits) + 1;
  parts.state.store(number << state_bits | in_task, std::memory_order_seq_cst);
  if (parts.parked.load(std::memory_order_seq_cst)) {
    const std::lock_guard lock(parts.mutex);
    parts.parked.store(false, std::memory_order_relaxed);
    parts.changed.notify_all();
  } else if (!parts.standby.joinable()) {
    parts.standby = std::thread([this] { parts_->stand_by(this); });
  }
}

void Node::end_inline() {
  auto& parts = *parts_;
  auto expected = parts.state.load(std::memory_order_relaxed);
  const auto back = expected & ~state_mask;
  if ((expected & state_mask) == taken || !parts.state.compare_exchange_strong(expected, back | looping)) {
    std::unique_lock lock(parts.mutex);
    if (parts.standby_runs) {  // not so if the loop was stopped: nobody is left then to answer
      parts.give_back.store(true, std::memory_order_relaxed);
      boost::asio::post(parts.io, [] {});  // ends the stand-by's wait
      parts.changed.wait(lock, [&] { return !parts.standby_runs; });
    }
    parts.state.store(back | looping);
  }
  loop_of_this_thread = this;
}

void Node::Parts::stand_by(const Node* node) {
  std::unique_lock lock(mutex);
  while (!stopping) {
    for (int quiet = 0; quiet < quiet_looks && !stopping;) {
      auto seen = state.load();
      changed.wait_for(lock, options.inline_patience, [&] { return stopping; });
      if (seen != state.load()) {
        quiet = 0;
      } else if ((seen & state_mask) == looping) {
        ++quiet;
      } else if ((seen & state_mask) == taken) {
        quiet = 0;  // given back, but the loop's own thread has not woken to see it: not to be taken twice
      } else if (state.compare_exchange_strong(seen, (seen & ~state_mask) | taken)) {
        standby_runs = true;
        lock.unlock();
        take_over(node);
        lock.lock();
        standby_runs = false;
        give_back.store(false, std::memory_order_relaxed);
        changed.notify_all();
        quiet = 0;
      }
    }
    parked.store(true, std::memory_order_seq_cst);
    if ((state.load(std::memory_order_seq_cst) & state_mask) == looping)
      changed.wait(lock, [&] { return stopping || !parked.load(std::memory_order_relaxed); });
    parked.store(false, std::memory_order_relaxed);
  }
}

void Node::Parts::take_over(const Node* node) {
  loop_of_this_thread = node;
  begin_loop(standby_activity);
  while (!give_back.load(std::memory_order_relaxed) && !io.stopped()) io.run_one();
  standby_activity.end();
  loop_of_this_thread = nullptr;
}

void Node::for_each_loop_thread(const std::function<void(const ThreadActivity&)>& visit) const {
  visit(parts_->loop_activity);
  visit(parts_->standby_activity);
}

void Node::finish_later(std::thread thread) {
  const std::lock_guard lock(parts_->actors_mutex);
  parts_->finishing.push_back(std::move(thread));
}

void Node::log(LogLevel level, const char* event, std::string_view text, LogContext about) const {
  about.event = event;
  parts_->recent_log.add(static_cast<std::uint8_t>(level), about, text);
  if (!parts_->options.log) return;
  if (on_loop()) return parts_->options.log(level, text, about);
  boost::asio::post(parts_->io, [parts = parts_.get(), level, kept = std::string(text), about = std::move(about)] {
    parts->options.log(level, kept, about);
  });
}

const LogRing& Node::recent_log() const { return parts_->recent_log; }

Instant Node::now() {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

std::uint64_t Node::random() {
  std::uint64_t number{};
  TROUPE_ASSERT(::getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number));
  return number;
}

}  // namespace troupe
