#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collections/io/compression.hpp"
#include "collections/io/encoding.hpp"
#include "collections/io/file_error.hpp"
#include "runtime/store/plain_type.hpp"

/// Text files, read in blocks that need not know of each other. All that is wrong is thrown as FileError.
namespace troupe::io {

/// How the bytes of a file are lines of text. Lines are handed out in UTF-8, without their ends.
struct TextFormat {
  std::string delimiter{};        ///< UTF-8; empty: "\n", and a "\r" before it is not part of the line either
  std::string encoding{"utf-8"};  ///< any that iconv knows; a byte order mark at the beginning is not part of the text
  Compression compression{Compression::infer};
  Errors errors{Errors::strict};
  std::uint64_t line_bytes_max{std::uint64_t{256} << 20U};  ///< a longer line is an error: it has to fit in memory
};

/// How files become partitions.
struct TextCut {
  /// Plain files are cut into blocks of about so many bytes; 0: a file is a block. Left out: 64 MiB for plain files, and
  /// compressed ones, which cannot be cut, are a block each; a number for compressed files is an error.
  std::optional<std::uint64_t> blocksize{};
  std::size_t files_per_partition{};  ///< whole files together; not with a blocksize; 0: one block is a partition
  bool pack{};                        ///< neighbouring files share a partition while they are no larger than a block
};

/// A stretch of a file. Its lines are those that begin in it: the one it begins inside of is not, the one it ends
/// inside of is, to its end. A compressed file is one block, whatever its length says.
struct TextBlock {
  static constexpr std::uint64_t to_the_end = std::numeric_limits<std::uint64_t>::max();
  std::string path{};
  std::uint64_t offset{};
  std::uint64_t length{to_the_end};

  friend bool operator==(const TextBlock&, const TextBlock&) = default;
};
using TextPartition = std::vector<TextBlock>;

/// The files that patterns stand for, each once: pattern by pattern as given, the files of one sorted. A pattern has `*`,
/// `?`, `[a-z]` or `{a,b}`; all else is the path of a file.
std::vector<std::string> find_files(const std::vector<std::string>& patterns);

/// Looks at the sizes of the files, not into them; checks the format.
std::vector<TextPartition> plan_text(const std::vector<std::string>& patterns, const TextFormat& format = {},
                                     const TextCut& cut = {});

/// What became of a block.
struct ReadCounts {
  std::uint64_t lines{};        ///< handed out, one by one
  std::uint64_t bad_bytes{};    ///< replaced or ignored
  std::uint64_t bad_records{};  ///< skipped: lines in a wrong encoding, malformed JSON or Avro
  std::uint64_t bad_files{};    ///< skipped from where they are broken

  ReadCounts& operator+=(const ReadCounts& other);
  friend ReadCounts operator+(ReadCounts a, const ReadCounts& b) { return a += b; }
  friend bool operator==(const ReadCounts&, const ReadCounts&) = default;
};

/// The lines of one block, one after the other, in memory for one piece of 256 KiB or one line, whichever is larger.
/// On one thread.
class LineReader {
public:
  LineReader(const TextBlock& block, const TextFormat& format);
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;

  /// False: there is no other. The line lies in memory until the next call.
  bool next(std::string_view& line);
  /// In place of `next`: many whole lines at once, with their ends as they are in the file. `slack` more bytes behind
  /// them may be read.
  bool next_text(std::string_view& text);
  static constexpr std::size_t slack = 64;

  [[nodiscard]] const ReadCounts& counts() const;
  /// The line read last cannot be used, from its byte `at` on: throws, or counts it, as the format's `errors` has it.
  void reject(std::size_t at, const std::string& why);

private:
  class State;
  std::unique_ptr<State> state_;
};

ReadCounts read_lines(const TextBlock& block, const TextFormat& format,
                      const std::function<void(std::string_view)>& on_line);
/// All of a block at once, with line ends.
std::string read_text(const TextBlock& block, const TextFormat& format = {}, ReadCounts* counts = nullptr);

}  // namespace troupe::io

TROUPE_FIELDS(troupe::io::TextFormat, delimiter, encoding, compression, errors, line_bytes_max);
TROUPE_FIELDS(troupe::io::TextBlock, path, offset, length);
TROUPE_FIELDS(troupe::io::ReadCounts, lines, bad_bytes, bad_records, bad_files);
