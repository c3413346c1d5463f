#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

/// The work of `troupe demo wordcount`, without the cluster: what a task counts, and how counts are put together.
/// A word is a run of ASCII letters, in lower case; every other byte separates.
namespace troupe::demo {

/// Words with their counts, in the order of the words. A value: it travels between processes.
/// Always true: `text` holds the words one after the other, `lengths` and `counts` have one entry a word.
struct WordCounts {
  std::uint64_t bytes{};  ///< of input that was read
  std::string text;
  std::vector<std::uint32_t> lengths;
  std::vector<std::uint64_t> counts;

  [[nodiscard]] std::size_t distinct() const { return counts.size(); }
  [[nodiscard]] std::uint64_t total() const;

  friend bool operator==(const WordCounts&, const WordCounts&) = default;
};

/// Bytes [begin, end) of a file. A word belongs to the part in which it begins.
struct FilePart {
  std::string path;
  std::uint64_t begin{};
  std::uint64_t end{};

  friend bool operator==(const FilePart&, const FilePart&) = default;
};

/// Counts words of memory. One object a task, on the task's thread.
///
/// Words of up to 16 letters, nearly all there are, are two machine words: they are hashed and compared without a
/// loop, in an open table. Longer ones go to an ordinary map.
class WordCounter {
public:
  WordCounter();

  /// Bytes that may be read, but do not count, behind those given to `add`.
  static constexpr std::size_t slack = 16;
  /// Counts the words of [data, data + size); its ends separate too. `slack` bytes behind it must be readable.
  void add(const char* data, std::size_t size);
  /// The counts so far; the counter is empty afterwards.
  [[nodiscard]] WordCounts take();

private:
  struct Slot {
    std::uint64_t low{};  ///< first 8 letters as memory has them; 0 = free
    std::uint64_t high{};
    std::uint64_t count{};
  };
  struct Entry;

  void add_word(const char* word, std::size_t length);
  void grow();
  [[nodiscard]] std::size_t slot_of(std::uint64_t low, std::uint64_t high) const;

  std::vector<Slot> slots_;
  unsigned shift_;  ///< 64 less the logarithm of the number of slots
  std::size_t used_{};
  std::unordered_map<std::string, std::uint64_t> long_words_;
};

/// Counts the words of some parts of files; each file is taken by itself.
/// Throws std::runtime_error that names the file.
WordCounts count_words(const std::vector<FilePart>& parts);

WordCounts merge_counts(const WordCounts& a, const WordCounts& b);

/// The `n` most frequent words, most frequent first, ties in the order of the words.
std::vector<std::pair<std::string, std::uint64_t>> most_frequent(const WordCounts& counts, std::size_t n);

/// Cuts files into tasks: large ones into blocks, small ones together, each task about `block_bytes`.
std::vector<std::vector<FilePart>> plan_parts(const std::vector<std::pair<std::string, std::uint64_t>>& files,
                                              std::uint64_t block_bytes);

}  // namespace troupe::demo
