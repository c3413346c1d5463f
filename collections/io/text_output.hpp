#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collections/io/output.hpp"
#include "collections/io/text.hpp"

namespace troupe::io {

/// How lines become the bytes of a file.
struct OutputFormat {
  std::string line_end{"\n"};     ///< UTF-8
  bool last_line_end{true};       ///< behind the last line too
  std::string encoding{"utf-8"};  ///< `utf-16` and `utf-32` begin with a byte order mark, and are little-endian
  Compression compression{Compression::infer};
  Errors errors{Errors::strict};  ///< `replace` writes `?`
};

/// What became of the lines.
struct WriteCounts {
  std::uint64_t lines{};           ///< written
  std::uint64_t bad_characters{};  ///< that the encoding does not have: replaced or ignored
  std::uint64_t bad_lines{};       ///< skipped

  friend bool operator==(const WriteCounts&, const WriteCounts&) = default;
};

/// Writes the lines of one partition to one file, see OutputFile. On one thread. Throws FileError.
class LineWriter {
public:
  LineWriter(const std::string& path, const OutputFormat& format);
  ~LineWriter();
  LineWriter(LineWriter&&) noexcept;
  LineWriter& operator=(LineWriter&&) noexcept;

  void write(std::string_view line);
  /// The file is whole and gets its name. Without it nothing is left.
  WriteCounts finish();

private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::io

TROUPE_FIELDS(troupe::io::OutputFormat, line_end, last_line_end, encoding, compression, errors);
TROUPE_FIELDS(troupe::io::WriteCounts, lines, bad_characters, bad_lines);
