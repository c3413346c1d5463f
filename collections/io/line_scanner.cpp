#include "collections/io/line_scanner.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace troupe::io {
namespace {

constexpr std::size_t nowhere = std::string_view::npos;

std::uint64_t end_of(const TextBlock& block) {
  return block.length > TextBlock::to_the_end - block.offset ? TextBlock::to_the_end : block.offset + block.length;
}

/// The first place at or after `from` where `wanted` stands and that is, with `shift`, a multiple of `unit`.
std::size_t find_aligned(std::string_view text, std::string_view wanted, std::size_t from, std::uint64_t shift,
                         std::size_t unit) {
  for (;;) {
    if (from >= text.size()) return nowhere;
    const void* found = wanted.size() == 1
                            ? std::memchr(text.data() + from, wanted[0], text.size() - from)
                            : ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
    if (found == nullptr) return nowhere;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if ((at + shift) % unit == 0) return at;
    from = at + 1;
  }
}

}  // namespace

LineScanner::LineScanner(const TextBlock& block, const TextFormat& format, ReadCounts& counts)
    : compression_(resolved(format.compression, block.path)),
      errors_(format.errors),
      line_bytes_max_(format.line_bytes_max),
      counts_(counts),
      file_(block.path),
      encoding_(format.encoding),
      block_begin_(block.offset),
      block_end_(compression_ == Compression::none ? end_of(block) : TextBlock::to_the_end) {
  if (compression_ != Compression::none && block_begin_ > 0)
    throw FileError(ErrorKind::invalid, block.path,
                    fmt::format("a block of a {} file has to begin at its beginning", name_of(compression_)));
  make_room(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, block_end_ - block_begin_) + beyond_bytes));
  std::size_t mark = 0;
  if (block_begin_ == 0) {
    source_ = open_source(file_, compression_, 0);
    while (end_ < Encoding::mark_bytes_max && !ended_) fill();
    mark = encoding_.look_at_mark({buffer_.get(), end_});
  } else {
    std::string first(Encoding::mark_bytes_max, '\0');
    first.resize(file_.read_all(first.data(), first.size(), 0));
    mark = encoding_.look_at_mark(first);
  }
  delimiter_ = encoding_.encode_delimiter(format.delimiter.empty() ? "\n" : format.delimiter);
  begin(mark);
}

/// `origin`: where the text begins in the file.
void LineScanner::begin(std::uint64_t origin) {
  if (block_begin_ <= origin) {
    if (!source_) source_ = open_source(file_, compression_, origin);
    begin_ = scanned_ = block_begin_ == 0 ? static_cast<std::size_t>(origin) : 0;
    base_ = block_begin_ == 0 ? 0 : origin;
    return;
  }
  // A line begins where the block does if a delimiter ends there; the text is read from where it could begin.
  const std::uint64_t delimiter_at = block_begin_ - std::min<std::uint64_t>(delimiter_.size(), block_begin_ - origin);
  base_ = where_none_straddles(delimiter_at, origin);
  source_ = open_source(file_, compression_, base_);
  skipping_ = true;
}

/// The last place at or before `offset` that lies inside no occurrence of the delimiter.
std::uint64_t LineScanner::where_none_straddles(std::uint64_t offset, std::uint64_t origin) const {
  offset -= offset % encoding_.unit();
  const std::size_t reach = delimiter_.size() - 1;
  std::string around(2 * reach, '\0');
  while (reach > 0 && offset > origin) {
    const std::uint64_t from = offset - std::min<std::uint64_t>(reach, offset - origin);
    const auto before = static_cast<std::size_t>(offset - from);
    const std::string_view text(around.data(), file_.read_all(around.data(), before + reach, from));
    const std::size_t at = find_aligned(text, delimiter_, 0, from, encoding_.unit());
    if (at >= before) break;
    offset = from + at;
  }
  return offset;
}

std::size_t LineScanner::find(std::size_t from) const {
  return find_aligned({buffer_.get(), end_}, delimiter_, from, base_, encoding_.unit());
}

std::size_t LineScanner::find_end(std::string_view rest) const {
  const auto shift = static_cast<std::uint64_t>(rest.data() - piece_.data()) + piece_offset_;
  return std::min(rest.size(), find_aligned(rest, delimiter_, 0, shift, encoding_.unit()));
}

