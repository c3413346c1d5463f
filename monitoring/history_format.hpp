#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/cluster_source.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/recorder.hpp"
#include "monitoring/worker_log.hpp"
#include "protocol/error.hpp"
#include "protocol/query_messages.hpp"

/// What the records of a history hold, as bytes and back. What is read may be anything: it is checked, and refused as a
/// whole if it is not what these functions write.
namespace troupe::monitoring {

/// Whose history it is; the first record of every file.
struct HistoryStart {
  Token cluster;
  Epoch epoch;
  std::string address;
  std::string version;
  std::string revision;
  std::uint64_t pid{};
  double started_unix_ms{};
  double clock_offset_ms{};  ///< from the scheduler's steady clock to wall-clock time
};

/// How a scheduler ended that had the time to say so.
struct HistoryEnd {
  double unix_ms{};
  std::string reason;
};

/// What was known last of tasks; each takes the place of the one before.
struct HistoryState {
  double unix_ms{};
  std::vector<TaskView> tasks;    ///< the first ones
  std::uint64_t known{};          ///< how many there were
  std::vector<GroupView> groups;  ///< with their first tasks' edges
  std::vector<GroupTasks> graph;
  std::vector<FailedTask> failures;
  std::vector<StolenTask> steals;
  TimeView times;
  std::vector<SpanView> spans;
  std::vector<TaskStep> steps;
};

/// Runs that follow one on another.
struct HistoryRuns {
  std::uint64_t first{};  ///< number of the first one since the start of the scheduler
  std::vector<TaskRun> runs;
};

/// Of HistoryStart, HistoryEnd, HistoryState, Picture, and vectors of Event, LogLine and WorkerLine.
template <class T>
std::string packed(const T& value);
/// About ten bytes a run: each is told by how it differs from the one before.
std::string packed_runs(const TaskRun* runs, std::size_t count, std::uint64_t first);

/// The same, and HistoryRuns. False: these are not the bytes of such a value.
template <class T>
bool unpack(std::string_view bytes, T& value);
template <>
bool unpack(std::string_view bytes, HistoryRuns& runs);

/// The first `most` tasks of a group, with the edges between them, and without what they are called with.
GroupView outline_of(const GroupView& group, std::uint32_t most);

}  // namespace troupe::monitoring
