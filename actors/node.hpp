#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/span.hpp"
#include "protocol/time.hpp"

namespace troupe {

class LocalDirectory;
class LogRing;
struct ThreadActivity;
struct Mailbox;

enum class LogLevel : std::uint8_t { debug, info, warning, error };
/// Called on the loop thread. The library itself prints nothing.
using LogSink = std::function<void(LogLevel, std::string_view text, const LogContext& about)>;

struct NodeOptions {
  LogSink log;                                             ///< empty: nothing is logged
  Duration inline_patience{std::chrono::milliseconds{1}};  ///< an inline task longer than this loses the loop
};

/// One event loop and the actors that live on it: a thread that runs an Asio io_context, and a CAF actor system whose
/// actors are resumed on that same thread, so that a frame is handled by its actor with no change of thread.
///
/// Made and destroyed by the composition root (Client, LocalCluster, the binary), on any thread but its own loop.
/// Always true: at most one thread at a time is "on the loop"; what lives on the loop (actors, links, connections)
/// needs no lock. While a task runs inside run_inline(), the loop may go on in a thread that stands by.
/// No CAF or Asio header reaches embedders through this one: it is internal.
class Node {
public:
  explicit Node(NodeOptions options = {});
  /// Ends the actors that are left, then the loop. Never blocks for a peer.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] boost::asio::io_context& io();
  [[nodiscard]] caf::actor_system& system();
  /// Values that can be had inside this process, by address.
  [[nodiscard]] LocalDirectory& directory();

  /// True if the calling thread is on this node's loop now: it must not block. False inside run_inline().
  [[nodiscard]] bool on_loop() const;

  /// Runs `work` on the loop, soon, in order of the calls. From any thread.
  template <class F>
  void post(F&& work) {
    boost::asio::post(io(), std::forward<F>(work));
  }

  /// Runs `work` on the loop and waits for what it returns; at once if the caller is on the loop.
  template <class F>
  auto call(F&& work) -> std::invoke_result_t<F> {
    if (on_loop()) return work();
    std::packaged_task<std::invoke_result_t<F>()> task(std::forward<F>(work));
    auto result = task.get_future();
    post([task = std::move(task)]() mutable { task(); });
    return result.get();
  }

  /// Spawns an actor that is ended with the node, if it lives that long. From any thread.
  template <class Actor, class... Args>
  caf::actor spawn(Args&&... args) {
    auto actor = system().spawn<Actor>(std::forward<Args>(args)...);
    adopt(actor);
    return actor;
  }

  /// False on the thread that stands by while it has the loop: there is nobody to take it over from that one.
  [[nodiscard]] bool can_run_inline() const;
  /// Runs a short piece of user code on the calling loop thread. If it takes longer than inline_patience the loop goes
  /// on in another thread until it returns; the caller is back on the loop, alone, when this returns. To be called at
  /// the end of a handler that leaves nothing half done. `work` must not throw;
  /// can_run_inline() holds.
  template <class F>
  void run_inline(F&& work) {
    begin_inline();
    std::forward<F>(work)();
    end_inline();
  }

  /// The threads that may have the loop, in the same order every time. From any thread.
  void for_each_loop_thread(const std::function<void(const ThreadActivity&)>& visit) const;
  /// For an actor of this kind, a literal; counted until the actor lets go of it. From any thread.
  std::shared_ptr<Mailbox> add_mailbox(const char* kind);
  /// Messages that wait for actors, by their kind. From any thread, and without the loop: it may be what they wait for.
  [[nodiscard]] std::map<std::string, std::uint64_t> waiting_messages() const;

  /// Joined as the node ends: for what must not block the loop.
  void finish_later(std::thread thread);

  /// `event` is a stable snake_case word for programs, `text` is for people. From any thread; what lives on the loop is
  /// told at once.
  void log(LogLevel level, const char* event, std::string_view text, LogContext about = {}) const;
  /// What was logged lately.
  [[nodiscard]] const LogRing& recent_log() const;

  /// Reads the steady clock.
  [[nodiscard]] static Instant now();
  /// Numbers from the operating system's generator.
  [[nodiscard]] static std::uint64_t random();

private:
  struct Parts;

  void adopt(const caf::actor& actor);
  void begin_inline();
  void end_inline();

  std::unique_ptr<Parts> parts_;
};

}  // namespace troupe
