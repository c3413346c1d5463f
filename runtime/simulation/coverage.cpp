#include "runtime/simulation/coverage.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "protocol/message_names.hpp"

namespace troupe::simulation {
namespace {

struct Kind {
  const char* name;
  std::span<const char* const> messages;  ///< as the variant has them
};

constexpr std::array<Kind, 6> kinds{{{"client says", message_names<ClientMessage>},
                                     {"client is told", message_names<ToClient>},
                                     {"worker says", message_names<WorkerMessage>},
                                     {"worker is told", message_names<ToWorker>},
                                     {"nanny says", message_names<NannyMessage>},
                                     {"nanny is told", message_names<ToNanny>}}};

}  // namespace

void Coverage::add(const Coverage& other) {
  for (std::size_t kind = 0; kind < messages_.size(); ++kind)
    for (std::size_t i = 0; i < messages_[kind].size(); ++i) messages_[kind][i] += other.messages_[kind][i];
  for (std::size_t from = 0; from < task_state_count; ++from)
    for (std::size_t to = 0; to < task_state_count; ++to) transitions_[from][to] += other.transitions_[from][to];
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t a = 0; a < 4; ++a)
      for (std::size_t d = 0; d < 4; ++d) keys_[i][a][d] += other.keys_[i][a][d];
  for (const auto& [name, count] : other.causes_.entries) causes_[name] += count;
}

std::map<std::string, std::uint64_t> Coverage::points() const {
  std::map<std::string, std::uint64_t> points;
  for (std::size_t kind = 0; kind < messages_.size(); ++kind)
    for (std::size_t i = 0; i < kinds[kind].messages.size(); ++i)
      points[fmt::format("{} {}", kinds[kind].name, kinds[kind].messages[i])] = messages_[kind][i];
  for (std::size_t from = 0; from < task_state_count; ++from)
    for (std::size_t to = 0; to < task_state_count; ++to)
      if (transitions_[from][to] > 0)
        points[fmt::format("task {} -> {}", name_of(TaskState(from)), name_of(TaskState(to)))] = transitions_[from][to];
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t d = 0; d < 3; ++d)
        if (keys_[i][a][d] > 0)
          points[fmt::format("key wanted: {}, in the air: {}, data: {}", name_of(KeyIntent(i)), name_of(KeyActivity(a)),
                             name_of(KeyData(d)))] = keys_[i][a][d];
  // One text may stand at several places of the code.
  for (const auto& [name, count] : causes_.entries) points[name] += count;
  return points;
}

const std::vector<std::string>& Coverage::sometimes() {
  static const std::vector<std::string> points{"a client asks where a value is",
                                               "a client loses all its keys",
                                               "a frame came twice and was dropped",
                                               "a peer is busy",
                                               "a peer is given a value from disk",
                                               "a peer is gone when it is asked",
                                               "a process dies at work",
                                               "a request for values is given up",
                                               "a scattered value does not get to its worker",
                                               "a session begins anew",
                                               "a session is resumed",
                                               "a silent connection is given up",
                                               "a submission is refused",
                                               "a submission is refused as too much",
                                               "a task is taken back before it starts",
                                               "a task rejoins",
                                               "a task secedes",
                                               "a value comes along with the news",
                                               "a value comes back from disk",
                                               "a value goes to disk",
                                               "a value on disk is damaged when a peer asks for it",
                                               "a value on disk is damaged when a task needs it",
                                               "a value on its way to disk is not needed any more",
                                               "a worker may run it",
                                               "a worker registers anew",
                                               "another major version is refused",
                                               "another minor version is let in",
                                               "client is told Accepted",
                                               "client is told ClientRegistered",
                                               "client is told KeysCancelled",
                                               "client is told KeysErred",
                                               "client is told KeysPending",
                                               "client is told KeysReady",
                                               "client is told QueryReply",
                                               "client is told RunReply",
                                               "client is told ScatterTargets",
                                               "client is told WorkerAddresses",
                                               "client says CancelKeys",
                                               "client says Goodbye",
                                               "client says Query",
                                               "client says Rebalance",
                                               "client says RegisterClient",
                                               "client says ReleaseKeys",
                                               "client says Replicate",
                                               "client says RestartWorkers",
                                               "client says RetireWorkers",
                                               "client says RetryKeys",
                                               "client says RunOnWorkers",
                                               "client says ScatterKeys",
                                               "client says SubmitGraph",
                                               "finished",
                                               "forgotten",
                                               "frames of a dead connection arrive",
                                               "function failed",
                                               "input erred",
                                               "input lost",
                                               "input taken back",
                                               "inputs too large",
                                               "key wanted: compute, in the air: executing, data: absent",
                                               "key wanted: compute, in the air: executing, data: memory",
                                               "key wanted: compute, in the air: fetching, data: absent",
                                               "key wanted: none, in the air: executing, data: absent",
                                               "key wanted: none, in the air: fetching, data: absent",
                                               "key wanted: replica, in the air: idle, data: memory",
                                               "killed its workers",
                                               "last input arrived",
                                               "more work than one slice",
                                               "nanny is told NannyRegistered",
                                               "nanny is told RestartWorker",
                                               "nanny says RegisterNanny",
                                               "nanny says WorkerDied",
                                               "needed by a dependent",
                                               "no worker may run it",
                                               "not needed",
                                               "not needed for any wanted key",
                                               "not where it should be",
                                               "placed",
                                               "placed ahead of its input",
                                               "recomputed",
                                               "retry",
                                               "retry asked for",
                                               "scattered",
                                               "scattered value lost",
                                               "stolen",
                                               "submitted",
                                               "task erred -> forgotten",
                                               "task erred -> released",
                                               "task memory -> released",
                                               "task no_worker -> queued",
                                               "task no_worker -> released",
                                               "task no_worker -> waiting",
                                               "task processing -> erred",
                                               "task processing -> memory",
                                               "task processing -> waiting",
                                               "task queued -> no_worker",
                                               "task queued -> processing",
                                               "task queued -> released",
                                               "task queued -> waiting",
                                               "task released -> erred",
                                               "task released -> forgotten",
                                               "task released -> waiting",
                                               "task waiting -> erred",
                                               "task waiting -> memory",
                                               "task waiting -> no_worker",
                                               "task waiting -> processing",
                                               "task waiting -> queued",
                                               "task waiting -> released",
                                               "two submissions met in one group",
                                               "worker is told AcquireReplicas",
                                               "worker is told CancelCompute",
                                               "worker is told CloseWorker",
                                               "worker is told ComputeTasks",
                                               "worker is told DefineTemplates",
                                               "worker is told FreeKeys",
                                               "worker is told HeartbeatSeen",
                                               "worker is told RunFunction",
                                               "worker is told StealTasks",
                                               "worker is told WhoHas",
                                               "worker is told WorkerAddresses",
                                               "worker is told WorkerRegistered",
                                               "worker is told WorkersLost",
                                               "worker left",
                                               "worker lost",
                                               "worker says FunctionRan",
                                               "worker says Goodbye",
                                               "worker says Heartbeat",
                                               "worker says InputsMissing",
                                               "worker says RegisterWorker",
                                               "worker says ReplicasAdded",
                                               "worker says StealReply",
                                               "worker says TasksErred",
                                               "worker says TasksFinished",
                                               "worker says TasksSeceded",
                                               "worker says TimeSpent",
                                               "worker says WorkerStatusChanged"};
  return points;
}

}  // namespace troupe::simulation
