#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/config.hpp"
#include "apps/exit_code.hpp"
#include "apps/logging.hpp"
#include "protocol/error.hpp"

/// What all sub-commands share: how they are told to run, how they print, how they fail.
namespace troupe::apps {

/// Ends a sub-command with this code after `what()` has been written to stderr.
class CommandError : public std::runtime_error {
public:
  CommandError(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

private:
  ExitCode code_;
};

/// The code that fits an error of the library.
ExitCode exit_code_of(const Error& error);
[[noreturn]] void raise(const Error& error);

/// A table for people: columns as wide as their widest cell, numbers to the right.
/// Control characters are not passed on.
class Table {
public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;

private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

/// One run of the program: its options as far as all sub-commands have them, and what is to be done.
///
/// Owned by main. A sub-command adds its options in `add_NAME(app, door)` and sets `door.run` when it was chosen.
class Door {
public:
  std::function<ExitCode()> run;

  // Options of more than one sub-command.
  std::string config_file;
  std::string output;       ///< "", table, json or jsonl
  std::string scheduler;    ///< address; empty: the one in the access file
  std::string access_file;  ///< empty: where the scheduler of this user writes it
  std::string timeout;      ///< for reaching the scheduler
  std::string log_level;
  std::string log_format;
  std::string log_file;

  /// Values for keys of the configuration that were given as flags; they win over all other sources.
  std::vector<std::pair<std::string, std::string>> flags;

  void add_output_option(CLI::App& command);
  void add_scheduler_options(CLI::App& command);
  void add_log_options(CLI::App& command);
  /// An option whose value is that of a configuration key.
  CLI::Option* add_key_option(CLI::App& command, const std::string& names, const std::string& key);

  /// Loads the configuration; its warnings go to stderr.
  [[nodiscard]] Config config() const;
  [[nodiscard]] std::unique_ptr<Log> log(const Config& config, const std::string& role, const std::string& node) const;
  [[nodiscard]] bool json() const { return output == "json" || output == "jsonl"; }
};

/// Writes data to stdout; a closed pipe ends the command, not the shell's patience.
void print(std::string_view text);
/// Writes a line for people to stderr.
void tell(std::string_view text);
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

// One for each file of the same name.
void add_scheduler(CLI::App& app, Door& door);
void add_worker(CLI::App& app, Door& door);
void add_local(CLI::App& app, Door& door);
void add_status(CLI::App& app, Door& door);
void add_list(CLI::App& app, Door& door);
void add_explain(CLI::App& app, Door& door);
void add_story(CLI::App& app, Door& door);
void add_replay(CLI::App& app, Door& door);
void add_dump(CLI::App& app, Door& door);
void add_logs(CLI::App& app, Door& door);
void add_stack(CLI::App& app, Door& door);
void add_profile(CLI::App& app, Door& door);
void add_bench(CLI::App& app, Door& door);
void add_demo(CLI::App& app, Door& door);
void add_simulate(CLI::App& app, Door& door);
void add_version(CLI::App& app, Door& door);
void add_config(CLI::App& app, Door& door);
void add_dashboard(CLI::App& app, Door& door);
void add_metrics(CLI::App& app, Door& door);
void add_timeline(CLI::App& app, Door& door);
void add_top(CLI::App& app, Door& door);
void add_report(CLI::App& app, Door& door);

}  // namespace troupe::apps
