#pragma once

#include <memory>

#include "actors/client_session.hpp"
#include "actors/connect.hpp"
#include "actors/link_messages.hpp"
#include "actors/loop_actor.hpp"
#include "actors/node.hpp"

namespace troupe {

/// What a client's user threads hold of its actor.
struct ClientDoor {
  class ClientActor* running{};  ///< on the loop only; null before it starts and once it has ended
};

/// A client as an actor: gives what its link says to the session, and ends with it. Spawned by open_client; runs on
/// the node's loop. User threads reach the session by way of ClientCore, with a wake-up that is no message.
class ClientActor final : public LoopActor {
public:
  ClientActor(caf::actor_config& config, Node* node, ConnectOptions connect, ClientConfig client,
              std::shared_ptr<ClientCore> core, std::shared_ptr<ClientDoor> door);

  caf::behavior make_behavior() override;
  void on_exit() override;

  // On the loop.
  void drain();
  void abandon(std::string reason);

private:
  void leave_if_ended();

  Node& node_;
  ConnectOptions connect_;
  std::unique_ptr<ClientSession> session_;
  std::shared_ptr<ClientDoor> door_;
};

/// The parts of a client on a node: what the public Client holds.
struct ClientParts {
  std::unique_ptr<Node> own_node;  ///< null if the node is somebody else's
  Node* node{};
  std::shared_ptr<ClientCore> core;
  std::shared_ptr<ClientDoor> door;
};

/// Starts a client in a node; it connects in the background. Not on the loop.
std::unique_ptr<ClientParts> open_client(Node& node, ConnectOptions connect, ClientConfig client);

}  // namespace troupe
