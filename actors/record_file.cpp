#include "actors/record_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

namespace troupe {
namespace {

/// Before each payload.
struct RecordHeader {
  std::uint32_t payload_bytes{};
  std::uint32_t kind{};
  std::int64_t now_ns{};
  std::uint64_t number{};
};
static_assert(std::is_trivially_copyable_v<RecordHeader> && sizeof(RecordHeader) == 24);

}  // namespace

Result<RecordWriter> RecordWriter::create(const std::filesystem::path& path, std::string_view begin,
                                          std::uint64_t most_bytes) {
  const auto error = [&] {
    return fail(ErrorKind::invalid, fmt::format("event log {}: {}", path.string(), std::strerror(errno)));
  };
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return error();
  RecordWriter writer(file, path.string(), most_bytes);
  if (std::fwrite(begin.data(), begin.size(), 1, file) != 1 || std::fflush(file) != 0) return error();
  return writer;
}

std::optional<Error> RecordWriter::stop(Error error) {
  file_.reset();
  error.text = fmt::format("event log {}: {}; nothing more is recorded", name_, error.text);
  return error;
}

std::optional<Error> RecordWriter::put(std::uint32_t kind, std::uint64_t number, Instant now,
                                       std::string_view payload) {
  if (!file_) return {};
  if (written_ + payload.size() > most_bytes_)
    return stop({ErrorKind::overloaded, fmt::format("over {} bytes", most_bytes_)});
  const RecordHeader header{static_cast<std::uint32_t>(payload.size()), kind, now.nanoseconds, number};
  written_ += sizeof header + payload.size();
  if (std::fwrite(&header, sizeof header, 1, file_.get()) == 1 &&
      (payload.empty() || std::fwrite(payload.data(), payload.size(), 1, file_.get()) == 1))
    return {};
  return stop({ErrorKind::failed, std::strerror(errno)});
}

std::optional<Error> RecordWriter::flush() {
  if (!file_ || std::fflush(file_.get()) == 0) return {};
  return stop({ErrorKind::failed, std::strerror(errno)});
}

Result<RecordReader> RecordReader::open(const std::filesystem::path& path, std::string_view magic) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return fail(ErrorKind::invalid, fmt::format("{}: {}", path.string(), std::strerror(errno)));
  RecordReader reader(file, path.string());
  std::string begin(magic.size(), '\0');
  if (!reader.read_header(begin.data(), begin.size()) || begin != magic)
    return fail(ErrorKind::invalid, fmt::format("{}: no event log of this version of troupe (they begin with \"{}\")",
                                                path.string(), magic.substr(0, magic.size() - 1)));
  return reader;
}

bool RecordReader::read_header(void* header, std::size_t size) {
  offset_ = end_ += size;
  return std::fread(header, size, 1, file_.get()) == 1;
}

tl::unexpected<Error> RecordReader::damaged(const std::string& what) const {
  return fail(ErrorKind::invalid, fmt::format("{}: record {} at byte {}: {}", name_, records_, offset_, what));
}

Result<std::optional<FileRecord>> RecordReader::next() {
  RecordHeader header;
  offset_ = end_;
  const std::size_t got = std::fread(&header, 1, sizeof header, file_.get());
  if (got < sizeof header) {
    cut_off_ = got != 0;
    return std::nullopt;
  }
  FileRecord record{header.kind, {header.now_ns}, header.number, {}};
  if (header.payload_bytes > FrameLimits::after_authentication) {
    ++records_;
    return damaged(fmt::format("{} bytes are too many", header.payload_bytes));
  }
  if (header.payload_bytes > 0) {
    std::byte* memory = nullptr;
    record.payload = Bytes::allocate(header.payload_bytes, &memory);
    if (std::fread(memory, header.payload_bytes, 1, file_.get()) != 1) {
      cut_off_ = true;
      return std::nullopt;
    }
  }
  end_ += sizeof header + header.payload_bytes;
  ++records_;
  return record;
}

}  // namespace troupe
