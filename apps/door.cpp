#include "apps/door.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/config_values.hpp"

namespace troupe::apps {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.-+%") == std::string_view::npos;
}

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string_view text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + std::string(text) : std::string(text) + space;
}

bool says(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

}  // namespace

ExitCode exit_code_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::unsupported: return says(error.text, "version") ? ExitCode::version_mismatch : ExitCode::failed;
    case ErrorKind::disconnected: return ExitCode::unreachable;
    case ErrorKind::invalid:
      return says(error.text, "authenticat") || says(error.text, "access file") || says(error.text, "proof")
                 ? ExitCode::authentication
                 : ExitCode::usage;
    case ErrorKind::failed:
    case ErrorKind::overloaded:
    case ErrorKind::cancelled: return ExitCode::failed;
  }
  return ExitCode::internal;
}

void raise(const Error& error) { throw CommandError(exit_code_of(error), error.text); }

std::string Table::text() const {
  std::vector<std::size_t> widths;
  std::vector<bool> numbers(heads_.size(), !rows_.empty());
  for (const auto& head : heads_) widths.push_back(width_of(head));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
      if (!is_number(row[i])) numbers[i] = false;
    }
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += (i == 0 ? "" : "  ") + padded(printable(row[i]), widths[i], numbers[i]);
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(heads_);
  for (const auto& row : rows_) line(row);
  return out;
}

void Door::add_output_option(CLI::App& command) {
  command
      .add_option("-o,--output", output,
                  "table for people, json for programs; jsonl: one object a line, where there are several")
      ->check(CLI::IsMember({"table", "json", "jsonl"}))
      ->envname("TROUPE_OUTPUT")
      ->type_name("FORMAT");
}

void Door::add_scheduler_options(CLI::App& command) {
  command
      .add_option("--scheduler", scheduler, "address of the scheduler, host:port; default: the one in the access file")
      ->envname("TROUPE_SCHEDULER")
      ->type_name("ADDRESS");
  command
      .add_option("--access-file,--scheduler-file", access_file, "file with address and keys that the scheduler wrote")
      ->type_name("FILE");
  const Option* option = find_option("comm.connect-timeout");
  command
      .add_option("--timeout", timeout,
                  fmt::format("how long to look for the scheduler (default {}, but not at all where nobody listens on "
                              "this machine)",
                              option->fallback))
      ->type_name("DURATION");
}

void Door::add_log_options(CLI::App& command) {
  add_key_option(command, "--log-level", "logging.level")->type_name("LEVEL");
  add_key_option(command, "--log-format", "logging.format")->type_name("FORMAT");
  add_key_option(command, "--log-file", "logging.file")->type_name("FILE");
}

CLI::Option* Door::add_key_option(CLI::App& command, const std::string& names, const std::string& key) {
  const Option* option = find_option(key);
  TROUPE_ASSERT(option != nullptr, key);
  const std::string doc =
      fmt::format("{} (default {})", option->doc, option->fallback.empty() ? "none" : option->fallback);
  return command.add_option_function<std::string>(
      names,
      [this, option](const std::string& value) {
        if (const auto problem = check_value(*option, value))
          throw CLI::ValidationError(std::string(option->flag), *problem);
        flags.emplace_back(std::string(option->key), value);
      },
      doc);
}

Config Door::config() const {
  ConfigSources sources = ConfigSources::of_process();
  if (!config_file.empty()) sources.file = config_file;
  sources.flags = flags;
  auto config = Config::load(sources);
  if (!config) throw CommandError(ExitCode::usage, config.error().text);
  for (const std::string& warning : config->warnings()) tell("warning: " + warning);
  return std::move(*config);
}

std::unique_ptr<Log> Door::log(const Config& config, const std::string& role, const std::string& node) const {
  LogOptions options;
  const auto level = level_from(config.text("logging.level"));
  if (!level) raise(level.error());
  options.level = *level;
  const std::string& format = config.text("logging.format");
  if (format != "auto" && format != "human" && format != "json")
    throw CommandError(ExitCode::usage, fmt::format("{}: logging.format: '{}' is not human, json or auto",
                                                    config.setting("logging.format").source, printable(format)));
  options.file = config.text("logging.file");
  const bool terminal = options.file.empty() && stderr_is_terminal();
  options.format = format == "json" || (format == "auto" && !terminal) ? LogFormat::json : LogFormat::human;
  options.colour = terminal && std::getenv("NO_COLOR") == nullptr;
  options.role = role;
  options.node = node;
  auto log = Log::open(options);
  if (!log) raise(log.error());
  return std::move(*log);
}

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw CommandError(ExitCode::failed, "stdout cannot be written");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void tell(std::string_view text) { fmt::print(stderr, "troupe: {}\n", text); }

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace troupe::apps
