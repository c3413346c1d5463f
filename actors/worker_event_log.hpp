#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/record_file.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"
#include "runtime/core/worker_events.hpp"
#include "runtime/core/worker_state.hpp"

namespace troupe {

/// A worker machine was made: the first record, and another each time the scheduler had forgotten the worker.
struct MachineMade {
  std::string name;  ///< of the worker
  WorkerConfig config;
};
/// One call of WorkerState::settle(), and a digest of what was to be done since the one before.
struct Settled {
  std::uint64_t digest{};
};
/// Digest of effects, for comparison with those of another run: tasks by kind of effect, and the kinds of messages.
[[nodiscard]] std::uint64_t digest_of(const WorkerEffects& effects);

struct WorkerLogRecord {
  Instant now;
  std::variant<MachineMade, WorkerEvent, Settled> what;
};

/// Writes down what a worker machine is given, so that `troupe replay` can give it again. Owned by the worker's shell,
/// on the loop. What heartbeats say of machine and traffic is left out: nothing is decided by it.
class WorkerEventLogWriter {
public:
  /// Makes the file anew. Fails if it cannot be written. Beyond `most_bytes` nothing more is recorded.
  static Result<std::unique_ptr<WorkerEventLogWriter>> create(const std::filesystem::path& path,
                                                              std::uint64_t most_bytes);

  /// Before the machine handles it. An error is told once: from then on nothing more is recorded.
  std::optional<Error> write(const MachineMade& made, Instant now);
  std::optional<Error> write(const WorkerEvent& event, Instant now);
  std::optional<Error> write(const Settled& settled, Instant now);

private:
  explicit WorkerEventLogWriter(RecordWriter file) : file_(std::move(file)) {}

  RecordWriter file_;
  std::vector<std::byte> payload_;  ///< scratch
};

/// Reads such a file from its beginning.
class WorkerEventLogReader {
public:
  /// Fails if there is no such file, or if it is something else: says what and where.
  static Result<WorkerEventLogReader> open(const std::filesystem::path& path);

  /// The next record; none at the end. A record that is cut off is the end, too; damaged ones are an error with their
  /// place in the file.
  Result<std::optional<WorkerLogRecord>> next();
  [[nodiscard]] bool cut_off() const { return file_.cut_off(); }
  [[nodiscard]] std::uint64_t records() const { return file_.records(); }

private:
  explicit WorkerEventLogReader(RecordReader file) : file_(std::move(file)) {}

  RecordReader file_;
};

/// Whether a file begins as event logs of workers do; nothing else of it is looked at.
bool is_worker_event_log(const std::filesystem::path& path);

}  // namespace troupe
