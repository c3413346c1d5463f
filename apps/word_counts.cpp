#include "apps/word_counts.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include <fcntl.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace troupe::demo {

namespace {

constexpr std::uint64_t lower_case = 0x2020202020202020ULL;
constexpr std::size_t short_word_max = 16;
constexpr unsigned first_table_bits = 13;

bool is_letter(char c) { return static_cast<unsigned char>((static_cast<unsigned char>(c) | 0x20U) - 'a') < 26; }

/// Bit i is set if data[i] is a letter; 64 bytes are read.
std::uint64_t letters_of_64(const char* data) {
#if defined(__SSE2__)
  const __m128i to_lower = _mm_set1_epi8(0x20);
  const __m128i a_to_lowest = _mm_set1_epi8(static_cast<char>(-128 - 'a'));
  const __m128i limit = _mm_set1_epi8(-128 + 26);
  std::uint64_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data) + i);
    const __m128i shifted = _mm_add_epi8(_mm_or_si128(bytes, to_lower), a_to_lowest);
    const auto part = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmplt_epi8(shifted, limit)));
    mask |= static_cast<std::uint64_t>(part) << (16 * i);
  }
  return mask;
#else
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 64; ++i) mask |= static_cast<std::uint64_t>(is_letter(data[i])) << i;
  return mask;
#endif
}

std::uint64_t load(const char* data) {
  std::uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

/// The lowest `letters` bytes set.
std::uint64_t low_bytes(std::size_t letters) {
  return letters >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * letters)) - 1;
}

/// As a number that orders like the letters do.
std::uint64_t ordered(std::uint64_t letters) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(letters) : letters;
}

/// An open file, closed at the end of its scope.
class InputFile {
public:
  explicit InputFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) raise();
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { ::close(descriptor_); }

  /// Up to `size` bytes from `offset`; 0 at the end of the file.
  std::size_t read(char* into, std::size_t size, std::uint64_t offset) const {
    for (;;) {
      const ssize_t count = ::pread(descriptor_, into, size, static_cast<off_t>(offset));
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) raise();
    }
  }

private:
  [[noreturn]] void raise() const { throw std::runtime_error(path_ + ": " + std::strerror(errno)); }

  const std::string& path_;
  int descriptor_;
};

/// Feeds a counter with parts of files in pieces that stay in the cache. A word that a piece cuts is moved to the
/// front and read on.
class PartReader {
public:
  explicit PartReader(WordCounter& counter) : counter_(counter), buffer_(piece + WordCounter::slack) {}

  /// Returns the bytes of the part that exist.
  std::uint64_t read(const FilePart& part) {
    const InputFile file(part.path);
    // One byte earlier, and then past the word found there: it began in the part before.
    std::uint64_t offset = part.begin == 0 ? 0 : part.begin - 1;
    bool skipping = part.begin != 0;
    std::size_t kept = 0;
    while (offset < part.end || kept > 0) {
      if (buffer_.size() < kept + piece + WordCounter::slack) buffer_.resize(2 * buffer_.size() + piece);
      const std::uint64_t wanted = offset < part.end ? std::min<std::uint64_t>(piece, part.end - offset) : beyond;
      const std::size_t got = file.read(buffer_.data() + kept, static_cast<std::size_t>(wanted), offset);
      if (got == 0) {
        counter_.add(buffer_.data(), kept);
        break;
      }
      kept = offset < part.end ? take_inside(kept, got, skipping) : take_beyond(kept, got);
      offset += got;
    }
    return std::min(offset, part.end) - std::min({part.begin, offset, part.end});
  }

private:
  static constexpr std::size_t piece = 128 * 1024;
  static constexpr std::size_t beyond = 256;  ///< read at a time to find the end of the last word

  /// Counts the whole words of kept + got bytes; returns how many of a cut word are kept at the front.
  std::size_t take_inside(std::size_t kept, std::size_t got, bool& skipping) {
    const std::size_t size = kept + got;
    const char* data = buffer_.data();
    std::size_t begin = 0;
    if (skipping) {
      while (begin < size && is_letter(data[begin])) ++begin;
      if (begin == size) return 0;
      skipping = false;
    }
    std::size_t end = size;
    while (end > begin && is_letter(data[end - 1])) --end;
    counter_.add(data + begin, end - begin);
    std::memmove(buffer_.data(), data + end, size - end);
    return size - end;
  }

