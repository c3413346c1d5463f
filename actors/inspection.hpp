#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "protocol/messages.hpp"
#include "runtime/exec/profile.hpp"
#include "runtime/store/container_codec.hpp"

/// Questions to workers about themselves: what they logged, what their threads do, what they know of each key. A worker
/// answers them itself, not by a thread of its pool, so that they are answered while all of these are busy too.
namespace troupe {

class Client;

struct LogRequest {
  std::uint64_t after{};  ///< number of the first line; 0: the last lines there are
  std::uint32_t count{};  ///< at most so many
  TaskId task{};          ///< the last lines of this one alone; none: of all
};
struct LogReply {
  std::vector<LogLine> lines;
  std::uint64_t next{};  ///< `after` of what follows
};

struct ProfileRequest {
  std::uint64_t duration_us{5'000'000};
  std::uint64_t interval_us{10'000};
  std::string function;  ///< as in ProfileOptions
};

/// What a worker knows of a task, in the words of the worker machine.
struct KeyReport {
  std::uint64_t task{};
  std::uint32_t run{};
  std::string intent;    ///< none, compute, replica
  std::string activity;  ///< idle, fetching, executing
  std::string data;      ///< absent, memory, spilled
  std::uint32_t waiting_for{};
  std::uint32_t needed{};
};
struct WorkerReport {
  std::string name;
  std::string address;
  std::string status;
  std::uint64_t pid{};
  std::map<std::string, std::uint64_t> counters;
  std::vector<KeyReport> keys;
  std::uint64_t keys_left_out{};
};

/// Answers by name of the worker, or why there is none.
template <class T>
using ByWorker = std::map<std::string, tl::expected<T, TaskError>>;

/// All take names, addresses or hosts of workers; none: all of them. Throw Disconnected and TimeoutError.
ByWorker<LogReply> worker_logs(Client& client, std::vector<std::string> workers, LogRequest request);
ByWorker<std::vector<RunningStack>> worker_stacks(Client& client, std::vector<std::string> workers);
ByWorker<Profile> worker_profiles(Client& client, std::vector<std::string> workers, const ProfileRequest& request);
/// What they saw all along; an error where that is off.
ByWorker<ProfilePast> worker_pasts(Client& client, std::vector<std::string> workers, const ProfilePastRequest& request);
ByWorker<WorkerReport> worker_reports(Client& client, std::vector<std::string> workers);

/// Names of the functions by which workers are asked; built-ins that no client's task can be.
inline constexpr std::string_view inspect_log = "worker_log";
inline constexpr std::string_view inspect_stacks = "worker_stacks";
inline constexpr std::string_view inspect_profile = "worker_profile";
inline constexpr std::string_view inspect_past = "worker_profile_past";
inline constexpr std::string_view inspect_report = "worker_report";

}  // namespace troupe

TROUPE_FIELDS(troupe::TaskId, value)
TROUPE_FIELDS(troupe::ClientId, value)
TROUPE_FIELDS(troupe::Token, high, low)
TROUPE_FIELDS(troupe::SpanContext, name, trace)
TROUPE_FIELDS(troupe::LogContext, task, client, span, event)
TROUPE_FIELDS(troupe::LogLine, number, unix_us, level, text, about)
TROUPE_FIELDS(troupe::LogRequest, after, count, task)
TROUPE_FIELDS(troupe::LogReply, lines, next)
TROUPE_FIELDS(troupe::ProfileRequest, duration_us, interval_us, function)
TROUPE_FIELDS(troupe::KeyReport, task, run, intent, activity, data, waiting_for, needed)
TROUPE_FIELDS(troupe::WorkerReport, name, address, status, pid, counters, keys, keys_left_out)
