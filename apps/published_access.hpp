#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "apps/door.hpp"
#include "protocol/access.hpp"

namespace troupe::apps {

/// The access file of a running scheduler, on disk while this exists. At the end it is removed, unless another
/// scheduler has written its own there meanwhile.
class PublishedAccess {
public:
  PublishedAccess(const AccessFile& access, std::filesystem::path path) : epoch_(access.epoch), path_(std::move(path)) {
    if (const auto written = access.write(path_); !written) throw CommandError(ExitCode::failed, written.error().text);
  }
  PublishedAccess(const PublishedAccess&) = delete;
  PublishedAccess& operator=(const PublishedAccess&) = delete;
  ~PublishedAccess() {
    std::error_code ignored;
    if (const auto there = AccessFile::read(path_); there && there->epoch == epoch_)
      std::filesystem::remove(path_, ignored);
  }

private:
  Epoch epoch_;
  std::filesystem::path path_;
};

}  // namespace troupe::apps
