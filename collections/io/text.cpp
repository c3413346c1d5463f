#include "collections/io/text.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "collections/io/line_scanner.hpp"

namespace troupe::io {

ReadCounts& ReadCounts::operator+=(const ReadCounts& other) {
  lines += other.lines;
  bad_bytes += other.bad_bytes;
  bad_records += other.bad_records;
  bad_files += other.bad_files;
  return *this;
}

/// Lines of the scanner's pieces, decoded. Nearly all pieces of nearly all files are good UTF-8, and handed out as they
/// lie in memory; of the others each line is looked at.
class LineReader::State {
public:
  State(const TextBlock& block, const TextFormat& format) : format_(format), scanner_(block, format, counts) {}

  bool next(std::string_view& line) {
    while (!rest_.empty() || next_piece()) {
      const std::size_t end = scanner_.find_end(rest_);
      const std::string_view raw = rest_.substr(0, end);
      rest_.remove_prefix(std::min(rest_.size(), end + scanner_.delimiter_bytes()));
      line_offset_ = offset_;
      offset_ = scanner_.piece_offset() + (scanner_.piece().size() - rest_.size());
      if (clean_)
        line = raw;
      else if (!decode(raw, line))
        continue;
      if (format_.delimiter.empty() && line.ends_with('\r')) line.remove_suffix(1);
      ++counts.lines;
      return true;
    }
    return false;
  }

  bool next_text(std::string_view& text) {
    if (rest_.empty() && !next_piece()) return false;
    if (clean_) {
      text = rest_;
      offset_ += rest_.size();
      rest_ = {};
      return true;
    }
    text_.clear();
    const std::string_view end = format_.delimiter.empty() ? "\n" : std::string_view(format_.delimiter);
    while (!rest_.empty()) {
      const std::size_t at = scanner_.find_end(rest_);
      const bool ended = at < rest_.size();
      std::string_view line;
      line_offset_ = offset_;
      const bool good = decode(rest_.substr(0, at), line);
      rest_.remove_prefix(std::min(rest_.size(), at + scanner_.delimiter_bytes()));
      offset_ = scanner_.piece_offset() + (scanner_.piece().size() - rest_.size());
      if (!good) continue;
      text_ += line;
      if (ended) text_ += end;
    }
    text_.reserve(text_.size() + slack);
    text = text_;
    return true;
  }

  void reject(std::size_t at, const std::string& why) {
    if (format_.errors == Errors::skip) {
      --counts.lines;
      ++counts.bad_records;
      return;
    }
    scanner_.raise(line_offset_ + (clean_ ? at : 0), why + "; mend the line, or choose errors=skip");
  }

  ReadCounts counts;

private:
  bool next_piece() {
    if (!scanner_.next_piece()) return false;
    rest_ = scanner_.piece();
    offset_ = scanner_.piece_offset();
    const auto& encoding = scanner_.encoding();
    clean_ = encoding.is_bytes() || (encoding.is_utf8() ? is_utf8(rest_) : encoding.extends_ascii() && is_ascii(rest_));
    return true;
  }

  /// False: the line is skipped.
  bool decode(std::string_view raw, std::string_view& line) {
    const auto& encoding = scanner_.encoding();
    if (encoding.is_utf8() ? is_utf8(raw) : encoding.extends_ascii() && is_ascii(raw)) {
      line = raw;
      return true;
    }
    if (!converter_) converter_ = std::make_unique<Converter>("UTF-8", encoding.name());
    line_.clear();
    for (std::size_t at = 0; at < raw.size();) {
      const auto wrong = converter_->convert(raw.substr(at), line_);
      if (!wrong) break;
      at += wrong->at;
      if (format_.errors == Errors::strict) raise_wrong(raw, at, wrong->incomplete);
      if (format_.errors == Errors::skip) {
        ++counts.bad_records;
        return false;
      }
      const std::size_t width = wrong->incomplete ? raw.size() - at : std::min(encoding.unit(), raw.size() - at);
      counts.bad_bytes += width;
      at += width;
      if (format_.errors == Errors::replace) line_ += "\xEF\xBF\xBD";
    }
    line = line_;
    return true;
  }

  [[noreturn]] void raise_wrong(std::string_view raw, std::size_t at, bool incomplete) const {
    std::string bytes;
    for (const char c : raw.substr(at, std::max<std::size_t>(scanner_.encoding().unit(), incomplete ? 4 : 1)))
      bytes += fmt::format("{:02x}", static_cast<unsigned char>(c));
    scanner_.raise(
        line_offset_ + at,
        fmt::format("not {}: 0x{}{}; name the encoding of the file, or choose errors=replace, ignore or skip",
                    scanner_.encoding().name(), bytes, incomplete ? " and then the end of the line" : ""));
  }

  TextFormat format_;
  LineScanner scanner_;
  std::string_view rest_;  ///< of the piece
  bool clean_{};           ///< the piece is UTF-8 as it stands
  std::uint64_t offset_{};
  std::uint64_t line_offset_{};
  std::unique_ptr<Converter> converter_;
  std::string line_;
  std::string text_;
};

LineReader::LineReader(const TextBlock& block, const TextFormat& format)
    : state_(std::make_unique<State>(block, format)) {}
LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;

bool LineReader::next(std::string_view& line) { return state_->next(line); }
bool LineReader::next_text(std::string_view& text) { return state_->next_text(text); }
const ReadCounts& LineReader::counts() const { return state_->counts; }
void LineReader::reject(std::size_t at, const std::string& why) { state_->reject(at, why); }

ReadCounts read_lines(const TextBlock& block, const TextFormat& format,
                      const std::function<void(std::string_view)>& on_line) {
  LineReader reader(block, format);
  for (std::string_view line; reader.next(line);) on_line(line);
  return reader.counts();
}

std::string read_text(const TextBlock& block, const TextFormat& format, ReadCounts* counts) {
  LineReader reader(block, format);
  std::string all;
  for (std::string_view text; reader.next_text(text);) all += text;
  if (counts != nullptr) *counts += reader.counts();
  return all;
}

}  // namespace troupe::io
