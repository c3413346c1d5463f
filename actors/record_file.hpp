#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/codec.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

/// Files of records, written as things happen: what the event logs of schedulers and workers have in common. The format
/// is this machine's own (byte order, and messages as they go over the wire). Always true: what is in such a file is a
/// beginning of what happened; its last record may be incomplete after a crash.
namespace troupe {

/// FNV-1a over numbers.
struct Digest {
  std::uint64_t value{0xcbf29ce484222325ULL};
  void add(std::uint64_t number) { value = (value ^ number) * 0x100000001b3ULL; }
};

struct FileRecord {
  std::uint32_t kind{};
  Instant now;
  std::uint64_t number{};
  Bytes payload;
};

class RecordWriter {
public:
  /// Makes the file anew, with `begin` in it. Fails if it cannot be written. Beyond `most_bytes` nothing more is
  /// recorded.
  static Result<RecordWriter> create(const std::filesystem::path& path, std::string_view begin,
                                     std::uint64_t most_bytes);

  /// An error is told once: from then on nothing more is recorded.
  std::optional<Error> put(std::uint32_t kind, std::uint64_t number, Instant now, std::string_view payload);
  template <class Message>
  std::optional<Error> put_message(std::uint32_t kind, std::uint64_t number, Instant now, const Message& message) {
    if (!file_) return {};
    auto frame = encoder_.encode(message);
    if (!frame) return stop({ErrorKind::failed, frame.error().text});
    return put(kind, number, now, frame->payload().text());
  }
  /// What was put is in the file from here on, whatever becomes of this process.
  std::optional<Error> flush();

private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  RecordWriter(std::FILE* file, std::string name, std::uint64_t most_bytes)
      : file_(file), name_(std::move(name)), most_bytes_(most_bytes) {}
  std::optional<Error> stop(Error error);

  std::unique_ptr<std::FILE, Close> file_;  ///< null once it has stopped
  std::string name_;
  std::uint64_t most_bytes_;
  std::uint64_t written_{};
  FrameEncoder encoder_;
};

class RecordReader {
public:
  /// Fails if there is no such file, or if it does not begin with `magic`.
  static Result<RecordReader> open(const std::filesystem::path& path, std::string_view magic);

  /// What follows the magic; false if the file ends before.
  [[nodiscard]] bool read_header(void* header, std::size_t size);
  /// The next record; none at the end. A record that is cut off is the end, too.
  Result<std::optional<FileRecord>> next();
  /// The last record makes no sense: an error with its place in the file.
  [[nodiscard]] tl::unexpected<Error> damaged(const std::string& what) const;
  /// The file ends in the middle of a record.
  [[nodiscard]] bool cut_off() const { return cut_off_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] const std::string& name() const { return name_; }

private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  RecordReader(std::FILE* file, std::string name) : file_(file), name_(std::move(name)) {}

  std::unique_ptr<std::FILE, Close> file_;
  std::string name_;
  std::uint64_t offset_{};  ///< of the last record
  std::uint64_t end_{};     ///< where it ends
  std::uint64_t records_{};
  bool cut_off_{};
};

}  // namespace troupe
