#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::monitoring {

/// What promtool says of a page of metrics; its status too, if that is bad.
inline std::string promtool(const std::string& page) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("troupe_metrics_{}.txt", ::getpid());
  std::ofstream(path) << page;
  std::FILE* pipe = ::popen(fmt::format("{} check metrics < {} 2>&1", TROUPE_PROMTOOL, path.string()).c_str(), "r");
  if (pipe == nullptr) return "it cannot be started";
  std::string said;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), pipe)) said += line.data();
  const int status = ::pclose(pipe);
  std::filesystem::remove(path);
  return WEXITSTATUS(status) == 0 ? said : fmt::format("status {}: {}", WEXITSTATUS(status), said);
}

}  // namespace troupe::monitoring
