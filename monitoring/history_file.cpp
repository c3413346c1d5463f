#include "monitoring/history_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include "runtime/store/private_directory.hpp"

namespace troupe::monitoring {

namespace fs = std::filesystem;

namespace {

/// As it lies in the file, little-endian: kind, whether packed, two spare bytes, size in the file, size unpacked,
/// checksum of all this and the bytes.
struct Head {
  std::uint8_t kind{};
  std::uint8_t packed{};
  std::uint16_t spare{};
  std::uint32_t stored{};
  std::uint32_t size{};
  std::uint32_t checksum{};
};
static_assert(sizeof(Head) == 16);
static_assert(std::endian::native == std::endian::little, "heads are written as they lie in memory");

constexpr std::uint32_t record_bytes_max = 64U << 20;
constexpr std::size_t worth_packing = 512;
constexpr unsigned segments = 8;  ///< that a full history has

std::uint32_t checksum_of(Head head, std::string_view bytes) {
  head.checksum = 0;
  uLong sum = ::crc32(0, reinterpret_cast<const Bytef*>(&head), sizeof head);
  sum = ::crc32(sum, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  return static_cast<std::uint32_t>(sum);
}

/// Runs are told by differences, which leaves little to pack for what it costs.
std::string record(HistoryKind kind, std::string_view bytes) {
  Head head;
  head.kind = static_cast<std::uint8_t>(kind);
  head.size = static_cast<std::uint32_t>(bytes.size());
  std::string stored;
  if (bytes.size() >= worth_packing && kind != HistoryKind::runs) {
    uLongf size = ::compressBound(static_cast<uLong>(bytes.size()));
    stored.resize(size);
    if (::compress2(reinterpret_cast<Bytef*>(stored.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                    static_cast<uLong>(bytes.size()), 1) == Z_OK &&
        size < bytes.size()) {
      stored.resize(size);
      head.packed = 1;
    }
  }
  if (head.packed == 0) stored = bytes;
  head.stored = static_cast<std::uint32_t>(stored.size());
  head.checksum = checksum_of(head, stored);
  std::string out(reinterpret_cast<const char*>(&head), sizeof head);
  return out += stored;
}

Result<void> failed(const fs::path& path) {
  return tl::unexpected(Error{ErrorKind::failed, fmt::format("{}: {}", path.string(), std::strerror(errno))});
}

Result<void> write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::vector<fs::path> segments_of(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.size() == 13 && name.ends_with(".troupe") &&
        std::all_of(name.begin(), name.begin() + 6, [](char c) { return c >= '0' && c <= '9'; }))
      found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

tl::unexpected<Error> damaged(const fs::path& path, std::size_t at, std::string_view what) {
  return tl::unexpected(Error{ErrorKind::invalid, fmt::format("{}, byte {}: {}", path.string(), at, what)});
}

/// Of a file that does not begin with `history_magic`.
tl::unexpected<Error> not_ours(const fs::path& path, std::string_view text) {
  constexpr std::string_view word = history_magic.substr(0, history_magic.rfind(' ') + 1);
  unsigned version = 0;
  unsigned ours = 0;
  std::from_chars(history_magic.data() + word.size(), history_magic.data() + history_magic.size(), ours);
  if (!text.starts_with(word) ||
      std::from_chars(text.data() + word.size(), text.data() + text.size(), version).ec != std::errc{} ||
      version >= ours)
    return damaged(path, 0, "this is no history that this version of Troupe reads");
  return tl::unexpected(
      Error{ErrorKind::unsupported, fmt::format("{}: this history is of an older version of Troupe", path.string())});
}

/// Records of one file. With `may_be_torn` it may end anywhere.
Result<HistoryRead> read_file(const fs::path& path, bool may_be_torn, std::size_t most,
                              const std::function<bool(HistoryKind, std::string_view)>& take) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return tl::unexpected(Error{ErrorKind::failed, fmt::format("{}: {}", path.string(), std::strerror(errno))});
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  HistoryRead read{text.size(), 0};
  const auto torn = [&](std::size_t at) -> Result<HistoryRead> {
    if (!may_be_torn) return damaged(path, at, "the file ends in the middle of a record");
    read.torn_bytes = text.size() - at;
    return read;
  };
  if (!text.starts_with(history_magic)) {
    if (may_be_torn && history_magic.starts_with(text)) return torn(0);
    return not_ours(path, text);
  }
  std::string unpacked;
  for (std::size_t at = history_magic.size(); at < text.size() && most > 0; --most) {
    Head head;
    if (text.size() - at < sizeof head) return torn(at);
    std::memcpy(&head, text.data() + at, sizeof head);
    if (head.stored > record_bytes_max || head.size > record_bytes_max || head.packed > 1 || head.spare != 0)
      return damaged(path, at, "there is no record here");
    if (text.size() - at - sizeof head < head.stored) return torn(at);
    std::string_view bytes(text.data() + at + sizeof head, head.stored);
    if (checksum_of(head, bytes) != head.checksum) return damaged(path, at, "the checksum of this record is wrong");
    if (head.packed == 1) {
      unpacked.resize(head.size);
      uLongf size = head.size;
      if (::uncompress(reinterpret_cast<Bytef*>(unpacked.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                       static_cast<uLong>(bytes.size())) != Z_OK ||
          size != head.size)
        return damaged(path, at, "this record cannot be unpacked");
      bytes = unpacked;
    }
    if (!take(static_cast<HistoryKind>(head.kind), bytes))
      return damaged(path, at, fmt::format("a record of kind {} is not as it must be", head.kind));
    at += sizeof head + head.stored;
  }
  return read;
}

}  // namespace

Result<HistoryFiles> HistoryFiles::create(const fs::path& directory, std::uint64_t bytes_max) {
  // Keys and error texts are nobody else's.
  if (auto made = make_private_directory(directory); !made) return tl::unexpected(made.error());
  const fs::path path = directory / "lock";
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock < 0) return tl::unexpected(failed(path).error());
  HistoryFiles files(directory, bytes_max, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) return tl::unexpected(failed(path).error());
  return files;
}

HistoryFiles::HistoryFiles(HistoryFiles&& other) noexcept
    : directory_(std::move(other.directory_)),
      bytes_max_(other.bytes_max_),
      lock_(std::exchange(other.lock_, -1)),
      file_(std::exchange(other.file_, -1)),
      first_(other.first_),
      number_(other.number_),
      segment_bytes_(other.segment_bytes_),
      state_bytes_(other.state_bytes_) {}

HistoryFiles::~HistoryFiles() {
  if (file_ >= 0) ::close(file_);
  if (lock_ >= 0) ::close(lock_);
}

fs::path HistoryFiles::segment(std::uint64_t number) const { return directory_ / fmt::format("{:06}.troupe", number); }

Result<void> HistoryFiles::begin_segment(std::string_view start) {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  // Together with the one that begins they stay below what is allowed, beside the state.
  const std::uint64_t kept = std::max<std::uint64_t>(1, segments - 1);
  std::error_code ignored;
  for (; number_ >= first_ + kept - 1 && number_ > 0; ++first_) fs::remove(segment(first_), ignored);
  const fs::path path = segment(++number_);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file_ < 0) return failed(path);
  const std::string head = std::string(history_magic) + record(HistoryKind::start, start);
  segment_bytes_ = head.size();
  return write_all(file_, head, path);
}

Result<void> HistoryFiles::add(HistoryKind kind, std::string_view bytes, std::string_view start) {
  if (bytes.size() > record_bytes_max) return {};
  const std::string written = record(kind, bytes);
  if (file_ < 0 || segment_bytes_ + written.size() > bytes_max_ / segments)
    if (auto begun = begin_segment(start); !begun) return begun;
  segment_bytes_ += written.size();
  return write_all(file_, written, segment(number_));
}

Result<void> HistoryFiles::replace_state(std::string_view bytes, std::string_view start) {
  if (bytes.size() > record_bytes_max || bytes.size() > bytes_max_ / segments) return {};
  const fs::path path = directory_ / "state.new";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return failed(path);
  auto written = write_all(
      file, std::string(history_magic) + record(HistoryKind::start, start) + record(HistoryKind::state, bytes), path);
  ::close(file);
  if (written && ::rename(path.c_str(), (directory_ / "state.troupe").c_str()) != 0) return failed(path);
  return written;
}

bool is_being_written(const fs::path& directory) {
  const int lock = ::open((directory / "lock").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (lock < 0) return false;
  const bool held = ::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(lock);
  return held;
}

Result<HistoryRead> read_history(const fs::path& directory,
                                 const std::function<bool(HistoryKind, std::string_view)>& take) {
  const auto files = segments_of(directory);
  if (files.empty())
    return tl::unexpected(Error{ErrorKind::invalid, fmt::format("{}: there is no history here", directory.string())});
  HistoryRead all;
  for (const fs::path& file : files) {
    auto read = read_file(file, &file == &files.back(), SIZE_MAX, take);
    if (!read) return read;
    all.bytes += read->bytes;
    all.torn_bytes += read->torn_bytes;
  }
  const fs::path state = directory / "state.troupe";
  if (!fs::exists(state)) return all;
  auto read = read_file(state, false, SIZE_MAX, take);
  if (!read) return read;
  all.bytes += read->bytes;
  return all;
}

Result<HistoryRead> read_history_start(const fs::path& directory,
                                       const std::function<bool(HistoryKind, std::string_view)>& take) {
  const auto files = segments_of(directory);
  if (files.empty())
    return tl::unexpected(Error{ErrorKind::invalid, fmt::format("{}: there is no history here", directory.string())});
  return read_file(files.front(), true, 1, take);
}

}  // namespace troupe::monitoring
