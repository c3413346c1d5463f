#include "apps/upload_directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/door.hpp"

namespace troupe::apps {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const fs::path& path, const char* why) {
  throw CommandError(ExitCode::usage, fmt::format("--upload-directory {}: {}", path.string(), why));
}

}  // namespace

UploadDirectory::UploadDirectory(const std::string& chosen) : path_(chosen), ours_(chosen.empty()) {
  if (ours_) {
    std::error_code none;
    const auto base = fs::temp_directory_path(none);
    std::string pattern = (base / "troupe-modules-XXXXXX").string();
    if (none || ::mkdtemp(pattern.data()) == nullptr) refuse(base, std::strerror(errno));
    path_ = pattern;
    return;
  }
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) refuse(path_, std::strerror(errno));
  if (!fs::is_directory(path_)) refuse(path_, "not a directory");
  if (::access(path_.c_str(), W_OK | X_OK) != 0) refuse(path_, std::strerror(errno));
}

UploadDirectory::~UploadDirectory() {
  std::error_code ignored;
  if (ours_) fs::remove_all(path_, ignored);
}

void UploadDirectory::load_into(FunctionRegistry& registry, Log& log) const {
  std::set<fs::path> files;  // in an order that does not depend on the file system
  for (const auto& entry : fs::directory_iterator(path_))
    if (entry.path().extension() == ".so") files.insert(entry.path());
  for (const auto& file : files) {
    if (const auto loaded = registry.load(file.string(), file.stem().string()); !loaded)
      log.write(Level::warning, "worker", "module", fmt::format("uploaded before, left out: {}", loaded.error().text));
  }
}

}  // namespace troupe::apps
