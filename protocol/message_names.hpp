#pragma once

#include <array>
#include <variant>

#include "protocol/messages.hpp"

namespace troupe {

/// Names of the alternatives of a variant of messages, by index: what people are shown.
template <class Messages>
inline constexpr std::array<const char*, 0> message_names{};

template <>
inline constexpr std::array message_names<ClientMessage>{
    "RegisterClient", "SubmitGraph", "ReleaseKeys",   "CancelKeys",     "RetryKeys",
    "ScatterKeys",    "Query",       "RunOnWorkers",  "Shutdown",       "Goodbye",
    "Replicate",      "Rebalance",   "RetireWorkers", "RestartWorkers", "ControlTasks"};
template <>
inline constexpr std::array message_names<ToClient>{
    "ClientRegistered", "Accepted",       "KeysReady",  "KeysErred", "KeysCancelled", "KeysPending",
    "WorkerAddresses",  "ScatterTargets", "QueryReply", "RunReply",  "Goodbye"};
template <>
inline constexpr std::array message_names<WorkerMessage>{
    "RegisterWorker", "TasksFinished", "TasksErred",   "ReplicasAdded", "ReplicasRemoved",
    "InputsMissing",  "StealReply",    "TasksSeceded", "Heartbeat",     "WorkerStatusChanged",
    "ModulesAdded",   "FunctionRan",   "Goodbye",      "Leaving",       "TimeSpent"};
template <>
inline constexpr std::array message_names<ToWorker>{
    "WorkerRegistered", "DefineTemplates", "ForgetTemplates", "ComputeTasks", "FreeKeys",
    "CancelCompute",    "StealTasks",      "AcquireReplicas", "WhoHas",       "WorkerAddresses",
    "WorkersLost",      "RunFunction",     "CloseWorker",     "ShareModules", "HeartbeatSeen"};
template <>
inline constexpr std::array message_names<NannyMessage>{"RegisterNanny", "WorkerDied", "Goodbye", "WorkerStarted"};
template <>
inline constexpr std::array message_names<ToNanny>{"NannyRegistered", "CloseNanny", "RestartWorker"};

static_assert(message_names<ClientMessage>.size() == std::variant_size_v<ClientMessage>);
static_assert(message_names<ToClient>.size() == std::variant_size_v<ToClient>);
static_assert(message_names<WorkerMessage>.size() == std::variant_size_v<WorkerMessage>);
static_assert(message_names<ToWorker>.size() == std::variant_size_v<ToWorker>);
static_assert(message_names<NannyMessage>.size() == std::variant_size_v<NannyMessage>);
static_assert(message_names<ToNanny>.size() == std::variant_size_v<ToNanny>);

template <class... Messages>
constexpr const char* message_name(const std::variant<Messages...>& message) {
  return message_names<std::variant<Messages...>>[message.index()];
}

}  // namespace troupe
