#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/time.hpp"

namespace troupe {

/// A peer of the scheduler. The shell opens one with the matching *Joined event and names it so from then on.
using PeerId = std::variant<ClientId, WorkerId, NannyId>;

// Events. The shell draws ids from SchedulerState::next_client / next_worker / next_nanny.

/// A client's session spoke its first word.
struct ClientJoined {
  ClientId client;
  RegisterClient registration;
};
/// A client's session is over: it said goodbye, or was silent past its grace time. Its wants are dropped.
struct ClientLeft {
  ClientId client;
  std::string reason;
};
struct ClientSaid {
  ClientId client;
  ClientMessage message;
};
/// A worker's session spoke its first word. Refused registrations are answered with an error and a close.
struct WorkerJoined {
  WorkerId worker;
  RegisterWorker registration;
};
/// A worker's session is over for good (goodbye, reset past its grace, or protocol error).
struct WorkerLeft {
  WorkerId worker;
  bool graceful{};  ///< it said goodbye: nothing running there is blamed
  std::string reason;
};
struct WorkerSaid {
  WorkerId worker;
  WorkerMessage message;
};
struct NannyJoined {
  NannyId nanny;
  RegisterNanny registration;
};
struct NannyLeft {
  NannyId nanny;
};
struct NannySaid {
  NannyId nanny;
  NannyMessage message;
};
/// Time passed: fault detector, timeouts, stealing. The shell sends one every `SchedulerConfig::tick`.
struct SchedulerTick {};
/// The wire to this peer is cut or whole again; its session lives on. A cut worker gets no new tasks.
struct PeerReachable {
  PeerId peer;
  bool reachable{};
};

using SchedulerEvent = std::variant<ClientJoined, ClientLeft, ClientSaid, WorkerJoined, WorkerLeft, WorkerSaid,
                                    NannyJoined, NannyLeft, NannySaid, SchedulerTick, PeerReachable>;

/// What the shell has to do after a drained mailbox: messages by peer, each list in order, and peers to drop.
struct SchedulerEffects {
  std::vector<std::pair<ClientId, std::vector<ToClient>>> clients;
  std::vector<std::pair<WorkerId, std::vector<ToWorker>>> workers;
  std::vector<std::pair<NannyId, std::vector<ToNanny>>> nannies;
  std::vector<std::pair<PeerId, std::string>> close;  ///< end these sessions, for this reason, after the messages
  bool shut_down{};                                   ///< asked by a client: all peers were told

  void clear() {
    clients.clear();
    workers.clear();
    nannies.clear();
    close.clear();
    shut_down = false;
  }
};

}  // namespace troupe
