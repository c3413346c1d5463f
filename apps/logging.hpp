#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "protocol/error.hpp"
#include "protocol/span.hpp"

namespace troupe::apps {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { human, json };

struct LogOptions {
  Level level{Level::info};
  LogFormat format{LogFormat::human};
  bool colour{};
  std::string file;  ///< empty = stderr
  std::string node;  ///< name of this node; may be empty
  std::string role;  ///< scheduler, worker, ...
};

/// The log of this process. In the binary only: the library prints nothing. Thread-safe.
///
/// A line that cannot be written (disk full, pipe closed) is counted and lost; the first one is told to stderr. The
/// node goes on.
class Log {
public:
  static Result<std::unique_ptr<Log>> open(const LogOptions& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// `event` is a stable snake_case word for programs; `text` is for people.
  void write(Level level, const char* logger, const char* event, std::string_view text, const LogContext& about = {});
  /// What is written from now on is of this node.
  void name_node(std::string node);
  void flush();
  /// Lines that could not be written.
  [[nodiscard]] std::uint64_t lost() const;

private:
  class Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// `task` and `group`, `client`, `span` and `trace_id`, each where there is one.
void add_fields(boost::json::object& line, const LogContext& about);

Result<Level> level_from(std::string_view name);

}  // namespace troupe::apps
