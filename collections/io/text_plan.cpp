#include <glob.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include <fmt/format.h>

#include "collections/io/text.hpp"

namespace troupe::io {
namespace {

constexpr std::uint64_t default_blocksize = std::uint64_t{64} << 20U;
constexpr std::size_t packed_files_max = 4096;

/// Nothing: there is none of that name.
std::optional<struct stat> look_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) return found;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw FileError(ErrorKind::failed, path, std::strerror(errno));
}

std::vector<std::string> matches_of(const std::string& pattern) {
  if (pattern.find("**") != std::string::npos)
    throw FileError(ErrorKind::unsupported, pattern, "`**` is not a pattern here; name the folders, as in a/*/*.txt");
  glob_t found{};
  const int code = ::glob(pattern.c_str(), GLOB_BRACE | GLOB_ERR | GLOB_NOSORT | GLOB_MARK, nullptr, &found);
  const int error = errno;
  std::vector<std::string> paths;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i)
    if (const std::string_view path = found.gl_pathv[i]; !path.ends_with('/')) paths.emplace_back(path);
  ::globfree(&found);
  if (code == GLOB_ABORTED) throw FileError(ErrorKind::failed, pattern, std::strerror(error));
  if (code == GLOB_NOSPACE) throw std::bad_alloc();
  if (paths.empty()) throw FileError(ErrorKind::invalid, pattern, "no file matches");
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct File {
  std::string path;
  std::optional<struct stat> status;  ///< if it was looked at
};

std::vector<File> find(const std::vector<std::string>& patterns) {
  std::vector<File> files;
  std::unordered_set<std::string> seen;
  for (const auto& pattern : patterns) {
    const auto found = look_at(pattern);
    if (found && S_ISDIR(found->st_mode))
      throw FileError(ErrorKind::invalid, pattern, "is a directory; name the files in it, as in its path and /*");
    if (!found && pattern.find_first_of("*?[{") == std::string::npos)
      throw FileError(ErrorKind::invalid, pattern, "no such file");
    for (auto& path : found ? std::vector{pattern} : matches_of(pattern))
      if (seen.insert(path).second) files.push_back({std::move(path), found});
  }
  if (files.empty()) throw FileError(ErrorKind::invalid, "", "no file was named");
  return files;
}

std::vector<TextBlock> blocks_of(const std::string& path, std::uint64_t size, std::uint64_t blocksize) {
  // What has no size is a pipe, or made as it is read.
  if (size == 0) return {{path, 0, TextBlock::to_the_end}};
  if (blocksize == 0) return {{path, 0, size}};
  const std::uint64_t count = (size - 1) / blocksize + 1;
  const std::uint64_t step = (size - 1) / count + 1;  // all about the same, instead of a small last one
  std::vector<TextBlock> blocks;
  for (std::uint64_t offset = 0; offset < size; offset += step)
    blocks.push_back({path, offset, std::min(step, size - offset)});
  return blocks;
}

/// Puts partitions of one small file each together.
std::vector<TextPartition> packed(std::vector<TextPartition> partitions, std::uint64_t blocksize) {
  std::vector<TextPartition> result;
  std::uint64_t together = 0;
  for (auto& partition : partitions) {
    const auto& block = partition.front();
    const bool small = block.offset == 0 && block.length < blocksize;
    if (small && together > 0 && together + block.length <= blocksize && result.back().size() < packed_files_max) {
      result.back().push_back(block);
      together += block.length;
    } else {
      together = small ? block.length : 0;
      result.push_back(std::move(partition));
    }
  }
  return result;
}

void check(const TextFormat& format, const TextCut& cut) {
  static_cast<void>(Encoding(format.encoding).encode_delimiter(format.delimiter));
  if (cut.files_per_partition > 0 && cut.blocksize.value_or(0) > 0)
    throw FileError(ErrorKind::invalid, "", "blocksize and files_per_partition exclude each other: leave one out");
  if (cut.files_per_partition > 0 && cut.pack)
    throw FileError(ErrorKind::invalid, "", "pack and files_per_partition exclude each other: leave one out");
}

}  // namespace

std::vector<std::string> find_files(const std::vector<std::string>& patterns) {
  std::vector<std::string> paths;
  for (auto& file : find(patterns)) paths.push_back(std::move(file.path));
  return paths;
}

std::vector<TextPartition> plan_text(const std::vector<std::string>& patterns, const TextFormat& format,
                                     const TextCut& cut) {
  check(format, cut);
  std::vector<TextPartition> partitions;
  std::size_t in_last = 0;
  for (const auto& [path, status] : find(patterns)) {
    const auto compression = resolved(format.compression, path);
    if (compression != Compression::none && cut.blocksize.value_or(0) > 0)
      throw FileError(
          ErrorKind::invalid, path,
          fmt::format("a {} file cannot be cut into blocks; leave blocksize out (each file is one block then) "
                      "or unpack it first",
                      name_of(compression)));
    const auto found = status ? status : look_at(path);
    if (!found) throw FileError(ErrorKind::failed, path, "no such file any more");
    const bool whole = compression != Compression::none || cut.files_per_partition > 0;
    for (auto& block : blocks_of(path, static_cast<std::uint64_t>(found->st_size),
                                 whole ? 0 : cut.blocksize.value_or(default_blocksize))) {
      if (in_last == 0 || in_last == cut.files_per_partition) {
        partitions.emplace_back();
        in_last = 0;
      }
      partitions.back().push_back(std::move(block));
      if (cut.files_per_partition > 0) ++in_last;
    }
  }
  if (cut.pack) return packed(std::move(partitions), cut.blocksize.value_or(default_blocksize));
  return partitions;
}

}  // namespace troupe::io
