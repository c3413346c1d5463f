#include "apps/config.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "apps/config_values.hpp"

extern char** environ;

namespace troupe::apps {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view variable_prefix = "TROUPE__";

std::string canonical(std::string_view key) {
  std::string result(key);
  for (char& c : result) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return result;
}

/// scheduler.worker-ttl for TROUPE__SCHEDULER__WORKER_TTL.
std::string key_of_variable(std::string_view name) {
  std::string key;
  name.remove_prefix(variable_prefix.size());
  while (!name.empty()) {
    const auto level = name.find("__");
    if (!key.empty()) key += '.';
    key += canonical(name.substr(0, level));
    name = level == std::string_view::npos ? std::string_view{} : name.substr(level + 2);
  }
  return key;
}

std::string unknown_key(std::string_view key, std::string_view source) {
  return fmt::format("{}: unknown key '{}'; did you mean '{}'?", source, printable(key), nearest_key(key));
}

std::optional<double> parse_number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

struct Leaf {
  std::string key;
  std::string text;
  int line{};
};

void flatten(const YAML::Node& node, const std::string& path, std::vector<Leaf>& out) {
  if (node.IsMap()) {
    for (const auto& child : node)
      flatten(child.second, (path.empty() ? "" : path + ".") + canonical(child.first.as<std::string>()), out);
    return;
  }
  std::string text;
  if (node.IsScalar()) {
    text = node.Scalar();
  } else if (node.IsSequence()) {
    for (const auto& item : node) text += (text.empty() ? "" : ",") + (item.IsScalar() ? item.Scalar() : "?");
  }
  out.push_back({path, std::move(text), node.Mark().line + 1});
}

Result<std::vector<Leaf>> read_yaml(const fs::path& file) {
  std::vector<Leaf> leaves;
  try {
    const YAML::Node root = YAML::LoadFile(file.string());
    if (root.IsNull()) return leaves;
    if (!root.IsMap())
      return fail(ErrorKind::invalid, fmt::format("{}:1: a mapping of keys is expected", file.string()));
    flatten(root, "", leaves);
  } catch (const YAML::BadFile&) {
    return fail(ErrorKind::invalid, fmt::format("{}: the file cannot be read", file.string()));
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::invalid, fmt::format("{}:{}: {}", file.string(), error.mark.line + 1, error.msg));
  }
  return leaves;
}

}  // namespace

const Option* find_option(std::string_view key) {
  const std::string wanted = canonical(key);
  for (const Option& option : option_table())
    if (option.key == wanted) return &option;
  return nullptr;
}

std::string nearest_key(std::string_view key) {
  const std::string wanted = canonical(key);
  const auto leaf = [](std::string_view whole) { return whole.substr(whole.rfind('.') + 1); };
  std::string_view best;
  std::size_t best_distance = SIZE_MAX;
  for (const Option& option : option_table()) {
    // The right word at the wrong level is as likely a slip as a wrong letter.
    const std::size_t distance =
        std::min(edit_distance(wanted, option.key), 2 + edit_distance(leaf(wanted), leaf(option.key)));
    if (distance < best_distance) {
      best_distance = distance;
      best = option.key;
    }
  }
  return std::string(best);
}

const char* name_of(OptionType type) {
  switch (type) {
    case OptionType::boolean: return "boolean";
    case OptionType::integer: return "integer";
    case OptionType::number: return "number";
    case OptionType::duration: return "duration";
    case OptionType::size: return "size";
    case OptionType::text: return "text";
  }
  return "unknown";
}

std::string allowed_values(const Option& option) {
  std::string text;
  switch (option.type) {
    case OptionType::boolean: text = "true or false"; break;
    case OptionType::integer:
      text = fmt::format("a whole number from {:.0f} to {:.0f}", option.least, option.most);
      break;
    case OptionType::number: text = fmt::format("a number from {} to {}", option.least, option.most); break;
    case OptionType::duration: text = "a duration such as 500ms, 30s or '1h 30m'"; break;
    case OptionType::size: text = "a size such as 500MB or 2GiB"; break;
    case OptionType::text: text = "any text"; break;
  }
  if (!option.also.empty()) text += fmt::format(", or {}", option.also);
  return text;
}

