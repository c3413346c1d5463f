#pragma once

#include <caf/actor.hpp>
#include <memory>
#include <optional>
#include <string>

#include "actors/link.hpp"
#include "actors/scheduler_handle.hpp"
#include "protocol/access.hpp"
#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/session.hpp"

namespace troupe {

class Node;

/// How to reach a scheduler: in the same node (`local`), or over TCP at `address` with the keys of `access`.
struct ConnectOptions {
  std::optional<SchedulerHandle> local;  ///< of the same Node; the rest is not used then
  std::string address;                   ///< "host:port" or "tcp://host:port"; empty: the one in `access`
  AccessFile access;                     ///< cluster, keys, and the address if `address` is empty
  SessionConfig session;
  Duration backoff_min{std::chrono::milliseconds{100}};
  Duration backoff_max{std::chrono::seconds{5}};
  Duration give_up_after{std::chrono::seconds{60}};  ///< without a wire; then LinkClosed{disconnected}. 0 = never
};

/// Opens a conversation with a scheduler. Call on the node's loop; the link lives there, owned by the actor `owner`,
/// whose mailbox gets LinkUp, Received<...>, LinkDown and at last LinkClosed, as CAF messages of one element
/// (actors/link_messages.hpp). Connects in the background and again when cut, with jittered backoff; messages sent
/// meanwhile wait. The first message is to be the registration; after a LinkUp with resumed == false that is not the
/// first one, the scheduler knows nothing of what was said before: register anew (until then all else is dropped).
std::unique_ptr<Link<ClientMessage>> connect_client(Node& node, ConnectOptions options, caf::actor owner);
std::unique_ptr<Link<WorkerMessage>> connect_worker(Node& node, ConnectOptions options, caf::actor owner);
std::unique_ptr<Link<NannyMessage>> connect_nanny(Node& node, ConnectOptions options, caf::actor owner);

}  // namespace troupe
