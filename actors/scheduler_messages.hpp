#pragma once

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/handshake.hpp"
#include "protocol/messages.hpp"

/// What the scheduler's actor gets in its mailbox, from sessions of its server and from links of the same node.
namespace troupe {

/// One conversation with a scheduler, numbered by its SchedulerHandle::Shared; never reused.
using Conversation = std::uint64_t;

struct PeerOpened {
  Conversation conversation{};
  Role role{};
  caf::actor local;  ///< of the same node; null: a session of the server
};
template <class Message>
struct FromPeer {
  Conversation conversation{};
  std::vector<Message> messages;
};
/// The wire of a session is cut, or whole again.
struct PeerWire {
  Conversation conversation{};
  bool whole{};
};
struct PeerGone {
  Conversation conversation{};
  bool graceful{};  ///< it said goodbye
  std::string reason;
};
struct SchedulerTurn {};  ///< time for a tick, or for more of the work that was left
struct StopScheduler {
  std::string reason;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PeerOpened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FromPeer<troupe::ClientMessage>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FromPeer<troupe::WorkerMessage>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FromPeer<troupe::NannyMessage>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PeerWire)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PeerGone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::SchedulerTurn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopScheduler)
