#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "monitoring/event_ring.hpp"
#include "monitoring/metrics.hpp"
#include "monitoring/recorder.hpp"
#include "monitoring/shuffles.hpp"
#include "monitoring/task_stream.hpp"

/// What is known, as the objects of docs/api/openapi.json. Pure: each is a function of what it is given.
namespace troupe::monitoring {

/// Of a cluster that is read from a history: how, and when, it ended.
struct Recorded {
  std::string ending;  ///< stopped, killed, or running: it is still being written
  double ended_unix_ms{};
  std::string reason;
  std::string directory;
};

/// What does not change while a scheduler lives.
struct Identity {
  BuildInfo build;
  double started_unix_ms{};
  bool scalable{};  ///< it can start workers itself
  std::optional<Recorded> recorded{};
};

boost::json::object cluster_json(const Picture& picture, const Identity& identity, const WallClock& clock);
boost::json::object workers_json(const Picture& picture, std::size_t most, const WallClock& clock);
boost::json::object worker_json(const WorkerView& worker, const WorkerRates& rates, Instant now,
                                const WallClock& clock);
boost::json::object prefixes_json(const Picture& picture, std::size_t most);
boost::json::object clients_json(const Picture& picture);
boost::json::object stealing_json(const Picture& picture, const std::vector<StolenTask>& steals,
                                  const Recorder& recorder);
boost::json::object series_json(const Series& series, double now_unix_ms);

/// Names of prefixes by index: those of a picture.
using PrefixNames = std::vector<std::string>;
PrefixNames prefix_names(const Picture& picture);

boost::json::object task_row_json(const TaskView& task, const PrefixNames& prefixes);
boost::json::object tasks_json(const TaskPage& page, std::uint64_t known, const PrefixNames& prefixes,
                               double now_unix_ms);
boost::json::object task_json(const TaskFacts& task, const std::vector<TaskRun>& runs, const PrefixNames& prefixes,
                              const Recorder& recorder);
boost::json::object groups_json(const std::vector<GroupView>& groups, const Picture& picture, std::size_t most);
/// `looked_at`: tasks.
boost::json::object shuffles_json(const std::vector<ShuffleView>& shuffles, std::uint64_t looked_at,
                                  const PrefixNames& prefixes, double now_unix_ms);
boost::json::object graph_json(const std::vector<GroupTasks>& groups, const Picture& picture);

boost::json::object task_stream_json(const StreamPicture& drawn, const StreamWindow& window,
                                     const PrefixNames& prefixes, const Recorder& recorder);
/// Runs one by one, from the `first`-th that was recorded on; `next` is where to go on, 0 = that was all.
boost::json::object runs_json(const TaskHistory::Snapshot& history, std::uint64_t first, std::size_t most,
                              std::int64_t from_ns, std::int64_t to_ns, const PrefixNames& prefixes,
                              const Recorder& recorder);
boost::json::object exceptions_json(const std::vector<FailedTask>& failures, const Picture& picture, std::size_t most,
                                    const WallClock& clock);
boost::json::object events_json(const std::vector<Event>& events, std::uint64_t recorded, double now_unix_ms);
/// The client, span and trace that tasks are of: of a row of them. Empty where they are of none.
void add_origin(boost::json::object& row, const TaskOrigin& origin);
boost::json::object log_json(const std::vector<LogLine>& lines, std::uint64_t recorded, double now_unix_ms);

inline double seconds(std::uint64_t us) { return static_cast<double>(us) * 1e-6; }
/// Tasks by state, but for those that are forgotten.
boost::json::object states_json(const TaskCounts& counts);
/// Time of those `functions` that are of `prefix`, or of all if it is empty, those that took longest first; and of all
/// activities.
boost::json::object time_spent_json(const TimeView& times, const std::vector<FunctionTime>& functions,
                                    const std::string& prefix, std::size_t most, double now_unix_ms);
/// The spans that changed last. "a/b" is inside "a", whose figures include those of all that are inside it.
boost::json::object spans_json(const std::vector<SpanView>& spans, std::size_t most, const WallClock& clock,
                               double now_unix_ms);
/// What ran in a span of that name and in those inside it, by prefix.
std::vector<FunctionTime> functions_of_span(const std::vector<SpanView>& spans, std::string_view name);
/// Between the `most` workers that moved most, and by type of the values.
boost::json::object bandwidth_json(const TimeView& times, std::size_t most,
                                   const std::function<std::string(WorkerId)>& name_of, double now_unix_ms);

/// Name of the task of a run, as people write it, whether the task is still known or not.
std::string run_key(const TaskRun& run, const PrefixNames& prefixes);

/// What failures that are one have in common: kind, type, function, and the message without its numbers.
std::string fingerprint(const TaskError& error);

}  // namespace troupe::monitoring
