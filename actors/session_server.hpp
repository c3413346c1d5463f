#pragma once

#include <caf/actor_addr.hpp>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "actors/node.hpp"
#include "actors/scheduler_messages.hpp"
#include "protocol/codec.hpp"
#include "runtime/core/session.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/session_channel.hpp"

namespace troupe {

struct SessionGrace {
  Duration worker{std::chrono::seconds(2)};
  Duration client{std::chrono::seconds(60)};
  Duration nanny{std::chrono::seconds(10)};
};

/// The scheduler's end of all sessions over TCP, by token: a peer that comes back with its token goes on where it was
/// cut; one with an unknown or expired token begins anew, and is told. What peers say goes, decoded, to the actor's
/// mailbox. Owned by the scheduler's actor, on the loop.
class SessionServer {
public:
  SessionServer(Node& node, SessionConfig config, SessionGrace grace, caf::actor_addr actor,
                std::shared_ptr<std::atomic<Conversation>> numbers);
  ~SessionServer();

  /// Gives the connection its session.
  void accept(AuthenticatedPeer peer);

  template <class Message>
  void send(Conversation conversation, const std::vector<Message>& messages) {
    if (auto* session = find(conversation)) send_to(*session, messages);
  }
  /// Says goodbye and forgets the session; the actor hears no more of it.
  void close(Conversation conversation);
  void close_all();
  [[nodiscard]] std::string peer_of(Conversation conversation) const;
  [[nodiscard]] std::size_t size() const { return by_number_.size(); }

private:
  class Remote;

  Remote* find(Conversation conversation) const;
  template <class Message>
  void send_to(Remote& session, const std::vector<Message>& messages);
  template <class Event>
  void tell(Event event);
  void forget(Conversation conversation);

  Node& node_;
  SessionConfig config_;
  SessionGrace grace_;
  caf::actor_addr actor_;
  std::shared_ptr<std::atomic<Conversation>> numbers_;
  std::unordered_map<Conversation, std::unique_ptr<Remote>> by_number_;
  std::unordered_map<Token, Conversation> by_token_;
};

}  // namespace troupe
