#pragma once

#include <filesystem>
#include <string>

#include "apps/logging.hpp"
#include "runtime/exec/function_registry.hpp"

namespace troupe::apps {

/// Where workers keep the modules that clients upload, each under its hash: the operator's directory, which stays, or
/// one of our own, which goes with this. Owned by a command.
class UploadDirectory {
public:
  /// `chosen`: empty for one of our own. Raises if it cannot be made or written.
  explicit UploadDirectory(const std::string& chosen);
  ~UploadDirectory();
  UploadDirectory(const UploadDirectory&) = delete;
  UploadDirectory& operator=(const UploadDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Loads what was uploaded before. A file that is not what its name says is left out, and the log says so.
  void load_into(FunctionRegistry& registry, Log& log) const;

private:
  std::filesystem::path path_;
  bool ours_;
};

}  // namespace troupe::apps
