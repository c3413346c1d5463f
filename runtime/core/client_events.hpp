#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/time.hpp"

/// What goes in and out of ClientState.
///
/// A *page* is what the API calls one submission: it has a number as soon as a Future of it exists, long before the
/// submission has one on the wire, since those must ascend in the order of sending. Every ClientKey in an event from
/// the API and in an effect for it is local, ClientKey::of(page, index); those in messages are the wire's.
namespace troupe {

// ---- from the API ----------------------------------------------------------------------------------------------

/// One chunk of a graph. Its `external` are local keys; nobody else looks at the chunk any more, so that the machine
/// may write the wire's numbers over them.
struct GraphSubmitted {
  std::uint64_t page{};
  std::uint64_t graph{};  ///< page of the graph's first chunk
  bool last{true};        ///< no further chunk of this graph follows
  Token token;
  std::string name;
  std::shared_ptr<GraphChunk> chunk;
  std::vector<std::uint32_t> held;
  TaskId parent;       ///< the task that submits it; 0 = none
  SpanContext span{};  ///< that it is submitted in
};
struct ScatterWanted {
  std::uint64_t page{};
  Token token;
  std::vector<std::uint64_t> nbytes;
  std::uint32_t replicas{1};
  std::vector<std::string> workers;
};
struct KeysReleased {
  std::vector<KeyRange> keys;  ///< each once, after its submission
};
struct CancelWanted {
  std::vector<KeyRange> keys;
  bool force{};
  std::string reason;
};
struct RetryWanted {
  std::vector<KeyRange> keys;
};
struct QueryWanted {
  Query query;  ///< keys are local; `request` is never used twice
};
/// An order about values, workers or tasks; answered like a question.
struct PlacementWanted {
  std::variant<Replicate, Rebalance, RetireWorkers, RestartWorkers, ControlTasks> command;  ///< keys are local
  [[nodiscard]] RequestId request() const {
    return std::visit([](const auto& each) { return each.request; }, command);
  }
};
struct RunWanted {
  RunOnWorkers run;
};
struct ShutdownWanted {};
/// Says goodbye; nothing is sent after.
struct CloseWanted {
  std::string reason;
};

// ---- from the link ---------------------------------------------------------------------------------------------

struct ClientLinkUp {
  bool resumed{};
};
struct ClientLinkClosed {
  Error error;
};
struct SchedulerTold {
  ToClient message;
};

using ClientEvent =
    std::variant<GraphSubmitted, ScatterWanted, KeysReleased, CancelWanted, RetryWanted, QueryWanted, PlacementWanted,
                 RunWanted, ShutdownWanted, CloseWanted, ClientLinkUp, ClientLinkClosed, SchedulerTold>;

// ---- for the API -----------------------------------------------------------------------------------------------

struct PageAccepted {
  std::uint64_t page{};
  std::uint64_t group{};  ///< TaskId::of(group, index) from now on
  friend bool operator==(const PageAccepted&, const PageAccepted&) = default;
};
/// Nothing of it was taken: all its futures fail with this.
struct PageRefused {
  std::uint64_t page{};
  Error error;
  friend bool operator==(const PageRefused&, const PageRefused&) = default;
};
/// Put the values of a scatter there, in parallel vectors as ScatterTargets, then they become ready.
struct ScatterPlanned {
  std::uint64_t page{};
  std::uint64_t group{};
  std::vector<std::uint32_t> offsets;
  std::vector<WorkerAddress> targets;
  friend bool operator==(const ScatterPlanned&, const ScatterPlanned&) = default;
};
/// The scheduler knows nothing of any key any more: what is not here already is lost, for this reason.
struct AllKeysLost {
  Error error;
  friend bool operator==(const AllKeysLost&, const AllKeysLost&) = default;
};
/// A question that will not be answered.
struct RequestFailed {
  RequestId request;
  Error error;
  friend bool operator==(const RequestFailed&, const RequestFailed&) = default;
};

/// News for futures, in the order in which they came. Keys that were released meanwhile are zero, to be skipped.
using ClientUpdate = std::variant<KeysReady, KeysErred, KeysCancelled, KeysPending, PageAccepted, PageRefused,
                                  ScatterPlanned, AllKeysLost, QueryReply, RunReply, RequestFailed>;

struct ClientEffects {
  std::vector<ClientMessage> to_scheduler;
  std::vector<ClientUpdate> updates;
  bool close{};  ///< over: close the link after the messages
  std::string close_reason;

  void clear() {
    to_scheduler.clear();
    updates.clear();
    close = false;
    close_reason.clear();
  }
};

}  // namespace troupe
