#include "runtime/store/scratch_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "runtime/store/private_directory.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = "lock";
constexpr long tmpfs_magic = 0x01021994;
constexpr long ramfs_magic = 0x858458f6;

Error error_of(std::string_view what, const fs::path& path) {
  return Error{ErrorKind::failed, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))};
}

fs::path default_base() {
  const char* temporary = std::getenv("TMPDIR");
  return fs::path(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp") /
         fmt::format("troupe-{}", ::geteuid());
}

/// As of any private directory, with what can be done about it.
Result<int> open_private(const fs::path& path) {
  auto opened = open_private_directory(path);
  if (!opened && opened.error().kind == ErrorKind::invalid)
    opened.error().text += "; name another directory with --local-directory";
  return opened;
}

/// Removes directories whose owners are gone: those that can be locked. The caller holds the lock of `base`.
void remove_stale(const fs::path& base) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base, ignored)) {
    if (!entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
    const int lock = ::open((entry.path() / lock_name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0) continue;  // not one of these
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), ignored);
    ::close(lock);
  }
}

}  // namespace

Result<ScratchDirectory> ScratchDirectory::open(fs::path base, std::string_view name) {
  if (base.empty()) base = default_base();
  auto opened = open_private(base);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  ::close(*opened);

  // One at a time: a directory that was just made is not locked yet.
  const auto base_lock_path = base / ".lock";
  const int base_lock = ::open(base_lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (base_lock < 0) return tl::unexpected(error_of("cannot make", base_lock_path));
  while (::flock(base_lock, LOCK_EX) != 0 && errno == EINTR) continue;
  remove_stale(base);
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<std::uint64_t>(base_lock);
  const auto path = base / fmt::format("{}-{}-{:016x}", name, ::getpid(), random);
  Result<ScratchDirectory> made = [&]() -> Result<ScratchDirectory> {
    if (::mkdir(path.c_str(), 0700) != 0) return tl::unexpected(error_of("cannot make the directory", path));
    auto directory = open_private(path);
    if (!directory) return tl::unexpected(std::move(directory.error()));
    ScratchDirectory scratch(path, *directory, -1);
    scratch.lock_ = ::openat(*directory, lock_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (scratch.lock_ < 0 || ::flock(scratch.lock_, LOCK_EX | LOCK_NB) != 0)
      return tl::unexpected(error_of("cannot lock the directory", path));
    return scratch;
  }();
  ::close(base_lock);
  return made;
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      lock_(std::exchange(other.lock_, -1)) {}

ScratchDirectory& ScratchDirectory::operator=(ScratchDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(lock_, other.lock_);
  return *this;
}

ScratchDirectory::~ScratchDirectory() {
  if (descriptor_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(descriptor_);
  if (lock_ >= 0) ::close(lock_);
}

bool ScratchDirectory::in_memory() const {
  struct statfs about {};
  if (::fstatfs(descriptor_, &about) != 0) return false;
  return about.f_type == tmpfs_magic || about.f_type == ramfs_magic;
}

}  // namespace troupe
