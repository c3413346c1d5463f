#include "apps/logging.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"

namespace troupe::apps {

namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return "error";
  if (level == spdlog::level::warn) return "warning";
  return level == spdlog::level::info ? "info" : "debug";
}

/// RFC 3339, UTC, microseconds.
std::string timestamp(spdlog::log_clock::time_point at) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(static_cast<std::time_t>(us / 1'000'000)),
                     us % 1'000'000);
}

/// What the line that is being written is about: spdlog has no room for it.
thread_local const LogContext* about_now = nullptr;

/// A line is written whole by one call, or it is lost and counted: nothing is kept in a buffer that a crash would eat.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  DescriptorSink(int descriptor, bool owned, LogOptions options)
      : descriptor_(descriptor), owned_(owned), options_(std::move(options)) {}
  DescriptorSink(const DescriptorSink&) = delete;
  DescriptorSink& operator=(const DescriptorSink&) = delete;
  ~DescriptorSink() override {
    if (owned_) ::close(descriptor_);
  }

  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  void name_node(std::string node) {
    const std::lock_guard lock(mutex_);
    options_.node = std::move(node);
  }

protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string line = options_.format == LogFormat::json ? json_line(message) : human_line(message);
    const ssize_t written = ::write(descriptor_, line.data(), line.size());
    if (written == static_cast<ssize_t>(line.size())) return;
    if (lost_.fetch_add(1, std::memory_order_relaxed) > 0) return;
    const std::string told =
        fmt::format("troupe: a log line could not be written ({}); further ones are counted only\n",
                    written < 0 ? std::strerror(errno) : "no space");
    if (::write(STDERR_FILENO, told.data(), told.size()) < 0) return;  // nobody is left to tell
  }
  void flush_() override {}

private:
  static const char* event_of(const spdlog::details::log_msg& message) {
    return message.source.funcname ? message.source.funcname : "";
  }

  [[nodiscard]] std::string json_line(const spdlog::details::log_msg& message) const {
    const std::string_view text(message.payload.data(), message.payload.size());
    boost::json::object line{{"ts", timestamp(message.time)},
                             {"level", level_name(message.level)},
                             {"logger", std::string_view(message.logger_name.data(), message.logger_name.size())},
                             {"event", event_of(message)},
                             {"msg", text},
                             {"node", options_.node},
                             {"role", options_.role},
                             {"pid", ::getpid()},
                             {"tid", message.thread_id}};
    if (about_now != nullptr) add_fields(line, *about_now);
    return boost::json::serialize(line) + "\n";
  }

  [[nodiscard]] std::string human_line(const spdlog::details::log_msg& message) const {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    const char* colour = message.level >= spdlog::level::err    ? "\x1b[31m"
                         : message.level == spdlog::level::warn ? "\x1b[33m"
                                                                : "\x1b[2m";
    return fmt::format("{}  {}{:<7}{}  {}  {}\n", timestamp(message.time).substr(11, 12), options_.colour ? colour : "",
                       level_name(message.level), options_.colour ? "\x1b[0m" : "",
                       std::string_view(message.logger_name.data(), message.logger_name.size()), text);
  }

  int descriptor_;
  bool owned_;
  LogOptions options_;
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace

void add_fields(boost::json::object& line, const LogContext& about) {
  if (about.task) {
    line["task"] = about.task.value;
    line["group"] = about.task.group();
  }
  if (about.client) line["client"] = about.client.value;
  if (about.span) {
    line["span"] = about.span.name;
    line["trace_id"] = about.span.trace.hex();
  }
}

class Log::Impl {
public:
  Impl(std::shared_ptr<DescriptorSink> sink, Level level) : sink_(std::move(sink)), least_(spdlog_level(level)) {}

  void write(Level level, const char* logger, const char* event, std::string_view text, const LogContext& about) {
    if (spdlog_level(level) < least_) return;
    about_now = &about;
    // spdlog has no room for fields of one's own; a line's function name, which we do not use, carries the event.
    sink_->log({spdlog::source_loc{"", 0, event}, spdlog::string_view_t(logger), spdlog_level(level),
                spdlog::string_view_t(text.data(), text.size())});
    about_now = nullptr;
  }
  void name_node(std::string node) { sink_->name_node(std::move(node)); }
  void flush() { sink_->flush(); }
  [[nodiscard]] std::uint64_t lost() const { return sink_->lost(); }

private:
  std::shared_ptr<DescriptorSink> sink_;
  spdlog::level::level_enum least_;
};

Result<std::unique_ptr<Log>> Log::open(const LogOptions& options) {
  int descriptor = STDERR_FILENO;
  if (!options.file.empty()) {
    descriptor = ::open(options.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0)
      return fail(ErrorKind::invalid, fmt::format("--log-file {}: {}", options.file, std::strerror(errno)));
  }
  auto sink = std::make_shared<DescriptorSink>(descriptor, !options.file.empty(), options);
  return std::unique_ptr<Log>(new Log(std::make_unique<Impl>(std::move(sink), options.level)));
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

void Log::write(Level level, const char* logger, const char* event, std::string_view text, const LogContext& about) {
  impl_->write(level, logger, event, text, about);
}
void Log::name_node(std::string node) { impl_->name_node(std::move(node)); }
void Log::flush() { impl_->flush(); }
std::uint64_t Log::lost() const { return impl_->lost(); }

Result<Level> level_from(std::string_view name) {
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warning" || name == "warn") return Level::warning;
  if (name == "error") return Level::error;
  return fail(ErrorKind::invalid,
              fmt::format("--log-level: '{}' is not debug, info, warning or error", printable(name)));
}

}  // namespace troupe::apps
