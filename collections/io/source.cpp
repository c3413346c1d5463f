#include "collections/io/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "collections/io/file_error.hpp"

namespace troupe::io {
namespace {

class PlainSource final : public ByteSource {
public:
  PlainSource(const InputFile& file, std::uint64_t offset) : file_(file), offset_(offset) {}
  std::size_t read(char* into, std::size_t size) override {
    const std::size_t got = file_.read(into, size, offset_);
    offset_ += got;
    return got;
  }
  [[nodiscard]] std::uint64_t file_offset() const override { return offset_; }

private:
  const InputFile& file_;
  std::uint64_t offset_;
};

/// Frame after frame until the file ends, which it may do only between two.
class CompressedSource final : public ByteSource {
public:
  CompressedSource(const InputFile& file, Compression compression)
      : file_(file), compression_(compression), decompressor_(make_decompressor(compression)), buffer_(piece) {}

  std::size_t read(char* into, std::size_t size) override {
    for (;;) {
      if (begin_ == end_) refill();
      if (between_frames_ && !next_frame()) return 0;
      const auto step = advance(into, size);
      begin_ += step.consumed;
      text_offset_ += step.produced;
      between_frames_ = step.frame_ended;
      if (step.produced > 0) return step.produced;
      if (step.consumed > 0 || step.frame_ended) continue;
      if (begin_ == end_ && ended_) raise("the file ends before the data does: it is truncated; fetch or make it anew");
      if (begin_ != end_) raise_corrupt("structure wrong");
    }
  }
  [[nodiscard]] std::uint64_t file_offset() const override { return file_read_ - (end_ - begin_); }

private:
  static constexpr std::size_t piece = 256 * 1024;

  void refill() {
    begin_ = 0;
    end_ = ended_ ? 0 : file_.read(buffer_.data(), buffer_.size(), file_read_);
    ended_ = end_ == 0;
    file_read_ += end_;
  }

  /// False: there is none.
  bool next_frame() {
    while (frames_ > 0 && decompressor_->padded()) {
      while (begin_ < end_ && buffer_[begin_] == 0) ++begin_;
      if (begin_ < end_ || ended_) break;
      refill();
    }
    if (begin_ == end_) {
      if (frames_ == 0) raise(fmt::format("the file is empty, not {}; fetch or make it anew", name_of(compression_)));
      return false;
    }
    if (frames_++ > 0) decompressor_->restart();
    between_frames_ = false;
    return true;
  }

  Decompressor::Step advance(char* into, std::size_t size) {
    try {
      return decompressor_->step({buffer_.data() + begin_, end_ - begin_}, {into, size});
    } catch (const BadArchive& bad) {
      begin_ += bad.consumed;
      text_offset_ += bad.produced;
      raise_corrupt(bad.what());
    }
  }

  [[noreturn]] void raise_corrupt(std::string_view why) const {
    raise(fmt::format("corrupt {} data: {}; fetch or make the file anew, or name another compression",
                      name_of(compression_), why));
  }
  [[noreturn]] void raise(const std::string& text) const {
    throw FileError(file_.path(), file_offset(), text_offset_, text);
  }

  const InputFile& file_;
  Compression compression_;
  std::unique_ptr<Decompressor> decompressor_;
  std::vector<char> buffer_;
  std::size_t begin_{};
  std::size_t end_{};
  std::uint64_t file_read_{};
  std::uint64_t text_offset_{};
  std::uint64_t frames_{};
  bool between_frames_{true};
  bool ended_{};
};

}  // namespace

InputFile::InputFile(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) raise();
  stream_ = ::lseek(descriptor_, 0, SEEK_CUR) < 0;
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read(char* into, std::size_t size, std::uint64_t offset) const {
  if (stream_ && offset != position_)
    throw FileError(ErrorKind::invalid, path_, "can only be read from its beginning: make one block of it");
  for (;;) {
    const ssize_t count =
        stream_ ? ::read(descriptor_, into, size) : ::pread(descriptor_, into, size, static_cast<off_t>(offset));
    if (count >= 0) {
      position_ += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) raise();
  }
}

std::size_t InputFile::read_all(char* into, std::size_t size, std::uint64_t offset) const {
  std::size_t done = 0;
  while (done < size) {
    const std::size_t got = read(into + done, size - done, offset + done);
    if (got == 0) break;
    done += got;
  }
  return done;
}

void InputFile::raise() const { throw FileError(ErrorKind::failed, path_, std::strerror(errno)); }

std::unique_ptr<ByteSource> open_source(const InputFile& file, Compression compression, std::uint64_t offset) {
  if (compression == Compression::none) return std::make_unique<PlainSource>(file, offset);
  TROUPE_ASSERT(offset == 0, "a compressed file is read from its beginning");
  return std::make_unique<CompressedSource>(file, compression);
}

}  // namespace troupe::io
