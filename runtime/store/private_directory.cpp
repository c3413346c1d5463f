#include "runtime/store/private_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace troupe {
namespace {

tl::unexpected<Error> failed(std::string_view what, const std::filesystem::path& path) {
  return tl::unexpected(Error{
      ErrorKind::failed, fmt::format("cannot {} the directory {}: {}", what, path.string(), std::strerror(errno))});
}

}  // namespace

Result<int> open_private_directory(const std::filesystem::path& path) {
  std::error_code ignored;  // mkdir says the same
  std::filesystem::create_directories(path.parent_path(), ignored);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make", path);
  const int opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (opened < 0) return failed("open", path);
  struct stat about {};
  if (::fstat(opened, &about) == 0 && about.st_uid == ::geteuid() && (about.st_mode & 022) == 0) return opened;
  ::close(opened);
  return fail(ErrorKind::invalid, fmt::format("{} belongs to another user, or others may write to it", path.string()));
}

Result<void> make_private_directory(const std::filesystem::path& path) {
  const auto opened = open_private_directory(path);
  if (!opened) return tl::unexpected(opened.error());
  ::close(*opened);
  return {};
}

}  // namespace troupe
