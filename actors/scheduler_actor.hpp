#pragma once

#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <variant>

#include "actors/event_log.hpp"
#include "actors/loop_actor.hpp"
#include "actors/scheduler_handle.hpp"
#include "actors/scheduler_messages.hpp"
#include "actors/scheduler_node.hpp"
#include "actors/session_server.hpp"
#include "monitoring/histogram.hpp"
#include "runtime/core/scheduler_state.hpp"

namespace troupe {

class SchedulerActor;

/// What the copies of a handle share with the actor.
struct SchedulerHandle::Shared {
  Node* node{};
  std::string address;
  Token cluster;
  Epoch epoch;
  std::shared_ptr<std::atomic<Conversation>> numbers{std::make_shared<std::atomic<Conversation>>(0)};
  caf::actor_addr actor;
  SchedulerActor* running{};           ///< on the loop only; null when it has ended
  std::unique_ptr<Listener> listener;  ///< on the loop only

  std::mutex mutex;
  std::condition_variable changed;
  bool stopped{};  ///< guarded by mutex
};

/// The scheduler as an actor: turns what peers say into events of the scheduler machine, drains its mailbox, lets the
/// machine place, and sends what it says. Spawned by start_scheduler; runs on the node's loop. It decides nothing.
class SchedulerActor final : public LoopActor {
public:
  SchedulerActor(caf::actor_config& config, Node* node, SchedulerOptions options,
                 std::shared_ptr<SchedulerHandle::Shared> shared, std::unique_ptr<EventLogWriter> event_log);

  caf::behavior make_behavior() override;
  /// Drains the mailbox, then does what follows once.
  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t max_throughput) override;
  void on_exit() override;

  // On the loop.
  SessionServer& sessions() { return *sessions_; }
  SchedulerState& state() { return *state_; }
  [[nodiscard]] const monitoring::DurationHistogram& decisions() const { return decisions_; }
  [[nodiscard]] const monitoring::DurationHistogram& submissions() const { return submissions_; }

private:
  struct Peer {
    Role role{};
    caf::actor local;                         ///< null: a session
    std::variant<std::monostate, PeerId> id;  ///< none until it registered
    std::string name{};                       ///< of a client
    SpanContext span{};                       ///< a client's: that it was last heard to submit in
  };

  void on(PeerOpened& event);
  template <class Message>
  void on(FromPeer<Message>& batch);
  void on(const PeerWire& event);
  void on(const PeerGone& event);
  void on(const StopScheduler& event);
  template <class Message>
  bool join(Conversation conversation, Peer& peer, Message& message);
  void say(ClientId id, ClientMessage&& message);
  bool answer_here(ClientId id, const Query& query);
  void say(WorkerId id, WorkerMessage&& message) {
    note(id, message);
    feed(WorkerSaid{id, std::move(message)});
  }
  void say(NannyId id, NannyMessage&& message) {
    if (const auto* died = std::get_if<WorkerDied>(&message))
      tell(LogLevel::warning, "worker", "worker_process_died", {}, death_text(*died));
    feed(NannySaid{id, std::move(message)});
  }
  /// Every event goes this way to the machine.
  void feed(SchedulerEvent&& event);
  void told(const std::optional<Error>& error);
  /// To the log, and to the events that the dashboard shows.
  void tell(LogLevel level, const char* topic, const char* event, WorkerId worker, const std::string& text,
            const LogContext& about = {});
  void note(ClientId client, const ClientMessage& message);
  void note_act(ClientId client, const char* event, const std::string& what);
  Peer& peer_of(ClientId client) { return peers_.at(by_id_.at(PeerId{client})); }
  void note(WorkerId worker, WorkerMessage& message);
  [[nodiscard]] static std::string death_text(const WorkerDied& died);
  void left(const PeerId& id, bool graceful, const std::string& reason);

  void finish_turn();
  template <class Id, class Message>
  void perform(std::vector<std::pair<Id, std::vector<Message>>>& list);
  template <class Message>
  void send(Conversation conversation, std::vector<Message> messages);
  /// Ends the conversation from this side.
  void end_peer(Conversation conversation, const std::string& reason);
  void arm_tick();
  void stop_now();

  Node& node_;
  SchedulerOptions options_;
  std::shared_ptr<SchedulerHandle::Shared> shared_;
  std::unique_ptr<SchedulerState> state_;
  std::unique_ptr<EventLogWriter> event_log_;  ///< null: not asked for
  std::unique_ptr<SessionServer> sessions_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer deadline_;
  SchedulerEffects effects_;
  std::unordered_map<Conversation, Peer> peers_;
  std::map<PeerId, Conversation> by_id_;
  Instant now_;
  monitoring::DurationHistogram submissions_;  ///< of each graph chunk that was taken up
  monitoring::DurationHistogram decisions_;    ///< of each turn that placed: from its first event to its last message
  bool stirred_{};                             ///< events came since the last placement
  bool more_posted_{};
  bool stopping_{};
  bool ended_{};
};

}  // namespace troupe
