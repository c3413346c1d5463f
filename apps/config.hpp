#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.hpp"

namespace troupe::apps {

enum class OptionType : std::uint8_t { boolean, integer, number, duration, size, text };

/// What may be configured. One row is all there is to say about an option: files, variables, flags, `config list` and
/// `config explain` all read it from here.
struct Option {
  std::string_view key;  ///< as in YAML, levels joined by dots
  OptionType type{};
  std::string_view fallback;  ///< the default, as an operator would write it
  std::string_view doc;
  std::string_view flag;    ///< of `troupe scheduler` or `troupe worker`; empty = none
  std::string_view also{};  ///< a word allowed beside the type's values: auto, never
  double least{0};          ///< numbers and integers only
  double most{1e18};
};

std::span<const Option> option_table();
/// Null if there is no such option. `_` and `-` are the same.
const Option* find_option(std::string_view key);
std::string nearest_key(std::string_view key);
const char* name_of(OptionType type);
/// What a value of this option may look like, for people.
std::string allowed_values(const Option& option);
/// TROUPE__SCHEDULER__WORKER_TTL for scheduler.worker-ttl.
std::string variable_of(const Option& option);

/// A value and where it came from: "default", "FILE:LINE", "environment NAME" or "flag --NAME".
struct Setting {
  std::string text;
  std::string source;
};

/// Where a configuration is gathered from; everything outside the program is handed in.
struct ConfigSources {
  std::vector<std::filesystem::path> directories;                ///< *.yaml of each, by name; missing ones are skipped
  std::optional<std::filesystem::path> file;                     ///< must exist
  std::vector<std::pair<std::string, std::string>> environment;  ///< name and value
  std::vector<std::pair<std::string, std::string>> flags;        ///< key and value

  /// /etc/troupe, $XDG_CONFIG_HOME/troupe (or ~/.config/troupe), $TROUPE_CONFIG, and this process's variables.
  static ConfigSources of_process();
};

/// The configuration of one process: every option has a value that was checked. Immutable once loaded.
///
/// Precedence, low to high: defaults, directories in order, file, environment, flags. An unknown key is a warning that
/// names the nearest known one; a value that cannot be read is an error with file, line, key and what is allowed.
class Config {
public:
  static Result<Config> load(const ConfigSources& sources);
  /// Problems of one file, each with its line: unknown keys are errors here. Empty = fine.
  static std::vector<std::string> validate(const std::filesystem::path& file);

  [[nodiscard]] const Setting& setting(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const { return setting(key).text; }
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] double number(std::string_view key) const;
  /// Nothing for the option's word (`never`, `auto`).
  [[nodiscard]] std::optional<std::chrono::nanoseconds> duration(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> size(std::string_view key) const;

  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
  std::optional<Error> take(std::string_view key, std::string text, std::string source);
  std::optional<Error> take_file(const std::filesystem::path& file);

  std::map<std::string_view, Setting> settings_;  ///< by Option::key, one for each option
  std::vector<std::string> warnings_;
};

/// Null, or a sentence that says why `text` is no value of the option.
std::optional<std::string> check_value(const Option& option, std::string_view text);

}  // namespace troupe::apps