std::string variable_of(const Option& option) {
  std::string name(variable_prefix);
  for (char c : option.key) {
    if (c == '.')
      name += "__";
    else if (c == '-')
      name += '_';
    else
      name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

std::optional<std::string> check_value(const Option& option, std::string_view text) {
  bool good = !option.also.empty() && text == option.also;
  switch (option.type) {
    case OptionType::boolean: good = good || parse_boolean(text).has_value(); break;
    case OptionType::integer:
    case OptionType::number: {
      const auto value = parse_number(text);
      good = good || (value && *value >= option.least && *value <= option.most &&
                      (option.type == OptionType::number || *value == std::floor(*value)));
      break;
    }
    case OptionType::duration: good = good || parse_duration(text).has_value(); break;
    case OptionType::size: good = good || parse_size(text).has_value(); break;
    case OptionType::text: good = true; break;
  }
  if (good) return std::nullopt;
  return fmt::format("{}: '{}' is not {}", option.key, printable(text), allowed_values(option));
}

ConfigSources ConfigSources::of_process() {
  ConfigSources sources;
  sources.directories.emplace_back("/etc/troupe");
  const char* home = std::getenv("HOME");
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg && *xdg)
    sources.directories.push_back(fs::path(xdg) / "troupe");
  else if (home && *home)
    sources.directories.push_back(fs::path(home) / ".config" / "troupe");
  if (const char* file = std::getenv("TROUPE_CONFIG"); file && *file) sources.file = file;
  for (char** variable = environ; variable && *variable; ++variable) {
    const std::string_view entry(*variable);
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos && entry.starts_with(variable_prefix))
      sources.environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  std::sort(sources.environment.begin(), sources.environment.end());
  return sources;
}

std::optional<Error> Config::take(std::string_view key, std::string text, std::string source) {
  const Option* option = find_option(key);
  if (option == nullptr) {
    warnings_.push_back(unknown_key(key, source));
    return std::nullopt;
  }
  if (const auto problem = check_value(*option, text))
    return Error{ErrorKind::invalid, fmt::format("{}: {}", source, *problem)};
  settings_[option->key] = {std::move(text), std::move(source)};
  return std::nullopt;
}

std::optional<Error> Config::take_file(const fs::path& file) {
  auto leaves = read_yaml(file);
  if (!leaves) return leaves.error();
  for (Leaf& leaf : *leaves)
    if (auto error = take(leaf.key, std::move(leaf.text), fmt::format("{}:{}", file.string(), leaf.line))) return error;
  return std::nullopt;
}

Result<Config> Config::load(const ConfigSources& sources) {
  Config config;
  for (const Option& option : option_table()) config.settings_[option.key] = {std::string(option.fallback), "default"};
  std::vector<fs::path> files;
  for (const fs::path& directory : sources.directories) {
    std::error_code ignored;
    std::vector<fs::path> here;
    for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored))
      if (it->path().extension() == ".yaml" || it->path().extension() == ".yml") here.push_back(it->path());
    std::sort(here.begin(), here.end());
    files.insert(files.end(), here.begin(), here.end());
  }
  if (sources.file) files.push_back(*sources.file);
  for (const fs::path& file : files)
    if (auto error = config.take_file(file)) return tl::unexpected<Error>(std::move(*error));
  for (const auto& [name, value] : sources.environment)
    if (auto error = config.take(key_of_variable(name), value, "environment " + name))
      return tl::unexpected<Error>(std::move(*error));
  for (const auto& [key, value] : sources.flags) {
    const Option* option = find_option(key);
    const std::string source = option && !option->flag.empty() ? "flag " + std::string(option->flag) : "flag";
    if (auto error = config.take(key, value, source)) return tl::unexpected<Error>(std::move(*error));
  }
  return config;
}

std::vector<std::string> Config::validate(const fs::path& file) {
  const auto leaves = read_yaml(file);
  if (!leaves) return {leaves.error().text};
  std::vector<std::string> problems;
  for (const Leaf& leaf : *leaves) {
    const std::string place = fmt::format("{}:{}", file.string(), leaf.line);
    if (const Option* option = find_option(leaf.key)) {
      if (const auto problem = check_value(*option, leaf.text))
        problems.push_back(fmt::format("{}: {}", place, *problem));
    } else {
      problems.push_back(unknown_key(leaf.key, place));
    }
  }
  return problems;
}

const Setting& Config::setting(std::string_view key) const {
  const auto found = settings_.find(key);
  TROUPE_ASSERT(found != settings_.end(), key);
  return found->second;
}

bool Config::boolean(std::string_view key) const { return parse_boolean(text(key)).value_or(false); }
std::int64_t Config::integer(std::string_view key) const { return static_cast<std::int64_t>(number(key)); }
double Config::number(std::string_view key) const { return parse_number(text(key)).value_or(0); }
std::optional<std::chrono::nanoseconds> Config::duration(std::string_view key) const {
  return parse_duration(text(key));
}
std::optional<std::uint64_t> Config::size(std::string_view key) const { return parse_size(text(key)); }

}  // namespace troupe::apps
