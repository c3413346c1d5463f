#include "collections/io/text_output.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace troupe::io {
namespace {

/// The bytes of the character, or of what is none, that begins at `at`.
std::size_t width_at(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) ++end;
  return end - at;
}

}  // namespace

class LineWriter::State {
public:
  State(const std::string& path, const OutputFormat& format)
      : format_(format), encoding_(format.encoding), file_(path, format.compression) {
    const bool with_mark = encoding_.unit() > 1 && encoding_.name().size() == 6;
    encoding_.look_at_mark({});
    if (!encoding_.is_utf8() && !encoding_.is_bytes()) converter_.emplace(encoding_.name(), "UTF-8");
    if (with_mark) write_bytes("\xEF\xBB\xBF");
    if (!is_utf8(format_.line_end)) throw FileError(ErrorKind::invalid, path, "the line end is not UTF-8");
    end_ = encoding_.encode_delimiter(format_.line_end);
  }

  void write(std::string_view line) {
    bytes_.clear();
    if (!encode(line)) return;
    if (counts_.lines++ > 0) file_.write(end_);
    file_.write(bytes_);
  }

  WriteCounts finish() {
    if (format_.last_line_end && counts_.lines > 0) file_.write(end_);
    file_.finish();
    return counts_;
  }

private:
  void write_bytes(std::string_view utf8) {
    bytes_.clear();
    encode(utf8);
    file_.write(bytes_);
  }

  /// Appends to bytes_. False: the line is skipped.
  bool encode(std::string_view line) {
    if (encoding_.is_bytes() || (encoding_.is_utf8() ? is_utf8(line) : encoding_.extends_ascii() && is_ascii(line))) {
      bytes_ += line;
      return true;
    }
    if (!converter_) converter_.emplace("UTF-8", "UTF-8");
    for (std::size_t at = 0; at < line.size();) {
      const auto wrong = converter_->convert(line.substr(at), bytes_);
      if (!wrong) break;
      at += wrong->at;
      const std::size_t width = width_at(line, at);
      if (format_.errors == Errors::strict) raise_wrong(line.substr(at, width), at);
      if (format_.errors == Errors::skip) {
        ++counts_.bad_lines;
        return false;
      }
      ++counts_.bad_characters;
      if (format_.errors == Errors::replace) converter_->convert("?", bytes_);
      at += width;
    }
    return true;
  }

  [[noreturn]] void raise_wrong(std::string_view character, std::size_t at) const {
    const auto what = is_utf8(character)
                          ? fmt::format("'{}' is not in {}; write another encoding", character, encoding_.name())
                          : std::string("not UTF-8, as lines in memory have to be; mend it");
    throw FileError(ErrorKind::invalid, file_.path(),
                    fmt::format("line {}, byte {}: {}, or choose errors=replace, ignore or skip",
                                counts_.lines + counts_.bad_lines + 1, at, what));
  }

  OutputFormat format_;
  Encoding encoding_;
  OutputFile file_;
  std::optional<Converter> converter_;
  std::string end_;
  std::string bytes_;
  WriteCounts counts_;
};

LineWriter::LineWriter(const std::string& path, const OutputFormat& format)
    : state_(std::make_unique<State>(path, format)) {}
LineWriter::~LineWriter() = default;
LineWriter::LineWriter(LineWriter&&) noexcept = default;
LineWriter& LineWriter::operator=(LineWriter&&) noexcept = default;
void LineWriter::write(std::string_view line) { state_->write(line); }
WriteCounts LineWriter::finish() { return state_->finish(); }

}  // namespace troupe::io
