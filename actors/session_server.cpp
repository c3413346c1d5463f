#include "actors/session_server.hpp"

#include <fmt/format.h>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace troupe {

/// One peer's session.
class SessionServer::Remote final : public SessionOwner {
public:
  Remote(SessionServer& server, Conversation number, Token token, Role role, const SessionConfig& config)
      : server_(server), number_(number), token_(token), role_(role), channel_(server.node_.io(), config, *this) {}

  void on_payloads(std::vector<Bytes>& payloads) override {
    switch (role_) {
      case Role::client: return deliver<ClientMessage>(payloads);
      case Role::worker: return deliver<WorkerMessage>(payloads);
      case Role::nanny: return deliver<NannyMessage>(payloads);
      case Role::peer: break;
    }
  }

  void on_cut(const Error& error) override {
    server_.node_.log(LogLevel::debug, "connection_cut", fmt::format("{} cut: {}", name_of(role_), error.text));
    server_.tell(PeerWire{number_, false});
  }

  void on_over(const Error& error) override { end(said_goodbye_, error); }
  void on_bye() override { said_goodbye_ = true; }

  template <class Message>
  void send(const Message& message) {
    auto frame = encoder_.encode(message);
    if (!frame) {
      // Too large for any frame: the peer cannot be told, so the conversation cannot go on. The actor closes it.
      return server_.tell(PeerGone{number_, false, frame.error().text});
    }
    channel_.send(*frame);
  }

  SessionChannel& channel() { return channel_; }
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] const Token& token() const { return token_; }

private:
  template <class Message>
  void deliver(std::vector<Bytes>& payloads) {
    FromPeer<Message> batch{number_, {}};
    batch.messages.reserve(payloads.size());
    std::optional<Error> wrong;
    for (const auto& payload : payloads) {
      auto message = decode<Message>(payload);
      if (!message) {
        wrong = std::move(message.error());
        break;
      }
      batch.messages.push_back(std::move(*message));
    }
    if (!batch.messages.empty()) server_.tell(std::move(batch));
    if (wrong) end(false, *wrong);
  }

  /// Destroys this, soon: the channel may be calling.
  void end(bool graceful, const Error& error) {
    server_.tell(PeerGone{number_, graceful, error.text});
    channel_.bye();
    server_.forget(number_);
  }

  SessionServer& server_;
  Conversation number_;
  Token token_;
  Role role_;
  bool said_goodbye_{};
  FrameEncoder encoder_;
  SessionChannel channel_;
};

SessionServer::SessionServer(Node& node, SessionConfig config, SessionGrace grace, caf::actor_addr actor,
                             std::shared_ptr<std::atomic<Conversation>> numbers)
    : node_(node), config_(config), grace_(grace), actor_(std::move(actor)), numbers_(std::move(numbers)) {}

SessionServer::~SessionServer() = default;

template <class Event>
void SessionServer::tell(Event event) {
  if (auto actor = caf::actor_cast<caf::actor>(actor_)) caf::anon_send(actor, std::move(event));
}

void SessionServer::accept(AuthenticatedPeer peer) {
  const auto& hello = peer.hello();
  const auto known = hello.session ? by_token_.find(hello.session) : by_token_.end();
  if (known != by_token_.end()) {
    auto& remote = *by_number_.at(known->second);
    if (remote.role() != hello.role) return peer.refuse(RefuseReason::role, "the session is another's");
    // A wire that works is not given up for an attempt that is older than it and was held up on its way.
    if (remote.channel().connected() && !remote.channel().fits(hello.received))
      return peer.refuse(RefuseReason::unavailable, "the session goes on over a later connection");
    auto established = peer.welcome(hello.session, true, remote.channel().last_received());
    if (auto attached = remote.channel().attach(peer.connection(), established); !attached) {
      const auto number = known->second;
      tell(PeerGone{number, false, attached.error().text});
      close(number);
      return;
    }
    return tell(PeerWire{known->second, true});
  }
  auto config = config_;
  switch (hello.role) {
    case Role::client: config.grace = grace_.client; break;
    case Role::worker: config.grace = grace_.worker; break;
    case Role::nanny: config.grace = grace_.nanny; break;
    case Role::peer: return peer.refuse(RefuseReason::role, "a scheduler has no values");
  }
  const auto number = numbers_->fetch_add(1, std::memory_order_relaxed) + 1;
  const auto token = draw_token(system_random);
  auto remote = std::make_unique<Remote>(*this, number, token, hello.role, config);
  auto& channel = remote->channel();
  by_token_.emplace(token, number);
  by_number_.emplace(number, std::move(remote));
  tell(PeerOpened{number, hello.role, {}});
  auto established = peer.welcome(token, false, 0);
  // A new session has nothing to disagree about.
  if (auto attached = channel.attach(peer.connection(), established); !attached) {
    tell(PeerGone{number, false, attached.error().text});
    close(number);
  }
}

SessionServer::Remote* SessionServer::find(Conversation conversation) const {
  const auto found = by_number_.find(conversation);
  return found == by_number_.end() ? nullptr : found->second.get();
}

template <class Message>
void SessionServer::send_to(Remote& session, const std::vector<Message>& messages) {
  for (const auto& message : messages) session.send(message);
  session.channel().flush();
}
template void SessionServer::send_to(Remote& session, const std::vector<ToClient>& messages);
template void SessionServer::send_to(Remote& session, const std::vector<ToWorker>& messages);
template void SessionServer::send_to(Remote& session, const std::vector<ToNanny>& messages);

void SessionServer::close(Conversation conversation) {
  if (auto* remote = find(conversation)) {
    remote->channel().bye();
    forget(conversation);
  }
}

void SessionServer::forget(Conversation conversation) {
  const auto found = by_number_.find(conversation);
  if (found == by_number_.end()) return;
  by_token_.erase(found->second->token());
  // Destroyed in a later turn: it may be in the middle of a call.
  node_.post([dying = std::move(found->second)] {});
  by_number_.erase(found);
}

void SessionServer::close_all() {
  while (!by_number_.empty()) close(by_number_.begin()->first);
}

std::string SessionServer::peer_of(Conversation conversation) const {
  auto* remote = find(conversation);
  return remote ? remote->channel().peer() : std::string();
}

}  // namespace troupe