  /// The part is over, its last word is not.
  std::size_t take_beyond(std::size_t kept, std::size_t got) {
    std::size_t end = kept;
    while (end < kept + got && is_letter(buffer_[end])) ++end;
    if (end == kept + got) return end;
    counter_.add(buffer_.data(), end);
    return 0;
  }

  WordCounter& counter_;
  std::vector<char> buffer_;
};

}  // namespace

std::uint64_t WordCounts::total() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

WordCounter::WordCounter() : slots_(std::size_t{1} << first_table_bits), shift_(64 - first_table_bits) {}

void WordCounter::add(const char* data, std::size_t size) {
  std::array<char, 64 + slack> last{};  // the bytes that do not fill a group of 64
  std::size_t start = 0;                // of the word we are in
  std::uint64_t before = 0;             // 1: the byte before this group is a letter
  for (std::size_t base = 0; base < size; base += 64) {
    const std::size_t left = size - base;
    if (left < 64) std::memcpy(last.data(), data + base, left);
    const std::uint64_t letters = letters_of_64(left < 64 ? last.data() : data + base);
    std::uint64_t edges = letters ^ (letters << 1 | before);  // where words begin and end, in turn
    bool inside = before != 0;
    while (edges != 0) {
      const std::size_t at = base + static_cast<std::size_t>(std::countr_zero(edges));
      if (inside)
        add_word(data + start, at - start);
      else
        start = at;
      inside = !inside;
      edges &= edges - 1;
    }
    before = letters >> 63;
  }
  if (before != 0) add_word(data + start, size - start);
}

std::size_t WordCounter::slot_of(std::uint64_t low, std::uint64_t high) const {
  const std::uint64_t mixed = (low ^ std::rotl(high * 0x9E3779B97F4A7C15ULL, 31)) * 0xC2B2AE3D27D4EB4FULL;
  return static_cast<std::size_t>((mixed ^ mixed << 29) >> shift_);
}

void WordCounter::add_word(const char* word, std::size_t length) {
  if (length > short_word_max) {
    std::string whole(word, length);
    for (char& c : whole) c = static_cast<char>(c | 0x20);
    ++long_words_[std::move(whole)];
    return;
  }
  const std::uint64_t low = (load(word) | lower_case) & low_bytes(length);
  const std::uint64_t high = length <= 8 ? 0 : (load(word + 8) | lower_case) & low_bytes(length - 8);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = slot_of(low, high);; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.low == low && slot.high == high) {
      ++slot.count;
      return;
    }
    if (slot.low == 0) {
      slot = {low, high, 1};
      if (++used_ * 2 > slots_.size()) grow();
      return;
    }
  }
}

void WordCounter::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  --shift_;
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.low == 0) continue;
    std::size_t i = slot_of(slot.low, slot.high);
    while (slots_[i].low != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

struct WordCounter::Entry {
  std::uint64_t first;  ///< letters 1 to 8 and 9 to 16, ordered
  std::uint64_t second;
  const std::string* whole;  ///< of a long word; null comes first: it is the beginning of the other
  std::uint64_t count;

  friend bool operator<(const Entry& a, const Entry& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.second != b.second) return a.second < b.second;
    if (a.whole == nullptr || b.whole == nullptr) return a.whole == nullptr && b.whole != nullptr;
    return *a.whole < *b.whole;
  }
};

WordCounts WordCounter::take() {
  std::vector<Entry> entries;
  entries.reserve(used_ + long_words_.size());
  for (const Slot& slot : slots_)
    if (slot.low != 0) entries.push_back({ordered(slot.low), ordered(slot.high), nullptr, slot.count});
  for (const auto& [word, count] : long_words_)
    entries.push_back({ordered(load(word.data())), ordered(load(word.data() + 8)), &word, count});
  std::sort(entries.begin(), entries.end());

  WordCounts result;
  result.lengths.reserve(entries.size());
  result.counts.reserve(entries.size());
  result.text.reserve(entries.size() * 8);
  for (const Entry& entry : entries) {
    if (entry.whole != nullptr) {
      result.text += *entry.whole;
      result.lengths.push_back(static_cast<std::uint32_t>(entry.whole->size()));
    } else {
      const std::array<std::uint64_t, 2> letters{ordered(entry.first), ordered(entry.second)};
      std::array<char, short_word_max> word;
      std::memcpy(word.data(), letters.data(), word.size());
      const std::size_t length = ::strnlen(word.data(), word.size());
      result.text.append(word.data(), length);
      result.lengths.push_back(static_cast<std::uint32_t>(length));
    }
    result.counts.push_back(entry.count);
  }
  *this = WordCounter();
  return result;
}