bool LineScanner::next_piece() {
  while (base_ + begin_ < block_end_) {
    if (skipping_ && skip_first()) continue;
    if (const std::size_t cut = skipping_ ? begin_ : last_cut(); cut > begin_) {
      piece_ = {buffer_.get() + begin_, cut - begin_};
      piece_offset_ = base_ + begin_;
      begin_ = cut;
      return true;
    }
    if (ended_) {
      if (begin_ == end_ || skipping_ || broken_) return false;
      piece_ = {buffer_.get() + begin_, end_ - begin_};
      piece_offset_ = base_ + begin_;
      begin_ = scanned_ = end_;
      return true;
    }
    fill();
  }
  return false;
}

/// Past the line that began before the block. False: it does not end in the buffer, and what there is of it is dropped.
bool LineScanner::skip_first() {
  for (;;) {
    const std::size_t at = find(scanned_);
    if (at == nowhere) {
      const std::size_t seen = end_ - std::min(end_, delimiter_.size() - 1);
      begin_ = scanned_ = std::max(scanned_, seen);
      return false;
    }
    begin_ = scanned_ = at + delimiter_.size();
    if (base_ + begin_ < block_begin_) continue;
    skipping_ = false;
    return true;
  }
}

/// Behind the last delimiter in the buffer, or the first behind which no line of the block begins; begin_: there is none.
std::size_t LineScanner::last_cut() {
  const std::uint64_t left = block_end_ - base_;
  const bool over = end_ >= left;  // the last line of the block may end in the buffer
  if (delimiter_.size() == 1) {
    const std::size_t from = std::max(begin_, scanned_);
    const std::size_t last = over ? std::max(from, static_cast<std::size_t>(left) - 1) : end_;
    scanned_ = end_;
    if (over)
      if (const std::size_t at = find(last); at != nowhere) return scanned_ = at + 1;
    const void* found = last > from ? ::memrchr(buffer_.get() + from, delimiter_[0], last - from) : nullptr;
    return found == nullptr ? begin_ : static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.get()) + 1;
  }
  std::size_t cut = begin_;
  for (;;) {
    const std::size_t at = find(std::max(cut, scanned_));
    if (at == nowhere) break;
    cut = scanned_ = at + delimiter_.size();
    if (cut >= left) return cut;
  }
  scanned_ = std::max(scanned_, end_ - std::min(end_, delimiter_.size() - 1));
  return cut;
}

void LineScanner::make_room(std::size_t wanted) {
  auto larger = std::make_unique_for_overwrite<char[]>(wanted + LineReader::slack);
  if (end_ > 0) std::memcpy(larger.get(), buffer_.get(), end_);
  buffer_ = std::move(larger);
  capacity_ = wanted;
}

/// Reads on behind what is not handed out yet, which is moved to the front.
void LineScanner::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    base_ += begin_;
    end_ -= begin_;
    scanned_ -= std::min(scanned_, begin_);
    begin_ = 0;
  }
  if (end_ >= line_bytes_max_)
    raise(base_,
          fmt::format("a line of more than {} bytes; name its delimiter, or raise line_bytes_max", line_bytes_max_));
  if (end_ == capacity_) make_room(2 * capacity_);
  const std::uint64_t position = base_ + end_;
  // What lies behind the block is read only to find the end of its last line.
  const std::uint64_t useful = position < block_end_ ? block_end_ - position : std::max(beyond_bytes, end_);
  try {
    const std::size_t got = source_->read(buffer_.get() + end_,
                                          static_cast<std::size_t>(std::min<std::uint64_t>(capacity_ - end_, useful)));
    ended_ = got == 0;
    end_ += got;
  } catch (const FileError& error) {
    if (errors_ != Errors::skip || !error.file_offset()) throw;
    ++counts_.bad_files;
    ended_ = broken_ = true;
  }
}

void LineScanner::raise(std::uint64_t text_offset, const std::string& text) const {
  if (compression_ == Compression::none) throw FileError(file_.path(), text_offset, std::nullopt, text);
  throw FileError(file_.path(), source_->file_offset(), text_offset, text);
}

}  // namespace troupe::io
