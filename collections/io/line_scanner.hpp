#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collections/io/source.hpp"
#include "collections/io/text.hpp"

namespace troupe::io {

/// Finds the lines that begin in a block, in the bytes of the file as they are: hands out pieces of whole lines.
///
/// Delimiters are taken from the left and do not overlap, as if the file had been read from its beginning; where
/// occurrences do overlap, it is looked back to where they cannot.
class LineScanner {
public:
  LineScanner(const TextBlock& block, const TextFormat& format, ReadCounts& counts);

  /// False: no line is left. The piece ends with a delimiter, or with the file; LineReader::slack bytes behind it may
  /// be read.
  bool next_piece();
  [[nodiscard]] std::string_view piece() const { return piece_; }
  [[nodiscard]] std::uint64_t piece_offset() const { return piece_offset_; }  ///< in the text
  /// Where the first line of a piece, or of what is left of it, ends.
  [[nodiscard]] std::size_t find_end(std::string_view rest) const;
  [[nodiscard]] std::size_t delimiter_bytes() const { return delimiter_.size(); }
  [[nodiscard]] const Encoding& encoding() const { return encoding_; }
  [[noreturn]] void raise(std::uint64_t text_offset, const std::string& text) const;

private:
  static constexpr std::size_t piece_bytes = 256 * 1024;
  static constexpr std::size_t beyond_bytes = 4096;  ///< read at a time to find the end of the last line

  void begin(std::uint64_t origin);
  [[nodiscard]] std::uint64_t where_none_straddles(std::uint64_t offset, std::uint64_t origin) const;
  [[nodiscard]] std::size_t find(std::size_t from) const;
  bool skip_first();
  std::size_t last_cut();
  void fill();
  void make_room(std::size_t wanted);

  const Compression compression_;
  const Errors errors_;
  const std::uint64_t line_bytes_max_;
  ReadCounts& counts_;
  InputFile file_;
  std::unique_ptr<ByteSource> source_;
  Encoding encoding_;
  std::string delimiter_;
  std::uint64_t block_begin_;
  std::uint64_t block_end_;
  std::unique_ptr<char[]> buffer_;  ///< of capacity_ and the slack
  std::size_t capacity_{};
  std::uint64_t base_{};   ///< where the buffer begins in the text
  std::size_t begin_{};    ///< of the first line not handed out
  std::size_t scanned_{};  ///< before it no delimiter ends that has not been handed out
  std::size_t end_{};      ///< of what is in the buffer
  bool skipping_{};        ///< the line that we are in began before the block
  bool ended_{};
  bool broken_{};  ///< the file ended where it should not, and that is skipped
  std::string_view piece_;
  std::uint64_t piece_offset_{};
};

}  // namespace troupe::io
