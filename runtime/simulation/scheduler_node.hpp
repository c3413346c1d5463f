#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/core/scheduler_state.hpp"
#include "runtime/simulation/channel.hpp"
#include "runtime/simulation/dialer.hpp"

namespace troupe::simulation {

/// The scheduler's machine with a session for each peer, as actors/scheduler_actor.hpp has it.
class SchedulerNode {
public:
  struct Welcome {
    std::uint64_t conversation{};  ///< 0: refused
    bool resumed{};
    std::uint64_t received{};
  };

  explicit SchedulerNode(World& world);
  ~SchedulerNode();

  Welcome accept(std::uint32_t node, PeerRole role, std::uint64_t conversation, std::uint64_t received,
                 std::uint64_t connection);
  void refuse_until(Instant when) { refuses_until_ = when; }

  [[nodiscard]] SchedulerState& state() { return state_; }
  void check_invariants() const { state_.check_invariants(); }
  [[nodiscard]] std::size_t conversations() const { return conversations_.size(); }

private:
  struct Conversation final : ChannelOwner {
    explicit Conversation(SchedulerNode& of) : node(of) {}
    void on_payloads(std::vector<Bytes>& payloads) override { node.receive(*this, payloads); }
    void on_cut() override { node.reachable(*this, false); }
    void on_over(bool graceful, const std::string& reason) override { node.over(number, graceful, reason); }
    SchedulerNode& node;
    std::uint64_t number{};
    std::uint32_t at{};  ///< node
    PeerRole role{};
    std::optional<PeerId> id;
    std::unique_ptr<Channel> channel;
  };

  void receive(Conversation& conversation, std::vector<Bytes>& payloads);
  template <class Message, class Joined>
  void receive_as(Conversation& conversation, std::vector<Bytes>& payloads);
  void answer_heartbeat(Conversation& conversation, std::int64_t sent_ns);
  void reachable(Conversation& conversation, bool whole);
  void over(std::uint64_t number, bool graceful, const std::string& reason);
  void left(const PeerId& id, bool graceful, const std::string& reason);
  void end_peer(std::uint64_t number, const std::string& reason);
  void forget(std::uint64_t number);
  void handle(SchedulerEvent event);
  void stir();
  void turn();
  void observe();
  void note_submission(ClientId client, const ClientMessage& message);
  void note_acceptance(ClientId client, const ToClient& message);
  template <class Id, class Message>
  void perform(std::vector<std::pair<Id, std::vector<Message>>>& list);
  void arm_tick();

  World& world_;
  SchedulerState state_;
  std::map<std::uint64_t, std::unique_ptr<Conversation>> conversations_;
  std::map<PeerId, std::uint64_t> by_id_;
  /// The page of each submission, with the node of its client.
  std::map<std::pair<ClientId, std::uint64_t>, std::pair<std::uint32_t, std::uint64_t>> pages_;
  std::uint64_t last_conversation_{};
  std::uint64_t observed_{};  ///< transitions seen
  std::vector<TaskId> touched_;
  Instant refuses_until_{};
  bool turn_posted_{};
};

}  // namespace troupe::simulation