WordCounts count_words(const std::vector<FilePart>& parts) {
  WordCounter counter;
  PartReader reader(counter);
  std::uint64_t bytes = 0;
  for (const FilePart& part : parts) bytes += reader.read(part);
  WordCounts result = counter.take();
  result.bytes = bytes;
  return result;
}

WordCounts merge_counts(const WordCounts& a, const WordCounts& b) {
  WordCounts result;
  result.bytes = a.bytes + b.bytes;
  const std::size_t most = std::max(a.distinct(), b.distinct());
  result.text.reserve(std::max(a.text.size(), b.text.size()) * 5 / 4);
  result.lengths.reserve(most * 5 / 4);
  result.counts.reserve(most * 5 / 4);
  const auto push = [&](std::string_view word, std::uint64_t count) {
    result.text += word;
    result.lengths.push_back(static_cast<std::uint32_t>(word.size()));
    result.counts.push_back(count);
  };
  std::size_t i = 0;
  std::size_t j = 0;
  const char* left = a.text.data();
  const char* right = b.text.data();
  while (i < a.distinct() || j < b.distinct()) {
    const std::string_view x = i < a.distinct() ? std::string_view(left, a.lengths[i]) : std::string_view{};
    const std::string_view y = j < b.distinct() ? std::string_view(right, b.lengths[j]) : std::string_view{};
    const int order = x.empty() ? 1 : y.empty() ? -1 : x.compare(y);
    push(order <= 0 ? x : y, (order <= 0 ? a.counts[i] : 0) + (order >= 0 ? b.counts[j] : 0));
    if (order <= 0) left += a.lengths[i++];
    if (order >= 0) right += b.lengths[j++];
  }
  return result;
}

std::vector<std::pair<std::string, std::uint64_t>> most_frequent(const WordCounts& counts, std::size_t n) {
  std::vector<std::pair<std::uint64_t, std::string_view>> all;
  all.reserve(counts.distinct());
  const char* at = counts.text.data();
  for (std::size_t i = 0; i < counts.distinct(); at += counts.lengths[i++])
    all.emplace_back(counts.counts[i], std::string_view(at, counts.lengths[i]));
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(n, all.size()));
  std::partial_sort(all.begin(), middle, all.end(), [](const auto& x, const auto& y) {
    return std::tuple(y.first, x.second) < std::tuple(x.first, y.second);
  });
  std::vector<std::pair<std::string, std::uint64_t>> top;
  for (auto it = all.begin(); it != middle; ++it) top.emplace_back(it->second, it->first);
  return top;
}

std::vector<std::vector<FilePart>> plan_parts(const std::vector<std::pair<std::string, std::uint64_t>>& files,
                                              std::uint64_t block_bytes) {
  constexpr std::size_t files_in_a_task_max = 4096;
  std::vector<std::vector<FilePart>> tasks;
  std::vector<FilePart> together;
  std::uint64_t together_bytes = 0;
  const auto flush = [&] {
    if (!together.empty()) tasks.push_back(std::move(together));
    together.clear();
    together_bytes = 0;
  };
  for (const auto& [path, size] : files) {
    if (size > block_bytes) {
      for (std::uint64_t begin = 0; begin < size; begin += block_bytes)
        tasks.push_back({{path, begin, std::min(size, begin + block_bytes)}});
      continue;
    }
    if (together_bytes + size > block_bytes || together.size() == files_in_a_task_max) flush();
    together.push_back({path, 0, size});
    together_bytes += size;
  }
  flush();
  return tasks;
}

}  // namespace troupe::demo
