#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/query_messages.hpp"

/// What a worker tells the scheduler of itself: Heartbeat and TimeSpent, and what is in them.
namespace troupe {

/// What a worker's process moved so far, and moves now.
struct Traffic {
  std::uint64_t received_bytes{};  ///< of values, from other workers
  std::uint64_t sent_bytes{};
  std::uint64_t received{};  ///< values
  std::uint64_t sent{};
  std::uint32_t incoming{};         ///< fetches under way
  std::uint32_t outgoing{};         ///< requests of others being answered
  std::uint64_t disk_read_bytes{};  ///< of values
  std::uint64_t disk_written_bytes{};
  std::uint32_t open_files{};  ///< of the process; 0 = not measured, since it is shared with others
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

/// A graphics processor that a worker's process sees, as the driver tells of it.
struct GpuFigures {
  std::string name;
  std::int32_t utilization_percent{};  ///< time in which anything ran on it; -1 = not told
  std::uint64_t memory_used{};         ///< bytes, by whomever
  std::uint64_t memory_total{};
  std::uint64_t memory_own{};  ///< by the worker's process; 0 = none, or not measured, since it is shared with others
  friend bool operator==(const GpuFigures&, const GpuFigures&) = default;
};

/// What a worker knows of the machine it is on, and of its way to the scheduler.
struct Surroundings {
  std::uint64_t disk_free_bytes{};   ///< of the file system for values that leave memory
  std::uint64_t disk_total_bytes{};  ///< 0 = no value ever leaves memory, or it does not say
  std::uint64_t round_trip_us{};     ///< of the last heartbeat that was answered; 0 = none was
  std::int64_t clock_skew_us{};      ///< by which its clock is ahead of the scheduler's; known with the round trip
  std::vector<GpuFigures> gpus{};
  friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

struct Heartbeat {
  std::uint64_t managed_bytes{};  ///< values in memory
  std::uint64_t process_bytes{};  ///< memory of the process; 0 = not measured, since it is shared with others
  std::uint32_t executing{};
  std::uint32_t ready{};  ///< tasks that wait for a slot
  std::uint32_t fetching{};
  std::uint64_t cpu_ms{};               ///< of the process; time in functions if it is shared with others
  std::uint64_t spilled_bytes{};        ///< what the values on disk took in memory
  std::uint64_t unmanaged_old_bytes{};  ///< of process_bytes, beside values, and not new
  std::uint64_t free_bytes{};           ///< before it pauses; all ones = not limited
  std::uint64_t bandwidth{};            ///< bytes a second of large fetches since the last one; 0 = there were none
  Traffic traffic{};
  Surroundings surroundings{};
  std::int64_t sent_ns{};  ///< on a clock of the worker's own, to come back in HeartbeatSeen; 0 = no answer is wanted
  std::vector<LogLine> log{};  ///< lines since the last one, the latest few, of a worker in a process of its own
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// Runs of functions of one prefix: all of them, or those that were submitted in one span. How much of its time a run
/// had a processor is asked of long ones only.
struct FunctionTime {
  std::string prefix;
  std::uint64_t runs{};
  std::uint64_t cpu_us{};      ///< on a processor
  std::uint64_t noncpu_us{};   ///< waiting, in the same runs
  std::uint64_t unsplit_us{};  ///< of runs that were not asked
  std::string span{};          ///< empty: all runs
  /// Their times, whatever they are of.
  FunctionTime& operator+=(const FunctionTime& more) {
    runs += more.runs;
    cpu_us += more.cpu_us;
    noncpu_us += more.noncpu_us;
    unsplit_us += more.unsplit_us;
    return *this;
  }
  friend bool operator==(const FunctionTime&, const FunctionTime&) = default;
};

/// Values that were fetched; of a fetch of several each has as much of its time as of its bytes.
struct ValuesMoved {
  std::uint64_t values{};
  std::uint64_t bytes{};
  std::uint64_t us{};
  ValuesMoved& operator+=(const ValuesMoved& more) {
    values += more.values;
    bytes += more.bytes;
    us += more.us;
    return *this;
  }
  friend bool operator==(const ValuesMoved&, const ValuesMoved&) = default;
};

struct MovedFrom {
  WorkerId worker;
  ValuesMoved moved;
  friend bool operator==(const MovedFrom&, const MovedFrom&) = default;
};

struct MovedType {
  std::string type;  ///< the text of its description, or of its fingerprint if nothing here knows more
  ValuesMoved moved;
  friend bool operator==(const MovedType&, const MovedType&) = default;
};

/// What the time of a worker went to since it said so last. Sent with heartbeats, if there is anything to tell.
struct TimeSpent {
  std::vector<FunctionTime> functions;
  std::vector<MovedFrom> sources;
  std::vector<MovedType> types;
  std::uint64_t serialize_us{};   ///< of values given to others
  std::uint64_t disk_read_us{};   ///< of values: the system calls and unpacking
  std::uint64_t disk_write_us{};  ///< likewise, and encoding
  friend bool operator==(const TimeSpent&, const TimeSpent&) = default;
};

}  // namespace troupe
