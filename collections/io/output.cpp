#include "collections/io/output.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <unordered_set>

#include <fmt/format.h>

#include "collections/io/file_error.hpp"

namespace troupe::io {

std::vector<std::string> output_paths(const std::string& pattern, std::size_t count,
                                      const std::function<std::string(std::size_t)>& name) {
  std::string whole = pattern;
  if (std::count(whole.begin(), whole.end(), '*') > 1)
    throw FileError(ErrorKind::invalid, pattern, "has more than one `*`: one stands for the partition");
  if (whole.empty()) throw FileError(ErrorKind::invalid, "", "no path to write to was named");
  std::size_t star = whole.find('*');
  if (star == std::string::npos) {
    whole += whole.ends_with('/') ? "*.part" : "/*.part";
    star = whole.find('*');
  }
  if (whole.find('/', star) != std::string::npos)
    throw FileError(ErrorKind::invalid, pattern, "`*` has to be in the name of the file, behind the last `/`");
  const std::size_t digits = fmt::formatted_size("{}", count > 0 ? count - 1 : 0);
  std::vector<std::string> paths;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string part = name ? name(i) : fmt::format("{:0{}}", i, digits);
    paths.push_back(whole.substr(0, star) + part + whole.substr(star + 1));
    if (!seen.insert(paths.back()).second)
      throw FileError(ErrorKind::invalid, paths.back(), "two partitions have this name; make the names differ");
  }
  return paths;
}

OutputFile::OutputFile(std::string path, Compression compression) : path_(std::move(path)) {
  if (path_.empty() || path_.ends_with('/')) throw FileError(ErrorKind::invalid, path_, "is not the name of a file");
  const auto kind = resolved(compression, path_);
  if (kind != Compression::none) compressor_ = make_compressor(kind);
  open();
}

void OutputFile::open() {
  const std::filesystem::path whole(path_);
  std::error_code error;
  if (whole.has_parent_path()) std::filesystem::create_directories(whole.parent_path(), error);
  if (error)
    throw FileError(ErrorKind::failed, path_,
                    fmt::format("cannot make the directory {}: {}", whole.parent_path().string(), error.message()));
  static std::atomic<std::uint64_t> made{0};
  const std::uint64_t chance = std::random_device{}();
  const auto hidden = fmt::format(".{}.{:x}-{}-{}", whole.filename().string(), chance, ::getpid(), ++made);
  auto name = (whole.parent_path() / hidden).string();
  descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) raise("cannot be written");
  written_as_ = std::move(name);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!written_as_.empty()) ::unlink(written_as_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  gathered_ += bytes;
  if (gathered_.size() >= piece) flush();
}

void OutputFile::flush() {
  if (compressor_)
    compress(gathered_, false);
  else
    put(gathered_.data(), gathered_.size());
  gathered_.clear();
}

void OutputFile::finish() {
  flush();
  if (compressor_) compress({}, true);
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0) raise("could not be written");  // where quotas and network file systems say so
  if (::rename(written_as_.c_str(), path_.c_str()) != 0) raise("cannot be given its name");
  written_as_.clear();
}

void OutputFile::compress(std::string_view bytes, bool last) {
  char packed[64 * 1024];
  for (;;) {
    const auto step = compressor_->step({bytes.data(), bytes.size()}, packed, last);
    put(packed, step.produced);
    bytes.remove_prefix(step.consumed);
    if (last ? step.ended : bytes.empty()) return;
  }
}

void OutputFile::put(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(descriptor_, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) raise("could not be written");
    data += count;
    size -= static_cast<std::size_t>(count);
    bytes_ += static_cast<std::uint64_t>(count);
  }
}

void OutputFile::raise(const std::string& act) const {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw FileError(
      full ? ErrorKind::overloaded : ErrorKind::failed, path_,
      fmt::format("{}{}: {}{}", act, bytes_ > 0 ? fmt::format(" after {} bytes", bytes_) : "", std::strerror(error),
                  full ? "; make room or write elsewhere; nothing is left of it" : ""));
}

}  // namespace troupe::io
