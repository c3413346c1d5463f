#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "actors/record_file.hpp"
#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/time.hpp"
#include "runtime/core/scheduler_config.hpp"
#include "runtime/core/scheduler_events.hpp"

namespace troupe {

/// With what a scheduler machine was made: the same, given the same events, decides the same.
struct EventLogHeader {
  SchedulerConfig config;
  Token cluster;
  Epoch epoch;
  std::uint64_t seed{};
};

/// One call of SchedulerState::place(), and a digest of who was told how much of what kind.
struct Placed {
  std::uint64_t digest{};
};
/// Digest of effects, for comparison with those of another run: peers, and the kinds of their messages in order.
[[nodiscard]] std::uint64_t digest_of(const SchedulerEffects& effects);

struct EventLogRecord {
  Instant now;
  std::variant<SchedulerEvent, Placed> what;
};

/// Writes down what a scheduler machine is given, so that `troupe replay` can give it again. Owned by the scheduler's
/// shell, on the loop.
class EventLogWriter {
public:
  /// Makes the file anew. Fails if it cannot be written. Beyond `most_bytes` nothing more is recorded.
  static Result<std::unique_ptr<EventLogWriter>> create(const std::filesystem::path& path, const EventLogHeader& header,
                                                        std::uint64_t most_bytes);

  /// Before the machine handles it. An error is told once: from then on nothing more is recorded.
  std::optional<Error> write(const SchedulerEvent& event, Instant now);
  std::optional<Error> write(const Placed& placed, Instant now);

private:
  explicit EventLogWriter(RecordWriter file) : file_(std::move(file)) {}

  RecordWriter file_;
};

/// Reads such a file from its beginning.
class EventLogReader {
public:
  /// Fails if there is no such file, or if it is something else: says what and where.
  static Result<EventLogReader> open(const std::filesystem::path& path);

  [[nodiscard]] const EventLogHeader& header() const { return header_; }
  /// The next record; none at the end. A record that is cut off is the end, too; damaged ones are an error with their
  /// place in the file.
  Result<std::optional<EventLogRecord>> next();
  /// The file ends in the middle of a record.
  [[nodiscard]] bool cut_off() const { return file_.cut_off(); }
  [[nodiscard]] std::uint64_t records() const { return file_.records(); }

private:
  explicit EventLogReader(RecordReader file) : file_(std::move(file)) {}

  RecordReader file_;
  EventLogHeader header_;
};

}  // namespace troupe
