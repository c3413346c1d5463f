#include "runtime/store/shared_frames.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace troupe {
namespace {

// A value begins on a page of its own, so that it can be mapped: Head, the buffers' sizes, the header, the buffers, each
// of these on a multiple of 64. The page before all values holds the mark.
constexpr std::uint64_t magic = 0x3130'4652'6853'7254;  // "TrShRF01"
constexpr std::uint64_t page_bytes = 4096;

struct Head {
  std::uint64_t magic;
  std::uint64_t fingerprint;
  std::uint64_t header_bytes;
  std::uint64_t buffers;
};

std::uint64_t aligned(std::uint64_t at, std::uint64_t to) { return (at + to - 1) / to * to; }

Error system_error(const char* what) {
  return {ErrorKind::failed, fmt::format("memory shared between processes: {}: {}", what, std::strerror(errno))};
}

std::optional<Error> write_at(int fd, const void* data, std::size_t size, std::uint64_t at) {
  const auto* from = static_cast<const std::byte*>(data);
  while (size > 0) {
    const auto written = ::pwrite(fd, from, size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("pwrite");
    from += written;
    at += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

Result<std::uint64_t> size_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return tl::unexpected(system_error("fstat"));
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Result<SharedFrames> SharedFrames::create() {
  const int fd = ::memfd_create("troupe-values", MFD_CLOEXEC);
  if (fd < 0) return tl::unexpected(system_error("memfd_create"));
  SharedFrames made(fd);
  if (::ftruncate(fd, page_bytes) != 0) return tl::unexpected(system_error("ftruncate"));
  return made;
}

Result<SharedFrames> SharedFrames::open(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return tl::unexpected(system_error("inherited descriptor"));
  return SharedFrames(fd);
}

SharedFrames::SharedFrames(SharedFrames&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
SharedFrames& SharedFrames::operator=(SharedFrames&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
SharedFrames::~SharedFrames() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::uint64_t> SharedFrames::append(const EncodedValue& value) {
  const auto size = size_of(fd_);
  if (!size) return size;
  const auto place = aligned(*size, page_bytes);
  std::vector<std::uint64_t> words(4);
  const Head head{magic, value.fingerprint, value.header.size(), value.buffers.size()};
  std::memcpy(words.data(), &head, sizeof head);
  for (const auto& buffer : value.buffers) words.push_back(buffer.size());
  auto at = place;
  const auto put = [&](const void* data, std::size_t bytes) {
    auto error = write_at(fd_, data, bytes, at);
    at = aligned(at + bytes, buffer_alignment);
    return error;
  };
  if (auto error = put(words.data(), words.size() * sizeof words[0])) return tl::unexpected(std::move(*error));
  if (auto error = put(value.header.data(), value.header.size())) return tl::unexpected(std::move(*error));
  for (const auto& buffer : value.buffers)
    if (auto error = put(buffer.data(), buffer.size())) return tl::unexpected(std::move(*error));
  if (::ftruncate(fd_, static_cast<off_t>(at)) != 0) return tl::unexpected(system_error("ftruncate"));
  return place;
}

Result<EncodedValue> SharedFrames::read(std::uint64_t place) const {
  const auto damaged = [] { return fail(ErrorKind::failed, "memory shared between processes: no value of ours"); };
  const auto size = size_of(fd_);
  if (!size) return tl::unexpected(size.error());
  if (place % page_bytes != 0 || place >= *size) return damaged();
  const auto bytes = *size - place;
  void* memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd_, static_cast<off_t>(place));
  if (memory == MAP_FAILED) return tl::unexpected(system_error("mmap"));
  const std::shared_ptr<const void> mapping(memory, [bytes](const void* p) { ::munmap(const_cast<void*>(p), bytes); });
  const auto* first = static_cast<const std::byte*>(memory);

  Head head{};
  if (bytes < sizeof head) return damaged();
  std::memcpy(&head, first, sizeof head);
  if (head.magic != magic || head.buffers > (bytes - sizeof head) / sizeof(std::uint64_t)) return damaged();
  std::vector<std::uint64_t> sizes(head.buffers);
  if (!sizes.empty()) std::memcpy(sizes.data(), first + sizeof head, sizes.size() * sizeof sizes[0]);
  auto at = aligned(sizeof head + sizes.size() * sizeof sizes[0], buffer_alignment);
  const auto take = [&](std::uint64_t wanted, std::span<const std::byte>& into) {
    if (at > bytes || wanted > bytes - at) return false;
    into = {first + at, static_cast<std::size_t>(wanted)};
    at = aligned(at + wanted, buffer_alignment);
    return true;
  };
  EncodedValue value;
  value.fingerprint = head.fingerprint;
  std::span<const std::byte> part;
  if (!take(head.header_bytes, part)) return damaged();
  value.header = Bytes::copy(part);
  for (const auto each : sizes) {
    if (!take(each, part)) return damaged();
    value.buffers.emplace_back(mapping, part.data(), part.size());
  }
  return value;
}

Result<void> SharedFrames::set_mark(std::uint64_t mark) {
  if (auto error = write_at(fd_, &mark, sizeof mark, 0)) return tl::unexpected(std::move(*error));
  return {};
}

Result<std::uint64_t> SharedFrames::mark() const {
  std::uint64_t mark = 0;
  if (::pread(fd_, &mark, sizeof mark, 0) != static_cast<ssize_t>(sizeof mark))
    return tl::unexpected(system_error("pread"));
  return mark;
}

}  // namespace troupe
