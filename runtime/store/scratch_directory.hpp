#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace troupe {

/// A directory of one process for files that nobody needs after it: `base`/`name`-<pid>-<random>, mode 0700, locked as
/// long as it is in use. What processes that died left in `base` is removed first. Owned by whoever opened it; the
/// destructor removes it with all that is in it.
class ScratchDirectory {
public:
  /// `base` is made if it is not there; empty: troupe-<user id> in $TMPDIR or /tmp. Refuses one that belongs to
  /// another user, or that others may write to.
  static Result<ScratchDirectory> open(std::filesystem::path base, std::string_view name);
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&& other) noexcept;
  ~ScratchDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Open, for openat; -1 if moved from.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Its files lie in memory, so that writing them saves none.
  [[nodiscard]] bool in_memory() const;

private:
  ScratchDirectory(std::filesystem::path path, int descriptor, int lock)
      : path_(std::move(path)), descriptor_(descriptor), lock_(lock) {}

  std::filesystem::path path_;
  int descriptor_{-1};
  int lock_{-1};
};

}  // namespace troupe
