#include "collections/compute_config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// Sets what `key` below `compute` says.
void take(const std::string& place, std::string_view key, const std::string& text, ComputeOptions& options) {
  const auto number = [&](std::uint32_t most) -> std::uint32_t {
    if (text == "auto") return 0;
    std::uint32_t value = 0;
    const auto* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, value) != std::from_chars_result{end, {}} || value == 0 || value > most)
      throw InvalidRequest(fmt::format("{}: compute.{} is '{}'; it has to be a whole number from 1 to {}, or auto",
                                       place, key, text, most));
    return value;
  };
  if (key == "scheduler") {
    try {
      options.scheduler = scheduler_named(text);
    } catch (const InvalidRequest& error) {
      throw InvalidRequest(fmt::format("{}: compute.scheduler: {}", place, error.what()));
    }
  } else if (key == "threads") {
    options.threads = number(4096);
  } else if (key == "ahead-max") {
    options.ahead_max = number(1'000'000'000);
  } else {
    throw InvalidRequest(fmt::format("{}: no key compute.{}; there are scheduler, threads, ahead-max", place, key));
  }
}

std::string place_in(const fs::path& file, const YAML::Mark& mark) {
  return fmt::format("{}:{}", file.string(), mark.line + 1);
}

void take_file(const fs::path& file, ComputeOptions& options) {
  const auto expect_map = [&](const YAML::Node& node) {
    if (!node.IsMap()) throw InvalidRequest(place_in(file, node.Mark()) + ": a mapping of keys is expected");
  };
  try {
    const YAML::Node root = YAML::LoadFile(file.string());
    if (root.IsNull()) return;
    expect_map(root);
    const YAML::Node compute = root["compute"];
    if (!compute.IsDefined() || compute.IsNull()) return;
    expect_map(compute);
    for (const auto& each : compute) {
      auto key = each.first.as<std::string>();
      std::replace(key.begin(), key.end(), '_', '-');
      take(place_in(file, each.second.Mark()), key, each.second.IsScalar() ? each.second.Scalar() : "", options);
    }
  } catch (const YAML::BadFile&) {
    throw InvalidRequest(file.string() + ": the file cannot be read");
  } catch (const YAML::Exception& error) {
    throw InvalidRequest(place_in(file, error.mark) + ": " + error.msg);
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::vector<fs::path> config_files() {
  std::vector<fs::path> directories{"/etc/troupe"};
  if (const auto xdg = variable("XDG_CONFIG_HOME"); !xdg.empty())
    directories.push_back(fs::path(xdg) / "troupe");
  else if (const auto home = variable("HOME"); !home.empty())
    directories.push_back(fs::path(home) / ".config" / "troupe");
  std::vector<fs::path> files;
  for (const auto& directory : directories) {
    std::vector<fs::path> here;
    std::error_code ignored;
    for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored))
      if (it->path().extension() == ".yaml" || it->path().extension() == ".yml") here.push_back(it->path());
    std::sort(here.begin(), here.end());
    files.insert(files.end(), here.begin(), here.end());
  }
  if (const auto file = variable("TROUPE_CONFIG"); !file.empty()) files.emplace_back(file);
  return files;
}

ComputeOptions compute_config(std::span<const fs::path> files) {
  ComputeOptions options;
  for (const auto& file : files) take_file(file, options);
  return options;
}

ComputeOptions compute_variables() {
  ComputeOptions options;
  for (const auto& [name, key] : {std::pair{"TROUPE__COMPUTE__SCHEDULER", "scheduler"},
                                  {"TROUPE__COMPUTE__THREADS", "threads"},
                                  {"TROUPE__COMPUTE__AHEAD_MAX", "ahead-max"}})
    if (const auto text = variable(name); !text.empty()) take(name, key, text, options);
  return options;
}

}  // namespace troupe
