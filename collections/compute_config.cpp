#include "collections/compute_config.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view no_choice = "auto";  ///< leaves a number open

[[noreturn]] void refuse(const fs::path& file, const YAML::Mark& mark, const std::string& why) {
  throw InvalidRequest(fmt::format("{}:{}: {}", file.string(), mark.line + 1, why));
}

std::uint32_t number(const fs::path& file, const YAML::Node& node, std::string_view key, std::uint32_t most) {
  if (node.IsScalar() && node.Scalar() == no_choice) return 0;
  std::uint32_t value = 0;
  if (!YAML::convert<std::uint32_t>::decode(node, value) || value == 0 || value > most)
    refuse(file, node.Mark(), fmt::format("compute.{} has to be a whole number from 1 to {}, or auto", key, most));
  return value;
}

void take(const fs::path& file, const std::string& key, const YAML::Node& node, ComputeOptions& options) {
  if (key == "scheduler") {
    try {
      options.scheduler = scheduler_named(node.IsScalar() ? node.Scalar() : "");
    } catch (const InvalidRequest& error) {
      refuse(file, node.Mark(), fmt::format("compute.scheduler: {}", error.what()));
    }
  } else if (key == "threads") {
    options.threads = number(file, node, key, 4096);
  } else if (key == "ahead-max") {
    options.ahead_max = number(file, node, key, 1'000'000'000);
  } else {
    refuse(file, node.Mark(), fmt::format("no key compute.{}; there are scheduler, threads, ahead-max", key));
  }
}

void take_file(const fs::path& file, ComputeOptions& options) {
  try {
    const YAML::Node root = YAML::LoadFile(file.string());
    if (root.IsNull()) return;
    if (!root.IsMap()) refuse(file, root.Mark(), "a mapping of keys is expected");
    const YAML::Node compute = root["compute"];
    if (!compute.IsDefined() || compute.IsNull()) return;
    if (!compute.IsMap()) refuse(file, compute.Mark(), "compute: a mapping of keys is expected");
    for (const auto& each : compute) {
      auto key = each.first.as<std::string>();
      std::replace(key.begin(), key.end(), '_', '-');
      take(file, key, each.second, options);
    }
  } catch (const YAML::BadFile&) {
    throw InvalidRequest(fmt::format("{}: the file cannot be read", file.string()));
  } catch (const YAML::Exception& error) {
    refuse(file, error.mark, error.msg);
  }
}

}  // namespace

std::vector<fs::path> config_files() {
  const auto variable = [](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
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

}  // namespace troupe
