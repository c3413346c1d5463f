#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "protocol/codec.hpp"
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

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

/// Writes down what a scheduler machine is given, so that `troupe replay` can give it again. Owned by the scheduler's
/// shell, on the loop. The format is this machine's own (byte order, and the messages as they go over the wire).
/// Always true: what is in the file is a beginning of what happened; the last record may be incomplete after a crash.
class EventLogWriter {
public:
  /// Makes the file anew. Fails if it cannot be written. Beyond `most_bytes` nothing more is recorded.
  static Result<std::unique_ptr<EventLogWriter>> create(const std::filesystem::path& path, const EventLogHeader& header,
                                                        std::uint64_t most_bytes);

  /// Before the machine handles it. An error is told once: from then on nothing more is recorded.
  std::optional<Error> write(const SchedulerEvent& event, Instant now);
  std::optional<Error> write(const Placed& placed, Instant now);

private:
  EventLogWriter(std::FILE* file, std::string name, std::uint64_t most_bytes)
      : file_(file), name_(std::move(name)), most_bytes_(most_bytes) {}

  template <class Message>
  std::optional<Error> write_message(std::uint8_t kind, std::uint64_t peer, Instant now, const Message& message);
  std::optional<Error> put(std::uint8_t kind, std::uint64_t peer, Instant now, std::string_view payload);
  std::optional<Error> stop(Error error);

  FileHandle file_;  ///< null once it has stopped
  std::string name_;
  std::uint64_t most_bytes_;
  std::uint64_t written_{};
  FrameEncoder encoder_;
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
  [[nodiscard]] bool cut_off() const { return cut_off_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }

private:
  EventLogReader(std::FILE* file, std::string name) : file_(file), name_(std::move(name)) {}

  tl::unexpected<Error> damaged(const std::string& what) const;

  FileHandle file_;
  std::string name_;
  EventLogHeader header_;
  std::uint64_t offset_{};
  std::uint64_t records_{};
  bool cut_off_{};
};

}  // namespace troupe
